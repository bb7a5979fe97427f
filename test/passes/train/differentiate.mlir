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

// -----

// The cotangent that a class loss sends to log_softmax is w at the label and else 0: its sum is w, no reduction is made.
// CHECK-LABEL: func.func @gradients
// CHECK-SAME: %[[LABEL:.*]]: tensor<2xi64> {llcc.label = "label"}
// CHECK: %[[LOGP:.*]] = llcc.log_softmax
// CHECK: %[[HIT:.*]] = arith.cmpi eq
// CHECK: llcc.reduce <sum>
// CHECK: %[[DY:.*]] = arith.select %[[HIT]], %[[W:.*]], %{{.*}} : tensor<2x3xi1>, tensor<2x3xf32>
// CHECK-NOT: llcc.reduce
// CHECK: %[[CLASSES:.*]] = arith.constant dense<3> : tensor<2xi64>
// CHECK: %[[VALID:.*]] = arith.cmpi ult, %[[LABEL]], %[[CLASSES]]
// CHECK: %[[ROW:.*]] = arith.select %[[VALID]]
// CHECK: %[[SUM:.*]] = llcc.broadcast %[[ROW]] dims [0]
// CHECK: %[[P:.*]] = math.exp %[[LOGP]]
// CHECK: %[[PS:.*]] = arith.mulf %[[P]], %[[SUM]]
// CHECK: %[[DX:.*]] = arith.subf %[[DY]], %[[PS]]
// CHECK: return %{{.*}}, %[[DX]]
func.func @gradients(%label: tensor<2xi64> {llcc.label = "label"}, %w: tensor<2x3xf32> {llcc.param = "w", llcc.trainable}) -> (tensor<f32> {llcc.loss}) {
  %logp = llcc.log_softmax %w axis 1 : tensor<2x3xf32>
  %class = llcc.iota dim 1 : tensor<2x3xi64>
  %wanted = llcc.broadcast %label dims [0] : tensor<2xi64> -> tensor<2x3xi64>
  %hit = arith.cmpi eq, %class, %wanted : tensor<2x3xi64>
  %zero = arith.constant dense<0.0> : tensor<2x3xf32>
  %picked = arith.select %hit, %logp, %zero : tensor<2x3xi1>, tensor<2x3xf32>
  %loss = llcc.reduce <sum> %picked dims [0, 1] : tensor<2x3xf32> -> tensor<f32>
  return %loss : tensor<f32>
}

// -----

// What is tracked is returned beside the gradients: two values a microbatch, three microbatches, so that the last value counts 1-m and the
// first (1-m)*m^5, and the update keeps m^6 of the old one. m = 1/2.
module attributes {llcc.microbatches = 3 : i64} {
// CHECK-LABEL: func.func @gradients
// CHECK-SAME: %[[R:.*]]: tensor<2xf32> {llcc.decay = 1.562500e-02 : f64, llcc.param = "r"}, %[[K:.*]]: tensor<i64> {llcc.scalar = "microbatch"})
// CHECK-SAME: -> (tensor<f32> {llcc.loss}, tensor<2xf32> {llcc.gradient = "w"}, tensor<2xf32> {llcc.gradient = "r"})
// CHECK: %[[QUARTER:.*]] = arith.constant dense<2.500000e-01>
// CHECK: %[[FIRST:.*]] = arith.mulf %{{.*}}, %[[QUARTER]]
// CHECK: %[[HALF:.*]] = arith.constant dense<5.000000e-01>
// CHECK: %[[SECOND:.*]] = arith.mulf %{{.*}}, %[[HALF]]
// CHECK: %[[SUM:.*]] = arith.addf %[[FIRST]], %[[SECOND]]
// CHECK: %[[LEFT:.*]] = arith.subi %{{.*}}, %[[K]]
// CHECK: math.powf
// CHECK: %[[SHARE:.*]] = arith.mulf %[[SUM]]
// CHECK: return %{{.*}}, %{{.*}}, %[[SHARE]]
func.func @gradients(%w: tensor<2xf32> {llcc.param = "w", llcc.trainable}, %r: tensor<2xf32> {llcc.param = "r"}) -> (tensor<f32> {llcc.loss}) {
  %e = math.exp %w : tensor<2xf32>
  %a = llcc.track %w, %r by %e momentum 0.5 : tensor<2xf32>, tensor<2xf32>, tensor<2xf32> -> tensor<2xf32>
  %b = llcc.track %a, %r by %w momentum 0.5 : tensor<2xf32>, tensor<2xf32>, tensor<2xf32> -> tensor<2xf32>
  %loss = llcc.reduce <sum> %b dims [0] : tensor<2xf32> -> tensor<f32>
  return %loss : tensor<f32>
}
}
