// RUN: llcc-opt --llcc-plan-memory --llcc-verify-lower --split-input-file %s | FileCheck %s
// Storages, updates in place, copies where they are needed, order between streams.

// An update overwrites its parameter; nothing is copied where nobody reads the old value later.
// CHECK-LABEL: llcc.program @step_stage0 "step" stage 0 arena 128
// CHECK-SAME: llcc.memory = {gaps = 0 : i64, inputs = 0 : i64, params = 64 : i64, states = 0 : i64, temporaries = 64 : i64}
// CHECK: %[[W:.*]] = llcc.buffer "param" "w" at 0 {llcc.param = "w"} : memref<4xf32>
// CHECK: %[[LR:.*]] = llcc.buffer "scalar" "lr" at 64
// CHECK-NEXT: llcc.exec "FeedScalar" ins() outs(%[[LR]]
// CHECK: llcc.exec "Launch" @k0 ins(%[[W]], %[[LR]] : memref<4xf32>, memref<f32>) outs(%[[W]] : memref<4xf32>) stream 0 waits [] args {ints = array<i64: 4, 1>}
// CHECK-NEXT: %[[T:.*]] = llcc.buffer "temp" "" at 64
// CHECK-NEXT: llcc.exec "Launch" @k1 ins(%[[W]] : memref<4xf32>) outs(%[[T]]
// CHECK-NEXT: llcc.exec "Capture" ins(%[[T]] : memref<4xf32>) outs() stream 0 waits [] args {ints = array<i64: 1>, name = "w"}
// CHECK-NEXT: }
func.func @step_stage0(%w: tensor<4xf32> {llcc.param = "w"}, %lr: tensor<f32> {llcc.scalar = "lr"}) -> (tensor<4xf32> {llcc.param = "w"}) {
  %w1 = call @k0(%w, %lr) : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %t = call @k1(%w1) : (tensor<4xf32>) -> tensor<4xf32>
  llcc.capture "gradient" "w" %t : tensor<4xf32>
  return %w1 : tensor<4xf32>
}
func.func private @k0(%w: tensor<4xf32>, %lr: tensor<f32>) -> tensor<4xf32> attributes {llcc.kernel = "map", llcc.inplace = array<i64: 0>, llcc.extent = 4 : i64, llcc.cost = 1 : i64} {
  %b = llcc.broadcast %lr dims [] : tensor<f32> -> tensor<4xf32>
  %y = arith.subf %w, %b : tensor<4xf32>
  return %y : tensor<4xf32>
}
func.func private @k1(%w: tensor<4xf32>) -> tensor<4xf32> attributes {llcc.kernel = "map", llcc.inplace = array<i64: -1>, llcc.extent = 4 : i64, llcc.cost = 1 : i64} {
  %y = math.tanh %w : tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

// The old value is read after the update: it is copied away first.
// CHECK-LABEL: llcc.program @step_stage1
// CHECK: %[[W:.*]] = llcc.buffer "param" "w" at 0
// CHECK: %[[OLD:.*]] = llcc.buffer "temp"
// CHECK-NEXT: llcc.exec "Copy" ins(%[[W]] : memref<4xf32>) outs(%[[OLD]] : memref<4xf32>)
// CHECK-NEXT: llcc.exec "Launch" @k0 ins(%[[W]] : memref<4xf32>) outs(%[[W]] : memref<4xf32>)
// CHECK-NEXT: llcc.exec "Capture" ins(%[[OLD]] : memref<4xf32>)
func.func @step_stage1(%w: tensor<4xf32> {llcc.param = "w"}) -> (tensor<4xf32> {llcc.param = "w"}) {
  %w1 = call @k0(%w) : (tensor<4xf32>) -> tensor<4xf32>
  llcc.capture "gradient" "w" %w : tensor<4xf32>
  return %w1 : tensor<4xf32>
}
func.func private @k0(%w: tensor<4xf32>) -> tensor<4xf32> attributes {llcc.kernel = "map", llcc.inplace = array<i64: 0>, llcc.extent = 4 : i64, llcc.cost = 1 : i64} {
  %y = arith.negf %w : tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

// Two parameters change places: through temporaries.
// CHECK-LABEL: llcc.program @step_stage2
// CHECK: %[[A:.*]] = llcc.buffer "param" "a" at 0
// CHECK: %[[B:.*]] = llcc.buffer "param" "b" at 64
// CHECK: llcc.exec "Copy" ins(%[[B]] : memref<4xf32>) outs(%[[OLDB:[0-9]+]] :
// CHECK: llcc.exec "Copy" ins(%[[A]] : memref<4xf32>) outs(%[[OLDA:[0-9]+]] :
// CHECK: llcc.exec "Copy" ins(%[[OLDB]] : memref<4xf32>) outs(%[[A]] :
// CHECK: llcc.exec "Copy" ins(%[[OLDA]] : memref<4xf32>) outs(%[[B]] :
func.func @step_stage2(%a: tensor<4xf32> {llcc.param = "a"}, %b: tensor<4xf32> {llcc.param = "b"})
    -> (tensor<4xf32> {llcc.param = "a"}, tensor<4xf32> {llcc.param = "b"}) {
  return %b, %a : tensor<4xf32>, tensor<4xf32>
}

// -----

// A library call writes straight into the parameter that its result becomes.
// CHECK-LABEL: llcc.program @step_stage3
// CHECK: %[[W:.*]] = llcc.buffer "param" "w" at 0
// CHECK: llcc.exec "Matmul" ins(%[[X:[0-9]+]], %[[X]] : {{.*}}) outs(%[[W]] : memref<4x4xf32>) stream 0 waits [] args {ints = array<i64: 1, 4, 4, 8, 0, 1>, reals = array<f64: 1.000000e+00, 0.000000e+00>}
// CHECK-NOT: "Copy"
// CHECK: {{^  }}}
func.func @step_stage3(%x: tensor<4x8xf32> {llcc.input = "x", llcc.microbatch = 0 : i64}, %w: tensor<4x4xf32> {llcc.param = "w"}) -> (tensor<4x4xf32> {llcc.param = "w"}) {
  %w1 = llcc.dot %x, %x batch [] x [] contract [1] x [1] : tensor<4x8xf32>, tensor<4x8xf32> -> tensor<4x4xf32>
  return %w1 : tensor<4x4xf32>
}

// -----

// Communication runs beside compute: the all-reduce overwrites its dead operand, the launch between does not wait, the update does.
// CHECK-LABEL: llcc.program @step_stage4
// CHECK: %[[W:.*]] = llcc.buffer "param" "w" at 0
// CHECK: llcc.exec "Launch" @k0 ins(%[[W]] : {{.*}}) outs(%[[G:[0-9]+]] : {{.*}} stream 0 waits []
// CHECK-NEXT: llcc.exec "AllReduce" ins(%[[G]] : {{.*}}) outs(%[[G]] : {{.*}} stream 1 waits [0] args {axes = array<i64: 1>, ints = array<i64: 0>}
// CHECK: llcc.exec "Launch" @k0 ins(%[[W]] : {{.*}}) outs(%[[H:[0-9]+]] : {{.*}} stream 0 waits []
// CHECK: llcc.exec "Launch" @k1 ins(%[[W]], %[[G]], %[[H]] : {{.*}}) outs(%[[W]] : {{.*}} stream 0 waits [1]
// CHECK: llcc.exec "Launch" @k0 ins(%[[W]] : {{.*}}) outs(%[[I:[0-9]+]] : {{.*}} stream 0 waits []
// CHECK-NEXT: llcc.exec "Send" ins(%[[I]] : {{.*}}) outs() stream 1 waits [4] args {ints = array<i64: 1, 7>}
// CHECK-NEXT: %[[R:.*]] = llcc.buffer "temp"
// CHECK-NEXT: llcc.exec "Recv" ins() outs(%[[R]] : {{.*}}) stream 1 waits [] args {ints = array<i64: 1, 8>}
// CHECK-NEXT: llcc.exec "Capture" ins(%[[R]] : {{.*}}) outs() stream 0 waits [6]
module attributes {llcc.mesh = #llcc.mesh<["pipeline", "data"], [2, 2]>} {
  func.func @step_stage4(%w: tensor<16xf32> {llcc.param = "w"}) -> (tensor<16xf32> {llcc.param = "w"}) {
    %g = call @k0(%w) : (tensor<16xf32>) -> tensor<16xf32>
    %s = llcc.all_reduce <sum> %g over ["data"] : tensor<16xf32> -> tensor<16xf32>
    %h = call @k0(%w) : (tensor<16xf32>) -> tensor<16xf32>
    %w1 = call @k1(%w, %s, %h) : (tensor<16xf32>, tensor<16xf32>, tensor<16xf32>) -> tensor<16xf32>
    %i = call @k0(%w1) : (tensor<16xf32>) -> tensor<16xf32>
    llcc.send %i to 1 tag 7 : tensor<16xf32>
    %r = llcc.recv from 1 tag 8 : tensor<16xf32>
    llcc.capture "loss" "loss" %r : tensor<16xf32>
    return %w1 : tensor<16xf32>
  }
  func.func private @k0(%w: tensor<16xf32>) -> tensor<16xf32> attributes {llcc.kernel = "map", llcc.inplace = array<i64: -1>, llcc.extent = 16 : i64, llcc.cost = 1 : i64} {
    %y = arith.negf %w : tensor<16xf32>
    return %y : tensor<16xf32>
  }
  func.func private @k1(%w: tensor<16xf32>, %g: tensor<16xf32>, %h: tensor<16xf32>) -> tensor<16xf32> attributes {llcc.kernel = "map", llcc.inplace = array<i64: 0>, llcc.extent = 16 : i64, llcc.cost = 1 : i64} {
    %x = arith.subf %w, %g : tensor<16xf32>
    %y = arith.subf %x, %h : tensor<16xf32>
    return %y : tensor<16xf32>
  }
}

// -----

// What a send reads stays until compute has waited for the communication stream, though in list order its bytes would be free: the launch
// after it takes others and need not wait. After the receive, for which the copy waits, they are free.
// CHECK-LABEL: llcc.program @step_stage8
// CHECK: %[[SENT:.*]] = llcc.buffer "temp" "" at [[#PLACE1:]]
// CHECK: llcc.exec "Send" ins(%[[SENT]] : {{.*}} stream 1 waits [0]
// CHECK-NEXT: %[[NEXT:.*]] = llcc.buffer "temp" "" at [[#PLACE2:]]
// CHECK-NEXT: llcc.exec "Launch" @k0 ins(%{{.*}}) outs(%[[NEXT]] : {{.*}} stream 0 waits []
// CHECK: llcc.exec "Recv"
// CHECK: llcc.exec "Capture" {{.*}} stream 0 waits [4]
// CHECK-NEXT: llcc.buffer "temp" "" at [[#PLACE1]]
// CHECK-NEXT: llcc.exec "Launch" @k0 {{.*}} stream 0 waits []
module attributes {llcc.mesh = #llcc.mesh<["pipeline"], [2]>} {
  func.func @step_stage8(%w: tensor<64xf32> {llcc.param = "w"}) {
    %g = call @k0(%w) : (tensor<64xf32>) -> tensor<64xf32>
    llcc.send %g to 1 tag 7 : tensor<64xf32>
    %h = call @k0(%w) : (tensor<64xf32>) -> tensor<64xf32>
    llcc.capture "gradient" "h" %h : tensor<64xf32>
    %r = llcc.recv from 1 tag 8 : tensor<16xf32>
    llcc.capture "loss" "loss" %r : tensor<16xf32>
    %i = call @k0(%w) : (tensor<64xf32>) -> tensor<64xf32>
    llcc.capture "gradient" "i" %i : tensor<64xf32>
    return
  }
  func.func private @k0(%w: tensor<64xf32>) -> tensor<64xf32> attributes {llcc.kernel = "map", llcc.inplace = array<i64: -1>, llcc.extent = 64 : i64, llcc.cost = 1 : i64} {
    %y = arith.negf %w : tensor<64xf32>
    return %y : tensor<64xf32>
  }
}

// -----

// Inference: outputs are shown at the end; a reshape shares bytes, and where a shape matters it is a view. Storages whose lives do not
// meet share bytes: x, its negative and the output take two places of 1024 bytes.
// CHECK: module attributes
// CHECK-SAME: llcc.inputs = [{batched = true, classes = 5 : i64, label = false, name = "x", type = tensor<8x32xf32>}]
// CHECK-SAME: llcc.outputs = [{name = "y", type = tensor<16x16xf32>}]
// CHECK-SAME: llcc.variables = [{name = "w", role = "param", stage = 0 : i64, trainable = false, type = tensor<4xf32>}]
// CHECK-LABEL: llcc.program @infer "infer" stage 0 arena 2112
// CHECK: %[[W:.*]] = llcc.buffer "param" "w" at 0
// CHECK: %[[X:.*]] = llcc.buffer "input" "x" at [[#PLACE:]]
// CHECK: llcc.exec "Launch" @k0 ins(%[[X]] : {{.*}}) outs(%[[N:[0-9]+]] : memref<256xf32>)
// CHECK: %[[Y:.*]] = llcc.buffer "temp" "" at [[#PLACE]] : memref<256xf32>
// CHECK: llcc.exec "Launch" @k0 ins(%[[N]] : {{.*}}) outs(%[[Y]] : memref<256xf32>)
// CHECK: %[[V:.*]] = llcc.buffer "temp" "" at [[#PLACE]] {llcc.view = {{[0-9]+}} : i64} : memref<16x16xf32>
// CHECK: llcc.exec "Capture" ins(%[[V]] : memref<16x16xf32>) outs() stream 0 waits [] args {ints = array<i64: 3>, name = "y"}
func.func @forward(%x: tensor<8x32xf32> {llcc.input = "x", llcc.batched, llcc.classes = 5 : i64}, %w: tensor<4xf32> {llcc.param = "w", llcc.trainable})
    -> (tensor<16x16xf32> {llcc.output = "y"}) {
  %f = llcc.reshape %x : tensor<8x32xf32> -> tensor<256xf32>
  %n = call @k0(%f) : (tensor<256xf32>) -> tensor<256xf32>
  %y = call @k0(%n) : (tensor<256xf32>) -> tensor<256xf32>
  %v = llcc.reshape %y : tensor<256xf32> -> tensor<16x16xf32>
  return %v : tensor<16x16xf32>
}
func.func private @k0(%w: tensor<256xf32>) -> tensor<256xf32> attributes {llcc.kernel = "map", llcc.inplace = array<i64: -1>, llcc.extent = 256 : i64, llcc.cost = 1 : i64} {
  %y = arith.negf %w : tensor<256xf32>
  return %y : tensor<256xf32>
}

// -----

// Logical shapes, placements and owners come from the step, where it is; a stage that updates a parameter owns it.
// CHECK: llcc.inputs = [{batched = true, label = false, name = "x", placement = #llcc.sharding<{{.*}}"data"{{.*}}>, type = tensor<8xf32>}]
// CHECK-SAME: llcc.variables = [{name = "w", placement = #llcc.sharding<{{.*}}>, role = "param", stage = 7 : i64, trainable = true, type = tensor<4xf32>},
// CHECK-SAME: {init = 0.000000e+00 : f64, name = "m:w", role = "state", stage = 7 : i64, trainable = false, type = tensor<4xf32>}]
module attributes {llcc.mesh = #llcc.mesh<["data"], [2]>} {
  func.func @step_stage6(%x: tensor<4xf32> {llcc.input = "x", llcc.batched, llcc.microbatch = 0 : i64, llcc.shape = array<i64: 8>, llcc.placement = #llcc.sharding<[["data"]]>},
      %w: tensor<4xf32> {llcc.param = "w"}) {
    llcc.capture "loss" "loss" %x : tensor<4xf32>
    llcc.capture "loss" "loss" %w : tensor<4xf32>
    return
  }
  func.func @step_stage7(%w: tensor<4xf32> {llcc.param = "w", llcc.shape = array<i64: 4>, llcc.placement = #llcc.sharding<[[]]>}, %m: tensor<4xf32> {llcc.state = "m:w", llcc.init = 0.0 : f64})
      -> (tensor<4xf32> {llcc.param = "w"}, tensor<4xf32> {llcc.state = "m:w"}) {
    %w1 = llcc.recv from 0 tag 1 : tensor<4xf32>
    return %w1, %m : tensor<4xf32>, tensor<4xf32>
  }
}
