// RUN: llcc-opt --split-input-file --verify-diagnostics --llcc-verify-lower %s
// One instruction by itself: operation, counts, numbers and shapes.

llcc.program @infer "infer" stage 0 arena 256 {
  %a = llcc.buffer "temp" "" at 0 : memref<16xf32>
  %i = llcc.buffer "temp" "" at 128 : memref<16xi32>
  %w = llcc.buffer "param" "w" at 64 : memref<4x4xf32>
  // expected-error @+1 {{instruction 0 (Jump) "Jump" is no operation of the plan}}
  llcc.exec "Jump" ins() outs() stream 0 waits [] args {}
  // expected-error @+1 {{instruction 1 (Fill) has 1 ins and 1 outs, needs 0 and 1}}
  llcc.exec "Fill" ins(%w : memref<4x4xf32>) outs(%a : memref<16xf32>) stream 0 waits [] args {reals = array<f64: 0.0>}
  // expected-error @+1 {{instruction 2 (Fill) has 0 ints and 0 reals, needs 0 and 1}}
  llcc.exec "Fill" ins() outs(%a : memref<16xf32>) stream 0 waits [] args {}
  // expected-error @+1 {{instruction 3 (Copy) copies memref<4x4xf32> to memref<16xi32>}}
  llcc.exec "Copy" ins(%w : memref<4x4xf32>) outs(%i : memref<16xi32>) stream 0 waits [] args {}
  // expected-error @+1 {{instruction 4 (Feed) fills a buffer of space "temp", needs "input"}}
  llcc.exec "Feed" ins() outs(%a : memref<16xf32>) stream 0 waits [] args {ints = array<i64: 0>}
  // expected-error @+1 {{instruction 5 (FeedScalar) fills a buffer of space "temp", needs "scalar"}}
  llcc.exec "FeedScalar" ins() outs(%a : memref<16xf32>) stream 0 waits [] args {}
  // expected-error @+1 {{instruction 6 (Capture) captures kind 4, needs 0 to 3}}
  llcc.exec "Capture" ins(%w : memref<4x4xf32>) outs() stream 0 waits [] args {ints = array<i64: 4>, name = "w"}
  // expected-error @+1 {{instruction 7 (Capture) captures without a name}}
  llcc.exec "Capture" ins(%w : memref<4x4xf32>) outs() stream 0 waits [] args {ints = array<i64: 3>}
}

// -----

// Matmul and convolutions.
llcc.program @infer "infer" stage 0 arena 4096 {
  %x = llcc.buffer "param" "x" at 0 : memref<1x2x5x5xf32>
  %w = llcc.buffer "param" "w" at 256 : memref<3x2x2x2xf32>
  %y = llcc.buffer "temp" "" at 512 : memref<1x3x4x4xf32>
  %a = llcc.buffer "param" "a" at 1024 : memref<2x3xf32>
  %b = llcc.buffer "param" "b" at 1088 : memref<3x4xf32>
  %h = llcc.buffer "param" "h" at 1152 : memref<3x4xf16>
  %c = llcc.buffer "temp" "" at 1216 : memref<2x4xf32>
  llcc.exec "Conv" ins(%x, %w : memref<1x2x5x5xf32>, memref<3x2x2x2xf32>) outs(%y : memref<1x3x4x4xf32>) stream 0 waits [] args {ints = array<i64: 2, 1, 1, 1, 0, 0, 0, 0, 1, 1>}
  llcc.exec "Matmul" ins(%a, %b : memref<2x3xf32>, memref<3x4xf32>) outs(%c : memref<2x4xf32>) stream 0 waits [] args {ints = array<i64: 1, 2, 4, 3, 0, 0>, reals = array<f64: 1.0, 0.0>}
  // expected-error @+1 {{instruction 2 (Matmul) rhs memref<3x4xf32> has 12 elements, needs 15}}
  llcc.exec "Matmul" ins(%a, %b : memref<2x3xf32>, memref<3x4xf32>) outs(%c : memref<2x4xf32>) stream 0 waits [] args {ints = array<i64: 1, 2, 5, 3, 0, 0>, reals = array<f64: 1.0, 0.0>}
  // expected-error @+1 {{instruction 3 (Matmul) multiplies memref<2x3xf32> by memref<3x4xf16>}}
  llcc.exec "Matmul" ins(%a, %h : memref<2x3xf32>, memref<3x4xf16>) outs(%c : memref<2x4xf32>) stream 0 waits [] args {ints = array<i64: 1, 2, 4, 3, 0, 0>, reals = array<f64: 1.0, 0.0>}
  // expected-error @+1 {{instruction 4 (Conv) has 9 ints, needs 10 for 2 spatial dimensions}}
  llcc.exec "Conv" ins(%x, %w : memref<1x2x5x5xf32>, memref<3x2x2x2xf32>) outs(%y : memref<1x3x4x4xf32>) stream 0 waits [] args {ints = array<i64: 2, 1, 1, 1, 0, 0, 0, 0, 1>}
  // expected-error @+1 {{instruction 5 (Conv) channels of x memref<1x2x5x5xf32>, w memref<3x2x2x2xf32>, y memref<1x3x4x4xf32> don't fit 2 groups}}
  llcc.exec "Conv" ins(%x, %w : memref<1x2x5x5xf32>, memref<3x2x2x2xf32>) outs(%y : memref<1x3x4x4xf32>) stream 0 waits [] args {ints = array<i64: 2, 2, 1, 1, 0, 0, 0, 0, 1, 1>}
  // expected-error @+1 {{instruction 6 (Conv) spatial dimension 1 of y has size 4, the windows give 2}}
  llcc.exec "Conv" ins(%x, %w : memref<1x2x5x5xf32>, memref<3x2x2x2xf32>) outs(%y : memref<1x3x4x4xf32>) stream 0 waits [] args {ints = array<i64: 2, 1, 1, 2, 0, 0, 0, 0, 1, 1>}
  // expected-error @+1 {{instruction 7 (ConvInputGrad) has x of rank 4, w of rank 2 and y of rank 4, needs equal ranks of at least 3}}
  llcc.exec "ConvInputGrad" ins(%y, %a : memref<1x3x4x4xf32>, memref<2x3xf32>) outs(%x : memref<1x2x5x5xf32>) stream 0 waits [] args {ints = array<i64: 2, 1, 1, 1, 0, 0, 0, 0, 1, 1>}
}

// -----

// Launches.
module {
  llcc.program @infer "infer" stage 0 arena 256 {
    %w = llcc.buffer "param" "w" at 0 : memref<4x4xf32>
    %a = llcc.buffer "temp" "" at 64 : memref<16xf32>
    %b = llcc.buffer "temp" "" at 128 : memref<8xf32>
    llcc.exec "Launch" @k0 ins(%w : memref<4x4xf32>) outs(%a : memref<16xf32>) stream 0 waits [] args {ints = array<i64: 16, 1>}
    llcc.exec "Launch" @loops ins(%w : memref<4x4xf32>) outs(%a : memref<16xf32>) stream 0 waits [] args {ints = array<i64: 16, 1>}
    // expected-error @+1 {{instruction 2 (Launch) launches no kernel}}
    llcc.exec "Launch" ins(%w : memref<4x4xf32>) outs(%a : memref<16xf32>) stream 0 waits [] args {ints = array<i64: 16, 1>}
    // expected-error @+1 {{instruction 3 (Launch) launches @k9, which is no kernel of the module}}
    llcc.exec "Launch" @k9 ins(%w : memref<4x4xf32>) outs(%a : memref<16xf32>) stream 0 waits [] args {ints = array<i64: 16, 1>}
    // expected-error @+1 {{instruction 4 (Launch) hands 3 buffers to @k0, which takes 2}}
    llcc.exec "Launch" @k0 ins(%w, %w : memref<4x4xf32>, memref<4x4xf32>) outs(%a : memref<16xf32>) stream 0 waits [] args {ints = array<i64: 16, 1>}
    // expected-error @+1 {{instruction 5 (Launch) hands memref<8xf32> to @k0 as buffer 1, which takes tensor<16xf32>}}
    llcc.exec "Launch" @k0 ins(%w : memref<4x4xf32>) outs(%b : memref<8xf32>) stream 0 waits [] args {ints = array<i64: 16, 1>}
    // expected-error @+1 {{instruction 6 (Launch) has 1 ints and 0 reals, needs extent and cost}}
    llcc.exec "Launch" @k0 ins(%w : memref<4x4xf32>) outs(%a : memref<16xf32>) stream 0 waits [] args {ints = array<i64: 16>}
    // expected-error @+1 {{instruction 7 (Launch) has extent -1 and cost 0, needs at least 0 and 1}}
    llcc.exec "Launch" @k0 ins(%w : memref<4x4xf32>) outs(%a : memref<16xf32>) stream 0 waits [] args {ints = array<i64: -1, 0>}
    // expected-error @+1 {{instruction 8 (Launch) result 0 of @k1 overwrites argument 0, the launch gives two buffers}}
    llcc.exec "Launch" @k1 ins(%w : memref<4x4xf32>) outs(%a : memref<16xf32>) stream 0 waits [] args {ints = array<i64: 16, 1>}
    // expected-error @+1 {{instruction 9 (Launch) launches @short, whose arguments don't end in coordinates, begin and end}}
    llcc.exec "Launch" @short ins(%w : memref<4x4xf32>) outs(%a : memref<16xf32>) stream 0 waits [] args {ints = array<i64: 16, 1>}
  }
  func.func private @k0(%x: tensor<16xf32>) -> tensor<16xf32> attributes {llcc.kernel = "map", llcc.inplace = array<i64: -1>} { return %x : tensor<16xf32> }
  func.func private @k1(%x: tensor<16xf32>) -> tensor<16xf32> attributes {llcc.kernel = "map", llcc.inplace = array<i64: 0>} { return %x : tensor<16xf32> }
  func.func private @loops(%x: memref<16xf32>, %y: memref<16xf32>, %coords: memref<1xi64>, %begin: index, %end: index) attributes {llcc.kernel = "map"} { return }
  func.func private @short(%x: memref<16xf32>, %y: memref<16xf32>) attributes {llcc.kernel = "map"} { return }
}

// -----

// Collectives: two members along "data", three along "tensor".
module attributes {llcc.mesh = #llcc.mesh<["data", "tensor"], [2, 3]>} {
  llcc.program @infer "infer" stage 0 arena 4096 {
    %x = llcc.buffer "param" "x" at 0 : memref<7x4xf32>
    %half = llcc.buffer "temp" "" at 128 : memref<4x4xf32>
    %whole = llcc.buffer "temp" "" at 256 : memref<7x4xf32>
    %third = llcc.buffer "temp" "" at 512 : memref<3x7xf32>
    llcc.exec "ReduceScatter" ins(%x : memref<7x4xf32>) outs(%half : memref<4x4xf32>) stream 1 waits [] args {ints = array<i64: 0, 0>, axes = array<i64: 0>}
    llcc.exec "AllGather" ins(%half : memref<4x4xf32>) outs(%whole : memref<7x4xf32>) stream 1 waits [] args {ints = array<i64: 0, 7>, axes = array<i64: 0>}
    llcc.exec "AllToAll" ins(%x : memref<7x4xf32>) outs(%third : memref<3x7xf32>) stream 1 waits [] args {ints = array<i64: 0, 1, 7>, axes = array<i64: 1>}
    // expected-error @+1 {{instruction 3 (ReduceScatter) scatters memref<7x4xf32> to 3 members along dimension 0 as memref<4x4xf32>}}
    llcc.exec "ReduceScatter" ins(%x : memref<7x4xf32>) outs(%half : memref<4x4xf32>) stream 1 waits [] args {ints = array<i64: 0, 0>, axes = array<i64: 1>}
    // expected-error @+1 {{instruction 4 (AllGather) gathers memref<4x4xf32> of 2 members along dimension 0 to memref<7x4xf32>}}
    llcc.exec "AllGather" ins(%half : memref<4x4xf32>) outs(%whole : memref<7x4xf32>) stream 1 waits [] args {ints = array<i64: 0, 8>, axes = array<i64: 0>}
    // expected-error @+1 {{instruction 5 (AllToAll) exchanges memref<7x4xf32> with 2 members as memref<3x7xf32>}}
    llcc.exec "AllToAll" ins(%x : memref<7x4xf32>) outs(%third : memref<3x7xf32>) stream 1 waits [] args {ints = array<i64: 0, 1, 7>, axes = array<i64: 0>}
    // expected-error @+1 {{instruction 6 (AllReduce) reduces memref<7x4xf32> to memref<4x4xf32>}}
    llcc.exec "AllReduce" ins(%x : memref<7x4xf32>) outs(%half : memref<4x4xf32>) stream 1 waits [] args {ints = array<i64: 0>, axes = array<i64: 0>}
    // expected-error @+1 {{instruction 7 (AllReduce) runs over mesh axis 2, the mesh has 2}}
    llcc.exec "AllReduce" ins(%x : memref<7x4xf32>) outs(%whole : memref<7x4xf32>) stream 1 waits [] args {ints = array<i64: 0>, axes = array<i64: 2>}
    // expected-error @+1 {{instruction 8 (AllReduce) runs over no mesh axis, needs at least one}}
    llcc.exec "AllReduce" ins(%x : memref<7x4xf32>) outs(%whole : memref<7x4xf32>) stream 1 waits [] args {ints = array<i64: 0>}
  }
}
