// A transformer block whose feed-forward part works on [batch * sequence, features]; batch 7. MESH stands for the mesh.
module attributes {llcc.mesh = #llcc.mesh<MESH>} {
  func.func @forward(%ids: tensor<7x5xi64> {llcc.input = "ids", llcc.batched, llcc.classes = 11 : i64},
                     %tok_weight: tensor<11x12xf32> {llcc.param = "tok.weight", llcc.trainable},
                     %pos_weight: tensor<5x12xf32> {llcc.param = "pos.weight", llcc.trainable},
                     %ln1_scale: tensor<12xf32> {llcc.param = "ln1.scale", llcc.trainable},
                     %ln1_bias: tensor<12xf32> {llcc.param = "ln1.bias", llcc.trainable},
                     %q_weight: tensor<12x12xf32> {llcc.param = "q.weight", llcc.trainable},
                     %q_bias: tensor<12xf32> {llcc.param = "q.bias", llcc.trainable},
                     %k_weight: tensor<12x12xf32> {llcc.param = "k.weight", llcc.trainable},
                     %v_weight: tensor<12x12xf32> {llcc.param = "v.weight", llcc.trainable},
                     %v_bias: tensor<12xf32> {llcc.param = "v.bias", llcc.trainable},
                     %o_weight: tensor<12x12xf32> {llcc.param = "o.weight", llcc.trainable},
                     %o_bias: tensor<12xf32> {llcc.param = "o.bias", llcc.trainable},
                     %ln2_scale: tensor<12xf32> {llcc.param = "ln2.scale", llcc.trainable},
                     %ln2_bias: tensor<12xf32> {llcc.param = "ln2.bias", llcc.trainable},
                     %up_weight: tensor<12x18xf32> {llcc.param = "up.weight", llcc.trainable},
                     %up_bias: tensor<18xf32> {llcc.param = "up.bias", llcc.trainable},
                     %down_weight: tensor<18x12xf32> {llcc.param = "down.weight", llcc.trainable},
                     %down_bias: tensor<12xf32> {llcc.param = "down.bias", llcc.trainable},
                     %head_weight: tensor<12x11xf32> {llcc.param = "head.weight", llcc.trainable},
                     %head_bias: tensor<11xf32> {llcc.param = "head.bias", llcc.trainable})
      -> (tensor<7x5x11xf32> {llcc.output = "y"}) {
    %v1 = llcc.gather %tok_weight, %ids axis 0 : tensor<11x12xf32>, tensor<7x5xi64> -> tensor<7x5x12xf32> loc("tok")
    %v2 = llcc.broadcast %pos_weight dims [1, 2] : tensor<5x12xf32> -> tensor<7x5x12xf32>
    %v3 = arith.addf %v1, %v2 : tensor<7x5x12xf32> loc("pos")
    %v4 = llcc.layer_norm %v3, %ln1_scale, %ln1_bias axis 2 epsilon 1.0e-05 : tensor<7x5x12xf32>, tensor<12xf32>, tensor<12xf32> -> tensor<7x5x12xf32> loc("ln1")
    %v5 = llcc.dot %v4, %q_weight batch [] x [] contract [2] x [0] : tensor<7x5x12xf32>, tensor<12x12xf32> -> tensor<7x5x12xf32> loc("q")
    %v6 = llcc.broadcast %q_bias dims [2] : tensor<12xf32> -> tensor<7x5x12xf32>
    %v7 = arith.addf %v5, %v6 : tensor<7x5x12xf32> loc("q")
    %v8 = llcc.reshape %v7 : tensor<7x5x12xf32> -> tensor<7x5x4x3xf32>
    %v9 = llcc.transpose %v8 perm [0, 2, 1, 3] : tensor<7x5x4x3xf32> -> tensor<7x4x5x3xf32>
    %v10 = llcc.dot %v4, %k_weight batch [] x [] contract [2] x [0] : tensor<7x5x12xf32>, tensor<12x12xf32> -> tensor<7x5x12xf32> loc("k")
    %v11 = llcc.reshape %v10 : tensor<7x5x12xf32> -> tensor<7x5x4x3xf32>
    %v12 = llcc.transpose %v11 perm [0, 2, 1, 3] : tensor<7x5x4x3xf32> -> tensor<7x4x5x3xf32>
    %v13 = llcc.dot %v4, %v_weight batch [] x [] contract [2] x [0] : tensor<7x5x12xf32>, tensor<12x12xf32> -> tensor<7x5x12xf32> loc("v")
    %v14 = llcc.broadcast %v_bias dims [2] : tensor<12xf32> -> tensor<7x5x12xf32>
    %v15 = arith.addf %v13, %v14 : tensor<7x5x12xf32> loc("v")
    %v16 = llcc.reshape %v15 : tensor<7x5x12xf32> -> tensor<7x5x4x3xf32>
    %v17 = llcc.transpose %v16 perm [0, 2, 1, 3] : tensor<7x5x4x3xf32> -> tensor<7x4x5x3xf32>
    %v18 = llcc.dot %v9, %v12 batch [0, 1] x [0, 1] contract [3] x [3] : tensor<7x4x5x3xf32>, tensor<7x4x5x3xf32> -> tensor<7x4x5x5xf32> loc("scores")
    %v19 = llcc.softmax %v18 axis 3 : tensor<7x4x5x5xf32> loc("softmax")
    %v20 = llcc.dot %v19, %v17 batch [0, 1] x [0, 1] contract [3] x [2] : tensor<7x4x5x5xf32>, tensor<7x4x5x3xf32> -> tensor<7x4x5x3xf32> loc("context")
    %v21 = llcc.transpose %v20 perm [0, 2, 1, 3] : tensor<7x4x5x3xf32> -> tensor<7x5x4x3xf32>
    %v22 = llcc.reshape %v21 : tensor<7x5x4x3xf32> -> tensor<7x5x12xf32>
    %v23 = llcc.dot %v22, %o_weight batch [] x [] contract [2] x [0] : tensor<7x5x12xf32>, tensor<12x12xf32> -> tensor<7x5x12xf32> loc("o")
    %v24 = llcc.broadcast %o_bias dims [2] : tensor<12xf32> -> tensor<7x5x12xf32>
    %v25 = arith.addf %v23, %v24 : tensor<7x5x12xf32> loc("o")
    %v26 = arith.addf %v3, %v25 : tensor<7x5x12xf32> loc("add1")
    %v27 = llcc.layer_norm %v26, %ln2_scale, %ln2_bias axis 2 epsilon 1.0e-05 : tensor<7x5x12xf32>, tensor<12xf32>, tensor<12xf32> -> tensor<7x5x12xf32> loc("ln2")
    %v28 = llcc.reshape %v27 : tensor<7x5x12xf32> -> tensor<35x12xf32>
    %v29 = llcc.dot %v28, %up_weight batch [] x [] contract [1] x [0] : tensor<35x12xf32>, tensor<12x18xf32> -> tensor<35x18xf32> loc("up")
    %v30 = llcc.broadcast %up_bias dims [1] : tensor<18xf32> -> tensor<35x18xf32>
    %v31 = arith.addf %v29, %v30 : tensor<35x18xf32> loc("up")
    %v32 = llcc.gelu %v31 : tensor<35x18xf32> loc("gelu")
    %v33 = llcc.dot %v32, %down_weight batch [] x [] contract [1] x [0] : tensor<35x18xf32>, tensor<18x12xf32> -> tensor<35x12xf32> loc("down")
    %v34 = llcc.broadcast %down_bias dims [1] : tensor<12xf32> -> tensor<35x12xf32>
    %v35 = arith.addf %v33, %v34 : tensor<35x12xf32> loc("down")
    %v36 = llcc.reshape %v35 : tensor<35x12xf32> -> tensor<7x5x12xf32>
    %v37 = arith.addf %v26, %v36 : tensor<7x5x12xf32> loc("add2")
    %v38 = llcc.dot %v37, %head_weight batch [] x [] contract [2] x [0] : tensor<7x5x12xf32>, tensor<12x11xf32> -> tensor<7x5x11xf32> loc("head")
    %v39 = llcc.broadcast %head_bias dims [2] : tensor<11xf32> -> tensor<7x5x11xf32>
    %v40 = arith.addf %v38, %v39 : tensor<7x5x11xf32> loc("head")
    return %v40 : tensor<7x5x11xf32>
  }
}

