// Follows the rows that a NonZero of data has too many, and refuses models in which they would be seen.
#ifndef LLCC_FRONTENDS_ONNX_PADDEDROWS_H
#define LLCC_FRONTENDS_ONNX_PADDEDROWS_H

#include "frontends/onnx/Constant.h"
#include "frontends/onnx/onnx-ml.pb.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringRef.h"

namespace mlir::llcc::frontend {

/// Index of a row of padding: no tensor has so many rows, and it fits into 32 bits.
constexpr int64_t kNoRow = (int64_t(1) << 31) - 1;

/// How many elements are not 0 is known only when the model runs; shapes are known before. So NonZero gets as many
/// result rows as its input has elements, and those that it has too many are kNoRow. Exported mixtures of experts read
/// rows by them, compute row by row, and put the rows back by them (onnx.md 5.5):
///
///     rows = NonZero(mask)      x = Gather(tokens, rows)      y = mlp(x)      ScatterElements(out, rows, y)
///
/// Reading row kNoRow gives some row, putting there does nothing: the result is exact. This class proves, node by node,
/// that a model does no more than this with such rows.
class PaddedRows {
public:
  using ShapeOf = llvm::function_ref<Shape(const std::string &name)>;

  /// NonZero's result: dimension 1 is padded.
  void add(const std::string &name) { values[name] = {Row, 1, true}; }
  /// Notes what of the node's outputs is padded. A sentence where rows of padding would change a result, else empty.
  std::string follow(const ::onnx::NodeProto &node, ShapeOf shapeOf);
  /// Whether the value has rows of padding, or is computed from their number.
  bool contains(const std::string &name) const { return values.count(name); }

private:
  enum Kind { Row, Size };
  struct Padded {
    Kind kind = Row;    ///< Row: has rows of padding. Size: was computed from their number
    int64_t dim = 0;    ///< Row: along which dimension
    bool index = false; ///< Row: rows of padding hold kNoRow
  };
  llvm::StringMap<Padded> values;
};

} // namespace mlir::llcc::frontend

#endif
