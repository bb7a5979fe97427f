// One training step of 784-128-10 with relu, cross-entropy and SGD, as the shard stage hands it to lower.
func.func @step_stage0(%x: tensor<64x784xf32> {llcc.input = "x", llcc.batched, llcc.microbatch = 0 : i64},
    %y: tensor<64xi64> {llcc.label = "label", llcc.batched, llcc.classes = 10 : i64, llcc.microbatch = 0 : i64},
    %w1: tensor<784x128xf32> {llcc.param = "fc1.weight", llcc.trainable}, %b1: tensor<128xf32> {llcc.param = "fc1.bias", llcc.trainable},
    %w2: tensor<10x128xf32> {llcc.param = "fc2.weight", llcc.trainable}, %b2: tensor<10xf32> {llcc.param = "fc2.bias", llcc.trainable},
    %lr: tensor<f32> {llcc.scalar = "lr"})
    -> (tensor<f32> {llcc.loss}, tensor<784x128xf32> {llcc.param = "fc1.weight"}, tensor<128xf32> {llcc.param = "fc1.bias"},
        tensor<10x128xf32> {llcc.param = "fc2.weight"}, tensor<10xf32> {llcc.param = "fc2.bias"}) {
  %d1 = llcc.dot %x, %w1 batch [] x [] contract [1] x [0] : tensor<64x784xf32>, tensor<784x128xf32> -> tensor<64x128xf32> loc("fc1")
  %bb1 = llcc.broadcast %b1 dims [1] : tensor<128xf32> -> tensor<64x128xf32> loc("fc1")
  %h1 = arith.addf %d1, %bb1 : tensor<64x128xf32> loc("fc1")
  %zero = arith.constant dense<0.0> : tensor<64x128xf32>
  %c1 = arith.cmpf ugt, %h1, %zero : tensor<64x128xf32> loc("relu1")
  %r1 = arith.select %c1, %h1, %zero : tensor<64x128xi1>, tensor<64x128xf32> loc("relu1")
  %w2t = llcc.transpose %w2 perm [1, 0] : tensor<10x128xf32> -> tensor<128x10xf32> loc("fc2")
  %d2 = llcc.dot %r1, %w2t batch [] x [] contract [1] x [0] : tensor<64x128xf32>, tensor<128x10xf32> -> tensor<64x10xf32> loc("fc2")
  %bb2 = llcc.broadcast %b2 dims [1] : tensor<10xf32> -> tensor<64x10xf32> loc("fc2")
  %z = arith.addf %d2, %bb2 : tensor<64x10xf32> loc("fc2")
  // Cross-entropy.
  %m = llcc.reduce <max> %z dims [1] : tensor<64x10xf32> -> tensor<64xf32> loc("loss")
  %mb = llcc.broadcast %m dims [0] : tensor<64xf32> -> tensor<64x10xf32> loc("loss")
  %zs = arith.subf %z, %mb : tensor<64x10xf32> loc("loss")
  %e = math.exp %zs : tensor<64x10xf32> loc("loss")
  %s = llcc.reduce <sum> %e dims [1] : tensor<64x10xf32> -> tensor<64xf32> loc("loss")
  %ls = math.log %s : tensor<64xf32> loc("loss")
  %lsb = llcc.broadcast %ls dims [0] : tensor<64xf32> -> tensor<64x10xf32> loc("loss")
  %lp = arith.subf %zs, %lsb : tensor<64x10xf32> loc("loss")
  %it = llcc.iota dim 1 : tensor<64x10xi64> loc("loss")
  %yb = llcc.broadcast %y dims [0] : tensor<64xi64> -> tensor<64x10xi64> loc("loss")
  %hit = arith.cmpi eq, %it, %yb : tensor<64x10xi64> loc("loss")
  %zero2 = arith.constant dense<0.0> : tensor<64x10xf32>
  %pick = arith.select %hit, %lp, %zero2 : tensor<64x10xi1>, tensor<64x10xf32> loc("loss")
  %rowl = llcc.reduce <sum> %pick dims [1] : tensor<64x10xf32> -> tensor<64xf32> loc("loss")
  %sum = llcc.reduce <sum> %rowl dims [0] : tensor<64xf32> -> tensor<f32> loc("loss")
  %n = arith.constant dense<-0.015625> : tensor<f32>
  %loss = arith.mulf %sum, %n : tensor<f32> loc("loss")
  llcc.capture "loss" "loss" %loss : tensor<f32> loc("loss")
  // Backward.
  %p = math.exp %lp : tensor<64x10xf32> loc("grad"("loss"))
  %one = arith.constant dense<1.0> : tensor<64x10xf32>
  %oh = arith.select %hit, %one, %zero2 : tensor<64x10xi1>, tensor<64x10xf32> loc("grad"("loss"))
  %pd = arith.subf %p, %oh : tensor<64x10xf32> loc("grad"("loss"))
  %sc = arith.constant dense<0.015625> : tensor<64x10xf32>
  %dz = arith.mulf %pd, %sc : tensor<64x10xf32> loc("grad"("loss"))
  %gb2 = llcc.reduce <sum> %dz dims [0] : tensor<64x10xf32> -> tensor<10xf32> loc("grad"("fc2"))
  %gw2 = llcc.dot %dz, %r1 batch [] x [] contract [0] x [0] : tensor<64x10xf32>, tensor<64x128xf32> -> tensor<10x128xf32> loc("grad"("fc2"))
  %dr1 = llcc.dot %dz, %w2 batch [] x [] contract [1] x [0] : tensor<64x10xf32>, tensor<10x128xf32> -> tensor<64x128xf32> loc("grad"("fc2"))
  %c1b = arith.cmpf ugt, %h1, %zero : tensor<64x128xf32> loc("grad"("relu1"))
  %dh1 = arith.select %c1b, %dr1, %zero : tensor<64x128xi1>, tensor<64x128xf32> loc("grad"("relu1"))
  %gb1 = llcc.reduce <sum> %dh1 dims [0] : tensor<64x128xf32> -> tensor<128xf32> loc("grad"("fc1"))
  %gw1 = llcc.dot %x, %dh1 batch [] x [] contract [0] x [0] : tensor<64x784xf32>, tensor<64x128xf32> -> tensor<784x128xf32> loc("grad"("fc1"))
  llcc.capture "gradient" "fc1.weight" %gw1 : tensor<784x128xf32> loc("update")
  // SGD.
  %l1 = llcc.broadcast %lr dims [] : tensor<f32> -> tensor<784x128xf32> loc("update")
  %u1 = arith.mulf %l1, %gw1 : tensor<784x128xf32> loc("update")
  %nw1 = arith.subf %w1, %u1 : tensor<784x128xf32> loc("update")
  %l2 = llcc.broadcast %lr dims [] : tensor<f32> -> tensor<128xf32> loc("update")
  %u2 = arith.mulf %l2, %gb1 : tensor<128xf32> loc("update")
  %nb1 = arith.subf %b1, %u2 : tensor<128xf32> loc("update")
  %l3 = llcc.broadcast %lr dims [] : tensor<f32> -> tensor<10x128xf32> loc("update")
  %u3 = arith.mulf %l3, %gw2 : tensor<10x128xf32> loc("update")
  %nw2 = arith.subf %w2, %u3 : tensor<10x128xf32> loc("update")
  %l4 = llcc.broadcast %lr dims [] : tensor<f32> -> tensor<10xf32> loc("update")
  %u4 = arith.mulf %l4, %gb2 : tensor<10xf32> loc("update")
  %nb2 = arith.subf %b2, %u4 : tensor<10xf32> loc("update")
  return %loss, %nw1, %nb1, %nw2, %nb2 : tensor<f32>, tensor<784x128xf32>, tensor<128xf32>, tensor<10x128xf32>, tensor<10xf32>
}
