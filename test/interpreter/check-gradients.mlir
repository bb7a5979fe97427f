// RUN: split-file %s %t
// RUN: llcc-interpret --check-gradients %t/windows.mlir | FileCheck %s --check-prefix=GOOD
// RUN: llcc-interpret --check-gradients --points=2 --seed=7 %t/kinks.mlir | FileCheck %s --check-prefix=KINKS
// RUN: not llcc-interpret --check-gradients %t/wrong.mlir 2>&1 | FileCheck %s --check-prefix=WRONG
// RUN: not llcc-interpret --check-gradients --seed=3 %t/none.mlir 2>&1 | FileCheck %s --check-prefix=NONE

// The convolution and pooling gradients of the dialect against finite differences: strides, dilations, groups, uneven
// padding, windows that hang over the end (ceil mode).
// GOOD: gradients: 72 elements of 2 params, max relative error {{[0-9.]+}}e-{{(0[789]|1.)}}
//--- windows.mlir
func.func @gradients(%x: tensor<2x4x7x6xf32> {llcc.input = "x"}, %w: tensor<4x2x3x2xf32> {llcc.param = "w", llcc.trainable},
                     %w2: tensor<3x4x1x2xf32> {llcc.param = "w2", llcc.trainable})
    -> (tensor<f32> {llcc.loss}, tensor<4x2x3x2xf32> {llcc.gradient = "w"}, tensor<3x4x1x2xf32> {llcc.gradient = "w2"}) {
  %y = llcc.conv %x, %w {strides = array<i64: 2, 1>, pads_lo = array<i64: 1, 0>, pads_hi = array<i64: 2, 1>, dilations = array<i64: 1, 2>, groups = 2 : i64}
    : tensor<2x4x7x6xf32>, tensor<4x2x3x2xf32> -> tensor<2x4x4x5xf32>
  %p = llcc.max_pool %y {window = array<i64: 2, 2>, strides = array<i64: 1, 2>, pads_lo = array<i64: 0, 1>, pads_hi = array<i64: 0, 0>, dilations = array<i64: 1, 1>}
    : tensor<2x4x4x5xf32> -> tensor<2x4x3x3xf32>
  %a = llcc.avg_pool %p {window = array<i64: 2, 2>, strides = array<i64: 2, 1>, pads_lo = array<i64: 1, 0>, pads_hi = array<i64: 0, 1>, dilations = array<i64: 1, 1>, count_include_pad = true}
    : tensor<2x4x3x3xf32> -> tensor<2x4x2x3xf32>
  %b = llcc.avg_pool %a {window = array<i64: 2, 1>, strides = array<i64: 1, 1>, pads_lo = array<i64: 1, 0>, pads_hi = array<i64: 1, 0>, dilations = array<i64: 1, 1>, count_include_pad = false}
    : tensor<2x4x2x3xf32> -> tensor<2x4x3x3xf32>
  %z = llcc.conv %b, %w2 {strides = array<i64: 1, 1>, pads_lo = array<i64: 0, 1>, pads_hi = array<i64: 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64}
    : tensor<2x4x3x3xf32>, tensor<3x4x1x2xf32> -> tensor<2x3x3x3xf32>
  %sq = arith.mulf %z, %z : tensor<2x3x3x3xf32>
  %loss = llcc.reduce <sum> %sq dims [0, 1, 2, 3] : tensor<2x3x3x3xf32> -> tensor<f32>
  %dz = arith.addf %z, %z : tensor<2x3x3x3xf32>
  %dw2 = llcc.conv_weight_grad %b, %dz {strides = array<i64: 1, 1>, pads_lo = array<i64: 0, 1>, pads_hi = array<i64: 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64}
    : tensor<2x4x3x3xf32>, tensor<2x3x3x3xf32> -> tensor<3x4x1x2xf32>
  %db = llcc.conv_input_grad %dz, %w2 {strides = array<i64: 1, 1>, pads_lo = array<i64: 0, 1>, pads_hi = array<i64: 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64}
    : tensor<2x3x3x3xf32>, tensor<3x4x1x2xf32> -> tensor<2x4x3x3xf32>
  %da = llcc.avg_pool_grad %db {window = array<i64: 2, 1>, strides = array<i64: 1, 1>, pads_lo = array<i64: 1, 0>, pads_hi = array<i64: 1, 0>, dilations = array<i64: 1, 1>, count_include_pad = false}
    : tensor<2x4x3x3xf32> -> tensor<2x4x2x3xf32>
  %dp = llcc.avg_pool_grad %da {window = array<i64: 2, 2>, strides = array<i64: 2, 1>, pads_lo = array<i64: 1, 0>, pads_hi = array<i64: 0, 1>, dilations = array<i64: 1, 1>, count_include_pad = true}
    : tensor<2x4x2x3xf32> -> tensor<2x4x3x3xf32>
  %dy = llcc.max_pool_grad %y, %dp {window = array<i64: 2, 2>, strides = array<i64: 1, 2>, pads_lo = array<i64: 0, 1>, pads_hi = array<i64: 0, 0>, dilations = array<i64: 1, 1>}
    : tensor<2x4x4x5xf32>, tensor<2x4x3x3xf32> -> tensor<2x4x4x5xf32>
  %dw = llcc.conv_weight_grad %x, %dy {strides = array<i64: 2, 1>, pads_lo = array<i64: 1, 0>, pads_hi = array<i64: 2, 1>, dilations = array<i64: 1, 2>, groups = 2 : i64}
    : tensor<2x4x7x6xf32>, tensor<2x4x4x5xf32> -> tensor<4x2x3x2xf32>
  return %loss, %dw, %dw2 : tensor<f32>, tensor<4x2x3x2xf32>, tensor<3x4x1x2xf32>
}

// relu and an embedding: gather and scatter_add, repeated ids, kinks.
// KINKS: gradients: 40 elements of 1 params, max relative error
//--- kinks.mlir
func.func @gradients(%ids: tensor<8xi64> {llcc.input = "ids", llcc.classes = 5 : i64}, %table: tensor<5x4xf32> {llcc.param = "table", llcc.trainable})
    -> (tensor<f32> {llcc.loss}, tensor<5x4xf32> {llcc.gradient = "table"}) {
  %zero = arith.constant dense<0.0> : tensor<8x4xf32>
  %x = llcc.gather %table, %ids axis 0 : tensor<5x4xf32>, tensor<8xi64> -> tensor<8x4xf32>
  %positive = arith.cmpf ugt, %x, %zero : tensor<8x4xf32>
  %y = arith.select %positive, %x, %zero : tensor<8x4xi1>, tensor<8x4xf32>
  %e = math.exp %y : tensor<8x4xf32>
  %loss = llcc.reduce <sum> %e dims [0, 1] : tensor<8x4xf32> -> tensor<f32>
  %dx = arith.select %positive, %e, %zero : tensor<8x4xi1>, tensor<8x4xf32>
  %g = llcc.scatter_add %dx, %ids axis 0 : tensor<8x4xf32>, tensor<8xi64> -> tensor<5x4xf32>
  return %loss, %g : tensor<f32>, tensor<5x4xf32>
}

// WRONG: error: gradient of 'w' differs from finite differences by {{.*}}, larger than 1e-06 (relative) at element {{[0-2]}} of 3
//--- wrong.mlir
func.func @gradients(%w: tensor<3xf32> {llcc.param = "w", llcc.trainable}) -> (tensor<f32> {llcc.loss}, tensor<3xf32> {llcc.gradient = "w"}) {
  %almost = arith.constant dense<2.0001> : tensor<3xf32>
  %sq = arith.mulf %w, %w : tensor<3xf32>
  %loss = llcc.reduce <sum> %sq dims [0] : tensor<3xf32> -> tensor<f32>
  %g = arith.mulf %w, %almost : tensor<3xf32>
  return %loss, %g : tensor<f32>, tensor<3xf32>
}

// NONE: error: @gradients has no result with llcc.gradient, so there is nothing to check
//--- none.mlir
func.func @gradients(%w: tensor<f32> {llcc.param = "w"}) -> (tensor<f32> {llcc.loss}) {
  return %w : tensor<f32>
}
