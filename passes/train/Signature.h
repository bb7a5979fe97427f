// Names of the argument and result attributes by which the functions of a step know their parts
// (compiler/ir/README.md), and how to find them.
#ifndef LLCC_PASSES_TRAIN_SIGNATURE_H
#define LLCC_PASSES_TRAIN_SIGNATURE_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::llcc {

constexpr StringLiteral kInput = "llcc.input", kLabel = "llcc.label", kBatched = "llcc.batched",
                        kClasses = "llcc.classes", kParam = "llcc.param", kTrainable = "llcc.trainable",
                        kState = "llcc.state", kInit = "llcc.init", kScalar = "llcc.scalar",
                        kGradient = "llcc.gradient", kOutput = "llcc.output", kLoss = "llcc.loss",
                        kMicrobatches = "llcc.microbatches", kDecay = "llcc.decay", kMeasure = "llcc.measure",
                        kStored = "llcc.stored";

/// The state that loss and gradients are scaled by in the backward pass; it belongs to no parameter.
constexpr StringLiteral kLossScale = "loss_scale";

/// How `llcc run` calls the cotangent of an output and the gradient of an input; no ONNX name begins so, as they are
/// names of the IR only where arguments and results would otherwise clash.
inline std::string cotangentName(StringRef output) { return ("cotangent:" + output).str(); }
inline std::string gradientName(StringRef input) { return ("gradient:" + input).str(); }

/// A parameter of a function: its argument number and its ONNX initializer name.
struct Param {
  unsigned arg;
  StringRef name;
};

/// Name that argument `arg` has under attribute `key`; empty where it has none.
inline StringRef argName(func::FuncOp func, unsigned arg, StringRef key) {
  auto name = func.getArgAttrOfType<StringAttr>(arg, key);
  return name ? name.getValue() : StringRef();
}

/// Parameters that are trained, in argument order.
inline SmallVector<Param> trainableParams(func::FuncOp func) {
  SmallVector<Param> params;
  for (unsigned i = 0; i < func.getNumArguments(); ++i)
    if (StringRef name = argName(func, i, kParam); !name.empty() && func.getArgAttr(i, kTrainable))
      params.push_back({i, name});
  return params;
}

/// Parameters that are tracked, not trained (running statistics), in argument order; llcc-differentiate marks them.
inline SmallVector<Param> trackedParams(func::FuncOp func) {
  SmallVector<Param> params;
  for (unsigned i = 0; i < func.getNumArguments(); ++i)
    if (func.getArgAttr(i, kDecay))
      params.push_back({i, argName(func, i, kParam)});
  return params;
}

/// The argument that holds scalar `name`, made where there is none yet.
inline Value scalarArgument(func::FuncOp func, StringRef name, Type element) {
  for (unsigned i = 0; i < func.getNumArguments(); ++i)
    if (argName(func, i, kScalar) == name)
      return func.getArgument(i);
  Builder builder(func);
  unsigned position = func.getNumArguments();
  (void)func.insertArgument(position, RankedTensorType::get({}, element),
                            builder.getDictionaryAttr(builder.getNamedAttr(kScalar, builder.getStringAttr(name))),
                            func.getLoc());
  return func.getArgument(position);
}

/// Whether the function has a body of one block that ends in a return, as all passes of this stage need.
inline bool hasPlainBody(func::FuncOp func) {
  return !func.isExternal() && func.getBody().hasOneBlock() &&
         isa_and_nonnull<func::ReturnOp>(func.getBody().front().getTerminator());
}

inline func::ReturnOp returnOf(func::FuncOp func) {
  return cast<func::ReturnOp>(func.getBody().back().getTerminator());
}

} // namespace mlir::llcc

#endif
