// f16: arithmetic at its own precision, functions in f32; levels without conversions in hardware make them of integers.
// RUN: llcc-kernel-test --tolerance=2e-3 --target=cpu:x86-64-v3 %s | FileCheck %s
// RUN: llcc-kernel-test --tolerance=2e-3 --target=cpu:x86-64-v2 %s | FileCheck %s
// RUN: llcc-kernel-test --gpu --tolerance=2e-3 %s | FileCheck %s

// CHECK: @halves device 0: error {{.*}} ok
func.func private @halves(%x: tensor<37xf16>) -> (tensor<37xf16>, tensor<37xf32>) attributes {llcc.kernel = "map"} {
  %0 = math.tanh %x : tensor<37xf16>
  %1 = arith.extf %x : tensor<37xf16> to tensor<37xf32>
  return %0, %1 : tensor<37xf16>, tensor<37xf32>
}

// CHECK: @signs device 0: error {{.*}} ok
func.func private @signs(%x: tensor<37xf16>, %c: tensor<37xi1>) -> (tensor<37xf16>, tensor<37xf16>) attributes {llcc.kernel = "map"} {
  %k = arith.constant dense<[[1.5, 2.5, -3.5, 6.0e-8]]> : tensor<1x4xf16>
  %s = llcc.slice %k starts [0, 2] strides [1, 1] : tensor<1x4xf16> -> tensor<1x1xf16>
  %r = llcc.reshape %s : tensor<1x1xf16> -> tensor<1xf16>
  %b = llcc.broadcast %r dims [0] : tensor<1xf16> -> tensor<37xf16>
  %0 = arith.negf %x : tensor<37xf16>
  %1 = arith.select %c, %b, %x : tensor<37xi1>, tensor<37xf16>
  return %0, %1 : tensor<37xf16>, tensor<37xf16>
}
