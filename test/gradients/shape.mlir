// RUN: %gradients
// Gradients of what moves, repeats and combines elements.

//--- broadcast.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[DA:.*]] = llcc.reduce <sum> %[[T]] dims [0, 2] : {{.*}} -> tensor<3xf64>
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<3xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<2x3x4xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = llcc.broadcast %a dims [1] : tensor<3xf64> -> tensor<2x3x4xf64>
  %p = arith.mulf %y, %t : tensor<2x3x4xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1, 2] : tensor<2x3x4xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- broadcast_unit.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[SUM:.*]] = llcc.reduce <sum> %[[T]] dims [1, 2] : {{.*}} -> tensor<2x3xf64>
// CHECK: %[[DA:.*]] = llcc.reshape %[[SUM]] : tensor<2x3xf64> -> tensor<2x1x3xf64>
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<2x1x3xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<2x5x4x3xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = llcc.broadcast %a dims [0, 2, 3] : tensor<2x1x3xf64> -> tensor<2x5x4x3xf64>
  %p = arith.mulf %y, %t : tensor<2x5x4x3xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1, 2, 3] : tensor<2x5x4x3xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- broadcast_scalar.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[DA:.*]] = llcc.reduce <sum> %[[T]] dims [0, 1] : {{.*}} -> tensor<f64>
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<f64> {llcc.param = "a", llcc.trainable}, %t: tensor<2x3xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = llcc.broadcast %a dims [] : tensor<f64> -> tensor<2x3xf64>
  %p = arith.mulf %y, %t : tensor<2x3xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1] : tensor<2x3xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- reshape.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[DA:.*]] = llcc.reshape %[[T]] : tensor<3x2x1xf64> -> tensor<2x3xf64>
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<2x3xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<3x2x1xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = llcc.reshape %a : tensor<2x3xf64> -> tensor<3x2x1xf64>
  %p = arith.mulf %y, %t : tensor<3x2x1xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1, 2] : tensor<3x2x1xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- transpose.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[DA:.*]] = llcc.transpose %[[T]] perm [1, 2, 0] : tensor<4x2x3xf64> -> tensor<2x3x4xf64>
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<2x3x4xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<4x2x3xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = llcc.transpose %a perm [2, 0, 1] : tensor<2x3x4xf64> -> tensor<4x2x3xf64>
  %p = arith.mulf %y, %t : tensor<4x2x3xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1, 2] : tensor<4x2x3xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- reduce_sum.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[DA:.*]] = llcc.broadcast %[[T]] dims [1] : tensor<3xf64> -> tensor<2x3x4xf64>
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<2x3x4xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<3xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = llcc.reduce <sum> %a dims [0, 2] : tensor<2x3x4xf64> -> tensor<3xf64>
  %p = arith.mulf %y, %t : tensor<3xf64>
  %loss = llcc.reduce <sum> %p dims [0] : tensor<3xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- reduce_max.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[Y:.*]] = llcc.reduce <max> %[[A]] dims [1]
// CHECK: %[[BEST:.*]] = llcc.broadcast %[[Y]] dims [0, 2]
// CHECK: %[[HIT:.*]] = arith.cmpf oeq, %[[A]], %[[BEST]]
// CHECK: %[[ONES:.*]] = arith.select %[[HIT]]
// CHECK: %[[COUNT:.*]] = llcc.reduce <sum> %[[ONES]] dims [1]
// CHECK: %[[PART:.*]] = arith.divf %[[T]], %[[COUNT]]
// CHECK: %[[PARTS:.*]] = llcc.broadcast %[[PART]] dims [0, 2]
// CHECK: %[[DA:.*]] = arith.select %[[HIT]], %[[PARTS]], %cst
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<2x3x4xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<2x4xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = llcc.reduce <max> %a dims [1] : tensor<2x3x4xf64> -> tensor<2x4xf64>
  %p = arith.mulf %y, %t : tensor<2x4xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1] : tensor<2x4xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- reduce_min.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[Y:.*]] = llcc.reduce <min> %[[A]] dims [1]
// CHECK: %[[BEST:.*]] = llcc.broadcast %[[Y]] dims [0, 2]
// CHECK: %[[HIT:.*]] = arith.cmpf oeq, %[[A]], %[[BEST]]
// CHECK: %[[ONES:.*]] = arith.select %[[HIT]]
// CHECK: %[[COUNT:.*]] = llcc.reduce <sum> %[[ONES]] dims [1]
// CHECK: %[[PART:.*]] = arith.divf %[[T]], %[[COUNT]]
// CHECK: %[[PARTS:.*]] = llcc.broadcast %[[PART]] dims [0, 2]
// CHECK: %[[DA:.*]] = arith.select %[[HIT]], %[[PARTS]], %cst
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<2x3x4xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<2x4xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = llcc.reduce <min> %a dims [1] : tensor<2x3x4xf64> -> tensor<2x4xf64>
  %p = arith.mulf %y, %t : tensor<2x4xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1] : tensor<2x4xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- reduce_prod.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[ZERO:.*]] = arith.cmpf oeq, %[[A]]
// CHECK: %[[OTHER:.*]] = arith.select %[[ZERO]], %cst{{.*}}, %[[A]]
// CHECK: %[[PROD:.*]] = llcc.reduce <prod> %[[OTHER]] dims [0, 2]
// CHECK: %[[PULL:.*]] = arith.mulf %[[T]], %[[PROD]]
// CHECK: %[[Q:.*]] = arith.divf %{{.*}}, %[[OTHER]]
// CHECK: %[[DA:.*]] = arith.select %[[ZERO]], %{{.*}}, %[[Q]]
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<2x3x4xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<3xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = llcc.reduce <prod> %a dims [0, 2] : tensor<2x3x4xf64> -> tensor<3xf64>
  %p = arith.mulf %y, %t : tensor<3xf64>
  %loss = llcc.reduce <sum> %p dims [0] : tensor<3xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- reduce_prod_of_one_zero.mlir
// One element is zero: the others have no slope, and no 0/0 appears.
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: llcc.reduce <prod>
// CHECK: llcc.reduce <prod>
// CHECK: return %{{.*}}, %{{.*}}
func.func @gradients(%a: tensor<4xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<f64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %mask = arith.constant dense<[1.0, 1.0, 0.0, 1.0]> : tensor<4xf64>
  %x = arith.mulf %a, %mask : tensor<4xf64>
  %one = arith.constant dense<[0.0, 0.0, 1.0, 0.0]> : tensor<4xf64>
  %b = arith.mulf %a, %one : tensor<4xf64>
  %q = llcc.reduce <prod> %x dims [0] : tensor<4xf64> -> tensor<f64>
  %s = llcc.reduce <sum> %b dims [0] : tensor<4xf64> -> tensor<f64>
  %y = arith.addf %q, %s : tensor<f64>
  %p = arith.mulf %y, %t : tensor<f64>
  return %p : tensor<f64>
}

//--- slice.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[DA:.*]] = llcc.pad %[[T]] lo [1, 0] hi [1, 1] interior [1, 0] : tensor<3x4xf64> -> tensor<7x5xf64>
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<7x5xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<3x4xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = llcc.slice %a starts [1, 0] strides [2, 1] : tensor<7x5xf64> -> tensor<3x4xf64>
  %p = arith.mulf %y, %t : tensor<3x4xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1] : tensor<3x4xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- slice_empty.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[DA:.*]] = llcc.broadcast %[[T]] dims []
// CHECK: %[[SUM:.*]] = arith.addf
// CHECK: return %{{.*}}, %[[SUM]]
func.func @gradients(%a: tensor<3xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<f64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %e = llcc.slice %a starts [3] strides [1] : tensor<3xf64> -> tensor<0xf64>
  %s = llcc.reduce <sum> %e dims [0] : tensor<0xf64> -> tensor<f64>
  %r = llcc.reduce <sum> %a dims [0] : tensor<3xf64> -> tensor<f64>
  %y = arith.addf %r, %s : tensor<f64>
  %p = arith.mulf %y, %t : tensor<f64>
  return %p : tensor<f64>
}

//--- pad.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[DA:.*]] = llcc.slice %[[T]] starts [1, 2] strides [3, 1] : tensor<8x5xf64> -> tensor<3x2xf64>
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<3x2xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<8x5xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = llcc.pad %a lo [1, 2] hi [0, 1] interior [2, 0] {value = 3.0 : f64} : tensor<3x2xf64> -> tensor<8x5xf64>
  %p = arith.mulf %y, %t : tensor<8x5xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1] : tensor<8x5xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- concat.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[B:[^ ,]*]]: tensor{{.*}} %[[X:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[DA:.*]] = llcc.slice %[[T]] starts [0, 0] strides [1, 1] : tensor<2x6xf64> -> tensor<2x3xf64>
// CHECK-NOT: llcc.slice {{.*}} starts [0, 3]
// CHECK: %[[DB:.*]] = llcc.slice %[[T]] starts [0, 5] strides [1, 1] : tensor<2x6xf64> -> tensor<2x1xf64>
// CHECK: return %{{.*}}, %[[DA]], %[[DB]]
func.func @gradients(%a: tensor<2x3xf64> {llcc.param = "a", llcc.trainable}, %b: tensor<2x1xf64> {llcc.param = "b", llcc.trainable}, %x: tensor<2x2xf64> {llcc.input = "x"}, %t: tensor<2x6xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = llcc.concat %a, %x, %b dim 1 : tensor<2x3xf64>, tensor<2x2xf64>, tensor<2x1xf64> -> tensor<2x6xf64>
  %p = arith.mulf %y, %t : tensor<2x6xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1] : tensor<2x6xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- gather.mlir
// Row 1 and row 4 are read twice (-1 is the last): their gradients add up.
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[I:.*]] = arith.constant dense<{{.*}}> : tensor<2x2xi64>
// CHECK: %[[DA:.*]] = llcc.scatter_add %[[T]], %[[I]] axis 1 : {{.*}} -> tensor<2x5x3xf64>
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<2x5x3xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<2x2x2x3xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %i = arith.constant dense<[[1, 4], [1, -1]]> : tensor<2x2xi64>
  %y = llcc.gather %a, %i axis 1 : tensor<2x5x3xf64>, tensor<2x2xi64> -> tensor<2x2x2x3xf64>
  %p = arith.mulf %y, %t : tensor<2x2x2x3xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1, 2, 3] : tensor<2x2x2x3xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- scatter_add.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[I:.*]] = arith.constant
// CHECK: %[[DA:.*]] = llcc.gather %[[T]], %[[I]] axis 0 : {{.*}} -> tensor<3x2xf64>
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<3x2xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<4x2xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %i = arith.constant dense<[2, 0, 2]> : tensor<3xi64>
  %y = llcc.scatter_add %a, %i axis 0 : tensor<3x2xf64>, tensor<3xi64> -> tensor<4x2xf64>
  %p = arith.mulf %y, %t : tensor<4x2xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1] : tensor<4x2xf64> -> tensor<f64>
  return %loss : tensor<f64>
}
