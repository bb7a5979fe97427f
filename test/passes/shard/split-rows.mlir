// RUN: llcc-opt --llcc-split-rows --canonicalize %s | FileCheck %s

module attributes {llcc.mesh = #llcc.mesh<["data"], [3]>} {

// Forward and both gradients of a product on merged rows, its bias, and what stands between.
// CHECK-LABEL: @gradients
// CHECK-SAME: %[[X:[^:]*]]: tensor<8x32x6xf32>
// CHECK-SAME: %[[W:[^:]*]]: tensor<6x10xf32>
// CHECK-SAME: %[[B:[^:]*]]: tensor<10xf32>
// CHECK: %[[Y:.*]] = llcc.dot %[[X]], %[[W]] batch [] x [] contract [2] x [0] : {{.*}} -> tensor<8x32x10xf32>
// CHECK-NEXT: %[[BB:.*]] = llcc.broadcast %[[B]] dims [2] : tensor<10xf32> -> tensor<8x32x10xf32>
// CHECK-NEXT: %[[Z:.*]] = arith.addf %[[Y]], %[[BB]] : tensor<8x32x10xf32>
// CHECK-NEXT: %[[HEADS:.*]] = llcc.reshape %[[Z]] : tensor<8x32x10xf32> -> tensor<8x32x2x5xf32>
// CHECK-NEXT: %[[D:.*]] = math.tanh %[[HEADS]]
// CHECK-NEXT: %[[DY:.*]] = llcc.reshape %[[D]] : tensor<8x32x2x5xf32> -> tensor<8x32x10xf32>
// An order of merged rows is theirs alone.
// CHECK-NEXT: %[[ROWS:.*]] = llcc.reshape %[[D]] : tensor<8x32x2x5xf32> -> tensor<256x10xf32>
// CHECK-NEXT: %[[DB:.*]] = llcc.reduce <sum> %[[DY]] dims [0, 1] : tensor<8x32x10xf32> -> tensor<10xf32>
// CHECK-NEXT: %[[DW:.*]] = llcc.dot %[[X]], %[[DY]] batch [] x [] contract [0, 1] x [0, 1] : {{.*}} -> tensor<6x10xf32>
// CHECK-NEXT: %[[T:.*]] = llcc.transpose %[[DY]] perm [2, 0, 1] : tensor<8x32x10xf32> -> tensor<10x8x32xf32>
// CHECK-NEXT: %[[DX:.*]] = llcc.dot %[[W]], %[[T]] batch [] x [] contract [1] x [0] : {{.*}} -> tensor<6x8x32xf32>
// CHECK-NEXT: llcc.argsort %[[ROWS]] axis 0
// CHECK: return %[[DB]], %[[DW]], %[[DX]]
func.func @gradients(%x: tensor<8x32x6xf32> {llcc.input = "x", llcc.batched}, %w: tensor<6x10xf32> {llcc.param = "w"}, %b: tensor<10xf32> {llcc.param = "b"})
    -> (tensor<10xf32>, tensor<6x10xf32>, tensor<6x8x32xf32>, tensor<256x10xi64>) {
  %r = llcc.reshape %x : tensor<8x32x6xf32> -> tensor<256x6xf32>
  %y = llcc.dot %r, %w batch [] x [] contract [1] x [0] : tensor<256x6xf32>, tensor<6x10xf32> -> tensor<256x10xf32>
  %bb = llcc.broadcast %b dims [1] : tensor<10xf32> -> tensor<256x10xf32>
  %z = arith.addf %y, %bb : tensor<256x10xf32>
  %h = llcc.reshape %z : tensor<256x10xf32> -> tensor<8x32x2x5xf32>
  %d = math.tanh %h : tensor<8x32x2x5xf32>
  %dy = llcc.reshape %d : tensor<8x32x2x5xf32> -> tensor<256x10xf32>
  %db = llcc.reduce <sum> %dy dims [0] : tensor<256x10xf32> -> tensor<10xf32>
  %dw = llcc.dot %r, %dy batch [] x [] contract [0] x [0] : tensor<256x6xf32>, tensor<256x10xf32> -> tensor<6x10xf32>
  %t = llcc.transpose %dy perm [1, 0] : tensor<256x10xf32> -> tensor<10x256xf32>
  %dx = llcc.dot %w, %t batch [] x [] contract [1] x [0] : tensor<6x10xf32>, tensor<10x256xf32> -> tensor<6x256xf32>
  %dx2 = llcc.reshape %dx : tensor<6x256xf32> -> tensor<6x8x32xf32>
  %o = llcc.argsort %dy axis 0 : tensor<256x10xf32> -> tensor<256x10xi64>
  return %db, %dw, %dx2, %o : tensor<10xf32>, tensor<6x10xf32>, tensor<6x8x32xf32>, tensor<256x10xi64>
}
}
