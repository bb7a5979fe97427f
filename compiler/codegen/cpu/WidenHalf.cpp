// Arithmetic on bf16 becomes arithmetic on f32 between conversions: LLVM's own promotion calls a library that no system
// has by default (__truncsfbf2). Conversions are then expanded into integer operations, which vectorise on every level.
#include "compiler/codegen/cpu/CpuCode.h"

using namespace mlir;

void mlir::llcc::widenHalf(ModuleOp kernels) {
  SmallVector<Operation *> ops;
  auto isHalf = [](Type type) { return type.isBF16(); };
  kernels.walk([&](Operation *op) {
    bool arithmetic = isa<arith::ArithDialect>(op->getDialect()) &&
                      !isa<arith::ConstantOp, arith::SelectOp, arith::ExtFOp, arith::TruncFOp, arith::BitcastOp>(op);
    if (arithmetic && (llvm::any_of(op->getOperandTypes(), isHalf) || llvm::any_of(op->getResultTypes(), isHalf)))
      ops.push_back(op);
    // Only f32 and bf16 convert without a library.
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
    if (auto truncate = dyn_cast<arith::TruncFOp>(op)) { // from f64: rounded twice, as through f32
      op->setOperand(0, arith::TruncFOp::create(builder, op->getLoc(), f32, truncate.getIn()));
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
}
