// RUN: llcc-opt --canonicalize %s | FileCheck %s

// CHECK-LABEL: @chains_become_one_op
// CHECK-SAME: %[[X:[^:]*]]: tensor<2x3x4xf32>
func.func @chains_become_one_op(%x: tensor<2x3x4xf32>) -> (tensor<24xf32>, tensor<4x2x3xf32>, tensor<5x2x6x3x4xf32>) {
  // CHECK-DAG: %[[R:.*]] = llcc.reshape %[[X]] : tensor<2x3x4xf32> -> tensor<24xf32>
  %a = llcc.reshape %x : tensor<2x3x4xf32> -> tensor<6x4xf32>
  %b = llcc.reshape %a : tensor<6x4xf32> -> tensor<24xf32>
  // CHECK-DAG: %[[T:.*]] = llcc.transpose %[[X]] perm [2, 0, 1] : tensor<2x3x4xf32> -> tensor<4x2x3xf32>
  %c = llcc.transpose %x perm [1, 2, 0] : tensor<2x3x4xf32> -> tensor<3x4x2xf32>
  %d = llcc.transpose %c perm [1, 2, 0] : tensor<3x4x2xf32> -> tensor<4x2x3xf32>
  // CHECK-DAG: %[[B:.*]] = llcc.broadcast %[[X]] dims [1, 3, 4] : tensor<2x3x4xf32> -> tensor<5x2x6x3x4xf32>
  %e = llcc.broadcast %x dims [0, 2, 3] : tensor<2x3x4xf32> -> tensor<2x6x3x4xf32>
  %f = llcc.broadcast %e dims [1, 2, 3, 4] : tensor<2x6x3x4xf32> -> tensor<5x2x6x3x4xf32>
  // CHECK: return %[[R]], %[[T]], %[[B]]
  return %b, %d, %f : tensor<24xf32>, tensor<4x2x3xf32>, tensor<5x2x6x3x4xf32>
}

// CHECK-LABEL: @what_changes_nothing_goes_away
// CHECK-SAME: %[[X:[^:]*]]: tensor<2x2xf32>
// CHECK-NEXT: return %[[X]], %[[X]], %[[X]], %[[X]], %[[X]], %[[X]], %[[X]]
func.func @what_changes_nothing_goes_away(%x: tensor<2x2xf32>) -> (tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>) {
  %a0 = llcc.reshape %x : tensor<2x2xf32> -> tensor<4xf32>
  %a = llcc.reshape %a0 : tensor<4xf32> -> tensor<2x2xf32>
  %b0 = llcc.transpose %x perm [1, 0] : tensor<2x2xf32> -> tensor<2x2xf32>
  %b = llcc.transpose %b0 perm [1, 0] : tensor<2x2xf32> -> tensor<2x2xf32>
  %c = llcc.broadcast %x dims [0, 1] : tensor<2x2xf32> -> tensor<2x2xf32>
  %d = llcc.slice %x starts [0, 0] strides [1, 1] : tensor<2x2xf32> -> tensor<2x2xf32>
  %e = llcc.pad %x lo [0, 0] hi [0, 0] interior [0, 0] : tensor<2x2xf32> -> tensor<2x2xf32>
  %f = llcc.reduce <sum> %x dims [] : tensor<2x2xf32> -> tensor<2x2xf32>
  %g = llcc.concat %x dim 0 : tensor<2x2xf32> -> tensor<2x2xf32>
  return %a, %b, %c, %d, %e, %f, %g : tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>
}

// A square transpose is no identity, though its types are equal.
// CHECK-LABEL: @square_transpose_stays
// CHECK: llcc.transpose
func.func @square_transpose_stays(%x: tensor<2x2xf32>) -> tensor<2x2xf32> {
  %y = llcc.transpose %x perm [1, 0] : tensor<2x2xf32> -> tensor<2x2xf32>
  return %y : tensor<2x2xf32>
}

// CHECK-LABEL: @placed_chains_stay
// CHECK: llcc.reshape
// CHECK: llcc.reshape
func.func @placed_chains_stay(%x: tensor<2x2xf32, #llcc.sharding<[["a"], []]>>) -> tensor<4xf32, #llcc.sharding<[[]]>> {
  %a = llcc.reshape %x : tensor<2x2xf32, #llcc.sharding<[["a"], []]>> -> tensor<2x2x1xf32, #llcc.sharding<[["a"], [], []]>>
  %b = llcc.reshape %a : tensor<2x2x1xf32, #llcc.sharding<[["a"], [], []]>> -> tensor<4xf32, #llcc.sharding<[[]]>>
  return %b : tensor<4xf32, #llcc.sharding<[[]]>>
}
