// Gradients of arith: sums, products, choices, casts.
#include "passes/train/Gradients.h"

namespace mlir::llcc {
namespace {
using Predicate = arith::CmpFPredicate;

/// max and min: all of dy to the operand that wins, half to each where they are equal (torch.maximum). A NaN wins
/// against nothing and loses against nothing, so that it is seen in both gradients.
template <typename Op> void addChoice(GradientTable &table, Predicate loses) {
  table.add<Op>([loses](Op op, Backward &b) {
    auto share = [&](Value mine, Value other) {
      Value tie = b.select(b.compare(Predicate::OEQ, mine, other), b.mul(b.dy, 0.5), b.dy);
      return b.select(b.compare(loses, mine, other), b.constantLike(b.dy, 0), tie);
    };
    b.give(op.getLhs(), [&] { return share(op.getLhs(), op.getRhs()); });
    b.give(op.getRhs(), [&] { return share(op.getRhs(), op.getLhs()); });
  });
}
} // namespace

void addElementwiseGradients(GradientTable &table) {
  table.add<arith::AddFOp>([](arith::AddFOp op, Backward &b) {
    b.give(op.getLhs(), [&] { return b.dy; });
    b.give(op.getRhs(), [&] { return b.dy; });
  });
  table.add<arith::SubFOp>([](arith::SubFOp op, Backward &b) {
    b.give(op.getLhs(), [&] { return b.dy; });
    b.give(op.getRhs(), [&] { return b.neg(b.dy); });
  });
  table.add<arith::MulFOp>([](arith::MulFOp op, Backward &b) {
    Value x = op.getLhs(), y = op.getRhs();
    if (x == y) // a square: one product instead of two
      return b.give(x, [&] { return b.mul(x, b.mul(b.dy, 2)); });
    b.give(x, [&] { return b.mul(b.dy, y); });
    b.give(y, [&] { return b.mul(b.dy, x); });
  });
  table.add<arith::DivFOp>([](arith::DivFOp op, Backward &b) {
    Value scaled = b.div(b.dy, op.getRhs());
    b.give(op.getLhs(), [&] { return scaled; });
    b.give(op.getRhs(), [&] { return b.neg(b.mul(scaled, op.getResult())); });
  });
  // x - y*trunc(x/y)
  table.add<arith::RemFOp>([](arith::RemFOp op, Backward &b) {
    b.give(op.getLhs(), [&] { return b.dy; });
    b.give(op.getRhs(), [&] { return b.neg(b.mul(b.dy, b.unary<math::TruncOp>(b.div(op.getLhs(), op.getRhs())))); });
  });
  table.add<arith::NegFOp>([](arith::NegFOp op, Backward &b) { b.give(op.getOperand(), [&] { return b.neg(b.dy); }); });
  addChoice<arith::MaximumFOp>(table, Predicate::OLT);
  addChoice<arith::MaxNumFOp>(table, Predicate::OLT);
  addChoice<arith::MinimumFOp>(table, Predicate::OGT);
  addChoice<arith::MinNumFOp>(table, Predicate::OGT);
  // Never a product with 0 or 1: the value that was not chosen may be NaN or infinite. relu is a select, and its
  // gradient at 0 is 0 because the condition is x > 0.
  table.add<arith::SelectOp>([](arith::SelectOp op, Backward &b) {
    Value zero = b.constantLike(b.dy, 0);
    b.give(op.getTrueValue(), [&] { return b.select(op.getCondition(), b.dy, zero); });
    b.give(op.getFalseValue(), [&] { return b.select(op.getCondition(), zero, b.dy); });
  });
  auto cast = [](auto op, Backward &b) {
    b.give(op.getIn(), [&] { return b.convert(b.dy, typeOf(op.getIn()).getElementType()); });
  };
  table.add<arith::ExtFOp>(cast);
  table.add<arith::TruncFOp>(cast);
}
} // namespace mlir::llcc
