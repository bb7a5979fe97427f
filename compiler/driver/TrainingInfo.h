// What a model says about its own training, applied to the command line.
#ifndef LLCC_COMPILER_DRIVER_TRAININGINFO_H
#define LLCC_COMPILER_DRIVER_TRAININGINFO_H

#include "compiler/driver/CommandLine.h"
#include <functional>

namespace llcc {

/// Fills what the user did not say from the model's training_info, and runs its initialization graph. `folder` makes a
/// folder for temporary files. Returns an ExitCode; throws rt::Failure.
int takeTrainingInfo(CommandLine &line, const std::function<const std::string &()> &folder);

/// With --labels=auto and a loss of classes: looks at the data, how many numbers the label of a sample has. Files that
/// cannot be read are left to the training, which says so.
void measureLabels(CommandLine &line);

/// What writes the training into the saved model, from the artifact as it is now. Throws rt::Failure.
std::function<int()> trainingWriter(const CommandLine &line);

} // namespace llcc

#endif
