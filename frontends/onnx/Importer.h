// State of one import: what each ONNX name stands for, and the function under construction.
#ifndef LLCC_FRONTENDS_ONNX_IMPORTER_H
#define LLCC_FRONTENDS_ONNX_IMPORTER_H

#include "frontends/onnx/Binder.h"
#include "frontends/onnx/PaddedRows.h"
#include "frontends/onnx/Parameters.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/StringSet.h"

namespace mlir::llcc::frontend {

/// What a name of the graph stands for: IR, a constant, or a tensor of the file (either until somebody needs the
/// other).
struct Slot {
  Value value;
  Type element; ///< of `value`, as ONNX says it: with its sign. Null: as the IR says
  ConstantPtr constant;
  Initializer *tensor = nullptr;
  bool broken = false; ///< its node was refused; whoever reads it is skipped without another message
};

class Importer {
public:
  Importer(StringRef path, const ImportOptions &options, MLIRContext *context, ImportErrors &errors);
  FailureOr<ImportedModel> run();

  // For Binder.
  Slot *slot(const std::string &name);
  Value valueOf(const std::string &name);
  ConstantPtr constantOf(const std::string &name);
  std::pair<Type, Shape> typeOfName(const std::string &name);
  void define(const std::string &name, Slot slot) { slots[name] = std::move(slot); }
  bool isUsed(const std::string &name) const { return used.contains(name); }
  /// A handler would need the elements of `name` while importing: notes the inputs that it is computed from.
  void wantConstant(const std::string &name);

  /// NonZero's result `name` has more rows than elements were found.
  void padRows(const std::string &name) { padded.add(name); }

  const std::string file; ///< name of the model file, for messages
  ImportErrors &errors;
  ExternalFiles files;
  MLIRContext *const context;

private:
  LogicalResult checkOpsets();
  void createFunction();
  LogicalResult importInputs();
  LogicalResult importArrays();
  LogicalResult declareOutputs();
  void refuseUnknownOperators(ArrayRef<const ::onnx::NodeProto *> nodes);
  void importNode(const ::onnx::NodeProto &node);
  LogicalResult importOutputs();
  void dropUnused();
  void placeWeights(ImportedModel &imported);
  Value addParameter(StringRef name, const Constant *constant, Initializer *tensor, RankedTensorType type);

  const ImportOptions &options;
  ::onnx::ModelProto model;
  int64_t opset = 0;
  int64_t batch = 0;
  std::vector<Initializer> tensors;
  std::map<std::string, Slot> slots;
  llvm::StringSet<> used;
  PaddedRows padded;
  std::vector<const ::onnx::NodeProto *> nodes; ///< live, producers first
  InputArrays defaults;                         ///< of graph inputs that have an initializer and no array
  std::vector<DeclaredTensor> declaredInputs, declaredOutputs;
  OwningOpRef<ModuleOp> module;
  func::FuncOp function;
  OpBuilder builder;
  struct Argument {
    std::string name;
    DictionaryAttr attributes;
    Initializer *tensor = nullptr; ///< params: of the file
    std::string computed;          ///< params: bytes that were computed while importing
  };
  std::vector<Argument> arguments;
};

} // namespace mlir::llcc::frontend

#endif
