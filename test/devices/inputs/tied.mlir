// One weight in the first and the last layer, a frozen scale in two, and a residual from the first to the last: what crosses pipeline stages in every way.
module attributes {llcc.model = "tied.onnx", llcc.mesh = #llcc.mesh<MESH>} {
  func.func @forward(%x: tensor<6x5xf32> {llcc.input = "x", llcc.batched},
      %w: tensor<5x5xf32> {llcc.param = "shared.weight", llcc.trainable}, %scale: tensor<5xf32> {llcc.param = "scale"},
      %w2: tensor<5x5xf32> {llcc.param = "fc2.weight", llcc.trainable}, %unused: tensor<2xf32> {llcc.param = "unused", llcc.trainable})
      -> (tensor<6x5xf32> {llcc.output = "logits"}) {
    %a0 = llcc.dot %x, %w batch [] x [] contract [1] x [0] : tensor<6x5xf32>, tensor<5x5xf32> -> tensor<6x5xf32> loc("fc1")
    %s = llcc.broadcast %scale dims [1] : tensor<5xf32> -> tensor<6x5xf32> loc("scale1")
    %a1 = arith.mulf %a0, %s : tensor<6x5xf32> loc("scale1")
    %a = math.tanh %a1 : tensor<6x5xf32> loc("act1")
    %b0 = llcc.dot %a, %w2 batch [] x [] contract [1] x [0] : tensor<6x5xf32>, tensor<5x5xf32> -> tensor<6x5xf32> loc("fc2")
    %b = math.tanh %b0 : tensor<6x5xf32> loc("act2")
    %c0 = llcc.dot %b, %w batch [] x [] contract [1] x [1] : tensor<6x5xf32>, tensor<5x5xf32> -> tensor<6x5xf32> loc("fc3")
    %s2 = llcc.broadcast %scale dims [1] : tensor<5xf32> -> tensor<6x5xf32> loc("scale2")
    %c1 = arith.mulf %c0, %s2 : tensor<6x5xf32> loc("scale2")
    %c = arith.addf %c1, %a : tensor<6x5xf32> loc("residual")
    return %c : tensor<6x5xf32>
  }
}
