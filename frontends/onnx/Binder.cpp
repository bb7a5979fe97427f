// The vocabulary in which operator handlers read a node.
#include "frontends/onnx/Binder.h"
#include "frontends/onnx/ElementCast.h"
#include "frontends/onnx/Importer.h"
#include "frontends/onnx/Payload.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/raw_ostream.h"

namespace mlir::llcc::frontend {

using Attribute = ::onnx::AttributeProto;

std::string quote(StringRef name) {
  constexpr size_t kReadable = 120;
  std::string text = "\"";
  llvm::raw_string_ostream stream(text);
  llvm::printEscapedString(name.take_front(kReadable), stream);
  if (name.size() > kReadable)
    stream << "…";
  stream << '"';
  return text;
}

StringRef nodeName(const ::onnx::NodeProto &node) {
  if (!node.name().empty())
    return node.name();
  for (const auto &output : node.output())
    if (!output.empty())
      return output;
  return "";
}

std::string nodeLabel(const ::onnx::NodeProto &node) {
  std::string op;
  llvm::raw_string_ostream stream(op);
  llvm::printEscapedString(StringRef(node.op_type()).take_front(120), stream);
  return "node " + quote(nodeName(node)) + " (" + op + ")";
}

/// Operators that only move elements, or choose their result's type themselves.
static const llvm::StringSet<> kMoving = {
    "BitCast",      "Cast",      "CastLike", "Compress",  "Concat",       "Constant",       "ConstantOfShape",
    "DepthToSpace", "Expand",    "EyeLike",  "Flatten",   "Gather",       "GatherElements", "GatherND",
    "Identity",     "If",        "Loop",     "OneHot",    "Pad",          "Reshape",        "ReverseSequence",
    "Scan",         "Shape",     "Size",     "Slice",     "SpaceToDepth", "Split",          "Squeeze",
    "Tile",         "Transpose", "Trilu",    "Unsqueeze", "Where"};

Binder::Binder(Importer &importer, const ::onnx::NodeProto &node, int64_t opset, OpBuilder &builder, Location loc)
    : node(node), opset(opset), builder(builder), loc(loc), importer(importer),
      widens(!kMoving.contains(node.op_type())) {}

FloatType Binder::roundedType(unsigned result) const {
  if (!widens)
    return {};
  // Statistics of norms have types of their own: of stash_type, which is float32, and of the running ones.
  if (result > 0 && node.op_type() == "LayerNormalization")
    return {};
  int first = result > 0 && node.op_type() == "BatchNormalization" ? 3 : 0;
  for (int i = first; i < node.input_size(); ++i) {
    Type type = node.input(i).empty() ? Type() : importer.typeOfName(node.input(i)).first;
    if (auto floating = dyn_cast_or_null<FloatType>(type); floating && !isNarrowFloat(type)) // a scale says it
      return seesWide(floating) ? floating : FloatType();
  }
  return {};
}

LogicalResult Binder::bad(const Twine &what) {
  hasFailed = true;
  importer.errors.add(ImportErrors::Bad, importer.file + ": " + nodeLabel(node) + ": " + what, nodeName(node),
                      node.op_type(), what);
  return failure();
}

LogicalResult Binder::unsupported(const Twine &what) {
  hasFailed = true;
  importer.errors.add(ImportErrors::Unsupported, importer.file + ": " + nodeLabel(node) + ": " + what, nodeName(node),
                      node.op_type(), what);
  return failure();
}

void Binder::warn(const Twine &what) { importer.errors.warn(importer.file + ": " + nodeLabel(node) + ": " + what); }

//===-- Inputs ---------------------------------------------------------------===//

Value Binder::input(unsigned i, StringRef what) {
  Type element = inputType(i).first;
  if (!element || !isNarrowFloat(element))
    return inputOfAnyType(i, what);
  std::string type;
  llvm::raw_string_ostream(type) << element;
  (void)unsupported("input " + what + " has element type " + type + ", which is not supported here");
  return {};
}

Value Binder::inputOfAnyType(unsigned i, StringRef what) {
  if (!hasInput(i)) {
    (void)bad("input " + what + " (number " + Twine(i) + ") is missing");
    return {};
  }
  if (Slot *s = importer.slot(node.input(i)); s && !s->isTensor()) {
    (void)bad("input " + what + " (" + quote(node.input(i)) + ") is " +
              (s->elements ? "a sequence" : "an optional without a value") + ", it must be a tensor");
    return {};
  }
  Value v = importer.valueOf(node.input(i));
  if (!v || !seesWide(typeOf(v).getElementType()))
    return v;
  return builder.createOrFold<arith::ExtFOp>(loc, typeOf(v).clone(builder.getF32Type()), v);
}

Slot *Binder::slot(unsigned i, StringRef what) {
  if (hasInput(i))
    return importer.slot(node.input(i));
  (void)bad("input " + what + " (number " + Twine(i) + ") is missing");
  return nullptr;
}

Value Binder::valueOf(Slot &slot) { return importer.valueOf(slot, nodeName(node)); }

ConstantPtr Binder::constantOf(Slot &slot) { return importer.constantOf(slot); }

FailureOr<std::vector<Slot>> Binder::inlineGraph(const ::onnx::GraphProto &graph, ArrayRef<Slot> inputs,
                                                 const std::string &suffix) {
  auto outputs = importer.inlineGraph(node, graph, inputs, suffix);
  hasFailed |= mlir::failed(outputs);
  return outputs;
}

std::vector<std::string> Binder::inputsBehind(Slot &slot) { return importer.inputsBehind(slot.value); }

Value Binder::floatInput(unsigned i, StringRef what) {
  Value v = input(i, what);
  if (v && !isa<FloatType>(typeOf(v).getElementType())) {
    std::string type;
    llvm::raw_string_ostream(type) << typeOf(v).getElementType();
    (void)unsupported("input " + what + " has element type " + type + ", only floats are supported here");
    return {};
  }
  return v;
}

Value Binder::valueNamed(const std::string &name) { return importer.valueOf(name); }

Value Binder::optionalFloatInput(unsigned i, StringRef what) { return hasInput(i) ? floatInput(i, what) : Value(); }

ConstantPtr Binder::constant(unsigned i) {
  ConstantPtr found = hasInput(i) ? importer.constantOf(node.input(i)) : nullptr;
  if (!found && hasInput(i))
    importer.wantConstant(node.input(i));
  return found;
}

LogicalResult Binder::constantInts(unsigned i, StringRef what, SmallVectorImpl<int64_t> &values, bool optional) {
  if (!hasInput(i))
    return optional ? success() : bad("input " + what + " (number " + Twine(i) + ") is missing");
  ConstantPtr c = constant(i);
  if (!c)
    return unsupported("input " + what + " (" + quote(node.input(i)) +
                       ") is computed from the model's data; it must be a constant");
  if (c->isFloat())
    return bad("input " + what + " holds floats, it must hold integers");
  if (c->shape.size() > 1)
    return bad("input " + what + " has shape " + showShape(c->shape) + ", it must have one dimension");
  values.assign(c->ints.begin(), c->ints.end());
  return success();
}

Value Binder::value(ConstantPtr constant) {
  std::string name;
  for (unsigned i = 0; i == 0 || importer.slot(name); ++i)
    name = nodeName(node).str() + "#" + std::to_string(i);
  Slot slot;
  slot.constant = std::move(constant);
  importer.define(name, slot);
  return importer.valueOf(name);
}

std::pair<Type, Shape> Binder::inputType(unsigned i) {
  auto [type, shape] = hasInput(i) ? importer.typeOfName(node.input(i)) : std::pair<Type, Shape>();
  return {type && seesWide(type) ? Type(builder.getF32Type()) : type, shape};
}

std::optional<int64_t> Binder::axis(int64_t value, int64_t rank) {
  if (value < -rank || value >= rank) {
    (void)bad("axis " + Twine(value) + " is outside of an input with " + Twine(rank) + " dimensions");
    return std::nullopt;
  }
  return value < 0 ? value + rank : value;
}

//===-- Attributes -----------------------------------------------------------===//

const Attribute *Binder::find(StringRef name, Attribute::AttributeType type, const char *expected) {
  read.insert(name.str());
  for (const Attribute &a : node.attribute()) {
    if (a.name() != name)
      continue;
    // Files older than IR version 2 leave the type out; then the field that is there tells.
    bool fits = a.type() == type;
    if (a.type() == Attribute::UNDEFINED)
      fits = (type == Attribute::INT && a.has_i()) || (type == Attribute::FLOAT && a.has_f()) ||
             (type == Attribute::STRING && a.has_s()) || (type == Attribute::TENSOR && a.has_t()) ||
             (type == Attribute::GRAPH && a.has_g()) || type == Attribute::INTS || type == Attribute::FLOATS ||
             type == Attribute::STRINGS;
    if (fits)
      return &a;
    (void)bad("attribute \"" + name + "\" must be " + expected);
    return nullptr;
  }
  return nullptr;
}

bool Binder::hasAttr(StringRef name) {
  return llvm::any_of(node.attribute(), [&](const Attribute &a) { return a.name() == name; });
}

int64_t Binder::attrInt(StringRef name, int64_t otherwise) {
  const Attribute *a = find(name, Attribute::INT, "an integer");
  return a ? a->i() : otherwise;
}

double Binder::attrFloat(StringRef name, double otherwise) {
  const Attribute *a = find(name, Attribute::FLOAT, "a float");
  return a ? a->f() : otherwise;
}

std::string Binder::attrString(StringRef name, StringRef otherwise) {
  const Attribute *a = find(name, Attribute::STRING, "a string");
  return a ? a->s() : otherwise.str();
}

Shape Binder::attrInts(StringRef name, ArrayRef<int64_t> otherwise) {
  const Attribute *a = find(name, Attribute::INTS, "a list of integers");
  return a ? Shape(a->ints().begin(), a->ints().end()) : Shape(otherwise);
}

std::vector<double> Binder::attrFloats(StringRef name) {
  const Attribute *a = find(name, Attribute::FLOATS, "a list of floats");
  return a ? std::vector<double>(a->floats().begin(), a->floats().end()) : std::vector<double>();
}

std::vector<std::string> Binder::attrStrings(StringRef name) {
  const Attribute *a = find(name, Attribute::STRINGS, "a list of strings");
  return a ? std::vector<std::string>(a->strings().begin(), a->strings().end()) : std::vector<std::string>();
}

const ::onnx::GraphProto *Binder::attrGraph(StringRef name) {
  const Attribute *a = find(name, Attribute::GRAPH, "a graph");
  if (!a && !failed())
    (void)bad("attribute \"" + name + "\" is missing");
  return a ? &a->g() : nullptr;
}

ConstantPtr Binder::attrTensor(StringRef name) {
  const Attribute *a = find(name, Attribute::TENSOR, "a tensor");
  if (!a) {
    if (!failed())
      (void)bad("attribute \"" + name + "\" is missing");
    return nullptr;
  }
  std::string subject = importer.file + ": " + nodeLabel(node) + ": attribute \"" + name.str() + "\"";
  auto payload = checkPayload(a->t(), subject, context(), importer.files, importer.errors);
  if (!payload) {
    hasFailed = true;
    return nullptr;
  }
  if (payload->elements > kMaxConstantElements) {
    (void)unsupported("a constant of " + Twine(payload->elements) +
                      " elements is too large; store it as an initializer");
    return nullptr;
  }
  return readConstant(a->t(), *payload, importer.files);
}

//===-- Results --------------------------------------------------------------===//

void Binder::result(Value value, unsigned i, Type element) {
  if (int(i) >= node.output_size() || node.output(i).empty())
    return;
  if (!countElements(shapeOf(value))) {
    (void)bad("its result has dimensions " + showShape(shapeOf(value)) + ", more than 2^40 elements");
    return;
  }
  Type own = typeOf(value).getElementType();
  for (unsigned k = 0; k < numInputs() && !element && own.isSignlessInteger() && !own.isInteger(1); ++k)
    if (Type type = inputType(k).first; type && storageType(type) == own)
      element = type;
  Slot slot;
  slot.value = value;
  slot.element = element ? element : own;
  bool chosen = isa_and_nonnull<FloatType>(element); // by an attribute
  if (FloatType rounded = roundedType(i); rounded && own.isF32() && !chosen) {
    slot.value = builder.createOrFold<arith::TruncFOp>(loc, typeOf(value).clone(rounded), value);
    slot.element = rounded;
  }
  importer.define(node.output(i), slot);
}

void Binder::result(ConstantPtr constant, unsigned i) {
  if (int(i) >= node.output_size() || node.output(i).empty())
    return;
  if (!importer.takeMemory(constant->size() * 8)) {
    hasFailed = true; // said
    return;
  }
  if (FloatType rounded = roundedType(i); rounded && constant->type.isF32()) {
    auto narrow = std::make_shared<Constant>(*constant);
    narrow->type = rounded;
    narrow->round();
    constant = std::move(narrow);
  }
  Slot slot;
  slot.constant = std::move(constant);
  importer.define(node.output(i), slot);
}

void Binder::result(Slot slot, unsigned i) {
  if (int(i) < node.output_size() && !node.output(i).empty())
    importer.define(node.output(i), std::move(slot));
}

void Binder::forward(unsigned input, unsigned i) {
  if (int(i) < node.output_size() && !node.output(i).empty())
    importer.define(node.output(i), *importer.slot(node.input(input)));
}

void Binder::resultHasPadding() { importer.padRows(node.output(0)); }
Value Binder::constantValue(ConstantPtr constant, StringRef what) {
  std::string name = (nodeName(node) + ":" + what).str();
  for (unsigned n = 2; importer.slot(name); ++n)
    name = (nodeName(node) + ":" + what + std::to_string(n)).str();
  Slot slot;
  slot.constant = std::move(constant);
  importer.define(name, slot);
  return importer.valueOf(name);
}

bool Binder::outputUsed(unsigned i) const {
  return int(i) < node.output_size() && !node.output(i).empty() && importer.isUsed(node.output(i));
}

const ImportOptions &Binder::options() const { return importer.options; }

int64_t Binder::randomStream() { return importer.streams++; }

bool Binder::isTracked(unsigned i) const {
  Slot *s = hasInput(i) ? importer.slot(node.input(i)) : nullptr;
  return s && s->tensor && s->tensor->statistic && s->tensor->parameter;
}

bool Binder::isSingleBias(unsigned i) const {
  Slot *s = hasInput(i) ? importer.slot(node.input(i)) : nullptr;
  return s && s->tensor && s->tensor->singleBias;
}

LogicalResult Binder::finish() {
  for (const Attribute &a : node.attribute()) {
    if (!a.ref_attr_name().empty())
      return bad("attribute " + quote(a.name()) + " refers to a function's attribute outside of a function");
    if (!read.contains(a.name()))
      return bad("attribute " + quote(a.name()) + " is not known in opset " + Twine(opset));
  }
  if (failed())
    return failure();
  for (unsigned i = 0; int(i) < node.output_size(); ++i)
    if (outputUsed(i) && !importer.slot(node.output(i)))
      return unsupported("output " + Twine(i) + " (" + quote(node.output(i)) +
                         ") is not supported; only the first output is");
  return success();
}

} // namespace mlir::llcc::frontend
