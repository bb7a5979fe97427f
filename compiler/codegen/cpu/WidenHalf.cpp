// Arithmetic on bf16 and f16 becomes arithmetic on f32 between conversions: LLVM's own promotion calls a library that
// no system has by default (__truncsfbf2, __truncdfhf2). Conversions of bf16 are then expanded into integer operations,
// which vectorise on every level; so are those of f16 where the level has no F16C.
#include "compiler/codegen/cpu/CpuCode.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/AttrTypeSubElements.h"

using namespace mlir;

namespace {
/// Integer and f32 operations on scalars.
struct Bits {
  OpBuilder &b;
  Location loc;

  Value i(uint32_t value) { return arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(int32_t(value))); }
  Value bits(Value x) { return arith::BitcastOp::create(b, loc, b.getI32Type(), x); }
  Value real(Value x) { return arith::BitcastOp::create(b, loc, b.getF32Type(), x); }
  Value add(Value x, Value y) { return arith::AddIOp::create(b, loc, x, y); }
  Value sub(Value x, Value y) { return arith::SubIOp::create(b, loc, x, y); }
  Value both(Value x, Value y) { return arith::AndIOp::create(b, loc, x, y); }
  Value either(Value x, Value y) { return arith::OrIOp::create(b, loc, x, y); }
  Value left(Value x, int64_t n) { return arith::ShLIOp::create(b, loc, x, i(n)); }
  Value right(Value x, int64_t n) { return arith::ShRUIOp::create(b, loc, x, i(n)); }
  Value select(Value c, Value x, Value y) { return arith::SelectOp::create(b, loc, c, x, y); }
  Value below(Value x, Value y) { return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, x, y); }

  /// A double as a float rounded to odd: a second rounding to 16 bits then gives what one would.
  Value roundToOdd(Value x) {
    Value near = arith::TruncFOp::create(b, loc, b.getF32Type(), x);
    Value back = arith::ExtFOp::create(b, loc, x.getType(), near);
    auto magnitude = [&](Value v) { return math::AbsFOp::create(b, loc, v); };
    Value larger = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT, magnitude(back), magnitude(x));
    Value inexact = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::ONE, back, x);
    Value word = bits(near);
    Value odd = either(select(larger, sub(word, i(1)), word), i(1));
    return real(select(inexact, odd, word));
  }

  /// f32 to f16, nearest even; the same steps as runtime/plan/Half.h.
  Value toF16(Value x) {
    Value word = bits(x), sign = both(right(word, 16), i(0x8000)), rest = both(word, i(0x7fffffff));
    Value half = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(0.5f));
    Value small = sub(bits(arith::AddFOp::create(b, loc, real(rest), half)), i(0x3f000000));
    Value even = both(right(rest, 13), i(1));
    Value normal = right(add(add(sub(rest, i(112u << 23)), i(0xfff)), even), 13);
    Value nan = either(i(0x7e00), both(right(rest, 13), i(0x3ff)));
    Value special = select(below(i(0x7f800000), rest), nan, i(0x7c00));
    Value high = select(below(rest, i(143u << 23)), normal, special);
    Value result = either(select(below(rest, i(113u << 23)), small, high), sign);
    Value narrow = arith::TruncIOp::create(b, loc, b.getI16Type(), result);
    return arith::BitcastOp::create(b, loc, b.getF16Type(), narrow);
  }

  Value fromF16(Value x) {
    Value word = arith::ExtUIOp::create(b, loc, b.getI32Type(), arith::BitcastOp::create(b, loc, b.getI16Type(), x));
    Value sign = left(both(word, i(0x8000)), 16), rest = both(word, i(0x7fff)), shifted = left(rest, 13);
    Value power = real(i((254u - 15) << 23)); // 2^112
    Value scaled = bits(arith::MulFOp::create(b, loc, real(shifted), power));
    Value finite = below(rest, i(0x7c00));
    return real(either(select(finite, scaled, either(i(0x7f800000), shifted)), sign));
  }
};
} // namespace

void mlir::llcc::widenHalf(ModuleOp kernels, bool hasF16Conversions) {
  SmallVector<Operation *> ops;
  auto isHalf = [](Type type) { return type.isBF16() || type.isF16(); };
  kernels.walk([&](Operation *op) {
    bool arithmetic = isa<arith::ArithDialect>(op->getDialect()) &&
                      !isa<arith::ConstantOp, arith::SelectOp, arith::ExtFOp, arith::TruncFOp, arith::BitcastOp>(op);
    if (arithmetic && (llvm::any_of(op->getOperandTypes(), isHalf) || llvm::any_of(op->getResultTypes(), isHalf)))
      ops.push_back(op);
    // Only f32 converts without a library.
    if (auto extend = dyn_cast<arith::ExtFOp>(op);
        extend && isHalf(extend.getIn().getType()) && !extend.getType().isF32())
      ops.push_back(op);
    if (auto truncate = dyn_cast<arith::TruncFOp>(op);
        truncate && isHalf(truncate.getType()) && !truncate.getIn().getType().isF32())
      ops.push_back(op);
  });
  for (Operation *op : ops) {
    OpBuilder builder(op);
    Type f32 = builder.getF32Type();
    auto widen = [&](Value value) -> Value {
      return isHalf(value.getType()) ? arith::ExtFOp::create(builder, op->getLoc(), f32, value).getResult() : value;
    };
    if (isa<arith::ExtFOp>(op)) {
      op->setOperand(0, widen(op->getOperand(0)));
      continue;
    }
    if (auto truncate = dyn_cast<arith::TruncFOp>(op)) {
      op->setOperand(0, Bits{builder, op->getLoc()}.roundToOdd(truncate.getIn()));
      continue;
    }
    OperationState state(op->getLoc(), op->getName());
    for (Value operand : op->getOperands())
      state.operands.push_back(widen(operand));
    for (Type type : op->getResultTypes())
      state.addTypes(isHalf(type) ? f32 : type);
    state.addAttributes(op->getAttrs());
    Operation *wide = builder.create(state);
    for (auto [from, to] : llvm::zip(op->getResults(), wide->getResults()))
      from.replaceAllUsesWith(
          isHalf(from.getType()) ? arith::TruncFOp::create(builder, op->getLoc(), from.getType(), to).getResult() : to);
    op->erase();
  }
  if (hasF16Conversions)
    return;
  kernels.walk([&](Operation *op) {
    OpBuilder builder(op);
    Bits bits{builder, op->getLoc()};
    auto extend = dyn_cast<arith::ExtFOp>(op);
    auto truncate = dyn_cast<arith::TruncFOp>(op);
    Value value;
    if (extend && extend.getIn().getType().isF16())
      value = bits.fromF16(extend.getIn());
    else if (truncate && truncate.getType().isF16())
      value = bits.toF16(truncate.getIn());
    else
      return;
    op->replaceAllUsesWith(ValueRange(value));
    op->erase();
  });
}

// LLVM would rewrite what flips or clears the sign bit of a bf16 into fneg and fabs, and call the library for these. As
// integers the values are safe from that.
void mlir::llcc::storeHalfAsIntegers(ModuleOp kernels, bool hasF16Conversions) {
  Builder builder(kernels.getContext());
  AttrTypeReplacer replacer;
  replacer.addReplacement([&](Type type) -> std::optional<Type> {
    if (type.isBF16() || (type.isF16() && !hasF16Conversions))
      return builder.getI16Type();
    return std::nullopt;
  });
  replacer.addReplacement([&](FloatAttr number) -> std::optional<Attribute> {
    Type type = replacer.replace(number.getType());
    if (type == number.getType())
      return std::nullopt;
    return builder.getIntegerAttr(type, number.getValue().bitcastToAPInt());
  });
  replacer.addReplacement([&](DenseElementsAttr elements) -> std::optional<Attribute> {
    Type type = replacer.replace(elements.getElementType());
    if (type == elements.getElementType())
      return std::nullopt;
    return elements.bitcast(type);
  });
  replacer.recursivelyReplaceElementsIn(kernels, /*replaceAttrs=*/true, /*replaceLocs=*/false, /*replaceTypes=*/true);
  kernels.walk([](LLVM::BitcastOp cast) {
    if (cast.getArg().getType() != cast.getType())
      return;
    cast.replaceAllUsesWith(cast.getArg());
    cast.erase();
  });
}
