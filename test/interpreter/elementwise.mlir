// RUN: llcc-interpret %s | FileCheck %s
// Known answers of arith and math at the edges: NaN, infinities, signed zeros, wrap-around, signs of quotients, i1.

func.func private @maxima(%a: tensor<4xf32>, %b: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %x = arith.maximumf %a, %b : tensor<4xf32>
  %n = arith.maxnumf %a, %b : tensor<4xf32>
  return %x, %n : tensor<4xf32>, tensor<4xf32>
}

func.func @main() -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xi1>, tensor<4xi1>, tensor<2xi8>, tensor<4xi32>, tensor<4xi32>,
                      tensor<4xi32>, tensor<2xf32>, tensor<2xf32>, tensor<2xi64>, tensor<2xi64>, tensor<2xi32>, tensor<2xi32>, tensor<3xbf16>, tensor<1xf32>,
                      tensor<4xf64>, tensor<2xi32>, tensor<2xi32>, tensor<3xf32>) {
  %a = arith.constant dense<[0x7FC00000, -0.0, 1.0, 0x7F800000]> : tensor<4xf32>
  %b = arith.constant dense<[2.0, 0.0, -1.0, 5.0]> : tensor<4xf32>
  // CHECK: result 0: [nan, 0, 1, inf]
  // CHECK-NEXT: result 1: [2, 0, 1, inf]
  %0:2 = func.call @maxima(%a, %b) : (tensor<4xf32>, tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>)
  // CHECK-NEXT: result 2: [nan, -0, -1, 5]
  %2 = arith.minimumf %a, %b : tensor<4xf32>
  // NaN: unordered greater than is true, ordered false.
  // CHECK-NEXT: result 3: [1, 0, 1, 1]
  %3 = arith.cmpf ugt, %a, %b : tensor<4xf32>
  // CHECK-NEXT: result 4: [0, 0, 1, 1]
  %4 = arith.cmpf ogt, %a, %b : tensor<4xf32>
  // CHECK-NEXT: result 5: [-56, 127]
  %i8 = arith.constant dense<[100, -128]> : tensor<2xi8>
  %j8 = arith.constant dense<[100, 127]> : tensor<2xi8>
  %k8 = arith.constant dense<[0, -128]> : tensor<2xi8>
  %s8 = arith.addi %i8, %j8 : tensor<2xi8>
  %5 = arith.addi %s8, %k8 : tensor<2xi8>
  // CHECK-NEXT: result 6: [-3, 3, -3, -2147483648]
  // CHECK-NEXT: result 7: [-1, 1, 1, 0]
  // CHECK-NEXT: result 8: [-4, 3, -3, -2147483648]
  %n = arith.constant dense<[-7, 7, 7, -2147483648]> : tensor<4xi32>
  %d = arith.constant dense<[2, 2, -2, -1]> : tensor<4xi32>
  %6 = arith.divsi %n, %d : tensor<4xi32>
  %7 = arith.remsi %n, %d : tensor<4xi32>
  %d2 = arith.constant dense<[2, 2, -2, 1]> : tensor<4xi32>
  %f8 = arith.floordivsi %n, %d2 : tensor<4xi32>
  %c8 = arith.ceildivsi %n, %d2 : tensor<4xi32>
  %odd = arith.constant dense<[true, true, false, true]> : tensor<4xi1>
  %8 = arith.select %odd, %f8, %c8 : tensor<4xi1>, tensor<4xi32>
  // true is -1 signed, 1 unsigned.
  // CHECK-NEXT: result 9: [-1, 0]
  // CHECK-NEXT: result 10: [1, 0]
  // CHECK-NEXT: result 11: [-1, 0]
  // CHECK-NEXT: result 12: [1, 0]
  %p = arith.constant dense<[true, false]> : tensor<2xi1>
  %9 = arith.sitofp %p : tensor<2xi1> to tensor<2xf32>
  %10 = arith.uitofp %p : tensor<2xi1> to tensor<2xf32>
  %11 = arith.extsi %p : tensor<2xi1> to tensor<2xi64>
  %12 = arith.extui %p : tensor<2xi1> to tensor<2xi64>
  // Towards zero.
  // CHECK-NEXT: result 13: [2, -2]
  %r = arith.constant dense<[2.75, -2.75]> : tensor<2xf32>
  %13 = arith.fptosi %r : tensor<2xf32> to tensor<2xi32>
  // 2^31 * 2 wraps, so does the inverse of 3.
  // CHECK-NEXT: result 14: [0, 1]
  %m = arith.constant dense<[-2147483648, 3]> : tensor<2xi32>
  %w = arith.constant dense<[2, -1431655765]> : tensor<2xi32>
  %14 = arith.muli %m, %w : tensor<2xi32>
  // Round to nearest even in bf16 (8 bits of mantissa): 257 is between 256 and 258.
  // CHECK-NEXT: result 15: [256, 260, 258]
  %big = arith.constant dense<[257.0, 259.0, 258.0]> : tensor<3xf32>
  %15 = arith.truncf %big : tensor<3xf32> to tensor<3xbf16>
  // In f32 one is lost beside 2^24.
  // CHECK-NEXT: result 16: [16777216]
  %e = arith.constant dense<16777216.0> : tensor<1xf32>
  %one = arith.constant dense<1.0> : tensor<1xf32>
  %16 = arith.addf %e, %one : tensor<1xf32>
  // CHECK-NEXT: result 17: [2, -3, 2, -2]
  %h = arith.constant dense<[2.5, -2.5, 1.5, -1.5]> : tensor<4xf64>
  %floor = math.floor %h : tensor<4xf64>
  %even = math.roundeven %h : tensor<4xf64>
  %second = arith.constant dense<[false, true, false, false]> : tensor<4xi1>
  %17 = arith.select %second, %floor, %even : tensor<4xi1>, tensor<4xf64>
  // CHECK-NEXT: result 18: [-4, 1]
  // CHECK-NEXT: result 19: [2147483644, 1]
  %sh = arith.constant dense<[-8, 2]> : tensor<2xi32>
  %by = arith.constant dense<1> : tensor<2xi32>
  %18 = arith.shrsi %sh, %by : tensor<2xi32>
  %19 = arith.shrui %sh, %by : tensor<2xi32>
  // erf(0.5), log1p(1e-10) keeps its digits, rsqrt(16).
  // CHECK-NEXT: result 20: [0.520499885, 1.00000001e-10, 0.25]
  %q = arith.constant dense<[0.5, 1.0e-10, 16.0]> : tensor<3xf32>
  %erf = math.erf %q : tensor<3xf32>
  %log = math.log1p %q : tensor<3xf32>
  %root = math.rsqrt %q : tensor<3xf32>
  %m1 = arith.constant dense<[true, false, false]> : tensor<3xi1>
  %m2 = arith.constant dense<[false, true, false]> : tensor<3xi1>
  %a20 = arith.select %m2, %log, %root : tensor<3xi1>, tensor<3xf32>
  %20 = arith.select %m1, %erf, %a20 : tensor<3xi1>, tensor<3xf32>
  return %0#0, %0#1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20 : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xi1>, tensor<4xi1>, tensor<2xi8>, tensor<4xi32>, tensor<4xi32>,
    tensor<4xi32>, tensor<2xf32>, tensor<2xf32>, tensor<2xi64>, tensor<2xi64>, tensor<2xi32>, tensor<2xi32>, tensor<3xbf16>, tensor<1xf32>, tensor<4xf64>, tensor<2xi32>, tensor<2xi32>, tensor<3xf32>
}
