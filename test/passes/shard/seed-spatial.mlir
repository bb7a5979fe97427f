// Spatial parallelism: pictures are cut by rows; where there are none, and where rows do not divide.
// RUN: llcc-opt %s --split-input-file --llcc-seed-sharding --verify-diagnostics | FileCheck %s

// CHECK-LABEL: @gradients
// CHECK-SAME: llcc.input = "x", llcc.sharding = #llcc.sharding<{{\[\[}}"data"], [], ["spatial"], []]>
// CHECK-SAME: llcc.input = "other", llcc.sharding = #llcc.sharding<{{\[\[}}"data"], []], invariant = ["spatial"]>
module attributes {llcc.mesh = #llcc.mesh<["data", "spatial"], [2, 4]>} {
  func.func @gradients(%x: tensor<5x1x8x8xf32> {llcc.input = "x", llcc.batched}, %o: tensor<5x3xf32> {llcc.input = "other", llcc.batched},
                       %w: tensor<2x1x3x3xf32> {llcc.param = "w", llcc.trainable}) {
    %h = math.tanh %x : tensor<5x1x8x8xf32>
    %y = llcc.conv %h, %w {strides = array<i64: 1, 1>, pads_lo = array<i64: 1, 1>, pads_hi = array<i64: 1, 1>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<5x1x8x8xf32>, tensor<2x1x3x3xf32> -> tensor<5x2x8x8xf32>
    return
  }
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["spatial"], [3]>} {
  // expected-error @below {{input "x": 8 rows cannot be cut into 3 equal blocks along mesh axis 'spatial'; choose a divisor, or --strategy=data}}
  func.func @gradients(%x: tensor<5x1x8x8xf32> {llcc.input = "x", llcc.batched}, %w: tensor<2x1x3x3xf32> {llcc.param = "w", llcc.trainable}) {
    %y = llcc.conv %x, %w {strides = array<i64: 1, 1>, pads_lo = array<i64: 1, 1>, pads_hi = array<i64: 1, 1>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<5x1x8x8xf32>, tensor<2x1x3x3xf32> -> tensor<5x2x8x8xf32>
    return
  }
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["spatial"], [2]>} {
  // expected-error @below {{spatial parallelism cuts pictures over mesh axis 'spatial', no input of the batch goes into a convolution; use --strategy=data, tensor or pipeline}}
  func.func @gradients(%x: tensor<8x6xf32> {llcc.input = "x", llcc.batched}, %w: tensor<6x12xf32> {llcc.param = "w", llcc.trainable}) {
    %h = llcc.dot %x, %w batch [] x [] contract [1] x [0] : tensor<8x6xf32>, tensor<6x12xf32> -> tensor<8x12xf32>
    return
  }
}
