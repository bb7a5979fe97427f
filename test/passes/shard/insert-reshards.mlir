// A two-layer perceptron on a 2x2 mesh. Forward: one all-reduce over `tensor`, and the loss over `data`; backward: none, as the
// first layer's input needs no gradient. Update: one over `data` for each gradient.
// RUN: llcc-opt --llcc-seed-sharding --llcc-propagate-sharding --llcc-insert-reshards %s | FileCheck %s
// RUN: llcc-opt --llcc-seed-sharding --llcc-propagate-sharding --llcc-insert-reshards %s | FileCheck %s --check-prefix=COUNT
// RUN: llcc-opt --llcc-seed-sharding --llcc-propagate-sharding %s | FileCheck %s --check-prefix=ATTR

// COUNT-COUNT-6: llcc.reshard
// COUNT-NOT: llcc.reshard

// Propagation alone leaves types as they are.
// ATTR-LABEL: func @gradients
// ATTR: llcc.dot {{.*}} {llcc.sharding = #llcc.sharding<{{\[\[}}"data"], ["tensor"]]>} : tensor<8x6xf32>, tensor<6x10xf32> -> tensor<8x10xf32>
// ATTR: llcc.dot {{.*}} {llcc.sharding = #llcc.sharding<{{\[\[}}"data"], []], partial = ["tensor"]>}

// CHECK-LABEL: func @gradients
// CHECK-SAME: tensor<6x10xf32, #llcc.sharding<{{\[\[}}], ["tensor"]], invariant = ["data"]>> {llcc.param = "fc1.weight"
// CHECK-SAME: tensor<10xf32, #llcc.sharding<{{\[\[}}"tensor"]], invariant = ["data"]>> {llcc.param = "fc1.bias"
// CHECK-SAME: tensor<10x4xf32, #llcc.sharding<{{\[\[}}"tensor"], []], invariant = ["data"]>> {llcc.param = "fc2.weight"
// CHECK-SAME: tensor<4xf32, #llcc.sharding<{{\[\[}}]], invariant = ["data", "tensor"]>> {llcc.param = "fc2.bias"
// CHECK-SAME: (tensor<f32, #llcc.sharding<[], invariant = ["data", "tensor"]>> {llcc.loss}
// CHECK-SAME: tensor<6x10xf32, #llcc.sharding<{{\[\[}}], ["tensor"]], partial = ["data"]>> {llcc.gradient = "fc1.weight"}
// CHECK: %[[Y0:.*]] = llcc.dot {{.*}} -> tensor<8x4xf32, #llcc.sharding<{{\[\[}}"data"], []], partial = ["tensor"]>>
// CHECK-NEXT: %[[Y1:.*]] = llcc.reshard %[[Y0]] : {{.*}} -> tensor<8x4xf32, #llcc.sharding<{{\[\[}}"data"], []], invariant = ["tensor"]>>
// CHECK: arith.addf %[[Y1]]
// CHECK: %[[SUM:.*]] = llcc.reduce <sum>
// CHECK-NEXT: %[[LOSS:.*]] = llcc.reshard %[[SUM]]
// CHECK: arith.mulf %[[LOSS]]
// CHECK-NOT: llcc.reshard
// CHECK: return

// CHECK-LABEL: func @update
// CHECK-SAME: %{{[^:]*}}: tensor<6x10xf32, #llcc.sharding<{{\[\[}}], ["tensor"]], invariant = ["data"]>> {llcc.init = {{.*}}, llcc.state = "velocity:fc1.weight"}
// CHECK-SAME: %[[DW1:[^:]*]]: tensor<6x10xf32, #llcc.sharding<{{\[\[}}], ["tensor"]], partial = ["data"]>> {llcc.gradient = "fc1.weight"}
// CHECK: %[[G:.*]] = llcc.reshard %[[DW1]]
// CHECK: llcc.capture "gradient" "fc1.weight" %[[G]]
module attributes {llcc.mesh = #llcc.mesh<["data", "tensor"], [2, 2]>, llcc.batch = 8 : i64, llcc.microbatches = 1 : i64} {
  func.func @gradients(%x: tensor<8x6xf32> {llcc.input = "x", llcc.batched}, %t: tensor<8x4xf32> {llcc.label = "t", llcc.batched},
                       %w1: tensor<6x10xf32> {llcc.param = "fc1.weight", llcc.trainable}, %b1: tensor<10xf32> {llcc.param = "fc1.bias", llcc.trainable},
                       %w2: tensor<10x4xf32> {llcc.param = "fc2.weight", llcc.trainable}, %b2: tensor<4xf32> {llcc.param = "fc2.bias", llcc.trainable})
      -> (tensor<f32> {llcc.loss}, tensor<6x10xf32> {llcc.gradient = "fc1.weight"}, tensor<10xf32> {llcc.gradient = "fc1.bias"},
          tensor<10x4xf32> {llcc.gradient = "fc2.weight"}, tensor<4xf32> {llcc.gradient = "fc2.bias"}) {
    %zero = arith.constant dense<0.0> : tensor<8x10xf32>
    %h0 = llcc.dot %x, %w1 batch [] x [] contract [1] x [0] : tensor<8x6xf32>, tensor<6x10xf32> -> tensor<8x10xf32> loc("fc1")
    %b1b = llcc.broadcast %b1 dims [1] : tensor<10xf32> -> tensor<8x10xf32> loc("fc1")
    %h1 = arith.addf %h0, %b1b : tensor<8x10xf32> loc("fc1")
    %pos = arith.cmpf ugt, %h1, %zero : tensor<8x10xf32> loc("relu")
    %h = arith.select %pos, %h1, %zero : tensor<8x10xi1>, tensor<8x10xf32> loc("relu")
    %y0 = llcc.dot %h, %w2 batch [] x [] contract [1] x [0] : tensor<8x10xf32>, tensor<10x4xf32> -> tensor<8x4xf32> loc("fc2")
    %b2b = llcc.broadcast %b2 dims [1] : tensor<4xf32> -> tensor<8x4xf32> loc("fc2")
    %y = arith.addf %y0, %b2b : tensor<8x4xf32> loc("fc2")
    %d = arith.subf %y, %t : tensor<8x4xf32> loc("loss")
    %sq = arith.mulf %d, %d : tensor<8x4xf32> loc("loss")
    %sum = llcc.reduce <sum> %sq dims [0, 1] : tensor<8x4xf32> -> tensor<f32> loc("loss")
    %scale = arith.constant dense<3.125000e-02> : tensor<f32>
    %loss = arith.mulf %sum, %scale : tensor<f32> loc("loss")
    %twice = arith.constant dense<6.250000e-02> : tensor<8x4xf32>
    %dy = arith.mulf %d, %twice : tensor<8x4xf32> loc("grad"("loss"))
    %db2 = llcc.reduce <sum> %dy dims [0] : tensor<8x4xf32> -> tensor<4xf32> loc("grad"("fc2"))
    %dw2 = llcc.dot %h, %dy batch [] x [] contract [0] x [0] : tensor<8x10xf32>, tensor<8x4xf32> -> tensor<10x4xf32> loc("grad"("fc2"))
    %dh = llcc.dot %dy, %w2 batch [] x [] contract [1] x [1] : tensor<8x4xf32>, tensor<10x4xf32> -> tensor<8x10xf32> loc("grad"("fc2"))
    %dh1 = arith.select %pos, %dh, %zero : tensor<8x10xi1>, tensor<8x10xf32> loc("grad"("relu"))
    %db1 = llcc.reduce <sum> %dh1 dims [0] : tensor<8x10xf32> -> tensor<10xf32> loc("grad"("fc1"))
    %dw1 = llcc.dot %x, %dh1 batch [] x [] contract [0] x [0] : tensor<8x6xf32>, tensor<8x10xf32> -> tensor<6x10xf32> loc("grad"("fc1"))
    return %loss, %dw1, %db1, %dw2, %db2 : tensor<f32>, tensor<6x10xf32>, tensor<10xf32>, tensor<10x4xf32>, tensor<4xf32>
  }
  func.func @update(%w1: tensor<6x10xf32> {llcc.param = "fc1.weight", llcc.trainable}, %b1: tensor<10xf32> {llcc.param = "fc1.bias", llcc.trainable},
                    %w2: tensor<10x4xf32> {llcc.param = "fc2.weight", llcc.trainable}, %b2: tensor<4xf32> {llcc.param = "fc2.bias", llcc.trainable},
                    %m1: tensor<6x10xf32> {llcc.state = "velocity:fc1.weight", llcc.init = 0.0 : f64},
                    %dw1: tensor<6x10xf32> {llcc.gradient = "fc1.weight"}, %db1: tensor<10xf32> {llcc.gradient = "fc1.bias"},
                    %dw2: tensor<10x4xf32> {llcc.gradient = "fc2.weight"}, %db2: tensor<4xf32> {llcc.gradient = "fc2.bias"},
                    %lr: tensor<f32> {llcc.scalar = "lr"}, %step: tensor<f64> {llcc.scalar = "step"})
      -> (tensor<6x10xf32> {llcc.param = "fc1.weight"}, tensor<10xf32> {llcc.param = "fc1.bias"}, tensor<10x4xf32> {llcc.param = "fc2.weight"},
          tensor<4xf32> {llcc.param = "fc2.bias"}, tensor<6x10xf32> {llcc.state = "velocity:fc1.weight"}) {
    llcc.capture "gradient" "fc1.weight" %dw1 : tensor<6x10xf32>
    llcc.capture "gradient" "fc1.bias" %db1 : tensor<10xf32>
    llcc.capture "gradient" "fc2.weight" %dw2 : tensor<10x4xf32>
    llcc.capture "gradient" "fc2.bias" %db2 : tensor<4xf32>
    %mu = arith.constant dense<9.000000e-01> : tensor<6x10xf32>
    %m0 = arith.mulf %m1, %mu : tensor<6x10xf32> loc("update")
    %m = arith.addf %m0, %dw1 : tensor<6x10xf32> loc("update")
    %lr1 = llcc.broadcast %lr dims [] : tensor<f32> -> tensor<6x10xf32> loc("update")
    %s1 = arith.mulf %m, %lr1 : tensor<6x10xf32> loc("update")
    %w1n = arith.subf %w1, %s1 : tensor<6x10xf32> loc("update")
    %lr2 = llcc.broadcast %lr dims [] : tensor<f32> -> tensor<10xf32> loc("update")
    %s2 = arith.mulf %db1, %lr2 : tensor<10xf32> loc("update")
    %b1n = arith.subf %b1, %s2 : tensor<10xf32> loc("update")
    %lr3 = llcc.broadcast %lr dims [] : tensor<f32> -> tensor<10x4xf32> loc("update")
    %s3 = arith.mulf %dw2, %lr3 : tensor<10x4xf32> loc("update")
    %w2n = arith.subf %w2, %s3 : tensor<10x4xf32> loc("update")
    %lr4 = llcc.broadcast %lr dims [] : tensor<f32> -> tensor<4xf32> loc("update")
    %s4 = arith.mulf %db2, %lr4 : tensor<4xf32> loc("update")
    %b2n = arith.subf %b2, %s4 : tensor<4xf32> loc("update")
    return %w1n, %b1n, %w2n, %b2n, %m : tensor<6x10xf32>, tensor<10xf32>, tensor<10x4xf32>, tensor<4xf32>, tensor<6x10xf32>
  }
}
