// RUN: llcc-opt --mlir-print-debuginfo --llcc-find-blocks %s | FileCheck %s
// Three equal layers between an embedding and a head of other sizes; two residual blocks of another width behind them. What only looks alike (activations) is no block.

// CHECK: llcc.blocks = {act1 = 0 : i64, act2 = 1 : i64, act3 = 2 : i64, fc1 = 0 : i64, fc2 = 1 : i64, fc3 = 2 : i64, res1 = 3 : i64, res2 = 4 : i64, wide1 = 3 : i64, wide2 = 4 : i64}
module {
  func.func @gradients(%x: tensor<4x3xf32> {llcc.input = "x"}, %w0: tensor<3x8xf32> {llcc.param = "w0"}, %w: tensor<8x8xf32> {llcc.param = "w"},
      %wide: tensor<8x6xf32> {llcc.param = "wide"}, %v: tensor<6x6xf32> {llcc.param = "v"}) -> (tensor<4x6xf32> {llcc.loss}) {
    %e = llcc.dot %x, %w0 batch [] x [] contract [1] x [0] : tensor<4x3xf32>, tensor<3x8xf32> -> tensor<4x8xf32> loc("embed")
    %a = llcc.dot %e, %w batch [] x [] contract [1] x [0] : tensor<4x8xf32>, tensor<8x8xf32> -> tensor<4x8xf32> loc("fc1")
    %b = math.tanh %a : tensor<4x8xf32> loc("act1")
    %c = llcc.dot %b, %w batch [] x [] contract [1] x [0] : tensor<4x8xf32>, tensor<8x8xf32> -> tensor<4x8xf32> loc("fc2")
    %d = math.tanh %c : tensor<4x8xf32> loc("act2")
    %f = llcc.dot %d, %w batch [] x [] contract [1] x [0] : tensor<4x8xf32>, tensor<8x8xf32> -> tensor<4x8xf32> loc("fc3")
    %g = math.tanh %f : tensor<4x8xf32> loc("act3")
    %h = llcc.dot %g, %wide batch [] x [] contract [1] x [0] : tensor<4x8xf32>, tensor<8x6xf32> -> tensor<4x6xf32> loc("widen")
    %i = llcc.dot %h, %v batch [] x [] contract [1] x [0] : tensor<4x6xf32>, tensor<6x6xf32> -> tensor<4x6xf32> loc("wide1")
    %j = arith.addf %i, %h : tensor<4x6xf32> loc("res1")
    %k = llcc.dot %j, %v batch [] x [] contract [1] x [0] : tensor<4x6xf32>, tensor<6x6xf32> -> tensor<4x6xf32> loc("wide2")
    %l = arith.addf %k, %j : tensor<4x6xf32> loc("res2")
    %m = math.exp %l : tensor<4x6xf32> loc("exp1")
    %n = math.exp %m : tensor<4x6xf32> loc("exp2")
    %o = math.exp %n : tensor<4x6xf32> loc("exp3")
    return %o : tensor<4x6xf32>
  }
  func.func @update() { return }
}
