// RUN: llcc-opt --llcc-split-pipeline=schedule=gpipe --llcc-verify-shard --split-input-file --verify-diagnostics %s | FileCheck %s
// RUN: llcc-opt --llcc-split-pipeline=schedule=1f1b --llcc-verify-shard --split-input-file --verify-diagnostics %s | FileCheck %s --check-prefix=F1B

// Two layers on two stages, two microbatches. `w` of layer 1 is updated on stage 0, `v` of layer 2 on stage 1.
module attributes {llcc.mesh = #llcc.mesh<["pipeline"], [2]>, llcc.microbatches = 2 : i64} {
// CHECK-LABEL: func.func @step_stage0
// CHECK-SAME: (%[[W:.*]]: tensor<4xf32> {llcc.param = "w", llcc.trainable}, %[[M:.*]]: tensor<4xf32> {llcc.state = "m:w"}, %[[X0:.*]]: tensor<4xf32> {llcc.input = "x", llcc.microbatch = 0 : i64}, %[[X1:.*]]: tensor<4xf32> {llcc.input = "x", llcc.microbatch = 1 : i64}, %[[LR:.*]]: tensor<f32> {llcc.scalar = "lr"})
// CHECK-SAME: -> (tensor<4xf32> {llcc.param = "w"}, tensor<4xf32> {llcc.state = "m:w"})
// CHECK-NEXT: %[[A0:.*]] = arith.mulf %[[X0]], %[[W]]
// CHECK-NEXT: llcc.send %[[A0]] to 1 tag 0
// CHECK-NEXT: %[[A1:.*]] = arith.mulf %[[X1]], %[[W]]
// CHECK-NEXT: llcc.send %[[A1]] to 1 tag 1
// The first gradient comes while this stage waits.
// CHECK-NEXT: %[[D0:.*]] = llcc.recv from 1 tag 2
// CHECK-NEXT: %[[G0:.*]] = arith.mulf %[[D0]], %[[X0]]
// CHECK-NEXT: %[[D1:.*]] = llcc.recv from 1 tag 3
// CHECK-NEXT: %[[G1:.*]] = arith.mulf %[[D1]], %[[X1]]
// CHECK-NEXT: %[[G:.*]] = arith.addf %[[G0]], %[[G1]]
// CHECK-NEXT: llcc.capture "gradient" "w" %[[G]]
// CHECK-NEXT: %[[M1:.*]] = arith.addf %[[M]], %[[G]]
// The bucket of the whole model, cut down to this stage.
// CHECK-NEXT: %[[SQ:.*]] = llcc.reduce <sum> %[[G]] dims [0]
// CHECK-NEXT: %[[ONE:.*]] = llcc.reshape %[[SQ]] : tensor<f32> -> tensor<1xf32>
// CHECK-NEXT: llcc.send %[[ONE]] to 1 tag 4 : tensor<1xf32>
// CHECK-NEXT: %[[THEIRS:.*]] = llcc.recv from 1 tag 5 : tensor<1xf32>
// CHECK-NEXT: %[[VSQ:.*]] = llcc.reshape %[[THEIRS]] : tensor<1xf32> -> tensor<f32>
// CHECK-NEXT: %[[NORM:.*]] = arith.addf %[[SQ]], %[[VSQ]]
// CHECK-NEXT: llcc.capture "grad_norm" "norm" %[[NORM]]
// CHECK-NEXT: %[[STEP:.*]] = arith.mulf %[[NORM]], %[[LR]]
// CHECK-NEXT: %[[STEPS:.*]] = llcc.broadcast %[[STEP]] dims [] : tensor<f32> -> tensor<4xf32>
// CHECK-NEXT: %[[W1:.*]] = arith.subf %[[W]], %[[STEPS]]
// CHECK-NEXT: return %[[W1]], %[[M1]]

// CHECK-LABEL: func.func @step_stage1
// CHECK-SAME: (%[[V:.*]]: tensor<4xf32> {llcc.param = "v", llcc.trainable}, %[[F:.*]]: tensor<4xf32> {llcc.param = "frozen"}, %[[Y0:.*]]: tensor<4xf32> {llcc.label = "y", llcc.microbatch = 0 : i64}, %[[Y1:.*]]: tensor<4xf32> {llcc.label = "y", llcc.microbatch = 1 : i64}, %{{.*}}: tensor<f32> {llcc.scalar = "lr"})
// CHECK-NEXT: %[[A0:.*]] = llcc.recv from 0 tag 0
// CHECK-NEXT: %[[B0:.*]] = arith.mulf %[[A0]], %[[V]]
// CHECK-NEXT: %[[F0:.*]] = arith.mulf %[[B0]], %[[F]]
// CHECK-NEXT: %[[E0:.*]] = arith.subf %[[F0]], %[[Y0]]
// CHECK-NEXT: %[[L0:.*]] = llcc.reduce <sum> %[[E0]]
// CHECK-NEXT: llcc.capture "loss" "loss" %[[L0]]
// CHECK-NEXT: %[[A1:.*]] = llcc.recv from 0 tag 1
// CHECK: llcc.capture "loss" "loss"
// CHECK-NEXT: %[[TWO:.*]] = arith.constant dense<2.0
// Constants are shared by the microbatches, values are not.
// CHECK-NEXT: %[[DV0:.*]] = arith.mulf %[[TWO]], %[[A0]]
// CHECK-NEXT: %[[DA0:.*]] = arith.mulf %[[TWO]], %[[V]]
// CHECK-NEXT: llcc.send %[[DA0]] to 0 tag 2
// CHECK-NEXT: %[[DV1:.*]] = arith.mulf %[[TWO]], %[[A1]]
// CHECK-NEXT: %[[GV:.*]] = arith.addf %[[DV0]], %[[DV1]]
// CHECK-NEXT: %[[DA1:.*]] = arith.mulf %[[TWO]], %[[V]]
// CHECK-NEXT: llcc.send %[[DA1]] to 0 tag 3
// CHECK: llcc.recv from 0 tag 4
// CHECK: %[[MINE:.*]] = llcc.reshape {{.*}} -> tensor<1xf32>
// CHECK: llcc.send %[[MINE]] to 0 tag 5
// CHECK-NOT: llcc.capture "grad_norm"
// CHECK: return
// CHECK-NOT: @gradients
// CHECK-NOT: @update

// 1F1B: the second stage goes back as soon as it can; it takes the second activation first, which stage 0 has sent in the same slot.
// F1B-LABEL: func.func @step_stage0
// F1B: llcc.send %{{.*}} to 1 tag 0
// F1B: llcc.send %{{.*}} to 1 tag 1
// F1B: llcc.recv from 1 tag 2
// F1B: llcc.recv from 1 tag 3
// F1B-LABEL: func.func @step_stage1
// F1B: llcc.recv from 0 tag 0
// F1B: llcc.capture "loss"
// F1B: llcc.recv from 0 tag 1
// F1B: llcc.send %{{.*}} to 0 tag 2
// F1B: llcc.capture "loss"
// F1B: llcc.send %{{.*}} to 0 tag 3
func.func @gradients(%x: tensor<4xf32> {llcc.input = "x"}, %y: tensor<4xf32> {llcc.label = "y"}, %w: tensor<4xf32> {llcc.param = "w", llcc.trainable}, %v: tensor<4xf32> {llcc.param = "v", llcc.trainable}, %f: tensor<4xf32> {llcc.param = "frozen"})
    -> (tensor<f32> {llcc.loss}, tensor<4xf32> {llcc.gradient = "w"}, tensor<4xf32> {llcc.gradient = "v"}) {
  %two = arith.constant dense<2.0> : tensor<4xf32>
  %a = arith.mulf %x, %w : tensor<4xf32> loc("layer1")
  %dead = math.exp %a : tensor<4xf32> loc("dead")
  %b0 = arith.mulf %a, %v : tensor<4xf32> loc("layer2")
  %b = arith.mulf %b0, %f : tensor<4xf32> loc("layer2")
  %e = arith.subf %b, %y : tensor<4xf32> loc("loss")
  %l = llcc.reduce <sum> %e dims [0] : tensor<4xf32> -> tensor<f32> loc("loss")
  %dv = arith.mulf %two, %a : tensor<4xf32> loc("grad"("layer2"))
  %da = arith.mulf %two, %v : tensor<4xf32> loc("grad"("layer2"))
  %dw = arith.mulf %da, %x : tensor<4xf32> loc("grad"("layer1"))
  return %l, %dw, %dv : tensor<f32>, tensor<4xf32>, tensor<4xf32>
}
func.func @update(%w: tensor<4xf32> {llcc.param = "w", llcc.trainable}, %v: tensor<4xf32> {llcc.param = "v", llcc.trainable}, %m: tensor<4xf32> {llcc.state = "m:w"}, %gw: tensor<4xf32> {llcc.gradient = "w"}, %gv: tensor<4xf32> {llcc.gradient = "v"}, %lr: tensor<f32> {llcc.scalar = "lr"}, %step: tensor<f64> {llcc.scalar = "step"})
    -> (tensor<4xf32> {llcc.param = "w"}, tensor<4xf32> {llcc.param = "v"}, tensor<4xf32> {llcc.state = "m:w"}) {
  llcc.capture "gradient" "w" %gw : tensor<4xf32>
  %m1 = arith.addf %m, %gw : tensor<4xf32>
  %sw = llcc.reduce <sum> %gw dims [0] : tensor<4xf32> -> tensor<f32>
  %sv = llcc.reduce <sum> %gv dims [0] : tensor<4xf32> -> tensor<f32>
  %norm = arith.addf %sw, %sv : tensor<f32>
  llcc.capture "grad_norm" "norm" %norm : tensor<f32>
  %s = arith.mulf %norm, %lr : tensor<f32>
  %sb = llcc.broadcast %s dims [] : tensor<f32> -> tensor<4xf32>
  %w1 = arith.subf %w, %sb : tensor<4xf32>
  %v1 = arith.subf %v, %sb : tensor<4xf32>
  return %w1, %v1, %m1 : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}
}

// -----

// A bucket is cut to what the stage has of it; a weight that two stages use is sent by the stage that updates it, its gradient's parts come back.
module attributes {llcc.mesh = #llcc.mesh<["pipeline", "data"], [2, 2]>} {
// CHECK-LABEL: func.func @step_stage0
// CHECK-SAME: (%[[W:.*]]: tensor<4xf32> {llcc.param = "w"
// CHECK-NEXT: llcc.send %[[W]] to 1 tag 0
// CHECK: llcc.send %{{.*}} to 1 tag 1
// CHECK: %[[FAR:.*]] = llcc.recv from 1 tag 2
// CHECK: %[[SUM:.*]] = arith.addf %{{.*}}, %[[FAR]]
// CHECK-NEXT: %[[ALL:.*]] = llcc.all_reduce <sum> %[[SUM]] over ["data"] : tensor<4xf32> -> tensor<4xf32>
// CHECK-NEXT: arith.subf %[[W]], %[[ALL]]
// CHECK-LABEL: func.func @step_stage1
// CHECK-SAME: (%[[V:.*]]: tensor<4xf32> {llcc.param = "v"
// CHECK-NEXT: %[[WHERE:.*]] = llcc.recv from 0 tag 0
// CHECK: arith.mulf %{{.*}}, %[[WHERE]]
// CHECK: llcc.all_reduce <sum> %{{.*}} over ["data"] : tensor<4xf32> -> tensor<4xf32>
func.func @gradients(%x: tensor<4xf32> {llcc.input = "x"}, %w: tensor<4xf32> {llcc.param = "w", llcc.trainable}, %v: tensor<4xf32> {llcc.param = "v", llcc.trainable})
    -> (tensor<f32> {llcc.loss}, tensor<4xf32> {llcc.gradient = "w"}, tensor<4xf32> {llcc.gradient = "v"}) {
  %x1 = math.exp %x : tensor<4xf32> loc("layer1")
  %a = arith.mulf %x1, %w : tensor<4xf32> loc("layer1")
  %b = arith.mulf %a, %v : tensor<4xf32> loc("layer2")
  %c = arith.mulf %b, %w : tensor<4xf32> loc("layer3")
  %l = llcc.reduce <sum> %c dims [0] : tensor<4xf32> -> tensor<f32> loc("loss")
  %dw3 = math.exp %b : tensor<4xf32> loc("grad"("layer3"))
  %dv = arith.mulf %dw3, %a : tensor<4xf32> loc("grad"("layer2"))
  %dw1 = math.exp %x : tensor<4xf32> loc("grad"("layer1"))
  %dw = arith.addf %dw1, %dw3 : tensor<4xf32> loc("grad"("layer1"))
  return %l, %dw, %dv : tensor<f32>, tensor<4xf32>, tensor<4xf32>
}
func.func @update(%w: tensor<4xf32> {llcc.param = "w", llcc.trainable}, %v: tensor<4xf32> {llcc.param = "v", llcc.trainable}, %gw: tensor<4xf32> {llcc.gradient = "w"}, %gv: tensor<4xf32> {llcc.gradient = "v"})
    -> (tensor<4xf32> {llcc.param = "w"}, tensor<4xf32> {llcc.param = "v"}) {
  %g:2 = llcc.all_reduce <sum> %gw, %gv over ["data"] : tensor<4xf32>, tensor<4xf32> -> tensor<4xf32>, tensor<4xf32>
  %w1 = arith.subf %w, %g#0 : tensor<4xf32>
  %v1 = arith.subf %v, %g#1 : tensor<4xf32>
  return %w1, %v1 : tensor<4xf32>, tensor<4xf32>
}
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["pipeline"], [3]>} {
// expected-error@+1 {{the model has 2 nodes that can be cut, a pipeline of 3 stages needs at least 3; use fewer stages or --chunks}}
func.func @gradients(%x: tensor<4xf32> {llcc.input = "x"}) -> (tensor<4xf32> {llcc.loss}) {
  %a = math.exp %x : tensor<4xf32> loc("one")
  %b = math.exp %a : tensor<4xf32> loc("two")
  %c = math.exp %b : tensor<4xf32> loc("loss")
  return %c : tensor<4xf32>
}
func.func @update() {
  return
}
}

// -----

// expected-error@+1 {{module has only one of @gradients and @update, a step needs both}}
module attributes {llcc.mesh = #llcc.mesh<["data"], [1]>} {
func.func @update() {
  return
}
}

// -----

// expected-error@+1 {{module has @gradients but no mesh, needs the attribute llcc.mesh}}
module {
func.func @gradients() {
  return
}
func.func @update() {
  return
}
}

// -----

// expected-error@+1 {{llcc.microbatches is 0, needs at least 1}}
module attributes {llcc.mesh = #llcc.mesh<["data"], [1]>, llcc.microbatches = 0 : i64} {
func.func @gradients() {
  return
}
func.func @update() {
  return
}
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["data"], [1]>} {
func.func @gradients() {
  return
}
// expected-error@+1 {{argument 0 belongs to no parameter of @gradients; it needs llcc.param, llcc.gradient, llcc.state (kind:parameter) or llcc.scalar}}
func.func @update(%s: tensor<4xf32> {llcc.state = "m:w"}) {
  return
}
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["data"], [1]>} {
func.func @gradients(%w: tensor<4xf32> {llcc.param = "w", llcc.trainable}) {
  return
}
// expected-error@+1 {{needs the gradient of "w", which @gradients does not give}}
func.func @update(%w: tensor<4xf32> {llcc.param = "w", llcc.trainable}, %g: tensor<4xf32> {llcc.gradient = "w"}) -> (tensor<4xf32> {llcc.param = "w"}) {
  %n = arith.subf %w, %g : tensor<4xf32>
  return %n : tensor<4xf32>
}
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["data"], [1]>} {
func.func @gradients(%w: tensor<4xf32> {llcc.param = "w", llcc.trainable}) -> (tensor<2xf32> {llcc.gradient = "w"}) {
  %g = llcc.slice %w starts [0] strides [1] : tensor<4xf32> -> tensor<2xf32>
  return %g : tensor<2xf32>
}
// expected-error@+1 {{takes the gradient of "w" as 'tensor<4xf32>', @gradients gives 'tensor<2xf32>'}}
func.func @update(%w: tensor<4xf32> {llcc.param = "w", llcc.trainable}, %g: tensor<4xf32> {llcc.gradient = "w"}) -> (tensor<4xf32> {llcc.param = "w"}) {
  %n = arith.subf %w, %g : tensor<4xf32>
  return %n : tensor<4xf32>
}
}
