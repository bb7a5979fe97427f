// RUN: llcc-opt --mlir-print-debuginfo --mlir-print-local-scope --llcc-recompute --split-input-file %s | FileCheck %s
// RUN: llcc-opt --mlir-print-local-scope --llcc-recompute="mode=auto levels=1" --split-input-file %s | FileCheck %s --check-prefix=ONE
// RUN: not llcc-opt --llcc-recompute=mode=most %s 2>&1 | FileCheck %s --check-prefix=MODE
// MODE: error: unknown recompute mode "most", needs none, blocks or auto

// Two layers. What goes from one to the other (%b) is kept, what lies within (%a1, %r1) is computed again where the backward pass wants it first, from what is kept.
module attributes {llcc.blocks = {fc1 = 0 : i64, act1 = 0 : i64, out1 = 0 : i64, fc2 = 1 : i64, act2 = 1 : i64, out2 = 1 : i64}} {
  // CHECK-LABEL: func @step_stage0
  // CHECK-SAME: (%[[X:.*]]: tensor<4x8xf32>{{.*}}, %[[W:.*]]: tensor<8x8xf32>{{.*}}, %[[G:.*]]: tensor<4x8xf32>
  // CHECK: %[[A:.*]] = llcc.dot %[[X]], %[[W]] {{.*}} loc("fc1")
  // CHECK: %[[R:.*]] = math.tanh %[[A]] : {{.*}} loc("act1")
  // CHECK: %[[B:.*]] = llcc.dot %[[R]], %[[W]] {{.*}} loc("out1")
  // CHECK: llcc.dot %[[B]], %[[W]] {{.*}} loc("fc2")
  // CHECK: llcc.capture
  // CHECK: %[[C2:.*]] = llcc.dot %[[B]], %[[W]] {{.*}} {llcc.recomputed} : {{.*}} loc("grad"("fc2"))
  // CHECK: %[[S2:.*]] = math.tanh %[[C2]] {llcc.recomputed} : {{.*}} loc("grad"("act2"))
  // CHECK: %[[D:.*]] = arith.mulf %[[G]], %[[S2]] : {{.*}} loc("grad"("out2"))
  // CHECK: %[[E:.*]] = arith.mulf %[[D]], %[[B]] : {{.*}} loc("grad"("fc2"))
  // CHECK: %[[A2:.*]] = llcc.dot %[[X]], %[[W]] {{.*}} {llcc.recomputed} : {{.*}} loc("grad"("fc1"))
  // CHECK: %[[R2:.*]] = math.tanh %[[A2]] {llcc.recomputed} : {{.*}} loc("grad"("act1"))
  // CHECK: arith.mulf %[[E]], %[[R2]] : {{.*}} loc("grad"("out1"))

  // Of two values that save as much for as much work the earlier one goes first, as it is kept longer.
  // ONE-LABEL: func @step_stage0
  // ONE: %[[A:.*]] = llcc.dot
  // ONE: math.tanh %[[A]] :
  // ONE: %[[T:.*]] = math.tanh
  // ONE: arith.mulf {{.*}}, %[[T]]
  // ONE: %[[A2:.*]] = llcc.dot {{.*}} {llcc.recomputed}
  // ONE: %[[R:.*]] = math.tanh %[[A2]] {llcc.recomputed}
  // ONE: arith.mulf {{.*}}, %[[R]]
  // ONE-NOT: recomputed
  // ONE: return
  func.func @step_stage0(%x: tensor<4x8xf32> {llcc.input = "x"}, %w: tensor<8x8xf32> {llcc.param = "w"}, %g: tensor<4x8xf32> {llcc.input = "g"}) -> tensor<4x8xf32> {
    %a1 = llcc.dot %x, %w batch [] x [] contract [1] x [0] : tensor<4x8xf32>, tensor<8x8xf32> -> tensor<4x8xf32> loc("fc1")
    %r1 = math.tanh %a1 : tensor<4x8xf32> loc("act1")
    %b = llcc.dot %r1, %w batch [] x [] contract [1] x [0] : tensor<4x8xf32>, tensor<8x8xf32> -> tensor<4x8xf32> loc("out1")
    %c = llcc.dot %b, %w batch [] x [] contract [1] x [0] : tensor<4x8xf32>, tensor<8x8xf32> -> tensor<4x8xf32> loc("fc2")
    %s = math.tanh %c : tensor<4x8xf32> loc("act2")
    %o = llcc.dot %s, %w batch [] x [] contract [1] x [0] : tensor<4x8xf32>, tensor<8x8xf32> -> tensor<4x8xf32> loc("out2")
    llcc.capture "loss" "loss" %o : tensor<4x8xf32> loc("loss")
    %d = arith.mulf %g, %s : tensor<4x8xf32> loc("grad"("out2"))
    %e = arith.mulf %d, %b : tensor<4x8xf32> loc("grad"("fc2"))
    %f = arith.mulf %e, %r1 : tensor<4x8xf32> loc("grad"("out1"))
    return %f : tensor<4x8xf32>
  }
}

// -----

// Random bits are drawn again with the same numbers; what came by communication is kept.
module attributes {llcc.mesh = #llcc.mesh<["tensor"], [2]>, llcc.blocks = {fc = 0 : i64, drop = 0 : i64}} {
  // CHECK-LABEL: func @step_stage0
  // CHECK: %[[SUM:.*]] = llcc.all_reduce
  // CHECK: math.tanh %[[SUM]] {llcc.recomputed}
  // CHECK: llcc.random_bits %{{.*}} stream 3 key(%{{.*}}, %{{.*}}) {llcc.recomputed}
  // CHECK-NOT: llcc.all_reduce
  // CHECK: return
  func.func @step_stage0(%x: tensor<4x8xf32> {llcc.input = "x"}, %i: tensor<4x8xi64> {llcc.input = "i"}, %w: tensor<8x8xf32> {llcc.param = "w"}, %k: tensor<i64> {llcc.scalar = "step"}) -> tensor<4x8xf32> {
    %p = llcc.dot %x, %w batch [] x [] contract [1] x [0] : tensor<4x8xf32>, tensor<8x8xf32> -> tensor<4x8xf32> loc("fc")
    %a = llcc.all_reduce <sum> %p over ["tensor"] : tensor<4x8xf32> -> tensor<4x8xf32> loc("fc")
    %bits = llcc.random_bits %i stream 3 key (%k, %k) : (tensor<4x8xi64>, tensor<i64>, tensor<i64>) -> tensor<4x8xi32> loc("drop")
    %t = math.tanh %a : tensor<4x8xf32> loc("drop")
    %f = arith.uitofp %bits : tensor<4x8xi32> to tensor<4x8xf32> loc("drop")
    %y = arith.mulf %t, %f : tensor<4x8xf32> loc("drop")
    llcc.capture "loss" "loss" %y : tensor<4x8xf32> loc("loss")
    %d = arith.mulf %t, %f : tensor<4x8xf32> loc("grad"("drop"))
    return %d : tensor<4x8xf32>
  }
}
