// RUN: %gradients
// Gradients of the ops that are whole until llcc-decompose.

//--- sigmoid.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[Y:.*]] = llcc.sigmoid %[[A]]
// CHECK: %[[REST:.*]] = arith.subf %cst{{.*}}, %[[Y]]
// CHECK: %[[F:.*]] = arith.mulf %[[Y]], %[[REST]]
// CHECK: %[[DA:.*]] = arith.mulf %[[T]], %[[F]]
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<2x3xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<2x3xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = llcc.sigmoid %a : tensor<2x3xf64>
  %p = arith.mulf %y, %t : tensor<2x3xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1] : tensor<2x3xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- softplus.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[N:.*]] = arith.negf %[[A]]
// CHECK: %[[E:.*]] = math.exp %[[N]]
// CHECK: %[[D:.*]] = arith.addf %[[E]], %[[ONE:.*]] :
// CHECK: %[[F:.*]] = arith.divf %[[ONE2:.*]], %[[D]]
// CHECK: %[[DA:.*]] = arith.mulf %[[T]], %[[F]]
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<2x3xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<2x3xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = llcc.softplus %a : tensor<2x3xf64>
  %p = arith.mulf %y, %t : tensor<2x3xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1] : tensor<2x3xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- gelu.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[E:.*]] = math.exp
// CHECK: %[[PHI:.*]] = arith.mulf %[[E]], %cst
// CHECK: math.erf
// CHECK: %[[XPHI:.*]] = arith.mulf %[[A]], %[[PHI]]
// CHECK: %[[F:.*]] = arith.addf %{{.*}}, %[[XPHI]]
// CHECK: %[[DA:.*]] = arith.mulf %[[T]], %[[F]]
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<2x3xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<2x3xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = llcc.gelu %a : tensor<2x3xf64>
  %p = arith.mulf %y, %t : tensor<2x3xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1] : tensor<2x3xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- gelu_tanh.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: math.tanh
// CHECK-NOT: math.erf
// CHECK: arith.constant dense<0.39894
// CHECK: %[[PHI:.*]] = arith.mulf
// CHECK: %[[XPHI:.*]] = arith.mulf %[[A]], %[[PHI]]
// CHECK: %[[F:.*]] = arith.addf %{{.*}}, %[[XPHI]]
// CHECK: %[[DA:.*]] = arith.mulf %[[T]], %[[F]]
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<2x3xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<2x3xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = llcc.gelu %a tanh : tensor<2x3xf64>
  %p = arith.mulf %y, %t : tensor<2x3xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1] : tensor<2x3xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- softmax.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[Y:.*]] = llcc.softmax %[[A]]
// CHECK: %[[TY:.*]] = arith.mulf %[[T]], %[[Y]]
// CHECK: %[[SUM:.*]] = llcc.reduce <sum> %[[TY]] dims [1]
// CHECK: %[[SUMS:.*]] = llcc.broadcast %[[SUM]] dims [0, 2]
// CHECK: %[[C:.*]] = arith.subf %[[T]], %[[SUMS]]
// CHECK: %[[DA:.*]] = arith.mulf %[[Y]], %[[C]]
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<2x3x4xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<2x3x4xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = llcc.softmax %a axis 1 : tensor<2x3x4xf64>
  %p = arith.mulf %y, %t : tensor<2x3x4xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1, 2] : tensor<2x3x4xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- log_softmax.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[Y:.*]] = llcc.log_softmax %[[A]]
// CHECK: %[[P:.*]] = math.exp %[[Y]]
// CHECK: %[[SUM:.*]] = llcc.reduce <sum> %[[T]] dims [2]
// CHECK: %[[SUMS:.*]] = llcc.broadcast %[[SUM]] dims [0, 1]
// CHECK: %[[PS:.*]] = arith.mulf %[[P]], %[[SUMS]]
// CHECK: %[[DA:.*]] = arith.subf %[[T]], %[[PS]]
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<2x3x4xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<2x3x4xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = llcc.log_softmax %a axis 2 : tensor<2x3x4xf64>
  %p = arith.mulf %y, %t : tensor<2x3x4xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1, 2] : tensor<2x3x4xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- layer_norm.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[S:[^ ,]*]]: tensor{{.*}} %[[B:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: math.rsqrt
// CHECK: %[[DS:.*]] = llcc.reduce <sum> %{{.*}} dims [0] : {{.*}} -> tensor<3x4xf64>
// CHECK: %[[DA:.*]] = arith.mulf
// CHECK: %[[DB:.*]] = llcc.reduce <sum> %[[T]] dims [0] : {{.*}} -> tensor<3x4xf64>
// CHECK: return %{{.*}}, %{{.*}}, %[[DS]], %[[DB]]
func.func @gradients(%a: tensor<2x3x4xf64> {llcc.param = "a", llcc.trainable}, %s: tensor<3x4xf64> {llcc.param = "s", llcc.trainable}, %b: tensor<3x4xf64> {llcc.param = "b", llcc.trainable}, %t: tensor<2x3x4xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = llcc.layer_norm %a, %s, %b axis 1 epsilon 1.0e-5 : tensor<2x3x4xf64>, tensor<3x4xf64>, tensor<3x4xf64> -> tensor<2x3x4xf64>
  %p = arith.mulf %y, %t : tensor<2x3x4xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1, 2] : tensor<2x3x4xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- layer_norm_without_bias.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[S:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[DS:.*]] = llcc.reduce <sum> %{{.*}} dims [0, 1] : {{.*}} -> tensor<4xf64>
// CHECK: return %{{.*}}, %{{.*}}, %[[DS]]
func.func @gradients(%a: tensor<2x3x4xf64> {llcc.param = "a", llcc.trainable}, %s: tensor<4xf64> {llcc.param = "s", llcc.trainable}, %t: tensor<2x3x4xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = llcc.layer_norm %a, %s axis 2 epsilon 1.0e-5 : tensor<2x3x4xf64>, tensor<4xf64> -> tensor<2x3x4xf64>
  %p = arith.mulf %y, %t : tensor<2x3x4xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1, 2] : tensor<2x3x4xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

// The sums over channels' elements that mean and variance depend on: two, as in the formula. What is tracked has no gradient.
//--- standardize.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK: llcc.standardize
// CHECK-COUNT-2: llcc.reduce <sum> {{.*}} dims [0, 2]
// CHECK: return
func.func @gradients(%a: tensor<3x2x4xf64> {llcc.param = "a", llcc.trainable}, %m: tensor<2xf64> {llcc.param = "m"}, %t: tensor<3x2x4xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %s = llcc.standardize %a dims [0, 2] epsilon 1.0e-03 : tensor<3x2x4xf64>
  %sum = llcc.reduce <sum> %a dims [0, 2] : tensor<3x2x4xf64> -> tensor<2xf64>
  %y = llcc.track %s, %m by %sum momentum 0.9 : tensor<3x2x4xf64>, tensor<2xf64>, tensor<2xf64> -> tensor<3x2x4xf64>
  %p = arith.mulf %y, %t : tensor<3x2x4xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1, 2] : tensor<3x2x4xf64> -> tensor<f64>
  return %loss : tensor<f64>
}
