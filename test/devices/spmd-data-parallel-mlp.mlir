// A two-layer MLP with mean squared error on two data-parallel devices, from placed IR to the step function: one bucket of
// exactly the parameters' bytes, and one all-reduce of the loss.
// RUN: llcc-opt --llcc-plan-reshards --llcc-insert-buckets --llcc-convert-to-spmd --llcc-split-pipeline %s | FileCheck %s

#rep0 = #llcc.sharding<[]>
#loss_part = #llcc.sharding<[], partial = ["data"]>
#inv0 = #llcc.sharding<[], invariant = ["data"]>
#inv1 = #llcc.sharding<[[]], invariant = ["data"]>
#inv2 = #llcc.sharding<[[], []], invariant = ["data"]>
#bat2 = #llcc.sharding<[["data"], []]>
#par1 = #llcc.sharding<[[]], partial = ["data"]>
#par2 = #llcc.sharding<[[], []], partial = ["data"]>

module attributes {llcc.mesh = #llcc.mesh<["data"], [2]>, llcc.microbatches = 2 : i64} {

// CHECK-NOT: func.func @gradients
// CHECK-LABEL: func.func @step_stage0
// CHECK-SAME: %[[W1:[^:]*]]: tensor<3x4xf32> {llcc.param = "w1", llcc.placement = #llcc.sharding<{{\[\[}}], []], invariant = ["data"]>, llcc.shape = array<i64: 3, 4>, llcc.trainable}
// CHECK-SAME: tensor<4xf32> {llcc.param = "b1"
// CHECK-SAME: tensor<4x2xf32> {llcc.param = "w2"
// CHECK-SAME: tensor<3x3xf32> {llcc.batched, llcc.input = "x", llcc.microbatch = 0 : i64, llcc.placement = #llcc.sharding<{{\[\[}}"data"], []]>, llcc.shape = array<i64: 5, 3>}
// CHECK-SAME: tensor<3x2xf32> {llcc.batched, llcc.label = "y", llcc.microbatch = 0 : i64
// CHECK-SAME: tensor<3x3xf32> {llcc.batched, llcc.input = "x", llcc.microbatch = 1 : i64
// CHECK-SAME: tensor<3x2xf32> {llcc.batched, llcc.label = "y", llcc.microbatch = 1 : i64
// CHECK-SAME: %[[LR:[^:]*]]: tensor<f32> {llcc.placement = {{.*}}, llcc.scalar = "lr", llcc.shape = array<i64>}
// CHECK-SAME: -> (tensor<3x4xf32> {llcc.param = "w1"
func.func @gradients(
    %x: tensor<5x3xf32, #bat2> {llcc.input = "x", llcc.batched}, %y: tensor<5x2xf32, #bat2> {llcc.label = "y", llcc.batched},
    %w1: tensor<3x4xf32, #inv2> {llcc.param = "w1", llcc.trainable}, %b1: tensor<4xf32, #inv1> {llcc.param = "b1", llcc.trainable},
    %w2: tensor<4x2xf32, #inv2> {llcc.param = "w2", llcc.trainable})
    -> (tensor<f32, #inv0> {llcc.loss}, tensor<3x4xf32, #par2> {llcc.gradient = "w1"}, tensor<4xf32, #par1> {llcc.gradient = "b1"},
        tensor<4x2xf32, #par2> {llcc.gradient = "w2"}) {
  %zero = arith.constant dense<0.0> : tensor<5x4xf32, #bat2>
  %h0 = llcc.dot %x, %w1 batch [] x [] contract [1] x [0] : tensor<5x3xf32, #bat2>, tensor<3x4xf32, #inv2> -> tensor<5x4xf32, #bat2> loc("fc1")
  %bb = llcc.broadcast %b1 dims [1] : tensor<4xf32, #inv1> -> tensor<5x4xf32, #bat2> loc("fc1")
  %h1 = arith.addf %h0, %bb : tensor<5x4xf32, #bat2> loc("fc1")
  %on = arith.cmpf ugt, %h1, %zero : tensor<5x4xf32, #bat2> loc("relu")
  %h = arith.select %on, %h1, %zero : tensor<5x4xi1, #bat2>, tensor<5x4xf32, #bat2> loc("relu")
  %o = llcc.dot %h, %w2 batch [] x [] contract [1] x [0] : tensor<5x4xf32, #bat2>, tensor<4x2xf32, #inv2> -> tensor<5x2xf32, #bat2> loc("fc2")
  %d = arith.subf %o, %y : tensor<5x2xf32, #bat2> loc("loss")
  %sq = arith.mulf %d, %d : tensor<5x2xf32, #bat2> loc("loss")
  %sum = llcc.reduce <sum> %sq dims [0, 1] : tensor<5x2xf32, #bat2> -> tensor<f32, #loss_part> loc("loss")
  %all = llcc.reshard %sum : tensor<f32, #loss_part> -> tensor<f32, #inv0> loc("loss")
  // The mean is over 5 samples, 2 outputs and 2 microbatches, whatever the padding.
  %count = arith.constant dense<0.05> : tensor<f32, #inv0>
  %loss = arith.mulf %all, %count : tensor<f32, #inv0> loc("loss")
  %scale = arith.constant dense<0.1> : tensor<5x2xf32, #bat2>
  %do = arith.mulf %d, %scale : tensor<5x2xf32, #bat2> loc("grad"("loss"))
  %dw2 = llcc.dot %h, %do batch [] x [] contract [0] x [0] : tensor<5x4xf32, #bat2>, tensor<5x2xf32, #bat2> -> tensor<4x2xf32, #par2> loc("grad"("fc2"))
  %dh = llcc.dot %do, %w2 batch [] x [] contract [1] x [1] : tensor<5x2xf32, #bat2>, tensor<4x2xf32, #inv2> -> tensor<5x4xf32, #bat2> loc("grad"("fc2"))
  %dh1 = arith.select %on, %dh, %zero : tensor<5x4xi1, #bat2>, tensor<5x4xf32, #bat2> loc("grad"("relu"))
  %db1 = llcc.reduce <sum> %dh1 dims [0] : tensor<5x4xf32, #bat2> -> tensor<4xf32, #par1> loc("grad"("fc1"))
  %dw1 = llcc.dot %x, %dh1 batch [] x [] contract [0] x [0] : tensor<5x3xf32, #bat2>, tensor<5x4xf32, #bat2> -> tensor<3x4xf32, #par2> loc("grad"("fc1"))
  return %loss, %dw1, %db1, %dw2 : tensor<f32, #inv0>, tensor<3x4xf32, #par2>, tensor<4xf32, #par1>, tensor<4x2xf32, #par2>
}

func.func @update(
    %w1: tensor<3x4xf32, #inv2> {llcc.param = "w1", llcc.trainable}, %b1: tensor<4xf32, #inv1> {llcc.param = "b1", llcc.trainable}, %w2: tensor<4x2xf32, #inv2> {llcc.param = "w2", llcc.trainable},
    %g1: tensor<3x4xf32, #par2> {llcc.gradient = "w1"}, %gb: tensor<4xf32, #par1> {llcc.gradient = "b1"}, %g2: tensor<4x2xf32, #par2> {llcc.gradient = "w2"},
    %lr: tensor<f32, #inv0> {llcc.scalar = "lr"})
    -> (tensor<3x4xf32, #inv2> {llcc.param = "w1"}, tensor<4xf32, #inv1> {llcc.param = "b1"}, tensor<4x2xf32, #inv2> {llcc.param = "w2"}) {
  %s1 = llcc.reshard %g1 : tensor<3x4xf32, #par2> -> tensor<3x4xf32, #inv2> loc("update")
  llcc.capture "gradient" "w1" %s1 : tensor<3x4xf32, #inv2>
  %l1 = llcc.broadcast %lr dims [] : tensor<f32, #inv0> -> tensor<3x4xf32, #inv2> loc("update")
  %t1 = arith.mulf %s1, %l1 : tensor<3x4xf32, #inv2> loc("update")
  %n1 = arith.subf %w1, %t1 : tensor<3x4xf32, #inv2> loc("update")
  %sb = llcc.reshard %gb : tensor<4xf32, #par1> -> tensor<4xf32, #inv1> loc("update")
  llcc.capture "gradient" "b1" %sb : tensor<4xf32, #inv1>
  %lb = llcc.broadcast %lr dims [] : tensor<f32, #inv0> -> tensor<4xf32, #inv1> loc("update")
  %tb = arith.mulf %sb, %lb : tensor<4xf32, #inv1> loc("update")
  %nb = arith.subf %b1, %tb : tensor<4xf32, #inv1> loc("update")
  %s2 = llcc.reshard %g2 : tensor<4x2xf32, #par2> -> tensor<4x2xf32, #inv2> loc("update")
  llcc.capture "gradient" "w2" %s2 : tensor<4x2xf32, #inv2>
  %l2 = llcc.broadcast %lr dims [] : tensor<f32, #inv0> -> tensor<4x2xf32, #inv2> loc("update")
  %t2 = arith.mulf %s2, %l2 : tensor<4x2xf32, #inv2> loc("update")
  %n2 = arith.subf %w2, %t2 : tensor<4x2xf32, #inv2> loc("update")
  return %n1, %nb, %n2 : tensor<3x4xf32, #inv2>, tensor<4xf32, #inv1>, tensor<4x2xf32, #inv2>
}
}
// Five samples over two devices: the last one of the second device is padding. It would enter the loss and the gradients.
// CHECK: %[[SQ:.*]] = arith.mulf {{.*}} : tensor<3x2xf32>
// CHECK: %[[MASKED:.*]] = llcc.mask %[[SQ]] dim 0 extent 5 over ["data"] value 0.000000e+00 : tensor<3x2xf32>
// CHECK: %[[SUM:.*]] = llcc.reduce <sum> %[[MASKED]] dims [0, 1] : tensor<3x2xf32> -> tensor<f32>
// CHECK: %[[ALL:.*]] = llcc.all_reduce <sum> %[[SUM]] over ["data"] : tensor<f32> -> tensor<f32>
// CHECK: %[[LOSS:.*]] = arith.mulf %[[ALL]]
// CHECK: llcc.capture "loss" "loss" %[[LOSS]]
// CHECK-NOT: llcc.all_reduce
// CHECK: llcc.all_reduce <sum> %{{[a-z0-9]*}} over ["data"] : tensor<f32> -> tensor<f32>
// CHECK-NOT: llcc.all_reduce
// CHECK: llcc.capture "loss" "loss"
// CHECK-NOT: llcc.all_reduce
// A gradient is summed where it is computed, and its reduction starts with the last of the bucket.
// CHECK: llcc.dot {{.*}} -> tensor<4x2xf32>
// CHECK-NEXT: %[[G2:.*]] = arith.addf {{.*}} : tensor<4x2xf32>
// CHECK: llcc.reduce <sum> {{.*}} -> tensor<4xf32>
// CHECK-NEXT: %[[GB:.*]] = arith.addf {{.*}} : tensor<4xf32>
// CHECK: llcc.dot {{.*}} -> tensor<3x4xf32>
// CHECK-NEXT: %[[G1:.*]] = arith.addf {{.*}} : tensor<3x4xf32>
// CHECK-NEXT: %[[G:.*]]:3 = llcc.all_reduce <sum> %[[G1]], %[[GB]], %[[G2]] over ["data"] : tensor<3x4xf32>, tensor<4xf32>, tensor<4x2xf32> -> tensor<3x4xf32>, tensor<4xf32>, tensor<4x2xf32>
// CHECK-DAG: llcc.capture "gradient" "w1" %[[G]]#0
// CHECK-DAG: llcc.capture "gradient" "b1" %[[G]]#1
// CHECK-DAG: llcc.capture "gradient" "w2" %[[G]]#2
// CHECK-NOT: llcc.all_reduce
// CHECK: return
