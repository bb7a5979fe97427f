// In which role the graph reads a stored tensor, and whether that makes it a parameter.
#ifndef LLCC_FRONTENDS_ONNX_ROLES_H
#define LLCC_FRONTENDS_ONNX_ROLES_H

#include "frontends/onnx/OpTable.h"
#include "frontends/onnx/Parameters.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"

namespace mlir::llcc::frontend {

/// Who reads what, among the live nodes of a graph.
struct Readers {
  using Node = ::onnx::NodeProto;
  Readers(const ::onnx::GraphProto &graph, ArrayRef<const Node *> nodes, int64_t opset);

  llvm::StringMap<SmallVector<std::pair<const Node *, unsigned>>> of; ///< value -> who reads it at which input
  llvm::StringMap<const Node *> producer;
  llvm::StringSet<> outputs;     ///< of the graph
  llvm::StringSet<> overridable; ///< initializers that are listed as inputs of the graph
  llvm::StringSet<> raw;         ///< inputs of the graph, and what views and casts make of them

  Role role(const Node &node, unsigned input) const;
  /// What a loop calls inside what it is given at `input` and never changes, as Keras hands weights to the loop of its
  /// GRU; empty otherwise.
  std::string nameInLoop(const Node &node, unsigned input) const;
  /// x of `x + b`: is it what a contraction with weights made?
  bool addsToContraction(const Node &node, unsigned input) const;
  /// Does a sum go into a softmax, through further sums? Then what it adds is a mask or a table of positions.
  bool feedsScores(const Node &sum) const;
  /// Is the other operand the model's input as it came (or after other statistics were applied to it)?
  bool normalizesInput(const Node &node, unsigned input) const;

  int64_t opset;

private:
  const OpTable &table = OpTable::get();
};

/// Follows the views of a tensor to what computes with it. Source of the rules: reference/onnx.md §5.4, §12.
Decision decideRole(const Initializer &init, const Readers &readers, ExternalFiles &files);

} // namespace mlir::llcc::frontend

#endif
