// RUN: llcc-opt --llcc-split-pipeline=schedule=1f1b --llcc-verify-shard --split-input-file %s | FileCheck %s
// RUN: llcc-opt --llcc-split-pipeline=schedule=zb-h1 --llcc-verify-shard --split-input-file %s | FileCheck %s --check-prefix=SPLIT
// RUN: sed 's/llcc.microbatches/llcc.deterministic, llcc.microbatches/; s/\[2, 2\]/[1, 2]/; s/\[2\]/[1]/' %s | llcc-opt --llcc-split-pipeline=schedule=1f1b --split-input-file | FileCheck %s --check-prefix=BITS

// A weight of the first and the last layer, three microbatches. The last stage sums its part and sends it once, when its last summand is there; the
// first sums its own and adds what comes.
module attributes {llcc.mesh = #llcc.mesh<["pipeline"], [2]>, llcc.microbatches = 3 : i64} {
// CHECK-LABEL: func.func @step_stage0
// CHECK-NEXT: llcc.send %{{.*}} to 1 tag 0 : tensor<4x5xf32>
// CHECK: %[[G0:.*]] = llcc.dot %{{.*}} -> tensor<4x5xf32>
// CHECK: %[[G1:.*]] = llcc.dot %{{.*}} -> tensor<4x5xf32>
// CHECK-NEXT: %[[TWO:.*]] = arith.addf %[[G0]], %[[G1]]
// CHECK: %[[THEIRS:.*]] = llcc.recv from 1 tag 7 : tensor<4x5xf32>
// CHECK-NEXT: %[[G2:.*]] = llcc.dot %{{.*}} -> tensor<4x5xf32>
// CHECK-NEXT: %[[MINE:.*]] = arith.addf %[[TWO]], %[[G2]]
// CHECK-NEXT: %[[ALL:.*]] = arith.addf %[[THEIRS]], %[[MINE]] : tensor<4x5xf32>
// CHECK-NEXT: arith.subf %{{.*}}, %[[ALL]]
// CHECK-LABEL: func.func @step_stage1
// CHECK: llcc.recv from 0 tag 0 : tensor<4x5xf32>
// CHECK: %[[H0:.*]] = llcc.dot %{{.*}} -> tensor<4x5xf32>
// CHECK: %[[H1:.*]] = llcc.dot %{{.*}} -> tensor<4x5xf32>
// CHECK: %[[TWO:.*]] = arith.addf %[[H0]], %[[H1]]
// CHECK: %[[H2:.*]] = llcc.dot %{{.*}} -> tensor<4x5xf32>
// CHECK: %[[SUM:.*]] = arith.addf %[[TWO]], %[[H2]]
// CHECK: llcc.send %[[SUM]] to 0 tag 7 : tensor<4x5xf32>
// CHECK-NOT: llcc.send {{.*}} tensor<4x5xf32>
// CHECK: return

// Where weight gradients run apart, the last stage's part is one of them: nobody waits for it within a microbatch.
// SPLIT-LABEL: func.func @step_stage1
// SPLIT-NOT: llcc.send {{.*}} tensor<4x5xf32>
// SPLIT: llcc.send %{{.*}} to 0 tag 6 : tensor<5x5xf32>
// SPLIT: llcc.dot %{{.*}} -> tensor<4x5xf32>
// SPLIT: llcc.send %{{.*}} to 0 tag 7 : tensor<4x5xf32>
// SPLIT: return

// For the same bits on any number of stages, one device sums the two parts apart as well.
// BITS-LABEL: func.func @step_stage0
// BITS: %[[A01:.*]] = arith.addf %{{.*}} : tensor<4x5xf32>
// BITS: %[[B01:.*]] = arith.addf %{{.*}} : tensor<4x5xf32>
// BITS: %[[A:.*]] = arith.addf %[[A01]], %{{.*}} : tensor<4x5xf32>
// BITS: %[[B:.*]] = arith.addf %[[B01]], %{{.*}} : tensor<4x5xf32>
// BITS: arith.addf %[[A]], %[[B]] : tensor<4x5xf32>
func.func @gradients(%x: tensor<5x4xf32> {llcc.input = "x"}, %w: tensor<4x5xf32> {llcc.param = "w", llcc.trainable})
    -> (tensor<f32> {llcc.loss}, tensor<4x5xf32> {llcc.gradient = "w"}) {
  %a = llcc.dot %x, %w batch [] x [] contract [1] x [0] : tensor<5x4xf32>, tensor<4x5xf32> -> tensor<5x5xf32> loc("embed")
  %b = llcc.dot %a, %w batch [] x [] contract [1] x [1] : tensor<5x5xf32>, tensor<4x5xf32> -> tensor<5x4xf32> loc("head")
  %l = llcc.reduce <sum> %b dims [0, 1] : tensor<5x4xf32> -> tensor<f32> loc("loss")
  %e = math.exp %b : tensor<5x4xf32> loc("grad"("loss"))
  %wh = llcc.dot %e, %a batch [] x [] contract [0] x [0] : tensor<5x4xf32>, tensor<5x5xf32> -> tensor<4x5xf32> loc("grad"("head"))
  %da = llcc.dot %e, %w batch [] x [] contract [1] x [0] : tensor<5x4xf32>, tensor<4x5xf32> -> tensor<5x5xf32> loc("grad"("head"))
  %we = llcc.dot %x, %da batch [] x [] contract [0] x [0] : tensor<5x4xf32>, tensor<5x5xf32> -> tensor<4x5xf32> loc("grad"("embed"))
  %g = arith.addf %wh, %we : tensor<4x5xf32> loc("grad"("embed"))
  return %l, %g : tensor<f32>, tensor<4x5xf32>
}
func.func @update(%w: tensor<4x5xf32> {llcc.param = "w", llcc.trainable}, %gw: tensor<4x5xf32> {llcc.gradient = "w"}) -> (tensor<4x5xf32> {llcc.param = "w"}) {
  %w1 = arith.subf %w, %gw : tensor<4x5xf32>
  return %w1 : tensor<4x5xf32>
}
}

// -----

// With ZeRO-2 each stage reduces its part to its block, so that it is blocks that are summed and sent; the other tensor of the bucket stays.
module attributes {llcc.mesh = #llcc.mesh<["pipeline", "data"], [2, 2]>, llcc.microbatches = 2 : i64} {
// CHECK-LABEL: func.func @step_stage0
// CHECK: llcc.reduce_scatter <sum> %{{.*}} dim 0 over ["data"] : tensor<4xf32> -> tensor<2xf32>
// CHECK: llcc.recv from 1 {{.*}} : tensor<2xf32>
// CHECK: llcc.reduce_scatter <sum> %{{.*}} dim 0 over ["data"] : tensor<4xf32> -> tensor<2xf32>
// CHECK: return
// CHECK-LABEL: func.func @step_stage1
// CHECK-COUNT-2: llcc.reduce_scatter <sum> %{{.*}} dim 0 over ["data"] : tensor<4xf32> -> tensor<2xf32>
// CHECK: llcc.send %{{.*}} to 0 {{.*}} : tensor<2xf32>
// CHECK: return
func.func @gradients(%x: tensor<4xf32> {llcc.input = "x"}, %w: tensor<4xf32> {llcc.param = "w", llcc.trainable})
    -> (tensor<f32> {llcc.loss}, tensor<2xf32> {llcc.gradient = "w"}) {
  %a = arith.mulf %x, %w : tensor<4xf32> loc("layer1")
  %c = arith.mulf %a, %w : tensor<4xf32> loc("layer2")
  %l = llcc.reduce <sum> %c dims [0] : tensor<4xf32> -> tensor<f32> loc("loss")
  %dw2 = math.exp %a : tensor<4xf32> loc("grad"("layer2"))
  %da = math.exp %w : tensor<4xf32> loc("grad"("layer2"))
  %dw1 = arith.mulf %x, %da : tensor<4xf32> loc("grad"("layer1"))
  %dw = arith.addf %dw2, %dw1 : tensor<4xf32> loc("grad"("layer1"))
  %r = llcc.reduce_scatter <sum> %dw dim 0 over ["data"] : tensor<4xf32> -> tensor<2xf32> loc("grad"("layer1"))
  return %l, %r : tensor<f32>, tensor<2xf32>
}
func.func @update(%w: tensor<4xf32> {llcc.param = "w", llcc.trainable}, %gw: tensor<2xf32> {llcc.gradient = "w"}) -> (tensor<4xf32> {llcc.param = "w"}) {
  %g = llcc.all_gather %gw dim 0 size 4 over ["data"] : tensor<2xf32> -> tensor<4xf32>
  %w1 = arith.subf %w, %g : tensor<4xf32>
  return %w1 : tensor<4xf32>
}
}
