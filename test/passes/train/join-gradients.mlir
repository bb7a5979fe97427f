// RUN: llcc-opt --llcc-attach-cotangents=outputs=y --llcc-differentiate --llcc-join-gradients %s | FileCheck %s

// One function with outputs and gradients; cotangents stand before the parameters; an input without influence gets zeros.
// CHECK-NOT: @gradients
// CHECK: func.func @forward(%[[X:.*]]: tensor<2xf32> {llcc.input = "x"}, %{{.*}}: tensor<3xf32> {llcc.input = "u"}, %[[C:.*]]: tensor<2xf32> {llcc.input = "cotangent:y"}, %[[W:.*]]: tensor<2xf32> {llcc.param = "w"
// CHECK-SAME: -> (tensor<2xf32> {llcc.output = "y"}, tensor<2xf32> {llcc.output = "gradient:x"}, tensor<3xf32> {llcc.output = "gradient:u"})
// CHECK: %[[Y:.*]] = arith.mulf %[[X]], %[[W]]
// CHECK: %[[DX:.*]] = arith.mulf %{{.*}}, %[[W]]
// CHECK: %[[ZERO:.*]] = arith.constant dense<0.000000e+00> : tensor<3xf32>
// CHECK: return %[[Y]], %[[DX]], %[[ZERO]]
func.func @forward(%x: tensor<2xf32> {llcc.input = "x"}, %u: tensor<3xf32> {llcc.input = "u"}, %w: tensor<2xf32> {llcc.param = "w", llcc.trainable})
    -> (tensor<2xf32> {llcc.output = "y"}) {
  %y = arith.mulf %x, %w : tensor<2xf32>
  return %y : tensor<2xf32>
}
