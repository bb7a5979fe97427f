// One import, from the parsed model to a function: names become IR, constants or parameters; the operators come from
// the table.
#include "frontends/onnx/Importer.h"
#include "compiler/ir/LLCC.h"
#include "compiler/ir/Provenance.h"
#include "frontends/onnx/GraphOrder.h"
#include "frontends/onnx/Heads.h"
#include "frontends/onnx/InputArrays.h"
#include "frontends/onnx/InputDims.h"
#include "frontends/onnx/ModelFile.h"
#include "frontends/onnx/Modes.h"
#include "frontends/onnx/OpTable.h"
#include "frontends/onnx/RandomNumbers.h"
#include "frontends/onnx/Weights.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/GlobPattern.h"
#include "llvm/Support/Path.h"
#include <set>
#include <unistd.h>

namespace mlir::llcc::frontend {

/// Integer constants up to this size are written into the IR; bigger ones, and floats that are no splat, are arguments.
static constexpr int64_t kMaxInlineInts = 1024;

/// Nodes of all subgraphs that are imported, a body once for each turn: what takes minutes to compile is a mistake.
static constexpr int64_t kMaxUnrolledNodes = 100000;

static std::string folderOf(StringRef path) { return llvm::sys::path::parent_path(path).str(); }

/// What the import may take: a model that needs more would be stopped by the machine without a word.
static uint64_t memoryLimit(const ImportOptions &options) {
  if (options.maxMemory)
    return options.maxMemory;
  long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
  return pages > 0 && size > 0 ? uint64_t(pages) * uint64_t(size) : uint64_t(1) << 34;
}

bool Importer::takeMemory(uint64_t bytes) {
  constantBytes += bytes;
  if (constantBytes > maxMemory && !exhausted) {
    exhausted = true;
    errors.add(ImportErrors::Bad, file + ": the constants that it computes take more than " + Twine(maxMemory) +
                                      " bytes while it is imported; raise --max-import-mem");
  }
  return !exhausted;
}

bool Importer::isInTime() {
  if (!exhausted && std::chrono::steady_clock::now() - start > std::chrono::seconds(options.maxSeconds)) {
    exhausted = true;
    errors.add(ImportErrors::Bad, file + ": its import takes more than " + Twine(options.maxSeconds) +
                                      " seconds; raise --max-import-seconds");
  }
  return !exhausted;
}

Importer::Importer(StringRef path, const ImportOptions &options, MLIRContext *context, ImportErrors &errors)
    : file(llvm::sys::path::filename(path).str()), errors(errors), files(folderOf(path)), context(context),
      options(options), maxMemory(memoryLimit(options)), builder(context) {
  context->loadDialect<LlccDialect, arith::ArithDialect, math::MathDialect, func::FuncDialect>();
}

LogicalResult Importer::checkOpsets() {
  size_t before = errors.messages.size();
  for (const auto &import : model.opset_import())
    if (import.domain().empty() || import.domain() == "ai.onnx")
      opset = import.version();
  bool needsOpset = llvm::any_of(model.graph().node(),
                                 [](const auto &node) { return node.domain().empty() || node.domain() == "ai.onnx"; });
  if (opset <= 0 && !needsOpset)
    opset = kNewestOpset; // other domains alone
  if (opset <= 0)
    errors.add(ImportErrors::Bad, file + ": names no opset version of the ONNX domain; export it again");
  if (opset > kNewestOpset)
    errors.add(ImportErrors::Unsupported, file + ": uses opset " + Twine(opset) + ", this llcc knows opsets up to " +
                                              Twine(kNewestOpset) + "; export it with an older one");
  if (model.graph().sparse_initializer_size())
    errors.add(ImportErrors::Unsupported, file + ": has sparse initializers, which are not supported; make them dense");
  if (model.graph().output_size() == 0)
    errors.add(ImportErrors::Bad, file + ": the graph has no output");
  return success(errors.messages.size() == before);
}

//===-- Names ----------------------------------------------------------------===//

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
  if (!s.constant && s.tensor && !s.tensor->parameter && s.tensor->payload.elements <= kMaxConstantElements) {
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

//===-- The function -----------------------------------------------------------===//

void Importer::createFunction() {
  module = ModuleOp::create(builder, nodeLoc(context, file));
  builder.setInsertionPointToEnd(module->getBody());
  function = func::FuncOp::create(builder, nodeLoc(context, file), "forward", builder.getFunctionType({}, {}));
  builder.setInsertionPointToEnd(function.addEntryBlock());
}

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
    std::string subject = file + ": output " + quote(output.name());
    if (!output.type().has_tensor_type())
      errors.add(ImportErrors::Unsupported,
                 subject + " is not a tensor; sequences, maps and optionals are not supported");
    else if (!elementType(context, declared.type))
      errors.add(ImportErrors::Unsupported,
                 subject + " has element type " + dtypeName(declared.type) + ", which is not supported");
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

/// Every operator without a row, one message each, before any node is read.
void Importer::refuseUnknownOperators(ArrayRef<const ::onnx::NodeProto *> nodes) {
  llvm::MapVector<std::pair<StringRef, StringRef>, SmallVector<const ::onnx::NodeProto *>> refused;
  const OpTable &table = OpTable::get();
  for (const auto *node : nodes) {
    StringRef domain = node->domain() == "ai.onnx" ? StringRef() : StringRef(node->domain());
    if (table.find(domain, node->op_type(), opsetOf(*node)))
      continue;
    if (!spare.contains(node))
      refused[{domain, node->op_type()}].push_back(node);
    Slot broken;
    broken.broken = true;
    for (const auto &output : node->output())
      define(output, broken);
  }
  for (auto &[key, where] : refused) {
    std::string op = key.first.empty() ? quote(key.second) : quote((key.first + ":" + key.second).str());
    std::string names;
    for (const auto *node : ArrayRef(where).take_front(8))
      names += (names.empty() ? "" : ", ") + quote(nodeName(*node));
    if (where.size() > 8)
      names += " and " + std::to_string(where.size() - 8) + " more";
    int64_t oldest = table.oldest(key.first, key.second);
    std::string why = oldest ? "is supported from opset " + std::to_string(oldest) + " on, the model has opset " +
                                   std::to_string(opset) + "; export it with a newer opset"
                             : "is not supported";
    std::string sentence =
        file + ": operator " + op + " " + why + ": " + (where.size() == 1 ? "node " : "nodes ") + names;
    auto isRefused = [&](const ::onnx::NodeProto &node) {
      return !table.find(node.domain() == "ai.onnx" ? "" : node.domain(), node.op_type(), opsetOf(node));
    };
    if (!options.report)
      errors.add(ImportErrors::Unsupported,
                 sentence + (options.arrays || !scopes.empty() ? "" : otherHead(model.graph(), nodes, isRefused)));
    for (const auto *node : options.report ? ArrayRef(where) : ArrayRef<const ::onnx::NodeProto *>())
      errors.add(ImportErrors::Unsupported, sentence, nodeName(*node), node->op_type(), "operator " + op + " " + why);
  }
}

/// Finds the values that --dropout=P and P@GLOB mean, beside Dropout nodes, which know for themselves.
void Importer::placeDropout(ArrayRef<const ::onnx::NodeProto *> nodes) {
  bool anyNode = llvm::any_of(nodes, [](const auto *node) { return node->op_type() == "Dropout"; });
  for (const ImportOptions::Dropout &wish : options.dropout) {
    std::string flag;
    llvm::raw_string_ostream(flag) << "--dropout=" << llvm::format("%g", wish.ratio);
    if (wish.kind == ImportOptions::Dropout::Off)
      dropped.clear();
    if (wish.kind != ImportOptions::Dropout::Ratio || (wish.glob.empty() && anyNode))
      continue;
    if (wish.glob.empty()) {
      std::vector<std::string> places = dropoutPlaces(model.graph(), nodes);
      for (const std::string &name : places)
        dropped[name] = wish.ratio;
      if (places.empty())
        errors.add(ImportErrors::Bad,
                   file + ": " + flag +
                       ": the model has no Dropout node and is no transformer, so that nothing tells "
                       "where dropout should be; name the values: " +
                       flag + "@GLOB");
      continue;
    }
    bool matched = false;
    for (const auto *node : nodes) {
      if (!isNamed(*node, wish.glob))
        continue;
      matched = true;
      auto pattern = llvm::cantFail(llvm::GlobPattern::create(wish.glob)); // checked when it was read
      for (const auto &output : node->output())
        if (!output.empty() && node->op_type() != "Dropout" &&
            (pattern.match(output) || (pattern.match(node->name()) && &output == &node->output(0))))
          dropped[output] = wish.ratio;
    }
    if (!matched)
      errors.add(ImportErrors::Bad, file + ": " + flag + "@" + wish.glob + " matches no node and no value");
  }
}

void Importer::insertDropout(Binder &binder) {
  if (options.asWritten)
    return;
  for (const auto &output : binder.node.output()) {
    auto found = dropped.find(output);
    Slot *s = slot(output);
    if (found == dropped.end() || found->second == 0 || !s || !s->value ||
        !isa<FloatType>(frontend::typeOf(s->value).getElementType()))
      continue;
    s->value = dropout(binder, s->value, found->second);
  }
}

void Importer::importNode(const ::onnx::NodeProto &node) {
  StringRef domain = node.domain() == "ai.onnx" ? StringRef() : StringRef(node.domain());
  const OpRow *row = OpTable::get().find(domain, node.op_type(), opsetOf(node));
  bool usable = row && !exhausted && isInTime(), constant = node.input_size() > 0;
  for (const auto &input : namesReadBy(node)) {
    if (input.empty())
      continue;
    Slot *s = slot(input);
    usable &= s && !s->broken;
    if (usable)
      constant = constant && constantOf(input);
  }
  // Constant nodes that hold parameters have their slot already.
  if (node.output_size() == 1 && node.op_type() == "Constant" && usable)
    if (Slot *s = slot(node.output(0)); s && s->tensor)
      return;
  if (usable) {
    Binder binder(*this, node, opsetOf(node), builder, nodeLoc(context, (nodeName(node) + suffix).str()));
    Handler handler = constant && row->fold ? row->fold : row->import;
    size_t before = errors.messages.size();
    LogicalResult result = handler(binder);
    if (succeeded(result))
      result = binder.finish();
    if (succeeded(result))
      if (std::string why = padded.follow(node, [&](const std::string &name) { return typeOfName(name).second; });
          !why.empty())
        result = binder.unsupported(why);
    if (failed(result) && errors.messages.size() == before)
      (void)binder.bad("cannot be read");
    if (succeeded(result)) {
      insertDropout(binder);
      return;
    }
  }
  if (options.report && !spare.contains(&node) && standIn(node))
    return;
  Slot broken;
  broken.broken = true;
  for (const auto &output : node.output())
    define(output, broken);
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

int64_t Importer::opsetOf(const ::onnx::NodeProto &node) const {
  auto it = opsets.find(&node);
  return it != opsets.end() ? it->second : innerOpset.value_or(opset);
}

FailureOr<std::vector<Slot>> Importer::inlineGraph(const ::onnx::NodeProto &owner, const ::onnx::GraphProto &graph,
                                                   ArrayRef<Slot> inputs, const std::string &turn) {
  size_t before = errors.messages.size();
  auto refuse = [&](const Twine &what) {
    errors.add(ImportErrors::Bad, file + ": " + nodeLabel(owner) + ": " + what);
    return failure();
  };
  if (int64_t(inputs.size()) != graph.input_size())
    return refuse("its graph " + quote(graph.name()) + " has " + Twine(graph.input_size()) + " inputs, it is given " +
                  Twine(inputs.size()));
  std::vector<const ::onnx::NodeProto *> nodes =
      orderNodes(graph, file, errors, [&](const std::string &name) { return slot(name) != nullptr; });
  unrolled += nodes.size();
  if (unrolled > kMaxUnrolledNodes) {
    errors.add(ImportErrors::Unsupported,
               file + ": " + nodeLabel(owner) + ": the graphs of If, Loop and Scan make more than " +
                   Twine(kMaxUnrolledNodes) + " nodes when they are unrolled; export the model with fewer turns");
    return failure();
  }
  if (errors.messages.size() != before)
    return failure();
  std::optional<int64_t> outerOpset = innerOpset;
  std::string outerSuffix = suffix;
  innerOpset = opsetOf(owner);
  suffix += turn;
  scopes.emplace_back();
  for (auto [input, slot] : llvm::zip(graph.input(), inputs))
    define(input.name(), slot);
  refuseUnknownOperators(nodes);
  for (const auto *node : nodes)
    importNode(*node);
  std::vector<Slot> outputs;
  for (const auto &output : graph.output()) {
    Slot *s = slot(output.name());
    outputs.push_back(s ? *s : Slot());
    if (!s || s->broken)
      outputs.back().broken = true;
  }
  for (auto &[name, previous] : llvm::reverse(scopes.back()))
    if (previous)
      slots[name] = std::move(*previous);
    else
      slots.erase(name);
  scopes.pop_back();
  innerOpset = outerOpset;
  suffix = outerSuffix;
  if (llvm::any_of(outputs, [](const Slot &s) { return s.broken; }) && errors.messages.size() == before)
    return refuse("its graph " + quote(graph.name()) + " has outputs that no node of it makes");
  if (errors.messages.size() != before)
    return failure();
  return outputs;
}

LogicalResult Importer::importOutputs() {
  std::vector<const ::onnx::ValueInfoProto *> outputs;
  for (const auto &output : model.graph().output())
    outputs.push_back(&output);
  if (!options.output.empty()) {
    auto chosen = llvm::find_if(outputs, [&](auto *o) { return o->name() == options.output; });
    if (chosen == outputs.end()) {
      std::string names;
      for (auto *o : outputs)
        names += (names.empty() ? "" : ", ") + quote(o->name());
      errors.add(ImportErrors::Bad,
                 file + ": --output=" + options.output + " is no output of the graph; it has " + names);
      return failure();
    }
    std::rotate(outputs.begin(), chosen, chosen + 1);
  }
  SmallVector<Value> values;
  SmallVector<DictionaryAttr> attributes;
  for (auto *output : outputs) {
    Slot *s = slot(output->name());
    if (!options.arrays && output != outputs[0] &&
        (!s || s->broken || !s->isTensor() || padded.contains(output->name()))) {
      errors.warn(file + ": output " + quote(output->name()) +
                  " is left out: it is not the trained one, and needs what is not supported");
      continue;
    }
    if (!s || s->broken)
      return failure(); // said where it broke
    if (padded.contains(output->name())) {
      errors.add(ImportErrors::Unsupported, file + ": output " + quote(output->name()) +
                                                ": its shape depends on the model's data (on what a NonZero finds)");
      return failure();
    }
    if (!s->isTensor()) {
      errors.add(ImportErrors::Unsupported, file + ": output " + quote(output->name()) + " is " +
                                                (s->elements ? "a sequence" : "an optional without a value") +
                                                ", an output must be a tensor");
      return failure();
    }
    values.push_back(valueOf(output->name()));
    attributes.push_back(
        builder.getDictionaryAttr(builder.getNamedAttr("llcc.output", builder.getStringAttr(output->name()))));
  }
  func::ReturnOp::create(builder, nodeLoc(context, "return"), values);
  dropUnused();
  SmallVector<DictionaryAttr> argumentAttributes;
  for (const Argument &a : arguments)
    argumentAttributes.push_back(a.attributes);
  function.setType(
      builder.getFunctionType(function.getBody().front().getArgumentTypes(), ValueRange(values).getTypes()));
  function.setAllArgAttrs(argumentAttributes);
  function.setAllResultAttrs(attributes);
  (*module)->setAttr("llcc.model", builder.getStringAttr(file));
  (*module)->setAttr("llcc.batch", builder.getI64IntegerAttr(batch));
  return success();
}

/// Constants that only broadcasting or folding looked at, and parameters that nobody reads.
void Importer::dropUnused() {
  Block &block = function.getBody().front();
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
    if (isOpTriviallyDead(&op))
      op.erase();
  for (unsigned i = arguments.size(); i-- > 0;)
    if (block.getArgument(i).use_empty() && !arguments[i].attributes.contains("llcc.input")) {
      block.eraseArgument(i);
      arguments.erase(arguments.begin() + i);
    }
}

/// Ids that index a table are numbers below its size: the loader checks them.
static void markClasses(func::FuncOp function) {
  function.walk([&](GatherOp gather) {
    Value ids = gather.getIndices();
    while (Operation *op = ids.getDefiningOp()) {
      if (!isa<ReshapeOp, TransposeOp, BroadcastOp, SliceOp, arith::ExtSIOp, arith::TruncIOp>(op))
        return;
      ids = op->getOperand(0);
    }
    auto argument = cast<BlockArgument>(ids);
    int64_t classes = typeOf(gather.getTable()).getDimSize(gather.getAxis());
    if (!function.getArgAttr(argument.getArgNumber(), "llcc.input"))
      return;
    if (auto known = function.getArgAttrOfType<IntegerAttr>(argument.getArgNumber(), "llcc.classes"))
      classes = std::min(classes, known.getInt());
    function.setArgAttr(argument.getArgNumber(), "llcc.classes",
                        Builder(function.getContext()).getI64IntegerAttr(classes));
  });
}

/// Live nodes in order, and the stored tensors that they read; parameters are one initializer each after it.
void Importer::collectTensors() {
  auto collect = [&](ImportErrors &said) {
    nodes = orderNodes(model.graph(), file, said);
    if (said.empty())
      tensors =
          collectInitializers(*model.mutable_graph(), withNested(nodes), opset, model.producer_name(), options, file,
                              context, files, said);
  };
  ImportErrors first; // said again, whole, by the second time
  collect(first);
  if (!first.empty() || !separateAliases(*model.mutable_graph(), tensors, options, files, separated))
    errors = std::move(first);
  else
    collect(errors);
  if (errors.empty())
    findTies(tensors, options, file, files, errors);
  if (errors.empty())
    adapters = chooseAdapters(tensors, model.graph(), options, file, errors);
}

FailureOr<ImportedModel> Importer::run() {
  SmallString<128> path(files.location());
  llvm::sys::path::append(path, file);
  if (failed(readModel(path, model, maxMemory, errors)) || failed(checkOpsets()))
    return failure();
  if (options.arrays) {
    defaults = takeDefaults(*model.mutable_graph(), *options.arrays, file, context, files, errors);
    if (!errors.empty())
      return failure();
  }
  if (failed(inlineFunctions(model, opset, file, opsets, errors)))
    return failure();
  hoistInitializers(*model.mutable_graph());
  collectTensors();
  bool sound = errors.empty();
  for (const auto *node : withNested(nodes))
    for (const auto &input : namesReadBy(*node))
      used.insert(input);
  for (const auto &output : model.graph().output())
    used.insert(output.name());
  for (Initializer &t : tensors) {
    Slot s;
    s.tensor = &t;
    define(t.name, s);
  }
  if (!options.arrays && model.graph().output_size() > 1) {
    NodeSet needed = nodesBehind(nodes, options.output.empty() ? model.graph().output(0).name() : options.output);
    for (const auto *node : nodes)
      if (!needed.contains(node))
        spare.insert(node);
  }
  createFunction();
  bool inputsFit = succeeded(importInputs());
  refuseUnknownOperators(nodes);
  if (options.report)
    fillReport();
  if (!inputsFit || !sound)
    return failure();
  placeDropout(nodes);
  for (const auto *node : nodes) {
    ImportErrors said = errors;
    importNode(*node);
    if (spare.contains(node) && errors.messages.size() != said.messages.size())
      errors = std::move(said);
  }
  if (failed(importOutputs()) || (!errors.empty() && !options.report))
    return failure();
  if (!options.arrays) // the loader of training data checks classes; `llcc run` takes what ONNX allows
    markClasses(function);

  ImportedModel imported;
  if (failed(verify(*module))) {
    errors.add(ImportErrors::Bad,
               file + ": the imported module does not verify; this is an error of llcc, please report it");
    return failure();
  }
  placeWeights(imported);
  imported.inputs = std::move(declaredInputs);
  imported.outputs = std::move(declaredOutputs);
  imported.defaults = std::move(defaults);
  imported.module = std::move(module);
  return imported;
}

/// Section and offset of the bytes of a stored tensor; `raw`: of the tensors inside the serialized model.
std::pair<std::string, uint64_t> Importer::placeOf(const Initializer &tensor,
                                                   const llvm::StringMap<std::pair<uint64_t, uint64_t>> &raw) const {
  if (!tensor.payload.file.empty())
    return {"file:" + tensor.payload.file, tensor.payload.offset};
  return {"model.onnx", raw.lookup(tensor.name).first};
}

void Importer::placeWeights(ImportedModel &imported) {
  std::string computed;
  writeInferenceForm(*model.mutable_graph(), opset);
  for (const Initializer &t : tensors)
    if (t.parameter)
      makeRaw(*t.proto, t.payload);
  std::string bytes = serializeModel(model);
  auto raw = findRawData(bytes);
  for (const Argument &a : arguments) {
    if (!a.attributes.contains("llcc.param"))
      continue;
    WeightBytes w;
    w.param = a.name;
    if (!a.tensor) {
      computed.resize((computed.size() + 63) / 64 * 64);
      w.section = "constants";
      w.offset = computed.size();
      w.bytes = a.computed.size();
      computed += a.computed;
    } else {
      w.bytes = a.tensor->payload.bytes;
      std::tie(w.section, w.offset) = placeOf(*a.tensor, raw);
      for (const Initializer &t : tensors)
        if (t.tiedTo == a.tensor) {
          auto [section, offset] = placeOf(t, raw);
          w.copies.push_back({t.name, section, offset, t.transposed});
        }
      if (auto adapter = adapters.find(a.tensor); adapter != adapters.end()) {
        w.mergeLeft = adapter->second.nameB;
        w.mergeRight = adapter->second.nameA;
        w.mergeScale = adapter->second.scale;
        w.mergeTransposed = adapter->second.inFirst;
      }
    }
    imported.weights.push_back(std::move(w));
  }
  auto keep = [&](const char *name, std::string bytes) {
    auto owner = std::make_shared<const std::string>(std::move(bytes));
    imported.sections.push_back({name, *owner, owner});
  };
  keep("model.onnx", std::move(bytes));
  // Whole files, constants in them included: a saved model finds its files beside it.
  std::set<std::string> external;
  for (const Initializer &t : tensors)
    if (!t.payload.file.empty())
      external.insert("file:" + t.payload.file);
  for (StringRef section : external)
    if (std::string name = section.str(); section.consume_front("file:")) {
      const ExternalFiles::Result &file = files.open(section.str());
      imported.sections.push_back({name, *file.bytes, file.owner});
    }
  if (!computed.empty())
    keep("constants", std::move(computed));
}

} // namespace mlir::llcc::frontend
