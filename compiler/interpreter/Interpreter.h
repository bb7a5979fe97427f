// The reference interpreter of the tensor-level IR: slow and plain, the oracle of the compiler.
//
// One function runs on a list of devices in lockstep: op by op, every device its own values, so that a collective sees
// the operands of its whole group. Several functions (pipeline stages) run until each has returned; a receive waits
// until its message has come, and when nobody can move any more the waiting ops are reported as a deadlock.
#ifndef LLCC_COMPILER_INTERPRETER_INTERPRETER_H
#define LLCC_COMPILER_INTERPRETER_INTERPRETER_H

#include "compiler/interpreter/Tensor.h"
#include "compiler/ir/LLCC.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include <string>

namespace mlir::llcc {

struct RunOptions {
  /// Arithmetic in f64 whatever the element types say; otherwise every result is rounded to its element type.
  bool exact = false;
  /// What collectives put where the content is undefined (padding of blocks).
  double padding = 0;
  /// Evaluate only what result 0 of the function depends on; the other results are zeros.
  bool onlyFirstResult = false;
};

/// A value that llcc.capture showed.
struct Capture {
  std::string kind, name;
  Tensor value;
  ShardingAttr placement; ///< of a value that is cut
};

/// One function and the devices that run it together: `arguments[i]` are those of device `devices[i]`.
struct Launch {
  func::FuncOp function;
  SmallVector<int64_t> devices;
  std::vector<std::vector<Tensor>> arguments;
};

/// What one device ends with.
struct Outcome {
  std::vector<Tensor> results;
  std::vector<Capture> captures;
};

/// `function` without arguments on all devices of the mesh.
FailureOr<std::vector<Launch>> launchOn(func::FuncOp function, MeshAttr mesh);
/// @PREFIX0, @PREFIX1, …: stage s on the devices with coordinate s on the axis `pipeline` (all where the mesh has
/// none). Fails where the number of functions is not the size of that axis.
FailureOr<std::vector<Launch>> launchStages(ModuleOp module, StringRef prefix, MeshAttr mesh);

/// Runs all launches together; outcome [launch][position in its devices]. Sends do not wait, receives do.
/// Emits a diagnostic and fails on an unknown op, a division by zero, a message that does not fit, one that nobody
/// receives, or a deadlock.
FailureOr<std::vector<std::vector<Outcome>>> runAll(ArrayRef<Launch> launches, MeshAttr mesh,
                                                    const RunOptions &options = {});

/// Runs `function` on one device. Ops on placed types have their logical meaning; collectives on local types are
/// refused unless their group has one member.
FailureOr<Outcome> runOne(func::FuncOp function, std::vector<Tensor> arguments, const RunOptions &options = {});

} // namespace mlir::llcc

#endif
