// A kernel that reduces much to little becomes two launches; the update behind the sum stays in place in the second.
// RUN: llcc-opt --split-input-file --llcc-split-reductions %s | FileCheck %s

// CHECK-LABEL: func.func @step
// CHECK-SAME: %[[DY:.*]]: tensor<64x1024x768xbf16>, %[[B:.*]]: tensor<768xf32>, %[[LR:.*]]: tensor<f32>
// CHECK: %[[PARTS:.*]] = call @k0_parts(%[[DY]]) : (tensor<64x1024x768xbf16>) -> tensor<64x768xf32>
// CHECK: %[[NEW:.*]] = call @k0(%[[PARTS]], %[[LR]], %[[B]])
// CHECK: return %[[NEW]]
func.func @step(%dy: tensor<64x1024x768xbf16>, %b: tensor<768xf32>, %lr: tensor<f32>) -> tensor<768xf32> {
  %0 = call @k0(%dy, %b, %lr) : (tensor<64x1024x768xbf16>, tensor<768xf32>, tensor<f32>) -> tensor<768xf32>
  return %0 : tensor<768xf32>
}
// Partial sums are f32; the sum is rounded once, where it was.
// CHECK-LABEL: func.func private @k0_parts
// CHECK-SAME: llcc.cost = 1024 : i64, llcc.extent = 49152 : i64, llcc.inplace = array<i64: -1>, llcc.kernel = "fold"
// CHECK: %[[WIDE:.*]] = arith.extf
// CHECK: llcc.reduce <sum> %[[WIDE]] dims [1] : tensor<64x1024x768xf32> -> tensor<64x768xf32>
// CHECK-LABEL: func.func private @k0
// CHECK-SAME: llcc.cost = 64 : i64, llcc.extent = 768 : i64, llcc.inplace = array<i64: 2>, llcc.kernel = "fold"
// CHECK: %[[SUM:.*]] = llcc.reduce <sum> %{{.*}} dims [0]
// CHECK: arith.truncf %[[SUM]]
// CHECK: arith.subf
func.func private @k0(%dy: tensor<64x1024x768xbf16>, %b: tensor<768xf32>, %lr: tensor<f32>) -> tensor<768xf32>
    attributes {llcc.kernel = "fold", llcc.extent = 768 : i64, llcc.cost = 65536 : i64, llcc.inplace = array<i64: 1>} {
  %s = llcc.reduce <sum> %dy dims [0, 1] : tensor<64x1024x768xbf16> -> tensor<768xbf16>
  %w = arith.extf %s : tensor<768xbf16> to tensor<768xf32>
  %l = llcc.broadcast %lr dims [] : tensor<f32> -> tensor<768xf32>
  %d = arith.mulf %w, %l : tensor<768xf32>
  %n = arith.subf %b, %d : tensor<768xf32>
  return %n : tensor<768xf32>
}

// -----

// A row kernel that only sums is one as well: 100 rows of a statistic leave a GPU idle.
// CHECK-LABEL: func.func private @sums_parts
// CHECK-SAME: tensor<100x32768xf32>
// CHECK: llcc.reshape %{{.*}} : tensor<100x32768xf32> -> tensor<100x4x8192xf32>
// CHECK: llcc.reduce <sum> %{{.*}} dims [2] : tensor<100x4x8192xf32> -> tensor<100x4xf32>
// CHECK-LABEL: func.func private @sums
// CHECK: llcc.reduce <sum> %{{.*}} dims [1] : tensor<100x4xf32> -> tensor<100xf32>
func.func private @sums(%x: tensor<100x32768xf32>) -> tensor<100xf32> attributes {llcc.kernel = "row", llcc.rows = 1 : i64, llcc.extent = 100 : i64, llcc.cost = 32768 : i64} {
  %s = llcc.reduce <sum> %x dims [1] : tensor<100x32768xf32> -> tensor<100xf32>
  return %s : tensor<100xf32>
}

// -----

// Softmax needs its rows whole.
// CHECK-LABEL: func.func private @softmax
// CHECK-NOT: _parts
func.func private @softmax(%x: tensor<4x65536xf32>) -> tensor<4x65536xf32> attributes {llcc.kernel = "row", llcc.rows = 1 : i64, llcc.extent = 4 : i64, llcc.cost = 65536 : i64} {
  %s = llcc.reduce <max> %x dims [1] : tensor<4x65536xf32> -> tensor<4xf32>
  %b = llcc.broadcast %s dims [0] : tensor<4xf32> -> tensor<4x65536xf32>
  %d = arith.subf %x, %b : tensor<4x65536xf32>
  return %d : tensor<4x65536xf32>
}

// -----

// Bits that are equal on all strategies need sums in one order.
// CHECK-LABEL: func.func private @whole
// CHECK-NOT: _parts
module attributes {llcc.deterministic} {
  func.func private @whole(%x: tensor<65536x8xf32>) -> tensor<8xf32> attributes {llcc.kernel = "fold", llcc.extent = 8 : i64, llcc.cost = 65536 : i64} {
    %s = llcc.reduce <sum> %x dims [0] : tensor<65536x8xf32> -> tensor<8xf32>
    return %s : tensor<8xf32>
  }
}
