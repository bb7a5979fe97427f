// RUN: %gradients
// Gradients of contractions, convolutions and pooling.

//--- dot_rows_by_rows.mlir
// x w^T, as Gemm of a PyTorch Linear: no transpose on the way back.
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[B:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[DA:.*]] = llcc.dot %[[T]], %[[B]] batch [] x [] contract [1] x [0] : {{.*}} -> tensor<2x3xf64>
// CHECK: %[[DB:.*]] = llcc.dot %[[T]], %[[A]] batch [] x [] contract [0] x [0] : {{.*}} -> tensor<4x3xf64>
// CHECK-NOT: llcc.transpose
// CHECK: return %{{.*}}, %[[DA]], %[[DB]]
func.func @gradients(%a: tensor<2x3xf64> {llcc.param = "a", llcc.trainable}, %b: tensor<4x3xf64> {llcc.param = "b", llcc.trainable}, %t: tensor<2x4xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = llcc.dot %a, %b batch [] x [] contract [1] x [1] : tensor<2x3xf64>, tensor<4x3xf64> -> tensor<2x4xf64>
  %p = arith.mulf %y, %t : tensor<2x4xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1] : tensor<2x4xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- dot_rows_by_columns.mlir
// x w: the operands change places for w.
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[B:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[DA:.*]] = llcc.dot %[[T]], %[[B]] batch [] x [] contract [1] x [1] : {{.*}} -> tensor<2x3xf64>
// CHECK: %[[DB:.*]] = llcc.dot %[[A]], %[[T]] batch [] x [] contract [0] x [0] : {{.*}} -> tensor<3x4xf64>
// CHECK-NOT: llcc.transpose
// CHECK: return %{{.*}}, %[[DA]], %[[DB]]
func.func @gradients(%a: tensor<2x3xf64> {llcc.param = "a", llcc.trainable}, %b: tensor<3x4xf64> {llcc.param = "b", llcc.trainable}, %t: tensor<2x4xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = llcc.dot %a, %b batch [] x [] contract [1] x [0] : tensor<2x3xf64>, tensor<3x4xf64> -> tensor<2x4xf64>
  %p = arith.mulf %y, %t : tensor<2x4xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1] : tensor<2x4xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- dot_columns_by_columns.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[B:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[DA:.*]] = llcc.dot %[[B]], %[[T]] batch [] x [] contract [1] x [1] : {{.*}} -> tensor<3x2xf64>
// CHECK: %[[DB:.*]] = llcc.dot %[[A]], %[[T]] batch [] x [] contract [1] x [0] : {{.*}} -> tensor<3x4xf64>
// CHECK-NOT: llcc.transpose
// CHECK: return %{{.*}}, %[[DA]], %[[DB]]
func.func @gradients(%a: tensor<3x2xf64> {llcc.param = "a", llcc.trainable}, %b: tensor<3x4xf64> {llcc.param = "b", llcc.trainable}, %t: tensor<2x4xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = llcc.dot %a, %b batch [] x [] contract [0] x [0] : tensor<3x2xf64>, tensor<3x4xf64> -> tensor<2x4xf64>
  %p = arith.mulf %y, %t : tensor<2x4xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1] : tensor<2x4xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- dot_3d_by_2d.mlir
// A language model's Linear: batch and time are contracted together.
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[B:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[DA:.*]] = llcc.dot %[[T]], %[[B]] batch [] x [] contract [2] x [1] : {{.*}} -> tensor<2x3x4xf64>
// CHECK: %[[DB:.*]] = llcc.dot %[[A]], %[[T]] batch [] x [] contract [0, 1] x [0, 1] : {{.*}} -> tensor<4x5xf64>
// CHECK-NOT: llcc.transpose
// CHECK: return %{{.*}}, %[[DA]], %[[DB]]
func.func @gradients(%a: tensor<2x3x4xf64> {llcc.param = "a", llcc.trainable}, %b: tensor<4x5xf64> {llcc.param = "b", llcc.trainable}, %t: tensor<2x3x5xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = llcc.dot %a, %b batch [] x [] contract [2] x [0] : tensor<2x3x4xf64>, tensor<4x5xf64> -> tensor<2x3x5xf64>
  %p = arith.mulf %y, %t : tensor<2x3x5xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1, 2] : tensor<2x3x5xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- dot_batched.mlir
// Attention scores, q k^T.
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[B:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[DA:.*]] = llcc.dot %[[T]], %[[B]] batch [0, 1] x [0, 1] contract [3] x [2] : {{.*}} -> tensor<2x3x4x5xf64>
// CHECK: %[[DB:.*]] = llcc.dot %[[T]], %[[A]] batch [0, 1] x [0, 1] contract [2] x [2] : {{.*}} -> tensor<2x3x6x5xf64>
// CHECK-NOT: llcc.transpose
// CHECK: return %{{.*}}, %[[DA]], %[[DB]]
func.func @gradients(%a: tensor<2x3x4x5xf64> {llcc.param = "a", llcc.trainable}, %b: tensor<2x3x6x5xf64> {llcc.param = "b", llcc.trainable}, %t: tensor<2x3x4x6xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = llcc.dot %a, %b batch [0, 1] x [0, 1] contract [3] x [3] : tensor<2x3x4x5xf64>, tensor<2x3x6x5xf64> -> tensor<2x3x4x6xf64>
  %p = arith.mulf %y, %t : tensor<2x3x4x6xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1, 2, 3] : tensor<2x3x4x6xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- dot_heads_inside.mlir
// Batch dimensions come first in a dot, so this layout costs a transpose.
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[B:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[DOTA:.*]] = llcc.dot %[[T]], %[[B]] batch [0, 1] x [0, 2] contract [3] x [1] : {{.*}} -> tensor<2x3x4x5xf64>
// CHECK: %[[DA:.*]] = llcc.transpose %[[DOTA]] perm [0, 2, 1, 3]
// CHECK: %[[DOTB:.*]] = llcc.dot %[[T]], %[[A]] batch [0, 1] x [0, 2] contract [2] x [1]
// CHECK: %[[DB:.*]] = llcc.transpose %[[DOTB]] perm [0, 2, 1, 3]
// CHECK: return %{{.*}}, %[[DA]], %[[DB]]
func.func @gradients(%a: tensor<2x4x3x5xf64> {llcc.param = "a", llcc.trainable}, %b: tensor<2x6x3x5xf64> {llcc.param = "b", llcc.trainable}, %t: tensor<2x3x4x6xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = llcc.dot %a, %b batch [0, 2] x [0, 2] contract [3] x [3] : tensor<2x4x3x5xf64>, tensor<2x6x3x5xf64> -> tensor<2x3x4x6xf64>
  %p = arith.mulf %y, %t : tensor<2x3x4x6xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1, 2, 3] : tensor<2x3x4x6xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- dot_batch_order.mlir
// Each gradient takes the batch dimensions in its own order.
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[B:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[DA:.*]] = llcc.dot %[[T]], %[[B]] batch [1, 0] x [1, 0] contract [] x [] : {{.*}} -> tensor<3x2x4xf64>
// CHECK: %[[DB:.*]] = llcc.dot %[[T]], %[[A]] batch [0, 1] x [1, 0] contract [] x [] : {{.*}} -> tensor<2x3x4xf64>
// CHECK-NOT: llcc.transpose
// CHECK: return %{{.*}}, %[[DA]], %[[DB]]
func.func @gradients(%a: tensor<3x2x4xf64> {llcc.param = "a", llcc.trainable}, %b: tensor<2x3x4xf64> {llcc.param = "b", llcc.trainable}, %t: tensor<2x3xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = llcc.dot %a, %b batch [1, 0] x [0, 1] contract [2] x [2] : tensor<3x2x4xf64>, tensor<2x3x4xf64> -> tensor<2x3xf64>
  %p = arith.mulf %y, %t : tensor<2x3xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1] : tensor<2x3xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- dot_two_contracted.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[B:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[DOTA:.*]] = llcc.dot %[[T]], %[[B]] batch [] x [] contract [1] x [1] : {{.*}} -> tensor<2x4x3xf64>
// CHECK: %[[DA:.*]] = llcc.transpose %[[DOTA]] perm [0, 2, 1]
// CHECK: %{{.*}} = llcc.dot
// CHECK: return %{{.*}}, %[[DA]], %{{.*}}
func.func @gradients(%a: tensor<2x3x4xf64> {llcc.param = "a", llcc.trainable}, %b: tensor<4x5x3xf64> {llcc.param = "b", llcc.trainable}, %t: tensor<2x5xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = llcc.dot %a, %b batch [] x [] contract [1, 2] x [2, 0] : tensor<2x3x4xf64>, tensor<4x5x3xf64> -> tensor<2x5xf64>
  %p = arith.mulf %y, %t : tensor<2x5xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1] : tensor<2x5xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- dot_outer.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[B:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[DA:.*]] = llcc.dot %[[T]], %[[B]] batch [] x [] contract [1] x [0] : {{.*}} -> tensor<2xf64>
// CHECK: %[[DB:.*]] = llcc.dot %[[T]], %[[A]] batch [] x [] contract [0] x [0] : {{.*}} -> tensor<3xf64>
// CHECK: return %{{.*}}, %[[DA]], %[[DB]]
func.func @gradients(%a: tensor<2xf64> {llcc.param = "a", llcc.trainable}, %b: tensor<3xf64> {llcc.param = "b", llcc.trainable}, %t: tensor<2x3xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = llcc.dot %a, %b batch [] x [] contract [] x [] : tensor<2xf64>, tensor<3xf64> -> tensor<2x3xf64>
  %p = arith.mulf %y, %t : tensor<2x3xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1] : tensor<2x3xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- conv.mlir
// Strides, uneven padding, dilation and groups at once.
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[B:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[DA:.*]] = llcc.conv_input_grad %[[T]], %[[B]] {dilations = array<i64: 1, 2>, groups = 2 : i64, pads_hi = array<i64: 0, 1>, pads_lo = array<i64: 1, 0>, strides = array<i64: 2, 1>}
// CHECK: %[[DB:.*]] = llcc.conv_weight_grad %[[A]], %[[T]] {dilations = array<i64: 1, 2>, groups = 2 : i64, pads_hi = array<i64: 0, 1>, pads_lo = array<i64: 1, 0>, strides = array<i64: 2, 1>}
// CHECK: return %{{.*}}, %[[DA]], %[[DB]]
func.func @gradients(%a: tensor<2x4x5x6xf64> {llcc.param = "a", llcc.trainable}, %b: tensor<6x2x3x2xf64> {llcc.param = "b", llcc.trainable}, %t: tensor<2x6x2x5xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = llcc.conv %a, %b {strides = array<i64: 2, 1>, pads_lo = array<i64: 1, 0>, pads_hi = array<i64: 0, 1>, dilations = array<i64: 1, 2>, groups = 2 : i64} : tensor<2x4x5x6xf64>, tensor<6x2x3x2xf64> -> tensor<2x6x2x5xf64>
  %p = arith.mulf %y, %t : tensor<2x6x2x5xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1, 2, 3] : tensor<2x6x2x5xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- conv_input_grad.mlir
// ONNX ConvTranspose.
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[B:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[DA:.*]] = llcc.conv %[[T]], %[[B]]
// CHECK: %[[DB:.*]] = llcc.conv_weight_grad %[[T]], %[[A]]
// CHECK: return %{{.*}}, %[[DA]], %[[DB]]
func.func @gradients(%a: tensor<2x6x2x5xf64> {llcc.param = "a", llcc.trainable}, %b: tensor<6x2x3x2xf64> {llcc.param = "b", llcc.trainable}, %t: tensor<2x4x5x6xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = llcc.conv_input_grad %a, %b {strides = array<i64: 2, 1>, pads_lo = array<i64: 1, 0>, pads_hi = array<i64: 0, 1>, dilations = array<i64: 1, 2>, groups = 2 : i64} : tensor<2x6x2x5xf64>, tensor<6x2x3x2xf64> -> tensor<2x4x5x6xf64>
  %p = arith.mulf %y, %t : tensor<2x4x5x6xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1, 2, 3] : tensor<2x4x5x6xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- conv_weight_grad.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[B:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[DA:.*]] = llcc.conv_input_grad %[[B]], %[[T]]
// CHECK: %[[DB:.*]] = llcc.conv %[[A]], %[[T]]
// CHECK: return %{{.*}}, %[[DA]], %[[DB]]
func.func @gradients(%a: tensor<2x4x5x6xf64> {llcc.param = "a", llcc.trainable}, %b: tensor<2x6x2x5xf64> {llcc.param = "b", llcc.trainable}, %t: tensor<6x2x3x2xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = llcc.conv_weight_grad %a, %b {strides = array<i64: 2, 1>, pads_lo = array<i64: 1, 0>, pads_hi = array<i64: 0, 1>, dilations = array<i64: 1, 2>, groups = 2 : i64} : tensor<2x4x5x6xf64>, tensor<2x6x2x5xf64> -> tensor<6x2x3x2xf64>
  %p = arith.mulf %y, %t : tensor<6x2x3x2xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1, 2, 3] : tensor<6x2x3x2xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- max_pool.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[DA:.*]] = llcc.max_pool_grad %[[A]], %[[T]] {dilations = array<i64: 1, 2>, pads_hi = array<i64: 0, 1>, pads_lo = array<i64: 1, 0>, strides = array<i64: 2, 1>, window = array<i64: 3, 2>}
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<2x2x5x6xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<2x2x2x5xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = llcc.max_pool %a {strides = array<i64: 2, 1>, pads_lo = array<i64: 1, 0>, pads_hi = array<i64: 0, 1>, dilations = array<i64: 1, 2>, window = array<i64: 3, 2>} : tensor<2x2x5x6xf64> -> tensor<2x2x2x5xf64>
  %p = arith.mulf %y, %t : tensor<2x2x2x5xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1, 2, 3] : tensor<2x2x2x5xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- avg_pool.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[DA:.*]] = llcc.avg_pool_grad %[[T]] {{.}}count_include_pad = false
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<2x2x5x6xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<2x2x2x5xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = llcc.avg_pool %a {strides = array<i64: 2, 1>, pads_lo = array<i64: 1, 0>, pads_hi = array<i64: 0, 1>, dilations = array<i64: 1, 2>, window = array<i64: 3, 2>, count_include_pad = false} : tensor<2x2x5x6xf64> -> tensor<2x2x2x5xf64>
  %p = arith.mulf %y, %t : tensor<2x2x2x5xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1, 2, 3] : tensor<2x2x2x5xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- avg_pool_with_padding.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[DA:.*]] = llcc.avg_pool_grad %[[T]] {{.}}count_include_pad = true
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<2x2x5x6xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<2x2x2x5xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = llcc.avg_pool %a {strides = array<i64: 2, 1>, pads_lo = array<i64: 1, 0>, pads_hi = array<i64: 0, 1>, dilations = array<i64: 1, 2>, window = array<i64: 3, 2>, count_include_pad = true} : tensor<2x2x5x6xf64> -> tensor<2x2x2x5xf64>
  %p = arith.mulf %y, %t : tensor<2x2x2x5xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1, 2, 3] : tensor<2x2x2x5xf64> -> tensor<f64>
  return %loss : tensor<f64>
}
