// Waits between streams, from the bytes that instructions read and write.
//
// Instructions of one stream run in list order. One that touches bytes that an earlier instruction of the other stream
// wrote, or writes bytes that it read, waits for it: data (read after write) and memory reuse (write after read or
// write) alike. Of several, the last covers the others, as they are on one stream. What the vector clock knows already
// needs no wait.
#include "passes/lower/Streams.h"
#include "passes/lower/Instructions.h"

#include <map>

namespace mlir::llcc {

namespace {
/// Who last read and wrote each byte of the arena, by stream, as a map of disjoint intervals.
class Accesses {
public:
  struct Entry {
    int64_t end = 0;
    Clocks::Clock read = {-1, -1}, write = {-1, -1};
  };

  /// Calls `visit` with each entry of [begin, end), which it may change.
  template <typename Visit> void forEach(int64_t begin, int64_t end, Visit visit) {
    split(begin), split(end);
    auto it = entries.lower_bound(begin);
    for (int64_t at = begin; at < end;) {
      if (it == entries.end() || it->first > at) {
        Entry gap;
        gap.end = it == entries.end() ? end : std::min(end, it->first);
        it = entries.emplace_hint(it, at, gap);
      }
      visit(it->second);
      at = it->second.end;
      ++it;
    }
  }

private:
  void split(int64_t at) {
    auto it = entries.upper_bound(at);
    if (it == entries.begin())
      return;
    --it;
    if (it->first == at || it->second.end <= at)
      return;
    Entry tail = it->second;
    it->second.end = at;
    entries.emplace(at, tail);
  }
  std::map<int64_t, Entry> entries;
};
} // namespace

void insertWaits(Sheet &sheet) {
  Accesses accesses;
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
    forEachByte(instruction.ins, [&](Accesses::Entry &entry) { need(entry.write); });
    forEachByte(instruction.outs, [&](Accesses::Entry &entry) { need(entry.write), need(entry.read); });
    for (int64_t other : needed)
      if (other >= 0 && clocks.wait(other))
        instruction.waits.push_back(other);
    forEachByte(instruction.ins, [&, i = i](Accesses::Entry &entry) { entry.read[own] = i; });
    forEachByte(instruction.outs, [&, i = i](Accesses::Entry &entry) { entry.write[own] = i; });
  }
}

} // namespace mlir::llcc
