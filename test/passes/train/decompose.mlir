// RUN: llcc-opt --llcc-decompose %s | FileCheck %s

// CHECK-LABEL: @sigmoid
// CHECK: %[[ONE:.*]] = arith.constant dense<1.0
// CHECK: %[[N:.*]] = arith.negf %arg0
// CHECK: %[[E:.*]] = math.exp %[[N]]
// CHECK: %[[D:.*]] = arith.addf %[[E]], %[[ONE]]
// CHECK: %[[Y:.*]] = arith.divf %[[ONE]], %[[D]]
// CHECK: return %[[Y]]
func.func @sigmoid(%x: tensor<3xf32>) -> tensor<3xf32> {
  %y = llcc.sigmoid %x : tensor<3xf32>
  return %y : tensor<3xf32>
}

// max(x, 0) + log1p(exp(-|x|)) neither overflows nor loses small results.
// CHECK-LABEL: @softplus
// CHECK: %[[A:.*]] = math.absf %arg0
// CHECK: %[[N:.*]] = arith.negf %[[A]]
// CHECK: %[[E:.*]] = math.exp %[[N]]
// CHECK: %[[L:.*]] = math.log1p %[[E]]
// CHECK: %[[M:.*]] = arith.maximumf %arg0
// CHECK: %[[Y:.*]] = arith.addf %[[M]], %[[L]]
// CHECK: return %[[Y]]
func.func @softplus(%x: tensor<3xf32>) -> tensor<3xf32> {
  %y = llcc.softplus %x : tensor<3xf32>
  return %y : tensor<3xf32>
}

// CHECK-LABEL: @gelu
// CHECK: math.erf
// CHECK-NOT: llcc.gelu
// CHECK: math.tanh
func.func @gelu(%x: tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>) {
  %y = llcc.gelu %x : tensor<3xf32>
  %z = llcc.gelu %x tanh : tensor<3xf32>
  return %y, %z : tensor<3xf32>, tensor<3xf32>
}

// softmax and log_softmax of one value share max, difference, exp and sum.
// CHECK-LABEL: @softmaxes_share
// CHECK: %[[MAX:.*]] = llcc.reduce <max> %arg0 dims [1] : tensor<2x3x4xf32> -> tensor<2x4xf32>
// CHECK: %[[MAXES:.*]] = llcc.broadcast %[[MAX]] dims [0, 2]
// CHECK: %[[SHIFT:.*]] = arith.subf %arg0, %[[MAXES]]
// CHECK: %[[EXP:.*]] = math.exp %[[SHIFT]]
// CHECK: %[[SUM:.*]] = llcc.reduce <sum> %[[EXP]] dims [1]
// CHECK: %[[SUMS:.*]] = llcc.broadcast %[[SUM]] dims [0, 2]
// CHECK: %[[P:.*]] = arith.divf %[[EXP]], %[[SUMS]]
// CHECK-NOT: llcc.reduce
// CHECK: %[[LOG:.*]] = math.log %[[SUM]]
// CHECK: %[[LOGS:.*]] = llcc.broadcast %[[LOG]] dims [0, 2]
// CHECK: %[[L:.*]] = arith.subf %[[SHIFT]], %[[LOGS]]
// CHECK: return %[[P]], %[[L]]
func.func @softmaxes_share(%x: tensor<2x3x4xf32>) -> (tensor<2x3x4xf32>, tensor<2x3x4xf32>) {
  %p = llcc.softmax %x axis 1 : tensor<2x3x4xf32>
  %l = llcc.log_softmax %x axis 1 : tensor<2x3x4xf32>
  return %p, %l : tensor<2x3x4xf32>, tensor<2x3x4xf32>
}

// CHECK-LABEL: @layer_norm
// CHECK-SAME: %[[X:.*]]: tensor<2x3x4xf32>, %[[SCALE:.*]]: tensor<3x4xf32>, %[[BIAS:.*]]: tensor<3x4xf32>
// CHECK: %[[SUM:.*]] = llcc.reduce <sum> %[[X]] dims [1, 2]
// CHECK: %[[MEAN:.*]] = arith.mulf %[[SUM]]
// CHECK: %[[MEANS:.*]] = llcc.broadcast %[[MEAN]] dims [0]
// CHECK: %[[C:.*]] = arith.subf %[[X]], %[[MEANS]]
// CHECK: %[[CC:.*]] = arith.mulf %[[C]], %[[C]]
// CHECK: %[[SQUARES:.*]] = llcc.reduce <sum> %[[CC]] dims [1, 2]
// CHECK: %[[VAR:.*]] = arith.mulf %[[SQUARES]]
// CHECK: %[[EPS:.*]] = arith.constant dense<9.99999974E-6>
// CHECK: %[[SAFE:.*]] = arith.addf %[[VAR]], %[[EPS]]
// CHECK: %[[RSTD:.*]] = math.rsqrt %[[SAFE]]
// CHECK: %[[RSTDS:.*]] = llcc.broadcast %[[RSTD]] dims [0]
// CHECK: %[[N:.*]] = arith.mulf %[[C]], %[[RSTDS]]
// CHECK: %[[SCALES:.*]] = llcc.broadcast %[[SCALE]] dims [1, 2]
// CHECK: %[[SCALED:.*]] = arith.mulf %[[N]], %[[SCALES]]
// CHECK: %[[BIASES:.*]] = llcc.broadcast %[[BIAS]] dims [1, 2]
// CHECK: %[[Y:.*]] = arith.addf %[[SCALED]], %[[BIASES]]
// CHECK: return %[[Y]]
func.func @layer_norm(%x: tensor<2x3x4xf32>, %s: tensor<3x4xf32>, %b: tensor<3x4xf32>) -> tensor<2x3x4xf32> {
  %y = llcc.layer_norm %x, %s, %b axis 1 epsilon 1.0e-05 : tensor<2x3x4xf32>, tensor<3x4xf32>, tensor<3x4xf32> -> tensor<2x3x4xf32>
  return %y : tensor<2x3x4xf32>
}

// Exporters write squares as Pow: small whole powers are products, others stay.
// CHECK-LABEL: @powers
// CHECK-DAG: %[[TWO:.*]] = arith.mulf %arg0, %arg0
// CHECK: %[[THREE:.*]] = arith.mulf %[[TWO]], %arg0
// CHECK: %[[FOUR:.*]] = arith.mulf %[[TWO]], %[[TWO]]
// CHECK: %[[MINUS:.*]] = arith.divf %{{.*}}, %[[TWO]]
// CHECK: %[[HALF:.*]] = math.powf
// CHECK: %[[FIVE:.*]] = math.powf
// CHECK: return %arg0, %[[TWO]], %[[THREE]], %[[FOUR]], %[[MINUS]], %[[HALF]], %[[FIVE]]
func.func @powers(%x: tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) {
  %one = arith.constant dense<1.0> : tensor<3xf32>
  %two = arith.constant dense<2.0> : tensor<3xf32>
  %three = arith.constant dense<3.0> : tensor<3xf32>
  %four = arith.constant dense<4.0> : tensor<3xf32>
  %minus = arith.constant dense<-2.0> : tensor<3xf32>
  %half = arith.constant dense<0.5> : tensor<3xf32>
  %five = arith.constant dense<5.0> : tensor<f32>
  %fives = llcc.broadcast %five dims [] : tensor<f32> -> tensor<3xf32>
  %y1 = math.powf %x, %one : tensor<3xf32>
  %y2 = math.powf %x, %two : tensor<3xf32>
  %y3 = math.powf %x, %three : tensor<3xf32>
  %y4 = math.powf %x, %four : tensor<3xf32>
  %ym = math.powf %x, %minus : tensor<3xf32>
  %yh = math.powf %x, %half : tensor<3xf32>
  %y5 = math.powf %x, %fives : tensor<3xf32>
  return %y1, %y2, %y3, %y4, %ym, %yh, %y5 : tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>
}
