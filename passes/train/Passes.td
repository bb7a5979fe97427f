// Passes of the train stage, in the order in which they run.
include "mlir/Pass/PassBase.td"

def ExpandGradientsPass : Pass<"llcc-expand-gradients", "::mlir::ModuleOp"> {
  let summary = "Replaces what the importer makes of ONNX's Gradient by the ops that compute it";
  let dependentDialects = ["::mlir::llcc::LlccDialect", "::mlir::func::FuncDialect"];
}
def SimplifyViewsPass : Pass<"llcc-simplify-views", "::mlir::ModuleOp"> {
  let summary = "Makes each chain of reshapes and transposes one split, one transpose and one merge at most";
  let dependentDialects = ["::mlir::llcc::LlccDialect", "::mlir::func::FuncDialect"];
}
def SplitColumnsPass : Pass<"llcc-split-columns", "::mlir::ModuleOp"> {
  let summary = "Gives weights of @forward that are several beside each other (q, k and v) a dimension for that";
  let dependentDialects = ["::mlir::llcc::LlccDialect", "::mlir::func::FuncDialect"];
}
def ConvertPrecisionPass : Pass<"llcc-convert-precision", "::mlir::ModuleOp"> {
  let summary = "Rounds operands of contractions and activations of @forward to 16 bits, and gives trained 16 bit parameters an f32 master";
  let dependentDialects = ["::mlir::llcc::LlccDialect", "::mlir::func::FuncDialect"];
  let options = [Option<"precision", "precision", "std::string", "\"f32\"", "f32 | bf16 | f16: what f32 activations become">];
}
def AttachLossPass : Pass<"llcc-attach-loss", "::mlir::ModuleOp"> {
  let summary = "Makes @gradients from @forward: label, loss and its value";
  let dependentDialects = ["::mlir::llcc::LlccDialect", "::mlir::func::FuncDialect"];
  let options = [
    Option<"loss", "loss", "std::string", "\"cross_entropy\"", "cross_entropy | nll | mse | l1 | bce | bce_logits, or an output that is the loss">,
    Option<"label", "label", "std::string", "\"label\"", "name of the label input">,
    Option<"classDim", "class-dim", "int64_t", "-1", "dimension of the output that runs over classes (-1: 1, but the last of rank 3)">,
    Option<"ignoreIndex", "ignore-index", "int64_t", "-100", "class number of labels that do not count">,
    Option<"smoothing", "label-smoothing", "double", "0.0", "share of each label that is spread over all classes">,
    Option<"labels", "labels", "std::string", "\"classes\"", "classes | probabilities (a number for each class) | auto (by label-size)">,
    Option<"labelSize", "label-size", "int64_t", "0", "numbers that the labels of a sample have (auto)">,
    ListOption<"classWeights", "class-weights", "double", "weight of each class (none: 1)">,
    Option<"output", "output", "std::string", "\"\"", "name of the output that is trained (empty: the first)">,
    Option<"microbatches", "microbatches", "int64_t", "1", "the loss is divided by this">,
    Option<"lossScale", "loss-scale", "double", "0.0", "gradients are computed of the loss times a state that begins with this; 0: of the loss">];
}
def SplitModesPass : Pass<"llcc-split-modes", "::mlir::ModuleOp"> {
  let summary = "@gradients computes what training computes, @forward what inference does; random bits get their key";
  let dependentDialects = ["::mlir::llcc::LlccDialect", "::mlir::func::FuncDialect"];
}
def StackExpertsPass : Pass<"llcc-stack-experts", "::mlir::ModuleOp"> {
  let summary = "Experts of @gradients that are nodes of their own become one stack, where the mesh has an axis expert";
  let dependentDialects = ["::mlir::llcc::LlccDialect", "::mlir::func::FuncDialect"];
}
def DifferentiatePass : Pass<"llcc-differentiate", "::mlir::ModuleOp"> {
  let summary = "Adds to @gradients the gradient of its loss by each trainable parameter";
  let dependentDialects = ["::mlir::llcc::LlccDialect", "::mlir::func::FuncDialect"];
}
def WidenGradientsPass : Pass<"llcc-widen-gradients", "::mlir::ModuleOp"> {
  let summary = "Keeps products and sums that are gradients of f32 parameters in f32, as they were accumulated";
  let dependentDialects = ["::mlir::llcc::LlccDialect", "::mlir::func::FuncDialect"];
}
def AttachOptimizerPass : Pass<"llcc-attach-optimizer", "::mlir::ModuleOp"> {
  let summary = "Makes @update: clipping, one llcc.update for each trainable parameter";
  let dependentDialects = ["::mlir::llcc::LlccDialect", "::mlir::func::FuncDialect"];
  let options = [
    Option<"optimizer", "optimizer", "std::string", "\"sgd\"", "sgd | momentum | adam | adamw, then ,key=value">,
    Option<"clip", "clip", "double", "0.0", "largest global gradient norm; 0: none">];
}
def AttachLossScalePass : Pass<"llcc-attach-loss-scale", "::mlir::ModuleOp"> {
  let summary = "Takes the loss scale out of the gradients again; skips steps that overflowed; adapts the scale";
  let dependentDialects = ["::mlir::llcc::LlccDialect", "::mlir::func::FuncDialect"];
  let options = [Option<"growth", "growth", "int64_t", "2000", "good steps in a row after which the scale is doubled">];
}
def DecomposePass : Pass<"llcc-decompose", "::mlir::ModuleOp"> {
  let summary = "Rewrites ops that were whole for differentiation into arith, math, reduce and broadcast";
  let dependentDialects = ["::mlir::llcc::LlccDialect", "::mlir::func::FuncDialect"];
}
def AttachCotangentsPass : Pass<"llcc-attach-cotangents", "::mlir::ModuleOp"> {
  let summary = "Makes @gradients of the sum of cotangent x output, by the float inputs (llcc run)";
  let dependentDialects = ["::mlir::llcc::LlccDialect", "::mlir::func::FuncDialect"];
  let options = [ListOption<"names", "outputs", "std::string", "names of the outputs that have a cotangent">];
}
def JoinGradientsPass : Pass<"llcc-join-gradients", "::mlir::ModuleOp"> {
  let summary = "Makes the gradients of @gradients results of @forward (llcc run)";
  let dependentDialects = ["::mlir::llcc::LlccDialect", "::mlir::func::FuncDialect"];
}
