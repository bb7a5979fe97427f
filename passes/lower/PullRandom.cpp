// Random bits as scalar code: Philox 4x32-10 in 64-bit integers, so that a product's halves are a shift apart and loops
// over it vectorise.
#include "passes/lower/PullEmitter.h"

namespace mlir::llcc {

Value PullEmitter::emitRandomBits(RandomBitsOp op, const Coord &at) {
  Type wide = builder.getI64Type();
  auto literal = [&](uint64_t value) { return constant(builder.getIntegerAttr(wide, int64_t(value))); };
  auto low = [&](Value v) { return arith::AndIOp::create(builder, loc, v, literal(0xFFFFFFFFu)).getResult(); };
  auto high = [&](Value v) { return arith::ShRUIOp::create(builder, loc, v, literal(32)).getResult(); };
  auto times = [&](Value v, uint64_t by) { return arith::MulIOp::create(builder, loc, v, literal(by)).getResult(); };
  auto mix = [&](Value a, Value b, Value c) {
    Value first = arith::XOrIOp::create(builder, loc, a, b);
    return arith::XOrIOp::create(builder, loc, first, c).getResult();
  };
  auto plus = [&](Value a, uint64_t by) { return arith::AddIOp::create(builder, loc, a, literal(by)).getResult(); };

  uint64_t stream = uint64_t(op.getStream());
  Value index = pull(op.getIndex(), at), seed = literal(0), step = literal(0);
  if (!op.getKey().empty()) // the key's scalars have no coordinates
    seed = pull(op.getKey()[0], {}), step = pull(op.getKey()[1], {});
  Value key = plus(seed, stream >> 32), k0 = low(key), k1 = high(key);
  Value c0 = low(index), c1 = high(index), c2 = literal(uint32_t(stream)), c3 = low(step);
  for (int round = 0; round < 10; ++round) {
    Value a = times(c0, 0xD2511F53u), b = times(c2, 0xCD9E8D57u);
    c0 = mix(high(b), c1, k0), c1 = low(b), c2 = mix(high(a), c3, k1), c3 = low(a);
    k0 = low(plus(k0, 0x9E3779B9u)), k1 = low(plus(k1, 0xBB67AE85u));
  }
  return arith::TruncIOp::create(builder, loc, builder.getI32Type(), c0);
}

} // namespace mlir::llcc
