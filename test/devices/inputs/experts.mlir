// Two layers of experts behind each other, the first dense with gates of the two best, the second with a bias and gates for all: seven
// samples, five tokens, four and three experts. Two rows of a table stand for the tokens' features.
module attributes {llcc.batch = 7 : i64, llcc.mesh = #llcc.mesh<MESH>} {
  func.func @forward(%x: tensor<7x5x6xf32> {llcc.input = "x", llcc.batched},
                     %first: tensor<6x6xf32> {llcc.param = "first", llcc.trainable}, %route1: tensor<6x4xf32> {llcc.param = "route1", llcc.trainable},
                     %up1: tensor<4x6x9xf32> {llcc.param = "up1", llcc.trainable}, %down1: tensor<4x9x6xf32> {llcc.param = "down1", llcc.trainable},
                     %route2: tensor<6x3xf32> {llcc.param = "route2", llcc.trainable}, %up2: tensor<3x6x8xf32> {llcc.param = "up2", llcc.trainable},
                     %bias2: tensor<3x8xf32> {llcc.param = "bias2", llcc.trainable}, %down2: tensor<3x6x8xf32> {llcc.param = "down2", llcc.trainable},
                     %head: tensor<30x5xf32> {llcc.param = "head", llcc.trainable}) -> (tensor<7x5xf32> {llcc.output = "y"}) {
    %zero = arith.constant dense<0.0> : tensor<7x5x4xf32>
    %x0 = llcc.dot %x, %first batch [] x [] contract [2] x [0] : tensor<7x5x6xf32>, tensor<6x6xf32> -> tensor<7x5x6xf32> loc("first")
    %s1 = llcc.dot %x0, %route1 batch [] x [] contract [2] x [0] : tensor<7x5x6xf32>, tensor<6x4xf32> -> tensor<7x5x4xf32> loc("route1")
    %order = llcc.argsort %s1 axis 2 descending : tensor<7x5x4xf32> -> tensor<7x5x4xi64> loc("top")
    %two = llcc.slice %order starts [0, 0, 0] strides [1, 1, 1] : tensor<7x5x4xi64> -> tensor<7x5x2xi64> loc("top")
    %best = llcc.gather %s1, %two axis 2 {batch = 2 : i64} : tensor<7x5x4xf32>, tensor<7x5x2xi64> -> tensor<7x5x2xf32> loc("top")
    %share = llcc.softmax %best axis 2 : tensor<7x5x2xf32> loc("share")
    %gates1 = llcc.scatter %zero, %share, %two axis 2 {batch = 2 : i64} : tensor<7x5x4xf32>, tensor<7x5x2xf32>, tensor<7x5x2xi64> -> tensor<7x5x4xf32> loc("gates1")
    %h1 = llcc.dot %x0, %up1 batch [] x [] contract [2] x [1] : tensor<7x5x6xf32>, tensor<4x6x9xf32> -> tensor<7x5x4x9xf32> loc("up1")
    %a1 = math.tanh %h1 : tensor<7x5x4x9xf32> loc("act1")
    %e1 = llcc.dot %a1, %down1 batch [2] x [0] contract [3] x [1] : tensor<7x5x4x9xf32>, tensor<4x9x6xf32> -> tensor<4x7x5x6xf32> loc("down1")
    %t1 = llcc.transpose %e1 perm [1, 2, 0, 3] : tensor<4x7x5x6xf32> -> tensor<7x5x4x6xf32> loc("down1")
    %w1 = llcc.broadcast %gates1 dims [0, 1, 2] : tensor<7x5x4xf32> -> tensor<7x5x4x6xf32> loc("weighted1")
    %m1 = arith.mulf %t1, %w1 : tensor<7x5x4x6xf32> loc("weighted1")
    %y1 = llcc.reduce <sum> %m1 dims [2] : tensor<7x5x4x6xf32> -> tensor<7x5x6xf32> loc("mixed1")
    %x1 = arith.addf %x0, %y1 : tensor<7x5x6xf32> loc("residual1")
    %s2 = llcc.dot %x1, %route2 batch [] x [] contract [2] x [0] : tensor<7x5x6xf32>, tensor<6x3xf32> -> tensor<7x5x3xf32> loc("route2")
    %gates2 = llcc.softmax %s2 axis 2 : tensor<7x5x3xf32> loc("gates2")
    %h2 = llcc.dot %x1, %up2 batch [] x [] contract [2] x [1] : tensor<7x5x6xf32>, tensor<3x6x8xf32> -> tensor<7x5x3x8xf32> loc("up2")
    %b2 = llcc.broadcast %bias2 dims [2, 3] : tensor<3x8xf32> -> tensor<7x5x3x8xf32> loc("bias2")
    %a2 = arith.addf %h2, %b2 : tensor<7x5x3x8xf32> loc("bias2")
    %r2 = math.tanh %a2 : tensor<7x5x3x8xf32> loc("act2")
    %d2 = llcc.transpose %down2 perm [0, 2, 1] : tensor<3x6x8xf32> -> tensor<3x8x6xf32> loc("down2")
    %e2 = llcc.dot %r2, %d2 batch [2] x [0] contract [3] x [1] : tensor<7x5x3x8xf32>, tensor<3x8x6xf32> -> tensor<3x7x5x6xf32> loc("down2")
    %y2 = llcc.dot %e2, %gates2 batch [1, 2] x [0, 1] contract [0] x [2] : tensor<3x7x5x6xf32>, tensor<7x5x3xf32> -> tensor<7x5x6xf32> loc("mixed2")
    %x2 = arith.addf %x1, %y2 : tensor<7x5x6xf32> loc("residual2")
    %flat = llcc.reshape %x2 : tensor<7x5x6xf32> -> tensor<7x30xf32> loc("flat")
    %y = llcc.dot %flat, %head batch [] x [] contract [1] x [0] : tensor<7x30xf32>, tensor<30x5xf32> -> tensor<7x5xf32> loc("head")
    return %y : tensor<7x5xf32>
  }
}
