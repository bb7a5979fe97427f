// RUN: llcc-opt --llcc-attach-loss --split-input-file %s | FileCheck %s
// RUN: llcc-opt --llcc-attach-loss=class-dim=1 --split-input-file %s | FileCheck %s --check-prefix=SECOND

// Rank 3 is a language model: classes are last. class-dim says otherwise.
// CHECK: @gradients(%{{.*}}: tensor<2x7xi64> {{.*}}, %{{.*}}: tensor<2x7xi64> {llcc.batched, llcc.classes = 50 : i64, llcc.label = "label"}
// CHECK: llcc.log_softmax %{{.*}} axis 2 : tensor<2x7x50xf32>
// CHECK: llcc.iota dim 2
// CHECK: llcc.broadcast %{{.*}} dims [0, 1] : tensor<2x7xi64> -> tensor<2x7x50xi64>
// CHECK: llcc.reduce <sum> %{{.*}} dims [2] : tensor<2x7x50xf32> -> tensor<2x7xf32>
// CHECK: llcc.reduce <sum> %{{.*}} dims [0, 1] : tensor<2x7xf32> -> tensor<f32>
// SECOND: tensor<2x50xi64> {llcc.batched, llcc.classes = 7 : i64
// SECOND: llcc.log_softmax %{{.*}} axis 1 : tensor<2x7x50xf32>
func.func @forward(%x: tensor<2x7xi64> {llcc.input = "ids", llcc.batched}, %w: tensor<2x7x50xf32> {llcc.param = "w", llcc.trainable}) -> (tensor<2x7x50xf32> {llcc.output = "logits"}) {
  return %w : tensor<2x7x50xf32>
}

// -----

// Images have their classes in dimension 1.
// CHECK: @gradients({{.*}}tensor<2x5x6xi64> {llcc.batched, llcc.classes = 3 : i64, llcc.label = "label"}
// CHECK: llcc.log_softmax %{{.*}} axis 1 : tensor<2x3x5x6xf32>
// CHECK: llcc.broadcast %{{.*}} dims [0, 2, 3] : tensor<2x5x6xi64> -> tensor<2x3x5x6xi64>
func.func @forward(%x: tensor<2x3x5x6xf32> {llcc.input = "x", llcc.batched}, %w: tensor<2x3x5x6xf32> {llcc.param = "w", llcc.trainable}) -> (tensor<2x3x5x6xf32> {llcc.output = "logits"}) {
  return %w : tensor<2x3x5x6xf32>
}

// -----

// Rows of all samples flattened into dimension 0: the label keeps the batch in front.
// CHECK: @gradients(%{{.*}}: tensor<2x7xi64> {{.*}}, %[[LABEL:.*]]: tensor<2x7xi64> {llcc.batched, llcc.classes = 50 : i64, llcc.label = "label"}
// CHECK: %[[FLAT:.*]] = llcc.reshape %[[LABEL]] : tensor<2x7xi64> -> tensor<14xi64>
// CHECK: llcc.broadcast %[[FLAT]] dims [0] : tensor<14xi64> -> tensor<14x50xi64>
func.func @forward(%x: tensor<2x7xi64> {llcc.input = "ids", llcc.batched}, %w: tensor<14x50xf32> {llcc.param = "w", llcc.trainable}) -> (tensor<14x50xf32> {llcc.output = "logits"}) {
  return %w : tensor<14x50xf32>
}

// -----

// 16-bit outputs: the loss is in f32.
// CHECK: @gradients({{.*}}) -> (tensor<f32> {llcc.loss})
// CHECK: arith.extf %{{.*}} : tensor<4x2xbf16> to tensor<4x2xf32>
func.func @forward(%x: tensor<4x2xbf16> {llcc.input = "x", llcc.batched}, %w: tensor<4x2xbf16> {llcc.param = "w", llcc.trainable}) -> (tensor<4x2xbf16> {llcc.output = "logits"}) {
  return %w : tensor<4x2xbf16>
}
