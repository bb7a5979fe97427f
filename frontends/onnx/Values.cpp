// What names of the graph stand for, and how that becomes IR: constants, arguments for parameters, adapters.
#include "compiler/ir/LLCC.h"
#include "compiler/ir/Provenance.h"
#include "frontends/onnx/Importer.h"

namespace mlir::llcc::frontend {

/// Integer constants up to this size are written into the IR; bigger ones, and floats that are no splat, are arguments.
static constexpr int64_t kMaxInlineInts = 1024;

Slot *Importer::slot(const std::string &name) {
  auto it = slots.find(name);
  return it == slots.end() ? nullptr : &it->second;
}

void Importer::define(const std::string &name, Slot slot) {
  if (!scopes.empty()) {
    auto it = slots.find(name);
    scopes.back().push_back({name, it == slots.end() ? std::optional<Slot>() : it->second});
  }
  slots[name] = std::move(slot);
}

ConstantPtr Importer::constantOf(const std::string &name) {
  Slot *s = slot(name);
  return s ? constantOf(*s) : nullptr;
}

ConstantPtr Importer::constantOf(Slot &s) {
  if (!s.constant && s.tensor && !s.tensor->parameter && !s.tensor->payload.absent &&
      s.tensor->payload.elements <= kMaxConstantElements) {
    if (!s.tensor->constant)
      s.tensor->constant = readConstant(*s.tensor->proto, s.tensor->payload, files);
    s.constant = s.tensor->constant;
  }
  return s.constant;
}

std::pair<Type, Shape> Importer::typeOfName(const std::string &name) {
  Slot *s = slot(name);
  if (!s || !s->isTensor())
    return {};
  if (s->constant)
    return {s->constant->type, s->constant->shape};
  if (s->value)
    return {s->element ? s->element : frontend::typeOf(s->value).getElementType(), Shape(shapeOf(s->value))};
  return {s->tensor->payload.type, s->tensor->payload.shape};
}

Value Importer::addParameter(StringRef name, const Constant *constant, Initializer *tensor, RankedTensorType type,
                             bool trainable) {
  Argument argument;
  argument.name = name.str();
  // What a loop computes has the same name in each turn.
  auto isTaken = [&](const Argument &a) { return a.name == argument.name; };
  for (int64_t k = 2; !tensor && llvm::any_of(arguments, isTaken); ++k)
    argument.name = (name + "#" + Twine(k)).str();
  argument.tensor = tensor;
  if (!tensor)
    argument.computed = constant->bytes();
  NamedAttrList attributes;
  attributes.set("llcc.param", builder.getStringAttr(argument.name));
  if (trainable)
    attributes.set("llcc.trainable", builder.getUnitAttr());
  argument.attributes = attributes.getDictionary(context);
  arguments.push_back(std::move(argument));
  return function.getBody().front().addArgument(type, nodeLoc(context, name));
}

/// weight + scale · B·A, at the head of the block.
Value Importer::adapt(StringRef name, Value weight, const Adapter &adapter) {
  auto parameter = [&](const std::string &called, const Constant &first) {
    return addParameter(called, &first, nullptr, RankedTensorType::get(first.shape, first.type), true);
  };
  Value a = parameter(adapter.nameA, *adapter.firstA), b = parameter(adapter.nameB, *adapter.firstB);
  Location loc = nodeLoc(context, name);
  Type element = frontend::typeOf(weight).getElementType();
  bool turned = adapter.inFirst; // [in, out] = Aᵀ·Bᵀ
  auto type = RankedTensorType::get(shapeOf(weight), element);
  SmallVector<int64_t> none, zero = {0}, one = {1};
  Value product = DotOp::create(builder, loc, type, turned ? a : b, turned ? b : a, none, none, turned ? zero : one,
                                turned ? one : zero);
  Value scale = arith::ConstantOp::create(
      builder, loc, DenseElementsAttr::get(type, ArrayRef<Attribute>{FloatAttr::get(element, adapter.scale)}));
  return arith::AddFOp::create(builder, loc, weight, arith::MulFOp::create(builder, loc, product, scale));
}

Value Importer::valueOf(const std::string &name) {
  Slot *s = slot(name);
  return s ? valueOf(*s, name) : Value();
}

Value Importer::valueOf(Slot &given, StringRef name) {
  Slot *s = &given;
  if (s->value || !s->isTensor())
    return s->value;
  ConstantPtr constant = constantOf(given);
  // At the head of the block, so that the value serves every later reader.
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(&function.getBody().front());
  auto isInline = [](const Constant &c) {
    return c.isSplat() || c.size() == 0 || (!c.isFloat() && c.size() <= kMaxInlineInts);
  };
  if (constant && isInline(*constant)) {
    s->value = arith::ConstantOp::create(builder, nodeLoc(context, name), constant->attribute());
  } else if (Slot *own = s->tensor ? slot(s->tensor->name) : nullptr; own && own != s && own->tensor == s->tensor) {
    s->value = valueOf(*own, s->tensor->name); // an Identity of it
  } else if (s->tensor && s->tensor->tiedTo) {
    bool transposed = s->tensor->transposed;
    Value original = valueOf(s->tensor->tiedTo->name);
    auto type = RankedTensorType::get(s->tensor->payload.shape, s->tensor->payload.type);
    if (Operation *made = original.getDefiningOp())
      builder.setInsertionPointAfter(made);
    else
      builder.setInsertionPointToStart(&function.getBody().front());
    if (transposed)
      original = TransposeOp::create(builder, nodeLoc(context, name), type, original, ArrayRef<int64_t>{1, 0});
    s->value = original;
    s->element = s->tensor->payload.type;
  } else if (s->tensor) { // one argument, under however many names (Identity)
    auto same = llvm::find_if(arguments, [&](const Argument &a) { return a.tensor == s->tensor; });
    s->value = same != arguments.end()
                   ? Value(function.getArgument(same - arguments.begin()))
                   : addParameter(s->tensor->name, nullptr, s->tensor,
                                  RankedTensorType::get(s->tensor->payload.shape, storageType(s->tensor->payload.type)),
                                  s->tensor->trainable);
    s->element = s->tensor->payload.type;
    if (auto adapter = adapters.find(s->tensor); adapter != adapters.end())
      s->value = adapt(name, s->value, adapter->second);
  } else { // computed: masks repeat along batch and heads, they are stored once
    auto type = RankedTensorType::get(constant->shape, storageType(constant->type));
    ConstantPtr once = withoutRepeats(constant);
    Value value;
    if (isInline(*once))
      value = arith::ConstantOp::create(builder, nodeLoc(context, name), once->attribute());
    else
      value =
          addParameter(name, once.get(), nullptr, RankedTensorType::get(once->shape, storageType(once->type)), false);
    if (once != constant)
      value = BroadcastOp::create(builder, nodeLoc(context, name), type, value,
                                  llvm::to_vector(llvm::seq<int64_t>(0, type.getRank())));
    s->value = value;
  }
  return s->value;
}

} // namespace mlir::llcc::frontend
