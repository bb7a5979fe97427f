// Makes @gradients from @forward: label, loss and its value.
//
//   @forward(x, params) -> logits   ⇒   @gradients(x, label, params) -> loss
//
// First of the train stage: what differentiation walks over is the loss, and only the part of the model that feeds it.
#include "compiler/ir/Provenance.h"
#include "passes/train/Loss.h"
#include "passes/train/LossEnd.h"
#include "passes/train/Passes.h"
#include "passes/train/Signature.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>

namespace mlir::llcc {
#define GEN_PASS_DEF_ATTACHLOSSPASS
#include "passes/train/Passes.h.inc"

namespace {

template <typename Range> std::string quotedList(Range &&names) {
  return llvm::join(llvm::map_range(names, [](StringRef name) { return ("\"" + name + "\"").str(); }), ", ");
}

std::string shapeText(ArrayRef<int64_t> shape) {
  return "[" + llvm::join(llvm::map_range(shape, [](int64_t n) { return std::to_string(n); }), ", ") + "]";
}

struct AttachLossPass : impl::AttachLossPassBase<AttachLossPass> {
  using AttachLossPassBase::AttachLossPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto forward = module.lookupSymbol<func::FuncOp>("forward");
    if (!forward)
      return fail(module, "module has no @forward; import a model first");
    if (module.lookupSymbol("gradients"))
      return fail(module, "module already has @gradients; a loss is attached once");
    if (!(lossScale >= 0))
      return fail(module, "loss-scale=" + Twine(std::to_string(double(lossScale))) + " is no factor, needs 0 or more");
    if (microbatches < 1)
      return fail(module, "microbatches=" + Twine(microbatches.getValue()) + " is below 1");
    if (label.empty())
      return fail(module, "label needs a name");
    if (!hasPlainBody(forward))
      return fail(forward, "@forward needs a body of one block that returns");

    // --loss=output: the trained output is the loss. --loss=NAME: an output that is the loss itself, or a loss by name
    // on an output.
    const Loss *known = llvm::find_if(losses(), [&](const Loss &l) { return l.name == loss; });
    bool byName = known != losses().end(), isOutput = !byName && loss == "output" && !findOutput(forward, loss);
    if (!byName && !isOutput && !output.empty() && output != loss)
      return failUnknownLoss(forward);
    std::optional<unsigned> chosen = byName || isOutput ? findOutput(forward, output) : findOutput(forward, loss);
    if (!chosen)
      return byName || isOutput ? failUnknownOutput(forward) : failUnknownLoss(forward);

    func::FuncOp gradients = forward.clone();
    gradients.setName("gradients");
    module.insert(std::next(forward->getIterator()), gradients);
    if (failed(byName ? attach(gradients, *chosen, *known) : useOutput(gradients, *chosen))) {
      gradients.erase();
      return signalPassFailure();
    }
    if (lossScale > 0)
      addLossScale(gradients);
    module->setAttr(kMicrobatches, Builder(module).getI64IntegerAttr(microbatches));
    module->setAttr(kMeasure, StringAttr::get(&getContext(), measure));
  }

private:
  std::string measure; ///< how the loss follows from the trained output alone, for evaluation

  /// The seed of the backward pass, as the last argument.
  void addLossScale(func::FuncOp gradients) {
    Builder builder(gradients);
    auto attrs = builder.getDictionaryAttr({builder.getNamedAttr(kState, builder.getStringAttr(kLossScale)),
                                            builder.getNamedAttr(kInit, builder.getF64FloatAttr(lossScale))});
    (void)gradients.insertArgument(gradients.getNumArguments(), RankedTensorType::get({}, builder.getF32Type()), attrs,
                                   nodeLoc(&getContext(), "loss"));
  }
  void fail(Operation *op, const Twine &message) {
    op->emitError(message);
    signalPassFailure();
  }
  void failUnknownLoss(func::FuncOp forward) {
    fail(forward, "loss \"" + Twine(loss.getValue()) + "\" is neither a loss (" +
                      llvm::join(llvm::map_range(losses(), [](const Loss &l) { return l.name.str(); }), ", ") +
                      ") nor an output of the model (" + quotedList(outputNames(forward)) + ")");
  }
  void failUnknownOutput(func::FuncOp forward) {
    if (forward.getNumResults() == 0)
      return fail(forward, "the model has no output that could be trained");
    fail(forward, "output \"" + Twine(output.getValue()) +
                      "\" is not in the model; outputs: " + quotedList(outputNames(forward)));
  }

  static SmallVector<StringRef> outputNames(func::FuncOp func) {
    SmallVector<StringRef> names;
    for (unsigned i = 0; i < func.getNumResults(); ++i)
      if (auto name = func.getResultAttrOfType<StringAttr>(i, kOutput))
        names.push_back(name.getValue());
    return names;
  }
  /// Result number of the output with this name; of the first where the name is empty.
  static std::optional<unsigned> findOutput(func::FuncOp func, StringRef name) {
    if (name.empty())
      return func.getNumResults() ? std::optional<unsigned>(0) : std::nullopt;
    for (unsigned i = 0; i < func.getNumResults(); ++i)
      if (auto attr = func.getResultAttrOfType<StringAttr>(i, kOutput); attr && attr.getValue() == name)
        return i;
    return std::nullopt;
  }

  /// `gradients` then returns only `value`, and computes nothing else.
  void returnOnly(func::FuncOp gradients, Value value) {
    returnOf(gradients)->setOperands(value);
    Builder builder(gradients);
    gradients.setType(builder.getFunctionType(gradients.getArgumentTypes(), value.getType()));
    gradients.setResAttrsAttr(
        builder.getArrayAttr({builder.getDictionaryAttr(builder.getNamedAttr(kLoss, builder.getUnitAttr()))}));
    eraseDeadOps(gradients);
  }

  FailureOr<Value> floatOutput(func::FuncOp gradients, unsigned result) {
    Value value = returnOf(gradients).getOperand(result);
    auto type = dyn_cast<RankedTensorType>(value.getType());
    if (type && type.hasStaticShape() && isa<FloatType>(type.getElementType()))
      return value;
    auto refusal = gradients.emitError() << "output " << outputText(gradients, result) << " has type "
                                         << value.getType() << ", a loss needs a float tensor of known shape";
    for (auto [i, other] : llvm::enumerate(returnOf(gradients).getOperands())) {
      auto tensor = dyn_cast<RankedTensorType>(other.getType());
      auto name = gradients.getResultAttrOfType<StringAttr>(i, kOutput);
      if (tensor && name && isa<FloatType>(tensor.getElementType()))
        return refusal << "; --output=" << name.getValue() << " has one";
    }
    return failure();
  }
  static std::string outputText(func::FuncOp func, unsigned result) {
    auto name = func.getResultAttrOfType<StringAttr>(result, kOutput);
    return name ? ("\"" + name.getValue() + "\"").str() : std::to_string(result);
  }

  /// The model computes its loss: its only element, divided by the number of microbatches.
  LogicalResult useOutput(func::FuncOp gradients, unsigned result) {
    FailureOr<Value> value = floatOutput(gradients, result);
    if (failed(value) || failed(refuseClassOptions(gradients, loss)))
      return failure();
    if (typeOf(*value).getNumElements() != 1)
      return gradients.emitError() << "output " << outputText(gradients, result) << " has shape "
                                   << shapeText(typeOf(*value).getShape())
                                   << ", an output that is the loss has one element";
    auto name = gradients.getResultAttrOfType<StringAttr>(result, kOutput);
    measure = result == 0 || !name ? "output" : ("output:" + name.getValue()).str();
    OpBuilder builder(returnOf(gradients));
    Emitter e(builder, nodeLoc(&getContext(), "loss"));
    returnOnly(gradients, e.mul(e.reshape(*value, {}), 1.0 / microbatches));
    return success();
  }

  LogicalResult attach(func::FuncOp gradients, unsigned result, const Loss &kind) {
    FailureOr<Value> found = floatOutput(gradients, result);
    if (failed(found))
      return failure();
    RankedTensorType type = typeOf(*found);
    int64_t rank = type.getRank(), dim = classDim >= 0 ? int64_t(classDim) : defaultClassDim(rank);
    if (kind.ofClasses && (rank < 2 || dim >= rank))
      return gradients.emitError() << "output " << outputText(gradients, result) << " has shape "
                                   << shapeText(type.getShape()) << ", " << kind.name
                                   << (rank < 2
                                           ? std::string(" needs [batch, classes, ...]")
                                           : " needs a class dimension below its rank, not " + std::to_string(dim));
    if (kind.ofClasses && dim == 0)
      return gradients.emitError() << "class-dim=0 is the batch; the classes of output "
                                   << outputText(gradients, result) << " of shape " << shapeText(type.getShape())
                                   << " are in another dimension";

    ClassLabels classes;
    if (failed(readClasses(gradients, kind, type, dim, classes)))
      return failure();
    OpBuilder builder(returnOf(gradients));
    Emitter e(builder, nodeLoc(&getContext(), "loss"));
    Value value = *found;
    const Loss &used = beforeEnd(gradients, e, kind, dim, value);
    if (type.getElementTypeBitWidth() < 32) // sums over a batch lose too much in 16 bits
      value = e.convert(value, builder.getF32Type());
    SmallVector<int64_t> shape(type.getShape());
    bool numbers = kind.ofClasses && !classes.probabilities;
    if (numbers)
      shape.erase(shape.begin() + dim);
    Type element = numbers ? Type(builder.getI64Type()) : typeOf(value).getElementType();
    FailureOr<Value> labels = addLabel(gradients, shape, element, numbers ? type.getDimSize(dim) : 0);
    if (failed(labels))
      return failure();
    returnOnly(gradients, used.emit(e, value, e.reshape(*labels, shape), classes, microbatches));
    return success();
  }

  LogicalResult refuseClassOptions(func::FuncOp gradients, StringRef name) {
    const std::pair<bool, StringRef> given[] = {{smoothing != 0, "label-smoothing"},
                                                {ignoreIndex != kIgnoredLabel, "ignore-index"},
                                                {!classWeights.empty(), "class-weights"},
                                                {labels == "probabilities", "labels=probabilities"}};
    for (auto [isGiven, option] : given)
      if (isGiven)
        return gradients.emitError() << option << " is of losses of classes (cross_entropy, nll), the loss is \""
                                     << name << "\"";
    return success();
  }

  /// What the options say about labels of classes; refuses them where the loss has none.
  LogicalResult readClasses(func::FuncOp gradients, const Loss &kind, RankedTensorType type, int64_t dim,
                            ClassLabels &classes) {
    if (!kind.ofClasses)
      return refuseClassOptions(gradients, kind.name);
    int64_t count = type.getDimSize(dim), samples = 0;
    classes.dim = dim;
    classes.ignored = ignoreIndex;
    classes.smoothing = smoothing;
    classes.weights.assign(classWeights.begin(), classWeights.end());
    for (unsigned i = 0; i < gradients.getNumArguments() && !samples; ++i)
      if (auto input = dyn_cast<RankedTensorType>(gradients.getArgumentTypes()[i]);
          gradients.getArgAttr(i, kBatched) && input && input.getRank() > 0)
        samples = input.getDimSize(0);
    if (labels != "classes" && labels != "probabilities" && labels != "auto")
      return gradients.emitError() << "labels=" << labels << " is not known, needs classes, probabilities or auto";
    classes.probabilities =
        labels == "probabilities" || (labels == "auto" && count > 1 && samples * labelSize == type.getNumElements());
    if (!(smoothing >= 0 && smoothing < 1))
      return gradients.emitError() << "label-smoothing=" << llvm::formatv("{0}", double(smoothing)).str()
                                   << " is not in [0, 1)";
    if (!classes.weights.empty() && int64_t(classes.weights.size()) != count)
      return gradients.emitError() << "class-weights has " << classes.weights.size() << " numbers, the output "
                                   << "classifies into " << count;
    if (classes.weights.size() > kMaxClassWeights)
      return gradients.emitError() << "class-weights has " << classes.weights.size() << " numbers, at most "
                                   << kMaxClassWeights << " are supported";
    if (llvm::any_of(classes.weights, [](double w) { return !(w >= 0) || std::isinf(w); }))
      return gradients.emitError() << "class-weights must be finite and not negative";
    return success();
  }

  /// Where the output ends in the softmax or sigmoid that belongs to the loss, what the loss needs instead of it.
  /// Returns the loss of that.
  const Loss &beforeEnd(func::FuncOp gradients, Emitter &e, const Loss &kind, int64_t dim, Value &value) {
    measure = kind.name.str();
    LossEnd end = findLossEnd(value);
    if (isa_and_nonnull<SigmoidOp>(end.activation) && !end.isLog) {
      if (kind.name == "bce_logits")
        gradients.emitWarning("bce_logits takes its sigmoid itself, and the trained output is already one (node \"")
            << nodeOf(end.activation->getLoc()) << "\"); use bce";
      if (kind.name != "bce")
        return kind;
      value = throughChain(e, end, end.activation->getOperand(0));
      return lossNamed("bce_logits");
    }
    if (!kind.ofClasses || !end.activation || end.dim != dim)
      return kind;
    measure = end.isLog ? "nll" : "nll_probabilities";
    Value logits = end.activation->getOperand(0);
    int64_t axis = isa<SoftmaxOp>(end.activation) ? cast<SoftmaxOp>(end.activation).getAxis()
                                                  : cast<LogSoftmaxOp>(end.activation).getAxis();
    value = throughChain(e, end, LogSoftmaxOp::create(e.builder, e.loc, logits, axis));
    return lossNamed("nll");
  }

  /// Adds the label argument behind the last input. `shape` is the shape that the loss compares with; where the output
  /// has several rows for each sample in dimension 0 (a language model that flattens [N, T, V] to [N*T, V]), the label
  /// keeps the batch as its dimension 0: [N, T].
  FailureOr<Value> addLabel(func::FuncOp gradients, ArrayRef<int64_t> shape, Type element, int64_t classes) {
    unsigned position = 0;
    std::optional<int64_t> batch;
    for (unsigned i = 0; i < gradients.getNumArguments(); ++i) {
      for (StringLiteral key : {kInput, kParam})
        if (argName(gradients, i, key) == label) {
          gradients.emitError() << "label \"" << label << "\" is also the name of "
                                << (key == kInput ? "an input" : "a parameter") << "; give the label another name";
          return failure();
        }
      if (!gradients.getArgAttr(i, kInput))
        continue;
      position = i + 1;
      auto type = dyn_cast<RankedTensorType>(gradients.getArgumentTypes()[i]);
      if (gradients.getArgAttr(i, kBatched) && type && type.getRank() > 0 && !batch && type.getDimSize(0) > 0)
        batch = type.getDimSize(0);
    }
    Builder builder(gradients);
    SmallVector<NamedAttribute> attrs = {builder.getNamedAttr(kLabel, builder.getStringAttr(label))};
    SmallVector<int64_t> labelShape(shape);
    if (batch && !shape.empty() && shape[0] % *batch == 0) {
      attrs.push_back(builder.getNamedAttr(kBatched, builder.getUnitAttr()));
      if (shape[0] != *batch) {
        labelShape[0] = shape[0] / *batch;
        labelShape.insert(labelShape.begin(), *batch);
      }
    } else if (batch) {
      gradients.emitError() << "the trained output would need labels of shape " << shapeText(shape)
                            << ", which dimension 0 does not cut into " << *batch << " samples";
      return failure();
    }
    if (classes)
      attrs.push_back(builder.getNamedAttr(kClasses, builder.getI64IntegerAttr(classes)));
    if (classes && ignoreIndex != kIgnoredLabel)
      attrs.push_back(builder.getNamedAttr("llcc.ignore", builder.getI64IntegerAttr(ignoreIndex)));
    if (failed(gradients.insertArgument(position, RankedTensorType::get(labelShape, element),
                                        builder.getDictionaryAttr(attrs), nodeLoc(&getContext(), "loss"))))
      return failure();
    return Value(gradients.getArgument(position));
  }
};
} // namespace
} // namespace mlir::llcc
