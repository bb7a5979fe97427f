// Offsets in one arena: persistent storages first, then the rest packed by life time.
//
// Packing intervals of given size and life time into the least memory is NP-hard (dynamic storage allocation). Storages
// are placed one by one, each at the tightest gap between those that live at the same time; what matters is their
// order. Three are tried: largest first (the best of those measured by Pisarchyk and Lee, "Efficient Memory Management
// for Deep Neural Net Inference", 2020), largest area first, and in order of time. Then whoever stands highest is
// placed earlier, again and again, as long as rounds are left. The sum of what lives at the worst moment is a lower
// bound: once met, nothing more is tried.
#include "passes/lower/Instructions.h"

#include "llvm/ADT/STLExtras.h"

namespace mlir::llcc {

/// Rounds of improvement for each order, and a limit of comparisons that keeps big programs fast.
static constexpr int64_t kRounds = 24, kPlacements = 100'000'000;

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
  SmallVector<int64_t> best;
  sheet.arenaBytes = INT64_MAX;
  auto attempt = [&](ArrayRef<Storage *> order) {
    int64_t bytes = place(order, base);
    if (bytes >= sheet.arenaBytes)
      return;
    sheet.arenaBytes = bytes;
    best.clear();
    for (Storage *storage : temporary)
      best.push_back(storage->offset);
  };
  auto area = [](Storage *s) { return s->bytes * (s->end - s->begin + 1); };
  SmallVector<Storage *> bySize = temporary, byArea = temporary, byTime = temporary;
  llvm::sort(bySize, [](Storage *a, Storage *b) {
    return std::tuple(-a->bytes, a->begin, a) < std::tuple(-b->bytes, b->begin, b);
  });
  llvm::sort(byArea, [&](Storage *a, Storage *b) { return std::tuple(-area(a), a) < std::tuple(-area(b), b); });
  llvm::sort(byTime, [](Storage *a, Storage *b) {
    return std::tuple(a->begin, -a->bytes, a) < std::tuple(b->begin, -b->bytes, b);
  });
  int64_t count = temporary.size(),
          rounds = std::min<int64_t>(kRounds, kPlacements / std::max<int64_t>(1, count * count));
  for (SmallVector<Storage *> &order : {std::ref(bySize), std::ref(byArea), std::ref(byTime)})
    for (int64_t round = 0; round <= rounds && sheet.arenaBytes > bound; ++round) {
      attempt(order);
      auto endOf = [](Storage *storage) { return storage->offset + alignUp(storage->bytes); };
      int64_t top = base;
      for (Storage *storage : order)
        top = std::max(top, endOf(storage));
      SmallVector<Storage *> next;
      for (bool highest : {true, false})
        llvm::copy_if(order, std::back_inserter(next),
                      [&](Storage *storage) { return (endOf(storage) == top) == highest; });
      order = std::move(next);
    }
  for (auto [storage, offset] : llvm::zip(temporary, best))
    storage->offset = offset;
}

} // namespace mlir::llcc
