// Plans every ordered pair of placements of small tensors on small grids, executes the moves on all ranks on plain
// arrays whose padding is poison, and checks every element. Also: costs and move counts of well-known cases.
#include "passes/shard/ReshardPlanner.h"
#include <cmath>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

using namespace mlir::llcc;
using llvm::ArrayRef;
using llvm::SmallVector;

namespace {
const double kPoison = std::nan("");
int failures = 0;

void fail(const std::string &what) {
  if (++failures < 20)
    std::fprintf(stderr, "%s\n", what.c_str());
}

std::string show(const Layout &p) {
  std::string text = "[";
  for (const auto &axes : p.dims) {
    text += "[";
    for (unsigned axis : axes)
      text += char('a' + axis);
    text += "]";
  }
  text += "]";
  if (!p.partial.empty())
    text += " partial ";
  for (unsigned axis : p.partial)
    text += char('a' + axis);
  return text;
}

/// A rank's local array, row-major.
struct Local {
  SmallVector<int64_t> shape;
  std::vector<double> data;
  static Local filled(ArrayRef<int64_t> shape, double value) {
    int64_t n = 1;
    for (int64_t size : shape)
      n *= size;
    return {SmallVector<int64_t>(shape), std::vector<double>(n, value)};
  }
  double &at(ArrayRef<int64_t> index) {
    int64_t offset = 0;
    for (size_t i = 0; i < shape.size(); ++i)
      offset = offset * shape[i] + index[i];
    return data[offset];
  }
  void forEach(const std::function<void(ArrayRef<int64_t>)> &visit) const {
    SmallVector<int64_t> index(shape.size(), 0);
    for (size_t n = 0; n < data.size(); ++n) {
      visit(index);
      for (int i = int(shape.size()) - 1; i >= 0 && ++index[i] == shape[i]; --i)
        index[i] = 0;
    }
  }
};

struct Grid {
  SmallVector<int64_t> mesh;
  int64_t devices() const {
    int64_t n = 1;
    for (int64_t size : mesh)
      n *= size;
    return n;
  }
  SmallVector<int64_t> coordinates(int64_t device) const {
    SmallVector<int64_t> at(mesh.size());
    for (int i = int(mesh.size()) - 1; i >= 0; device /= mesh[i], --i)
      at[i] = device % mesh[i];
    return at;
  }
  int64_t device(ArrayRef<int64_t> at) const {
    int64_t n = 0;
    for (size_t i = 0; i < mesh.size(); ++i)
      n = n * mesh[i] + at[i];
    return n;
  }
  /// Devices of the group of `device`, by member number; `number` is its own.
  SmallVector<int64_t> group(int64_t device, ArrayRef<unsigned> axes, int64_t &number) const {
    SmallVector<int64_t> at = coordinates(device), devices;
    int64_t members = 1;
    for (unsigned axis : axes)
      members *= mesh[axis];
    for (int64_t m = 0; m < members; ++m) {
      int64_t rest = m;
      SmallVector<int64_t> other = at;
      for (int i = int(axes.size()) - 1; i >= 0; rest /= mesh[axes[i]], --i)
        other[axes[i]] = rest % mesh[axes[i]];
      devices.push_back(this->device(other));
      if (devices.back() == device)
        number = m;
    }
    return devices;
  }
};

using Ranks = std::vector<Local>;

/// Logical index of local index `j` of a dimension of size `n`, or -1 for padding at any level.
int64_t logicalIndex(int64_t n, ArrayRef<unsigned> axes, int64_t j, ArrayRef<int64_t> at, const Grid &grid) {
  SmallVector<int64_t> sizes{n};
  for (unsigned axis : axes)
    sizes.push_back((sizes.back() + grid.mesh[axis] - 1) / grid.mesh[axis]);
  int64_t index = j; // within the block of the level that is looked at
  for (int level = int(axes.size()); level > 0; --level) {
    if (index >= sizes[level])
      return -1;
    index += at[axes[level - 1]] * sizes[level];
  }
  return index < n ? index : -1;
}

double logicalValue(ArrayRef<int64_t> index) {
  double value = 1;
  for (int64_t i : index)
    value = value * 16 + double(i);
  return value;
}

/// Visits every element of every rank: its logical index (empty for padding).
void place(const Layout &p, ArrayRef<int64_t> shape, const Grid &grid, Ranks &ranks,
           const std::function<void(int64_t rank, double &element, ArrayRef<int64_t> logical)> &visit) {
  for (int64_t rank = 0; rank < grid.devices(); ++rank) {
    SmallVector<int64_t> at = grid.coordinates(rank);
    ranks[rank].forEach([&](ArrayRef<int64_t> index) {
      SmallVector<int64_t> logical;
      for (size_t d = 0; d < shape.size(); ++d) {
        int64_t i = logicalIndex(shape[d], p.dims[d], index[d], at, grid);
        if (i < 0)
          return visit(rank, ranks[rank].at(index), {});
        logical.push_back(i);
      }
      visit(rank, ranks[rank].at(index), logical);
    });
  }
}

SmallVector<int64_t> localShape(const Layout &p, ArrayRef<int64_t> shape, const Grid &grid) {
  SmallVector<int64_t> local;
  for (size_t d = 0; d < shape.size(); ++d)
    local.push_back(localSize(shape[d], p.dims[d], grid.mesh));
  return local;
}

/// Share of a pending sum that a rank holds: weights 1, 2, 4, … of the member number, scaled to sum to one over the
/// group.
double share(const Layout &p, int64_t rank, const Grid &grid) {
  double weight = 1;
  SmallVector<int64_t> at = grid.coordinates(rank);
  for (unsigned axis : p.partial)
    weight *= at[axis] == 0 ? 1.0 - 2.0 * double(grid.mesh[axis] - 1) : 2.0;
  return weight;
}

/// Block `number` of ceil(n/members) along dim; past the end zeros (llcc.axis_slice).
Local block(Local &x, unsigned dim, int64_t number, int64_t members) {
  SmallVector<int64_t> shape = x.shape;
  shape[dim] = (shape[dim] + members - 1) / members;
  Local y = Local::filled(shape, 0);
  y.forEach([&](ArrayRef<int64_t> index) {
    SmallVector<int64_t> from(index);
    from[dim] += number * shape[dim];
    if (from[dim] < x.shape[dim])
      y.at(index) = x.at(from);
  });
  return y;
}

/// Arrays one after the other along dim, cut to `size`.
Local join(std::vector<Local> parts, unsigned dim, int64_t size) {
  SmallVector<int64_t> shape = parts[0].shape;
  int64_t step = shape[dim];
  if (size > step * int64_t(parts.size()))
    fail("a gather gives more than it has");
  shape[dim] = size;
  Local y = Local::filled(shape, 0);
  y.forEach([&](ArrayRef<int64_t> index) {
    SmallVector<int64_t> from(index);
    from[dim] %= step;
    y.at(index) = parts[index[dim] / step].at(from);
  });
  return y;
}

/// Executes a move on all ranks, by the text of the ops in Ops.td.
Ranks execute(const Move &move, Ranks &before, const Grid &grid) {
  Ranks after(before.size());
  for (int64_t rank = 0; rank < grid.devices(); ++rank) {
    int64_t number = 0;
    SmallVector<int64_t> group = grid.group(rank, move.axes, number);
    int64_t members = group.size();
    auto sum = [&] {
      Local y = before[group[0]];
      for (int64_t m = 1; m < members; ++m)
        for (size_t i = 0; i < y.data.size(); ++i)
          y.data[i] += before[group[m]].data[i];
      return y;
    };
    std::vector<Local> parts;
    switch (move.kind) {
    case Move::Kind::Slice:
      after[rank] = block(before[rank], move.dim, number, members);
      break;
    case Move::Kind::Gather:
      for (int64_t other : group)
        parts.push_back(before[other]);
      after[rank] = join(parts, move.dim, move.size);
      break;
    case Move::Kind::Reduce:
      after[rank] = sum();
      break;
    case Move::Kind::ReduceScatter: {
      Local whole = sum();
      after[rank] = block(whole, move.dim, number, members);
      break;
    }
    case Move::Kind::AllToAll:
      for (int64_t other : group)
        parts.push_back(block(before[other], move.dim, number, members));
      after[rank] = join(parts, move.joined, move.size);
      break;
    }
  }
  return after;
}

void check(const Layout &from, const Layout &to, ArrayRef<int64_t> shape, const Grid &grid) {
  std::string name = show(from) + " -> " + show(to);
  bool reachable = llvm::all_of(to.partial, [&](unsigned axis) { return llvm::is_contained(from.partial, axis); });
  auto plan = planReshard(from, to, shape, grid.mesh, 4);
  if (!plan || !reachable) {
    if (bool(plan) != reachable)
      fail(name + ": a plan exists iff nothing new becomes partial");
    return;
  }
  Ranks ranks;
  for (int64_t rank = 0; rank < grid.devices(); ++rank)
    ranks.push_back(Local::filled(localShape(from, shape, grid), kPoison));
  place(from, shape, grid, ranks, [&](int64_t rank, double &element, ArrayRef<int64_t> logical) {
    if (!logical.empty() || shape.empty())
      element = share(from, rank, grid) * logicalValue(logical);
  });
  Layout at = from;
  for (const Move &move : *plan) {
    ranks = execute(move, ranks, grid);
    at = move.after;
    if (ranks[0].shape != localShape(at, shape, grid))
      return fail(name + ": local shape after a move is not that of " + show(at));
  }
  if (!(at == to))
    return fail(name + ": the plan ends at " + show(at));
  // what is still partial must sum up to the value; the share of each rank tells
  place(to, shape, grid, ranks, [&](int64_t rank, double &element, ArrayRef<int64_t> logical) {
    if ((!logical.empty() || shape.empty()) && element != share(to, rank, grid) * logicalValue(logical))
      fail(name + ": wrong element on rank " + std::to_string(rank));
  });
}

/// All placements of `rank` dimensions over `axes` axes.
std::vector<Layout> placements(size_t rank, unsigned axes) {
  std::vector<Layout> all{{SmallVector<SmallVector<unsigned, 4>, 4>(rank), {}}};
  for (unsigned axis = 0; axis < axes; ++axis) {
    std::vector<Layout> more;
    for (const Layout &p : all) {
      more.push_back(p);
      more.push_back(p);
      more.back().partial.push_back(axis);
      for (size_t dim = 0; dim < rank; ++dim)
        for (size_t at = 0; at <= p.dims[dim].size(); ++at) {
          more.push_back(p);
          more.back().dims[dim].insert(more.back().dims[dim].begin() + at, axis);
        }
    }
    all = more;
  }
  return all;
}

void checkAll(ArrayRef<int64_t> shape, ArrayRef<int64_t> mesh, size_t stride = 1) {
  Grid grid{SmallVector<int64_t>(mesh)};
  std::vector<Layout> all = placements(shape.size(), mesh.size());
  int before = failures;
  size_t pairs = 0, n = 0;
  for (const Layout &from : all)
    for (const Layout &to : all)
      if (n++ % stride == 0) {
        check(from, to, shape, grid);
        ++pairs;
      }
  std::printf("tensor");
  for (int64_t size : shape)
    std::printf(" %lld", (long long)size);
  std::printf(" on grid");
  for (int64_t size : mesh)
    std::printf(" %lld", (long long)size);
  std::printf(": %zu placements, %zu pairs, %d wrong\n", all.size(), pairs, failures - before);
}

/// Prints the plan of one pair, for FileCheck.
void showPlan(const char *title, const Layout &from, const Layout &to, ArrayRef<int64_t> shape,
              ArrayRef<int64_t> mesh) {
  const char *names[] = {"slice", "gather", "reduce", "reduce_scatter", "all_to_all"};
  std::printf("%s:", title);
  Layout at = from;
  double bytes = 0;
  auto plan = planReshard(from, to, shape, mesh, 4);
  for (const Move &move : *plan) {
    std::printf(" %s[", names[int(move.kind)]);
    for (unsigned axis : move.axes)
      std::printf("%c", 'a' + axis);
    std::printf("]");
    if (move.kind != Move::Kind::Slice)
      bytes += moveCost(move, at, shape, mesh, 4) - kCollectiveBytes;
    at = move.after;
  }
  std::printf(" %.0f bytes\n", bytes);
}
} // namespace

int main() {
  checkAll({8, 8}, {2});
  checkAll({5, 7}, {2});
  checkAll({7}, {3});
  checkAll({7}, {2, 3});
  checkAll({8, 8}, {2, 4});
  checkAll({16, 16}, {2, 4}); // the 110 ordered pairs on which MLIR 22's shard-partition fails, and those with partial
  checkAll({5, 7}, {2, 3});
  checkAll({6, 4, 3}, {2, 3});
  checkAll({}, {2, 3});
  checkAll({5}, {2, 2, 2});
  checkAll({8, 8}, {2, 2, 2});
  checkAll({5, 7}, {2, 2, 2});
  checkAll({6, 4, 3}, {2, 2, 2});
  checkAll({3, 2}, {2, 1, 3}); // an axis of size 1, more devices than elements

  showPlan("all-reduce", {{{}, {}}, {0}}, {{{}, {}}, {}}, {8, 8}, {4});
  showPlan("all-reduce over two axes is one", {{{}, {}}, {0, 1}}, {{{}, {}}, {}}, {8, 8}, {2, 4});
  showPlan("partial to cut is reduce-scatter", {{{}, {}}, {0}}, {{{0}, {}}, {}}, {8, 8}, {4});
  showPlan("even gather over two axes is one", {{{0, 1}, {}}, {}}, {{{}, {}}, {}}, {8, 8}, {2, 4});
  showPlan("uneven inner gather is two", {{{0, 1}, {}}, {}}, {{{}, {}}, {}}, {6, 8}, {2, 2});
  showPlan("moving an axis is all-to-all", {{{0}, {1}}, {}}, {{{0, 1}, {}}, {}}, {8, 8}, {2, 4});
  showPlan("cutting is free", {{{}, {}}, {}}, {{{0}, {1}}, {}}, {8, 8}, {2, 4});
  std::printf("%d failures\n", failures);
  return failures != 0;
}
