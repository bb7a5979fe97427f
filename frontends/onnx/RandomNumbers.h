// How operator handlers draw random numbers: functions of seed, step, node and element alone.
#ifndef LLCC_FRONTENDS_ONNX_RANDOMNUMBERS_H
#define LLCC_FRONTENDS_ONNX_RANDOMNUMBERS_H

#include "frontends/onnx/Emit.h"

namespace mlir::llcc::frontend {

/// 32 random bits for each element of `shape`; every call in a model draws others. `draw` numbers the draws for one
/// element below `draws`.
class RandomNumbers {
public:
  /// A node's attribute `seed` gives it numbers of its own, beside the seed of the run.
  RandomNumbers(Binder &b, ArrayRef<int64_t> shape, int64_t draws = 1);
  /// i32.
  Value bits(int64_t draw = 0);
  /// True with probability 1 - ratio.
  Value keeps(double ratio);
  /// In [0, 1), float type `type`.
  Value uniform(Type type, int64_t draw = 0);
  /// Mean 0, variance 1 (Box and Muller 1958); takes draws 0 and 1.
  Value normal(Type type);

private:
  Binder &b;
  Shape shape;
  int64_t draws, stream;
};

/// x where dropout keeps it, scaled by 1/(1 - ratio), in a training step; x in inference. `mask` (may be null) gets
/// what is kept: all in inference.
Value dropout(Binder &b, Value x, double ratio, Value *mask = nullptr);

} // namespace mlir::llcc::frontend

#endif
