// The optimizer string of the command line, parsed: `adamw,lr=0.001,beta1=0.9,schedule=cosine,warmup=10,steps=100`.
#ifndef LLCC_PASSES_TRAIN_OPTIMIZER_H
#define LLCC_PASSES_TRAIN_OPTIMIZER_H

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include <optional>
#include <string>

namespace mlir::llcc {

/// What `--optimizer=` says. Defaults are PyTorch's (torch.optim: SGD, Adam, AdamW).
struct Optimizer {
  std::string kind; ///< sgd | momentum | adam | adamw | adagrad
  double lr = 1e-3; ///< base learning rate; the schedule multiplies it, the runtime feeds the product
  /// Numbers of the update rule, under the names that llcc.update's `hyper` has, in a fixed order for each kind.
  llvm::SmallVector<std::pair<llvm::StringRef, double>, 4> hyper;
  /// Names of the states of each parameter: none, velocity, m and v, or squares.
  llvm::SmallVector<llvm::StringRef, 2> states;
  std::string schedule = "constant"; ///< constant | linear | cosine
  int64_t warmup = 0;                ///< steps over which the learning rate grows linearly from 0
  int64_t steps = 0;                 ///< step at which linear and cosine reach 0; 0: the end of the run
};

/// Reads `KIND[,key=value]...`. Nothing where the string is wrong; then `error` is one sentence that shows the wrong
/// part and lists what exists.
std::optional<Optimizer> parseOptimizer(llvm::StringRef text, std::string &error);

} // namespace mlir::llcc

#endif
