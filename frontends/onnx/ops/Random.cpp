// Dropout and the operators that draw random numbers.
#include "frontends/onnx/Modes.h"
#include "frontends/onnx/OpTable.h"
#include "frontends/onnx/Payload.h"
#include "frontends/onnx/RandomNumbers.h"
#include <random>

namespace mlir::llcc::frontend {
namespace {

/// What ONNX's reference keeps: its numbers are numpy's, np.random.seed(seed) and np.random.uniform, which is MT19937
/// with 53 bits of two draws. Only for masks that fit the IR.
Value numpyMask(Binder &b, ArrayRef<int64_t> shape, double ratio) {
  constexpr int64_t kMostElements = 1024;
  std::optional<int64_t> elements = countElements(shape);
  if (!b.hasAttr("seed") || !elements || *elements > kMostElements)
    return {};
  std::mt19937 twister{uint32_t(b.attrInt("seed", 0))};
  SmallVector<bool> kept;
  for (int64_t i = 0; i < *elements; ++i) {
    double high = double(twister() >> 5), low = double(twister() >> 6);
    kept.push_back((high * 67108864.0 + low) / 9007199254740992.0 >= ratio);
  }
  auto type = RankedTensorType::get(shape, b.builder.getI1Type());
  return arith::ConstantOp::create(b.builder, b.loc, DenseElementsAttr::get(type, ArrayRef<bool>(kept)));
}

Value dropoutAsWritten(Binder &b, Value x, double ratio, Value &mask) {
  Value kept = ratio > 0 ? numpyMask(b, shapeOf(x), ratio) : Value();
  if (!kept)
    return dropout(b, x, ratio, &mask);
  mask = kept;
  Value scaled = arith::MulFOp::create(b.builder, b.loc, x, splatLike(b, x, 1 / (1 - ratio)));
  return arith::SelectOp::create(b.builder, b.loc, kept, scaled, splatLike(b, x, 0));
}

LogicalResult importDropout(Binder &b) {
  double ratio = b.opset < 12 ? b.attrFloat("ratio", 0.5) : 0.5;
  bool training = false;
  if (b.opset >= 12) {
    b.ignoreAttr("seed"); // may go unused
    if (b.hasInput(1)) {
      ConstantPtr given = b.constant(1);
      if (!given || given->size() != 1)
        return b.unsupported("ratio is not a constant number");
      ratio = given->real(0);
    }
    if (b.hasInput(2)) {
      ConstantPtr mode = b.constant(2);
      if (!mode || mode->size() != 1)
        return b.unsupported("training_mode is not a constant; export the model in eval or in training mode");
      training = mode->real(0) != 0;
    }
  }
  if (!(ratio >= 0 && ratio <= 1))
    return b.bad("ratio is " + Twine(std::to_string(ratio)) + ", it must be a number from 0 to 1");
  std::optional<double> active = dropoutRatio(b.node, ratio, training, b.options());
  Value mask;
  if (!active) {
    b.forward(0);
    if (b.outputUsed(1))
      mask = splat(b, b.inputType(0).second, b.builder.getI1Type(), 1);
  } else {
    Value x = b.floatInput(0, "data");
    if (!x)
      return failure();
    b.result(b.options().asWritten ? dropoutAsWritten(b, x, *active, mask) : dropout(b, x, *active, &mask));
  }
  if (!b.outputUsed(1))
    return success();
  if (b.opset < 10) // then the mask has the data's type
    mask = arith::UIToFPOp::create(b.builder, b.loc, RankedTensorType::get(shapeOf(mask), b.inputType(0).first), mask);
  b.result(mask, 1);
  return success();
}

/// Attribute dtype, else `otherwise`; floats only.
Type dtypeOf(Binder &b, Type otherwise) {
  Type type = b.hasAttr("dtype") ? elementType(b.context(), int(b.attrInt("dtype", 1))) : otherwise;
  if (type && (type.isF32() || type.isF64() || type.isF16() || type.isBF16()))
    return type;
  (void)b.unsupported("attribute \"dtype\" is " + Twine(b.attrInt("dtype", 1)) + ", random numbers are floats");
  return {};
}

/// Shape and type: attributes of RandomX, input and attribute of RandomXLike.
template <bool like> std::optional<std::pair<Shape, Type>> wanted(Binder &b) {
  Type type = dtypeOf(b, like ? b.inputType(0).first : Type(b.builder.getF32Type()));
  Shape shape = like ? b.inputType(0).second : b.attrInts("shape");
  if (!type)
    return std::nullopt;
  if (llvm::any_of(shape, [](int64_t size) { return size < 0; }) || !countElements(shape)) {
    (void)b.bad("its result would have shape " + showShape(shape));
    return std::nullopt;
  }
  return std::pair(shape, type);
}

/// low + u * (high - low), computed in f32 at least.
Value scaled(Binder &b, Value x, double factor, double offset, Type type) {
  Value y = arith::MulFOp::create(b.builder, b.loc, x, splatLike(b, x, factor));
  y = arith::AddFOp::create(b.builder, b.loc, y, splatLike(b, y, offset));
  return typeOf(y).getElementType() == type ? y : arith::TruncFOp::create(b.builder, b.loc, typeOf(y).clone(type), y);
}
Type wideOf(Binder &b, Type type) { return type.getIntOrFloatBitWidth() < 32 ? Type(b.builder.getF32Type()) : type; }

template <bool like> LogicalResult importUniform(Binder &b) {
  double low = b.attrFloat("low", 0), high = b.attrFloat("high", 1);
  auto what = wanted<like>(b);
  if (!what)
    return failure();
  auto [shape, type] = *what;
  b.result(scaled(b, RandomNumbers(b, shape).uniform(wideOf(b, type)), high - low, low, type));
  return success();
}

template <bool like> LogicalResult importNormal(Binder &b) {
  double mean = b.attrFloat("mean", 0), deviation = b.attrFloat("scale", 1);
  auto what = wanted<like>(b);
  if (!what)
    return failure();
  auto [shape, type] = *what;
  b.result(scaled(b, RandomNumbers(b, shape, 2).normal(wideOf(b, type)), deviation, mean, type));
  return success();
}

/// 1 with probability x.
LogicalResult importBernoulli(Binder &b) {
  Value x = b.floatInput(0, "input");
  if (!x)
    return failure();
  Type own = typeOf(x).getElementType(), wide = wideOf(b, own);
  Type type = b.hasAttr("dtype") ? elementType(b.context(), int(b.attrInt("dtype", 1))) : own;
  if (!type || (isa<FloatType>(type) && type.getIntOrFloatBitWidth() < 16))
    return b.unsupported("attribute \"dtype\" is " + Twine(b.attrInt("dtype", 1)) + ", which is not supported");
  Value drawn = RandomNumbers(b, shapeOf(x)).uniform(wide);
  if (own != wide)
    x = arith::ExtFOp::create(b.builder, b.loc, typeOf(x).clone(wide), x);
  Value hit = arith::CmpFOp::create(b.builder, b.loc, arith::CmpFPredicate::OLT, drawn, x);
  auto result = RankedTensorType::get(shapeOf(x), storageType(type));
  if (type.isInteger(1))
    b.result(hit, 0, type);
  else if (isa<FloatType>(type))
    b.result(arith::UIToFPOp::create(b.builder, b.loc, result, hit), 0, type);
  else
    b.result(arith::ExtUIOp::create(b.builder, b.loc, result, hit), 0, type);
  return success();
}

/// Class numbers drawn with probabilities softmax(x), x: [N, C] -> [N, sample_size]: how many of the C running sums of
/// probabilities a uniform number has passed.
LogicalResult importMultinomial(Binder &b) {
  int64_t count = b.attrInt("sample_size", 1);
  Value x = b.floatInput(0, "input");
  if (!x)
    return failure();
  if (rankOf(x) != 2 || shapeOf(x)[1] < 1 || count < 0)
    return b.bad("input is " + showShape(shapeOf(x)) + " and sample_size " + Twine(count) +
                 ", it needs N x C with at least one class and a size of 0 or more");
  Type type = b.hasAttr("dtype") ? elementType(b.context(), int(b.attrInt("dtype", 6))) : b.builder.getI32Type();
  if (!type || !type.isSignlessInteger() || type.isInteger(1))
    return b.bad("attribute \"dtype\" must be int32 or int64");
  int64_t n = shapeOf(x)[0], classes = shapeOf(x)[1];
  Type real = typeOf(x).getElementType();
  Value p = SoftmaxOp::create(b.builder, b.loc, x.getType(), x, 1);
  auto square = RankedTensorType::get({classes, classes}, b.builder.getI64Type());
  Value from = IotaOp::create(b.builder, b.loc, square, b.builder.getI64IntegerAttr(0));
  Value to = IotaOp::create(b.builder, b.loc, square, b.builder.getI64IntegerAttr(1));
  Value below = arith::CmpIOp::create(b.builder, b.loc, arith::CmpIPredicate::sle, from, to);
  Value ones = arith::UIToFPOp::create(b.builder, b.loc, square.clone(real), below);
  Value sums = DotOp::create(b.builder, b.loc, x.getType(), p, ones, Shape{}, Shape{}, Shape{1}, Shape{0});
  Shape all = {n, count, classes};
  Value drawn = broadcast(b, RandomNumbers(b, {n, count}).uniform(real), all, {0, 1});
  Value passed =
      arith::CmpFOp::create(b.builder, b.loc, arith::CmpFPredicate::OGE, drawn, broadcast(b, sums, all, {0, 2}));
  auto integers = RankedTensorType::get(all, type);
  Value number = reduce(b, arith::ExtUIOp::create(b.builder, b.loc, integers, passed), ReduceKind::Sum, {2}, false);
  b.result(arith::MinSIOp::create(b.builder, b.loc, number, splatLike(b, number, double(classes - 1))));
  return success();
}
} // namespace

void addRandomOps(OpTable &t) {
  t.onOp("Dropout", 7, importDropout, {Role::View, Role::Data});
  t.onOp("RandomUniform", 1, importUniform<false>);
  t.onOp("RandomUniformLike", 1, importUniform<true>, {Role::Data});
  t.onOp("RandomNormal", 1, importNormal<false>);
  t.onOp("RandomNormalLike", 1, importNormal<true>, {Role::Data});
  t.onOp("Bernoulli", 15, importBernoulli, {Role::Data});
  t.onOp("Multinomial", 7, importMultinomial, {Role::Data});
}

} // namespace mlir::llcc::frontend
