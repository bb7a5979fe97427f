// Waits between streams, from the bytes that instructions read and write.
//
// Instructions of one stream run in list order. One that touches bytes that an earlier instruction of the other stream
// wrote, or writes bytes that it read, waits for it: data (read after write) and memory reuse (write after read or
// write) alike. Of several, the last covers the others, as they are on one stream. What the vector clock knows already
// needs no wait.
#include "passes/lower/Streams.h"
#include "passes/lower/ArenaMap.h"
#include "passes/lower/Instructions.h"

namespace mlir::llcc {

namespace {
/// Who last read and wrote a byte, by stream.
struct Access {
  Clocks::Clock read = {-1, -1}, write = {-1, -1};
};
} // namespace

void insertWaits(Sheet &sheet) {
  ArenaMap<Access> accesses;
  Clocks clocks;
  for (auto [i, instruction] : llvm::enumerate(sheet.instructions)) {
    int64_t own = instruction.stream;
    clocks.begin(own);
    Clocks::Clock needed = {-1, -1};
    auto forEachByte = [&](ArrayRef<Operand> operands, auto visit) {
      for (const Operand &operand : operands) {
        const Storage &storage = sheet.storages[operand.storage];
        accesses.forEach(storage.offset, storage.offset + storage.bytes, visit);
      }
    };
    auto need = [&](const Clocks::Clock &clock) {
      for (int64_t s = 0; s < kStreams; ++s)
        if (s != own)
          needed[s] = std::max(needed[s], clock[s]);
    };
    forEachByte(instruction.ins, [&](Access &entry) { need(entry.write); });
    forEachByte(instruction.outs, [&](Access &entry) { need(entry.write), need(entry.read); });
    for (int64_t other : needed)
      if (other >= 0 && clocks.wait(other))
        instruction.waits.push_back(other);
    forEachByte(instruction.ins, [&, i = i](Access &entry) { entry.read[own] = i; });
    forEachByte(instruction.outs, [&, i = i](Access &entry) { entry.write[own] = i; });
  }
}

} // namespace mlir::llcc
