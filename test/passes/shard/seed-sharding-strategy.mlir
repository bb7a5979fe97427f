// The strategy says which mesh axes are used.
// RUN: llcc-opt %s --llcc-seed-sharding=strategy=tensor 2> %t | FileCheck %s --check-prefix=TENSOR
// RUN: FileCheck %s --check-prefix=WARN < %t
// RUN: not llcc-opt %s --llcc-seed-sharding=strategy=fast 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// WARN: warning: mesh axis 'data' cuts no argument: its 2 members compute the same; choose another mesh or strategy
// TENSOR: @gradients
// TENSOR-SAME: {llcc.batched, llcc.input = "x"}
// TENSOR-SAME: {{\[\[}}], ["tensor"]], invariant = ["data"]>
// UNKNOWN: error: unknown strategy 'fast', needs data, tensor, context, spatial, expert, pipeline, hybrid or single
module attributes {llcc.mesh = #llcc.mesh<["data", "tensor"], [2, 2]>} {
  func.func @gradients(%x: tensor<8x6xf32> {llcc.input = "x", llcc.batched}, %w: tensor<6x4xf32> {llcc.param = "w", llcc.trainable}) {
    %y = llcc.dot %x, %w batch [] x [] contract [1] x [0] : tensor<8x6xf32>, tensor<6x4xf32> -> tensor<8x4xf32>
    return
  }
}
