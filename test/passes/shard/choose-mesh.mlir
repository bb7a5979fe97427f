// --strategy=hybrid: every factorisation with its cost; numbers are worked out by hand from the formula in ChooseMesh.h.
// RUN: split-file %s %t
// RUN: llcc-opt --llcc-choose-mesh="devices=2 explain=true" %t/one-layer.mlir 2>&1 | FileCheck %s --check-prefix=ONE
// RUN: llcc-opt --llcc-choose-mesh="devices=4 explain=true" %t/two-layers.mlir 2>&1 | FileCheck %s --check-prefix=FOUR
// RUN: llcc-opt --llcc-choose-mesh="devices=5" %t/two-layers.mlir | FileCheck %s --check-prefix=FIVE
// RUN: llcc-opt --llcc-choose-mesh="devices=1" %t/two-layers.mlir | FileCheck %s --check-prefix=SINGLE
// RUN: llcc-opt --llcc-choose-mesh="devices=4 target=cuda" %t/wide.mlir | FileCheck %s --check-prefix=WIDE
// RUN: not llcc-opt --llcc-choose-mesh=devices=257 %t/two-layers.mlir 2>&1 | FileCheck %s --check-prefix=MANY
// RUN: not llcc-opt --llcc-choose-mesh=devices=0 %t/two-layers.mlir 2>&1 | FileCheck %s --check-prefix=ZERO
// RUN: not llcc-opt --llcc-choose-mesh=target=tpu %t/two-layers.mlir 2>&1 | FileCheck %s --check-prefix=TARGET
// RUN: not llcc-opt --llcc-choose-mesh=devices=2 %t/empty.mlir 2>&1 | FileCheck %s --check-prefix=EMPTY

// data=2: 3 * 2*6*80 flops / 2 devices / 5e10 = 2.88e-5 ms; 240 bytes of gradients: 2 * (2 us + 120 B / 1e10 B/s) = 0.004024 ms.
// tensor=2: the output stays cut, so there is nothing to say to each other.
// ONE: mesh #llcc.mesh<["tensor"], [2]>
// ONE: 1      2        1            1  2.88e-05 = 2.88e-05 + 0 + 0 + 0
// ONE-NEXT: 2      1        1            1  0.004053 = 2.88e-05 + 0.004024 + 0 + 0
// ONE-NEXT: 1      1        2            8  not feasible: the model has 1 weight layers
// ONE: module attributes {llcc.mesh = #llcc.mesh<["tensor"], [2]>}

// Two axes come first, whatever one axis would cost.
// FOUR: data tensor pipeline microbatches
// FOUR-NEXT: 2 2 1 1
// FOUR-NEXT: 2 1 2 4
// FOUR-NEXT: 1 2 2 8
// FOUR-NEXT: 4 1 1 1
// FOUR-NEXT: 1 4 1 1
// FOUR-NEXT: 1 1 4 8 not feasible: the model has 2 weight layers
// FOUR: module attributes {llcc.mesh = #llcc.mesh<["data", "tensor"], [2, 2]>}

// Five has only one-axis meshes.
// FIVE: llcc.mesh<["data"], [5]>
// SINGLE: llcc.mesh<["data"], [1]>

// Half a gigabyte of gradients for a batch of two rows: everything but data parallelism.
// WIDE: llcc.mesh<["tensor", "pipeline"], [2, 2]>

// MANY: error: no mesh of 257 devices fits the model:
// MANY: 257 1 1 1 not feasible: a microbatch has 8 rows
// MANY: 1 257 1 1 not feasible: no weight has an output dimension of 257
// ZERO: error: a mesh of 0 devices, needs at least 1
// TARGET: error: unknown target 'tpu', needs cpu or cuda
// EMPTY: error: module has neither @gradients nor @forward of one block, needs a model to choose a mesh for

//--- one-layer.mlir
module {
  func.func @forward(%x: tensor<8x6xf32> {llcc.input = "x", llcc.batched}, %w: tensor<6x10xf32> {llcc.param = "w", llcc.trainable}) -> tensor<8x10xf32> {
    %y = llcc.dot %x, %w batch [] x [] contract [1] x [0] : tensor<8x6xf32>, tensor<6x10xf32> -> tensor<8x10xf32>
    return %y : tensor<8x10xf32>
  }
}
//--- two-layers.mlir
module {
  func.func @forward(%x: tensor<8x6xf32> {llcc.input = "x", llcc.batched}, %w: tensor<6x10xf32> {llcc.param = "w", llcc.trainable},
                     %v: tensor<10x4xf32> {llcc.param = "v", llcc.trainable}) -> tensor<8x4xf32> {
    %h = llcc.dot %x, %w batch [] x [] contract [1] x [0] : tensor<8x6xf32>, tensor<6x10xf32> -> tensor<8x10xf32>
    %r = math.tanh %h : tensor<8x10xf32>
    %y = llcc.dot %r, %v batch [] x [] contract [1] x [0] : tensor<8x10xf32>, tensor<10x4xf32> -> tensor<8x4xf32>
    %p = llcc.softmax %y axis 1 : tensor<8x4xf32>
    return %p : tensor<8x4xf32>
  }
}
//--- wide.mlir
module {
  func.func @forward(%x: tensor<2x4096xf32> {llcc.input = "x", llcc.batched}, %w: tensor<4096x16384xf32> {llcc.param = "w", llcc.trainable},
                     %v: tensor<16384x4096xf32> {llcc.param = "v", llcc.trainable}) -> tensor<2x4096xf32> {
    %h = llcc.dot %x, %w batch [] x [] contract [1] x [0] : tensor<2x4096xf32>, tensor<4096x16384xf32> -> tensor<2x16384xf32>
    %r = math.tanh %h : tensor<2x16384xf32>
    %y = llcc.dot %r, %v batch [] x [] contract [1] x [0] : tensor<2x16384xf32>, tensor<16384x4096xf32> -> tensor<2x4096xf32>
    return %y : tensor<2x4096xf32>
  }
}
//--- empty.mlir
module {
}
