// Batch normalisation with running statistics, and dropout, between two linear layers.
module attributes {llcc.batch = 10 : i64, llcc.mesh = #llcc.mesh<MESH>} {
  func.func @forward(%x: tensor<10x6xf32> {llcc.input = "x", llcc.batched},
      %w1: tensor<6x7xf32> {llcc.param = "w1", llcc.trainable}, %g: tensor<7xf32> {llcc.param = "g", llcc.trainable},
      %b: tensor<7xf32> {llcc.param = "b", llcc.trainable}, %mean: tensor<7xf32> {llcc.param = "mean"}, %var: tensor<7xf32> {llcc.param = "var"},
      %w2: tensor<7x4xf32> {llcc.param = "w2", llcc.trainable}) -> (tensor<10x4xf32> {llcc.output = "y"}) {
    %tenth = arith.constant dense<0.1> : tensor<7xf32>
    %h = llcc.dot %x, %w1 batch [] x [] contract [1] x [0] : tensor<10x6xf32>, tensor<6x7xf32> -> tensor<10x7xf32> loc("fc1")
    %n = llcc.standardize %h dims [0] epsilon 1.0e-05 : tensor<10x7xf32> loc("bn")
    %s = llcc.reduce <sum> %h dims [0] : tensor<10x7xf32> -> tensor<7xf32> loc("bn")
    %m = arith.mulf %s, %tenth : tensor<7xf32> loc("bn")
    %mx = llcc.broadcast %m dims [1] : tensor<7xf32> -> tensor<10x7xf32> loc("bn")
    %c = arith.subf %h, %mx : tensor<10x7xf32> loc("bn")
    %c2 = arith.mulf %c, %c : tensor<10x7xf32> loc("bn")
    %v = llcc.reduce <sum> %c2 dims [0] : tensor<10x7xf32> -> tensor<7xf32> loc("bn")
    %v10 = arith.mulf %v, %tenth : tensor<7xf32> loc("bn")
    %t1 = llcc.track %n, %mean by %m momentum 0.75 : tensor<10x7xf32>, tensor<7xf32>, tensor<7xf32> -> tensor<10x7xf32> loc("bn")
    %t2 = llcc.track %t1, %var by %v10 momentum 0.75 : tensor<10x7xf32>, tensor<7xf32>, tensor<7xf32> -> tensor<10x7xf32> loc("bn")
    %gx = llcc.broadcast %g dims [1] : tensor<7xf32> -> tensor<10x7xf32> loc("bn")
    %bx = llcc.broadcast %b dims [1] : tensor<7xf32> -> tensor<10x7xf32> loc("bn")
    %scaled = arith.mulf %t2, %gx : tensor<10x7xf32> loc("bn")
    %y = arith.addf %scaled, %bx : tensor<10x7xf32> loc("bn")
    %normal = llcc.by_mode %y, %h : tensor<10x7xf32> loc("bn")
    %seven = arith.constant dense<7> : tensor<10x7xi64>
    %i0 = llcc.iota dim 0 : tensor<10x7xi64> loc("drop")
    %i1 = llcc.iota dim 1 : tensor<10x7xi64> loc("drop")
    %i07 = arith.muli %i0, %seven : tensor<10x7xi64> loc("drop")
    %i = arith.addi %i07, %i1 : tensor<10x7xi64> loc("drop")
    %bits = llcc.random_bits %i stream 3 key() : (tensor<10x7xi64>) -> tensor<10x7xi32> loc("drop")
    %limit = arith.constant dense<1288490188> : tensor<10x7xi32>
    %keep = arith.cmpi uge, %bits, %limit : tensor<10x7xi32> loc("drop")
    %zero = arith.constant dense<0.0> : tensor<10x7xf32>
    %kept = arith.select %keep, %normal, %zero : tensor<10x7xi1>, tensor<10x7xf32> loc("drop")
    %d = llcc.by_mode %kept, %normal : tensor<10x7xf32> loc("drop")
    %logits = llcc.dot %d, %w2 batch [] x [] contract [1] x [0] : tensor<10x7xf32>, tensor<7x4xf32> -> tensor<10x4xf32> loc("fc2")
    return %logits : tensor<10x4xf32>
  }
}
