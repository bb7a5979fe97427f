// State of one import: what each ONNX name stands for, and the function under construction.
#ifndef LLCC_FRONTENDS_ONNX_IMPORTER_H
#define LLCC_FRONTENDS_ONNX_IMPORTER_H

#include "frontends/onnx/Adapters.h"
#include "frontends/onnx/Algorithm.h"
#include "frontends/onnx/Aliases.h"
#include "frontends/onnx/Binder.h"
#include "frontends/onnx/Functions.h"
#include "frontends/onnx/Heads.h"
#include "frontends/onnx/PaddedRows.h"
#include "frontends/onnx/Parameters.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include <chrono>

namespace mlir::llcc::frontend {

/// What a name of the graph stands for: IR, a constant, or a tensor of the file (either until somebody needs the
/// other).
struct Slot {
  Value value;
  Type element; ///< of `value`, as ONNX says it: with its sign. Null: as the IR says
  ConstantPtr constant;
  Initializer *tensor = nullptr;
  bool broken = false; ///< its node was refused; whoever reads it is skipped without another message
  bool absent = false; ///< an optional without a value; one that has a value stands for that
  std::shared_ptr<const std::vector<Slot>> elements; ///< of a sequence; sequences never reach the IR

  bool isTensor() const { return value || constant || tensor; }
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
  // The same for slots that have no name; `name` is for locations. Null for what is no tensor.
  Value valueOf(Slot &slot, StringRef name);
  ConstantPtr constantOf(Slot &slot);
  void define(const std::string &name, Slot slot);
  bool isUsed(const std::string &name) const { return used.contains(name); }
  /// A handler would need the elements of `name` while importing: notes the inputs that it is computed from.
  void wantConstant(const std::string &name);

  /// NonZero's result `name` has more rows than elements were found.
  void padRows(const std::string &name) { padded.add(name); }
  /// Model inputs that `value` is computed from, sorted; `value` may be null.
  std::vector<std::string> inputsBehind(Value value);
  /// Imports the nodes of a subgraph where the builder stands, with `inputs` for its inputs; gives what its outputs
  /// stand for. Its names end with it. `suffix` goes behind the names of its nodes in locations: "[3]" for a turn of a
  /// loop. Fails, said, where a node is refused or too much is unrolled.
  FailureOr<std::vector<Slot>> inlineGraph(const ::onnx::NodeProto &owner, const ::onnx::GraphProto &graph,
                                           ArrayRef<Slot> inputs, const std::string &suffix);

  const std::string file; ///< name of the model file, for messages
  ImportErrors &errors;
  ExternalFiles files;
  MLIRContext *const context;
  const ImportOptions &options;
  int64_t streams = 0; ///< of random numbers that nodes have taken so far
  /// Notes that computed constants take `bytes` more; false, said once, where the import may not have so much.
  bool takeMemory(uint64_t bytes);

private:
  LogicalResult checkOpsets();
  void createFunction();
  LogicalResult importInputs();
  LogicalResult importArrays();
  LogicalResult declareOutputs();
  void refuseUnknownOperators(ArrayRef<const ::onnx::NodeProto *> nodes);
  void importNode(const ::onnx::NodeProto &node);
  void placeDropout(ArrayRef<const ::onnx::NodeProto *> nodes);
  bool broadcastsTooFar(const ::onnx::NodeProto &node);
  void insertDropout(Binder &binder);
  int64_t opsetOf(const ::onnx::NodeProto &node) const;
  LogicalResult importOutputs();
  std::string trainedOutput();
  void findSpareNodes();
  void dropUnused();
  void placeWeights(ImportedModel &imported);
  void collectTensors();
  bool standIn(const ::onnx::NodeProto &node);
  void fillReport();
  std::pair<std::string, uint64_t> placeOf(const Initializer &tensor,
                                           const llvm::StringMap<std::pair<uint64_t, uint64_t>> &raw) const;
  Value addParameter(StringRef name, const Constant *constant, Initializer *tensor, RankedTensorType type,
                     bool trainable);
  Value adapt(StringRef name, Value weight, const Adapter &adapter);

  bool isInTime();

  const uint64_t maxMemory;
  uint64_t constantBytes = 0; ///< of constants that were computed
  bool exhausted = false;     ///< memory or time is used up, and it is said
  const std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
  ::onnx::ModelProto model;
  int64_t opset = 0;
  int64_t batch = 0;
  std::vector<Initializer> tensors;
  llvm::StringMap<double> dropped; ///< values behind which dropout is inserted, with its ratio
  AppendedAlgorithm appended;      ///< behind the graph, for as long as the import
  Separated separated;
  std::map<const Initializer *, Adapter> adapters;
  std::map<std::string, Slot> slots;
  /// For each subgraph being imported: names it has defined, and what they stood for outside.
  std::vector<std::vector<std::pair<std::string, std::optional<Slot>>>> scopes;
  NodeOpsets opsets;
  std::optional<int64_t> innerOpset; ///< of the subgraph being imported
  std::string suffix;                ///< of its locations
  int64_t unrolled = 0;              ///< nodes of subgraphs so far
  llvm::StringSet<> used;
  PaddedRows padded;
  std::vector<const ::onnx::NodeProto *> nodes; ///< live, producers first
  NodeSet spare;        ///< of training: the nodes that the trained output does without; a refusal there stops nothing
  InputArrays defaults; ///< of graph inputs that have an initializer and no array
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
