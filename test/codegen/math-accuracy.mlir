// Errors of f32 functions in units of the last place, over all bit patterns (every 2^14-th or so, at random in between):
// denormals, infinities and NaN included. On a target without FMA as well.
// RUN: llcc-kernel-test --all-bits --ulps=4 %s | FileCheck %s
// RUN: llcc-kernel-test --all-bits --ulps=4 --target=cpu:x86-64-v2 %s | FileCheck %s

// CHECK: @f32_exp device 0: error {{.*}} ulp ok
func.func private @f32_exp(%x: tensor<262144xf32>) -> tensor<262144xf32> attributes {llcc.kernel = "map"} {
  %0 = math.exp %x : tensor<262144xf32>
  return %0 : tensor<262144xf32>
}
// CHECK: @f32_expm1 device 0: error {{.*}} ulp ok
func.func private @f32_expm1(%x: tensor<262144xf32>) -> tensor<262144xf32> attributes {llcc.kernel = "map"} {
  %0 = math.expm1 %x : tensor<262144xf32>
  return %0 : tensor<262144xf32>
}
// CHECK: @f32_log device 0: error {{.*}} ulp ok
func.func private @f32_log(%x: tensor<262144xf32>) -> tensor<262144xf32> attributes {llcc.kernel = "map"} {
  %0 = math.log %x : tensor<262144xf32>
  return %0 : tensor<262144xf32>
}
// CHECK: @f32_log1p device 0: error {{.*}} ulp ok
func.func private @f32_log1p(%x: tensor<262144xf32>) -> tensor<262144xf32> attributes {llcc.kernel = "map"} {
  %0 = math.log1p %x : tensor<262144xf32>
  return %0 : tensor<262144xf32>
}
// CHECK: @f32_tanh device 0: error {{.*}} ulp ok
func.func private @f32_tanh(%x: tensor<262144xf32>) -> tensor<262144xf32> attributes {llcc.kernel = "map"} {
  %0 = math.tanh %x : tensor<262144xf32>
  return %0 : tensor<262144xf32>
}
// CHECK: @f32_erf device 0: error {{.*}} ulp ok
func.func private @f32_erf(%x: tensor<262144xf32>) -> tensor<262144xf32> attributes {llcc.kernel = "map"} {
  %0 = math.erf %x : tensor<262144xf32>
  return %0 : tensor<262144xf32>
}
// CHECK: @f32_sqrt device 0: error {{.*}} ulp ok
func.func private @f32_sqrt(%x: tensor<262144xf32>) -> tensor<262144xf32> attributes {llcc.kernel = "map"} {
  %0 = math.sqrt %x : tensor<262144xf32>
  return %0 : tensor<262144xf32>
}
