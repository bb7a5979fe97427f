// A two-layer perceptron, as tensor parallelism cuts it in pairs: columns of the first weight, rows of the second.
module attributes {llcc.model = "pair.onnx", llcc.mesh = #llcc.mesh<MESH>} {
  func.func @forward(%x: tensor<10x6xf32> {llcc.input = "x", llcc.batched},
      %w1: tensor<6x7xf32> {llcc.param = "fc1.weight", llcc.trainable}, %b1: tensor<7xf32> {llcc.param = "fc1.bias", llcc.trainable},
      %w2: tensor<7x4xf32> {llcc.param = "fc2.weight", llcc.trainable}, %b2: tensor<4xf32> {llcc.param = "fc2.bias", llcc.trainable})
      -> (tensor<10x4xf32> {llcc.output = "logits"}) {
    %h0 = llcc.dot %x, %w1 batch [] x [] contract [1] x [0] : tensor<10x6xf32>, tensor<6x7xf32> -> tensor<10x7xf32> loc("fc1")
    %bb = llcc.broadcast %b1 dims [1] : tensor<7xf32> -> tensor<10x7xf32> loc("fc1")
    %h1 = arith.addf %h0, %bb : tensor<10x7xf32> loc("fc1")
    %h = math.exp %h1 : tensor<10x7xf32> loc("act")
    %o0 = llcc.dot %h, %w2 batch [] x [] contract [1] x [0] : tensor<10x7xf32>, tensor<7x4xf32> -> tensor<10x4xf32> loc("fc2")
    %b2b = llcc.broadcast %b2 dims [1] : tensor<4xf32> -> tensor<10x4xf32> loc("fc2")
    %o = arith.addf %o0, %b2b : tensor<10x4xf32> loc("fc2")
    return %o : tensor<10x4xf32>
  }
}
