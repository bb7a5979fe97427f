// RUN: llcc-opt --llcc-differentiate %s | FileCheck %s
// Which rows of the gradient table give 0 where their cotangent is 0: those that a select may leave out where their slope is no number, and no other.

// The root is left out where x is negative: its cotangent is looked at. The product with a weight in front of it is finite.
// CHECK-LABEL: func.func @gradients(
// CHECK:       math.sqrt
// CHECK:       llcc.reduce <sum>
// CHECK:       %[[DY:.+]] = arith.select %{{.+}}, %{{.+}}, %{{.+}} : tensor<4xi1>, tensor<4xf32>
// CHECK:       %[[RAW:.+]] = arith.select
// CHECK:       %[[NONE:.+]] = arith.cmpf oeq, %[[DY]], %{{.+}} : tensor<4xf32>
// CHECK:       %[[DX:.+]] = arith.select %[[NONE]], %{{.+}}, %[[RAW]]
// CHECK:       arith.mulf %[[DX]]
// CHECK-NOT:   arith.cmpf
// CHECK:       return
func.func @gradients(%w: tensor<4xf32> {llcc.param = "w", llcc.trainable}, %x: tensor<4xf32> {llcc.input = "x"}) -> (tensor<f32> {llcc.loss}) {
  %zero = arith.constant dense<0.0> : tensor<4xf32>
  %wx = arith.mulf %w, %x : tensor<4xf32>
  %positive = arith.cmpf ogt, %wx, %zero : tensor<4xf32>
  %root = math.sqrt %wx : tensor<4xf32>
  %y = arith.select %positive, %root, %zero : tensor<4xi1>, tensor<4xf32>
  %loss = llcc.reduce <sum> %y dims [0] : tensor<4xf32> -> tensor<f32>
  return %loss : tensor<f32>
}
