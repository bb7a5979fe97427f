// The training step on one device, and what it keeps and is fed, by name.
#ifndef LLCC_COMPILER_INTERPRETER_SINGLESTEP_H
#define LLCC_COMPILER_INTERPRETER_SINGLESTEP_H

#include "compiler/interpreter/Interpreter.h"
#include <map>
#include <optional>
#include <random>

namespace mlir::llcc {

/// Params, states, inputs, labels, gradients and scalars by the attribute that marks them and their name:
/// {"llcc.param", "fc1.weight"}.
using VariableName = std::pair<StringRef, std::string>;
using Variables = std::map<VariableName, Tensor>;

/// The value of scalar `name` ("lr", "step", "seed", "microbatch"); nullopt where it is none of them.
std::optional<double> scalarValue(StringRef name, double lr, int64_t step, int64_t microbatch = 0);
/// The role and name of argument `i`; nullopt where it has none of the role attributes.
std::optional<VariableName> argumentRole(func::FuncOp function, unsigned i);
/// The role and name of result `i` (llcc.param, llcc.state, llcc.gradient); nullopt where it has none.
std::optional<VariableName> resultRole(func::FuncOp function, unsigned i);
/// "param 'fc1.weight'", for messages.
std::string describe(const VariableName &name);

/// The training step on one device, as the train stage leaves it.
class SingleStep {
public:
  /// Draws params, and states from llcc.init. Fails where functions or attributes are missing.
  LogicalResult create(ModuleOp module, uint64_t seed);
  /// Runs step number `step` (from 1) on `data[microbatch]`; updates `variables`.
  LogicalResult run(int64_t step, double lr, ArrayRef<Variables> data);
  /// Random inputs and labels of one microbatch.
  Variables draw();

  func::FuncOp gradients, update;
  int64_t microbatches = 1;
  Variables variables;           ///< params and states, logical
  Variables previous;            ///< … before the last step
  std::vector<Capture> captures; ///< of the last @update
  double loss = 0;               ///< of the last step, summed over microbatches

private:
  FailureOr<std::vector<Tensor>> bind(func::FuncOp function, int64_t step, double lr, int64_t microbatch,
                                      const Variables &more);
  std::mt19937_64 random;
};

} // namespace mlir::llcc

#endif
