// Loads artifacts; code comes in through a memory file, so nothing is written to disk.
#include "runtime/core/Module.h"
#include "runtime/core/Error.h"
#include <cerrno>
#include <cstring>
#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

namespace llcc::rt {

Module::Module(const std::string &path) : path(path) {
  // A path that is missing and one that is damaged are different mistakes.
  if (access(path.c_str(), R_OK))
    throw Error{66, path + ": cannot open: " + strerror(errno)};
  if (std::string error = artifact.open(path); !error.empty())
    throw Error{65, error};
  std::string_view bytes = artifact.section("plan");
  if (!bytes.data())
    throw Error{65, path + ": has no plan"};
  if (std::string error = parse(bytes.data(), bytes.size(), plan); !error.empty())
    throw Error{65, path + ": " + error};
  if (std::vector<std::string> violations = verify(plan); !violations.empty())
    throw Error{65, path + ": the plan is not sound: " + violations.front() +
                        (violations.size() > 1 ? " (and " + std::to_string(violations.size() - 1) + " more)" : "")};
  for (const Variable &variable : plan.variables)
    if (variable.role == Variable::Role::Param) {
      std::string_view section = artifact.section(variable.section);
      if (variable.offset > section.size() || variable.shape.bytes() > section.size() - variable.offset)
        throw Error{65, path + ": initial value of \"" + variable.name + "\" lies outside section " + variable.section};
    }
  if (plan.target.rfind("cpu", 0) == 0)
    loadCode();
}

Module::~Module() {
  if (code)
    dlclose(code);
}

void Module::loadCode() {
  std::string_view bytes = artifact.section("code.cpu");
  if (!bytes.empty()) {
    int fd = memfd_create("llcc-kernels", MFD_CLOEXEC);
    if (fd < 0)
      throw Error{74, path + ": cannot make a memory file for its code: " + strerror(errno)};
    size_t done = 0;
    while (done < bytes.size()) {
      ssize_t n = write(fd, bytes.data() + done, bytes.size() - done);
      if (n <= 0)
        break;
      done += size_t(n);
    }
    code =
        done == bytes.size() ? dlopen(("/proc/self/fd/" + std::to_string(fd)).c_str(), RTLD_NOW | RTLD_LOCAL) : nullptr;
    std::string error = code ? "" : done == bytes.size() ? dlerror() : strerror(errno);
    close(fd);
    if (!code)
      throw Error{65, path + ": cannot load its code: " + error};
  }
  for (const Program &program : plan.programs)
    for (const Instr &instr : program.instrs)
      if (instr.op == Op::Launch && !kernels.count(instr.kernel)) {
        void *symbol = code ? dlsym(code, instr.kernel.c_str()) : nullptr;
        if (!symbol)
          throw Error{65, path + ": has no code for kernel " + instr.kernel};
        kernels[instr.kernel] = reinterpret_cast<CpuKernel>(symbol);
      }
}

const char *Module::initial(const Variable &variable) const {
  return artifact.section(variable.section).data() + variable.offset;
}

int64_t Module::find(const std::string &name) const {
  for (size_t i = 0; i < plan.variables.size(); ++i)
    if (plan.variables[i].name == name)
      return int64_t(i);
  return -1;
}

} // namespace llcc::rt
