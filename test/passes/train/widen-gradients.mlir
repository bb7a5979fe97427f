// RUN: llcc-opt --llcc-widen-gradients --split-input-file --verify-diagnostics %s | FileCheck %s

// Products, sums of products, sums over a batch and scattered rows keep their f32 sums, through transposes; a value that
// somebody else reads in 16 bits stays, and so does what is rounded for a reason of its own.
// CHECK-LABEL: func.func @gradients
// CHECK:       %[[D:.*]] = llcc.dot %{{.*}} : tensor<4x8xbf16>, tensor<4x8xbf16> -> tensor<8x8xf32>
// CHECK:       %[[T:.*]] = llcc.transpose %[[D]] perm [1, 0] : tensor<8x8xf32> -> tensor<8x8xf32>
// CHECK:       %[[E:.*]] = llcc.dot %{{.*}} -> tensor<8x8xf32>
// CHECK:       %[[S:.*]] = arith.addf %[[T]], %[[E]] : tensor<8x8xf32>
// CHECK:       %[[W:.*]] = arith.extf %arg0 : tensor<4x8xbf16> to tensor<4x8xf32>
// CHECK:       %[[B:.*]] = llcc.reduce <sum> %[[W]] dims [0] : tensor<4x8xf32> -> tensor<8xf32>
// CHECK:       %[[U:.*]] = arith.extf %arg0
// CHECK:       %[[R:.*]] = llcc.scatter_add %[[U]], %{{.*}} axis 0 : tensor<4x8xf32>, tensor<4xi64> -> tensor<50x8xf32>
// CHECK:       %[[M:.*]] = arith.mulf {{.*}} : tensor<8xbf16>
// CHECK:       %[[MW:.*]] = arith.extf %[[M]]
// CHECK:       return %{{.*}}, %[[S]], %[[B]], %[[R]], %[[MW]]
func.func @gradients(%dy: tensor<4x8xbf16>, %x: tensor<4x8xbf16>, %ids: tensor<4xi64>, %v: tensor<8xbf16>)
    -> (tensor<f32> {llcc.loss}, tensor<8x8xf32> {llcc.gradient = "w"}, tensor<8xf32> {llcc.gradient = "b"},
        tensor<50x8xf32> {llcc.gradient = "table"}, tensor<8xf32> {llcc.gradient = "v"}) {
  %l = arith.constant dense<0.0> : tensor<f32>
  %0 = llcc.dot %dy, %x batch [] x [] contract [0] x [0] : tensor<4x8xbf16>, tensor<4x8xbf16> -> tensor<8x8xbf16>
  %1 = llcc.transpose %0 perm [1, 0] : tensor<8x8xbf16> -> tensor<8x8xbf16>
  %2 = llcc.dot %x, %dy batch [] x [] contract [0] x [0] : tensor<4x8xbf16>, tensor<4x8xbf16> -> tensor<8x8xbf16>
  %3 = arith.addf %1, %2 : tensor<8x8xbf16>
  %4 = arith.extf %3 : tensor<8x8xbf16> to tensor<8x8xf32>
  %5 = llcc.reduce <sum> %dy dims [0] : tensor<4x8xbf16> -> tensor<8xbf16>
  %6 = arith.extf %5 : tensor<8xbf16> to tensor<8xf32>
  %7 = llcc.scatter_add %dy, %ids axis 0 : tensor<4x8xbf16>, tensor<4xi64> -> tensor<50x8xbf16>
  %8 = arith.extf %7 : tensor<50x8xbf16> to tensor<50x8xf32>
  %9 = arith.mulf %v, %v : tensor<8xbf16>
  %10 = arith.extf %9 : tensor<8xbf16> to tensor<8xf32>
  return %l, %4, %6, %8, %10 : tensor<f32>, tensor<8x8xf32>, tensor<8xf32>, tensor<50x8xf32>, tensor<8xf32>
}

// -----

// expected-error @+1 {{module has no @gradients; differentiate first (llcc-differentiate)}}
module {
}
