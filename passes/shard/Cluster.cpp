// Costs of kernels and collectives on a cluster.
#include "passes/shard/Cluster.h"
#include "compiler/ir/Ring.h"
#include <cmath>

namespace mlir::llcc {

double tensorBytes(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor ? double(tensor.getNumElements()) * ((tensor.getElementTypeBitWidth() + 7) / 8) : 0;
}

double contractionFlops(Operation *op) {
  auto type = [](Value v) { return cast<RankedTensorType>(v.getType()); };
  auto elements = [&](Value v) { return double(type(v).getNumElements()); };
  if (auto dot = dyn_cast<DotOp>(op)) {
    double k = 1;
    for (int64_t dim : dot.getLhsContract())
      k *= double(type(dot.getLhs()).getDimSize(dim));
    return 2 * k * elements(dot.getResult());
  }
  // Each element of y meets the weights of its output channel; both gradients are the same sum from other sides.
  auto convolution = [&](Value y, Value w) {
    return 2 * elements(y) * elements(w) / std::max<int64_t>(1, type(w).getDimSize(0));
  };
  if (isa<ConvOp>(op))
    return convolution(op->getResult(0), op->getOperand(1));
  if (isa<ConvInputGradOp>(op))
    return convolution(op->getOperand(0), op->getOperand(1));
  if (isa<ConvWeightGradOp>(op))
    return convolution(op->getOperand(1), op->getResult(0));
  if (auto recurrence = dyn_cast<RecurrenceOp>(op))
    return 2 * elements(recurrence.getY()) * double(type(recurrence.getR()).getDimSize(0));
  if (auto recurrence = dyn_cast<RecurrenceGradOp>(op))
    return 4 * elements(recurrence.getDy()) * double(type(recurrence.getR()).getDimSize(0));
  return 0;
}

bool isCollective(Operation *op) { return isa<AllReduceOp, AllGatherOp, ReduceScatterOp, AllToAllOp, RingShiftOp>(op); }

static SmallVector<StringRef> axesOf(Operation *op) {
  SmallVector<StringRef> axes;
  if (auto attr = op->getAttrOfType<ArrayAttr>("axes"))
    for (Attribute axis : attr)
      axes.push_back(cast<StringAttr>(axis).getValue());
  return axes;
}

static int64_t groupSize(Operation *op, MeshAttr mesh) {
  int64_t n = 1;
  for (StringRef axis : axesOf(op))
    n *= mesh.getSize(axis);
  return n;
}

double sentBytes(Operation *op, MeshAttr mesh) {
  if (!isCollective(op))
    return 0;
  double bytes = 0, n = double(groupSize(op, mesh));
  for (Value operand : op->getOperands())
    bytes += tensorBytes(operand.getType());
  if (isa<AllGatherOp>(op))
    return (n - 1) * bytes;
  if (isa<RingShiftOp>(op))
    return n > 1 ? bytes : 0;
  return (isa<AllReduceOp>(op) ? 2 : 1) * (n - 1) / n * bytes;
}

Cluster Cluster::ofTarget(StringRef target, StringRef precision) {
  Cluster cluster;
  if (!target.starts_with("cuda"))
    return cluster;
  cluster.name = "H100 in nodes of eight";
  cluster.flops = precision == "f32" ? 67e12 : 989e12;
  cluster.memoryBandwidth = 3.35e12;
  cluster.launch = 7e-6;
  cluster.links = {{"NVLink", 8, 450e9, 5e-6}, {"InfiniBand", 0, 50e9, 10e-6}};
  return cluster;
}

const Cluster::Link &Cluster::linkOf(ArrayRef<StringRef> axes, MeshAttr mesh) const {
  int64_t span = 1, stride = 1;
  for (size_t i = mesh.getAxes().size(); i-- > 0;) {
    int64_t size = mesh.getSizes()[i];
    if (size > 1 && llvm::is_contained(axes, mesh.getAxes()[i].getValue()))
      span = stride * size;
    stride *= size;
  }
  for (const Link &link : links)
    if (!link.devices || link.devices % span == 0)
      return link;
  return links.back();
}

double Cluster::communication(Operation *op, MeshAttr mesh) const {
  const Link &link = linkOf(axesOf(op), mesh);
  int64_t n = groupSize(op, mesh);
  if (n < 2)
    return 0;
  return launch + link.latency * std::ceil(std::log2(double(n))) + sentBytes(op, mesh) / link.bandwidth;
}

double Cluster::message(double bytes, MeshAttr mesh) const {
  const Link &link = linkOf({"pipeline"}, mesh);
  return launch + link.latency + bytes / link.bandwidth;
}

double Cluster::kernel(double work, double bytes) const {
  return std::max(launch, std::max(work / flops, bytes / memoryBandwidth) / efficiency);
}

} // namespace mlir::llcc
