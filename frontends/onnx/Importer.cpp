// One import, from the file to a function: what happens in which order, limits, and outputs.
#include "frontends/onnx/Importer.h"
#include "compiler/ir/LLCC.h"
#include "compiler/ir/Provenance.h"
#include "frontends/onnx/DeviceAnnotations.h"
#include "frontends/onnx/GraphOrder.h"
#include "frontends/onnx/InputArrays.h"
#include "frontends/onnx/Locations.h"
#include "frontends/onnx/ModelFile.h"
#include "frontends/onnx/OpTable.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/Support/Path.h"

namespace mlir::llcc::frontend {

static std::string folderOf(StringRef path) { return llvm::sys::path::parent_path(path).str(); }

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
    : file(llvm::sys::path::filename(path).str()), errors(errors), files(folderOf(path), options.outside),
      context(context), options(options), maxMemory(memoryLimit(options)), builder(context) {
  if (options.withoutWeights)
    files.mayBeMissing();
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

void Importer::createFunction() {
  module = ModuleOp::create(builder, nodeLoc(context, file));
  builder.setInsertionPointToEnd(module->getBody());
  function = func::FuncOp::create(builder, nodeLoc(context, file), "forward", builder.getFunctionType({}, {}));
  builder.setInsertionPointToEnd(function.addEntryBlock());
}

/// --output; without it the first output, unless that holds no floats and another one does: classifiers have their
/// labels first. Empty: the first one.
std::string Importer::trainedOutput() {
  using Tensor = ::onnx::TensorProto;
  const auto &outputs = model.graph().output();
  if (!options.output.empty() || options.arrays || outputs.empty())
    return options.output;
  auto holdsFloats = [](const ::onnx::ValueInfoProto &output) {
    if (!output.type().has_tensor_type()) // a dictionary for each row, of what ZipMap reads
      return output.type().sequence_type().elem_type().has_map_type();
    int32_t type = output.type().tensor_type().elem_type();
    return type == Tensor::FLOAT || type == Tensor::DOUBLE || type == Tensor::FLOAT16 || type == Tensor::BFLOAT16;
  };
  int32_t first = outputs[0].type().tensor_type().elem_type();
  if (!outputs[0].type().has_tensor_type() || first == Tensor::UNDEFINED || holdsFloats(outputs[0]))
    return "";
  auto found = llvm::find_if(outputs, holdsFloats);
  return found == outputs.end() ? "" : found->name();
}

LogicalResult Importer::importOutputs() {
  std::vector<const ::onnx::ValueInfoProto *> outputs;
  for (const auto &output : model.graph().output())
    outputs.push_back(&output);
  if (std::string trained = trainedOutput(); !trained.empty()) {
    auto chosen = llvm::find_if(outputs, [&](auto *o) { return o->name() == trained; });
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

/// The nodes that the trained output does without.
void Importer::findSpareNodes() {
  spare.clear();
  if (options.arrays || model.graph().output_size() < 2)
    return;
  std::string trained = trainedOutput();
  NodeSet needed = nodesBehind(nodes, trained.empty() ? model.graph().output(0).name() : trained);
  for (const auto *node : nodes)
    if (!needed.contains(node))
      spare.insert(node);
}

/// Live nodes in order, and the stored tensors that they read; parameters are one initializer each after it.
void Importer::collectTensors() {
  auto collect = [&](ImportErrors &said) {
    nodes = orderNodes(model.graph(), file, said);
    findSpareNodes();
    if (said.empty())
      tensors = collectInitializers(*model.mutable_graph(), withNested(nodes), opset, model.producer_name(), options,
                                    file, context, files, said, spare);
  };
  ImportErrors first; // said again, whole, by the second time
  collect(first);
  // A training algorithm says what is one parameter: nothing is separated or tied.
  bool said = !options.trainOnly.empty();
  if (!first.empty() || said || !separateAliases(*model.mutable_graph(), tensors, options, files, separated))
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
  placeInside(model, files);
  for (const std::string &name : options.watch) {
    auto &output = *model.mutable_graph()->add_output();
    output.set_name(name);
    output.mutable_type()->mutable_tensor_type()->set_elem_type(::onnx::TensorProto::FLOAT);
  }
  if (!options.algorithmLoss.empty() && !appendAlgorithm(model, options.algorithmLoss, file, errors, appended))
    return failure();
  if (!setInitialValues(*model.mutable_graph(), options.initial, file, errors))
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
  if (std::string trained = trainedOutput(); options.output.empty() && !trained.empty())
    errors.warn(file + ": output " + quote(model.graph().output(0).name()) + " holds no floats, so " + quote(trained) +
                " is trained; --output=NAME chooses another");
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
  if (!options.arrays)
    readDeviceAnnotations(model, file, function, errors);

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

} // namespace mlir::llcc::frontend
