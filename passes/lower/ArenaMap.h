// What is known of each byte of an arena, as disjoint intervals.
#ifndef LLCC_PASSES_LOWER_ARENAMAP_H
#define LLCC_PASSES_LOWER_ARENAMAP_H

#include <algorithm>
#include <cstdint>
#include <map>

namespace mlir::llcc {

/// Maps bytes to `Entry`; bytes never touched have Entry().
template <typename Entry> class ArenaMap {
public:
  /// Calls visit(Entry &) for each piece of [begin, end); pieces that it leaves unequal stay apart.
  template <typename Visit> void forEach(int64_t begin, int64_t end, Visit visit) {
    split(begin), split(end);
    auto it = pieces.lower_bound(begin);
    for (int64_t at = begin; at < end; ++it) {
      if (it == pieces.end() || it->first > at)
        it = pieces.emplace_hint(it, at, Piece{it == pieces.end() ? end : std::min(end, it->first), {}});
      visit(it->second.entry);
      at = it->second.end;
    }
  }

private:
  struct Piece {
    int64_t end;
    Entry entry;
  };
  void split(int64_t at) {
    auto it = pieces.upper_bound(at);
    if (it == pieces.begin())
      return;
    --it;
    if (it->first == at || it->second.end <= at)
      return;
    Piece tail = it->second;
    it->second.end = at;
    pieces.emplace(at, tail);
  }
  std::map<int64_t, Piece> pieces;
};

} // namespace mlir::llcc

#endif
