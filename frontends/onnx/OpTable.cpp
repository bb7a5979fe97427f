// The table of operators.
#include "frontends/onnx/OpTable.h"
#include "frontends/onnx/ops/Regions.h"

namespace mlir::llcc::frontend {

OpTable::OpTable() {
  addActivationOps(*this);
  addAttentionOps(*this);
  addBatchNormOps(*this);
  addBitwiseOps(*this);
  addClassicalOps(*this);
  addConstantOps(*this);
  addContractionOps(*this);
  addControlFlowOps(*this);
  addCumulativeOps(*this);
  addDeterminantOps(*this);
  addEinsumOps(*this);
  addElementwiseOps(*this);
  addFeatureNormOps(*this);
  addGridOps(*this);
  addIndexingOps(*this);
  addLogicOps(*this);
  addLossOps(*this);
  addMicrosoftOps(*this);
  addNormalizationOps(*this);
  addPoolingOps(*this);
  addQuantizationOps(*this);
  addRandomOps(*this);
  addRearrangeOps(*this);
  addRecurrentOps(*this);
  addReductionOps(*this);
  addRegionOps(*this);
  addResizeOps(*this);
  addScatterOps(*this);
  addSelectionOps(*this);
  addSequenceOps(*this);
  addShapeOps(*this);
  addSignalOps(*this);
  addSortOps(*this);
  addTrigonometryOps(*this);
  addStateSpaceOps(*this);
  addTrainingOps(*this);
  addFlexAttentionOps(*this);
  addWindowOps(*this);
}

const OpTable &OpTable::get() {
  static const OpTable table;
  return table;
}

void OpTable::onOp(StringRef name, int64_t since, Handler import, ArrayRef<Role> roles, Handler fold,
                   StringRef domain) {
  OpRow &row = table[{domain.str(), name.str()}][since];
  row.since = since;
  row.import = import;
  row.fold = fold;
  row.roles.assign(roles.begin(), roles.end());
}

const OpRow *OpTable::find(StringRef domain, StringRef name, int64_t opset) const {
  auto it = table.find({domain.str(), name.str()});
  if (it == table.end())
    return nullptr;
  auto row = it->second.upper_bound(opset);
  return row == it->second.begin() ? nullptr : &std::prev(row)->second;
}

int64_t OpTable::oldest(StringRef domain, StringRef name) const {
  auto it = table.find({domain.str(), name.str()});
  return it == table.end() ? 0 : it->second.begin()->first;
}

} // namespace mlir::llcc::frontend
