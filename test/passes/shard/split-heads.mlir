// Weights whose columns or rows are heads times features, where the heads do not divide over the axis.
// RUN: llcc-opt %s --split-input-file --llcc-split-heads=members=3 | FileCheck %s
// RUN: llcc-opt %s --split-input-file --llcc-split-heads=members=2 | FileCheck %s --check-prefix=DIVIDE

// CHECK-LABEL: @forward
// CHECK-SAME: %[[X:[^:]*]]: tensor<8x5x12xf32>
// CHECK-SAME: %[[Q:[^:]*]]: tensor<12x4x3xf32> {llcc.file_shape = array<i64: 12, 12>, llcc.heads = 1 : i64, llcc.param = "q", llcc.trainable}
// CHECK-SAME: %[[B:[^:]*]]: tensor<4x3xf32> {llcc.file_shape = array<i64: 12>, llcc.heads = 0 : i64, llcc.param = "b", llcc.trainable}
// CHECK-SAME: %[[O:[^:]*]]: tensor<4x3x12xf32> {llcc.file_shape = array<i64: 12, 12>, llcc.heads = 0 : i64, llcc.param = "o", llcc.trainable}
// CHECK: %[[P:.*]] = llcc.dot %[[X]], %[[Q]] batch [] x [] contract [2] x [0] : tensor<8x5x12xf32>, tensor<12x4x3xf32> -> tensor<8x5x4x3xf32>
// CHECK: llcc.broadcast %[[B]] dims [2, 3] : tensor<4x3xf32> -> tensor<8x5x4x3xf32>
// CHECK-NOT: llcc.reshape
// CHECK: llcc.dot %{{.*}}, %[[O]] batch [] x [] contract [2, 3] x [0, 1] : tensor<8x5x4x3xf32>, tensor<4x3x12xf32> -> tensor<8x5x12xf32>
// DIVIDE-NOT: llcc.file_shape
func.func @forward(%x: tensor<8x5x12xf32> {llcc.input = "x", llcc.batched}, %q: tensor<12x12xf32> {llcc.param = "q", llcc.trainable},
                   %b: tensor<12xf32> {llcc.param = "b", llcc.trainable}, %o: tensor<12x12xf32> {llcc.param = "o", llcc.trainable}) -> tensor<8x5x12xf32> {
  %0 = llcc.dot %x, %q batch [] x [] contract [2] x [0] : tensor<8x5x12xf32>, tensor<12x12xf32> -> tensor<8x5x12xf32>
  %1 = llcc.broadcast %b dims [2] : tensor<12xf32> -> tensor<8x5x12xf32>
  %2 = arith.addf %0, %1 : tensor<8x5x12xf32>
  %3 = llcc.reshape %2 : tensor<8x5x12xf32> -> tensor<8x5x4x3xf32>
  %4 = llcc.transpose %3 perm [0, 2, 1, 3] : tensor<8x5x4x3xf32> -> tensor<8x4x5x3xf32>
  %5 = math.tanh %4 : tensor<8x4x5x3xf32>
  %6 = llcc.transpose %5 perm [0, 2, 1, 3] : tensor<8x4x5x3xf32> -> tensor<8x5x4x3xf32>
  %7 = llcc.reshape %6 : tensor<8x5x4x3xf32> -> tensor<8x5x12xf32>
  %8 = llcc.dot %7, %o batch [] x [] contract [2] x [0] : tensor<8x5x12xf32>, tensor<12x12xf32> -> tensor<8x5x12xf32>
  return %8 : tensor<8x5x12xf32>
}

// -----

// A parameter that comes as an output, or is split in two ways, stays.
// CHECK-LABEL: @forward
// CHECK-NOT: llcc.file_shape
func.func @forward(%x: tensor<8x12xf32> {llcc.input = "x", llcc.batched}, %q: tensor<12x12xf32> {llcc.param = "q", llcc.trainable}) -> (tensor<8x4x3xf32>, tensor<8x2x6xf32>) {
  %0 = llcc.dot %x, %q batch [] x [] contract [1] x [0] : tensor<8x12xf32>, tensor<12x12xf32> -> tensor<8x12xf32>
  %1 = llcc.reshape %0 : tensor<8x12xf32> -> tensor<8x4x3xf32>
  %2 = llcc.reshape %0 : tensor<8x12xf32> -> tensor<8x2x6xf32>
  return %1, %2 : tensor<8x4x3xf32>, tensor<8x2x6xf32>
}
