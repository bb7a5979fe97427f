// Every op that moves, regroups or reduces, after import: ConvTranspose, batch norm, slice, pad, concat, gather, iota; MESH stands for the mesh.
module attributes {llcc.mesh = #llcc.mesh<MESH>} {
  func.func @forward(%x: tensor<6x3x4x6xf32> {llcc.input = "x", llcc.batched},
                     %up_weight: tensor<3x4x2x2xf32> {llcc.param = "up.weight", llcc.trainable},
                     %bn_scale: tensor<4xf32> {llcc.param = "bn.scale", llcc.trainable},
                     %fc1_weight: tensor<139x10xf32> {llcc.param = "fc1.weight", llcc.trainable},
                     %fc1_bias: tensor<10xf32> {llcc.param = "fc1.bias", llcc.trainable},
                     %scale: tensor<1x10xf32> {llcc.param = "scale", llcc.trainable},
                     %fc2_weight: tensor<10x5xf32> {llcc.param = "fc2.weight", llcc.trainable},
                     %fc2_bias: tensor<5xf32> {llcc.param = "fc2.bias", llcc.trainable})
      -> (tensor<6x5xf32> {llcc.output = "y"}) {
    %v1 = llcc.conv_input_grad %x, %up_weight {strides = array<i64: 2, 2>, pads_lo = array<i64: 0, 0>, pads_hi = array<i64: 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<6x3x4x6xf32>, tensor<3x4x2x2xf32> -> tensor<6x4x8x12xf32> loc("up")
    %v2 = llcc.reduce <sum> %v1 dims [0, 2, 3] : tensor<6x4x8x12xf32> -> tensor<4xf32>
    %v3 = arith.constant dense<576.0> : tensor<4xf32>
    %v4 = arith.divf %v2, %v3 : tensor<4xf32>
    %v5 = llcc.broadcast %v4 dims [1] : tensor<4xf32> -> tensor<6x4x8x12xf32>
    %v6 = arith.subf %v1, %v5 : tensor<6x4x8x12xf32>
    %v7 = arith.mulf %v6, %v6 : tensor<6x4x8x12xf32>
    %v8 = llcc.reduce <sum> %v7 dims [0, 2, 3] : tensor<6x4x8x12xf32> -> tensor<4xf32>
    %v9 = arith.constant dense<576.0> : tensor<4xf32>
    %v10 = arith.divf %v8, %v9 : tensor<4xf32>
    %v11 = arith.constant dense<1.0e-05> : tensor<4xf32>
    %v12 = arith.addf %v10, %v11 : tensor<4xf32>
    %v13 = math.rsqrt %v12 : tensor<4xf32>
    %v14 = llcc.broadcast %v13 dims [1] : tensor<4xf32> -> tensor<6x4x8x12xf32>
    %v15 = arith.mulf %v6, %v14 : tensor<6x4x8x12xf32>
    %v16 = llcc.broadcast %bn_scale dims [1] : tensor<4xf32> -> tensor<6x4x8x12xf32>
    %v17 = arith.mulf %v15, %v16 : tensor<6x4x8x12xf32> loc("bn")
    %v18 = llcc.slice %v17 starts [0, 1, 0, 1] strides [1, 2, 1, 2] : tensor<6x4x8x12xf32> -> tensor<6x2x8x6xf32> loc("slice")
    %v19 = llcc.pad %v18 lo [0, 1, 0, 2] hi [0, 0, 0, 0] interior [0, 0, 0, 1] {value = 0.5 : f64} : tensor<6x2x8x6xf32> -> tensor<6x3x8x13xf32> loc("pad")
    %v20 = llcc.slice %v19 starts [0, 0, 0, 0] strides [1, 1, 1, 1] : tensor<6x3x8x13xf32> -> tensor<6x3x8x12xf32> loc("crop")
    %v21 = llcc.concat %v17, %v20 dim 1 : tensor<6x4x8x12xf32>, tensor<6x3x8x12xf32> -> tensor<6x7x8x12xf32> loc("concat")
    %v22 = arith.constant dense<[0, 5, 5, 11, 2]> : tensor<5xi64>
    %v23 = llcc.gather %v21, %v22 axis 3 : tensor<6x7x8x12xf32>, tensor<5xi64> -> tensor<6x7x8x5xf32> loc("gather")
    %v24 = llcc.reduce <max> %v23 dims [2] : tensor<6x7x8x5xf32> -> tensor<6x7x5xf32>
    %v25 = llcc.reduce <min> %v23 dims [1] : tensor<6x7x8x5xf32> -> tensor<6x8x5xf32>
    %v26 = llcc.reduce <sum> %v23 dims [3] : tensor<6x7x8x5xf32> -> tensor<6x7x8xf32>
    %v27 = llcc.sigmoid %v26 : tensor<6x7x8xf32>
    %v28 = llcc.reduce <prod> %v27 dims [1] : tensor<6x7x8xf32> -> tensor<6x8xf32>
    %v29 = llcc.reshape %v26 : tensor<6x7x8xf32> -> tensor<6x14x4xf32>
    %v30 = llcc.transpose %v29 perm [0, 2, 1] : tensor<6x14x4xf32> -> tensor<6x4x14xf32>
    %v31 = llcc.reshape %v24 : tensor<6x7x5xf32> -> tensor<6x35xf32>
    %v32 = llcc.reshape %v25 : tensor<6x8x5xf32> -> tensor<6x40xf32>
    %v33 = llcc.reshape %v30 : tensor<6x4x14xf32> -> tensor<6x56xf32>
    %v34 = llcc.concat %v31, %v32, %v33, %v28 dim 1 : tensor<6x35xf32>, tensor<6x40xf32>, tensor<6x56xf32>, tensor<6x8xf32> -> tensor<6x139xf32> loc("join")
    %v35 = llcc.dot %v34, %fc1_weight batch [] x [] contract [1] x [0] : tensor<6x139xf32>, tensor<139x10xf32> -> tensor<6x10xf32> loc("fc1")
    %v36 = llcc.broadcast %fc1_bias dims [1] : tensor<10xf32> -> tensor<6x10xf32>
    %v37 = arith.addf %v35, %v36 : tensor<6x10xf32> loc("fc1")
    %v38 = llcc.softplus %v37 : tensor<6x10xf32> loc("softplus")
    %v39 = llcc.broadcast %scale dims [0, 1] : tensor<1x10xf32> -> tensor<6x10xf32>
    %v40 = arith.mulf %v38, %v39 : tensor<6x10xf32>
    %v41 = llcc.iota dim 1 : tensor<6x10xf32>
    %v42 = arith.addf %v40, %v41 : tensor<6x10xf32>
    %v43 = arith.constant dense<1.0> : tensor<6x10xf32>
    %v44 = arith.subf %v43, %v40 : tensor<6x10xf32>
    %v45 = arith.maximumf %v42, %v44 : tensor<6x10xf32>
    %v46 = llcc.dot %v45, %fc2_weight batch [] x [] contract [1] x [0] : tensor<6x10xf32>, tensor<10x5xf32> -> tensor<6x5xf32> loc("fc2")
    %v47 = llcc.broadcast %fc2_bias dims [1] : tensor<5xf32> -> tensor<6x5xf32>
    %v48 = arith.addf %v46, %v47 : tensor<6x5xf32> loc("fc2")
    %v49 = llcc.log_softmax %v48 axis 1 : tensor<6x5xf32> loc("logp")
    return %v49 : tensor<6x5xf32>
  }
}

