// RUN: llcc-opt --llcc-split-modes --split-input-file %s | FileCheck %s

// Each function takes its side, and what only the other needed goes away. Random bits get seed and step.
// CHECK-LABEL: func.func @forward
// CHECK-NEXT: return %arg0
func.func @forward(%x: tensor<2x3xf32> {llcc.input = "x"}) -> (tensor<2x3xf32> {llcc.output = "y"}) {
  %i = llcc.iota dim 1 : tensor<2x3xi64>
  %b = llcc.random_bits %i stream 1 key() : (tensor<2x3xi64>) -> tensor<2x3xi32>
  %n = arith.sitofp %b : tensor<2x3xi32> to tensor<2x3xf32>
  %y = llcc.by_mode %n, %x : tensor<2x3xf32>
  return %y : tensor<2x3xf32>
}
// CHECK-LABEL: func.func @gradients
// CHECK-SAME: %[[SEED:[^ ]*]]: tensor<i64> {llcc.scalar = "seed"}, %[[STEP:[^ ]*]]: tensor<f64> {llcc.scalar = "step"})
// CHECK: %[[NUMBER:.*]] = arith.fptosi %[[STEP]] : tensor<f64> to tensor<i64>
// CHECK: %[[I:.*]] = llcc.iota
// CHECK: llcc.random_bits %[[I]] stream 1 key(%[[SEED]], %[[NUMBER]])
// CHECK-NOT: llcc.by_mode
func.func @gradients(%x: tensor<2x3xf32> {llcc.input = "x"}) -> (tensor<f32> {llcc.loss}) {
  %i = llcc.iota dim 1 : tensor<2x3xi64>
  %b = llcc.random_bits %i stream 1 key() : (tensor<2x3xi64>) -> tensor<2x3xi32>
  %n = arith.sitofp %b : tensor<2x3xi32> to tensor<2x3xf32>
  %y = llcc.by_mode %n, %x : tensor<2x3xf32>
  %loss = llcc.reduce <sum> %y dims [0, 1] : tensor<2x3xf32> -> tensor<f32>
  return %loss : tensor<f32>
}

// -----

// Microbatches count on: the third one's numbers begin at 12.
module attributes {llcc.microbatches = 4 : i64} {
// CHECK-LABEL: func.func @gradients
// CHECK-SAME: %[[SEED:[^ ]*]]: tensor<i64> {llcc.scalar = "seed"}, %[[STEP:[^ ]*]]: tensor<f64> {llcc.scalar = "step"}, %[[K:.*]]: tensor<i64> {llcc.scalar = "microbatch"})
// CHECK: %[[SIX:.*]] = arith.constant dense<6> : tensor<i64>
// CHECK: %[[FIRST:.*]] = arith.muli %[[K]], %[[SIX]]
// CHECK: %[[ALL:.*]] = llcc.broadcast %[[FIRST]]
// CHECK: %[[INDEX:.*]] = arith.addi %{{.*}}, %[[ALL]]
// CHECK: llcc.random_bits %[[INDEX]]
func.func @gradients(%x: tensor<2x3xf32> {llcc.input = "x"}) -> (tensor<f32> {llcc.loss}) {
  %i = llcc.iota dim 1 : tensor<2x3xi64>
  %b = llcc.random_bits %i stream 1 key() : (tensor<2x3xi64>) -> tensor<2x3xi32>
  %n = arith.sitofp %b : tensor<2x3xi32> to tensor<2x3xf32>
  %loss = llcc.reduce <sum> %n dims [0, 1] : tensor<2x3xf32> -> tensor<f32>
  return %loss : tensor<f32>
}
}
