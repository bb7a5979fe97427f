// Every form of kernel, executed: whole and in pieces, f32 and f64, odd sizes.
// RUN: llcc-kernel-test --tolerance=2e-6 %s | FileCheck %s
// RUN: llcc-kernel-test --tolerance=2e-6 --seed=2 --target=cpu:x86-64-v3 %s | FileCheck %s
// RUN: llcc-kernel-test --tolerance=2e-6 --seed=3 --target=cpu:x86-64-v2 %s | FileCheck %s
// RUN: llcc-kernel-test --gpu --tolerance=2e-6 --seed=4 %s | FileCheck %s

// CHECK: @bias_relu device 0: error {{.*}} ok
func.func private @bias_relu(%x: tensor<7x33xf32>, %b: tensor<33xf32>) -> (tensor<7x33xf32>, tensor<7x33xi1>) attributes {llcc.kernel = "map"} {
  %bb = llcc.broadcast %b dims [1] : tensor<33xf32> -> tensor<7x33xf32>
  %zero = arith.constant dense<0.0> : tensor<7x33xf32>
  %s = arith.addf %x, %bb : tensor<7x33xf32>
  %m = arith.cmpf ugt, %s, %zero : tensor<7x33xf32>
  %r = arith.select %m, %s, %zero : tensor<7x33xi1>, tensor<7x33xf32>
  return %r, %m : tensor<7x33xf32>, tensor<7x33xi1>
}
// CHECK: @momentum_in_place device 0: error {{.*}} ok
func.func private @momentum_in_place(%p: tensor<301xf32>, %v: tensor<301xf32>, %g: tensor<301xf32>, %lr: tensor<f32>) -> (tensor<301xf32>, tensor<301xf32>)
    attributes {llcc.kernel = "map", llcc.inplace = array<i64: 0, 1>} {
  %mu = arith.constant dense<0.9> : tensor<301xf32>
  %l = llcc.broadcast %lr dims [] : tensor<f32> -> tensor<301xf32>
  %a = arith.mulf %v, %mu : tensor<301xf32>
  %v1 = arith.addf %a, %g : tensor<301xf32>
  %d = arith.mulf %l, %v1 : tensor<301xf32>
  %p1 = arith.subf %p, %d : tensor<301xf32>
  return %p1, %v1 : tensor<301xf32>, tensor<301xf32>
}
// CHECK: @scalar_map device 0: error {{.*}} ok
func.func private @scalar_map(%x: tensor<f64>) -> tensor<f64> attributes {llcc.kernel = "map"} {
  %0 = math.exp %x : tensor<f64>
  return %0 : tensor<f64>
}
// CHECK: @softmax device 0: error {{.*}} ok
func.func private @softmax(%x: tensor<3x5x37xf32>) -> (tensor<3x5x37xf32>, tensor<3x5xf32>) attributes {llcc.kernel = "row", llcc.rows = 2 : i64} {
  %m = llcc.reduce <max> %x dims [2] : tensor<3x5x37xf32> -> tensor<3x5xf32>
  %mb = llcc.broadcast %m dims [0, 1] : tensor<3x5xf32> -> tensor<3x5x37xf32>
  %d = arith.subf %x, %mb : tensor<3x5x37xf32>
  %e = math.exp %d : tensor<3x5x37xf32>
  %s = llcc.reduce <sum> %e dims [2] : tensor<3x5x37xf32> -> tensor<3x5xf32>
  %sb = llcc.broadcast %s dims [0, 1] : tensor<3x5xf32> -> tensor<3x5x37xf32>
  %r = arith.divf %e, %sb : tensor<3x5x37xf32>
  %l = math.log %s : tensor<3x5xf32>
  return %r, %l : tensor<3x5x37xf32>, tensor<3x5xf32>
}
// Layer norm over the two last dimensions, f64, in place: the argument is overwritten after the last read.
// CHECK: @layer_norm device 0: error {{.*}} ok
func.func private @layer_norm(%x: tensor<9x3x7xf64>, %w: tensor<3x7xf64>) -> (tensor<9x3x7xf64>, tensor<9xf64>)
    attributes {llcc.kernel = "row", llcc.rows = 1 : i64, llcc.inplace = array<i64: 0, -1>} {
  %n = arith.constant dense<21.0> : tensor<9xf64>
  %eps = arith.constant dense<1.0e-5> : tensor<9xf64>
  %s = llcc.reduce <sum> %x dims [1, 2] : tensor<9x3x7xf64> -> tensor<9xf64>
  %mean = arith.divf %s, %n : tensor<9xf64>
  %mb = llcc.broadcast %mean dims [0] : tensor<9xf64> -> tensor<9x3x7xf64>
  %d = arith.subf %x, %mb : tensor<9x3x7xf64>
  %dd = arith.mulf %d, %d : tensor<9x3x7xf64>
  %s2 = llcc.reduce <sum> %dd dims [1, 2] : tensor<9x3x7xf64> -> tensor<9xf64>
  %var = arith.divf %s2, %n : tensor<9xf64>
  %ve = arith.addf %var, %eps : tensor<9xf64>
  %r = math.rsqrt %ve : tensor<9xf64>
  %rb = llcc.broadcast %r dims [0] : tensor<9xf64> -> tensor<9x3x7xf64>
  %y = arith.mulf %d, %rb : tensor<9x3x7xf64>
  %wb = llcc.broadcast %w dims [1, 2] : tensor<3x7xf64> -> tensor<9x3x7xf64>
  %z = arith.mulf %y, %wb : tensor<9x3x7xf64>
  return %z, %r : tensor<9x3x7xf64>, tensor<9xf64>
}
// Without rows: the whole tensor is one row. Every kind of reduction.
// CHECK: @whole device 0: error {{.*}} ok
func.func private @whole(%x: tensor<3x11xf32>, %i: tensor<3x11xi64> {llcc.classes = 9 : i64}) -> (tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<i64>, tensor<i64>, tensor<i64>, tensor<i1>)
    attributes {llcc.kernel = "row", llcc.rows = 0 : i64} {
  %0 = llcc.reduce <sum> %x dims [0, 1] : tensor<3x11xf32> -> tensor<f32>
  %1 = llcc.reduce <max> %x dims [0, 1] : tensor<3x11xf32> -> tensor<f32>
  %2 = llcc.reduce <min> %x dims [0, 1] : tensor<3x11xf32> -> tensor<f32>
  %3 = llcc.reduce <prod> %x dims [0, 1] : tensor<3x11xf32> -> tensor<f32>
  %4 = llcc.reduce <sum> %i dims [0, 1] : tensor<3x11xi64> -> tensor<i64>
  %5 = llcc.reduce <max> %i dims [0, 1] : tensor<3x11xi64> -> tensor<i64>
  %6 = llcc.reduce <min> %i dims [0, 1] : tensor<3x11xi64> -> tensor<i64>
  %c = arith.constant dense<3> : tensor<3x11xi64>
  %m = arith.cmpi sgt, %i, %c : tensor<3x11xi64>
  %7 = llcc.reduce <max> %m dims [0, 1] : tensor<3x11xi1> -> tensor<i1>
  return %0, %1, %2, %3, %4, %5, %6, %7 : tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<i64>, tensor<i64>, tensor<i64>, tensor<i1>
}
// A very long row, chunks of it in the lanes of vectors: no worse than a short one.
// CHECK: @very_long_row device 0: error {{.*}} ok
func.func private @very_long_row(%x: tensor<1000003xf32>) -> tensor<f32> attributes {llcc.kernel = "row", llcc.rows = 0 : i64} {
  %xx = arith.mulf %x, %x : tensor<1000003xf32>
  %0 = llcc.reduce <sum> %xx dims [0] : tensor<1000003xf32> -> tensor<f32>
  return %0 : tensor<f32>
}
// A long row: partial sums in vector lanes.
// CHECK: @long_row device 0: error {{.*}} ok
func.func private @long_row(%x: tensor<2x40000xf32>) -> tensor<2xf32> attributes {llcc.kernel = "row", llcc.rows = 1 : i64} {
  %xx = arith.mulf %x, %x : tensor<2x40000xf32>
  %0 = llcc.reduce <sum> %xx dims [1] : tensor<2x40000xf32> -> tensor<2xf32>
  return %0 : tensor<2xf32>
}
// An empty reduction is the neutral element.
// CHECK: @empty_reduction device 0: error {{.*}} ok
func.func private @empty_reduction(%x: tensor<3x0xf32>) -> (tensor<3xf32>, tensor<3xf32>) attributes {llcc.kernel = "row", llcc.rows = 1 : i64} {
  %0 = llcc.reduce <sum> %x dims [1] : tensor<3x0xf32> -> tensor<3xf32>
  %1 = llcc.reduce <max> %x dims [1] : tensor<3x0xf32> -> tensor<3xf32>
  return %0, %1 : tensor<3xf32>, tensor<3xf32>
}
// Kept dimension last: blocks of columns (more than one, and chunks of rows), with work before and after.
// CHECK: @bias_gradient device 0: error {{.*}} ok
func.func private @bias_gradient(%dy: tensor<5x67x531xf32>, %old: tensor<531xf32>) -> (tensor<531xf32>, tensor<531xf32>)
    attributes {llcc.kernel = "fold", llcc.inplace = array<i64: 1, -1>} {
  %sq = arith.mulf %dy, %dy : tensor<5x67x531xf32>
  %0 = llcc.reduce <sum> %sq dims [0, 1] : tensor<5x67x531xf32> -> tensor<531xf32>
  %1 = llcc.reduce <max> %dy dims [0, 1] : tensor<5x67x531xf32> -> tensor<531xf32>
  %2 = arith.addf %0, %old : tensor<531xf32>
  return %2, %1 : tensor<531xf32>, tensor<531xf32>
}
// Kept dimension in the middle, as for a normalisation over N, H, W.
// CHECK: @channel_sums device 0: error {{.*}} ok
func.func private @channel_sums(%x: tensor<3x5x4x6xf32>, %m: tensor<5xf32>) -> tensor<5xf32> attributes {llcc.kernel = "fold"} {
  %mb = llcc.broadcast %m dims [1] : tensor<5xf32> -> tensor<3x5x4x6xf32>
  %d = arith.subf %x, %mb : tensor<3x5x4x6xf32>
  %dd = arith.mulf %d, %d : tensor<3x5x4x6xf32>
  %0 = llcc.reduce <sum> %dd dims [0, 2, 3] : tensor<3x5x4x6xf32> -> tensor<5xf32>
  return %0 : tensor<5xf32>
}
// Kept and reduced dimensions alternate; the broadcast cuts the kept digits.
// CHECK: @alternating device 0: error {{.*}} ok
func.func private @alternating(%x: tensor<3x4x5x6x7xf64>, %b: tensor<6xf64>) -> tensor<4x6x7xf64> attributes {llcc.kernel = "fold"} {
  %bb = llcc.broadcast %b dims [3] : tensor<6xf64> -> tensor<3x4x5x6x7xf64>
  %p = arith.mulf %x, %bb : tensor<3x4x5x6x7xf64>
  %0 = llcc.reduce <sum> %p dims [0, 2] : tensor<3x4x5x6x7xf64> -> tensor<4x6x7xf64>
  return %0 : tensor<4x6x7xf64>
}
// CHECK: @embedding_gradient device 0: error {{.*}} ok
func.func private @embedding_gradient(%dy: tensor<3x5x17xf32>, %i: tensor<3x5xi64> {llcc.classes = 11 : i64}) -> tensor<11x17xf32> attributes {llcc.kernel = "scatter"} {
  %two = arith.constant dense<2.0> : tensor<3x5x17xf32>
  %u = arith.mulf %dy, %two : tensor<3x5x17xf32>
  %0 = llcc.scatter_add %u, %i axis 0 : tensor<3x5x17xf32>, tensor<3x5xi64> -> tensor<11x17xf32>
  return %0 : tensor<11x17xf32>
}
// CHECK: @pick_gradient device 0: error {{.*}} ok
func.func private @pick_gradient(%dy: tensor<4x3xf64>, %i: tensor<3xi32> {llcc.classes = 6 : i64}) -> tensor<4x6xf64> attributes {llcc.kernel = "scatter"} {
  %0 = llcc.scatter_add %dy, %i axis 1 : tensor<4x3xf64>, tensor<3xi32> -> tensor<4x6xf64>
  return %0 : tensor<4x6xf64>
}
