// Every op that kernels may hold, executed at odd sizes against the interpreter.
// RUN: llcc-kernel-test --tolerance=1e-6 %s | FileCheck %s
// RUN: llcc-kernel-test --tolerance=1e-6 --seed=2 --target=cpu:x86-64-v3 %s | FileCheck %s
// RUN: llcc-kernel-test --gpu --tolerance=1e-6 --seed=3 %s | FileCheck %s

// CHECK: @broadcast_unit_and_new device 0: error {{.*}} ok
func.func private @broadcast_unit_and_new(%x: tensor<3x1x5xf32>) -> tensor<2x3x7x5xf32> attributes {llcc.kernel = "map"} {
  %0 = llcc.broadcast %x dims [1, 2, 3] : tensor<3x1x5xf32> -> tensor<2x3x7x5xf32>
  return %0 : tensor<2x3x7x5xf32>
}
// CHECK: @heads device 0: error {{.*}} ok
func.func private @heads(%x: tensor<2x3x4x5xf32>) -> tensor<2x4x15xf32> attributes {llcc.kernel = "map"} {
  %t = llcc.transpose %x perm [0, 2, 1, 3] : tensor<2x3x4x5xf32> -> tensor<2x4x3x5xf32>
  %m = llcc.reshape %t : tensor<2x4x3x5xf32> -> tensor<2x4x15xf32>
  return %m : tensor<2x4x15xf32>
}
// Digits that do not meet: 6x4 as 4x6, transposed, as 3x8.
// CHECK: @reshape_across device 0: error {{.*}} ok
func.func private @reshape_across(%x: tensor<6x4xf64>) -> tensor<3x8xf64> attributes {llcc.kernel = "map"} {
  %r = llcc.reshape %x : tensor<6x4xf64> -> tensor<4x6xf64>
  %t = llcc.transpose %r perm [1, 0] : tensor<4x6xf64> -> tensor<6x4xf64>
  %m = llcc.reshape %t : tensor<6x4xf64> -> tensor<3x8xf64>
  return %m : tensor<3x8xf64>
}
// CHECK: @reshape_prime device 0: error {{.*}} ok
func.func private @reshape_prime(%x: tensor<2x3xf32>, %y: tensor<3x2xf32>) -> tensor<3x2xf32> attributes {llcc.kernel = "map"} {
  %t = llcc.transpose %x perm [1, 0] : tensor<2x3xf32> -> tensor<3x2xf32>
  %r = llcc.reshape %y : tensor<3x2xf32> -> tensor<2x3xf32>
  %u = llcc.transpose %r perm [1, 0] : tensor<2x3xf32> -> tensor<3x2xf32>
  %v = llcc.reshape %u : tensor<3x2xf32> -> tensor<2x3xf32>
  %w = llcc.transpose %v perm [1, 0] : tensor<2x3xf32> -> tensor<3x2xf32>
  %s = arith.subf %t, %w : tensor<3x2xf32>
  return %s : tensor<3x2xf32>
}
// CHECK: @slice device 0: error {{.*}} ok
func.func private @slice(%x: tensor<9x4x11xf32>) -> tensor<3x4x5xf32> attributes {llcc.kernel = "map"} {
  %0 = llcc.slice %x starts [2, 0, 1] strides [3, 1, 2] : tensor<9x4x11xf32> -> tensor<3x4x5xf32>
  return %0 : tensor<3x4x5xf32>
}
// A slice that starts at 0 hands the loop's value on with a larger size, which a transpose then divides.
// CHECK: @slice_then_reshape device 0: error {{.*}} ok
func.func private @slice_then_reshape(%x: tensor<4x3xf32>) -> tensor<6xf32> attributes {llcc.kernel = "map"} {
  %t = llcc.transpose %x perm [1, 0] : tensor<4x3xf32> -> tensor<3x4xf32>
  %r = llcc.reshape %t : tensor<3x4xf32> -> tensor<12xf32>
  %0 = llcc.slice %r starts [0] strides [1] : tensor<12xf32> -> tensor<6xf32>
  return %0 : tensor<6xf32>
}
// CHECK: @pad device 0: error {{.*}} ok
func.func private @pad(%x: tensor<3x4xf32>) -> tensor<10x4xf32> attributes {llcc.kernel = "map"} {
  %0 = llcc.pad %x lo [1, 0] hi [2, 0] interior [2, 0] {value = 7.0 : f64} : tensor<3x4xf32> -> tensor<10x4xf32>
  return %0 : tensor<10x4xf32>
}
// CHECK: @pad_all device 0: error {{.*}} ok
func.func private @pad_all(%x: tensor<2x3x5xf64>) -> tensor<4x3x8xf64> attributes {llcc.kernel = "map"} {
  %0 = llcc.pad %x lo [0, 0, 2] hi [2, 0, 1] interior [0, 0, 0] : tensor<2x3x5xf64> -> tensor<4x3x8xf64>
  return %0 : tensor<4x3x8xf64>
}
// CHECK: @concat device 0: error {{.*}} ok
func.func private @concat(%x: tensor<2x3x5xf32>, %y: tensor<2x1x5xf32>, %e: tensor<2x0x5xf32>, %z: tensor<2x4x5xf32>) -> tensor<2x8x5xf32> attributes {llcc.kernel = "map"} {
  %n = arith.negf %y : tensor<2x1x5xf32>
  %0 = llcc.concat %x, %n, %e, %z dim 1 : tensor<2x3x5xf32>, tensor<2x1x5xf32>, tensor<2x0x5xf32>, tensor<2x4x5xf32> -> tensor<2x8x5xf32>
  return %0 : tensor<2x8x5xf32>
}
// CHECK: @concat_last device 0: error {{.*}} ok
func.func private @concat_last(%x: tensor<3x2xf32>, %y: tensor<3x3xf32>) -> tensor<3x5xf32> attributes {llcc.kernel = "map"} {
  %0 = llcc.concat %x, %y dim 1 : tensor<3x2xf32>, tensor<3x3xf32> -> tensor<3x5xf32>
  return %0 : tensor<3x5xf32>
}
// CHECK: @causal_mask device 0: error {{.*}} ok
func.func private @causal_mask(%x: tensor<2x5x5xf32>) -> (tensor<2x5x5xf32>, tensor<2x5x5xf32>, tensor<2x5x5xi32>) attributes {llcc.kernel = "map"} {
  %i = llcc.iota dim 1 : tensor<2x5x5xi64>
  %j = llcc.iota dim 2 : tensor<2x5x5xi64>
  %m = arith.cmpi sge, %i, %j : tensor<2x5x5xi64>
  %low = arith.constant dense<-1.0e4> : tensor<2x5x5xf32>
  %r = arith.select %m, %x, %low : tensor<2x5x5xi1>, tensor<2x5x5xf32>
  %f = llcc.iota dim 0 : tensor<2x5x5xf32>
  %n = llcc.iota dim 2 : tensor<2x5x5xi32>
  return %r, %f, %n : tensor<2x5x5xf32>, tensor<2x5x5xf32>, tensor<2x5x5xi32>
}
// CHECK: @gather_rows device 0: error {{.*}} ok
func.func private @gather_rows(%t: tensor<11x6xf32>, %i: tensor<3x5xi64> {llcc.classes = 11 : i64}, %p: tensor<5x6xf32>) -> tensor<3x5x6xf32> attributes {llcc.kernel = "map"} {
  %0 = llcc.gather %t, %i axis 0 : tensor<11x6xf32>, tensor<3x5xi64> -> tensor<3x5x6xf32>
  %b = llcc.broadcast %p dims [1, 2] : tensor<5x6xf32> -> tensor<3x5x6xf32>
  %s = arith.addf %0, %b : tensor<3x5x6xf32>
  return %s : tensor<3x5x6xf32>
}
// Indices out of range read as if clamped.
// CHECK: @gather_clamps device 0: error {{.*}} ok
func.func private @gather_clamps(%t: tensor<4x3x2xf32>, %i: tensor<7xi32> {llcc.classes = 20 : i64}) -> tensor<4x7x2xf32> attributes {llcc.kernel = "map"} {
  %0 = llcc.gather %t, %i axis 1 : tensor<4x3x2xf32>, tensor<7xi32> -> tensor<4x7x2xf32>
  return %0 : tensor<4x7x2xf32>
}
// A scatter read in a map: right, if slow.
// CHECK: @scatter_in_map device 0: error {{.*}} ok
func.func private @scatter_in_map(%dy: tensor<5x3xf32>, %i: tensor<5xi64> {llcc.classes = 4 : i64}) -> tensor<4x3xf32> attributes {llcc.kernel = "map"} {
  %0 = llcc.scatter_add %dy, %i axis 0 : tensor<5x3xf32>, tensor<5xi64> -> tensor<4x3xf32>
  %1 = arith.negf %0 : tensor<4x3xf32>
  return %1 : tensor<4x3xf32>
}
// CHECK: @reduce_in_map device 0: error {{.*}} ok
func.func private @reduce_in_map(%x: tensor<3x4x5xf32>) -> tensor<3x5xf32> attributes {llcc.kernel = "map"} {
  %0 = llcc.reduce <max> %x dims [1] : tensor<3x4x5xf32> -> tensor<3x5xf32>
  return %0 : tensor<3x5xf32>
}
// CHECK: @dense_constants device 0: error {{.*}} ok
func.func private @dense_constants(%x: tensor<2x3xf32>) -> (tensor<2x3xf32>, tensor<2x3xi64>, tensor<2x3xi1>) attributes {llcc.kernel = "map"} {
  %c = arith.constant dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32>
  %i = arith.constant dense<[[7, 8, 9], [10, 11, 12]]> : tensor<2x3xi64>
  %b = arith.constant dense<[[true, false, true], [true, true, false]]> : tensor<2x3xi1>
  %s = arith.addf %x, %c : tensor<2x3xf32>
  return %s, %i, %b : tensor<2x3xf32>, tensor<2x3xi64>, tensor<2x3xi1>
}
// CHECK: @max_pool device 0: error {{.*}} ok
func.func private @max_pool(%x: tensor<2x3x7x9xf32>) -> tensor<2x3x4x5xf32> attributes {llcc.kernel = "map"} {
  %0 = llcc.max_pool %x {window = array<i64: 3, 3>, strides = array<i64: 2, 2>, pads_lo = array<i64: 1, 1>, pads_hi = array<i64: 1, 1>, dilations = array<i64: 1, 1>} : tensor<2x3x7x9xf32> -> tensor<2x3x4x5xf32>
  return %0 : tensor<2x3x4x5xf32>
}
// Dilated, and a window of more than 16 elements: loops instead of unrolled code.
// CHECK: @max_pool_dilated device 0: error {{.*}} ok
func.func private @max_pool_dilated(%x: tensor<1x2x13x14xf64>) -> tensor<1x2x5x6xf64> attributes {llcc.kernel = "map"} {
  %0 = llcc.max_pool %x {window = array<i64: 5, 5>, strides = array<i64: 1, 1>, pads_lo = array<i64: 0, 0>, pads_hi = array<i64: 0, 0>, dilations = array<i64: 2, 2>} : tensor<1x2x13x14xf64> -> tensor<1x2x5x6xf64>
  return %0 : tensor<1x2x5x6xf64>
}
// Ceil mode: the last windows hang over the end. Ties, as relu makes them: the first largest element gets the gradient.
// CHECK: @max_pool_grad device 0: error {{.*}} ok
func.func private @max_pool_grad(%x: tensor<2x3x7x8xf32>, %dy: tensor<2x3x4x4xf32>) -> tensor<2x3x7x8xf32> attributes {llcc.kernel = "map"} {
  %z = arith.constant dense<0.0> : tensor<2x3x7x8xf32>
  %m = arith.maximumf %x, %z : tensor<2x3x7x8xf32>
  %0 = llcc.max_pool_grad %m, %dy {window = array<i64: 3, 3>, strides = array<i64: 2, 2>, pads_lo = array<i64: 0, 0>, pads_hi = array<i64: 0, 0>, dilations = array<i64: 1, 1>} : tensor<2x3x7x8xf32>, tensor<2x3x4x4xf32> -> tensor<2x3x7x8xf32>
  return %0 : tensor<2x3x7x8xf32>
}
// CHECK: @max_pool_grad_2x2 device 0: error {{.*}} ok
func.func private @max_pool_grad_2x2(%x: tensor<1x2x6x6xf32>, %dy: tensor<1x2x3x3xf32>) -> tensor<1x2x6x6xf32> attributes {llcc.kernel = "map"} {
  %0 = llcc.max_pool_grad %x, %dy {window = array<i64: 2, 2>, strides = array<i64: 2, 2>, pads_lo = array<i64: 0, 0>, pads_hi = array<i64: 0, 0>, dilations = array<i64: 1, 1>} : tensor<1x2x6x6xf32>, tensor<1x2x3x3xf32> -> tensor<1x2x6x6xf32>
  return %0 : tensor<1x2x6x6xf32>
}
// CHECK: @max_pool_grad_dilated device 0: error {{.*}} ok
func.func private @max_pool_grad_dilated(%x: tensor<1x1x9x9xf32>, %dy: tensor<1x1x4x4xf32>) -> tensor<1x1x9x9xf32> attributes {llcc.kernel = "map"} {
  %0 = llcc.max_pool_grad %x, %dy {window = array<i64: 2, 3>, strides = array<i64: 2, 2>, pads_lo = array<i64: 0, 1>, pads_hi = array<i64: 0, 1>, dilations = array<i64: 3, 2>} : tensor<1x1x9x9xf32>, tensor<1x1x4x4xf32> -> tensor<1x1x9x9xf32>
  return %0 : tensor<1x1x9x9xf32>
}
// CHECK: @avg_pool device 0: error {{.*}} ok
func.func private @avg_pool(%x: tensor<2x2x7x8xf32>) -> tensor<2x2x4x4xf32> attributes {llcc.kernel = "map"} {
  %0 = llcc.avg_pool %x {window = array<i64: 3, 3>, strides = array<i64: 2, 2>, pads_lo = array<i64: 1, 1>, pads_hi = array<i64: 1, 0>, dilations = array<i64: 1, 1>, count_include_pad = false} : tensor<2x2x7x8xf32> -> tensor<2x2x4x4xf32>
  return %0 : tensor<2x2x4x4xf32>
}
// Ceil mode with padding that counts: what lies past the padded end never does.
// CHECK: @avg_pool_include_pad device 0: error {{.*}} ok
func.func private @avg_pool_include_pad(%x: tensor<1x2x6x7xf64>) -> tensor<1x2x4x4xf64> attributes {llcc.kernel = "map"} {
  %0 = llcc.avg_pool %x {window = array<i64: 3, 3>, strides = array<i64: 2, 2>, pads_lo = array<i64: 1, 1>, pads_hi = array<i64: 1, 0>, dilations = array<i64: 1, 1>, count_include_pad = true} : tensor<1x2x6x7xf64> -> tensor<1x2x4x4xf64>
  return %0 : tensor<1x2x4x4xf64>
}
// CHECK: @avg_pool_grad device 0: error {{.*}} ok
func.func private @avg_pool_grad(%dy: tensor<2x2x4x4xf32>) -> tensor<2x2x7x8xf32> attributes {llcc.kernel = "map"} {
  %0 = llcc.avg_pool_grad %dy {window = array<i64: 3, 3>, strides = array<i64: 2, 2>, pads_lo = array<i64: 1, 1>, pads_hi = array<i64: 1, 0>, dilations = array<i64: 1, 1>, count_include_pad = false} : tensor<2x2x4x4xf32> -> tensor<2x2x7x8xf32>
  return %0 : tensor<2x2x7x8xf32>
}
// CHECK: @avg_pool_grad_include_pad device 0: error {{.*}} ok
func.func private @avg_pool_grad_include_pad(%dy: tensor<1x2x3x4xf32>) -> tensor<1x2x6x7xf32> attributes {llcc.kernel = "map"} {
  %0 = llcc.avg_pool_grad %dy {window = array<i64: 2, 3>, strides = array<i64: 2, 2>, pads_lo = array<i64: 0, 1>, pads_hi = array<i64: 0, 1>, dilations = array<i64: 2, 1>, count_include_pad = true} : tensor<1x2x3x4xf32> -> tensor<1x2x6x7xf32>
  return %0 : tensor<1x2x6x7xf32>
}
// CHECK: @casts device 0: error {{.*}} ok
func.func private @casts(%x: tensor<19xf32>, %i: tensor<19xi64> {llcc.classes = 30 : i64}) -> (tensor<19xf64>, tensor<19xf32>, tensor<19xi32>, tensor<19xf32>) attributes {llcc.kernel = "map"} {
  %0 = arith.extf %x : tensor<19xf32> to tensor<19xf64>
  %1 = arith.sitofp %i : tensor<19xi64> to tensor<19xf32>
  %2 = arith.fptosi %x : tensor<19xf32> to tensor<19xi32>
  %z = arith.constant dense<0.0> : tensor<19xf32>
  %m = arith.cmpf olt, %x, %z : tensor<19xf32>
  %3 = arith.uitofp %m : tensor<19xi1> to tensor<19xf32>
  return %0, %1, %2, %3 : tensor<19xf64>, tensor<19xf32>, tensor<19xi32>, tensor<19xf32>
}
// CHECK: @functions device 0: error {{.*}} ok
func.func private @functions(%x: tensor<37xf32>) -> (tensor<37xf32>, tensor<37xf32>, tensor<37xf32>, tensor<37xf32>, tensor<37xf32>, tensor<37xf32>, tensor<37xf32>) attributes {llcc.kernel = "map"} {
  %a = math.absf %x : tensor<37xf32>
  %0 = math.sin %x : tensor<37xf32>
  %1 = math.cos %x : tensor<37xf32>
  %2 = math.powf %a, %x : tensor<37xf32>
  %3 = math.rsqrt %a : tensor<37xf32>
  %4 = math.floor %x : tensor<37xf32>
  %5 = math.roundeven %x : tensor<37xf32>
  %6 = math.atan %x : tensor<37xf32>
  return %0, %1, %2, %3, %4, %5, %6 : tensor<37xf32>, tensor<37xf32>, tensor<37xf32>, tensor<37xf32>, tensor<37xf32>, tensor<37xf32>, tensor<37xf32>
}
// CHECK: @functions_f64 device 0: error {{.*}} ok
func.func private @functions_f64(%x: tensor<37xf64>) -> (tensor<37xf64>, tensor<37xf64>, tensor<37xf64>, tensor<37xf64>, tensor<37xf64>) attributes {llcc.kernel = "map"} {
  %a = math.absf %x : tensor<37xf64>
  %0 = math.expm1 %x : tensor<37xf64>
  %1 = math.log1p %a : tensor<37xf64>
  %2 = math.tanh %x : tensor<37xf64>
  %3 = math.erf %x : tensor<37xf64>
  %4 = math.log %a : tensor<37xf64>
  return %0, %1, %2, %3, %4 : tensor<37xf64>, tensor<37xf64>, tensor<37xf64>, tensor<37xf64>, tensor<37xf64>
}
