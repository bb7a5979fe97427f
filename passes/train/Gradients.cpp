// The gradient table and the sums of cotangents.
#include "passes/train/Gradients.h"

namespace mlir::llcc {

void Cotangents::add(Emitter &e, Value value, Value cotangent) {
  Value &sum = sums[value];
  sum = sum ? e.add(sum, cotangent) : cotangent;
}

Value Backward::zeroWithDy(Value cotangent) {
  if (cotangent == dy || typeOf(cotangent).getShape() != typeOf(dy).getShape())
    return cotangent;
  return select(compare(arith::CmpFPredicate::OEQ, dy, constantLike(dy, 0)), constantLike(cotangent, 0), cotangent);
}

GradientTable::GradientTable() {
  addElementwiseGradients(*this);
  addMathGradients(*this);
  addShapeGradients(*this);
  addIndexingGradients(*this);
  addContractionGradients(*this);
  addRecurrenceGradients(*this);
  addWholeGradients(*this);
}

const GradientTable &GradientTable::get() {
  static const GradientTable table;
  return table;
}

const GradientTable::Rule *GradientTable::lookup(StringRef name) const {
  auto it = rules.find(name);
  return it == rules.end() ? nullptr : &it->second;
}

} // namespace mlir::llcc
