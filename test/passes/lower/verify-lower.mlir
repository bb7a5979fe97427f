// RUN: llcc-opt --split-input-file --verify-diagnostics --llcc-verify-lower %s
// Sound programs pass; each thing that may be wrong is refused by its own sentence.

// An update in place, a collective beside compute, bytes reused after a wait.
module attributes {llcc.mesh = #llcc.mesh<["data"], [2]>, llcc.variables = [{name = "w", role = "param", stage = 0 : i64, trainable = true, type = tensor<16xf32>}]} {
  llcc.program @step_stage0 "step" stage 0 arena 192 {
    %w = llcc.buffer "param" "w" at 0 : memref<16xf32>
    %g = llcc.buffer "temp" "" at 64 : memref<16xf32>
    %s = llcc.buffer "temp" "" at 128 : memref<16xf32>
    %reused = llcc.buffer "temp" "" at 64 : memref<4x4xf32>
    llcc.exec "Launch" @k0 ins(%w : memref<16xf32>) outs(%g : memref<16xf32>) stream 0 waits [] args {ints = array<i64: 16, 1>}
    llcc.exec "AllReduce" ins(%g : memref<16xf32>) outs(%s : memref<16xf32>) stream 1 waits [0] args {ints = array<i64: 0>, axes = array<i64: 0>}
    llcc.exec "Launch" @k1 ins(%w, %s : memref<16xf32>, memref<16xf32>) outs(%w : memref<16xf32>) stream 0 waits [1] args {ints = array<i64: 16, 1>}
    llcc.exec "Launch" @k0 ins(%w : memref<16xf32>) outs(%reused : memref<4x4xf32>) stream 0 waits [] args {ints = array<i64: 16, 1>}
    llcc.exec "Capture" ins(%reused : memref<4x4xf32>) outs() stream 0 waits [] args {ints = array<i64: 1>, name = "w"}
  }
  func.func private @k0(%x: tensor<16xf32>) -> tensor<16xf32> attributes {llcc.kernel = "map", llcc.inplace = array<i64: -1>} {
    %y = arith.addf %x, %x : tensor<16xf32>
    return %y : tensor<16xf32>
  }
  func.func private @k1(%x: tensor<16xf32>, %y: tensor<16xf32>) -> tensor<16xf32> attributes {llcc.kernel = "map", llcc.inplace = array<i64: 0>} {
    %z = arith.addf %x, %y : tensor<16xf32>
    return %z : tensor<16xf32>
  }
}

// -----

// expected-error @+1 {{@step_stage0 is still a function; llcc-plan-memory makes programs of those that are no kernels}}
func.func @step_stage0(%x: tensor<4xf32>) { return }

// -----

llcc.program @infer "infer" stage 0 arena 192 {
  // expected-error @+1 {{buffer temp at 32 needs an offset that is a multiple of 64}}
  %a = llcc.buffer "temp" "" at 32 : memref<4xf32>
  // expected-error @+1 {{buffer temp at 128 ends at 208, the arena has 192 bytes}}
  %b = llcc.buffer "temp" "" at 128 : memref<20xf32>
  // expected-error @+1 {{buffer heap at 0 has no space of the plan}}
  %c = llcc.buffer "heap" "" at 0 : memref<4xf32>
  // expected-error @+1 {{arith.constant in program @infer, needs llcc.buffer and llcc.exec only}}
  %d = arith.constant dense<0.0> : tensor<4xf32>
}

// -----

llcc.program @infer "infer" stage 0 arena 192 {
  %w = llcc.buffer "param" "w" at 0 : memref<20xf32>
  // expected-error @+1 {{buffer state "m:w" at 64 overlaps param "w" at 0, but lives through all steps}}
  %m = llcc.buffer "state" "m:w" at 64 : memref<16xf32>
}

// -----

llcc.program @infer "infer" stage 0 arena 192 {
  %a = llcc.buffer "temp" "" at 0 : memref<16xf32>
  %b = llcc.buffer "temp" "" at 64 : memref<16xf32>
  // expected-error @unknown {{node "fc1": instruction 0 (Copy) reads temp at 0, which nothing has written}}
  llcc.exec "Copy" ins(%a : memref<16xf32>) outs(%b : memref<16xf32>) stream 0 waits [] args {} loc("fc1")
}

// -----

llcc.program @infer "infer" stage 0 arena 192 {
  %a = llcc.buffer "temp" "" at 0 : memref<32xf32>
  %b = llcc.buffer "temp" "" at 64 : memref<16xf32>
  llcc.exec "Fill" ins() outs(%a : memref<32xf32>) stream 0 waits [] args {reals = array<f64: 0.0>}
  llcc.exec "Fill" ins() outs(%b : memref<16xf32>) stream 0 waits [] args {reals = array<f64: 0.0>}
  // expected-error @+1 {{instruction 2 (Capture) reads temp at 0, whose bytes instruction 1 has overwritten as temp at 64}}
  llcc.exec "Capture" ins(%a : memref<32xf32>) outs() stream 0 waits [] args {ints = array<i64: 3>, name = "y"}
}

// -----

// Equal shape and place, but another buffer: the arena was handed out twice.
llcc.program @infer "infer" stage 0 arena 192 {
  %a = llcc.buffer "temp" "" at 0 : memref<16xf32>
  %b = llcc.buffer "temp" "" at 0 : memref<16xf32>
  llcc.exec "Fill" ins() outs(%a : memref<16xf32>) stream 0 waits [] args {reals = array<f64: 0.0>}
  llcc.exec "Fill" ins() outs(%b : memref<16xf32>) stream 0 waits [] args {reals = array<f64: 1.0>}
  // expected-error @+1 {{instruction 2 (Capture) reads temp at 0, whose bytes instruction 1 has overwritten as temp at 0}}
  llcc.exec "Capture" ins(%a : memref<16xf32>) outs() stream 0 waits [] args {ints = array<i64: 3>, name = "y"}
}

// -----

llcc.program @infer "infer" stage 0 arena 192 {
  %w = llcc.buffer "param" "w" at 0 : memref<16xf32>
  %a = llcc.buffer "temp" "" at 0 : memref<8xf32>
  // expected-error @+1 {{instruction 0 (Capture) reads temp at 0, whose bytes belong to param "w" at 0}}
  llcc.exec "Capture" ins(%a : memref<8xf32>) outs() stream 0 waits [] args {ints = array<i64: 3>, name = "y"}
  // expected-error @+1 {{instruction 1 (Fill) writes temp at 0, whose bytes belong to param "w" at 0}}
  llcc.exec "Fill" ins() outs(%a : memref<8xf32>) stream 0 waits [] args {reals = array<f64: 0.0>}
}

// -----

llcc.program @infer "infer" stage 0 arena 192 {
  %w = llcc.buffer "param" "w" at 0 : memref<16xf32>
  // expected-error @+1 {{instruction 0 (Fill) writes param "w" at 0, inference changes nothing}}
  llcc.exec "Fill" ins() outs(%w : memref<16xf32>) stream 0 waits [] args {reals = array<f64: 0.0>}
}

// -----

// expected-error @+1 {{program @step_stage0 writes param "w" 2 times, needs one update}}
llcc.program @step_stage0 "step" stage 0 arena 192 {
  %w = llcc.buffer "param" "w" at 0 : memref<16xf32>
  llcc.exec "Fill" ins() outs(%w : memref<16xf32>) stream 0 waits [] args {reals = array<f64: 0.0>}
  llcc.exec "Fill" ins() outs(%w : memref<16xf32>) stream 0 waits [] args {reals = array<f64: 1.0>}
}

// -----

module attributes {llcc.variables = [{name = "w", role = "param", stage = 1 : i64, trainable = true, type = tensor<16xf32>}]} {
  llcc.program @step_stage0 "step" stage 0 arena 0 {
  }
  // expected-error @+1 {{program @step_stage1 never updates param "w"}}
  llcc.program @step_stage1 "step" stage 1 arena 64 {
    %w = llcc.buffer "param" "w" at 0 : memref<16xf32>
  }
}

// -----

// Streams: list order is no order across them.
llcc.program @step_stage0 "step" stage 0 arena 192 {
  %a = llcc.buffer "temp" "" at 0 : memref<16xf32>
  %b = llcc.buffer "temp" "" at 64 : memref<16xf32>
  llcc.exec "Recv" ins() outs(%a : memref<16xf32>) stream 1 waits [] args {ints = array<i64: 1, 7>}
  // expected-error @+1 {{instruction 1 (Copy) reads temp at 0, but does not wait for instruction 0, which writes it}}
  llcc.exec "Copy" ins(%a : memref<16xf32>) outs(%b : memref<16xf32>) stream 0 waits [] args {}
  llcc.exec "Send" ins(%b : memref<16xf32>) outs() stream 1 waits [1] args {ints = array<i64: 1, 8>}
  // expected-error @+1 {{instruction 3 (Fill) writes temp at 64, but does not wait for instruction 2, which reads these bytes}}
  llcc.exec "Fill" ins() outs(%b : memref<16xf32>) stream 0 waits [] args {reals = array<f64: 0.0>}
  llcc.exec "Recv" ins() outs(%a : memref<16xf32>) stream 1 waits [] args {ints = array<i64: 1, 9>}
  // expected-error @+1 {{instruction 5 (Fill) writes temp at 0, but does not wait for instruction 4, which writes these bytes}}
  llcc.exec "Fill" ins() outs(%a : memref<16xf32>) stream 0 waits [] args {reals = array<f64: 0.0>}
}

// -----

// What instruction 3 waits for has itself come after instruction 0: nothing is missing.
llcc.program @step_stage0 "step" stage 0 arena 192 {
  %a = llcc.buffer "temp" "" at 0 : memref<16xf32>
  %b = llcc.buffer "temp" "" at 64 : memref<16xf32>
  llcc.exec "Fill" ins() outs(%a : memref<16xf32>) stream 0 waits [] args {reals = array<f64: 0.0>}
  llcc.exec "Send" ins(%a : memref<16xf32>) outs() stream 1 waits [0] args {ints = array<i64: 1, 7>}
  llcc.exec "Recv" ins() outs(%b : memref<16xf32>) stream 1 waits [] args {ints = array<i64: 1, 8>}
  llcc.exec "Copy" ins(%b : memref<16xf32>) outs(%a : memref<16xf32>) stream 0 waits [2] args {}
}

// -----

llcc.program @step_stage0 "step" stage 0 arena 192 {
  %a = llcc.buffer "temp" "" at 0 : memref<16xf32>
  %b = llcc.buffer "temp" "" at 64 : memref<16xf32>
  llcc.exec "Fill" ins() outs(%a : memref<16xf32>) stream 0 waits [] args {reals = array<f64: 0.0>}
  // expected-error @+1 {{instruction 1 (Fill) waits for instruction 0 of its own stream}}
  llcc.exec "Fill" ins() outs(%b : memref<16xf32>) stream 0 waits [0] args {reals = array<f64: 0.0>}
  // expected-error @+1 {{instruction 2 (Send) waits for instruction 2, which is not before it}}
  llcc.exec "Send" ins(%a : memref<16xf32>) outs() stream 1 waits [0, 2] args {ints = array<i64: 1, 7>}
  // expected-error @+1 {{instruction 3 (Fill) is on stream 2, there are 2}}
  llcc.exec "Fill" ins() outs(%b : memref<16xf32>) stream 2 waits [] args {reals = array<f64: 0.0>}
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["data"], [2]>} {
  llcc.program @step_stage0 "step" stage 0 arena 192 {
    %a = llcc.buffer "temp" "" at 0 : memref<16xf32>
    %b = llcc.buffer "temp" "" at 64 : memref<16xf32>
    %c = llcc.buffer "temp" "" at 64 : memref<4xf32>
    llcc.exec "Fill" ins() outs(%a : memref<16xf32>) stream 1 waits [] args {reals = array<f64: 0.0>}
    llcc.exec "AllReduce" ins(%a : memref<16xf32>) outs(%a : memref<16xf32>) stream 1 waits [] args {ints = array<i64: 0>, axes = array<i64: 0>}
    // expected-error @+1 {{instruction 2 (AllReduce) writes temp at 64 and temp at 64, which share bytes}}
    llcc.exec "AllReduce" ins(%a, %a : memref<16xf32>, memref<16xf32>) outs(%b, %b : memref<16xf32>, memref<16xf32>) stream 1 waits [] args {ints = array<i64: 0>, axes = array<i64: 0>}
    // expected-error @+1 {{instruction 3 (Copy) writes temp at 0 over what it reads, temp at 0}}
    llcc.exec "Copy" ins(%a : memref<16xf32>) outs(%a : memref<16xf32>) stream 1 waits [] args {}
  }
}
