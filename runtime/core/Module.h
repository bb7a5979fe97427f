// A loaded and verified artifact; immutable, shared by sessions.
#ifndef LLCC_RUNTIME_CORE_MODULE_H
#define LLCC_RUNTIME_CORE_MODULE_H

#include "runtime/core/CodeLibrary.h"
#include "runtime/plan/Artifact.h"

namespace llcc::rt {

struct Module {
  /// Maps, checks hashes, parses, verifies, loads the kernels if they are for CPUs. Throws Error that names the file.
  explicit Module(const std::string &path);

  std::string path;
  Artifact artifact;
  Plan plan;
  CodeLibrary code;

  /// Position in plan.variables; throws Error.
  size_t variable(const std::string &name) const;
  /// Initial bytes of a parameter; nullptr for state.
  const char *initialBytes(const Variable &variable) const;
  /// Arena of the fullest device in training (in inference where the plan has no steps).
  uint64_t memory() const;
  bool onCpu() const { return plan.target.compare(0, 3, "cpu") == 0; }
  bool trains() const { return plan.stepProgram(0) != nullptr; }
};

} // namespace llcc::rt

#endif
