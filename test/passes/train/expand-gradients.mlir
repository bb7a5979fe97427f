// ONNX's Gradient becomes the ops that compute it: of what depends on the names, at the values that are given.
// RUN: llcc-opt --llcc-expand-gradients --split-input-file --verify-diagnostics %s | FileCheck %s

// d(a*b + a)/da = b + 1, d/db = a.
// CHECK-LABEL: func.func @forward
// CHECK-SAME: (%[[A:.*]]: tensor<f32>, %[[B:.*]]: tensor<f32>)
// CHECK-NOT: unrealized_conversion_cast
// CHECK: arith.constant
// CHECK: %[[DA:.*]] = arith.addf
// CHECK: return %{{.*}}, %[[DA]], %[[A]]
func.func @forward(%a: tensor<f32>, %b: tensor<f32>) -> (tensor<f32>, tensor<f32>, tensor<f32>) {
  %p = arith.mulf %a, %b : tensor<f32>
  %y = arith.addf %p, %a : tensor<f32>
  %d:2 = builtin.unrealized_conversion_cast %y, %a, %b, %a, %b : tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32> to tensor<f32>, tensor<f32> {llcc.gradient}
  return %y, %d#0, %d#1 : tensor<f32>, tensor<f32>, tensor<f32>
}

// -----

// At another value the ops on the way are there twice; y itself stays.
// CHECK-LABEL: func.func @elsewhere
// CHECK-SAME: (%[[A:.*]]: tensor<f32>, %[[C:.*]]: tensor<f32>)
// CHECK: %[[Y:.*]] = math.exp %[[A]]
// CHECK: %[[AT:.*]] = math.exp %[[C]]
// CHECK: return %[[Y]], %[[AT]]
func.func @elsewhere(%a: tensor<f32>, %c: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
  %y = math.exp %a : tensor<f32>
  %d = builtin.unrealized_conversion_cast %y, %a, %c : tensor<f32>, tensor<f32>, tensor<f32> to tensor<f32> {llcc.gradient}
  return %y, %d : tensor<f32>, tensor<f32>
}

// -----

// What y does not depend on has gradient zero.
// CHECK-LABEL: func.func @apart
// CHECK: %[[ZERO:.*]] = arith.constant dense<0.000000e+00> : tensor<2xf32>
// CHECK: return %{{.*}}, %[[ZERO]]
func.func @apart(%a: tensor<f32>, %c: tensor<2xf32>) -> (tensor<f32>, tensor<2xf32>) {
  %y = math.exp %a : tensor<f32>
  %d = builtin.unrealized_conversion_cast %y, %c, %c : tensor<f32>, tensor<2xf32>, tensor<2xf32> to tensor<2xf32> {llcc.gradient}
  return %y, %d : tensor<f32>, tensor<2xf32>
}

// -----

// A gradient of a gradient: the inner one is expanded first, and then is ops like any others. d2(x*x)/dx2 = 2.
// CHECK-LABEL: func.func @twice
// CHECK-NOT: unrealized_conversion_cast
// CHECK: return
func.func @twice(%x: tensor<f32>) -> tensor<f32> {
  %y = arith.mulf %x, %x : tensor<f32>
  %d = builtin.unrealized_conversion_cast %y, %x, %x : tensor<f32>, tensor<f32>, tensor<f32> to tensor<f32> {llcc.gradient}
  %e = builtin.unrealized_conversion_cast %d, %x, %x : tensor<f32>, tensor<f32>, tensor<f32> to tensor<f32> {llcc.gradient}
  return %e : tensor<f32>
}

// -----

func.func @missing(%x: tensor<bf16>) -> tensor<bf16> {
  %h = arith.bitcast %x : tensor<bf16> to tensor<f16> loc("bits")
  %y = arith.extf %h : tensor<f16> to tensor<f32>
  // expected-error @below {{no gradient for 1 op between what is differentiated and its inputs: node "bits" (arith.bitcast)}}
  %d = builtin.unrealized_conversion_cast %y, %x, %x : tensor<f32>, tensor<bf16>, tensor<bf16> to tensor<bf16> {llcc.gradient}
  return %d : tensor<bf16>
}
