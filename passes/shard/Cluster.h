// Devices and the links between them, as a cost model sees them.
#ifndef LLCC_PASSES_SHARD_CLUSTER_H
#define LLCC_PASSES_SHARD_CLUSTER_H

#include "compiler/ir/LLCC.h"
#include <string>

namespace mlir::llcc {

/// A homogeneous cluster. Devices are numbered as the mesh numbers them (row-major: the last axis of --mesh has
/// neighbours beside each other), so links are levels: the devices d·k … d·(k+1)-1 of a level of d devices talk over
/// its link.
struct Cluster {
  std::string name = "cpu threads";
  double flops = 5e10;           ///< peak of one device in the step's precision, 1/s
  double memoryBandwidth = 2e10; ///< of one device, bytes/s
  double efficiency = 0.7;       ///< of both that a kernel reaches (reference: parallel.md §7)
  double launch = 1e-6;          ///< s, the least that a kernel or collective takes
  uint64_t memory = 0;           ///< bytes of one device; 0: not known
  int64_t devices = 0;           ///< in all; 0: as many as the mesh has

  struct Link {
    std::string name;
    int64_t devices;  ///< of a group that it connects; 0: all
    double bandwidth; ///< bytes/s that one device sends while it receives as much
    double latency;   ///< s of a message
  };
  SmallVector<Link> links = {{"shared memory", 0, 1e10, 2e-6}}; ///< innermost first, the last one connects all

  /// Where no file describes one. CPU: a thread with AVX2, tensors handed over through shared memory: orders of
  /// magnitude, not measured. CUDA: H100 in nodes of eight (data sheet: 989 TFLOP/s dense of 16 bits, 67 of f32; 3.35
  /// TB/s; NVLink 450 GB/s a direction) and a 400 Gb/s card each.
  static Cluster ofTarget(StringRef target, StringRef precision);

  /// The link that a group over `axes` of the mesh needs: the innermost one whose groups hold whole groups of the axes.
  const Link &linkOf(ArrayRef<StringRef> axes, MeshAttr mesh) const;
  /// Seconds that `op`, a collective on local types, takes, or a message to the next stage. Ring formulas (parallel.md
  /// §7): all-gather and reduce-scatter send (n-1)/n of the whole, all-reduce twice that, all-to-all (n-1)/n of what
  /// the device has; and log2(n) latencies.
  double communication(Operation *op, MeshAttr mesh) const;
  double message(double bytes, MeshAttr mesh) const;
  /// …of a collective over `axes` that sends (n-1)/n of `bytes` `times` times.
  double collective(double times, double bytes, ArrayRef<StringRef> axes, MeshAttr mesh) const;
  /// Seconds of a kernel of `work` floating-point operations that reads and writes `bytes` of memory.
  double kernel(double work, double bytes) const;
};

/// Bytes of the elements of a tensor type; 0 for others.
double tensorBytes(Type type);
/// Floating-point operations of `op` on its types: multiply-adds of contractions, convolutions and recurrences, and of
/// their gradients, count two. 0 for everything else, which is bound by memory.
double contractionFlops(Operation *op);
/// Bytes that each device sends for a collective on local types; 0 for other ops.
double sentBytes(Operation *op, MeshAttr mesh);
bool isCollective(Operation *op);

} // namespace mlir::llcc

#endif
