// Convolutions of all kinds of windows along their rows (odd and even, with strides and dilations) under a norm over the batch, a pooling and a mean;
// 5 samples, 16 rows. MESH stands for the mesh.
module attributes {llcc.model = "spatial.onnx", llcc.mesh = #llcc.mesh<MESH>} {
  func.func @forward(%x: tensor<5x2x16x4xf32> {llcc.input = "x", llcc.batched},
      %k0: tensor<3x2x3x3xf32> {llcc.param = "conv0.weight", llcc.trainable},
      %k1: tensor<2x3x4x3xf32> {llcc.param = "conv1.weight", llcc.trainable},
      %k2: tensor<3x2x5x3xf32> {llcc.param = "conv2.weight", llcc.trainable},
      %k3: tensor<2x3x3x3xf32> {llcc.param = "conv3.weight", llcc.trainable},
      %k4: tensor<3x2x3x3xf32> {llcc.param = "conv4.weight", llcc.trainable},
      %w: tensor<3x3xf32> {llcc.param = "fc.weight", llcc.trainable})
      -> (tensor<5x3xf32> {llcc.output = "logits"}) {
    %c0 = llcc.conv %x, %k0 {strides = array<i64: 1, 1>, pads_lo = array<i64: 1, 1>, pads_hi = array<i64: 1, 1>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<5x2x16x4xf32>, tensor<3x2x3x3xf32> -> tensor<5x3x16x4xf32> loc("conv0")
    %n0 = llcc.standardize %c0 dims [0, 2, 3] epsilon 1.0e-05 : tensor<5x3x16x4xf32> loc("norm")
    %a0 = math.tanh %n0 : tensor<5x3x16x4xf32> loc("act0")
    %c1 = llcc.conv %a0, %k1 {strides = array<i64: 2, 1>, pads_lo = array<i64: 1, 1>, pads_hi = array<i64: 1, 1>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<5x3x16x4xf32>, tensor<2x3x4x3xf32> -> tensor<5x2x8x4xf32> loc("conv1")
    %a1 = math.tanh %c1 : tensor<5x2x8x4xf32> loc("act1")
    %c2 = llcc.conv %a1, %k2 {strides = array<i64: 1, 1>, pads_lo = array<i64: 2, 1>, pads_hi = array<i64: 2, 1>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<5x2x8x4xf32>, tensor<3x2x5x3xf32> -> tensor<5x3x8x4xf32> loc("conv2")
    %a2 = math.tanh %c2 : tensor<5x3x8x4xf32> loc("act2")
    %c3 = llcc.conv %a2, %k3 {strides = array<i64: 1, 1>, pads_lo = array<i64: 2, 1>, pads_hi = array<i64: 2, 1>, dilations = array<i64: 2, 1>, groups = 1 : i64} : tensor<5x3x8x4xf32>, tensor<2x3x3x3xf32> -> tensor<5x2x8x4xf32> loc("conv3")
    %a3 = math.tanh %c3 : tensor<5x2x8x4xf32> loc("act3")
    %c4 = llcc.conv %a3, %k4 {strides = array<i64: 2, 1>, pads_lo = array<i64: 1, 1>, pads_hi = array<i64: 1, 1>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<5x2x8x4xf32>, tensor<3x2x3x3xf32> -> tensor<5x3x4x4xf32> loc("conv4")
    %a4 = math.tanh %c4 : tensor<5x3x4x4xf32> loc("act4")
    %p = llcc.max_pool %a4 {window = array<i64: 1, 2>, strides = array<i64: 1, 2>, pads_lo = array<i64: 0, 0>, pads_hi = array<i64: 0, 0>, dilations = array<i64: 1, 1>} : tensor<5x3x4x4xf32> -> tensor<5x3x4x2xf32> loc("pool")
    %s = llcc.reduce <sum> %p dims [2, 3] : tensor<5x3x4x2xf32> -> tensor<5x3xf32> loc("mean")
    %o = llcc.dot %s, %w batch [] x [] contract [1] x [0] : tensor<5x3xf32>, tensor<3x3xf32> -> tensor<5x3xf32> loc("fc")
    return %o : tensor<5x3xf32>
  }
}
