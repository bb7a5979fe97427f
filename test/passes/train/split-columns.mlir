// Weights that are several beside each other get a dimension for that; bytes stay in their order.
// RUN: llcc-opt %s --split-input-file --llcc-split-columns | FileCheck %s

// q, k and v by slices, with a bias and a reshape on the way.
// CHECK: func.func @forward(%arg0: tensor<8x6xf32>
// CHECK-SAME: %arg1: tensor<6x3x4xf32> {llcc.file_shape = array<i64: 6, 12>, llcc.param = "w", llcc.trainable}
// CHECK-SAME: %arg2: tensor<3x4xf32> {llcc.file_shape = array<i64: 12>, llcc.param = "b", llcc.trainable}
// CHECK: %[[Y:.*]] = llcc.dot %arg0, %arg1 batch [] x [] contract [1] x [0] : tensor<8x6xf32>, tensor<6x3x4xf32> -> tensor<8x3x4xf32>
// CHECK: %[[B:.*]] = llcc.broadcast %arg2 dims [1, 2] : tensor<3x4xf32> -> tensor<8x3x4xf32>
// CHECK: %[[S:.*]] = arith.addf %[[Y]], %[[B]]
// CHECK: %[[R:.*]] = llcc.reshape %[[S]] : tensor<8x3x4xf32> -> tensor<2x4x3x4xf32>
// CHECK: %[[P:.*]] = llcc.slice %[[R]] starts [0, 0, 2, 0] strides [1, 1, 1, 1] : tensor<2x4x3x4xf32> -> tensor<2x4x1x4xf32>
// CHECK: %[[V:.*]] = llcc.reshape %[[P]] : tensor<2x4x1x4xf32> -> tensor<2x4x4xf32>
// CHECK: math.tanh %[[V]]
module {
  func.func @forward(%x: tensor<8x6xf32> {llcc.input = "x", llcc.batched}, %w: tensor<6x12xf32> {llcc.param = "w", llcc.trainable}, %b: tensor<12xf32> {llcc.param = "b", llcc.trainable})
      -> (tensor<2x4x4xf32> {llcc.output = "y"}) {
    %y = llcc.dot %x, %w batch [] x [] contract [1] x [0] : tensor<8x6xf32>, tensor<6x12xf32> -> tensor<8x12xf32>
    %bb = llcc.broadcast %b dims [1] : tensor<12xf32> -> tensor<8x12xf32>
    %s = arith.addf %y, %bb : tensor<8x12xf32>
    %r = llcc.reshape %s : tensor<8x12xf32> -> tensor<2x4x12xf32>
    %q = llcc.slice %r starts [0, 0, 0] strides [1, 1, 1] : tensor<2x4x12xf32> -> tensor<2x4x4xf32>
    %k = llcc.slice %r starts [0, 0, 4] strides [1, 1, 1] : tensor<2x4x12xf32> -> tensor<2x4x4xf32>
    %v = llcc.slice %r starts [0, 0, 8] strides [1, 1, 1] : tensor<2x4x12xf32> -> tensor<2x4x4xf32>
    %qk = arith.mulf %q, %k : tensor<2x4x4xf32>
    %t = math.tanh %v : tensor<2x4x4xf32>
    %o = arith.addf %qk, %t : tensor<2x4x4xf32>
    return %o : tensor<2x4x4xf32>
  }
}

// -----

// By a reshape, from a weight that is stored transposed.
// CHECK: %arg1: tensor<2x5x6xf32> {llcc.file_shape = array<i64: 10, 6>, llcc.param = "w"}
// CHECK: llcc.dot %arg0, %arg1 batch [] x [] contract [1] x [2] : tensor<8x6xf32>, tensor<2x5x6xf32> -> tensor<8x2x5xf32>
module {
  func.func @forward(%x: tensor<8x6xf32> {llcc.input = "x"}, %w: tensor<10x6xf32> {llcc.param = "w"}) -> (tensor<1x8x5xf32> {llcc.output = "y"}) {
    %y = llcc.dot %x, %w batch [] x [] contract [1] x [1] : tensor<8x6xf32>, tensor<10x6xf32> -> tensor<8x10xf32>
    %r = llcc.reshape %y : tensor<8x10xf32> -> tensor<8x2x5xf32>
    %t = llcc.transpose %r perm [1, 0, 2] : tensor<8x2x5xf32> -> tensor<2x8x5xf32>
    %a = llcc.slice %t starts [0, 0, 0] strides [1, 1, 1] : tensor<2x8x5xf32> -> tensor<1x8x5xf32>
    %b = llcc.slice %t starts [1, 0, 0] strides [1, 1, 1] : tensor<2x8x5xf32> -> tensor<1x8x5xf32>
    %o = arith.mulf %a, %b : tensor<1x8x5xf32>
    return %o : tensor<1x8x5xf32>
  }
}

// -----

// Heads stay together: nobody takes them apart. A weight with two readers, parts of different sizes: as they were.
// CHECK-NOT: file_shape
module {
  func.func @forward(%x: tensor<8x6xf32> {llcc.input = "x"}, %heads: tensor<6x12xf32> {llcc.param = "heads"}, %two: tensor<6x12xf32> {llcc.param = "two"},
                     %odd: tensor<6x12xf32> {llcc.param = "odd"}) -> (tensor<8x3x4xf32> {llcc.output = "y"}, tensor<8x12xf32> {llcc.output = "z"}, tensor<8x4xf32> {llcc.output = "u"},
                     tensor<8x8xf32> {llcc.output = "v"}) {
    %y = llcc.dot %x, %heads batch [] x [] contract [1] x [0] : tensor<8x6xf32>, tensor<6x12xf32> -> tensor<8x12xf32>
    %r = llcc.reshape %y : tensor<8x12xf32> -> tensor<8x3x4xf32>
    %t = math.tanh %r : tensor<8x3x4xf32>
    %z = llcc.dot %x, %two batch [] x [] contract [1] x [0] : tensor<8x6xf32>, tensor<6x12xf32> -> tensor<8x12xf32>
    %z2 = llcc.dot %x, %two batch [] x [] contract [1] x [0] : tensor<8x6xf32>, tensor<6x12xf32> -> tensor<8x12xf32>
    %s = llcc.slice %z starts [0, 0] strides [1, 1] : tensor<8x12xf32> -> tensor<8x4xf32>
    %o = llcc.dot %x, %odd batch [] x [] contract [1] x [0] : tensor<8x6xf32>, tensor<6x12xf32> -> tensor<8x12xf32>
    %o1 = llcc.slice %o starts [0, 0] strides [1, 1] : tensor<8x12xf32> -> tensor<8x4xf32>
    %o2 = llcc.slice %o starts [0, 4] strides [1, 1] : tensor<8x12xf32> -> tensor<8x8xf32>
    %o3 = arith.addf %o1, %s : tensor<8x4xf32>
    return %t, %z2, %o3, %o2 : tensor<8x3x4xf32>, tensor<8x12xf32>, tensor<8x4xf32>, tensor<8x8xf32>
  }
}
