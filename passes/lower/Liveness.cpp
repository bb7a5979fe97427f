// From where to where in the list each storage holds something.
//
// Compute runs ahead of communication: bytes that a send or a collective reads are in use until compute has waited for
// it, wherever it stands in the list. If they were handed to the next kernel before, that kernel would have to wait,
// and nothing would overlap. So what communication touches stays to the point where compute waits for it for the data's
// sake.
#include "passes/lower/Instructions.h"
#include "passes/lower/Streams.h"

namespace mlir::llcc {

void computeLiveness(Sheet &sheet) {
  int64_t count = sheet.instructions.size();
  Clocks clocks;
  std::vector<Clocks::Clock> readers(sheet.storages.size(), {-1, -1}), writers(sheet.storages.size(), {-1, -1});
  for (int64_t i = 0; i < count; ++i) {
    const Instruction &instruction = sheet.instructions[i];
    int64_t own = instruction.stream, other = 1 - own;
    clocks.begin(own);
    auto touch = [&](const Operand &operand) {
      Storage &storage = sheet.storages[operand.storage];
      if (storage.begin < 0)
        storage.begin = i;
      storage.end = i;
    };
    int64_t needed = -1;
    for (const Operand &in : instruction.ins)
      touch(in), needed = std::max(needed, writers[in.storage][other]);
    for (const Operand &out : instruction.outs)
      touch(out), needed = std::max({needed, writers[out.storage][other], readers[out.storage][other]});
    if (needed >= 0)
      clocks.wait(needed);
    for (const Operand &in : instruction.ins)
      readers[in.storage][own] = i;
    for (const Operand &out : instruction.outs)
      writers[out.storage][own] = i;
  }
  // The first compute instruction that comes after communication i for certain; one pass, as both only grow.
  std::vector<int64_t> released(count, count);
  int64_t next = 0;
  for (int64_t i = 0; i < count; ++i) {
    if (clocks.streamOf(i) != 1)
      continue;
    while (next < count && (clocks.streamOf(next) != 0 || clocks[next][1] < i))
      ++next;
    released[i] = next;
  }
  for (int64_t i = 0; i < count; ++i) {
    if (clocks.streamOf(i) != 1)
      continue;
    for (ArrayRef<Operand> operands :
         {ArrayRef<Operand>(sheet.instructions[i].ins), ArrayRef<Operand>(sheet.instructions[i].outs)})
      for (const Operand &operand : operands) {
        Storage &storage = sheet.storages[operand.storage];
        storage.end = std::max(storage.end, released[i] - 1);
      }
  }
}

} // namespace mlir::llcc
