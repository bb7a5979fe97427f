// Chains of reshapes and transposes: one split, one transpose, one merge at most.
// RUN: llcc-opt %s --llcc-simplify-views | FileCheck %s

// Batch and heads merged, moved and split again, as exporters write attention.
// CHECK-LABEL: @heads
// CHECK-NEXT: %[[S:.*]] = llcc.reshape %arg0 : tensor<17x4x32xf32> -> tensor<17x4x4x8xf32>
// CHECK-NEXT: %[[T:.*]] = llcc.transpose %[[S]] perm [1, 2, 3, 0] : tensor<17x4x4x8xf32> -> tensor<4x4x8x17xf32>
// CHECK-NEXT: return %[[T]]
func.func @heads(%x: tensor<17x4x32xf32>) -> tensor<4x4x8x17xf32> {
  %0 = llcc.reshape %x : tensor<17x4x32xf32> -> tensor<17x16x8xf32>
  %1 = llcc.transpose %0 perm [1, 0, 2] : tensor<17x16x8xf32> -> tensor<16x17x8xf32>
  %2 = llcc.transpose %1 perm [0, 2, 1] : tensor<16x17x8xf32> -> tensor<16x8x17xf32>
  %3 = llcc.reshape %2 : tensor<16x8x17xf32> -> tensor<4x4x8x17xf32>
  return %3 : tensor<4x4x8x17xf32>
}

// Two transposes that undo each other, and unit dimensions on the way: nothing is left.
// CHECK-LABEL: @back
// CHECK-NEXT: return %arg0
func.func @back(%x: tensor<2x3x4xf32>) -> tensor<2x3x4xf32> {
  %0 = llcc.transpose %x perm [2, 0, 1] : tensor<2x3x4xf32> -> tensor<4x2x3xf32>
  %1 = llcc.reshape %0 : tensor<4x2x3xf32> -> tensor<4x1x2x3xf32>
  %2 = llcc.transpose %1 perm [2, 3, 0, 1] : tensor<4x1x2x3xf32> -> tensor<2x3x4x1xf32>
  %3 = llcc.reshape %2 : tensor<2x3x4x1xf32> -> tensor<2x3x4xf32>
  return %3 : tensor<2x3x4xf32>
}

// Rows that are cut across the border of a dimension: 6x4 read as 3x8 is no splitting of dimensions after the transpose.
// CHECK-LABEL: @across
// CHECK-COUNT-2: llcc.transpose
// CHECK: return
func.func @across(%x: tensor<9x4xf32>) -> tensor<6x6xf32> {
  %0 = llcc.transpose %x perm [1, 0] : tensor<9x4xf32> -> tensor<4x9xf32>
  %1 = llcc.reshape %0 : tensor<4x9xf32> -> tensor<6x6xf32>
  %2 = llcc.transpose %1 perm [1, 0] : tensor<6x6xf32> -> tensor<6x6xf32>
  return %2 : tensor<6x6xf32>
}

// A value that somebody else reads stays.
// CHECK-LABEL: @shared
// CHECK: %[[A:.*]] = llcc.transpose %arg0
// CHECK: %[[B:.*]] = llcc.transpose %[[A]]
// CHECK: return %[[A]], %[[B]]
func.func @shared(%x: tensor<2x3xf32>) -> (tensor<3x2xf32>, tensor<2x3xf32>) {
  %0 = llcc.transpose %x perm [1, 0] : tensor<2x3xf32> -> tensor<3x2xf32>
  %1 = llcc.transpose %0 perm [1, 0] : tensor<3x2xf32> -> tensor<2x3xf32>
  return %0, %1 : tensor<3x2xf32>, tensor<2x3xf32>
}

// Empty tensors are left alone.
// CHECK-LABEL: @empty
// CHECK-COUNT-2: llcc.reshape
func.func @empty(%x: tensor<0x3xf32>) -> tensor<0x5xf32> {
  %0 = llcc.reshape %x : tensor<0x3xf32> -> tensor<3x0xf32>
  %1 = llcc.reshape %0 : tensor<3x0xf32> -> tensor<0x5xf32>
  return %1 : tensor<0x5xf32>
}
