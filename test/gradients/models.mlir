// RUN: rm -rf %t && split-file %s %t
// RUN: for f in %t/*.mlir; do llcc-opt --llcc-attach-loss --llcc-differentiate --llcc-attach-optimizer --llcc-decompose --llcc-verify-train $f > $f.step && FileCheck $f < $f.step && llcc-interpret --check-gradients --points=2 $f.step || exit 1; done
// Small models as the importer gives them, from loss to step: all gradients at once against finite differences.

//--- mlp.mlir
// Two layers: two products forward, three backward (none for the input), no transpose, relu's condition is kept.
// CHECK-LABEL: @gradients
// CHECK: %[[H:.*]] = llcc.dot
// CHECK: %[[ON:.*]] = arith.cmpf ugt
// CHECK: llcc.dot
// CHECK: %[[DH:.*]] = llcc.dot {{.*}} contract [1] x [0] : tensor<4x3xf64>, tensor<3x7xf64> -> tensor<4x7xf64>
// CHECK: llcc.dot {{.*}} contract [0] x [0] : tensor<4x3xf64>, tensor<4x7xf64> -> tensor<3x7xf64>
// CHECK: %[[D:.*]] = arith.select %[[ON]], %[[DH]]
// CHECK: llcc.dot %[[D]], %{{.*}} contract [0] x [0] : tensor<4x7xf64>, tensor<4x5xf64> -> tensor<7x5xf64>
// CHECK-NOT: llcc.dot
// CHECK-NOT: llcc.transpose
// CHECK: return
func.func @forward(%x: tensor<4x5xf64> {llcc.input = "x", llcc.batched},
    %w1: tensor<7x5xf64> {llcc.param = "fc1.weight", llcc.trainable}, %b1: tensor<7xf64> {llcc.param = "fc1.bias", llcc.trainable},
    %w2: tensor<3x7xf64> {llcc.param = "fc2.weight", llcc.trainable}, %b2: tensor<3xf64> {llcc.param = "fc2.bias", llcc.trainable})
    -> (tensor<4x3xf64> {llcc.output = "logits"}) {
  %zero = arith.constant dense<0.0> : tensor<4x7xf64>
  %y1 = llcc.dot %x, %w1 batch [] x [] contract [1] x [1] : tensor<4x5xf64>, tensor<7x5xf64> -> tensor<4x7xf64>
  %c1 = llcc.broadcast %b1 dims [1] : tensor<7xf64> -> tensor<4x7xf64>
  %z1 = arith.addf %y1, %c1 : tensor<4x7xf64>
  %on = arith.cmpf ugt, %z1, %zero : tensor<4x7xf64>
  %h = arith.select %on, %z1, %zero : tensor<4x7xi1>, tensor<4x7xf64>
  %y2 = llcc.dot %h, %w2 batch [] x [] contract [1] x [1] : tensor<4x7xf64>, tensor<3x7xf64> -> tensor<4x3xf64>
  %c2 = llcc.broadcast %b2 dims [1] : tensor<3xf64> -> tensor<4x3xf64>
  %logits = arith.addf %y2, %c2 : tensor<4x3xf64>
  return %logits : tensor<4x3xf64>
}

//--- transformer.mlir
// A transformer block with tied embedding: its gradient is a scatter (rows read) plus a product (logits). The backward pass
// takes the norms' means and deviations from the forward pass: no reduction of x is made twice.
// CHECK-LABEL: @gradients
// CHECK-COUNT-2: math.rsqrt
// CHECK-NOT: math.rsqrt
// CHECK: %[[ROWS:.*]] = llcc.scatter_add
// CHECK: %[[TIED:.*]] = arith.addf %{{.*}}, %[[ROWS]] : tensor<11x6xf64>
// CHECK: return %{{.*}}, %[[TIED]]
func.func @forward(%ids: tensor<2x4xi64> {llcc.input = "ids", llcc.batched, llcc.classes = 11 : i64},
    %wte: tensor<11x6xf64> {llcc.param = "wte", llcc.trainable}, %wpe: tensor<4x6xf64> {llcc.param = "wpe", llcc.trainable},
    %s1: tensor<6xf64> {llcc.param = "ln1.scale", llcc.trainable}, %n1: tensor<6xf64> {llcc.param = "ln1.bias", llcc.trainable},
    %qkv: tensor<6x18xf64> {llcc.param = "qkv", llcc.trainable}, %proj: tensor<6x6xf64> {llcc.param = "proj", llcc.trainable},
    %s2: tensor<6xf64> {llcc.param = "ln2.scale", llcc.trainable}, %n2: tensor<6xf64> {llcc.param = "ln2.bias", llcc.trainable},
    %up: tensor<6x8xf64> {llcc.param = "up", llcc.trainable}, %down: tensor<8x6xf64> {llcc.param = "down", llcc.trainable})
    -> (tensor<2x4x11xf64> {llcc.output = "logits"}) {
  %rows = llcc.gather %wte, %ids axis 0 : tensor<11x6xf64>, tensor<2x4xi64> -> tensor<2x4x6xf64>
  %places = llcc.broadcast %wpe dims [1, 2] : tensor<4x6xf64> -> tensor<2x4x6xf64>
  %x = arith.addf %rows, %places : tensor<2x4x6xf64>
  %l1 = llcc.layer_norm %x, %s1, %n1 axis 2 epsilon 1.0e-5 : tensor<2x4x6xf64>, tensor<6xf64>, tensor<6xf64> -> tensor<2x4x6xf64>
  %heads = llcc.dot %l1, %qkv batch [] x [] contract [2] x [0] : tensor<2x4x6xf64>, tensor<6x18xf64> -> tensor<2x4x18xf64>
  %split = llcc.reshape %heads : tensor<2x4x18xf64> -> tensor<2x4x3x2x3xf64>
  %moved = llcc.transpose %split perm [2, 0, 3, 1, 4] : tensor<2x4x3x2x3xf64> -> tensor<3x2x2x4x3xf64>
  %q0 = llcc.slice %moved starts [0, 0, 0, 0, 0] strides [1, 1, 1, 1, 1] : tensor<3x2x2x4x3xf64> -> tensor<1x2x2x4x3xf64>
  %k0 = llcc.slice %moved starts [1, 0, 0, 0, 0] strides [1, 1, 1, 1, 1] : tensor<3x2x2x4x3xf64> -> tensor<1x2x2x4x3xf64>
  %v0 = llcc.slice %moved starts [2, 0, 0, 0, 0] strides [1, 1, 1, 1, 1] : tensor<3x2x2x4x3xf64> -> tensor<1x2x2x4x3xf64>
  %q = llcc.reshape %q0 : tensor<1x2x2x4x3xf64> -> tensor<2x2x4x3xf64>
  %k = llcc.reshape %k0 : tensor<1x2x2x4x3xf64> -> tensor<2x2x4x3xf64>
  %v = llcc.reshape %v0 : tensor<1x2x2x4x3xf64> -> tensor<2x2x4x3xf64>
  %raw = llcc.dot %q, %k batch [0, 1] x [0, 1] contract [3] x [3] : tensor<2x2x4x3xf64>, tensor<2x2x4x3xf64> -> tensor<2x2x4x4xf64>
  %root = arith.constant dense<0.57735026918962573> : tensor<2x2x4x4xf64>
  %scores = arith.mulf %raw, %root : tensor<2x2x4x4xf64>
  %row = llcc.iota dim 2 : tensor<2x2x4x4xi64>
  %column = llcc.iota dim 3 : tensor<2x2x4x4xi64>
  %past = arith.cmpi sge, %row, %column : tensor<2x2x4x4xi64>
  %never = arith.constant dense<0xFFF0000000000000> : tensor<2x2x4x4xf64>
  %masked = arith.select %past, %scores, %never : tensor<2x2x4x4xi1>, tensor<2x2x4x4xf64>
  %weights = llcc.softmax %masked axis 3 : tensor<2x2x4x4xf64>
  %mixed = llcc.dot %weights, %v batch [0, 1] x [0, 1] contract [3] x [2] : tensor<2x2x4x4xf64>, tensor<2x2x4x3xf64> -> tensor<2x2x4x3xf64>
  %back = llcc.transpose %mixed perm [0, 2, 1, 3] : tensor<2x2x4x3xf64> -> tensor<2x4x2x3xf64>
  %joined = llcc.reshape %back : tensor<2x4x2x3xf64> -> tensor<2x4x6xf64>
  %attended = llcc.dot %joined, %proj batch [] x [] contract [2] x [0] : tensor<2x4x6xf64>, tensor<6x6xf64> -> tensor<2x4x6xf64>
  %x1 = arith.addf %x, %attended : tensor<2x4x6xf64>
  %l2 = llcc.layer_norm %x1, %s2, %n2 axis 2 epsilon 1.0e-5 : tensor<2x4x6xf64>, tensor<6xf64>, tensor<6xf64> -> tensor<2x4x6xf64>
  %u = llcc.dot %l2, %up batch [] x [] contract [2] x [0] : tensor<2x4x6xf64>, tensor<6x8xf64> -> tensor<2x4x8xf64>
  %g = llcc.gelu %u : tensor<2x4x8xf64>
  %d = llcc.dot %g, %down batch [] x [] contract [2] x [0] : tensor<2x4x8xf64>, tensor<8x6xf64> -> tensor<2x4x6xf64>
  %x2 = arith.addf %x1, %d : tensor<2x4x6xf64>
  %logits = llcc.dot %x2, %wte batch [] x [] contract [2] x [1] : tensor<2x4x6xf64>, tensor<11x6xf64> -> tensor<2x4x11xf64>
  return %logits : tensor<2x4x11xf64>
}

//--- convnet.mlir
// A convolutional net with batch statistics written out, as the importer does.
// CHECK-LABEL: @gradients
// CHECK: llcc.conv_weight_grad
// CHECK-NOT: llcc.conv_input_grad
// CHECK: return
func.func @forward(%x: tensor<3x1x6x6xf64> {llcc.input = "x", llcc.batched}, %w: tensor<2x1x3x3xf64> {llcc.param = "conv.weight", llcc.trainable},
    %s: tensor<2xf64> {llcc.param = "bn.weight", llcc.trainable}, %b: tensor<2xf64> {llcc.param = "bn.bias", llcc.trainable},
    %fc: tensor<18x3xf64> {llcc.param = "fc.weight", llcc.trainable}) -> (tensor<3x3xf64> {llcc.output = "logits"}) {
  %c = llcc.conv %x, %w {strides = array<i64: 1, 1>, pads_lo = array<i64: 1, 1>, pads_hi = array<i64: 1, 1>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<3x1x6x6xf64>, tensor<2x1x3x3xf64> -> tensor<3x2x6x6xf64>
  %share = arith.constant dense<0.0092592592592592587> : tensor<2xf64>
  %sum = llcc.reduce <sum> %c dims [0, 2, 3] : tensor<3x2x6x6xf64> -> tensor<2xf64>
  %mean = arith.mulf %sum, %share : tensor<2xf64>
  %means = llcc.broadcast %mean dims [1] : tensor<2xf64> -> tensor<3x2x6x6xf64>
  %centred = arith.subf %c, %means : tensor<3x2x6x6xf64>
  %squares = arith.mulf %centred, %centred : tensor<3x2x6x6xf64>
  %total = llcc.reduce <sum> %squares dims [0, 2, 3] : tensor<3x2x6x6xf64> -> tensor<2xf64>
  %variance = arith.mulf %total, %share : tensor<2xf64>
  %epsilon = arith.constant dense<1.0e-5> : tensor<2xf64>
  %safe = arith.addf %variance, %epsilon : tensor<2xf64>
  %deviation = math.sqrt %safe : tensor<2xf64>
  %gain = arith.divf %s, %deviation : tensor<2xf64>
  %gains = llcc.broadcast %gain dims [1] : tensor<2xf64> -> tensor<3x2x6x6xf64>
  %scaled = arith.mulf %centred, %gains : tensor<3x2x6x6xf64>
  %biases = llcc.broadcast %b dims [1] : tensor<2xf64> -> tensor<3x2x6x6xf64>
  %normal = arith.addf %scaled, %biases : tensor<3x2x6x6xf64>
  %pooled = llcc.max_pool %normal {window = array<i64: 2, 2>, strides = array<i64: 2, 2>, pads_lo = array<i64: 0, 0>, pads_hi = array<i64: 0, 0>, dilations = array<i64: 1, 1>} : tensor<3x2x6x6xf64> -> tensor<3x2x3x3xf64>
  %flat = llcc.reshape %pooled : tensor<3x2x3x3xf64> -> tensor<3x18xf64>
  %logits = llcc.dot %flat, %fc batch [] x [] contract [1] x [0] : tensor<3x18xf64>, tensor<18x3xf64> -> tensor<3x3xf64>
  return %logits : tensor<3x3xf64>
}
