// Operators of ai.onnx.ml around a neural network, as scikit-learn's pipelines have them: features scaled in front of
// it, labels picked behind it. They hold no weights that are learned by gradients; trees and linear models in
// attributes do, and are not here.
#include "frontends/onnx/Arithmetic.h"
#include "frontends/onnx/Importer.h"
#include "frontends/onnx/Indexing.h"
#include "frontends/onnx/OpTable.h"

namespace mlir::llcc::frontend {
namespace {

constexpr StringLiteral kClassical = "ai.onnx.ml";

/// X as the f32 features that these operators make of any number; f64 stays.
Value features(Binder &b) {
  Value x = b.input(0, "X");
  if (!x)
    return {};
  Type type = typeOf(x).getElementType();
  return type.isF64() ? x : Arithmetic(b, b.isUnsigned(0)).convert(x, b.builder.getF32Type());
}

/// One number, or one for each of the last dimension of x (`what` says of which attribute), along that dimension.
FailureOr<Value> alongFeatures(Binder &b, Value x, ArrayRef<double> numbers, StringRef what) {
  ArrayRef<int64_t> shape = shapeOf(x);
  int64_t count = shape.empty() ? 1 : shape.back();
  if (numbers.size() != 1 && int64_t(numbers.size()) != count)
    return b.bad("attribute " + quote(what) + " has " + Twine(numbers.size()) + " numbers, X is " + showShape(shape) +
                 "; it needs one, or one for each of the last dimension");
  if (numbers.size() == 1)
    return splatLike(b, x, numbers[0]);
  return broadcastTo(b, realTensor(b, numbers, {count}, typeOf(x).getElementType()), shape);
}

/// (X - offset) * scale.
LogicalResult importScaler(Binder &b) {
  std::vector<double> offset = b.attrFloats("offset"), scale = b.attrFloats("scale");
  Value x = features(b);
  if (!x)
    return failure();
  Arithmetic a(b);
  if (!offset.empty()) {
    FailureOr<Value> numbers = alongFeatures(b, x, offset, "offset");
    if (failed(numbers))
      return failure();
    x = a.sub(x, *numbers);
  }
  if (!scale.empty()) {
    FailureOr<Value> numbers = alongFeatures(b, x, scale, "scale");
    if (failed(numbers))
      return failure();
    x = a.mul(x, *numbers);
  }
  b.result(x);
  return success();
}

/// Rows divided by their largest number (with its sign, as the standard and ONNX Runtime have it), the sum of their
/// magnitudes or their length; a row of zeros stays.
LogicalResult importNormalizer(Binder &b) {
  std::string norm = b.attrString("norm", "MAX");
  Value x = features(b);
  if (!x)
    return failure();
  int64_t rank = rankOf(x);
  if (norm != "MAX" && norm != "L1" && norm != "L2")
    return b.bad("attribute \"norm\" is " + quote(norm) + ", it must be MAX, L1 or L2");
  if (rank != 1 && rank != 2)
    return b.bad("X is " + showShape(shapeOf(x)) + ", it must have one or two dimensions");
  Arithmetic a(b);
  Value size = norm == "MAX"  ? reduce(b, x, ReduceKind::Max, {rank - 1}, /*keep=*/true)
               : norm == "L1" ? a.sum(a.abs(x), rank - 1)
                              : a.sqrt(a.sum(a.square(x), rank - 1));
  Value empty = a.equal(size, 0.0);
  b.result(a.div(x, a.select(empty, 1.0, size)));
  return success();
}

/// Missing numbers (NaN, or a number that stands for missing) replaced.
LogicalResult importImputer(Binder &b) {
  std::vector<double> values = b.attrFloats("imputed_value_floats");
  for (int64_t value : b.attrInts("imputed_value_int64s"))
    values.push_back(double(value));
  double missing = b.attrFloat("replaced_value_float", 0);
  if (b.hasAttr("replaced_value_int64"))
    missing = double(b.attrInt("replaced_value_int64", 0));
  Value x = features(b);
  if (!x)
    return failure();
  FailureOr<Value> numbers = alongFeatures(b, x, values, "imputed_value_floats");
  if (failed(numbers))
    return failure();
  Arithmetic a(b);
  Value absent = missing != missing ? a.compare(arith::CmpFPredicate::UNO, x, x) : a.equal(x, missing);
  b.result(a.select(absent, *numbers, x));
  return success();
}

/// 1 where X is above the threshold, else 0.
LogicalResult importBinarizer(Binder &b) {
  double threshold = b.attrFloat("threshold", 0);
  Value x = features(b);
  if (!x)
    return failure();
  Arithmetic a(b);
  b.result(a.select(a.greater(x, threshold), a.like(x, 1), a.like(x, 0)));
  return success();
}

/// Inputs side by side.
LogicalResult importFeatureVectorizer(Binder &b) {
  Shape widths = b.attrInts("inputdimensions");
  SmallVector<Value> parts;
  for (unsigned i = 0; i < b.numInputs(); ++i) {
    Value x = b.input(i, "X");
    if (!x)
      return failure();
    if (rankOf(x) != 2 || shapeOf(x)[0] != shapeOf(parts.empty() ? x : parts[0])[0] ||
        (i < widths.size() && widths[i] != shapeOf(x)[1]))
      return b.bad("input " + Twine(i) + " is " + showShape(shapeOf(x)) +
                   ", inputs must be samples x features, as attribute \"inputdimensions\" says");
    parts.push_back(x);
  }
  if (parts.empty())
    return b.bad("it has no inputs");
  bool wide = llvm::all_of(parts, [](Value x) { return typeOf(x).getElementType().isF64(); });
  if (!wide)
    for (auto [i, x] : llvm::enumerate(parts))
      x = Arithmetic(b, b.isUnsigned(i)).convert(x, b.builder.getF32Type());
  b.result(parts.size() == 1 ? parts[0] : concat(b, parts, 1));
  return success();
}

/// X[.., Y]: the columns that Y names; of a vector a row of them.
LogicalResult importArrayFeatureExtractor(Binder &b) {
  Value x = b.input(0, "X"), places = b.input(1, "Y");
  if (!x || !places)
    return failure();
  if (rankOf(x) < 1 || Arithmetic::isFloat(places))
    return b.bad("X is " + showShape(shapeOf(x)) + ", it must have dimensions, and Y must hold integers");
  int64_t count = typeOf(places).getNumElements(), last = rankOf(x) - 1;
  Value rows = reshape(b, asInt64(b, places), Shape{count});
  Shape to(shapeOf(x));
  to.back() = count;
  Value y = GatherOp::create(b.builder, b.loc, typeOf(x).clone(to), x, rows, last);
  if (to.size() == 1)
    to.insert(to.begin(), 1);
  b.result(reshape(b, y, to));
  return success();
}

/// What a dictionary for each row holds is what is trained: the scores. The saved model has the node as it was.
LogicalResult importZipMap(Binder &b) {
  for (const char *name : {"classlabels_int64s", "classlabels_strings"})
    b.ignoreAttr(name);
  if (!b.floatInput(0, "X"))
    return failure();
  b.forward(0);
  return success();
}

} // namespace

void addClassicalOps(OpTable &t) {
  auto row = [&](StringRef name, Handler import) { t.onOp(name, 1, import, {Role::Data}, nullptr, kClassical); };
  row("ArrayFeatureExtractor", importArrayFeatureExtractor);
  row("Binarizer", importBinarizer);
  row("FeatureVectorizer", importFeatureVectorizer);
  row("Imputer", importImputer);
  row("Normalizer", importNormalizer);
  row("Scaler", importScaler);
  row("ZipMap", importZipMap);
}

} // namespace mlir::llcc::frontend
