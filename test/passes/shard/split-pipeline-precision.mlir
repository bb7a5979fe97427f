// RUN: llcc-opt --llcc-split-pipeline --cse %s | FileCheck %s

// Stages send the 16 bits, though it is f32 that is computed with: the sender rounds, each reader extends. A parameter is
// rounded where it is kept, once for both microbatches.
// CHECK-LABEL: func.func @step_stage0(
// CHECK-SAME:    %[[W:[^:]*]]: tensor<8x8xf32> {llcc.param = "w", llcc.trainable}
// CHECK:       arith.truncf %[[W]]
// CHECK-NOT:   arith.truncf %[[W]]
// CHECK:       llcc.send %{{.*}} to 1 {{.*}} : tensor<2x8xbf16>
// CHECK-NOT:   llcc.send {{.*}}f32>
// CHECK:       llcc.recv from 1 {{.*}} : tensor<2x8xbf16>
// CHECK-NOT:   llcc.recv {{.*}}f32>
// CHECK-LABEL: func.func @step_stage1(
// CHECK-SAME:    %[[V:[^:]*]]: tensor<8xf32> {llcc.param = "v", llcc.trainable}
// CHECK-NOT:   llcc.send {{.*}}f32>
// CHECK:       llcc.send %{{.*}} to 0 {{.*}} : tensor<2x8xbf16>
module attributes {llcc.mesh = #llcc.mesh<["pipeline"], [2]>, llcc.microbatches = 2 : i64} {
  func.func @gradients(%x: tensor<2x8xbf16> {llcc.input = "x", llcc.batched}, %w: tensor<8x8xf32> {llcc.param = "w", llcc.trainable}, %v: tensor<8xf32> {llcc.param = "v", llcc.trainable})
      -> (tensor<f32> {llcc.loss}, tensor<8x8xf32> {llcc.gradient = "w"}, tensor<8xf32> {llcc.gradient = "v"}) {
    %0 = arith.truncf %w : tensor<8x8xf32> to tensor<8x8xbf16> loc("w")
    %1 = llcc.dot %x, %0 batch [] x [] contract [1] x [0] : tensor<2x8xbf16>, tensor<8x8xbf16> -> tensor<2x8xbf16> loc("fc")
    %2 = arith.extf %1 : tensor<2x8xbf16> to tensor<2x8xf32> loc("fc")
    %3 = llcc.broadcast %v dims [1] : tensor<8xf32> -> tensor<2x8xf32> loc("scale")
    %4 = arith.mulf %2, %3 : tensor<2x8xf32> loc("scale")
    %5 = llcc.reduce <sum> %4 dims [0, 1] : tensor<2x8xf32> -> tensor<f32> loc("scale")
    %9 = arith.mulf %3, %3 : tensor<2x8xf32> loc("grad"("scale"))
    %6 = arith.truncf %9 : tensor<2x8xf32> to tensor<2x8xbf16> loc("grad"("fc"))
    %7 = llcc.dot %x, %6 batch [] x [] contract [0] x [0] : tensor<2x8xbf16>, tensor<2x8xbf16> -> tensor<8x8xf32> loc("grad"("fc"))
    %8 = llcc.reduce <sum> %2 dims [0] : tensor<2x8xf32> -> tensor<8xf32> loc("grad"("scale"))
    return %5, %7, %8 : tensor<f32>, tensor<8x8xf32>, tensor<8xf32>
  }
  func.func @update(%w: tensor<8x8xf32> {llcc.param = "w", llcc.trainable}, %v: tensor<8xf32> {llcc.param = "v", llcc.trainable}, %gw: tensor<8x8xf32> {llcc.gradient = "w"},
                    %gv: tensor<8xf32> {llcc.gradient = "v"}) -> (tensor<8x8xf32> {llcc.param = "w"}, tensor<8xf32> {llcc.param = "v"}) {
    %0 = arith.subf %w, %gw : tensor<8x8xf32>
    %1 = arith.subf %v, %gv : tensor<8xf32>
    return %0, %1 : tensor<8x8xf32>, tensor<8xf32>
  }
}
