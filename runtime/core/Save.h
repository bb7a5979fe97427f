// Writes a session's weights into the user's model, or into the artifact.
#ifndef LLCC_RUNTIME_CORE_SAVE_H
#define LLCC_RUNTIME_CORE_SAVE_H

#include "runtime/core/Session.h"

namespace llcc::rt {

/// For a path that ends in .llx: the artifact with the session's weights as initial ones. Else the ONNX model with the
/// byte ranges of its parameters replaced; external data goes beside it under its names. Each file whole or not at all.
/// Throws Error.
void save(const Session &session, const std::string &path);

} // namespace llcc::rt

#endif
