// Follows the rows that a NonZero of data has too many.
#include "frontends/onnx/PaddedRows.h"
#include "frontends/onnx/Binder.h"
#include "llvm/ADT/StringSet.h"

namespace mlir::llcc::frontend {

static int64_t attributeOf(const ::onnx::NodeProto &node, llvm::StringRef name, int64_t otherwise) {
  for (const auto &a : node.attribute())
    if (a.name() == name)
      return a.i();
  return otherwise;
}

/// The dimension of `to` that is dimension `dim` of `from` after a reshape: as many elements before it. -1: none.
static int64_t reshaped(llvm::ArrayRef<int64_t> from, int64_t dim, llvm::ArrayRef<int64_t> to) {
  auto before = [](llvm::ArrayRef<int64_t> shape, int64_t d) {
    int64_t n = 1;
    for (int64_t size : shape.take_front(d))
      n *= size;
    return n;
  };
  for (int64_t d = 0; d < int64_t(to.size()); ++d)
    if (to[d] == from[dim] && before(to, d) == before(from, dim))
      return d;
  return -1;
}

static const llvm::StringSet<> &elementwise() {
  static const llvm::StringSet<> names = {
      "Abs",         "Add",       "And",      "Cast",      "CastLike", "Clip",        "Cos",     "Div",
      "Elu",         "Equal",     "Erf",      "Exp",       "Floor",    "Gelu",        "Greater", "GreaterOrEqual",
      "HardSigmoid", "HardSwish", "Identity", "LeakyRelu", "Less",     "LessOrEqual", "Log",     "Max",
      "Min",         "Mish",      "Mod",      "Mul",       "Neg",      "Not",         "Or",      "Pow",
      "Reciprocal",  "Relu",      "Selu",     "Sigmoid",   "Sin",      "Softplus",    "Sqrt",    "Sub",
      "Sum",         "Swish",     "Tanh",     "Where",     "Xor"};
  return names;
}

/// What may be computed from the number of rows, as it ends in shapes.
static const llvm::StringSet<> &ofSizes() {
  static const llvm::StringSet<> names = {
      "Add", "Cast", "Concat",  "ConstantOfShape", "Div",     "Equal", "Expand", "Gather",    "Identity", "Max",
      "Min", "Mul",  "Reshape", "Slice",           "Squeeze", "Sub",   "Tile",   "Unsqueeze", "Where"};
  return names;
}

std::string PaddedRows::follow(const ::onnx::NodeProto &node, ShapeOf shapeOf) {
  StringRef op = node.op_type();
  const Padded *row = nullptr;
  int at = -1; // the first padded input
  bool size = false, others = false;
  for (int i = 0; i < node.input_size(); ++i) {
    auto it = values.find(node.input(i));
    if (node.input(i).empty() || it == values.end())
      continue;
    size |= it->second.kind == Size;
    others |= row && it->second.kind == Row;
    if (!row && it->second.kind == Row) {
      row = &it->second;
      at = i;
    }
  }
  if (!row && !size)
    return "";
  const std::string seen = "reads values whose number depends on the model's data (a NonZero before it) in a way that "
                           "rows of padding would change";
  if (node.output_size() < 1 || node.output(0).empty())
    return seen;
  if (!row) {
    if (!ofSizes().contains(op))
      return seen;
    bool shape = op != "Reshape" && op != "Expand" && op != "Tile" && op != "ConstantOfShape";
    for (const auto &output : node.output())
      if (shape)
        values[output] = {Size, 0, false};
    return "";
  }
  Padded in = *row, out{Row, -1, false};
  Shape from = shapeOf(node.input(at)), to = shapeOf(node.output(0));
  int64_t rank = from.size(), dim = in.dim, fromEnd = int64_t(to.size()) - rank + dim;
  auto axis = [&](int64_t otherwise, int64_t of) {
    int64_t a = attributeOf(node, "axis", otherwise);
    return a < 0 ? a + of : a;
  };
  auto shapeAt = [&](int i) { return i < node.input_size() ? shapeOf(node.input(i)) : Shape(); };
  /// All padded inputs lie along one dimension of the result, counted from the end as broadcasting does.
  auto aligned = [&] {
    for (const auto &name : node.input()) {
      auto it = values.find(name);
      if (it == values.end() || it->second.kind != Row)
        continue;
      Shape shape = shapeOf(name);
      if (int64_t(to.size()) - int64_t(shape.size()) + it->second.dim != fromEnd ||
          shape[it->second.dim] != to[fromEnd])
        return false;
    }
    return true;
  };
  if (op == "Shape" || op == "Size") {
    values[node.output(0)] = {Size, 0, false};
    return "";
  }
  if (elementwise().contains(op)) {
    if (!size && aligned())
      out.dim = fromEnd;
    out.index = in.index && (op == "Identity" || (op == "Cast" && !others));
  } else if (op == "Expand") {
    if (at == 0 && to[fromEnd] == from[dim])
      out = {Row, fromEnd, in.index};
  } else if (op == "Reshape" || op == "Squeeze" || op == "Unsqueeze" || op == "Flatten") {
    if (at == 0)
      out = {Row, reshaped(from, dim, to), in.index};
  } else if (op == "Transpose") {
    out = {Row, rank - 1 - dim, in.index};
    for (const auto &a : node.attribute())
      for (int i = 0; a.name() == "perm" && i < a.ints_size(); ++i)
        if (a.ints(i) == dim)
          out.dim = i;
  } else if (op == "Split" || op == "Slice" || op == "Concat") {
    if (dim < int64_t(to.size()) &&
        (op == "Concat" ? axis(1, rank) != dim && aligned() : at == 0 && to[dim] == from[dim]))
      out = {Row, dim, in.index && !others};
  } else if (op == "Gather" && at == 0 && !others) {
    int64_t a = axis(0, rank), indexRank = shapeAt(1).size();
    if (a != dim)
      out = {Row, a < dim ? dim - 1 + indexRank : dim, in.index};
  } else if (op == "Gather" && at == 1) {
    out.dim = axis(0, shapeAt(0).size()) + dim;
  } else if (op == "GatherND" && at == 1 && dim < rank - 1) {
    out.dim = dim;
  } else if (op == "GatherElements" && at == 1 && axis(0, rank) == dim) {
    out.dim = dim;
  } else if (op == "MatMul" && at == 0 && !others && dim < rank - 1) {
    out.dim = shapeAt(1).size() < 2 ? dim : fromEnd;
  } else if (op == "Gemm" && at == 0 && !others && dim == attributeOf(node, "transA", 0)) {
    out.dim = 0;
  } else if ((op == "Softmax" || op == "LogSoftmax") && axis(-1, rank) != dim) {
    out.dim = dim;
  } else if ((op == "LayerNormalization" || op == "RMSNormalization") && at == 0 && !others && axis(-1, rank) > dim) {
    out.dim = dim;
  } else if ((op == "ScatterElements" && at == 1 && in.index && axis(0, rank) == dim) ||
             (op == "ScatterND" && at == 1 && in.index && dim < rank - 1)) {
    return ""; // rows of padding are dropped: nothing is left of them
  }
  if (out.dim < 0)
    return seen;
  for (const auto &output : node.output())
    if (!output.empty())
      values[output] = out;
  return "";
}

} // namespace mlir::llcc::frontend
