// The vocabulary in which operator handlers read a node: inputs, attributes with defaults, results, good refusals.
#ifndef LLCC_FRONTENDS_ONNX_BINDER_H
#define LLCC_FRONTENDS_ONNX_BINDER_H

#include "frontends/onnx/Constant.h"
#include "frontends/onnx/Import.h"
#include "frontends/onnx/onnx-ml.pb.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/SmallSet.h"

namespace mlir::llcc::frontend {

class Importer;
struct Slot;

/// `node "fc1" (Gemm)`: how messages call a node; nodes without a name go by their first output.
std::string nodeLabel(const ::onnx::NodeProto &node);
/// The name without the operator, for locations.
StringRef nodeName(const ::onnx::NodeProto &node);
/// A name in quotes, escaped and cut to a readable length.
std::string quote(StringRef name);

/// One node, as its handler sees it. Inputs that are wrong or missing say so at once and read as null; an attribute
/// that the handler never asks for is an error of the model, so handlers read all attributes before they return.
///
/// Nodes of bf16 and f16 compute in f32 and round their results once, as ONNX asks: their handlers see f32 inputs.
/// Nodes that only move elements see the 16 bits.
class Binder {
public:
  Binder(Importer &importer, const ::onnx::NodeProto &node, int64_t opset, OpBuilder &builder, Location loc);

  const ::onnx::NodeProto &node;
  const int64_t opset;
  OpBuilder &builder;
  const Location loc;
  MLIRContext *context() const { return builder.getContext(); }

  // Inputs. `what` is the input's name in the ONNX documentation.
  unsigned numInputs() const { return node.input_size(); }
  bool hasInput(unsigned i) const { return i < numInputs() && !node.input(i).empty(); }
  /// 8-bit floats are refused: the IR holds their bits as i8, so that sums of them would be sums of bits.
  Value input(unsigned i, StringRef what);
  /// …taken as well, by who only moves elements or converts them (ElementCast.h).
  Value inputOfAnyType(unsigned i, StringRef what);
  /// An input of float elements.
  Value floatInput(unsigned i, StringRef what);
  /// What a name of the graph stands for; null without a message where it stands for nothing. Such names are no inputs:
  /// namesReadBy must know them.
  Value valueNamed(const std::string &name);
  /// Null without a message where the input is absent.
  Value optionalFloatInput(unsigned i, StringRef what);
  /// The elements of an input that is known while importing; null where it is not (no message).
  ConstantPtr constant(unsigned i);
  /// Integers that must be known while importing (shapes, axes); `values` stays as it is where an optional input is
  /// absent.
  LogicalResult constantInts(unsigned i, StringRef what, SmallVectorImpl<int64_t> &values, bool optional = false);
  /// Element type (as ONNX says it: unsigned integers are ui8 … ui64) and shape of an input, without making IR for it;
  /// null type where absent.
  std::pair<Type, Shape> inputType(unsigned i);

  // Attributes.
  bool hasAttr(StringRef name);
  int64_t attrInt(StringRef name, int64_t otherwise);
  double attrFloat(StringRef name, double otherwise);
  std::string attrString(StringRef name, StringRef otherwise);
  Shape attrInts(StringRef name, ArrayRef<int64_t> otherwise = {});
  std::vector<double> attrFloats(StringRef name);
  std::vector<std::string> attrStrings(StringRef name);
  /// A graph attribute; null (said) where absent.
  const ::onnx::GraphProto *attrGraph(StringRef name);
  /// A tensor attribute as constant; null (said) where absent.
  ConstantPtr attrTensor(StringRef name);
  /// Marks an attribute as read that has no influence on what llcc computes.
  void ignoreAttr(StringRef name) { read.insert(name.str()); }

  /// Does input `i` hold unsigned integers? Values of the IR have no sign; what depends on it (Div, compare, Cast, max)
  /// asks here.
  bool isUnsigned(unsigned i) { return inputType(i).first && inputType(i).first.isUnsignedInteger(); }
  /// IR for something that the handler computed.
  Value value(ConstantPtr constant);

  // What is no tensor: sequences, optionals, and subgraphs. Importer.h has Slot.
  /// What input `i` stands for; null (said) where absent.
  Slot *slot(unsigned i, StringRef what);
  void result(Slot slot, unsigned i);
  Value valueOf(Slot &slot);
  ConstantPtr constantOf(Slot &slot);
  /// As Importer::inlineGraph.
  FailureOr<std::vector<Slot>> inlineGraph(const ::onnx::GraphProto &graph, ArrayRef<Slot> inputs,
                                           const std::string &suffix);
  /// Model inputs that `slot` is computed from, in order.
  std::vector<std::string> inputsBehind(Slot &slot);

  // Results.
  /// `element`: the ONNX element type, with its sign. Without it integers are unsigned where the first input of that
  /// width is.
  void result(Value value, unsigned i = 0, Type element = {});
  void result(ConstantPtr constant, unsigned i = 0);
  /// Rows of output 0 beyond those that exist are kNoRow (PaddedRows.h).
  void resultHasPadding();
  /// The result is input `i` under another name.
  void forward(unsigned input, unsigned i = 0);
  /// The value of a constant that the handler made; `what` tells it apart from the node's other ones.
  Value constantValue(ConstantPtr constant, StringRef what);
  /// True where somebody reads output `i` of the node.
  bool outputUsed(unsigned i) const;

  /// Normalises an axis in [-rank, rank); says so and returns nothing where it is outside.
  std::optional<int64_t> axis(int64_t value, int64_t rank);

  /// What the user asked for.
  const ImportOptions &options() const;
  /// A number that no other draw of random numbers has in this model; depends on the graph alone.
  int64_t randomStream();
  /// Whether input `i` stands for a parameter of the file that llcc.track may move.
  bool isTracked(unsigned i) const;
  /// Whether input `i` stands for a bias whose recurrent half is zero and stays so (Initializer::singleBias).
  bool isSingleBias(unsigned i) const;

  // Refusals: always failure. `bad` for what contradicts the ONNX standard, `unsupported` for what llcc cannot do yet.
  LogicalResult bad(const Twine &what);
  LogicalResult unsupported(const Twine &what);
  /// Says what may not be meant, and goes on.
  void warn(const Twine &what);
  /// A refusal has been said; the handler's IR will not be used.
  bool failed() const { return hasFailed; }

  /// Called by the importer after the handler: attributes nobody asked for, results that are missing.
  LogicalResult finish();

private:
  /// The type that a result of f32 elements is rounded to; null: it stays.
  FloatType roundedType(unsigned result) const;
  bool seesWide(Type type) const { return widens && (type.isF16() || type.isBF16()); }
  const ::onnx::AttributeProto *find(StringRef name, ::onnx::AttributeProto::AttributeType type, const char *expected);
  Importer &importer;
  llvm::SmallSet<std::string, 8> read;
  bool hasFailed = false;
  bool widens; ///< bf16 and f16 inputs are seen as f32
};

inline RankedTensorType typeOf(Value v) { return cast<RankedTensorType>(v.getType()); }
inline ArrayRef<int64_t> shapeOf(Value v) { return typeOf(v).getShape(); }
inline int64_t rankOf(Value v) { return typeOf(v).getRank(); }

} // namespace mlir::llcc::frontend

#endif
