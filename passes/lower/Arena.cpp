// Offsets in one arena: persistent storages first, then the rest packed by life time.
//
// Packing intervals of given size and life time into the least memory is NP-hard (dynamic storage allocation). Two
// greedy orders are tried, largest first (the best of those measured by Pisarchyk and Lee, "Efficient Memory Management
// for Deep Neural Net Inference", 2020) and in order of time, each storage at the tightest gap between those that live
// at the same time; the better one is kept. The sum of what lives at the worst moment is a lower bound: once met, no
// other order is tried.
#include "passes/lower/Instructions.h"

#include "llvm/ADT/STLExtras.h"

namespace mlir::llcc {

static bool overlap(const Storage &a, const Storage &b) { return a.begin <= b.end && b.begin <= a.end; }

/// Bytes that live at the worst moment.
static int64_t lowerBound(ArrayRef<Storage *> storages, int64_t count) {
  std::vector<int64_t> change(count + 2);
  for (const Storage *storage : storages) {
    change[storage->begin] += alignUp(storage->bytes);
    change[storage->end + 1] -= alignUp(storage->bytes);
  }
  int64_t live = 0, worst = 0;
  for (int64_t delta : change)
    worst = std::max(worst, live += delta);
  return worst;
}

/// Places in the given order; returns the end of the highest. `base`: where the first may start.
static int64_t place(ArrayRef<Storage *> order, int64_t base) {
  SmallVector<Storage *> placed; // by offset
  int64_t top = base;
  for (Storage *storage : order) {
    int64_t need = alignUp(storage->bytes), at = base, best = -1, bestGap = INT64_MAX;
    for (Storage *other : placed) {
      if (!overlap(*storage, *other))
        continue;
      int64_t gap = other->offset - at;
      if (gap >= need && gap < bestGap)
        best = at, bestGap = gap;
      at = std::max(at, other->offset + alignUp(other->bytes));
    }
    storage->offset = best >= 0 ? best : at;
    top = std::max(top, storage->offset + need);
    placed.insert(llvm::upper_bound(placed, storage, [](Storage *a, Storage *b) { return a->offset < b->offset; }),
                  storage);
  }
  return top;
}

void placeStorages(Sheet &sheet) {
  int64_t base = 0;
  SmallVector<Storage *> temporary;
  for (Storage &storage : sheet.storages) {
    if (storage.persistent) {
      storage.offset = base;
      base += alignUp(storage.bytes);
    } else if (storage.begin >= 0) {
      temporary.push_back(&storage);
    }
  }
  sheet.persistentBytes = base;
  int64_t bound = base + lowerBound(temporary, sheet.instructions.size());
  SmallVector<Storage *> bySize = temporary, byTime = temporary;
  llvm::sort(bySize, [](Storage *a, Storage *b) {
    return std::tuple(-a->bytes, a->begin, a) < std::tuple(-b->bytes, b->begin, b);
  });
  llvm::sort(byTime, [](Storage *a, Storage *b) {
    return std::tuple(a->begin, -a->bytes, a) < std::tuple(b->begin, -b->bytes, b);
  });
  sheet.arenaBytes = place(bySize, base);
  if (sheet.arenaBytes == bound)
    return;
  SmallVector<int64_t> offsets;
  for (Storage *storage : temporary)
    offsets.push_back(storage->offset);
  if (int64_t bytes = place(byTime, base); bytes < sheet.arenaBytes) {
    sheet.arenaBytes = bytes;
    return;
  }
  for (auto [storage, offset] : llvm::zip(temporary, offsets))
    storage->offset = offset;
}

} // namespace mlir::llcc
