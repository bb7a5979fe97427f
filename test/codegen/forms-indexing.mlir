// Kernels whose positions are data, executed: whole and in pieces, batches, free dimensions before and behind the axis, all kinds.
// RUN: llcc-kernel-test --tolerance=2e-6 %s | FileCheck %s
// RUN: llcc-kernel-test --tolerance=2e-6 --seed=2 --target=cpu:x86-64-v3 %s | FileCheck %s
// RUN: llcc-kernel-test --gpu --tolerance=2e-6 --seed=3 %s | FileCheck %s

// CHECK: @batched_gather device 0: error {{.*}} ok
func.func private @batched_gather(%t: tensor<3x2x5x4xf32>, %i: tensor<3x2x3xi64> {llcc.classes = 5 : i64}) -> tensor<3x2x2x3x4xf32> attributes {llcc.kernel = "map"} {
  %y = llcc.gather %t, %i axis 2 {batch = 1 : i64} : tensor<3x2x5x4xf32>, tensor<3x2x3xi64> -> tensor<3x2x2x3x4xf32>
  return %y : tensor<3x2x2x3x4xf32>
}
// CHECK: @reversed device 0: error {{.*}} ok
func.func private @reversed(%x: tensor<3x4x5xf32>) -> tensor<3x4x5xf32> attributes {llcc.kernel = "map"} {
  %y = llcc.reverse %x dims [0, 2] : tensor<3x4x5xf32> -> tensor<3x4x5xf32>
  %z = llcc.reverse %x dims [1, 2] : tensor<3x4x5xf32> -> tensor<3x4x5xf32>
  %s = arith.addf %y, %z : tensor<3x4x5xf32>
  return %s : tensor<3x4x5xf32>
}
// CHECK: @batched_gradient device 0: error {{.*}} ok
func.func private @batched_gradient(%dy: tensor<3x2x2x3x4xf32>, %i: tensor<3x2x3xi64> {llcc.classes = 5 : i64}) -> tensor<3x2x5x4xf32> attributes {llcc.kernel = "scatter"} {
  %t = llcc.scatter_add %dy, %i axis 2 {batch = 1 : i64} : tensor<3x2x2x3x4xf32>, tensor<3x2x3xi64> -> tensor<3x2x5x4xf32>
  return %t : tensor<3x2x5x4xf32>
}
// CHECK: @elements device 0: error {{.*}} ok
func.func private @elements(%x: tensor<7x3x5xf64>, %u: tensor<7x3x4xf64>, %i: tensor<7x3x4xi32> {llcc.classes = 5 : i64}) -> tensor<7x3x5xf64> attributes {llcc.kernel = "scatter"} {
  %v = arith.mulf %u, %u : tensor<7x3x4xf64>
  %y = llcc.scatter %x, %v, %i axis 2 {batch = 2 : i64} : tensor<7x3x5xf64>, tensor<7x3x4xf64>, tensor<7x3x4xi32> -> tensor<7x3x5xf64>
  return %y : tensor<7x3x5xf64>
}
// CHECK: @products device 0: error {{.*}} ok
func.func private @products(%x: tensor<2x5x17xf32>, %u: tensor<2x8x17xf32>, %i: tensor<8xi64> {llcc.classes = 5 : i64}) -> tensor<2x5x17xf32> attributes {llcc.kernel = "scatter"} {
  %y = llcc.scatter %x, %u, %i axis 1 by <prod> : tensor<2x5x17xf32>, tensor<2x8x17xf32>, tensor<8xi64> -> tensor<2x5x17xf32>
  return %y : tensor<2x5x17xf32>
}
// CHECK: @largest device 0: error {{.*}} ok
func.func private @largest(%x: tensor<5x3xi64>, %u: tensor<8x3xi64>, %i: tensor<8xi64> {llcc.classes = 7 : i64}) -> tensor<5x3xi64> attributes {llcc.kernel = "scatter"} {
  %y = llcc.scatter %x, %u, %i axis 0 by <max> : tensor<5x3xi64>, tensor<8x3xi64>, tensor<8xi64> -> tensor<5x3xi64>
  return %y : tensor<5x3xi64>
}
// CHECK: @one_place device 0: error {{.*}} ok
func.func private @one_place(%x: tensor<1xf32>, %u: tensor<4xf32>, %i: tensor<4xi64> {llcc.classes = 1 : i64}) -> tensor<1xf32> attributes {llcc.kernel = "scatter"} {
  %y = llcc.scatter %x, %u, %i axis 0 by <min> : tensor<1xf32>, tensor<4xf32>, tensor<4xi64> -> tensor<1xf32>
  return %y : tensor<1xf32>
}
// A scatter read in a map: right, if slow.
// CHECK: @scatter_in_map device 0: error {{.*}} ok
func.func private @scatter_in_map(%x: tensor<2x4x3xf32>, %u: tensor<2x5x3xf32>, %i: tensor<2x5xi64> {llcc.classes = 4 : i64}) -> tensor<2x4x3xf32> attributes {llcc.kernel = "map"} {
  %y = llcc.scatter %x, %u, %i axis 1 {batch = 1 : i64} : tensor<2x4x3xf32>, tensor<2x5x3xf32>, tensor<2x5xi64> -> tensor<2x4x3xf32>
  %z = arith.addf %y, %y : tensor<2x4x3xf32>
  return %z : tensor<2x4x3xf32>
}
// Sizes around powers of two, ties (classes are few), both directions, an axis in the middle.
// CHECK: @sort_rows device 0: error 0
func.func private @sort_rows(%x: tensor<7x33xf32>) -> tensor<7x33xi64> attributes {llcc.kernel = "sort"} {
  %y = llcc.argsort %x axis 1 descending : tensor<7x33xf32> -> tensor<7x33xi64>
  return %y : tensor<7x33xi64>
}
// CHECK: @sort_ties device 0: error 0
func.func private @sort_ties(%x: tensor<3x31x5xi32> {llcc.classes = 4 : i64}) -> tensor<3x31x5xi32> attributes {llcc.kernel = "sort"} {
  %y = llcc.argsort %x axis 1 : tensor<3x31x5xi32> -> tensor<3x31x5xi32>
  return %y : tensor<3x31x5xi32>
}
// CHECK: @sort_ties_down device 0: error 0
func.func private @sort_ties_down(%x: tensor<64x3xi64> {llcc.classes = 9 : i64}) -> tensor<64x3xi64> attributes {llcc.kernel = "sort"} {
  %y = llcc.argsort %x axis 0 descending : tensor<64x3xi64> -> tensor<64x3xi64>
  return %y : tensor<64x3xi64>
}
// CHECK: @sort_one device 0: error 0
func.func private @sort_one(%x: tensor<5x1xf64>) -> tensor<5x1xi64> attributes {llcc.kernel = "sort"} {
  %y = llcc.argsort %x axis 1 : tensor<5x1xf64> -> tensor<5x1xi64>
  return %y : tensor<5x1xi64>
}
