// Convolutions, both poolings, a reshape to features and a linear layer; 5 samples, 3, 6 and 4 channels.
module attributes {llcc.model = "cnn.onnx", llcc.mesh = #llcc.mesh<MESH>} {
  func.func @forward(%x: tensor<5x3x8x8xf32> {llcc.input = "x", llcc.batched},
      %k1: tensor<6x3x3x3xf32> {llcc.param = "conv1.weight", llcc.trainable}, %b1: tensor<6xf32> {llcc.param = "conv1.bias", llcc.trainable},
      %k2: tensor<4x6x3x3xf32> {llcc.param = "conv2.weight", llcc.trainable}, %w: tensor<16x3xf32> {llcc.param = "fc.weight", llcc.trainable})
      -> (tensor<5x3xf32> {llcc.output = "logits"}) {
    %c0 = llcc.conv %x, %k1 {strides = array<i64: 1, 1>, pads_lo = array<i64: 1, 1>, pads_hi = array<i64: 1, 1>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<5x3x8x8xf32>, tensor<6x3x3x3xf32> -> tensor<5x6x8x8xf32> loc("conv1")
    %bb = llcc.broadcast %b1 dims [1] : tensor<6xf32> -> tensor<5x6x8x8xf32> loc("conv1")
    %c1 = arith.addf %c0, %bb : tensor<5x6x8x8xf32> loc("conv1")
    %r = math.tanh %c1 : tensor<5x6x8x8xf32> loc("act1")
    %p = llcc.max_pool %r {window = array<i64: 2, 2>, strides = array<i64: 2, 2>, pads_lo = array<i64: 0, 0>, pads_hi = array<i64: 0, 0>, dilations = array<i64: 1, 1>} : tensor<5x6x8x8xf32> -> tensor<5x6x4x4xf32> loc("pool1")
    %d0 = llcc.conv %p, %k2 {strides = array<i64: 1, 1>, pads_lo = array<i64: 1, 1>, pads_hi = array<i64: 1, 1>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<5x6x4x4xf32>, tensor<4x6x3x3xf32> -> tensor<5x4x4x4xf32> loc("conv2")
    %d = math.tanh %d0 : tensor<5x4x4x4xf32> loc("act2")
    %q = llcc.avg_pool %d {window = array<i64: 2, 2>, strides = array<i64: 2, 2>, pads_lo = array<i64: 0, 0>, pads_hi = array<i64: 0, 0>, dilations = array<i64: 1, 1>, count_include_pad = false} : tensor<5x4x4x4xf32> -> tensor<5x4x2x2xf32> loc("pool2")
    %f = llcc.reshape %q : tensor<5x4x2x2xf32> -> tensor<5x16xf32> loc("flatten")
    %o = llcc.dot %f, %w batch [] x [] contract [1] x [0] : tensor<5x16xf32>, tensor<16x3xf32> -> tensor<5x3xf32> loc("fc")
    return %o : tensor<5x3xf32>
  }
}
