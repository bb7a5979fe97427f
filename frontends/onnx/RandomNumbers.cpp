// Random numbers from llcc.random_bits.
#include "frontends/onnx/RandomNumbers.h"
#include "llvm/ADT/bit.h"
#include <cmath>

namespace mlir::llcc::frontend {

template <typename Op> static Value binary(Binder &b, Value l, Value r) { return Op::create(b.builder, b.loc, l, r); }

RandomNumbers::RandomNumbers(Binder &b, ArrayRef<int64_t> shape, int64_t draws)
    : b(b), shape(shape), draws(draws), stream(b.randomStream()) {
  b.ignoreAttr("seed"); // a float, an integer of Dropout
  for (const auto &a : b.node.attribute())
    if (a.name() == "seed")
      stream |= int64_t(uint64_t(a.has_i() ? uint32_t(a.i()) : llvm::bit_cast<uint32_t>(a.f())) << 32);
  if (b.options().asWritten) // there is no seed of a training run
    stream ^= int64_t(b.options().seed << 32);
}

// The row-major number of each element, counted in draws.
Value RandomNumbers::bits(int64_t draw) {
  auto type = RankedTensorType::get(shape, b.builder.getI64Type());
  Value index = splat(b, shape, type.getElementType(), double(draw));
  int64_t stride = draws;
  for (int64_t dim = int64_t(shape.size()) - 1; dim >= 0; stride *= std::max<int64_t>(shape[dim], 1), --dim) {
    if (shape[dim] == 1)
      continue;
    Value count = IotaOp::create(b.builder, b.loc, type, b.builder.getI64IntegerAttr(dim));
    if (stride != 1)
      count = binary<arith::MulIOp>(b, count, splatLike(b, count, double(stride)));
    index = binary<arith::AddIOp>(b, index, count);
  }
  return RandomBitsOp::create(b.builder, b.loc, RankedTensorType::get(shape, b.builder.getI32Type()), index,
                              ValueRange(), b.builder.getI64IntegerAttr(stream));
}

Value RandomNumbers::keeps(double ratio) {
  Value drawn = bits();
  auto type = typeOf(drawn);
  if (ratio >= 1)
    return splat(b, shape, b.builder.getI1Type(), 0);
  // bits >= ratio * 2^32, as unsigned numbers
  auto limit = APInt(32, uint64_t(std::min(std::ldexp(std::max(ratio, 0.0), 32), 4294967295.0)));
  Value bound = arith::ConstantOp::create(b.builder, b.loc, DenseElementsAttr::get(type, limit));
  return arith::CmpIOp::create(b.builder, b.loc, arith::CmpIPredicate::uge, drawn, bound);
}

// As many of the high bits as the type can tell apart below 1.
Value RandomNumbers::uniform(Type type, int64_t draw) {
  unsigned digits = std::min(32u, cast<FloatType>(type).getFPMantissaWidth());
  Value drawn = bits(draw);
  if (digits < 32) {
    auto by = APInt(32, 32 - digits);
    Value shift = arith::ConstantOp::create(b.builder, b.loc, DenseElementsAttr::get(typeOf(drawn), by));
    drawn = binary<arith::ShRUIOp>(b, drawn, shift);
  }
  Value number = arith::UIToFPOp::create(b.builder, b.loc, RankedTensorType::get(shape, type), drawn);
  return binary<arith::MulFOp>(b, number, splatLike(b, number, std::ldexp(1.0, -int(digits))));
}

Value RandomNumbers::normal(Type type) {
  Value first = uniform(type, 0), second = uniform(type, 1);
  Value positive = binary<arith::SubFOp>(b, splatLike(b, first, 1), first); // (0, 1]
  Value log = math::LogOp::create(b.builder, b.loc, positive);
  Value radius = math::SqrtOp::create(b.builder, b.loc, binary<arith::MulFOp>(b, log, splatLike(b, log, -2)));
  Value angle = binary<arith::MulFOp>(b, second, splatLike(b, second, 2 * M_PI));
  return binary<arith::MulFOp>(b, radius, math::CosOp::create(b.builder, b.loc, angle));
}

Value dropout(Binder &b, Value x, double ratio, Value *mask) {
  Value all = splat(b, shapeOf(x), b.builder.getI1Type(), 1);
  if (mask)
    *mask = all;
  if (ratio == 0)
    return x;
  Value kept = RandomNumbers(b, shapeOf(x)).keeps(ratio);
  Value zero = splatLike(b, x, 0);
  Value scaled = ratio < 1 ? binary<arith::MulFOp>(b, x, splatLike(b, x, 1 / (1 - ratio))) : zero;
  Value dropped = arith::SelectOp::create(b.builder, b.loc, kept, scaled, zero);
  auto byMode = [&](Value training, Value inference) -> Value {
    if (b.options().asWritten)
      return training;
    return ByModeOp::create(b.builder, b.loc, training.getType(), training, inference);
  };
  if (mask)
    *mask = byMode(kept, all);
  return byMode(dropped, x);
}

} // namespace mlir::llcc::frontend
