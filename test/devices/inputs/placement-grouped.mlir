// Convolutions of which the second has two groups; MESH stands for the mesh.
module attributes {llcc.mesh = #llcc.mesh<MESH>} {
  func.func @forward(%x: tensor<4x3x8x8xf32> {llcc.input = "x", llcc.batched},
                     %c1_weight: tensor<6x3x3x3xf32> {llcc.param = "c1.weight", llcc.trainable},
                     %c1_bias: tensor<6xf32> {llcc.param = "c1.bias", llcc.trainable},
                     %c2_weight: tensor<4x3x2x2xf32> {llcc.param = "c2.weight", llcc.trainable},
                     %c2_bias: tensor<4xf32> {llcc.param = "c2.bias", llcc.trainable},
                     %fc1_weight: tensor<4x7xf32> {llcc.param = "fc1.weight", llcc.trainable},
                     %fc1_bias: tensor<7xf32> {llcc.param = "fc1.bias", llcc.trainable},
                     %fc2_weight: tensor<7x5xf32> {llcc.param = "fc2.weight", llcc.trainable},
                     %fc2_bias: tensor<5xf32> {llcc.param = "fc2.bias", llcc.trainable})
      -> (tensor<4x5xf32> {llcc.output = "y"}) {
    %v1 = llcc.conv %x, %c1_weight {strides = array<i64: 1, 1>, pads_lo = array<i64: 0, 0>, pads_hi = array<i64: 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<4x3x8x8xf32>, tensor<6x3x3x3xf32> -> tensor<4x6x6x6xf32> loc("c1")
    %v2 = llcc.broadcast %c1_bias dims [1] : tensor<6xf32> -> tensor<4x6x6x6xf32>
    %v3 = arith.addf %v1, %v2 : tensor<4x6x6x6xf32> loc("c1")
    %v4 = math.tanh %v3 : tensor<4x6x6x6xf32> loc("t1")
    %v5 = llcc.max_pool %v4 {window = array<i64: 2, 2>, strides = array<i64: 2, 2>, pads_lo = array<i64: 0, 0>, pads_hi = array<i64: 0, 0>, dilations = array<i64: 1, 1>} : tensor<4x6x6x6xf32> -> tensor<4x6x3x3xf32> loc("max_pool")
    %v6 = llcc.conv %v5, %c2_weight {strides = array<i64: 1, 1>, pads_lo = array<i64: 0, 0>, pads_hi = array<i64: 0, 0>, dilations = array<i64: 1, 1>, groups = 2 : i64} : tensor<4x6x3x3xf32>, tensor<4x3x2x2xf32> -> tensor<4x4x2x2xf32> loc("c2")
    %v7 = llcc.broadcast %c2_bias dims [1] : tensor<4xf32> -> tensor<4x4x2x2xf32>
    %v8 = arith.addf %v6, %v7 : tensor<4x4x2x2xf32> loc("c2")
    %v9 = math.tanh %v8 : tensor<4x4x2x2xf32> loc("t2")
    %v10 = llcc.avg_pool %v9 {window = array<i64: 2, 2>, strides = array<i64: 2, 2>, pads_lo = array<i64: 0, 0>, pads_hi = array<i64: 0, 0>, dilations = array<i64: 1, 1>, count_include_pad = false} : tensor<4x4x2x2xf32> -> tensor<4x4x1x1xf32> loc("avg_pool")
    %v11 = llcc.reshape %v10 : tensor<4x4x1x1xf32> -> tensor<4x4xf32>
    %v12 = llcc.dot %v11, %fc1_weight batch [] x [] contract [1] x [0] : tensor<4x4xf32>, tensor<4x7xf32> -> tensor<4x7xf32> loc("fc1")
    %v13 = llcc.broadcast %fc1_bias dims [1] : tensor<7xf32> -> tensor<4x7xf32>
    %v14 = arith.addf %v12, %v13 : tensor<4x7xf32> loc("fc1")
    %v15 = math.tanh %v14 : tensor<4x7xf32> loc("t3")
    %v16 = llcc.dot %v15, %fc2_weight batch [] x [] contract [1] x [0] : tensor<4x7xf32>, tensor<7x5xf32> -> tensor<4x5xf32> loc("fc2")
    %v17 = llcc.broadcast %fc2_bias dims [1] : tensor<5xf32> -> tensor<4x5xf32>
    %v18 = arith.addf %v16, %v17 : tensor<4x5xf32> loc("fc2")
    return %v18 : tensor<4x5xf32>
  }
}

