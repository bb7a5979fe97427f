// exp, log, log1p, expm1, tanh and erf on f32 as straight-line arithmetic, so that loops over them vectorise.
//
// Errors against the correctly rounded result, measured over their ranges by test/codegen/math-accuracy.test: at most 4
// ulp. Formulas: Cephes single precision (Moshier: expf.c, logf.c, tanhf.c) and, for erf, the piecewise minimax
// polynomials of N. Juffa. Multiply-adds are llvm.fmuladd: fused where the target has FMA, the same result in vector
// and scalar code. f64 stays with libm.
#include "compiler/codegen/cpu/CpuCode.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>

using namespace mlir;

namespace {
/// f32 arithmetic on scalars.
struct F32 {
  OpBuilder &b;
  Location loc;

  Value c(float value) { return arith::ConstantOp::create(b, loc, b.getF32FloatAttr(value)); }
  Value i(int32_t value) { return arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(value)); }
  Value add(Value x, Value y) { return arith::AddFOp::create(b, loc, x, y); }
  Value sub(Value x, Value y) { return arith::SubFOp::create(b, loc, x, y); }
  Value mul(Value x, Value y) { return arith::MulFOp::create(b, loc, x, y); }
  Value div(Value x, Value y) { return arith::DivFOp::create(b, loc, x, y); }
  Value fma(Value x, Value y, Value z) { return LLVM::FMulAddOp::create(b, loc, x, y, z); }
  Value select(Value condition, Value x, Value y) { return arith::SelectOp::create(b, loc, condition, x, y); }
  Value cmp(arith::CmpFPredicate p, Value x, Value y) { return arith::CmpFOp::create(b, loc, p, x, y); }
  Value less(Value x, Value y) { return cmp(arith::CmpFPredicate::OLT, x, y); }
  Value equal(Value x, Value y) { return cmp(arith::CmpFPredicate::OEQ, x, y); }
  Value abs(Value x) { return math::AbsFOp::create(b, loc, x); }
  Value copysign(Value x, Value sign) { return math::CopySignOp::create(b, loc, x, sign); }
  Value bits(Value x) { return arith::BitcastOp::create(b, loc, b.getI32Type(), x); }
  Value real(Value x) { return arith::BitcastOp::create(b, loc, b.getF32Type(), x); }
  Value iadd(Value x, Value y) { return arith::AddIOp::create(b, loc, x, y); }
  Value isub(Value x, Value y) { return arith::SubIOp::create(b, loc, x, y); }
  /// c0 + x*(c1 + x*(c2 + …)), highest coefficient first.
  Value polynomial(Value x, std::initializer_list<float> highFirst) {
    Value y;
    for (float coefficient : highFirst)
      y = y ? fma(y, x, c(coefficient)) : c(coefficient);
    return y;
  }
  /// 2^n for integer n in [-126, 127].
  Value power2(Value n) {
    Value biased = iadd(n, i(127));
    return real(arith::ShLIOp::create(b, loc, biased, i(23)));
  }

  /// x = n*ln2 + r with |r| <= ln2/2, and q(r) = (exp(r) - 1 - r)/r². x in [-150, 150]. Cephes expf.
  struct Reduced {
    Value n, r, tail;
  };
  Reduced reduceExp(Value x) {
    Value magic = c(12582912.0f); // 1.5 * 2^23: adding it rounds to an integer in the low bits
    Value shifted = fma(x, c(1.44269504088896341f), magic);
    Value whole = sub(shifted, magic);
    Value n = isub(bits(shifted), i(0x4B400000));
    Value r = fma(whole, c(-0.693359375f), x);
    r = fma(whole, c(2.12194440e-4f), r);
    Value q = polynomial(r, {1.9875691500e-4f, 1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f, 1.6666665459e-1f,
                             5.0000001201e-1f});
    return {n, r, mul(q, mul(r, r))};
  }

  Value exp(Value x) {
    // Clamped where the result is 0 or inf anyway; NaN passes both comparisons.
    Value low = c(-104.0f), high = c(89.0f);
    x = select(less(x, low), low, x);
    x = select(less(high, x), high, x);
    auto [n, r, tail] = reduceExp(x);
    Value y = add(add(r, tail), c(1.0f));
    // In two steps: 2^n alone is out of range near the ends; the second one rounds denormals once.
    Value half = arith::ShRSIOp::create(b, loc, n, i(1));
    return mul(mul(y, power2(half)), power2(isub(n, half)));
  }

  Value expm1(Value x) {
    Value input = x, low = c(-20.0f), high = c(89.0f);
    x = select(less(x, low), low, x);
    x = select(less(high, x), high, x);
    auto [n, r, tail] = reduceExp(x);
    // 2^n*(exp(r)-1) + (2^n - 1), with s = 2^(n-1) as 2^128 is not representable.
    Value s = power2(isub(n, i(1)));
    Value y = fma(s, add(r, tail), sub(s, c(0.5f)));
    y = add(y, y);
    return select(equal(input, c(0.0f)), input, y); // keeps -0
  }

  Value log(Value x) {
    Value tiny = c(1.17549435e-38f), denormal = less(x, tiny);
    Value scaled = select(denormal, mul(x, c(8388608.0f)), x);
    Value word = bits(scaled);
    Value e = isub(arith::ShRUIOp::create(b, loc, word, i(23)), i(126));
    e = isub(e, select(denormal, i(23), i(0)));
    Value m = real(arith::OrIOp::create(b, loc, arith::AndIOp::create(b, loc, word, i(0x007FFFFF)), i(0x3F000000)));
    Value small = less(m, c(0.707106781186547524f));
    e = isub(e, select(small, i(1), i(0)));
    m = sub(select(small, add(m, m), m), c(1.0f)); // m - 1 in [sqrt(1/2) - 1, sqrt(2) - 1]
    Value k = arith::SIToFPOp::create(b, loc, b.getF32Type(), e);
    Value z = mul(m, m);
    Value y = polynomial(m, {7.0376836292e-2f, -1.1514610310e-1f, 1.1676998740e-1f, -1.2420140846e-1f, 1.4249322787e-1f,
                             -1.6668057665e-1f, 2.0000714765e-1f, -2.4999993993e-1f, 3.3333331174e-1f});
    y = mul(mul(y, m), z);
    y = fma(k, c(-2.12194440e-4f), y);
    y = fma(z, c(-0.5f), y);
    y = fma(k, c(0.693359375f), add(m, y));
    Value inf = c(INFINITY);
    y = select(equal(x, inf), inf, y);
    y = select(equal(x, c(0.0f)), c(-INFINITY), y);
    Value fine = cmp(arith::CmpFPredicate::OGE, x, c(0.0f));
    return select(fine, y, c(NAN));
  }

  Value log1p(Value x) {
    // log(u) + (x - (u - 1))/u with u = 1 + x rounded: the second term puts back what the rounding lost.
    Value u = add(x, c(1.0f));
    Value lost = sub(x, sub(u, c(1.0f)));
    Value y = log(u);
    Value better = add(y, div(lost, u));
    Value plain = arith::OrIOp::create(b, loc, equal(u, c(INFINITY)), equal(u, c(0.0f)));
    y = select(plain, y, better);
    return select(equal(x, c(0.0f)), x, y);
  }

  Value tanh(Value x) {
    Value t = abs(x), z = mul(x, x);
    Value near = polynomial(
        z, {-5.70498872745e-3f, 2.06390887954e-2f, -5.37397155531e-2f, 1.33314422036e-1f, -3.33332819422e-1f});
    near = fma(mul(near, z), x, x);
    Value far = sub(c(1.0f), div(c(2.0f), add(exp(add(t, t)), c(1.0f))));
    return select(less(t, c(0.625f)), near, copysign(far, x));
  }

  Value erf(Value x) {
    Value t = abs(x), s = mul(x, x);
    Value far = fma(c(-1.72853470e-5f), t, c(3.83197126e-4f));
    Value next = fma(c(-3.88396438e-3f), t, c(2.42546219e-2f));
    far = fma(far, s, next);
    for (float coefficient : {-1.06777877e-1f, -6.34846687e-1f, -1.28717512e-1f})
      far = fma(far, t, c(coefficient));
    far = fma(far, t, sub(c(0.0f), t));
    far = copysign(sub(c(1.0f), exp(far)), x);
    Value near = polynomial(
        s, {-5.96761703e-4f, 4.99119423e-3f, -2.67681349e-2f, 1.12819925e-1f, -3.76125336e-1f, 1.28379166e-1f});
    near = fma(near, x, x);
    return select(less(c(0.927734375f), t), far, select(less(t, c(1.0f)), near, select(equal(t, t), far, x)));
  }
};

using Formula = Value (F32::*)(Value);

/// The formula of an op; null where the op has none.
Formula formulaOf(Operation *op) {
  return llvm::TypeSwitch<Operation *, Formula>(op)
      .Case<math::ExpOp>([](auto) { return &F32::exp; })
      .Case<math::ExpM1Op>([](auto) { return &F32::expm1; })
      .Case<math::LogOp>([](auto) { return &F32::log; })
      .Case<math::Log1pOp>([](auto) { return &F32::log1p; })
      .Case<math::TanhOp>([](auto) { return &F32::tanh; })
      .Case<math::ErfOp>([](auto) { return &F32::erf; })
      .Default([](auto) { return nullptr; });
}
} // namespace

void mlir::llcc::approximateMath(ModuleOp kernels) {
  SmallVector<Operation *> ops;
  kernels.walk([&](Operation *op) {
    if (isa<math::MathDialect>(op->getDialect()) && op->getNumResults() == 1)
      ops.push_back(op);
  });
  for (Operation *op : ops) {
    OpBuilder builder(op);
    Type type = op->getResult(0).getType();
    F32 f32{builder, op->getLoc()};
    Formula formula = formulaOf(op);
    if (isa<BFloat16Type, Float16Type>(type)) { // computed in f32
      OperationState state(op->getLoc(), op->getName());
      for (Value operand : op->getOperands())
        state.operands.push_back(
            operand.getType() == type
                ? arith::ExtFOp::create(builder, op->getLoc(), builder.getF32Type(), operand).getResult()
                : operand);
      state.addTypes(builder.getF32Type());
      state.addAttributes(op->getAttrs());
      Operation *wide = builder.create(state);
      Value result = wide->getResult(0);
      if (formula) {
        builder.setInsertionPoint(wide);
        result = (f32.*formula)(wide->getOperand(0));
        wide->erase();
        builder.setInsertionPoint(op);
      }
      op->getResult(0).replaceAllUsesWith(arith::TruncFOp::create(builder, op->getLoc(), type, result));
      op->erase();
    } else if (formula && type.isF32()) {
      op->getResult(0).replaceAllUsesWith((f32.*formula)(op->getOperand(0)));
      op->erase();
    } else if (isa<math::ExpM1Op, math::Log1pOp>(op) && type.isF64()) {
      // math-to-llvm writes exp(x) - 1 and log(1 + x), which lose everything near 0.
      StringRef name = isa<math::ExpM1Op>(op) ? "expm1" : "log1p";
      auto callee = kernels.lookupSymbol<func::FuncOp>(name);
      if (!callee) {
        OpBuilder top = OpBuilder::atBlockBegin(kernels.getBody());
        callee = func::FuncOp::create(top, op->getLoc(), name, top.getFunctionType({type}, {type}));
        callee.setPrivate();
      }
      auto call = func::CallOp::create(builder, op->getLoc(), callee, op->getOperands());
      op->getResult(0).replaceAllUsesWith(call.getResult(0));
      op->erase();
    }
  }
}
