// f16: arithmetic at its own precision, functions in f32; levels without conversions in hardware refuse it.
// RUN: llcc-kernel-test --tolerance=2e-3 --target=cpu:x86-64-v3 %s | FileCheck %s
// RUN: not llcc-kernel-test --target=cpu:x86-64-v2 %s 2>&1 | FileCheck %s --check-prefix=LEVEL
// LEVEL: error: f16 needs x86-64-v3, the target is cpu:x86-64-v2; use bf16 or a higher --target

// CHECK: @halves device 0: error {{.*}} ok
func.func private @halves(%x: tensor<37xf16>) -> (tensor<37xf16>, tensor<37xf32>) attributes {llcc.kernel = "map"} {
  %0 = math.tanh %x : tensor<37xf16>
  %1 = arith.extf %x : tensor<37xf16> to tensor<37xf32>
  return %0, %1 : tensor<37xf16>, tensor<37xf32>
}
