// RUN: llcc-opt --llcc-verify-shard --split-input-file --verify-diagnostics %s

// Two stages: the second one's values come back, parameters are updated once, shapes are those of the placements.
module attributes {llcc.mesh = #llcc.mesh<["pipeline", "t"], [2, 2]>, llcc.microbatches = 1 : i64} {
func.func @step_stage0(%a: tensor<3x4xf32> {llcc.param = "a", llcc.trainable, llcc.placement = #llcc.sharding<[["t"], []]>, llcc.shape = array<i64: 5, 4>}, %f: tensor<2xf32> {llcc.param = "frozen"})
    -> (tensor<3x4xf32> {llcc.param = "a", llcc.placement = #llcc.sharding<[["t"], []]>, llcc.shape = array<i64: 5, 4>}) {
  %g = llcc.all_gather %a dim 0 size 5 over ["t"] : tensor<3x4xf32> -> tensor<5x4xf32>
  llcc.send %g to 1 tag 0 : tensor<5x4xf32>
  %d = llcc.recv from 1 tag 1 : tensor<5x4xf32>
  %s = llcc.reduce_scatter <sum> %d dim 0 over ["t"] : tensor<5x4xf32> -> tensor<3x4xf32>
  %m = llcc.mask %s dim 0 extent 5 over ["t"] value 0.0 : tensor<3x4xf32>
  return %m : tensor<3x4xf32>
}
func.func @step_stage1(%b: tensor<2xf32> {llcc.param = "b", llcc.trainable}, %s: tensor<2xf32> {llcc.state = "m:b"}) -> (tensor<2xf32> {llcc.state = "m:b"}, tensor<2xf32> {llcc.param = "b"}) {
  %g = llcc.recv from 0 tag 0 : tensor<5x4xf32>
  %h = llcc.axis_slice %g dim 1 over ["t"] : tensor<5x4xf32> -> tensor<5x2xf32>
  %i = llcc.all_to_all %h split 0 concat 1 size 4 over ["t"] : tensor<5x2xf32> -> tensor<3x4xf32>
  %o = llcc.axis_offset extent 5 over ["t"] : tensor<i64>
  %l = llcc.reduce <sum> %i dims [0, 1] : tensor<3x4xf32> -> tensor<f32>
  %r = llcc.all_reduce <sum> %l over ["t"] : tensor<f32> -> tensor<f32>
  llcc.capture "loss" "loss" %r : tensor<f32>
  llcc.send %g to 0 tag 1 : tensor<5x4xf32>
  %n = arith.addf %b, %b : tensor<2xf32>
  return %n, %n : tensor<2xf32>, tensor<2xf32>
}
}

// -----

// expected-error@+1 {{module has no mesh, needs the attribute llcc.mesh}}
module {
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["t"], [2]>} {
// expected-error@+1 {{@update is still there; llcc-split-pipeline must remove it}}
func.func @update() {
  return
}
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["t"], [2]>} {
func.func @step_stage0(%x: tensor<2xf32>) {
  // expected-error@+1 {{llcc.reshard is still there; llcc-plan-reshards must replace it}}
  %y = llcc.reshard %x : tensor<2xf32> -> tensor<2xf32>
  return
}
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["t"], [2]>} {
func.func @step_stage0(%x: tensor<2xf32>) {
  // expected-error@+1 {{llcc.iota gives the placed type 'tensor<4xi64, #llcc.sharding<[["t"]]>>'; llcc-convert-to-spmd must make it local}}
  %y = llcc.iota dim 0 : tensor<4xi64, #llcc.sharding<[["t"]]>>
  return
}
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["t"], [2]>} {
// expected-error@+1 {{func.func takes the placed type 'tensor<4xf32, #llcc.sharding<[["t"]]>>'; llcc-convert-to-spmd must make it local}}
func.func @step_stage0(%x: tensor<4xf32, #llcc.sharding<[["t"]]>>) {
  return
}
}

// -----

// expected-error@+1 {{module has no @step_stage1, the mesh has 2 pipeline stages}}
module attributes {llcc.mesh = #llcc.mesh<["pipeline"], [2]>} {
func.func @step_stage0() {
  return
}
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["data"], [2]>} {
func.func @step_stage0() {
  return
}
// expected-error@+1 {{@step_stage1 is one stage too many, the mesh has 1}}
func.func @step_stage1() {
  return
}
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["t"], [2]>} {
// expected-error@+1 {{@step_stage0: argument 0 has local size 4 at dimension 0, its placement gives 3}}
func.func @step_stage0(%x: tensor<4xf32> {llcc.placement = #llcc.sharding<[["t"]]>, llcc.shape = array<i64: 5>}) {
  return
}
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["t"], [2]>} {
// expected-error@+1 {{@step_stage0: result 0 is 'tensor<4xf32>', needs llcc.placement and llcc.shape of its rank}}
func.func @step_stage0(%x: tensor<4xf32>) -> (tensor<4xf32> {llcc.placement = #llcc.sharding<[["t"]]>}) {
  return %x : tensor<4xf32>
}
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["t"], [2]>} {
// expected-error@+1 {{@step_stage0: argument 0 is cut over axis 'z', the mesh is #llcc.mesh<["t"], [2]>}}
func.func @step_stage0(%x: tensor<4xf32> {llcc.placement = #llcc.sharding<[["z"]]>, llcc.shape = array<i64: 4>}) {
  return
}
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["t"], [2]>} {
// expected-error@+1 {{@step_stage0 has control flow; members of a group could meet different collectives}}
func.func @step_stage0(%x: i1) {
  return
^another:
  return
}
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["t"], [2]>} {
func.func @step_stage0(%c: i1) {
  // expected-error@+1 {{scf.if has control flow; members of a group could meet different collectives}}
  scf.if %c {
  }
  return
}
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["t"], [2]>} {
func.func @step_stage0(%x: tensor<2xf32>) {
  // expected-error@unknown {{node "fc1": llcc.all_reduce runs over axis 'u', the mesh is #llcc.mesh<["t"], [2]>}}
  %y = llcc.all_reduce <sum> %x over ["u"] : tensor<2xf32> -> tensor<2xf32> loc("fc1")
  return
}
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["pipeline"], [1]>} {
func.func @step_stage0(%x: tensor<2xf32>) {
  // expected-error@+1 {{llcc.all_reduce runs over the pipeline; its stages run different programs}}
  %y = llcc.all_reduce <sum> %x over ["pipeline"] : tensor<2xf32> -> tensor<2xf32>
  return
}
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["t"], [2]>} {
func.func @step_stage0(%x: tensor<4xf32>) {
  // expected-error@+1 {{llcc.axis_slice names axis 't' twice}}
  %y = llcc.axis_slice %x dim 0 over ["t", "t"] : tensor<4xf32> -> tensor<1xf32>
  return
}
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["t"], [2]>} {
func.func @step_stage0(%x: tensor<4xf32>) {
  // expected-error@+1 {{llcc.all_gather joins to size 9, the group has 8}}
  %y = llcc.all_gather %x dim 0 size 9 over ["t"] : tensor<4xf32> -> tensor<9xf32>
  return
}
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["t"], [2]>} {
func.func @step_stage0(%x: tensor<4x4xf32>) {
  // expected-error@+1 {{llcc.all_to_all joins to size 9, the group has 8}}
  %y = llcc.all_to_all %x split 0 concat 1 size 9 over ["t"] : tensor<4x4xf32> -> tensor<2x9xf32>
  return
}
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["t"], [2]>} {
func.func @step_stage0(%x: tensor<5xf32>) {
  // expected-error@+1 {{llcc.reduce_scatter gives 'tensor<2xf32>', needs 'tensor<3xf32>'}}
  %y = llcc.reduce_scatter <sum> %x dim 0 over ["t"] : tensor<5xf32> -> tensor<2xf32>
  return
}
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["t"], [2]>} {
func.func @step_stage0(%x: tensor<5xf32>) {
  // expected-error@+1 {{llcc.mask gives 'tensor<5xf32>', needs 'tensor<4xf32>'}}
  %y = llcc.mask %x dim 0 extent 8 over ["t"] value 0.0 : tensor<5xf32>
  return
}
}

// -----

// A send without its receive: the other stage has ended.
module attributes {llcc.mesh = #llcc.mesh<["pipeline"], [2]>} {
func.func @step_stage0(%x: tensor<5xf32>) {
  // expected-error@+1 {{llcc.send on stage 0 waits for stage 1 forever}}
  llcc.send %x to 1 tag 0 : tensor<5xf32>
  return
}
func.func @step_stage1(%x: tensor<5xf32>) {
  // expected-note@+1 {{stage 1 has no message left}}
  return
}
}

// -----

// Both send first: with sends that wait for their receiver, a ring.
module attributes {llcc.mesh = #llcc.mesh<["pipeline"], [2]>} {
func.func @step_stage0(%x: tensor<5xf32>) {
  // expected-error@+1 {{llcc.send on stage 0 waits for stage 1 forever}}
  llcc.send %x to 1 tag 0 : tensor<5xf32>
  %y = llcc.recv from 1 tag 1 : tensor<5xf32>
  return
}
func.func @step_stage1(%x: tensor<5xf32>) {
  // expected-note@+1 {{stage 1 waits here for stage 0}}
  llcc.send %x to 0 tag 1 : tensor<5xf32>
  %y = llcc.recv from 0 tag 0 : tensor<5xf32>
  return
}
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["pipeline"], [2]>} {
func.func @step_stage0(%x: tensor<5xf32>) {
  // expected-note@+1 {{sent here}}
  llcc.send %x to 1 tag 7 : tensor<5xf32>
  return
}
func.func @step_stage1() {
  // expected-error@+1 {{llcc.recv expects tag 8 of type 'tensor<4xf32>' from stage 0, which sends tag 7 of type 'tensor<5xf32>'}}
  %y = llcc.recv from 0 tag 8 : tensor<4xf32>
  return
}
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["pipeline"], [2]>} {
func.func @step_stage0(%x: tensor<5xf32>) {
  // expected-error@+1 {{llcc.send names stage 0, the stages are 0 to 1 and this is stage 0}}
  llcc.send %x to 0 tag 7 : tensor<5xf32>
  return
}
func.func @step_stage1() {
  return
}
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["pipeline"], [2]>} {
func.func @step_stage0(%w: tensor<5xf32> {llcc.param = "w"}) {
  return
}
// expected-error@+1 {{@step_stage1 keeps "w", so does @step_stage0; one stage must own it}}
func.func @step_stage1(%w: tensor<5xf32> {llcc.param = "w"}) {
  return
}
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["data"], [1]>} {
// expected-error@+1 {{@step_stage0 keeps "w" but does not update it}}
func.func @step_stage0(%w: tensor<5xf32> {llcc.param = "w", llcc.trainable}) {
  return
}
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["data"], [1]>} {
// expected-error@+1 {{@step_stage0 updates "w" twice}}
func.func @step_stage0(%w: tensor<5xf32> {llcc.param = "w", llcc.trainable}) -> (tensor<5xf32> {llcc.param = "w"}, tensor<5xf32> {llcc.param = "w"}) {
  return %w, %w : tensor<5xf32>, tensor<5xf32>
}
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["data"], [1]>} {
// expected-error@+1 {{@step_stage0 returns "w" unchanged}}
func.func @step_stage0(%w: tensor<5xf32> {llcc.param = "w", llcc.trainable}) -> (tensor<5xf32> {llcc.param = "w"}) {
  return %w : tensor<5xf32>
}
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["data"], [1]>} {
// expected-error@+1 {{@step_stage0 takes "w" as 'tensor<5xf32>' and returns it as 'tensor<f32>'}}
func.func @step_stage0(%w: tensor<5xf32> {llcc.param = "w", llcc.trainable}) -> (tensor<f32> {llcc.param = "w"}) {
  %s = llcc.reduce <sum> %w dims [0] : tensor<5xf32> -> tensor<f32>
  return %s : tensor<f32>
}
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["data"], [1]>} {
// expected-error@+1 {{@step_stage0 updates "v", which it does not keep}}
func.func @step_stage0(%w: tensor<5xf32>) -> (tensor<5xf32> {llcc.param = "v"}) {
  return %w : tensor<5xf32>
}
}

// -----

// expected-error@+1 {{the loss is shown 1 times, there are 2 microbatches}}
module attributes {llcc.mesh = #llcc.mesh<["data"], [1]>, llcc.microbatches = 2 : i64} {
func.func @step_stage0(%l: tensor<f32>) {
  llcc.capture "loss" "loss" %l : tensor<f32>
  return
}
}
