// RUN: %gradients
// Gradients of arith.

//--- addf.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[B:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: return %{{.*}}, %[[T]], %[[T]]
func.func @gradients(%a: tensor<2x3xf64> {llcc.param = "a", llcc.trainable}, %b: tensor<2x3xf64> {llcc.param = "b", llcc.trainable}, %t: tensor<2x3xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = arith.addf %a, %b : tensor<2x3xf64>
  %p = arith.mulf %y, %t : tensor<2x3xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1] : tensor<2x3xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- subf.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[B:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[N:.*]] = arith.negf %[[T]]
// CHECK: return %{{.*}}, %[[T]], %[[N]]
func.func @gradients(%a: tensor<2x3xf64> {llcc.param = "a", llcc.trainable}, %b: tensor<2x3xf64> {llcc.param = "b", llcc.trainable}, %t: tensor<2x3xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = arith.subf %a, %b : tensor<2x3xf64>
  %p = arith.mulf %y, %t : tensor<2x3xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1] : tensor<2x3xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- mulf.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[B:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[DA:.*]] = arith.mulf %[[T]], %[[B]]
// CHECK: %[[DB:.*]] = arith.mulf %[[T]], %[[A]]
// CHECK: return %{{.*}}, %[[DA]], %[[DB]]
func.func @gradients(%a: tensor<2x3xf64> {llcc.param = "a", llcc.trainable}, %b: tensor<2x3xf64> {llcc.param = "b", llcc.trainable}, %t: tensor<2x3xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = arith.mulf %a, %b : tensor<2x3xf64>
  %p = arith.mulf %y, %t : tensor<2x3xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1] : tensor<2x3xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- square.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[TWICE:.*]] = arith.mulf %[[T]], %cst
// CHECK: %[[DA:.*]] = arith.mulf %[[A]], %[[TWICE]]
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<2x3xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<2x3xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = arith.mulf %a, %a : tensor<2x3xf64>
  %p = arith.mulf %y, %t : tensor<2x3xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1] : tensor<2x3xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- divf.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[B:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[Y:.*]] = arith.divf %[[A]], %[[B]]
// CHECK: %[[DA:.*]] = arith.divf %[[T]], %[[B]]
// CHECK: %[[AGAIN:.*]] = arith.mulf %[[DA]], %[[Y]]
// CHECK: %[[DB:.*]] = arith.negf %[[AGAIN]]
// CHECK: return %{{.*}}, %[[DA]], %[[DB]]
func.func @gradients(%a: tensor<6xf64> {llcc.param = "a", llcc.trainable}, %b: tensor<6xf64> {llcc.param = "b", llcc.trainable}, %t: tensor<6xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = arith.divf %a, %b : tensor<6xf64>
  %p = arith.mulf %y, %t : tensor<6xf64>
  %loss = llcc.reduce <sum> %p dims [0] : tensor<6xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- remf.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[B:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[Q:.*]] = arith.divf %[[A]], %[[B]]
// CHECK: %[[N:.*]] = math.trunc %[[Q]]
// CHECK: %[[M:.*]] = arith.mulf %[[T]], %[[N]]
// CHECK: %[[DB:.*]] = arith.negf %[[M]]
// CHECK: return %{{.*}}, %[[T]], %[[DB]]
func.func @gradients(%a: tensor<6xf64> {llcc.param = "a", llcc.trainable}, %b: tensor<6xf64> {llcc.param = "b", llcc.trainable}, %t: tensor<6xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = arith.remf %a, %b : tensor<6xf64>
  %p = arith.mulf %y, %t : tensor<6xf64>
  %loss = llcc.reduce <sum> %p dims [0] : tensor<6xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- negf.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[DA:.*]] = arith.negf %[[T]]
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<2x3xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<2x3xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = arith.negf %a : tensor<2x3xf64>
  %p = arith.mulf %y, %t : tensor<2x3xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1] : tensor<2x3xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- maximumf.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[B:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[TIE:.*]] = arith.cmpf oeq, %[[A]], %[[B]]
// CHECK: %[[HALF:.*]] = arith.mulf %[[T]], %cst
// CHECK: %[[SHARED:.*]] = arith.select %[[TIE]], %[[HALF]], %[[T]]
// CHECK: %[[LOSES:.*]] = arith.cmpf olt, %[[A]], %[[B]]
// CHECK: %[[DA:.*]] = arith.select %[[LOSES]], %cst{{.*}}, %[[SHARED]]
// CHECK: arith.cmpf olt, %[[B]], %[[A]]
// CHECK: return %{{.*}}, %[[DA]], %{{.*}}
func.func @gradients(%a: tensor<2x3xf64> {llcc.param = "a", llcc.trainable}, %b: tensor<2x3xf64> {llcc.param = "b", llcc.trainable}, %t: tensor<2x3xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = arith.maximumf %a, %b : tensor<2x3xf64>
  %p = arith.mulf %y, %t : tensor<2x3xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1] : tensor<2x3xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- maxnumf.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[B:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[TIE:.*]] = arith.cmpf oeq, %[[A]], %[[B]]
// CHECK: %[[HALF:.*]] = arith.mulf %[[T]], %cst
// CHECK: %[[SHARED:.*]] = arith.select %[[TIE]], %[[HALF]], %[[T]]
// CHECK: %[[LOSES:.*]] = arith.cmpf olt, %[[A]], %[[B]]
// CHECK: %[[DA:.*]] = arith.select %[[LOSES]], %cst{{.*}}, %[[SHARED]]
// CHECK: arith.cmpf olt, %[[B]], %[[A]]
// CHECK: return %{{.*}}, %[[DA]], %{{.*}}
func.func @gradients(%a: tensor<2x3xf64> {llcc.param = "a", llcc.trainable}, %b: tensor<2x3xf64> {llcc.param = "b", llcc.trainable}, %t: tensor<2x3xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = arith.maxnumf %a, %b : tensor<2x3xf64>
  %p = arith.mulf %y, %t : tensor<2x3xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1] : tensor<2x3xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- minimumf.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[B:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[TIE:.*]] = arith.cmpf oeq, %[[A]], %[[B]]
// CHECK: %[[HALF:.*]] = arith.mulf %[[T]], %cst
// CHECK: %[[SHARED:.*]] = arith.select %[[TIE]], %[[HALF]], %[[T]]
// CHECK: %[[LOSES:.*]] = arith.cmpf ogt, %[[A]], %[[B]]
// CHECK: %[[DA:.*]] = arith.select %[[LOSES]], %cst{{.*}}, %[[SHARED]]
// CHECK: arith.cmpf ogt, %[[B]], %[[A]]
// CHECK: return %{{.*}}, %[[DA]], %{{.*}}
func.func @gradients(%a: tensor<2x3xf64> {llcc.param = "a", llcc.trainable}, %b: tensor<2x3xf64> {llcc.param = "b", llcc.trainable}, %t: tensor<2x3xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = arith.minimumf %a, %b : tensor<2x3xf64>
  %p = arith.mulf %y, %t : tensor<2x3xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1] : tensor<2x3xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- minnumf.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[B:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[TIE:.*]] = arith.cmpf oeq, %[[A]], %[[B]]
// CHECK: %[[HALF:.*]] = arith.mulf %[[T]], %cst
// CHECK: %[[SHARED:.*]] = arith.select %[[TIE]], %[[HALF]], %[[T]]
// CHECK: %[[LOSES:.*]] = arith.cmpf ogt, %[[A]], %[[B]]
// CHECK: %[[DA:.*]] = arith.select %[[LOSES]], %cst{{.*}}, %[[SHARED]]
// CHECK: arith.cmpf ogt, %[[B]], %[[A]]
// CHECK: return %{{.*}}, %[[DA]], %{{.*}}
func.func @gradients(%a: tensor<2x3xf64> {llcc.param = "a", llcc.trainable}, %b: tensor<2x3xf64> {llcc.param = "b", llcc.trainable}, %t: tensor<2x3xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = arith.minnumf %a, %b : tensor<2x3xf64>
  %p = arith.mulf %y, %t : tensor<2x3xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1] : tensor<2x3xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- select.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[B:[^ ,]*]]: tensor{{.*}} %[[X:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[C:.*]] = arith.cmpf ogt, %[[X]]
// CHECK: %[[DA:.*]] = arith.select %[[C]], %[[T]], %[[ZERO:.*]] :
// CHECK: %[[DB:.*]] = arith.select %[[C]], %[[ZERO]], %[[T]] :
// CHECK: return %{{.*}}, %[[DA]], %[[DB]]
func.func @gradients(%a: tensor<2x3xf64> {llcc.param = "a", llcc.trainable}, %b: tensor<2x3xf64> {llcc.param = "b", llcc.trainable}, %x: tensor<2x3xf64> {llcc.input = "x"}, %t: tensor<2x3xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %zero = arith.constant dense<0.0> : tensor<2x3xf64>
  %c = arith.cmpf ogt, %x, %zero : tensor<2x3xf64>
  %y = arith.select %c, %a, %b : tensor<2x3xi1>, tensor<2x3xf64>
  %p = arith.mulf %y, %t : tensor<2x3xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1] : tensor<2x3xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- relu.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[C:.*]] = arith.cmpf ugt, %[[A]]
// CHECK: %[[DA:.*]] = arith.select %[[C]], %[[T]], %cst
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<2x3xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<2x3xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %zero = arith.constant dense<0.0> : tensor<2x3xf64>
  %c = arith.cmpf ugt, %a, %zero : tensor<2x3xf64>
  %y = arith.select %c, %a, %zero : tensor<2x3xi1>, tensor<2x3xf64>
  %p = arith.mulf %y, %t : tensor<2x3xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1] : tensor<2x3xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- casts.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[N:.*]] = arith.truncf %[[T]]
// CHECK: %[[DA:.*]] = arith.extf %[[N]]
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<2x3xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<2x3xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %narrow = arith.truncf %a : tensor<2x3xf64> to tensor<2x3xf32>
  %y = arith.extf %narrow : tensor<2x3xf32> to tensor<2x3xf64>
  %p = arith.mulf %y, %t : tensor<2x3xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1] : tensor<2x3xf64> -> tensor<f64>
  return %loss : tensor<f64>
}
