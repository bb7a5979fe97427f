// RUN: %gradients
// Gradients of gather and scatter; batched ones, every kind, repeated indices.

//--- batched_gather.mlir
// Each row its own indices, one of them twice.
// CHECK-LABEL: func.func @gradients(
func.func @gradients(%a: tensor<3x5xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<3x2xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  // CHECK: llcc.scatter_add {{.*}} axis 1 {batch = 1 : i64} : {{.*}} -> tensor<3x5xf64>
  %i = arith.constant dense<[[1, 4], [2, 2], [0, -1]]> : tensor<3x2xi64>
  %y = llcc.gather %a, %i axis 1 {batch = 1 : i64} : tensor<3x5xf64>, tensor<3x2xi64> -> tensor<3x2xf64>
  %p = arith.mulf %y, %t : tensor<3x2xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1] : tensor<3x2xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- batched_scatter_add.mlir
// Likewise the other way round.
// CHECK-LABEL: func.func @gradients(
func.func @gradients(%a: tensor<3x2xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<3x5xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  // CHECK: llcc.gather {{.*}} axis 1 {batch = 1 : i64} : {{.*}} -> tensor<3x2xf64>
  %i = arith.constant dense<[[1, 4], [2, 2], [0, -1]]> : tensor<3x2xi64>
  %y = llcc.scatter_add %a, %i axis 1 {batch = 1 : i64} : tensor<3x2xf64>, tensor<3x2xi64> -> tensor<3x5xf64>
  %p = arith.mulf %y, %t : tensor<3x5xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1] : tensor<3x5xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- scatter.mlir
// Of updates at one place only the last has a slope; data has none there.
// CHECK-LABEL: func.func @gradients(
func.func @gradients(%a: tensor<2x5x2xf64> {llcc.param = "a", llcc.trainable}, %b: tensor<2x2x2x2xf64> {llcc.param = "b", llcc.trainable}, %t: tensor<2x5x2xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  // CHECK: llcc.scatter %{{.*}}, %{{.*}}, %{{.*}} axis 1 {batch = 1 : i64} : tensor<2x5xi64>
  %i = arith.constant dense<[[[1, 4], [1, 0]], [[2, 2], [2, -1]]]> : tensor<2x2x2xi64>
  %y = llcc.scatter %a, %b, %i axis 1 {batch = 1 : i64} : tensor<2x5x2xf64>, tensor<2x2x2x2xf64>, tensor<2x2x2xi64> -> tensor<2x5x2xf64>
  %p = arith.mulf %y, %t : tensor<2x5x2xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1, 2] : tensor<2x5x2xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- scatter_sum.mlir
// sum with repeated indices, one out of range.
// CHECK-LABEL: func.func @gradients(
func.func @gradients(%a: tensor<2x5xf64> {llcc.param = "a", llcc.trainable}, %b: tensor<2x4xf64> {llcc.param = "b", llcc.trainable}, %t: tensor<2x5xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  // CHECK: llcc.gather
  %i = arith.constant dense<[1, 4, 1, 7]> : tensor<4xi64>
  %y = llcc.scatter %a, %b, %i axis 1 by <sum> : tensor<2x5xf64>, tensor<2x4xf64>, tensor<4xi64> -> tensor<2x5xf64>
  %p = arith.mulf %y, %t : tensor<2x5xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1] : tensor<2x5xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- scatter_prod.mlir
// prod with repeated indices, one out of range.
// CHECK-LABEL: func.func @gradients(
func.func @gradients(%a: tensor<2x5xf64> {llcc.param = "a", llcc.trainable}, %b: tensor<2x4xf64> {llcc.param = "b", llcc.trainable}, %t: tensor<2x5xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  // CHECK: llcc.gather
  %i = arith.constant dense<[1, 4, 1, 7]> : tensor<4xi64>
  %y = llcc.scatter %a, %b, %i axis 1 by <prod> : tensor<2x5xf64>, tensor<2x4xf64>, tensor<4xi64> -> tensor<2x5xf64>
  %p = arith.mulf %y, %t : tensor<2x5xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1] : tensor<2x5xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- scatter_max.mlir
// max with repeated indices, one out of range.
// CHECK-LABEL: func.func @gradients(
func.func @gradients(%a: tensor<2x5xf64> {llcc.param = "a", llcc.trainable}, %b: tensor<2x4xf64> {llcc.param = "b", llcc.trainable}, %t: tensor<2x5xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  // CHECK: llcc.gather
  %i = arith.constant dense<[1, 4, 1, 7]> : tensor<4xi64>
  %y = llcc.scatter %a, %b, %i axis 1 by <max> : tensor<2x5xf64>, tensor<2x4xf64>, tensor<4xi64> -> tensor<2x5xf64>
  %p = arith.mulf %y, %t : tensor<2x5xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1] : tensor<2x5xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- scatter_min.mlir
// min with repeated indices, one out of range.
// CHECK-LABEL: func.func @gradients(
func.func @gradients(%a: tensor<2x5xf64> {llcc.param = "a", llcc.trainable}, %b: tensor<2x4xf64> {llcc.param = "b", llcc.trainable}, %t: tensor<2x5xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  // CHECK: llcc.gather
  %i = arith.constant dense<[1, 4, 1, 7]> : tensor<4xi64>
  %y = llcc.scatter %a, %b, %i axis 1 by <min> : tensor<2x5xf64>, tensor<2x4xf64>, tensor<4xi64> -> tensor<2x5xf64>
  %p = arith.mulf %y, %t : tensor<2x5xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1] : tensor<2x5xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- reverse.mlir
// Backwards.
// CHECK-LABEL: func.func @gradients(
func.func @gradients(%a: tensor<2x5xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<2x5xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  // CHECK: llcc.reverse %{{.*}} dims [0, 1]
  %y = llcc.reverse %a dims [0, 1] : tensor<2x5xf64> -> tensor<2x5xf64>
  %p = arith.mulf %y, %t : tensor<2x5xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1] : tensor<2x5xf64> -> tensor<f64>
  return %loss : tensor<f64>
}
