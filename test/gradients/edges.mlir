// RUN: rm -rf %t && split-file %s %t
// RUN: (llcc-opt --llcc-differentiate --llcc-decompose %t/gradients.mlir | sed '/^}$/d'; cat %t/main.mlir; echo '}') | llcc-interpret - | FileCheck %s
// Gradients where a derivative jumps or is infinite, by value: what PyTorch gives, but 0 where it gives infinity (sqrt at 0).
// d loss / d y is 1 for each element of each y.

// relu at -1, 0, 2; |x| at -1, 0, 2; sqrt at 0, 4
// CHECK:      result 0: [0, 0, 1]
// CHECK-NEXT: result 1: [-1, 0, 1]
// CHECK-NEXT: result 2: [0, 0.25]
// max of 3, 1, 3, 3: in equal parts; maximum of (1, 3), (2, 2), (3, 1): half of a tie
// CHECK-NEXT: result 3: [0.333333333, 0, 0.333333333, 0.333333333]
// CHECK-NEXT: result 4: [0, 0.5, 1]
// CHECK-NEXT: result 5: [1, 0.5, 0]
// products 2*0*3 and 0*5*0: only a lone zero has a slope
// CHECK-NEXT: result 6: [0, 6, 0, 0, 0, 0]
// windows (1, 7, 7) and (7, 7, 7): the first 7 of each gets all
// CHECK-NEXT: result 7: [0, 2, 0, 0]
// x > 0 ? log x : x at -1: log is NaN there and leaves no trace
// CHECK-NEXT: result 8: [1, 2, 0.5]
// 0^2 and 0^1: by base and exponent
// CHECK-NEXT: result 9: [0, 1]
// CHECK-NEXT: result 10: [0, 0]

//--- gradients.mlir
func.func @gradients(
    %relu: tensor<3xf64> {llcc.param = "relu", llcc.trainable}, %abs: tensor<3xf64> {llcc.param = "abs", llcc.trainable},
    %sqrt: tensor<2xf64> {llcc.param = "sqrt", llcc.trainable}, %amax: tensor<4xf64> {llcc.param = "amax", llcc.trainable},
    %left: tensor<3xf64> {llcc.param = "left", llcc.trainable}, %right: tensor<3xf64> {llcc.param = "right", llcc.trainable},
    %prod: tensor<2x3xf64> {llcc.param = "prod", llcc.trainable}, %pool: tensor<1x1x4xf64> {llcc.param = "pool", llcc.trainable},
    %where: tensor<3xf64> {llcc.param = "where", llcc.trainable}, %base: tensor<2xf64> {llcc.param = "base", llcc.trainable},
    %exponent: tensor<2xf64> {llcc.param = "exponent", llcc.trainable}) -> (tensor<f64> {llcc.loss}) {
  %zero = arith.constant dense<0.0> : tensor<3xf64>
  %positive = arith.cmpf ugt, %relu, %zero : tensor<3xf64>
  %y0 = arith.select %positive, %relu, %zero : tensor<3xi1>, tensor<3xf64>
  %y1 = math.absf %abs : tensor<3xf64>
  %y2 = math.sqrt %sqrt : tensor<2xf64>
  %y3 = llcc.reduce <max> %amax dims [0] : tensor<4xf64> -> tensor<f64>
  %y4 = arith.maximumf %left, %right : tensor<3xf64>
  %y5 = llcc.reduce <prod> %prod dims [1] : tensor<2x3xf64> -> tensor<2xf64>
  %y6 = llcc.max_pool %pool {window = array<i64: 3>, strides = array<i64: 1>, pads_lo = array<i64: 0>, pads_hi = array<i64: 0>, dilations = array<i64: 1>} : tensor<1x1x4xf64> -> tensor<1x1x2xf64>
  %mask = arith.cmpf ogt, %where, %zero : tensor<3xf64>
  %log = math.log %where : tensor<3xf64>
  %y7 = arith.select %mask, %log, %where : tensor<3xi1>, tensor<3xf64>
  %y8 = math.powf %base, %exponent : tensor<2xf64>
  %s0 = llcc.reduce <sum> %y0 dims [0] : tensor<3xf64> -> tensor<f64>
  %s1 = llcc.reduce <sum> %y1 dims [0] : tensor<3xf64> -> tensor<f64>
  %s2 = llcc.reduce <sum> %y2 dims [0] : tensor<2xf64> -> tensor<f64>
  %s4 = llcc.reduce <sum> %y4 dims [0] : tensor<3xf64> -> tensor<f64>
  %s5 = llcc.reduce <sum> %y5 dims [0] : tensor<2xf64> -> tensor<f64>
  %s6 = llcc.reduce <sum> %y6 dims [0, 1, 2] : tensor<1x1x2xf64> -> tensor<f64>
  %s7 = llcc.reduce <sum> %y7 dims [0] : tensor<3xf64> -> tensor<f64>
  %s8 = llcc.reduce <sum> %y8 dims [0] : tensor<2xf64> -> tensor<f64>
  %t0 = arith.addf %s0, %s1 : tensor<f64>
  %t1 = arith.addf %t0, %s2 : tensor<f64>
  %t2 = arith.addf %t1, %y3 : tensor<f64>
  %t3 = arith.addf %t2, %s4 : tensor<f64>
  %t4 = arith.addf %t3, %s5 : tensor<f64>
  %t5 = arith.addf %t4, %s6 : tensor<f64>
  %t6 = arith.addf %t5, %s7 : tensor<f64>
  %t7 = arith.addf %t6, %s8 : tensor<f64>
  return %t7 : tensor<f64>
}

//--- main.mlir
func.func @main() -> (tensor<3xf64>, tensor<3xf64>, tensor<2xf64>, tensor<4xf64>, tensor<3xf64>, tensor<3xf64>, tensor<2x3xf64>, tensor<1x1x4xf64>, tensor<3xf64>, tensor<2xf64>, tensor<2xf64>) {
  %relu = arith.constant dense<[-1.0, 0.0, 2.0]> : tensor<3xf64>
  %sqrt = arith.constant dense<[0.0, 4.0]> : tensor<2xf64>
  %amax = arith.constant dense<[3.0, 1.0, 3.0, 3.0]> : tensor<4xf64>
  %left = arith.constant dense<[1.0, 2.0, 3.0]> : tensor<3xf64>
  %right = arith.constant dense<[3.0, 2.0, 1.0]> : tensor<3xf64>
  %prod = arith.constant dense<[[2.0, 0.0, 3.0], [0.0, 5.0, 0.0]]> : tensor<2x3xf64>
  %pool = arith.constant dense<[[[1.0, 7.0, 7.0, 7.0]]]> : tensor<1x1x4xf64>
  %where = arith.constant dense<[-1.0, 0.5, 2.0]> : tensor<3xf64>
  %base = arith.constant dense<[0.0, 0.0]> : tensor<2xf64>
  %exponent = arith.constant dense<[2.0, 1.0]> : tensor<2xf64>
  %loss, %g:11 = func.call @gradients(%relu, %relu, %sqrt, %amax, %left, %right, %prod, %pool, %where, %base, %exponent)
    : (tensor<3xf64>, tensor<3xf64>, tensor<2xf64>, tensor<4xf64>, tensor<3xf64>, tensor<3xf64>, tensor<2x3xf64>, tensor<1x1x4xf64>, tensor<3xf64>, tensor<2xf64>, tensor<2xf64>)
    -> (tensor<f64>, tensor<3xf64>, tensor<3xf64>, tensor<2xf64>, tensor<4xf64>, tensor<3xf64>, tensor<3xf64>, tensor<2x3xf64>, tensor<1x1x4xf64>, tensor<3xf64>, tensor<2xf64>, tensor<2xf64>)
  return %g#0, %g#1, %g#2, %g#3, %g#4, %g#5, %g#6, %g#7, %g#8, %g#9, %g#10 : tensor<3xf64>, tensor<3xf64>, tensor<2xf64>, tensor<4xf64>, tensor<3xf64>, tensor<3xf64>, tensor<2x3xf64>, tensor<1x1x4xf64>, tensor<3xf64>, tensor<2xf64>, tensor<2xf64>
}
