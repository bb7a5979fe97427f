// One verify pass for each border between stages.
include "mlir/Pass/PassBase.td"

def VerifyImportPass : Pass<"llcc-verify-import", "::mlir::ModuleOp"> { let summary = "Proves what must hold after import"; }
def VerifyTrainPass : Pass<"llcc-verify-train", "::mlir::ModuleOp"> { let summary = "Proves what must hold after train"; }
def VerifyPlacementPass : Pass<"llcc-verify-placement", "::mlir::ModuleOp"> { let summary = "Type-checks every placement (varying, partial, replicated, invariant)"; }
def VerifyShardPass : Pass<"llcc-verify-shard", "::mlir::ModuleOp"> { let summary = "Proves what must hold after shard: local shapes, matching collectives, sends and receives"; }
def VerifyLowerPass : Pass<"llcc-verify-lower", "::mlir::ModuleOp"> { let summary = "Proves what must hold after lower: no tensor left in a program, buffers placed, reads ordered after writes"; }
