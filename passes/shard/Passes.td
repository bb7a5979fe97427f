// Passes of the shard stage, in the order in which they run.
include "mlir/Pass/PassBase.td"

def SplitHeadsPass : Pass<"llcc-split-heads", "::mlir::ModuleOp"> {
  let summary = "Columns of weights that are heads times features become two dimensions, where the heads do not divide over the axis tensor";
  let options = [Option<"members", "members", "int64_t", "1", "size of the axis tensor">];
}
def SplitRowsPass : Pass<"llcc-split-rows", "::mlir::ModuleOp"> {
  let summary = "Dimensions of @gradients that hold batch and sequence merged are split into them, so that each can be cut";
}
def SeedShardingPass : Pass<"llcc-seed-sharding", "::mlir::ModuleOp"> {
  let summary = "Puts seeds on arguments as the strategy says";
  let options = [Option<"strategy", "strategy", "std::string", "\"\"", "data | tensor | context | spatial | expert | pipeline | hybrid | single; empty: every axis of the mesh">,
                  Option<"explain", "explain", "bool", "false", "a remark for each node at which tokens go to experts or come back">,
                 ListOption<"shard", "shard", "std::string", "the user's seeds, GLOB:{D0,D1,…}pN each">,
                 Option<"sequenceParallel", "sequence-parallel", "bool", "false", "cut activations between tensor-parallel blocks along the sequence">];
}
def PropagateShardingPass : Pass<"llcc-propagate-sharding", "::mlir::ModuleOp"> {
  let summary = "Gives every tensor of @gradients and @update a placement, from seeds, by factor rules, to a fixpoint";
  let options = [Option<"explain", "explain", "bool", "false", "a remark for each op that cannot run as its operands or users would have it">,
                 Option<"zero", "zero", "int64_t", "0", "1: gradients and state are cut over data as well; 2: also what microbatches sum up; 3: also parameters (ZeRO)">];
}
def InsertReshardsPass : Pass<"llcc-insert-reshards", "::mlir::ModuleOp"> {
  let summary = "Makes every op's operands placed as its rule needs them, with explicit llcc.reshard";
  let options = [Option<"explain", "explain", "bool", "false", "a remark for each llcc.reshard: who made the value, who needs it, why">,
                 Option<"regather", "regather", "bool", "false", "gather activations for the backward pass again instead of keeping them whole">];
}
def PlanReshardsPass : Pass<"llcc-plan-reshards", "::mlir::ModuleOp"> {
  let summary = "Replaces each llcc.reshard by the cheapest sequence of collectives";
}
def InsertBucketsPass : Pass<"llcc-insert-buckets", "::mlir::ModuleOp"> {
  let summary = "Joins collectives of one kind over the same group into buckets";
  let options = [Option<"bytes", "bytes", "int64_t", "26214400", "largest bucket">];
}
def ConvertToSpmdPass : Pass<"llcc-convert-to-spmd", "::mlir::ModuleOp"> {
  let summary = "Local shapes: drops placements, masks padding where it would be reduced";
}
def SplitAttentionPass : Pass<"llcc-split-attention", "::mlir::ModuleOp"> {
  let summary = "Attention over gathered keys becomes a ring: blocks of keys and values travel around the axis context";
  let options = [Option<"explain", "explain", "bool", "false", "a remark for each attention: a ring, or why not">];
}
def FindBlocksPass : Pass<"llcc-find-blocks", "::mlir::ModuleOp"> {
  let summary = "Names the repeated blocks of the model for recomputation: llcc.blocks, ONNX node to number of block";
}
def RecomputePass : Pass<"llcc-recompute", "::mlir::ModuleOp"> {
  let summary = "Computes forward values again in the backward pass, instead of keeping them";
  let options = [Option<"mode", "mode", "std::string", "\"blocks\"", "none | blocks | auto">,
                 ListOption<"levels", "levels", "int64_t", "with auto: how many groups of values, for each stage">];
}
def HoistFetchesPass : Pass<"llcc-hoist-fetches", "::mlir::ModuleOp"> {
  let summary = "Gathers parameters that rest as blocks (ZeRO-3) one layer ahead of their use";
}
def SplitPipelinePass : Pass<"llcc-split-pipeline", "::mlir::ModuleOp"> {
  let summary = "Makes one step function for each pipeline stage: the schedule table unrolled, sends, receives, update";
  let options = [Option<"schedule", "schedule", "std::string", "\"1f1b\"", "gpipe | 1f1b | interleaved | zb-h1 | FILE.csv">,
                 Option<"chunks", "chunks", "int64_t", "0", "pieces of the model on each stage; 0: 2 if interleaved, what the file says, or 1">];
}
