// llcc: compiles an ONNX model; `llcc train` also trains it here, `llcc run` runs it once.
#include "compiler/driver/CommandLine.h"
#include "compiler/driver/TrainingInfo.h"
#include "compiler/pipeline/ExportModel.h"
#include "compiler/pipeline/Pipeline.h"
#include "runtime/certificate/Certificate.h"
#include "runtime/data/Array.h"
#include "runtime/data/Failure.h"
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <unistd.h>

namespace {
/// A folder of its own for as long as the run, made when it is first asked for.
class TemporaryFolder {
public:
  ~TemporaryFolder() { clean(); }
  void clean() {
    std::error_code ignored;
    if (!path.empty())
      std::filesystem::remove_all(path, ignored);
  }
  /// Throws Failure.
  const std::string &get() {
    if (!path.empty())
      return path;
    const char *temporary = getenv("TMPDIR");
    path = std::string(temporary && *temporary ? temporary : "/tmp") + "/llcc-XXXXXX";
    if (!mkdtemp(path.data())) {
      std::string wanted;
      wanted.swap(path);
      throw llcc::rt::Failure{llcc::ExitCantCreate, "cannot make a temporary folder as " + wanted +
                                                        "; set TMPDIR to a folder that can be written"};
    }
    return path;
  }

private:
  std::string path;
};
} // namespace

/// `llcc train`: the artifact lives in the temporary folder.
static int train(llcc::CommandLine &line, TemporaryFolder &folder) {
  line.compile.artifact = line.train.artifact = folder.get() + "/model.llx";
  line.compile.announce = false;
  line.train.program = "llcc train";
  // The float model of --export=quantized is needed only until it is quantized; then it is the whole folder that goes.
  if (line.write.form.empty()) {
    line.train.opened = [&] { folder.clean(); };
  } else {
    llcc::rt::needWritable("--save", line.train.save); // better now than after an hour
    line.write.out = line.train.save;
    line.write.model = line.train.save = folder.get() + "/trained/model.onnx";
    std::filesystem::create_directory(folder.get() + "/trained");
    line.train.saved = [&] { return llcc::exportModel(line.write, folder.get()); };
  }
  int code = llcc::compile(line.compile);
  if (code == 0 && line.saveTraining && line.compile.stopAfter == llcc::Stage::Emit)
    line.train.saved = llcc::trainingWriter(line);
  if (code == 0 && line.compile.stopAfter == llcc::Stage::Emit)
    code = llcc::rt::train(line.train);
  return code;
}

/// What the verify passes at the borders of the stages have proven of this model, as the compiler reached its end.
static int certify(const llcc::CompileOptions &options) {
  std::vector<llcc::rt::Proof> proofs = {
      {"only known operations, static shapes, every parameter once", "llcc-verify-import"},
      {"one gradient and one update for each trainable parameter", "llcc-verify-train"}};
  proofs.insert(proofs.end(),
                {{"placement types hold after reshards are inserted and after they are planned: no axis on two loops, "
                  "each pending "
                  "reduction is resolved once",
                  "llcc-verify-placement"},
                 {"collectives over known axes in one order; sends meet receives in shape, type and order; the "
                  "schedule's table is "
                  "legal and makes no circle",
                  "llcc-split-pipeline, llcc-verify-shard"},
                 {"no tensor left, every launch fits its kernel, reads follow writes", "llcc-verify-lower"}});
  try {
    llcc::rt::writeCertificate(options.artifact, proofs);
  } catch (const llcc::rt::Failure &failure) {
    fprintf(stderr, "llcc: %s\n", failure.text.c_str());
    return failure.code;
  }
  if (options.announce)
    fprintf(stderr, "wrote %s\n", llcc::rt::certificatePath(options.artifact).c_str());
  return 0;
}

int main(int argc, char **argv) {
  using Command = llcc::CommandLine::Command;
  llcc::CommandLine line;
  int code = 0;
  if (!llcc::parseCommandLine(argc, argv, line, code))
    return code;
  const char *name = line.command == Command::Run      ? "llcc run"
                     : line.command == Command::Export ? "llcc export"
                     : line.command == Command::Train  ? "llcc train"
                                                       : "llcc";
  TemporaryFolder folder;
  try {
    switch (line.command) {
    case Command::Ops:
      return llcc::printSupport(line.support);
    case Command::Run:
      return llcc::runModel(line.run, folder.get() + "/model.llx");
    case Command::Export:
      return line.annotated.empty() ? llcc::exportModel(line.write, folder.get())
                                    : llcc::annotateModel(line.compile, line.annotated);
    default:
      break;
    }
    if ((code = llcc::takeTrainingInfo(line, [&]() -> const std::string & { return folder.get(); })))
      return code;
    if (line.command == Command::Check)
      return llcc::check({line.compile, line.json});
    if (line.command == Command::Compile) {
      code = llcc::compile(line.compile);
      return code == 0 && line.certify && line.compile.stopAfter == llcc::Stage::Emit ? certify(line.compile) : code;
    }
    llcc::measureLabels(line);
    return train(line, folder);
  } catch (const llcc::rt::Failure &failure) {
    fprintf(stderr, "%s: %s\n", name, failure.text.c_str());
    return failure.code;
  }
}
