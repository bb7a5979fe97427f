// Tries every data x tensor x pipeline on the model and takes the cheapest; also the pass that does so alone:
//
//   module { func @forward … }   ⇒   module attributes {llcc.mesh = #llcc.mesh<["data", "tensor"], [2, 2]>} { func
//   @forward … }
#include "passes/shard/ChooseMesh.h"
#include "compiler/ir/Provenance.h"
#include "passes/shard/Passes.h"
#include "passes/shard/Seeds.h"
#include "llvm/Support/Format.h"

namespace mlir::llcc {
#define GEN_PASS_DEF_CHOOSEMESHPASS
#include "passes/shard/Passes.h.inc"

namespace {

/// A weight op and what follows it up to the next one, per device and for the batch that the function has.
struct Layer {
  double forwardFlops = 0, collectives = 0; ///< flops, seconds
  double parameterBytes = 0, resultBytes = 0;
};

double bytesOf(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor ? double(tensor.getNumElements()) * tensor.getElementTypeBitWidth() / 8 : 0;
}

/// The part of a tensor that one device holds, padding and all: between 1/devices and 1.
double localPart(Type type, const Placement &placement, MeshAttr mesh) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  double part = 1;
  for (auto [dim, axes] : llvm::enumerate(placement.dims)) {
    int64_t size = tensor.getDimSize(dim), local = size;
    for (StringAttr axis : axes)
      local = llvm::divideCeil(local, mesh.getSize(axis.getValue()));
    part *= size ? double(local) / size : 1;
  }
  return part;
}

/// Multiply-adds count two; everything else one for each element it reads or writes.
double flopsOf(Operation *op) {
  auto elements = [](Value v) {
    return bytesOf(v.getType()) ? double(cast<RankedTensorType>(v.getType()).getNumElements()) : 0;
  };
  if (auto dot = dyn_cast<DotOp>(op)) {
    double k = 1;
    for (int64_t dim : dot.getLhsContract())
      k *= dot.getLhs().getType().getDimSize(dim);
    return 2 * k * elements(dot.getResult());
  }
  // Each element of y meets the weights of its output channel; a transposed convolution is the same sum from the other
  // side.
  if (isa<ConvOp, ConvInputGradOp>(op)) {
    Value y = isa<ConvOp>(op) ? op->getResult(0) : op->getOperand(0), w = op->getOperand(1);
    return 2 * elements(y) * elements(w) / std::max<int64_t>(1, cast<RankedTensorType>(w.getType()).getDimSize(0));
  }
  if (auto recurrence = dyn_cast<RecurrenceOp>(op))
    return 2 * elements(recurrence.getY()) * cast<RankedTensorType>(recurrence.getR().getType()).getDimSize(0);
  double most = 0;
  for (Value v : op->getOperands())
    most = std::max(most, elements(v));
  for (Value v : op->getResults())
    most = std::max(most, elements(v));
  return isFree(op) ? 0 : most;
}

class Model {
public:
  Model(func::FuncOp func, const DeviceModel &device) : func(func), device(device) {}

  double gather(int64_t n, double bytes) const {
    return n > 1 ? device.latency + double(n - 1) / n * bytes / device.bandwidth : 0;
  }
  double allReduce(int64_t n, double bytes) const { return 2 * gather(n, bytes); }

  /// The forward layers as data x tensor devices run them. False where no weight can be cut over `tensor`.
  bool place(MeshAttr mesh, SmallVector<Layer> &layers) {
    Propagation propagation(func, mesh);
    Seeds seeds(func.getNumArguments());
    seedBatch(func, propagation, seeds);
    propagation.run();
    if (mesh.getSize("tensor") > 1 && !seedWeights(func, mesh, propagation, seeds))
      return false;
    auto placed = propagation.finish([](OpOperand &) { return false; });
    auto have = [&](Value v) { return placed[v]; };
    layers.assign(1, {});
    bool began = false;
    DenseMap<Value, SmallVector<Placement>> moved;
    for (Operation &op : func.getBody().front()) {
      if (isBackward(op.getLoc()) || op.hasTrait<OpTrait::IsTerminator>())
        continue;
      if (std::optional<WeightUse> use = getWeightUse(&op, func)) {
        if (std::exchange(began, true)) // what stands before the first weight belongs to its layer
          layers.emplace_back();
        layers.back().parameterBytes +=
            bytesOf(use->param.getType()) * localPart(use->param.getType(), have(use->param), mesh);
      }
      Layer &layer = layers.back();
      SmallVector<Placement> given;
      FailureOr<SmallVector<Placement>> needs = getNeeds(&op, have, mesh, given);
      if (failed(needs))
        continue;
      // Work is cut with the results, and with the loops that are reduced.
      double part = 1;
      for (Value v : op.getResults())
        part = std::min(part, localPart(v.getType(), have(v), mesh));
      for (Value v : op.getResults())
        for (StringAttr axis : have(v).partial)
          part /= mesh.getSize(axis.getValue());
      layer.forwardFlops += flopsOf(&op) * part;
      for (auto [v, need] : llvm::zip(op.getOperands(), *needs)) {
        Placement from = have(v);
        if (!isa<RankedTensorType>(v.getType()) || from == need || llvm::is_contained(moved[v], need))
          continue;
        moved[v].push_back(need);
        double local = bytesOf(v.getType()) * localPart(v.getType(), from, mesh);
        for (StringAttr axis : mesh.getAxes()) {
          int64_t n = mesh.getSize(axis.getValue());
          if (llvm::is_contained(from.partial, axis))
            layer.collectives += need.cuts(axis) ? gather(n, local) : allReduce(n, local);
          else if (from.cuts(axis) && !need.cuts(axis))
            layer.collectives += gather(n, local * n);
          else if (from.cuts(axis) && from.dims != need.dims)
            layer.collectives += n > 1 ? device.latency + double(n - 1) / n * local / device.bandwidth : 0;
        }
      }
      for (Value v : op.getResults())
        layer.resultBytes = bytesOf(v.getType()) * localPart(v.getType(), have(v), mesh);
    }
    return true;
  }

  func::FuncOp func;
  DeviceModel device;
};

/// The slowest of `stages` runs of consecutive layers, cut as well as possible.
double slowestStage(ArrayRef<double> layers, int64_t stages) {
  double low = *llvm::max_element(layers), high = 0;
  for (double layer : layers)
    high += layer;
  auto fits = [&](double bound) {
    int64_t used = 1;
    double sum = 0;
    for (double layer : layers) {
      if (sum + layer > bound) {
        ++used;
        sum = 0;
      }
      sum += layer;
    }
    return used <= stages;
  };
  for (int i = 0; i < 50; ++i) {
    double middle = (low + high) / 2;
    (fits(middle) ? high : low) = middle;
  }
  return high;
}

int64_t pickMicrobatches(int64_t batch, int64_t data, int64_t pipeline) {
  if (pipeline == 1)
    return 1;
  for (int64_t m = 4 * pipeline; m > 1; --m)
    if (batch % m == 0 && batch / m >= data)
      return m;
  return 1;
}

MeshAttr meshOf(MLIRContext *context, int64_t data, int64_t tensor, int64_t pipeline) {
  SmallVector<StringAttr> axes;
  SmallVector<int64_t> sizes;
  for (auto [name, size] : {std::pair("data", data), std::pair("tensor", tensor), std::pair("pipeline", pipeline)})
    if (size > 1) {
      axes.push_back(StringAttr::get(context, name));
      sizes.push_back(size);
    }
  if (axes.empty()) {
    axes.push_back(StringAttr::get(context, "data"));
    sizes.push_back(1);
  }
  return MeshAttr::get(context, axes, sizes);
}

} // namespace

FailureOr<MeshChoice> chooseMesh(ModuleOp module, int64_t devices, const DeviceModel &device, int64_t microbatches) {
  auto original = module.lookupSymbol<func::FuncOp>("gradients");
  if (!original)
    original = module.lookupSymbol<func::FuncOp>("forward");
  if (!original || !original.getBody().hasOneBlock())
    return module.emitError(
               "module has neither @gradients nor @forward of one block, needs a model to choose a mesh for"),
           failure();
  if (devices < 1)
    return module.emitError("a mesh of ") << devices << " devices, needs at least 1", failure();
  OwningOpRef<func::FuncOp> copy = original.clone();
  splitFreeOps(*copy);
  Model model(*copy, device);

  // The function has the rows of one microbatch after the train stage, of the whole batch before.
  auto given = module->getAttrOfType<IntegerAttr>("llcc.microbatches");
  int64_t rows = 1, fixed = given && module.lookupSymbol("gradients") ? given.getInt() : 1;
  for (unsigned i = 0; i < copy->getNumArguments(); ++i)
    if (auto type = dyn_cast<RankedTensorType>(copy->getArgument(i).getType());
        type && type.getRank() && copy->getArgAttr(i, "llcc.batched"))
      rows = type.getDimSize(0);
  int64_t batch = rows * fixed;

  MeshChoice choice;
  for (int64_t tensor = 1; tensor <= devices; ++tensor) {
    for (int64_t pipeline = 1; devices % tensor == 0 && pipeline <= devices / tensor; ++pipeline) {
      if (devices / tensor % pipeline != 0)
        continue;
      int64_t data = devices / tensor / pipeline;
      int64_t m = microbatches ? microbatches : fixed > 1 ? fixed : pickMicrobatches(batch, data, pipeline);
      MeshCandidate c{data, tensor, pipeline, m, {}};
      SmallVector<Layer> layers;
      if (data > std::max<int64_t>(1, batch / m))
        c.infeasible = "a microbatch has " + std::to_string(batch / m) + " rows";
      else if (!model.place(meshOf(module.getContext(), data, tensor, 1), layers))
        c.infeasible = "no weight has an output dimension of " + std::to_string(tensor);
      else if (pipeline > int64_t(layers.size()))
        c.infeasible = "the model has " + std::to_string(layers.size()) + " weight layers";
      if (c.infeasible.empty()) {
        // The function's rows in blocks of `data` against a microbatch's.
        double padded = double(llvm::divideCeil(llvm::divideCeil(batch, m), data)) / llvm::divideCeil(rows, data);
        SmallVector<double> compute, collectives, both, bytes;
        double widest = 0;
        for (const Layer &layer : layers) {
          compute.push_back(3 * layer.forwardFlops * padded / device.flops);
          collectives.push_back(2 * layer.collectives * padded);
          both.push_back(compute.back() + collectives.back());
          bytes.push_back(layer.parameterBytes);
          widest = std::max(widest, layer.resultBytes * padded);
        }
        double slots = m + pipeline - 1, stage = slowestStage(both, pipeline), sum = 0, talk = 0;
        for (auto [a, b] : llvm::zip(both, collectives)) {
          sum += a;
          talk += b;
        }
        double share = sum > 0 ? talk / sum : 0;
        c.compute = slots * stage * (1 - share);
        c.tensorTime = slots * stage * share;
        c.dataTime = model.allReduce(data, slowestStage(bytes, pipeline));
        c.pipelineTime = pipeline > 1 ? slots * 2 * (device.latency + widest / device.bandwidth) : 0;
      }
      choice.candidates.push_back(c);
    }
  }
  // Two axes where there are any, then time, then data, then tensor.
  bool mixed =
      llvm::any_of(choice.candidates, [](const MeshCandidate &c) { return c.infeasible.empty() && c.axes() >= 2; });
  auto key = [&](const MeshCandidate &c) {
    return std::make_tuple(!c.infeasible.empty(), devices >= 4 && mixed && c.axes() < 2, c.total(), -c.data, -c.tensor);
  };
  llvm::sort(choice.candidates, [&](const MeshCandidate &a, const MeshCandidate &b) { return key(a) < key(b); });
  const MeshCandidate &best = choice.candidates.front();
  if (!best.infeasible.empty())
    return module.emitError("no mesh of ") << devices << " devices fits the model:\n" << choice.explain(), failure();
  choice.mesh = meshOf(module.getContext(), best.data, best.tensor, best.pipeline);
  choice.microbatches = best.microbatches;
  return choice;
}

std::string MeshChoice::explain() const {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "data tensor pipeline microbatches  ms/step = compute + data + tensor + pipeline\n";
  for (const MeshCandidate &c : candidates) {
    os << llvm::format("%4lld %6lld %8lld %12lld  ", (long long)c.data, (long long)c.tensor, (long long)c.pipeline,
                       (long long)c.microbatches);
    if (!c.infeasible.empty())
      os << "not feasible: " << c.infeasible << "\n";
    else
      os << llvm::format("%.4g = %.4g + %.4g + %.4g + %.4g\n", 1e3 * c.total(), 1e3 * c.compute, 1e3 * c.dataTime,
                         1e3 * c.tensorTime, 1e3 * c.pipelineTime);
  }
  return text;
}

namespace {
struct ChooseMeshPass : impl::ChooseMeshPassBase<ChooseMeshPass> {
  using ChooseMeshPassBase::ChooseMeshPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (target != "cpu" && target != "cuda") {
      module.emitError("unknown target '") << target << "', needs cpu or cuda";
      return signalPassFailure();
    }
    FailureOr<MeshChoice> choice =
        chooseMesh(module, devices, target == "cuda" ? DeviceModel::cuda() : DeviceModel::cpu(), microbatches);
    if (failed(choice))
      return signalPassFailure();
    if (explain)
      mlir::emitRemark(module.getLoc()) << "mesh " << choice->mesh << "\n" << choice->explain();
    module->setAttr("llcc.mesh", choice->mesh);
  }
};
} // namespace
} // namespace mlir::llcc
