// A loaded and verified artifact.
#include "runtime/core/Module.h"
#include "runtime/core/Error.h"
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/stat.h>

namespace llcc::rt {

/// What a save reads of a parameter beside its own bytes (Plan.h): shapes that fit.
static void checkSaving(const std::string &path, const Plan &plan, const Variable &v) {
  bool fits = true;
  for (const Variable::Copy &copy : v.copies)
    fits &= !copy.transposed || v.shape.dims.size() == 2;
  if (!v.mergeLeft.empty() || !v.mergeRight.empty()) {
    const Variable *left = nullptr, *right = nullptr;
    for (const Variable &other : plan.variables) {
      left = other.name == v.mergeLeft ? &other : left;
      right = other.name == v.mergeRight ? &other : right;
    }
    fits = fits && left && right && v.shape.dims.size() == 2 && left->shape.dims.size() == 2 &&
           right->shape.dims.size() == 2 && left->shape.dims[1] == right->shape.dims[0] &&
           left->shape.dims[0] == v.shape.dims[v.mergeTransposed ? 1 : 0] &&
           right->shape.dims[1] == v.shape.dims[v.mergeTransposed ? 0 : 1] && left->shape.type == v.shape.type &&
           right->shape.type == v.shape.type && (v.shape.type == DType::F32 || v.shape.type == DType::F64);
  }
  if (!fits)
    throw Error{Data, path + ": parameter \"" + v.name + "\" is saved with others whose shapes do not fit"};
}

Module::Module(const std::string &path) : path(path) {
  struct stat info;
  if (::stat(path.c_str(), &info) != 0)
    throw Error{NoInput, path + ": cannot open: " + std::strerror(errno)};
  std::string error = artifact.open(path);
  if (!error.empty())
    throw Error{Data, error};
  std::string_view bytes = artifact.section("plan");
  if (!bytes.data())
    throw Error{Data, path + ": has no section \"plan\"; compile the model again"};
  error = parse(bytes.data(), bytes.size(), plan);
  if (!error.empty())
    throw Error{Data, path + ": " + error};
  std::vector<std::string> violations = verify(plan);
  if (!violations.empty())
    throw Error{
        Data,
        path + ": " + violations[0] +
            (violations.size() > 1 ? " (and " + std::to_string(violations.size() - 1) + " more violations)" : "")};
  for (const Variable &v : plan.variables) {
    if (v.role != Variable::Role::Param || v.section.empty())
      continue;
    std::string_view section = artifact.section(v.section);
    if (v.offset > section.size() || v.storedBytes() > section.size() - v.offset)
      throw Error{Data, path + ": parameter \"" + v.name + "\" is said to be " + std::to_string(v.storedBytes()) +
                            " bytes at " + std::to_string(v.offset) + " of section \"" + v.section + "\", which has " +
                            std::to_string(section.size()) + " bytes"};
    checkSaving(path, plan, v);
  }
  // An artifact for another kind of device can be looked at and exported; a session refuses it.
  if (!onCpu())
    return;
  checkTarget(path, plan.target);
  code.load(path, artifact.section("code.cpu"), plan.kernels);
}

size_t Module::variable(const std::string &name) const {
  for (size_t i = 0; i < plan.variables.size(); ++i)
    if (plan.variables[i].name == name)
      return i;
  throw Error{Usage, path + ": has no variable \"" + name + "\""};
}

const char *Module::initialBytes(const Variable &variable) const {
  return variable.role == Variable::Role::Param && !variable.section.empty()
             ? artifact.section(variable.section).data() + variable.offset
             : nullptr;
}

uint64_t Module::memory() const {
  uint64_t bytes = 0;
  for (const Program &program : plan.programs)
    if (!trains() || program.kind == Program::Kind::Step)
      bytes = std::max(bytes, program.arenaBytes);
  return bytes;
}

} // namespace llcc::rt
