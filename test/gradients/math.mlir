// RUN: %gradients
// Gradients of math.

//--- powf.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[B:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[Y:.*]] = math.powf %[[A]], %[[B]]
// CHECK: %[[LESS:.*]] = arith.addf %[[B]], %cst
// CHECK: %[[POW:.*]] = math.powf %[[A]], %[[LESS]]
// CHECK: %[[FLAT:.*]] = arith.cmpf oeq, %[[B]]
// CHECK: %[[SLOPE:.*]] = arith.mulf %[[B]], %[[POW]]
// CHECK: %[[PULL:.*]] = arith.mulf %[[T]], %[[SLOPE]]
// CHECK: %[[DA:.*]] = arith.select %[[FLAT]], %cst{{.*}}, %[[PULL]]
// CHECK: %[[LOG:.*]] = math.log %[[A]]
// CHECK: %[[YLOG:.*]] = arith.mulf %[[Y]], %[[LOG]]
// CHECK: arith.mulf %[[T]], %[[YLOG]]
// CHECK: %[[DB:.*]] = arith.select
// CHECK: return %{{.*}}, %[[DA]], %[[DB]]
func.func @gradients(%a: tensor<5xf64> {llcc.param = "a", llcc.trainable}, %b: tensor<5xf64> {llcc.param = "b", llcc.trainable}, %t: tensor<5xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = math.powf %a, %b : tensor<5xf64>
  %p = arith.mulf %y, %t : tensor<5xf64>
  %loss = llcc.reduce <sum> %p dims [0] : tensor<5xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- powf_0.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[ZERO:.*]] = arith.constant dense<0.000000e+00>
// CHECK: return %{{.*}}, %{{.*}}
func.func @gradients(%a: tensor<5xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<5xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %e = arith.constant dense<0.0> : tensor<5xf64>
  %y = math.powf %a, %e : tensor<5xf64>
  %p = arith.mulf %y, %t : tensor<5xf64>
  %loss = llcc.reduce <sum> %p dims [0] : tensor<5xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- powf_1.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: return %{{.*}}, %[[T]]
func.func @gradients(%a: tensor<5xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<5xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %e = arith.constant dense<1.0> : tensor<5xf64>
  %y = math.powf %a, %e : tensor<5xf64>
  %p = arith.mulf %y, %t : tensor<5xf64>
  %loss = llcc.reduce <sum> %p dims [0] : tensor<5xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- powf_2.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: math.powf
// CHECK-NOT: powf
// CHECK: %[[TWICE:.*]] = arith.mulf %[[A]], %cst
// CHECK: %[[DA:.*]] = arith.mulf %[[T]], %[[TWICE]]
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<5xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<5xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %e = arith.constant dense<2.0> : tensor<5xf64>
  %y = math.powf %a, %e : tensor<5xf64>
  %p = arith.mulf %y, %t : tensor<5xf64>
  %loss = llcc.reduce <sum> %p dims [0] : tensor<5xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- powf_3.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: math.powf
// CHECK-NOT: powf
// CHECK: %[[SQ:.*]] = arith.mulf %[[A]], %[[A]]
// CHECK: %[[F:.*]] = arith.mulf %[[SQ]], %cst
// CHECK: %[[DA:.*]] = arith.mulf %[[T]], %[[F]]
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<5xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<5xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %e = arith.constant dense<3.0> : tensor<5xf64>
  %y = math.powf %a, %e : tensor<5xf64>
  %p = arith.mulf %y, %t : tensor<5xf64>
  %loss = llcc.reduce <sum> %p dims [0] : tensor<5xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- powf_half.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[E:.*]] = arith.constant dense<-5.000000e-01>
// CHECK: %[[P:.*]] = math.powf %[[A]], %[[E]]
// CHECK: %[[F:.*]] = arith.mulf %[[P]], %cst
// CHECK: %[[DA:.*]] = arith.mulf %[[T]], %[[F]]
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<5xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<5xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %e = arith.constant dense<0.5> : tensor<5xf64>
  %y = math.powf %a, %e : tensor<5xf64>
  %p = arith.mulf %y, %t : tensor<5xf64>
  %loss = llcc.reduce <sum> %p dims [0] : tensor<5xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- fpowi.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[E:.*]] = arith.constant dense<3.000000e+00>
// CHECK: %[[P:.*]] = math.powf %[[A]], %[[E]]
// CHECK: %[[F:.*]] = arith.mulf %[[P]], %cst
// CHECK: %[[DA:.*]] = arith.mulf %[[T]], %[[F]]
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<5xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<5xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %e = arith.constant dense<4> : tensor<5xi32>
  %y = math.fpowi %a, %e : tensor<5xf64>, tensor<5xi32>
  %p = arith.mulf %y, %t : tensor<5xf64>
  %loss = llcc.reduce <sum> %p dims [0] : tensor<5xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- sqrt.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[Y:.*]] = math.sqrt %[[A]]
// CHECK: %[[ZERO:.*]] = arith.cmpf oeq, %[[Y]]
// CHECK: %[[HALF:.*]] = arith.mulf %[[T]], %cst
// CHECK: %[[Q:.*]] = arith.divf %[[HALF]], %[[Y]]
// CHECK: %[[DA:.*]] = arith.select %[[ZERO]], %cst{{.*}}, %[[Q]]
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<5xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<5xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = math.sqrt %a : tensor<5xf64>
  %p = arith.mulf %y, %t : tensor<5xf64>
  %loss = llcc.reduce <sum> %p dims [0] : tensor<5xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- cbrt.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[Y:.*]] = math.cbrt %[[A]]
// CHECK: %[[ZERO:.*]] = arith.cmpf oeq, %[[Y]]
// CHECK: %[[SQ:.*]] = arith.mulf %[[Y]], %[[Y]]
// CHECK: %[[D:.*]] = arith.mulf %[[SQ]], %cst
// CHECK: %[[Q:.*]] = arith.divf %[[T]], %[[D]]
// CHECK: %[[DA:.*]] = arith.select %[[ZERO]], %cst{{.*}}, %[[Q]]
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<5xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<5xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = math.cbrt %a : tensor<5xf64>
  %p = arith.mulf %y, %t : tensor<5xf64>
  %loss = llcc.reduce <sum> %p dims [0] : tensor<5xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- rsqrt.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[Y:.*]] = math.rsqrt %[[A]]
// CHECK: %[[SQ:.*]] = arith.mulf %[[Y]], %[[Y]]
// CHECK: %[[CUBE:.*]] = arith.mulf %[[Y]], %[[SQ]]
// CHECK: %[[F:.*]] = arith.mulf %[[CUBE]], %cst
// CHECK: %[[DA:.*]] = arith.mulf %[[T]], %[[F]]
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<5xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<5xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = math.rsqrt %a : tensor<5xf64>
  %p = arith.mulf %y, %t : tensor<5xf64>
  %loss = llcc.reduce <sum> %p dims [0] : tensor<5xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- exp.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[Y:.*]] = math.exp %[[A]]
// CHECK: %[[DA:.*]] = arith.mulf %[[T]], %[[Y]]
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<2x3xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<2x3xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = math.exp %a : tensor<2x3xf64>
  %p = arith.mulf %y, %t : tensor<2x3xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1] : tensor<2x3xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- exp2.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[Y:.*]] = math.exp2 %[[A]]
// CHECK: %[[F:.*]] = arith.mulf %[[Y]], %cst
// CHECK: %[[DA:.*]] = arith.mulf %[[T]], %[[F]]
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<2x3xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<2x3xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = math.exp2 %a : tensor<2x3xf64>
  %p = arith.mulf %y, %t : tensor<2x3xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1] : tensor<2x3xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- expm1.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[Y:.*]] = math.expm1 %[[A]]
// CHECK: %[[F:.*]] = arith.addf %[[Y]], %cst
// CHECK: %[[DA:.*]] = arith.mulf %[[T]], %[[F]]
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<2x3xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<2x3xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = math.expm1 %a : tensor<2x3xf64>
  %p = arith.mulf %y, %t : tensor<2x3xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1] : tensor<2x3xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- log.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[DA:.*]] = arith.divf %[[T]], %[[A]]
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<5xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<5xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = math.log %a : tensor<5xf64>
  %p = arith.mulf %y, %t : tensor<5xf64>
  %loss = llcc.reduce <sum> %p dims [0] : tensor<5xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- log1p.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[D:.*]] = arith.addf %[[A]], %cst
// CHECK: %[[DA:.*]] = arith.divf %[[T]], %[[D]]
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<5xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<5xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = math.log1p %a : tensor<5xf64>
  %p = arith.mulf %y, %t : tensor<5xf64>
  %loss = llcc.reduce <sum> %p dims [0] : tensor<5xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- log2.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[D:.*]] = arith.mulf %[[A]], %cst
// CHECK: %[[DA:.*]] = arith.divf %[[T]], %[[D]]
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<5xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<5xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = math.log2 %a : tensor<5xf64>
  %p = arith.mulf %y, %t : tensor<5xf64>
  %loss = llcc.reduce <sum> %p dims [0] : tensor<5xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- log10.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[D:.*]] = arith.mulf %[[A]], %cst
// CHECK: %[[DA:.*]] = arith.divf %[[T]], %[[D]]
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<5xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<5xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = math.log10 %a : tensor<5xf64>
  %p = arith.mulf %y, %t : tensor<5xf64>
  %loss = llcc.reduce <sum> %p dims [0] : tensor<5xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- tanh.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[Y:.*]] = math.tanh %[[A]]
// CHECK: %[[SQ:.*]] = arith.mulf %[[Y]], %[[Y]]
// CHECK: %[[F:.*]] = arith.subf %cst{{.*}}, %[[SQ]]
// CHECK: %[[DA:.*]] = arith.mulf %[[T]], %[[F]]
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<2x3xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<2x3xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = math.tanh %a : tensor<2x3xf64>
  %p = arith.mulf %y, %t : tensor<2x3xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1] : tensor<2x3xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- erf.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[SQ:.*]] = arith.mulf %[[A]], %[[A]]
// CHECK: %[[N:.*]] = arith.negf %[[SQ]]
// CHECK: %[[E:.*]] = math.exp %[[N]]
// CHECK: %[[F:.*]] = arith.mulf %[[E]], %cst
// CHECK: %[[DA:.*]] = arith.mulf %[[T]], %[[F]]
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<2x3xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<2x3xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = math.erf %a : tensor<2x3xf64>
  %p = arith.mulf %y, %t : tensor<2x3xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1] : tensor<2x3xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- erfc.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[SQ:.*]] = arith.mulf %[[A]], %[[A]]
// CHECK: %[[N:.*]] = arith.negf %[[SQ]]
// CHECK: %[[E:.*]] = math.exp %[[N]]
// CHECK: %[[F:.*]] = arith.mulf %[[E]], %cst
// CHECK: %[[DY:.*]] = arith.mulf %[[T]], %[[F]]
// CHECK: %[[DA:.*]] = arith.negf %[[DY]]
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<2x3xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<2x3xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = math.erfc %a : tensor<2x3xf64>
  %p = arith.mulf %y, %t : tensor<2x3xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1] : tensor<2x3xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- sin.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[F:.*]] = math.cos %[[A]]
// CHECK: %[[DA:.*]] = arith.mulf %[[T]], %[[F]]
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<2x3xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<2x3xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = math.sin %a : tensor<2x3xf64>
  %p = arith.mulf %y, %t : tensor<2x3xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1] : tensor<2x3xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- cos.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[F:.*]] = math.sin %[[A]]
// CHECK: %[[DY:.*]] = arith.mulf %[[T]], %[[F]]
// CHECK: %[[DA:.*]] = arith.negf %[[DY]]
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<2x3xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<2x3xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = math.cos %a : tensor<2x3xf64>
  %p = arith.mulf %y, %t : tensor<2x3xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1] : tensor<2x3xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- tan.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[Y:.*]] = math.tan %[[A]]
// CHECK: %[[SQ:.*]] = arith.mulf %[[Y]], %[[Y]]
// CHECK: %[[F:.*]] = arith.addf %[[SQ]], %cst
// CHECK: %[[DA:.*]] = arith.mulf %[[T]], %[[F]]
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<2x3xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<2x3xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = math.tan %a : tensor<2x3xf64>
  %p = arith.mulf %y, %t : tensor<2x3xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1] : tensor<2x3xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- asin.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[X:.*]] = arith.mulf %[[A]]
// CHECK: %[[SQ:.*]] = arith.mulf %[[X]], %[[X]]
// CHECK: %[[D:.*]] = arith.subf %cst{{.*}}, %[[SQ]]
// CHECK: %[[ROOT:.*]] = math.sqrt %[[D]]
// CHECK: %[[DX:.*]] = arith.divf %[[T]], %[[ROOT]]
// CHECK: %[[DA:.*]] = arith.mulf %[[DX]], %cst
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<5xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<5xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %c = arith.constant dense<0.8> : tensor<5xf64>
  %x = arith.mulf %a, %c : tensor<5xf64>
  %y = math.asin %x : tensor<5xf64>
  %p = arith.mulf %y, %t : tensor<5xf64>
  %loss = llcc.reduce <sum> %p dims [0] : tensor<5xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- acos.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[X:.*]] = arith.mulf %[[A]]
// CHECK: %[[SQ:.*]] = arith.mulf %[[X]], %[[X]]
// CHECK: %[[D:.*]] = arith.subf %cst{{.*}}, %[[SQ]]
// CHECK: %[[ROOT:.*]] = math.sqrt %[[D]]
// CHECK: %[[DX:.*]] = arith.divf %[[T]], %[[ROOT]]
// CHECK: %[[N:.*]] = arith.negf %[[DX]]
// CHECK: %[[DA:.*]] = arith.mulf %[[N]], %cst
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<5xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<5xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %c = arith.constant dense<0.8> : tensor<5xf64>
  %x = arith.mulf %a, %c : tensor<5xf64>
  %y = math.acos %x : tensor<5xf64>
  %p = arith.mulf %y, %t : tensor<5xf64>
  %loss = llcc.reduce <sum> %p dims [0] : tensor<5xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- atan.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[SQ:.*]] = arith.mulf %[[A]], %[[A]]
// CHECK: %[[D:.*]] = arith.addf %[[SQ]], %cst
// CHECK: %[[DA:.*]] = arith.divf %[[T]], %[[D]]
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<2x3xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<2x3xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = math.atan %a : tensor<2x3xf64>
  %p = arith.mulf %y, %t : tensor<2x3xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1] : tensor<2x3xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- sinh.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[F:.*]] = math.cosh %[[A]]
// CHECK: %[[DA:.*]] = arith.mulf %[[T]], %[[F]]
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<2x3xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<2x3xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = math.sinh %a : tensor<2x3xf64>
  %p = arith.mulf %y, %t : tensor<2x3xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1] : tensor<2x3xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- cosh.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[F:.*]] = math.sinh %[[A]]
// CHECK: %[[DA:.*]] = arith.mulf %[[T]], %[[F]]
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<2x3xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<2x3xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = math.cosh %a : tensor<2x3xf64>
  %p = arith.mulf %y, %t : tensor<2x3xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1] : tensor<2x3xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- asinh.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[SQ:.*]] = arith.mulf %[[A]], %[[A]]
// CHECK: %[[D:.*]] = arith.addf %[[SQ]], %cst
// CHECK: %[[ROOT:.*]] = math.sqrt %[[D]]
// CHECK: %[[DA:.*]] = arith.divf %[[T]], %[[ROOT]]
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<2x3xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<2x3xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = math.asinh %a : tensor<2x3xf64>
  %p = arith.mulf %y, %t : tensor<2x3xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1] : tensor<2x3xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- acosh.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[X:.*]] = arith.addf %[[A]]
// CHECK: %[[SQ:.*]] = arith.mulf %[[X]], %[[X]]
// CHECK: %[[D:.*]] = arith.addf %[[SQ]], %cst
// CHECK: %[[ROOT:.*]] = math.sqrt %[[D]]
// CHECK: %[[DA:.*]] = arith.divf %[[T]], %[[ROOT]]
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<5xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<5xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %c = arith.constant dense<1.5> : tensor<5xf64>
  %x = arith.addf %a, %c : tensor<5xf64>
  %y = math.acosh %x : tensor<5xf64>
  %p = arith.mulf %y, %t : tensor<5xf64>
  %loss = llcc.reduce <sum> %p dims [0] : tensor<5xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- atanh.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[X:.*]] = arith.mulf %[[A]]
// CHECK: %[[SQ:.*]] = arith.mulf %[[X]], %[[X]]
// CHECK: %[[D:.*]] = arith.subf %cst{{.*}}, %[[SQ]]
// CHECK: %[[DX:.*]] = arith.divf %[[T]], %[[D]]
// CHECK: %[[DA:.*]] = arith.mulf %[[DX]], %cst
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<5xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<5xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %c = arith.constant dense<0.8> : tensor<5xf64>
  %x = arith.mulf %a, %c : tensor<5xf64>
  %y = math.atanh %x : tensor<5xf64>
  %p = arith.mulf %y, %t : tensor<5xf64>
  %loss = llcc.reduce <sum> %p dims [0] : tensor<5xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- atan2.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[B:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[AA:.*]] = arith.mulf %[[A]], %[[A]]
// CHECK: %[[BB:.*]] = arith.mulf %[[B]], %[[B]]
// CHECK: %[[D:.*]] = arith.addf %[[AA]], %[[BB]]
// CHECK: %[[Q:.*]] = arith.divf %[[T]], %[[D]]
// CHECK: %[[DA:.*]] = arith.mulf %[[Q]], %[[B]]
// CHECK: %[[N:.*]] = arith.mulf %[[Q]], %[[A]]
// CHECK: %[[DB:.*]] = arith.negf %[[N]]
// CHECK: return %{{.*}}, %[[DA]], %[[DB]]
func.func @gradients(%a: tensor<5xf64> {llcc.param = "a", llcc.trainable}, %b: tensor<5xf64> {llcc.param = "b", llcc.trainable}, %t: tensor<5xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = math.atan2 %a, %b : tensor<5xf64>
  %p = arith.mulf %y, %t : tensor<5xf64>
  %loss = llcc.reduce <sum> %p dims [0] : tensor<5xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- absf.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[BELOW:.*]] = arith.cmpf olt, %[[A]]
// CHECK: %[[N:.*]] = arith.negf %[[T]]
// CHECK: %[[LOW:.*]] = arith.select %[[BELOW]], %[[N]], %cst
// CHECK: %[[ABOVE:.*]] = arith.cmpf ogt, %[[A]]
// CHECK: %[[DA:.*]] = arith.select %[[ABOVE]], %[[T]], %[[LOW]]
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<2x3xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<2x3xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = math.absf %a : tensor<2x3xf64>
  %p = arith.mulf %y, %t : tensor<2x3xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1] : tensor<2x3xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- copysign.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[B:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[Y:.*]] = math.copysign
// CHECK: %[[SAME:.*]] = arith.cmpf oeq, %[[A]], %[[Y]]
// CHECK: %[[N:.*]] = arith.negf %[[T]]
// CHECK: %[[SIGNED:.*]] = arith.select %[[SAME]], %[[T]], %[[N]]
// CHECK: %[[DA:.*]] = arith.select %{{.*}}, %cst{{.*}}, %[[SIGNED]]
// CHECK: return %{{.*}}, %[[DA]], %cst
func.func @gradients(%a: tensor<2x3xf64> {llcc.param = "a", llcc.trainable}, %b: tensor<2x3xf64> {llcc.param = "b", llcc.trainable}, %t: tensor<2x3xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = math.copysign %a, %b : tensor<2x3xf64>
  %p = arith.mulf %y, %t : tensor<2x3xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1] : tensor<2x3xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- fma.mlir
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[B:[^ ,]*]]: tensor{{.*}} %[[C:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[DA:.*]] = arith.mulf %[[T]], %[[B]]
// CHECK: %[[DB:.*]] = arith.mulf %[[T]], %[[A]]
// CHECK: return %{{.*}}, %[[DA]], %[[DB]], %[[T]]
func.func @gradients(%a: tensor<2x3xf64> {llcc.param = "a", llcc.trainable}, %b: tensor<2x3xf64> {llcc.param = "b", llcc.trainable}, %c: tensor<2x3xf64> {llcc.param = "c", llcc.trainable}, %t: tensor<2x3xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %y = math.fma %a, %b, %c : tensor<2x3xf64>
  %p = arith.mulf %y, %t : tensor<2x3xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1] : tensor<2x3xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- floor.mlir
// Constant almost everywhere: nothing flows through it.
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[Z:.*]] = math.floor %[[A]]
// CHECK: %[[DA:.*]] = arith.mulf %[[T]], %[[Z]]
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<2x3xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<2x3xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %z = math.floor %a : tensor<2x3xf64>
  %y = arith.mulf %z, %a : tensor<2x3xf64>
  %p = arith.mulf %y, %t : tensor<2x3xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1] : tensor<2x3xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- ceil.mlir
// Constant almost everywhere: nothing flows through it.
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[Z:.*]] = math.ceil %[[A]]
// CHECK: %[[DA:.*]] = arith.mulf %[[T]], %[[Z]]
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<2x3xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<2x3xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %z = math.ceil %a : tensor<2x3xf64>
  %y = arith.mulf %z, %a : tensor<2x3xf64>
  %p = arith.mulf %y, %t : tensor<2x3xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1] : tensor<2x3xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- round.mlir
// Constant almost everywhere: nothing flows through it.
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[Z:.*]] = math.round %[[A]]
// CHECK: %[[DA:.*]] = arith.mulf %[[T]], %[[Z]]
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<2x3xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<2x3xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %z = math.round %a : tensor<2x3xf64>
  %y = arith.mulf %z, %a : tensor<2x3xf64>
  %p = arith.mulf %y, %t : tensor<2x3xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1] : tensor<2x3xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- roundeven.mlir
// Constant almost everywhere: nothing flows through it.
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[Z:.*]] = math.roundeven %[[A]]
// CHECK: %[[DA:.*]] = arith.mulf %[[T]], %[[Z]]
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<2x3xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<2x3xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %z = math.roundeven %a : tensor<2x3xf64>
  %y = arith.mulf %z, %a : tensor<2x3xf64>
  %p = arith.mulf %y, %t : tensor<2x3xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1] : tensor<2x3xf64> -> tensor<f64>
  return %loss : tensor<f64>
}

//--- trunc.mlir
// Constant almost everywhere: nothing flows through it.
// CHECK-LABEL: func.func @gradients(
// CHECK-SAME: %[[A:[^ ,]*]]: tensor{{.*}} %[[T:[^ ,]*]]: tensor
// CHECK: %[[Z:.*]] = math.trunc %[[A]]
// CHECK: %[[DA:.*]] = arith.mulf %[[T]], %[[Z]]
// CHECK: return %{{.*}}, %[[DA]]
func.func @gradients(%a: tensor<2x3xf64> {llcc.param = "a", llcc.trainable}, %t: tensor<2x3xf64> {llcc.input = "t"}) -> (tensor<f64> {llcc.loss}) {
  %z = math.trunc %a : tensor<2x3xf64>
  %y = arith.mulf %z, %a : tensor<2x3xf64>
  %p = arith.mulf %y, %t : tensor<2x3xf64>
  %loss = llcc.reduce <sum> %p dims [0, 1] : tensor<2x3xf64> -> tensor<f64>
  return %loss : tensor<f64>
}
