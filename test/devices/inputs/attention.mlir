// Token and position embeddings, one attention layer of 3 heads, layer norm and a classifier of the mean token; 4 sequences of 6 tokens out of 11.
module attributes {llcc.model = "attention.onnx", llcc.mesh = #llcc.mesh<MESH>} {
  func.func @forward(%ids: tensor<4x6xi64> {llcc.input = "ids", llcc.batched, llcc.classes = 11 : i64},
      %table: tensor<11x12xf32> {llcc.param = "embedding", llcc.trainable}, %pos: tensor<6x12xf32> {llcc.param = "positions", llcc.trainable},
      %wq: tensor<12x12xf32> {llcc.param = "q.weight", llcc.trainable}, %wk: tensor<12x12xf32> {llcc.param = "k.weight", llcc.trainable},
      %wv: tensor<12x12xf32> {llcc.param = "v.weight", llcc.trainable}, %wo: tensor<12x12xf32> {llcc.param = "o.weight", llcc.trainable},
      %scale: tensor<12xf32> {llcc.param = "norm.weight", llcc.trainable}, %bias: tensor<12xf32> {llcc.param = "norm.bias", llcc.trainable},
      %head: tensor<12x5xf32> {llcc.param = "head.weight", llcc.trainable})
      -> (tensor<4x5xf32> {llcc.output = "logits"}) {
    %e = llcc.gather %table, %ids axis 0 : tensor<11x12xf32>, tensor<4x6xi64> -> tensor<4x6x12xf32> loc("embed")
    %pb = llcc.broadcast %pos dims [1, 2] : tensor<6x12xf32> -> tensor<4x6x12xf32> loc("positions")
    %h = arith.addf %e, %pb : tensor<4x6x12xf32> loc("positions")
    %q0 = llcc.dot %h, %wq batch [] x [] contract [2] x [0] : tensor<4x6x12xf32>, tensor<12x12xf32> -> tensor<4x6x12xf32> loc("q")
    %k0 = llcc.dot %h, %wk batch [] x [] contract [2] x [0] : tensor<4x6x12xf32>, tensor<12x12xf32> -> tensor<4x6x12xf32> loc("k")
    %v0 = llcc.dot %h, %wv batch [] x [] contract [2] x [0] : tensor<4x6x12xf32>, tensor<12x12xf32> -> tensor<4x6x12xf32> loc("v")
    %q1 = llcc.reshape %q0 : tensor<4x6x12xf32> -> tensor<4x6x3x4xf32> loc("q")
    %k1 = llcc.reshape %k0 : tensor<4x6x12xf32> -> tensor<4x6x3x4xf32> loc("k")
    %v1 = llcc.reshape %v0 : tensor<4x6x12xf32> -> tensor<4x6x3x4xf32> loc("v")
    %qh = llcc.transpose %q1 perm [0, 2, 1, 3] : tensor<4x6x3x4xf32> -> tensor<4x3x6x4xf32> loc("q")
    %kh = llcc.transpose %k1 perm [0, 2, 1, 3] : tensor<4x6x3x4xf32> -> tensor<4x3x6x4xf32> loc("k")
    %vh = llcc.transpose %v1 perm [0, 2, 1, 3] : tensor<4x6x3x4xf32> -> tensor<4x3x6x4xf32> loc("v")
    %s = llcc.dot %qh, %kh batch [0, 1] x [0, 1] contract [3] x [3] : tensor<4x3x6x4xf32>, tensor<4x3x6x4xf32> -> tensor<4x3x6x6xf32> loc("scores")
    %p = llcc.softmax %s axis 3 : tensor<4x3x6x6xf32> loc("softmax")
    %c = llcc.dot %p, %vh batch [0, 1] x [0, 1] contract [3] x [2] : tensor<4x3x6x6xf32>, tensor<4x3x6x4xf32> -> tensor<4x3x6x4xf32> loc("context")
    %ct = llcc.transpose %c perm [0, 2, 1, 3] : tensor<4x3x6x4xf32> -> tensor<4x6x3x4xf32> loc("context")
    %cr = llcc.reshape %ct : tensor<4x6x3x4xf32> -> tensor<4x6x12xf32> loc("context")
    %o = llcc.dot %cr, %wo batch [] x [] contract [2] x [0] : tensor<4x6x12xf32>, tensor<12x12xf32> -> tensor<4x6x12xf32> loc("o")
    %r = arith.addf %o, %h : tensor<4x6x12xf32> loc("residual")
    %n = llcc.layer_norm %r, %scale, %bias axis 2 epsilon 1.0e-5 : tensor<4x6x12xf32>, tensor<12xf32>, tensor<12xf32> -> tensor<4x6x12xf32> loc("norm")
    %m0 = llcc.reduce <sum> %n dims [1] : tensor<4x6x12xf32> -> tensor<4x12xf32> loc("mean")
    %sixth = arith.constant dense<0.16666667> : tensor<4x12xf32> loc("mean")
    %m = arith.mulf %m0, %sixth : tensor<4x12xf32> loc("mean")
    %l = llcc.dot %m, %head batch [] x [] contract [1] x [0] : tensor<4x12xf32>, tensor<12x5xf32> -> tensor<4x5xf32> loc("head")
    return %l : tensor<4x5xf32>
  }
}
