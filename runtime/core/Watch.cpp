// What the devices of a session know of each other.
#include "runtime/core/Watch.h"

namespace llcc::rt {

std::string Watch::where(uint32_t d) const {
  std::string text = "device " + std::to_string(d);
  const Program *program = running[d];
  size_t i = progressOf(d);
  if (!program)
    return text + ", which is idle";
  if (i >= program->instrs.size())
    return text + ", which has ended its program";
  const Instr &instr = program->instrs[i];
  text += ", which is at instruction " + std::to_string(i) + " (" + nameOf(instr.op);
  if (instr.op == Op::Launch)
    text += " " + instr.kernel;
  if (!instr.node.empty())
    text += ", node \"" + instr.node + "\"";
  return text + ")";
}

void Watch::timedOut(uint32_t d, uint32_t peer) const {
  std::string self = where(d);
  size_t comma = self.find(", which is ");
  self.replace(comma, 11, " ");
  throw Error{Unavailable, self + " waited " + std::to_string(timeout.count()) + " ms for " + where(peer)};
}

} // namespace llcc::rt
