// Expert parallelism: which weights are stacks of experts, what stays with the tokens, and which way is cheaper at both ends.
// RUN: llcc-opt %s --split-input-file --mlir-print-debuginfo --llcc-seed-sharding=explain=true --verify-diagnostics | FileCheck %s

// Dense: every expert computes every token. The weights and the bias are cut along their number, the router is not, the batch is cut over both axes
// and goes first. The gates' broadcast runs along the experts, so that the gates move before it.
// CHECK-LABEL: @gradients
// CHECK-SAME: llcc.input = "x", llcc.priority = 9223372036854775806 : i64, llcc.sharding = #llcc.sharding<{{\[\[}}"data", "expert"], [], []]>
// CHECK-SAME: {llcc.param = "router", llcc.trainable}
// CHECK-SAME: {llcc.param = "up", llcc.sharding = #llcc.sharding<{{\[\[}}"expert"], [], []], invariant = ["data"]>, llcc.trainable}
// CHECK-SAME: {llcc.param = "bias", llcc.sharding = #llcc.sharding<{{\[\[}}"expert"], []], invariant = ["data"]>, llcc.trainable}
// CHECK-SAME: {llcc.param = "down", llcc.sharding = #llcc.sharding<{{\[\[}}"expert"], [], []], invariant = ["data"]>, llcc.trainable}
// CHECK-NOT: llcc.along
// CHECK: llcc.dot %{{.*}} {llcc.along = {expert = 3 : i64}, llcc.seed = #llcc.sharding<{{\[\[}}], [], ["expert"], []]
// CHECK: llcc.broadcast %{{.*}} dims [2, 3] {llcc.along = {expert = 2 : i64}, llcc.seed
// CHECK: llcc.broadcast %{{.*}} dims [0, 1, 2] {llcc.along = {expert = 2 : i64}, llcc.seed
// CHECK: llcc.reduce <sum> %{{.*}} dims [2] {llcc.along = {expert = 2 : i64}} :
module attributes {llcc.mesh = #llcc.mesh<["data", "expert"], [2, 3]>} {
  func.func @gradients(%x: tensor<12x6x8xf32> {llcc.input = "x", llcc.batched}, %router: tensor<8x4xf32> {llcc.param = "router", llcc.trainable},
                       %up: tensor<4x8x12xf32> {llcc.param = "up", llcc.trainable}, %bias: tensor<4x12xf32> {llcc.param = "bias", llcc.trainable},
                       %down: tensor<4x12x8xf32> {llcc.param = "down", llcc.trainable}) {
    %s = llcc.dot %x, %router batch [] x [] contract [2] x [0] : tensor<12x6x8xf32>, tensor<8x4xf32> -> tensor<12x6x4xf32>
    %g = math.tanh %s : tensor<12x6x4xf32>
    // expected-remark @unknown {{node "up" (llcc.dot): experts of "up": 4 over expert=3 (2, 2, 0 a member); each of them computes every token, so tokens come by all-gather, a member gets 1.50 KiB; an all-to-all would send them once for each expert, 2.00 KiB}}
    %h = llcc.dot %x, %up batch [] x [] contract [2] x [1] : tensor<12x6x8xf32>, tensor<4x8x12xf32> -> tensor<12x6x4x12xf32> loc("up")
    %b = llcc.broadcast %bias dims [2, 3] : tensor<4x12xf32> -> tensor<12x6x4x12xf32>
    %a = arith.addf %h, %b : tensor<12x6x4x12xf32>
    %e = llcc.dot %a, %down batch [2] x [0] contract [3] x [1] : tensor<12x6x4x12xf32>, tensor<4x12x8xf32> -> tensor<4x12x6x8xf32>
    %t = llcc.transpose %e perm [1, 2, 0, 3] : tensor<4x12x6x8xf32> -> tensor<12x6x4x8xf32>
    %w = llcc.broadcast %g dims [0, 1, 2] : tensor<12x6x4xf32> -> tensor<12x6x4x8xf32>
    %m = arith.mulf %t, %w : tensor<12x6x4x8xf32>
    // expected-remark @unknown {{node "mix" (llcc.reduce): what the experts computed is summed by reduce-scatter, a member sends 1.50 KiB; otherwise, where it goes back by all-to-all before, it would be 2.00 KiB}}
    %y = llcc.reduce <sum> %m dims [2] : tensor<12x6x4x8xf32> -> tensor<12x6x8xf32> loc("mix")
    return
  }
}

// -----

// Dispatched: tokens come to places of their expert, [batch, experts, capacity, width]; what sends them is none of the experts' business.
// CHECK-LABEL: @gradients
// CHECK-NOT: llcc.along
// CHECK: llcc.dot %{{.*}} batch [1] x [0] {{.*}}{llcc.along = {expert = 0 : i64}, llcc.seed
// CHECK: llcc.dot %{{.*}} batch [0] x [0] contract [2, 3] x [2, 3] {llcc.along = {expert = 0 : i64}} :
module attributes {llcc.mesh = #llcc.mesh<["expert"], [2]>} {
  func.func @gradients(%x: tensor<8x16x8xf32> {llcc.input = "x", llcc.batched}, %s: tensor<8x16x4x2xf32> {llcc.input = "sent", llcc.batched},
                       %up: tensor<4x8x12xf32> {llcc.param = "up", llcc.trainable}, %down: tensor<4x12x8xf32> {llcc.param = "down", llcc.trainable}) {
    %d = llcc.dot %x, %s batch [0] x [0] contract [1] x [1] : tensor<8x16x8xf32>, tensor<8x16x4x2xf32> -> tensor<8x8x4x2xf32>
    %p = llcc.transpose %d perm [0, 2, 3, 1] : tensor<8x8x4x2xf32> -> tensor<8x4x2x8xf32>
    // expected-remark @unknown {{node "up" (llcc.dot): experts of "up": 4 over expert=2 (2, 2 a member); the model dispatches tokens to them, which go there by all-to-all, a member sends 512 B; an all-gather would take 1.00 KiB}}
    %h = llcc.dot %p, %up batch [1] x [0] contract [3] x [1] : tensor<8x4x2x8xf32>, tensor<4x8x12xf32> -> tensor<4x8x2x12xf32> loc("up")
    %a = math.tanh %h : tensor<4x8x2x12xf32>
    %e = llcc.dot %a, %down batch [0] x [0] contract [3] x [1] : tensor<4x8x2x12xf32>, tensor<4x12x8xf32> -> tensor<4x8x2x8xf32>
    %t = llcc.transpose %e perm [1, 3, 0, 2] : tensor<4x8x2x8xf32> -> tensor<8x8x4x2xf32>
    // expected-remark @unknown {{node "mix" (llcc.dot): what the experts computed goes back by all-to-all before, a member sends 512 B; otherwise, where it is summed by reduce-scatter, it would be 3.00 KiB}}
    %y = llcc.dot %t, %s batch [0] x [0] contract [2, 3] x [2, 3] : tensor<8x8x4x2xf32>, tensor<8x16x4x2xf32> -> tensor<8x8x16xf32> loc("mix")
    return
  }
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["expert"], [2]>} {
  // expected-error @below {{mesh axis 'expert' finds no stack of experts to cut over 2 devices: no trainable weight has a block for each slice of an activation (a batch dimension of a contraction); use --strategy=data or tensor}}
  func.func @gradients(%x: tensor<8x6xf32> {llcc.input = "x", llcc.batched}, %w: tensor<6x3xf32> {llcc.param = "w", llcc.trainable}) {
    %y = llcc.dot %x, %w batch [] x [] contract [1] x [0] : tensor<8x6xf32>, tensor<6x3xf32> -> tensor<8x3xf32>
    return
  }
}
