// Inputs of the graph: arguments of @forward, or constants; of arrays (llcc run) and of declared shapes.
#include "compiler/ir/Provenance.h"
#include "frontends/onnx/GraphOrder.h"
#include "frontends/onnx/Importer.h"
#include "frontends/onnx/InputArrays.h"
#include "frontends/onnx/InputDims.h"
#include "frontends/onnx/OpTable.h"
#include "frontends/onnx/Remedies.h"

namespace mlir::llcc::frontend {

/// The inputs of `llcc run`: arguments of the shapes that the arrays have, or constants.
LogicalResult Importer::importArrays() {
  InputArrays arrays = *options.arrays;
  for (const auto &[name, array] : defaults)
    arrays[name] = array;
  std::optional<BoundInputs> bound = bindArrays(
      model.graph(), arrays, [&](StringRef name) { return used.contains(name); }, file, context, errors);
  if (!bound)
    return failure();
  batch = bound->batch;
  llvm::StringSet<> differentiable; // read where a gradient may go
  for (const auto *node : nodes)
    for (int i = 0; i < node->input_size(); ++i) {
      StringRef domain = node->domain() == "ai.onnx" ? StringRef() : StringRef(node->domain());
      const OpRow *row = OpTable::get().find(domain, node->op_type(), opset);
      if (!row || row->role(i) != Role::Data)
        differentiable.insert(node->input(i));
    }
  llvm::StringMap<RankedTensorType> types;
  for (const BoundInput &input : bound->inputs)
    types[input.name] = input.type;
  for (const auto &input : model.graph().input()) {
    DeclaredTensor declared;
    declared.name = input.name();
    declared.type = input.type().tensor_type().elem_type();
    declared.descr = numpyDescr(declared.type).str();
    bool isKnown = options.known.count(input.name());
    declared.argument = types.count(input.name()) && used.contains(input.name()) && !isKnown;
    declared.isData = !differentiable.contains(input.name());
    declaredInputs.push_back(declared);
    Slot s;
    if (isKnown && types.count(input.name())) {
      s.constant = constantOfArray(arrays.at(input.name()), input, context);
    } else if (declared.argument) {
      Argument argument;
      argument.name = input.name();
      argument.attributes =
          builder.getDictionaryAttr(builder.getNamedAttr("llcc.input", builder.getStringAttr(input.name())));
      arguments.push_back(std::move(argument));
      s.value = function.getBody().front().addArgument(types[input.name()], nodeLoc(context, input.name()));
      s.element = elementType(context, declared.type);
    } else {
      continue;
    }
    define(input.name(), s);
  }
  return success();
}

LogicalResult Importer::declareOutputs() {
  for (const auto &output : model.graph().output()) {
    DeclaredTensor declared;
    declared.name = output.name();
    declared.type = output.type().tensor_type().elem_type();
    declared.descr = numpyDescr(declared.type).str();
    if (!output.type().has_tensor_type() || !elementType(context, declared.type))
      errors.add(ImportErrors::Unsupported, file + ": " + refusedOutput(model.graph(), output));
    declaredOutputs.push_back(declared);
  }
  return success(errors.empty());
}

void Importer::wantConstant(const std::string &name) {
  if (!options.arrays)
    return;
  llvm::StringMap<const ::onnx::NodeProto *> producer;
  for (const auto *node : nodes)
    for (const auto &output : node->output())
      producer[output] = node;
  llvm::StringSet<> seen;
  SmallVector<std::string> names = {name};
  while (!names.empty()) {
    std::string at = names.pop_back_val();
    if (at.empty() || !seen.insert(at).second)
      continue;
    if (const auto *node = producer.lookup(at))
      llvm::append_range(names, namesReadBy(*node));
    else if ((options.arrays->count(at) || defaults.count(at)) && !options.known.count(at))
      errors.wanted.insert(at);
  }
  if (Slot *s = slot(name)) // names inside of subgraphs have no producer above
    for (const std::string &input : inputsBehind(s->value))
      errors.wanted.insert(input);
}

LogicalResult Importer::importInputs() {
  if (options.arrays)
    return success(succeeded(importArrays()) && succeeded(declareOutputs()));
  std::optional<BoundInputs> bound = bindInputs(model.graph(), options, file, context, errors);
  if (!bound)
    return failure();
  batch = bound->batch;
  for (const BoundInput &input : bound->inputs) {
    if (input.constant) {
      Slot s;
      s.constant = input.constant;
      define(input.name, s);
      continue;
    }
    NamedAttrList attributes;
    attributes.set("llcc.input", builder.getStringAttr(input.name));
    if (input.batched)
      attributes.set("llcc.batched", builder.getUnitAttr());
    Argument argument;
    argument.name = input.name;
    argument.attributes = attributes.getDictionary(context);
    arguments.push_back(std::move(argument));
    Slot s;
    s.value = function.getBody().front().addArgument(input.type, nodeLoc(context, input.name));
    s.element = input.element;
    define(input.name, s);
  }
  return success();
}

std::vector<std::string> Importer::inputsBehind(Value value) {
  std::vector<std::string> names;
  llvm::SmallPtrSet<Value, 32> seen;
  SmallVector<Value> values = {value};
  while (!values.empty()) {
    Value at = values.pop_back_val();
    if (!at || !seen.insert(at).second)
      continue;
    if (Operation *op = at.getDefiningOp())
      values.append(op->operand_begin(), op->operand_end());
    else if (const Argument &a = arguments[cast<BlockArgument>(at).getArgNumber()]; a.attributes.contains("llcc.input"))
      names.push_back(a.name);
  }
  llvm::sort(names);
  return names;
}

} // namespace mlir::llcc::frontend
