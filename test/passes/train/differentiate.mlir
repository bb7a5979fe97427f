// RUN: llcc-opt --llcc-differentiate --split-input-file %s | FileCheck %s
// RUN: llcc-opt --llcc-differentiate --split-input-file --mlir-print-debuginfo --mlir-print-local-scope %s | FileCheck %s --check-prefix=LOC

// Gradients of matrix products come out in the parameter's layout, and nothing is computed for the input.
// CHECK-LABEL: func.func @gradients
// CHECK-SAME: (%[[X:.*]]: tensor<4x3xf32> {{.*}}, %[[W:.*]]: tensor<5x3xf32> {{.*}}, %[[V:.*]]: tensor<5x2xf32>
// CHECK-SAME: -> (tensor<f32> {llcc.loss}, tensor<5x3xf32> {llcc.gradient = "w"}, tensor<5x2xf32> {llcc.gradient = "v"})
// CHECK: %[[H:.*]] = llcc.dot %[[X]], %[[W]]
// CHECK: %[[Y:.*]] = llcc.dot %[[H]], %[[V]]
// CHECK: %[[LOSS:.*]] = llcc.reduce <sum> %[[Y]]
// CHECK: %[[DY:.*]] = arith.constant dense<1.000000e+00> : tensor<4x2xf32>
// CHECK: %[[DH:.*]] = llcc.dot %[[DY]], %[[V]] batch [] x [] contract [1] x [1] : {{.*}} -> tensor<4x5xf32>
// CHECK: %[[DV:.*]] = llcc.dot %[[H]], %[[DY]] batch [] x [] contract [0] x [0] : {{.*}} -> tensor<5x2xf32>
// CHECK: %[[DW:.*]] = llcc.dot %[[DH]], %[[X]] batch [] x [] contract [0] x [0] : {{.*}} -> tensor<5x3xf32>
// CHECK-NOT: llcc.dot
// CHECK-NOT: llcc.transpose
// CHECK: return %[[LOSS]], %[[DW]], %[[DV]]
// LOC: llcc.dot {{.*}} loc("fc1")
// LOC: llcc.dot {{.*}} loc("fc2")
// LOC: llcc.dot {{.*}} loc("grad"("fc2"))
// LOC: llcc.dot {{.*}} loc("grad"("fc2"))
// LOC: llcc.dot {{.*}} loc("grad"("fc1"))
func.func @gradients(%x: tensor<4x3xf32> {llcc.input = "x"}, %w: tensor<5x3xf32> {llcc.param = "w", llcc.trainable}, %v: tensor<5x2xf32> {llcc.param = "v", llcc.trainable}) -> (tensor<f32> {llcc.loss}) {
  %h = llcc.dot %x, %w batch [] x [] contract [1] x [1] : tensor<4x3xf32>, tensor<5x3xf32> -> tensor<4x5xf32> loc("fc1")
  %y = llcc.dot %h, %v batch [] x [] contract [1] x [0] : tensor<4x5xf32>, tensor<5x2xf32> -> tensor<4x2xf32> loc("fc2")
  %loss = llcc.reduce <sum> %y dims [0, 1] : tensor<4x2xf32> -> tensor<f32> loc("loss")
  return %loss : tensor<f32>
}

// -----

// A parameter that is used twice gets the sum. A frozen one gets nothing.
// CHECK-LABEL: func.func @gradients
// CHECK-SAME: (%[[W:.*]]: tensor<f32> {{.*}}, %[[F:.*]]: tensor<f32> {llcc.param = "f"}) -> (tensor<f32> {llcc.loss}, tensor<f32> {llcc.gradient = "w"})
// CHECK: %[[P:.*]] = arith.mulf %[[W]], %[[F]]
// CHECK: %[[E:.*]] = math.exp %[[W]]
// CHECK: %[[LOSS:.*]] = arith.addf %[[P]], %[[E]]
// CHECK: %[[SUM:.*]] = arith.addf %[[E]], %[[F]]
// CHECK-NEXT: return %[[LOSS]], %[[SUM]]
func.func @gradients(%w: tensor<f32> {llcc.param = "w", llcc.trainable}, %f: tensor<f32> {llcc.param = "f"}) -> (tensor<f32> {llcc.loss}) {
  %p = arith.mulf %w, %f : tensor<f32>
  %e = math.exp %w : tensor<f32>
  %loss = arith.addf %p, %e : tensor<f32>
  return %loss : tensor<f32>
}

// -----

// Ops without a rule are no obstacle where no gradient passes.
// CHECK-LABEL: func.func @gradients
// CHECK: %[[N:.*]] = arith.fptosi
// CHECK: %[[F:.*]] = arith.sitofp %[[N]]
// CHECK: %[[LOSS:.*]] = arith.mulf
// CHECK-NEXT: return %[[LOSS]], %[[F]]
func.func @gradients(%x: tensor<f32> {llcc.input = "x"}, %w: tensor<f32> {llcc.param = "w", llcc.trainable}) -> (tensor<f32> {llcc.loss}) {
  %n = arith.fptosi %x : tensor<f32> to tensor<i32>
  %f = arith.sitofp %n : tensor<i32> to tensor<f32>
  %loss = arith.mulf %w, %f : tensor<f32>
  return %loss : tensor<f32>
}
