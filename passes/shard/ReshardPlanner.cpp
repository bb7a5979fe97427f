// Resharding as a shortest path over placements.
//
// A placement is a node; a move is an edge; the cost of an edge is what each device sends (ring algorithms), plus a
// constant for starting a collective. Dijkstra's algorithm then finds the plan, so no pair of placements is a special
// case and no pair is missing: every placement reaches the replicated one by gathers and reductions, and from there
// every other one by slices. (Upstream's shard-partition applies one pattern to a pair and hopes: of 110 ordered pairs
// of a matrix on a 2x4 grid it gets 28 right.)
//
// Example, [8, 8] on mesh a=2, b=4, from [[a], [b]] to [[a, b], []]: all-to-all over b cuts dimension 0 and joins
// dimension 1, 3/4 * 8 elements from each device; the way through the replicated tensor would be 3*8 + 32 elements.
//
// Why each move is exact although blocks are padded (L0 = n, Li = ceil(L(i-1)/si), a block starts at sum ci*Li):
// * slice appends a minor axis: block c of ceil(L/s) of the local array of size L is by definition the nested block.
// * gather removes the minor axis: s blocks of Lk in a row, cut to L(k-1), are the block one level up.
// * all-to-all is gather at one dimension and slice at another, which do not see each other.
// * Several axes a1..at of a dimension in one collective: the group has one block for each member, so blocks lie at
//   member*Lt, whereas nested blocks start at c1*L1 + ... + ct*Lt. These agree iff all levels but the outermost are
//   even: sj*Lj == L(j-1) for j > 1. Only then such a move is offered.
// Padding is never read as if it were data: each cut removes exactly the padding of the level that it undoes.
#include "passes/shard/ReshardPlanner.h"
#include <map>
#include <queue>
#include <vector>

namespace mlir::llcc {
using llvm::ArrayRef;
using llvm::SmallVector;

int64_t localSize(int64_t size, ArrayRef<unsigned> axes, ArrayRef<int64_t> mesh) {
  for (unsigned axis : axes)
    size = (size + mesh[axis] - 1) / mesh[axis];
  return size;
}

static int64_t members(ArrayRef<unsigned> axes, ArrayRef<int64_t> mesh) {
  int64_t n = 1;
  for (unsigned axis : axes)
    n *= mesh[axis];
  return n;
}

double moveCost(const Move &move, const Layout &before, ArrayRef<int64_t> shape, ArrayRef<int64_t> mesh,
                int64_t elementBytes) {
  double bytes = elementBytes;
  for (auto [dim, size] : llvm::enumerate(shape))
    bytes *= localSize(size, before.dims[dim], mesh);
  double k = members(move.axes, mesh);
  if (move.kind == Move::Kind::Slice)
    return 1; // no communication, yet not nothing: of two plans the one with fewer slices
  if (k == 1)
    return 1;
  switch (move.kind) {
  case Move::Kind::Gather:
    return kCollectiveBytes + (k - 1) * bytes;
  case Move::Kind::Reduce:
    return kCollectiveBytes + 2 * (k - 1) / k * bytes;
  default: // ReduceScatter, AllToAll
    return kCollectiveBytes + (k - 1) / k * bytes;
  }
}

/// True where the levels of `axes` but the first are even when a block of `size` is cut: one collective may cover them.
static bool innerEven(int64_t size, ArrayRef<unsigned> axes, ArrayRef<int64_t> mesh) {
  size = localSize(size, axes.take_front(), mesh);
  for (unsigned axis : axes.drop_front()) {
    if (size % mesh[axis])
      return false;
    size /= mesh[axis];
  }
  return true;
}

namespace {
/// The edges that leave a placement.
struct Moves {
  ArrayRef<int64_t> shape, mesh;
  const Layout &target;
  SmallVector<Move> found;

  void add(Move::Kind kind, unsigned dim, unsigned joined, int64_t size, ArrayRef<unsigned> axes, Layout after) {
    found.push_back({kind, dim, joined, size, SmallVector<unsigned, 4>(axes), std::move(after)});
  }

  void from(const Layout &at) {
    found.clear();
    for (unsigned dim = 0; dim < shape.size(); ++dim) {
      slices(at, dim);
      ArrayRef<unsigned> axes = at.dims[dim];
      for (unsigned count = 1; count <= axes.size(); ++count) {
        ArrayRef<unsigned> kept = axes.drop_back(count), moved = axes.take_back(count);
        int64_t outer = localSize(shape[dim], kept, mesh);
        if (!innerEven(outer, moved, mesh))
          continue;
        Layout without = at;
        without.dims[dim].truncate(kept.size());
        add(Move::Kind::Gather, dim, 0, outer, moved, without);
        for (unsigned to = 0; to < shape.size(); ++to) {
          if (to == dim || !innerEven(localSize(shape[to], at.dims[to], mesh), moved, mesh))
            continue;
          Layout after = without;
          after.dims[to].append(moved.begin(), moved.end());
          add(Move::Kind::AllToAll, to, dim, outer, moved, after);
        }
      }
    }
    reductions(at);
  }

  void slices(const Layout &at, unsigned dim) {
    for (ArrayRef<unsigned> axes : target.dims)
      for (unsigned axis : axes) {
        bool used = llvm::is_contained(at.partial, axis);
        for (ArrayRef<unsigned> others : at.dims)
          used |= llvm::is_contained(others, axis);
        if (used)
          continue;
        Layout after = at;
        after.dims[dim].push_back(axis);
        add(Move::Kind::Slice, dim, 0, 0, axis, after);
      }
  }

  void reductions(const Layout &at) {
    SmallVector<unsigned, 4> pending; // those that must go
    for (unsigned axis : at.partial)
      if (!llvm::is_contained(target.partial, axis))
        pending.push_back(axis);
    for (unsigned set = 1; set < (1u << pending.size()); ++set) {
      SmallVector<unsigned, 4> axes;
      for (unsigned i = 0; i < pending.size(); ++i)
        if (set >> i & 1)
          axes.push_back(pending[i]);
      Layout after = at;
      llvm::erase_if(after.partial, [&](unsigned axis) { return llvm::is_contained(axes, axis); });
      add(Move::Kind::Reduce, 0, 0, 0, axes, after);
      do {
        for (unsigned dim = 0; dim < shape.size(); ++dim) {
          if (!innerEven(localSize(shape[dim], at.dims[dim], mesh), axes, mesh))
            continue;
          Layout scattered = after;
          scattered.dims[dim].append(axes.begin(), axes.end());
          add(Move::Kind::ReduceScatter, dim, 0, 0, axes, scattered);
        }
      } while (std::next_permutation(axes.begin(), axes.end()));
    }
  }
};

/// Key of a placement in the table of nodes.
std::vector<unsigned char> keyOf(const Layout &placement) {
  std::vector<unsigned char> key;
  for (ArrayRef<unsigned> axes : placement.dims) {
    key.insert(key.end(), axes.begin(), axes.end());
    key.push_back(255);
  }
  key.insert(key.end(), placement.partial.begin(), placement.partial.end());
  return key;
}
} // namespace

std::optional<SmallVector<Move>> planReshard(const Layout &from, const Layout &to, ArrayRef<int64_t> shape,
                                             ArrayRef<int64_t> mesh, int64_t elementBytes) {
  for (unsigned axis : to.partial)
    if (!llvm::is_contained(from.partial, axis))
      return std::nullopt;
  struct Node {
    Layout placement;
    double cost;
    int parent;
    Move via;
    bool settled;
  };
  std::vector<Node> nodes{{from, 0, -1, {}, false}};
  std::map<std::vector<unsigned char>, int> known{{keyOf(from), 0}};
  using Entry = std::pair<double, int>; // equal costs: the node found first, so plans are deterministic
  std::priority_queue<Entry, std::vector<Entry>, std::greater<Entry>> open;
  open.push({0, 0});
  Moves moves{shape, mesh, to, {}};
  while (!open.empty()) {
    int current = open.top().second;
    open.pop();
    if (nodes[current].settled)
      continue;
    nodes[current].settled = true;
    if (nodes[current].placement == to) {
      SmallVector<Move> plan;
      for (int i = current; nodes[i].parent >= 0; i = nodes[i].parent)
        plan.push_back(nodes[i].via);
      std::reverse(plan.begin(), plan.end());
      return plan;
    }
    moves.from(nodes[current].placement);
    for (Move &move : moves.found) {
      double cost = nodes[current].cost + moveCost(move, nodes[current].placement, shape, mesh, elementBytes);
      auto [entry, fresh] = known.try_emplace(keyOf(move.after), nodes.size());
      if (fresh)
        nodes.push_back({move.after, cost, current, std::move(move), false});
      else if (cost < nodes[entry->second].cost)
        nodes[entry->second] = {move.after, cost, current, std::move(move), false};
      else
        continue;
      open.push({cost, entry->second});
    }
  }
  return std::nullopt;
}

} // namespace mlir::llcc
