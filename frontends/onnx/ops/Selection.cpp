// Operators whose result's size depends on values, on constants: Unique, NonMaxSuppression.
#include "frontends/onnx/Indexing.h"
#include "frontends/onnx/OpTable.h"
#include <cmath>

namespace mlir::llcc::frontend {

static LogicalResult dataDependent(Binder &b) {
  return b.unsupported("the size of its result depends on the model's data; its inputs must be constants");
}

/// Different slices along an axis (elements, without one), their first places, which of them each is, how often.
static LogicalResult foldUnique(Binder &b) {
  bool flat = !b.hasAttr("axis"), sorted = b.attrInt("sorted", 1);
  int64_t given = b.attrInt("axis", 0);
  ConstantPtr x = b.constant(0);
  if (!x)
    return b.hasInput(0) ? dataDependent(b) : b.bad("input X (number 0) is missing");
  Shape shape = flat ? Shape{x->size()} : x->shape;
  std::optional<int64_t> axis = b.axis(given, shape.size());
  if (!axis)
    return failure();
  int64_t n = shape[*axis], inner = stridesOf(shape)[*axis], outer = n && inner ? x->size() / (n * inner) : 0;
  auto place = [&](int64_t i, int64_t k) { return (k / inner * n + i) * inner + k % inner; };
  auto order = [&](int64_t i, int64_t j) { // of slices: -1, 0, 1
    for (int64_t k = 0; k < outer * inner; ++k) {
      double p = x->real(place(i, k)), q = x->real(place(j, k));
      bool less =
          x->isFloat() ? p < q || (std::isnan(q) && !std::isnan(p)) : x->ints[place(i, k)] < x->ints[place(j, k)];
      bool more =
          x->isFloat() ? q < p || (std::isnan(p) && !std::isnan(q)) : x->ints[place(j, k)] < x->ints[place(i, k)];
      if (less || more)
        return less ? -1 : 1;
    }
    return 0;
  };
  Shape all = llvm::to_vector(llvm::seq<int64_t>(0, n)), first, inverse(n, 0), counts;
  llvm::stable_sort(all, [&](int64_t i, int64_t j) { return order(i, j) < 0; });
  SmallVector<Shape> groups;
  for (int64_t i : all) {
    if (groups.empty() || order(groups.back()[0], i) != 0)
      groups.emplace_back();
    groups.back().push_back(i);
  }
  if (!sorted)
    llvm::sort(groups, [](const Shape &p, const Shape &q) { return p[0] < q[0]; });
  for (auto [g, members] : llvm::enumerate(groups)) {
    first.push_back(members[0]);
    counts.push_back(members.size());
    for (int64_t i : members)
      inverse[i] = g;
  }
  Shape to(shape), strides = stridesOf(shape);
  to[*axis] = first.size();
  b.result(pick(*x, to, [&](ArrayRef<int64_t> index) {
    int64_t at = 0;
    for (size_t d = 0; d < index.size(); ++d)
      at += (int64_t(d) == *axis ? first[index[d]] : index[d]) * strides[d];
    return at;
  }));
  b.result(intConstant(b.context(), first), 1);
  b.result(intConstant(b.context(), inverse), 2);
  b.result(intConstant(b.context(), counts), 3);
  return success();
}

namespace {
struct Box {
  double low[2], high[2];
  double area() const { return (high[0] - low[0]) * (high[1] - low[1]); }
};
} // namespace

/// Intersection over union of two boxes; 0 where one is empty.
static double overlap(const Box &p, const Box &q) {
  double common = 1;
  for (int d : {0, 1})
    common *= std::max(0.0, std::min(p.high[d], q.high[d]) - std::max(p.low[d], q.low[d]));
  double both = p.area() + q.area() - common;
  return p.area() > 0 && q.area() > 0 && both > 0 ? common / both : 0;
}

/// Boxes by falling score, without those that overlap one already taken: [batch, class, box] of each.
static LogicalResult foldNonMaxSuppression(Binder &b) {
  bool centered = b.attrInt("center_point_box", 0);
  ConstantPtr boxes = b.constant(0), scores = b.constant(1);
  if (!boxes || !scores)
    return dataDependent(b);
  double limits[3] = {0, 0, -INFINITY}; // boxes of a class, overlap, score
  for (unsigned i : {0, 1, 2}) {
    if (!b.hasInput(2 + i))
      continue;
    ConstantPtr c = b.constant(2 + i);
    if (!c)
      return dataDependent(b);
    if (c->size() > 1)
      return b.bad("input number " + Twine(2 + i) + " has " + Twine(c->size()) + " elements, it must have one");
    if (c->size() == 1)
      limits[i] = c->real(0);
  }
  const Shape &s = scores->shape;
  if (boxes->shape.size() != 3 || s.size() != 3 || boxes->shape != Shape{s[0], s[2], 4})
    return b.bad("boxes are " + showShape(boxes->shape) + ", scores are " + showShape(s) +
                 "; they need N x B x 4 and N x C x B");
  auto boxOf = [&](int64_t n, int64_t i) {
    Box box;
    for (int d : {0, 1}) {
      double p = boxes->real((n * s[2] + i) * 4 + d), q = boxes->real((n * s[2] + i) * 4 + 2 + d);
      box.low[d] = centered ? p - q / 2 : std::min(p, q);
      box.high[d] = centered ? p + q / 2 : std::max(p, q);
    }
    return box;
  };
  Shape selected;
  for (int64_t n = 0; n < s[0]; ++n)
    for (int64_t c = 0; c < s[1]; ++c) {
      auto score = [&](int64_t i) { return scores->real((n * s[1] + c) * s[2] + i); };
      Shape order, taken;
      for (int64_t i = 0; i < s[2]; ++i)
        if (score(i) > limits[2])
          order.push_back(i);
      llvm::stable_sort(order, [&](int64_t i, int64_t j) { return score(i) > score(j); });
      for (int64_t i : order) {
        if (double(taken.size()) >= limits[0])
          break;
        if (llvm::any_of(taken, [&](int64_t j) { return overlap(boxOf(n, i), boxOf(n, j)) > limits[1]; }))
          continue;
        taken.push_back(i);
        selected.append({n, c, i});
      }
    }
  b.result(intConstant(b.context(), selected, Shape{int64_t(selected.size()) / 3, 3}));
  return success();
}

void addSelectionOps(OpTable &t) {
  t.onOp("Unique", 11, foldUnique, {Role::Data}, foldUnique);
  t.onOp("NonMaxSuppression", 10, foldNonMaxSuppression, {Role::Data}, foldNonMaxSuppression);
}

} // namespace mlir::llcc::frontend
