// bf16: arithmetic at its own precision, functions in f32. No library is called for conversions, on any level.
// RUN: llcc-kernel-test --tolerance=2e-2 %s | FileCheck %s
// RUN: llcc-kernel-test --tolerance=2e-2 --target=cpu:x86-64-v2 --seed=2 %s | FileCheck %s
// RUN: llcc-kernel-test --gpu --tolerance=2e-2 --seed=3 %s | FileCheck %s

// CHECK: @casts device 0: error {{.*}} ok
func.func private @casts(%x: tensor<37xbf16>, %y: tensor<37xf32>) -> (tensor<37xf32>, tensor<37xbf16>) attributes {llcc.kernel = "map"} {
  %0 = arith.extf %x : tensor<37xbf16> to tensor<37xf32>
  %1 = arith.truncf %y : tensor<37xf32> to tensor<37xbf16>
  return %0, %1 : tensor<37xf32>, tensor<37xbf16>
}
// What only touches the sign must not become a library call either.
// CHECK: @signs device 0: error {{.*}} ok
func.func private @signs(%x: tensor<37xbf16>) -> (tensor<37xbf16>, tensor<37xbf16>) attributes {llcc.kernel = "map"} {
  %0 = arith.extf %x : tensor<37xbf16> to tensor<37xf32>
  %1 = arith.negf %0 : tensor<37xf32>
  %2 = math.absf %0 : tensor<37xf32>
  %3 = arith.truncf %1 : tensor<37xf32> to tensor<37xbf16>
  %4 = arith.truncf %2 : tensor<37xf32> to tensor<37xbf16>
  return %3, %4 : tensor<37xbf16>, tensor<37xbf16>
}
// CHECK: @functions device 0: error {{.*}} ok
func.func private @functions(%x: tensor<37xbf16>) -> (tensor<37xbf16>, tensor<37xbf16>) attributes {llcc.kernel = "map"} {
  %0 = math.exp %x : tensor<37xbf16>
  %1 = math.sin %x : tensor<37xbf16>
  return %0, %1 : tensor<37xbf16>, tensor<37xbf16>
}
// CHECK: @arithmetic device 0: error {{.*}} ok
func.func private @arithmetic(%x: tensor<5x16xbf16>, %y: tensor<5x16xbf16>) -> (tensor<5x16xbf16>, tensor<5xbf16>) attributes {llcc.kernel = "row", llcc.rows = 1 : i64} {
  %0 = arith.mulf %x, %y : tensor<5x16xbf16>
  %1 = arith.addf %0, %y : tensor<5x16xbf16>
  %2 = llcc.reduce <max> %1 dims [1] : tensor<5x16xbf16> -> tensor<5xbf16>
  return %1, %2 : tensor<5x16xbf16>, tensor<5xbf16>
}
// Sums of bf16 are kept in f32: 600 ones and more do not get stuck at 256.
// CHECK: @long_sums device 0: error {{.*}} ok
func.func private @long_sums(%x: tensor<600x3xbf16>) -> tensor<3xbf16> attributes {llcc.kernel = "fold"} {
  %one = arith.constant dense<1.0> : tensor<600x3xbf16>
  %z = arith.constant dense<0.0> : tensor<600x3xbf16>
  %a = arith.mulf %x, %z : tensor<600x3xbf16>
  %b = arith.addf %a, %one : tensor<600x3xbf16>
  %0 = llcc.reduce <sum> %b dims [0] : tensor<600x3xbf16> -> tensor<3xbf16>
  return %0 : tensor<3xbf16>
}
// CHECK: @long_row device 0: error {{.*}} ok
func.func private @long_row(%y: tensor<3x600xbf16>) -> tensor<3xbf16> attributes {llcc.kernel = "row", llcc.rows = 1 : i64} {
  %one = arith.constant dense<1.0> : tensor<3x600xbf16>
  %z = arith.constant dense<0.0> : tensor<3x600xbf16>
  %a = arith.mulf %y, %z : tensor<3x600xbf16>
  %b = arith.addf %a, %one : tensor<3x600xbf16>
  %0 = llcc.reduce <sum> %b dims [1] : tensor<3x600xbf16> -> tensor<3xbf16>
  return %0 : tensor<3xbf16>
}
