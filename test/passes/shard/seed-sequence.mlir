// Sequence parallelism: the seed on row-parallel products, and where there is nothing to cut.
// RUN: llcc-opt %s --split-input-file --llcc-seed-sharding=sequence-parallel=true --verify-diagnostics | FileCheck %s

// The longest row beside the batch; 5 over 4 members is uneven.
// CHECK-LABEL: @gradients
// CHECK: llcc.dot {{.*}} {llcc.seed = #llcc.sharding<{{\[\[}}], ["tensor"], []]>} : tensor<8x5x12xf32>, tensor<12x6xf32> -> tensor<8x5x6xf32>
module attributes {llcc.mesh = #llcc.mesh<["tensor"], [4]>} {
  func.func @gradients(%x: tensor<8x5x6xf32> {llcc.input = "x", llcc.batched}, %up: tensor<6x12xf32> {llcc.param = "up", llcc.trainable},
                       %down: tensor<12x6xf32> {llcc.param = "down", llcc.trainable}) {
    %h = llcc.dot %x, %up batch [] x [] contract [2] x [0] : tensor<8x5x6xf32>, tensor<6x12xf32> -> tensor<8x5x12xf32>
    %y = llcc.dot %h, %down batch [] x [] contract [2] x [0] : tensor<8x5x12xf32>, tensor<12x6xf32> -> tensor<8x5x6xf32>
    return
  }
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["tensor"], [4]>} {
  // expected-warning @below {{sequence parallelism has no effect: no result of a row-parallel product has a dimension of at least 4 beside batch and features}}
  func.func @gradients(%x: tensor<8x6xf32> {llcc.input = "x", llcc.batched}, %up: tensor<6x12xf32> {llcc.param = "up", llcc.trainable},
                       %down: tensor<12x6xf32> {llcc.param = "down", llcc.trainable}) {
    %h = llcc.dot %x, %up batch [] x [] contract [1] x [0] : tensor<8x6xf32>, tensor<6x12xf32> -> tensor<8x12xf32>
    %y = llcc.dot %h, %down batch [] x [] contract [1] x [0] : tensor<8x12xf32>, tensor<12x6xf32> -> tensor<8x6xf32>
    return
  }
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["data"], [2]>} {
  // expected-error @below {{sequence parallelism cuts activations over mesh axis 'tensor', the mesh is #llcc.mesh<["data"], [2]>; use --strategy=tensor or hybrid, or --mesh=tensor=N}}
  func.func @gradients(%x: tensor<8x6xf32> {llcc.input = "x", llcc.batched}, %w: tensor<6x12xf32> {llcc.param = "w", llcc.trainable}) {
    %h = llcc.dot %x, %w batch [] x [] contract [1] x [0] : tensor<8x6xf32>, tensor<6x12xf32> -> tensor<8x12xf32>
    return
  }
}
