// A three-layer perceptron with odd widths; MESH is filled in by step.sh.
module attributes {llcc.model = "mlp.onnx", llcc.mesh = #llcc.mesh<MESH>} {
  func.func @forward(%x: tensor<10x6xf32> {llcc.input = "x", llcc.batched},
      %w1: tensor<6x7xf32> {llcc.param = "fc1.weight", llcc.trainable}, %b1: tensor<7xf32> {llcc.param = "fc1.bias", llcc.trainable},
      %w2: tensor<7x5xf32> {llcc.param = "fc2.weight", llcc.trainable}, %b2: tensor<5xf32> {llcc.param = "fc2.bias", llcc.trainable},
      %w3: tensor<5x4xf32> {llcc.param = "fc3.weight", llcc.trainable})
      -> (tensor<10x4xf32> {llcc.output = "logits"}) {
    %h0 = llcc.dot %x, %w1 batch [] x [] contract [1] x [0] : tensor<10x6xf32>, tensor<6x7xf32> -> tensor<10x7xf32> loc("fc1")
    %bb = llcc.broadcast %b1 dims [1] : tensor<7xf32> -> tensor<10x7xf32> loc("fc1")
    %h1 = arith.addf %h0, %bb : tensor<10x7xf32> loc("fc1")
    %h = math.tanh %h1 : tensor<10x7xf32> loc("act1")
    %o0 = llcc.dot %h, %w2 batch [] x [] contract [1] x [0] : tensor<10x7xf32>, tensor<7x5xf32> -> tensor<10x5xf32> loc("fc2")
    %b2b = llcc.broadcast %b2 dims [1] : tensor<5xf32> -> tensor<10x5xf32> loc("fc2")
    %o1 = arith.addf %o0, %b2b : tensor<10x5xf32> loc("fc2")
    %o2 = math.tanh %o1 : tensor<10x5xf32> loc("act2")
    %o = llcc.dot %o2, %w3 batch [] x [] contract [1] x [0] : tensor<10x5xf32>, tensor<5x4xf32> -> tensor<10x4xf32> loc("fc3")
    return %o : tensor<10x4xf32>
  }
}
