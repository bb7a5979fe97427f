// The sharded step on all devices against the single-device step. Both run in f64, so that what differs is the program
// and not the rounding; differences are measured against the tensor's largest change in the step, so that a wrong
// gradient is not hidden behind a small learning rate.
#include "compiler/interpreter/CompareSteps.h"
#include "compiler/interpreter/Pieces.h"
#include "compiler/interpreter/SingleStep.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>

namespace mlir::llcc {

static constexpr double kLearningRate = 0.05;

namespace {
/// The sharded step: what every device holds, and how that compares.
class ShardedSteps {
public:
  ShardedSteps(ModuleOp module, SingleStep &single, const CompareOptions &options)
      : module(module), single(single), options(options) {}
  LogicalResult create();
  LogicalResult step(int64_t number, ArrayRef<Variables> data);
  double worst = 0;
  int64_t compared = 0; ///< params and states returned by stages

  std::vector<Launch> launches;
  MeshAttr mesh;

private:
  LogicalResult placementOf(func::FuncOp function, DictionaryAttr attrs, Type local, ArrayRef<int64_t> logical,
                            const std::string &what, ShardingAttr &placement);
  LogicalResult bind(Launch &launch, int64_t number, ArrayRef<Variables> data);
  LogicalResult compareLoss(const Launch &launch, const std::vector<Outcome> &outcomes, int64_t number, bool &seen);
  LogicalResult compareResults(const Launch &launch, const std::vector<Outcome> &outcomes, int64_t number);
  LogicalResult compareCaptures(const Launch &launch, const std::vector<Outcome> &outcomes, int64_t number);
  LogicalResult comparePiece(func::FuncOp function, const std::string &what, int64_t number, int64_t device,
                             const Tensor &piece, const Tensor &whole, ShardingAttr placement, double scale);

  ModuleOp module;
  SingleStep &single;
  const CompareOptions &options;
  std::map<std::pair<const Launch *, int64_t>, Variables> held; ///< by launch and position in its devices, local
};
} // namespace

static std::string indexText(ArrayRef<int64_t> shape, int64_t at) {
  std::string text;
  llvm::raw_string_ostream out(text);
  SmallVector<int64_t> strides = stridesOf(shape);
  out << "[";
  for (auto [d, stride] : llvm::enumerate(strides))
    out << (d ? ", " : "") << at / stride % shape[d];
  out << "]";
  return text;
}

static std::string shapeText(ArrayRef<int64_t> shape) {
  std::string text;
  llvm::raw_string_ostream out(text);
  out << "[";
  llvm::interleaveComma(shape, out);
  out << "]";
  return text;
}

static std::string text(double value) {
  std::string result;
  llvm::raw_string_ostream(result) << llvm::format("%.9g", value);
  return result;
}

// Replicated where no placement is given.
static ShardingAttr replicated(MLIRContext *context, int64_t rank) {
  return ShardingAttr::get(context, SmallVector<ArrayAttr>(rank, ArrayAttr::get(context, {})), {}, ReduceKind::Sum, {});
}

LogicalResult ShardedSteps::create() {
  mesh = module->getAttrOfType<MeshAttr>("llcc.mesh");
  if (!mesh)
    return module.emitError("the sharded module has no attribute llcc.mesh, needs a module after the shard stage");
  FailureOr<std::vector<Launch>> stages = launchStages(module, "step_stage", mesh);
  if (failed(stages))
    return failure();
  launches = std::move(*stages);
  llvm::StringSet<> returned;
  for (Launch &launch : launches)
    for (unsigned i = 0; i < launch.function.getNumResults(); ++i)
      if (auto name = resultRole(launch.function, i))
        compared += returned.insert(describe(*name)).second;
  for (unsigned i = 0; i < single.update.getNumResults(); ++i)
    if (auto name = resultRole(single.update, i); name && !returned.contains(describe(*name)))
      return module.emitError() << describe(*name) << " is updated by @update, but returned by no stage";
  return success();
}

// The attribute llcc.placement in `attrs`, after checking llcc.shape and the local type against the logical shape.
LogicalResult ShardedSteps::placementOf(func::FuncOp function, DictionaryAttr attrs, Type local,
                                        ArrayRef<int64_t> logical, const std::string &what, ShardingAttr &placement) {
  placement = attrs ? attrs.getAs<ShardingAttr>("llcc.placement") : ShardingAttr();
  if (!placement)
    placement = replicated(module.getContext(), logical.size());
  auto shape = attrs ? attrs.getAs<DenseI64ArrayAttr>("llcc.shape") : DenseI64ArrayAttr();
  if (placement.getDims().size() != logical.size() || (shape && shape.asArrayRef() != logical))
    return function.emitError() << what << " has placement " << placement << " and llcc.shape "
                                << (shape ? shapeText(shape.asArrayRef()) : "none") << ", the single-device module has "
                                << shapeText(logical);
  SmallVector<int64_t> piece;
  for (auto [d, size] : llvm::enumerate(logical))
    piece.push_back(placement.getLocalSize(size, d, mesh));
  auto type = dyn_cast<RankedTensorType>(local);
  if (!type || type.getShape() != ArrayRef<int64_t>(piece))
    return function.emitError() << what << " has type " << local << ", its placement " << placement
                                << " gives pieces of " << shapeText(piece);
  if (placement.isPartial())
    return function.emitError() << what << " is partial, needs its whole value at the border of a step";
  return success();
}

LogicalResult ShardedSteps::bind(Launch &launch, int64_t number, ArrayRef<Variables> data) {
  func::FuncOp function = launch.function;
  for (auto [position, device] : llvm::enumerate(launch.devices)) {
    Variables &own = held[{&launch, int64_t(position)}];
    std::vector<Tensor> &arguments = launch.arguments[position];
    arguments.clear();
    for (unsigned i = 0; i < function.getNumArguments(); ++i) {
      Type type = function.getArgument(i).getType();
      std::optional<VariableName> name = argumentRole(function, i);
      if (!name || !isa<RankedTensorType>(type))
        return function.emitError() << "argument " << i
                                    << " has none of llcc.input, llcc.label, llcc.param, llcc.state, llcc.scalar";
      if (name->first == "llcc.scalar") {
        std::optional<double> value = scalarValue(name->second, kLearningRate, number);
        if (!value)
          return function.emitError() << "argument " << i << " is scalar '" << name->second
                                      << "', needs lr, step or seed";
        arguments.emplace_back(type);
        arguments.back().set(0, *value);
        continue;
      }
      if (auto it = own.find(*name); it != own.end()) {
        arguments.push_back(it->second);
        continue;
      }
      bool isData = name->first == "llcc.input" || name->first == "llcc.label";
      auto microbatch = function.getArgAttrOfType<IntegerAttr>(i, "llcc.microbatch");
      int64_t m = microbatch ? microbatch.getInt() : 0;
      if (isData && (m < 0 || m >= int64_t(data.size())))
        return function.emitError() << describe(*name) << " is of microbatch " << m << ", there are " << data.size();
      const Variables &from = isData ? data[m] : number == 1 ? single.variables : own;
      auto it = from.find(*name);
      if (it == from.end())
        return function.emitError() << describe(*name) << " is not in the single-device module";
      ShardingAttr placement;
      if (failed(placementOf(function, function.getArgAttrDict(i), type, it->second.shape, describe(*name), placement)))
        return failure();
      arguments.push_back(cutPiece(it->second, placement, mesh, device, options.loadedPadding));
      if (!isData)
        own[*name] = arguments.back();
    }
  }
  return success();
}

LogicalResult ShardedSteps::compareLoss(const Launch &launch, const std::vector<Outcome> &outcomes, int64_t number,
                                        bool &seen) {
  for (auto [position, outcome] : llvm::enumerate(outcomes)) {
    double loss = 0;
    bool has = false;
    func::FuncOp function = launch.function;
    for (unsigned i = 0; i < function.getNumResults(); ++i)
      if (function.getResultAttr(i, "llcc.loss"))
        loss = outcome.results[i].at(0), has = true;
    if (!has)
      for (const Capture &capture : outcome.captures)
        if (capture.kind == "loss")
          loss += capture.value.at(0), has = true;
    seen |= has;
    double error = std::fabs(loss - single.loss) / std::max(std::fabs(single.loss), 1e-3);
    if (has && !(error <= options.tolerance))
      return function.emitError() << "step " << number << ": loss on device " << launch.devices[position] << " is "
                                  << text(loss) << ", on a single device " << text(single.loss);
    worst = has ? std::max(worst, error) : worst;
  }
  return success();
}

LogicalResult ShardedSteps::comparePiece(func::FuncOp function, const std::string &what, int64_t number, int64_t device,
                                         const Tensor &piece, const Tensor &whole, ShardingAttr placement,
                                         double scale) {
  int64_t bad = -1;
  double has = 0;
  forEachPlaced(whole.shape, placement, mesh, device, [&](int64_t local, int64_t logical) {
    double error = std::fabs(piece.at(local) - whole.at(logical)) / scale;
    if (!(error <= options.tolerance) && bad < 0)
      bad = logical, has = piece.at(local);
    worst = std::max(worst, error);
  });
  if (bad < 0)
    return success();
  return function.emitError() << "step " << number << ": " << what << " differs on device " << device << " at "
                              << indexText(whole.shape, bad) << ": " << text(has) << ", on a single device "
                              << text(whole.at(bad));
}

// Changes smaller than rounding of f64 are no scale: a frozen or unreached tensor compares against its values.
static double scaleOf(const Tensor &now, const Tensor &before) {
  double change = 0, largest = 0;
  for (int64_t i = 0, n = now.size(); i < n; ++i) {
    change = std::max(change, std::fabs(now.at(i) - before.at(i)));
    largest = std::max(largest, std::fabs(now.at(i)));
  }
  return std::max({change, 1e-6 * largest, 1e-12});
}

LogicalResult ShardedSteps::compareResults(const Launch &launch, const std::vector<Outcome> &outcomes, int64_t number) {
  func::FuncOp function = launch.function;
  for (unsigned i = 0; i < function.getNumResults(); ++i) {
    std::optional<VariableName> name = resultRole(function, i);
    if (!name || name->first == "llcc.gradient")
      continue;
    auto it = single.variables.find(*name);
    if (it == single.variables.end())
      return function.emitError() << "result " << i << " is " << describe(*name)
                                  << ", which the single-device module does not have";
    const Tensor &whole = it->second;
    double scale = scaleOf(whole, single.previous[*name]);
    ShardingAttr placement;
    if (failed(placementOf(function, function.getResultAttrDict(i), function.getResultTypes()[i], whole.shape,
                           describe(*name), placement)))
      return failure();
    Tensor first(whole.shape, whole.element);
    SmallVector<int64_t> holder(whole.size(), -1);
    for (auto [position, device] : llvm::enumerate(launch.devices)) {
      const Tensor &piece = outcomes[position].results[i];
      if (failed(comparePiece(function, describe(*name), number, device, piece, whole, placement, scale)))
        return failure();
      int64_t drift = -1;
      forEachPlaced(whole.shape, placement, mesh, device, [&, device = device](int64_t local, int64_t logical) {
        if (holder[logical] < 0)
          holder[logical] = device, first.copy(logical, piece, local);
        else if (first.at(logical) != piece.at(local) && drift < 0)
          drift = logical;
      });
      if (drift >= 0)
        return function.emitError() << "step " << number << ": " << describe(*name) << " at "
                                    << indexText(whole.shape, drift) << " has other bits on device " << device
                                    << " than on device " << holder[drift] << ": they drift apart";
      held[{&launch, int64_t(position)}][*name] = piece;
    }
  }
  return success();
}

// Captured gradients, each device's piece of them.
LogicalResult ShardedSteps::compareCaptures(const Launch &launch, const std::vector<Outcome> &outcomes,
                                            int64_t number) {
  for (auto [position, outcome] : llvm::enumerate(outcomes))
    for (const Capture &capture : outcome.captures)
      for (const Capture &expected : single.captures) {
        if (capture.kind == "loss" || capture.kind != expected.kind || capture.name != expected.name)
          continue;
        Tensor zeros(expected.value.shape, expected.value.element);
        if (failed(comparePiece(launch.function, capture.kind + " '" + capture.name + "'", number,
                                launch.devices[position], capture.value, expected.value,
                                capture.placement ? capture.placement
                                                  : replicated(module.getContext(), zeros.shape.size()),
                                scaleOf(expected.value, zeros))))
          return failure();
      }
  return success();
}

LogicalResult ShardedSteps::step(int64_t number, ArrayRef<Variables> data) {
  for (Launch &launch : launches)
    if (failed(bind(launch, number, data)))
      return failure();
  // Only now, as the first step's pieces are cut from the values before it.
  if (failed(single.run(number, kLearningRate, data)))
    return failure();
  if (!std::isfinite(single.loss))
    return single.gradients.emitError() << "step " << number << ": the single-device loss is " << text(single.loss)
                                        << ", nothing can be compared";
  RunOptions run;
  run.exact = true;
  run.padding = options.padding;
  FailureOr<std::vector<std::vector<Outcome>>> outcomes = runAll(launches, mesh, run);
  if (failed(outcomes))
    return failure();
  bool seen = false;
  for (auto [launch, own] : llvm::zip(launches, *outcomes))
    if (failed(compareLoss(launch, own, number, seen)))
      return failure();
  if (!seen)
    return module.emitError("no stage shows a loss, needs llcc.capture \"loss\" or a result with llcc.loss");
  for (auto [launch, own] : llvm::zip(launches, *outcomes))
    if (failed(compareCaptures(launch, own, number)) || failed(compareResults(launch, own, number)))
      return failure();
  return success();
}

LogicalResult compareSteps(ModuleOp sharded, ModuleOp singleModule, const CompareOptions &options,
                           llvm::raw_ostream &out) {
  SingleStep single;
  ShardedSteps steps(sharded, single, options);
  if (failed(single.create(singleModule, options.seed)) || failed(steps.create()))
    return failure();
  std::string losses;
  for (int64_t number = 1; number <= options.steps; ++number) {
    std::vector<Variables> data;
    for (int64_t m = 0; m < single.microbatches; ++m)
      data.push_back(single.draw());
    if (failed(steps.step(number, data)))
      return failure();
    losses += " " + text(single.loss);
  }
  out << "compare: " << options.steps << " steps, " << steps.mesh.getDevices() << " devices, " << steps.launches.size()
      << " stages, " << single.microbatches << " microbatches, " << steps.compared
      << " params and states agree, max relative difference " << llvm::format("%.3g", steps.worst) << "; loss" << losses
      << "\n";
  return success();
}

} // namespace mlir::llcc
