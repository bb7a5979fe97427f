// RUN: llcc-opt --llcc-plan-memory --split-input-file --verify-diagnostics %s

// expected-error @+1 {{@gradients is neither a step (@step_stageN), @forward nor a kernel}}
func.func @gradients(%x: tensor<4xf32> {llcc.input = "x"}) { return }

// -----

// expected-error @+1 {{argument 1 of @forward is neither llcc.param, llcc.state, llcc.input, llcc.label nor llcc.scalar}}
func.func @forward(%x: tensor<4xf32> {llcc.input = "x"}, %y: tensor<4xf32>) { return }

// -----

// expected-error @+1 {{result 0 of @step_stage0 updates param "v", which is not among the arguments}}
func.func @step_stage0(%w: tensor<4xf32> {llcc.param = "w"}) -> (tensor<4xf32> {llcc.param = "v"}) {
  return %w : tensor<4xf32>
}

// -----

func.func @forward(%x: tensor<4xf32> {llcc.input = "x"}) -> (tensor<4xf32> {llcc.output = "y"}) {
  // expected-error @+1 {{arith.addf in @forward has no instruction; run llcc-fuse-kernels first}}
  %y = arith.addf %x, %x : tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @forward(%x: tensor<2x3x4xf32> {llcc.input = "x"}) -> (tensor<2x2xf32> {llcc.output = "y"}) {
  // expected-error @+1 {{operands of llcc.dot don't lie in memory as matrices; run llcc-fuse-kernels first}}
  %y = llcc.dot %x, %x batch [] x [] contract [2, 1] x [2, 1] : tensor<2x3x4xf32>, tensor<2x3x4xf32> -> tensor<2x2xf32>
  return %y : tensor<2x2xf32>
}

// -----

func.func @forward(%x: tensor<4xf32> {llcc.input = "x"}) {
  // expected-error @+1 {{capture of kind "norm", needs loss, gradient or grad_norm}}
  llcc.capture "norm" "x" %x : tensor<4xf32>
  return
}

// -----

func.func @forward(%x: tensor<4xf32> {llcc.input = "x"}) -> (tensor<4xf32> {llcc.output = "y"}) {
  // expected-error @+1 {{@k0 is not a kernel (needs llcc.kernel, llcc.extent, llcc.cost and llcc.inplace for each result)}}
  %y = call @k0(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}
func.func private @k0(%x: tensor<4xf32>) -> tensor<4xf32> attributes {llcc.kernel = "map"} {
  return %x : tensor<4xf32>
}

// -----

func.func @step_stage0(%x: tensor<4xf32> {llcc.input = "x"}) {
  // expected-error @+1 {{AllReduce runs over axis "data", which needs the module attribute llcc.mesh}}
  %y = llcc.all_reduce <sum> %x over ["data"] : tensor<4xf32> -> tensor<4xf32>
  llcc.capture "loss" "loss" %y : tensor<4xf32>
  return
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["tensor"], [2]>} {
  func.func @step_stage0(%x: tensor<4xf32> {llcc.input = "x"}) {
    // expected-error @+1 {{AllReduce runs over axis "data", which the module's mesh does not have}}
    %y = llcc.all_reduce <sum> %x over ["data"] : tensor<4xf32> -> tensor<4xf32>
    llcc.capture "loss" "loss" %y : tensor<4xf32>
    return
  }
}
