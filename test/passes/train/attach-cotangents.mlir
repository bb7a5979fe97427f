// RUN: llcc-opt --llcc-attach-cotangents="outputs=y,z" %s | FileCheck %s

// The float input stands as a trainable parameter, the parameter is not trained; only listed outputs count, in f64 as one of them is.
// CHECK-LABEL: func.func @gradients
// CHECK-SAME: (%[[X:.*]]: tensor<2xf32> {llcc.param = "x", llcc.trainable}, %{{.*}}: tensor<2xi64> {llcc.input = "i"}, %[[W:.*]]: tensor<2xf32> {llcc.param = "w"},
// CHECK-SAME: %[[CY:.*]]: tensor<2xf32> {llcc.input = "cotangent:y"}, %[[CZ:.*]]: tensor<f64> {llcc.input = "cotangent:z"}) -> (tensor<f64> {llcc.loss})
// CHECK: %[[Y:.*]] = arith.mulf %[[X]], %[[W]]
// CHECK-NOT: tanh
// CHECK: %[[P:.*]] = arith.mulf %[[Y]], %[[CY]]
// CHECK: %[[WIDE:.*]] = arith.extf %[[P]]
// CHECK: %[[A:.*]] = llcc.reduce <sum> %[[WIDE]] dims [0]
// CHECK: %[[B:.*]] = arith.mulf %{{.*}}, %[[CZ]]
// CHECK: %[[S:.*]] = arith.addf %[[A]], %[[B]]
// CHECK: return %[[S]]
func.func @forward(%x: tensor<2xf32> {llcc.input = "x"}, %i: tensor<2xi64> {llcc.input = "i"}, %w: tensor<2xf32> {llcc.param = "w", llcc.trainable})
    -> (tensor<2xf32> {llcc.output = "y"}, tensor<2xf32> {llcc.output = "t"}, tensor<f64> {llcc.output = "z"}) {
  %y = arith.mulf %x, %w : tensor<2xf32>
  %t = math.tanh %x : tensor<2xf32>
  %wide = arith.extf %y : tensor<2xf32> to tensor<2xf64>
  %z = llcc.reduce <sum> %wide dims [0] : tensor<2xf64> -> tensor<f64>
  return %y, %t, %z : tensor<2xf32>, tensor<2xf32>, tensor<f64>
}
