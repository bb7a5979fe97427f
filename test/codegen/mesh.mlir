// Ops that depend on the device's place in the mesh, on all devices of a 2x3 mesh: nested padded blocks at every level.
// RUN: llcc-kernel-test %s | FileCheck %s
// RUN: llcc-kernel-test --gpu %s | FileCheck %s

module attributes {llcc.mesh = #llcc.mesh<["data", "tensor"], [2, 3]>} {
// CHECK: @axis_slice device 0: error 0 ok
// CHECK: @axis_slice device 5: error 0 ok
func.func private @axis_slice(%x: tensor<4x10xf32>) -> (tensor<4x2xf32>, tensor<4x4xf32>) attributes {llcc.kernel = "row", llcc.rows = 1 : i64} {
  %0 = llcc.axis_slice %x dim 1 over ["data", "tensor"] : tensor<4x10xf32> -> tensor<4x2xf32>
  %1 = llcc.axis_slice %x dim 1 over ["tensor"] : tensor<4x10xf32> -> tensor<4x4xf32>
  return %0, %1 : tensor<4x2xf32>, tensor<4x4xf32>
}
// 7 over data: 4, then over tensor: 2. Padding inside (4 = 2+2+0) and at the end.
// CHECK: @mask device 0: error 0 ok
// CHECK: @mask device 1: error 0 ok
// CHECK: @mask device 2: error 0 ok
// CHECK: @mask device 3: error 0 ok
// CHECK: @mask device 4: error 0 ok
// CHECK: @mask device 5: error 0 ok
func.func private @mask(%x: tensor<2x5xf32>) -> tensor<2x5xf32> attributes {llcc.kernel = "map"} {
  %0 = llcc.mask %x dim 0 extent 7 over ["data", "tensor"] value -3.0 : tensor<2x5xf32>
  return %0 : tensor<2x5xf32>
}
// CHECK: @axis_offset device 0: error 0 ok
// CHECK: @axis_offset device 5: error 0 ok
func.func private @axis_offset(%i: tensor<3xi64>) -> (tensor<3xi64>, tensor<3xi32>) attributes {llcc.kernel = "map"} {
  %o = llcc.axis_offset extent 7 over ["data", "tensor"] : tensor<i64>
  %b = llcc.broadcast %o dims [] : tensor<i64> -> tensor<3xi64>
  %0 = arith.addi %i, %b : tensor<3xi64>
  %p = llcc.axis_offset extent 11 over ["tensor"] : tensor<i32>
  %c = llcc.broadcast %p dims [] : tensor<i32> -> tensor<3xi32>
  return %0, %c : tensor<3xi64>, tensor<3xi32>
}
}
