// The table of operators: the importer itself knows none. A row is a name, the opset version since which it reads so,
// and what reads it.
#ifndef LLCC_FRONTENDS_ONNX_OPTABLE_H
#define LLCC_FRONTENDS_ONNX_OPTABLE_H

#include "mlir/Support/LLVM.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringMap.h"
#include <map>

namespace mlir::llcc::frontend {

class Binder;

/// Reads one node: takes inputs and attributes from the binder, builds IR, gives results back; failure after saying
/// why.
using Handler = LogicalResult (*)(Binder &);

/// What a float initializer is when it stands at an input of an operator.
enum class Role : uint8_t {
  Elementwise, ///< a parameter, unless it has one element or looks like a mask
  Scale,  ///< the same, unless it varies along more than one dimension: tables of rotary positions do, learned gains do
          ///< not
  Affine, ///< a parameter, unless all its elements are equal: what exporters write where a norm has no gain or offset
  Weight, ///< a parameter
  View,   ///< what the result is (transposes and the like)
  Scores, ///< of a softmax: what varies along several dimensions and is added to them is a mask
  Data,   ///< never a parameter: conditions, bounds, indices
};

struct OpRow {
  int64_t since = 1;
  Handler import = nullptr;
  Handler fold = nullptr; ///< for inputs that are all constants; null: there is no such form
  SmallVector<Role, 3> roles;

  Role role(unsigned input) const {
    return roles.empty() ? Role::Elementwise : roles[std::min<size_t>(input, roles.size() - 1)];
  }
};

/// Newest opset of the default domain that the rows were written against.
constexpr int64_t kNewestOpset = 28;

class OpTable {
public:
  static const OpTable &get();

  /// Adds a row for `name`; the row with the greatest since-version <= the model's opset wins. `roles`: one for each
  /// input, the last one repeats. Rows of the default domain unless said otherwise.
  void onOp(StringRef name, int64_t since, Handler import, ArrayRef<Role> roles = {}, Handler fold = nullptr,
            StringRef domain = "");

  /// The row for an operator in a model of this opset; null where there is none.
  const OpRow *find(StringRef domain, StringRef name, int64_t opset) const;
  /// The oldest since-version of an operator; 0 where it is not known at all.
  int64_t oldest(StringRef domain, StringRef name) const;

  using Rows = std::map<std::pair<std::string, std::string>, std::map<int64_t, OpRow>>;
  const Rows &rows() const { return table; } ///< (domain, name) -> since -> row, for `llcc ops`

private:
  OpTable();
  Rows table;
};

// One function a family (ops/*.cpp) adds its rows.
void addActivationOps(OpTable &table);
void addAttentionOps(OpTable &table);
void addBatchNormOps(OpTable &table);
void addBitwiseOps(OpTable &table);
void addClassicalOps(OpTable &table);
void addConstantOps(OpTable &table);
void addContractionOps(OpTable &table);
void addControlFlowOps(OpTable &table);
void addCumulativeOps(OpTable &table);
void addDeterminantOps(OpTable &table);
void addEinsumOps(OpTable &table);
void addElementwiseOps(OpTable &table);
void addFeatureNormOps(OpTable &table);
void addGridOps(OpTable &table);
void addIndexingOps(OpTable &table);
void addLogicOps(OpTable &table);
void addLossOps(OpTable &table);
void addMicrosoftOps(OpTable &table);
void addNormalizationOps(OpTable &table);
void addPoolingOps(OpTable &table);
void addQuantizationOps(OpTable &table);
void addRandomOps(OpTable &table);
void addRearrangeOps(OpTable &table);
void addRecurrentOps(OpTable &table);
void addReductionOps(OpTable &table);
void addResizeOps(OpTable &table);
void addScatterOps(OpTable &table);
void addSelectionOps(OpTable &table);
void addSequenceOps(OpTable &table);
void addShapeOps(OpTable &table);
void addSignalOps(OpTable &table);
void addSortOps(OpTable &table);
void addTrigonometryOps(OpTable &table);
void addStateSpaceOps(OpTable &table);
void addFlexAttentionOps(OpTable &table);
void addTrainingOps(OpTable &table);
void addWindowOps(OpTable &table);

} // namespace mlir::llcc::frontend

#endif
