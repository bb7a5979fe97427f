// RUN: llcc-interpret %s | FileCheck %s
// RUN: llcc-opt --verify-roundtrip %s -o /dev/null
// Known answers of gather, scatter, argsort and reverse: batches, indices out of range and repeated, ties, NaN.

func.func @main() -> (tensor<2x2xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<4xf32>, tensor<4xi64>, tensor<4xf32>, tensor<2x3xi64>, tensor<2x3xi64>, tensor<2x3xf32>) {
  %x = arith.constant dense<[[1.0, 10.0, 100.0], [2.0, 20.0, 200.0]]> : tensor<2x3xf32>
  // Each row has its own indices; -1 counts from the end, 9 is clamped.
  // CHECK: result 0: [100, 1, 20, 200]
  %i = arith.constant dense<[[-1, 0], [1, 9]]> : tensor<2x2xi64>
  %0 = llcc.gather %x, %i axis 1 {batch = 1 : i64} : tensor<2x3xf32>, tensor<2x2xi64> -> tensor<2x2xf32>
  // CHECK-NEXT: result 1: [6, 0, 5, 0, 7, 8]
  %u = arith.constant dense<[[5.0, 6.0], [7.0, 8.0]]> : tensor<2x2xf32>
  %1 = llcc.scatter_add %u, %i axis 1 {batch = 1 : i64} : tensor<2x2xf32>, tensor<2x2xi64> -> tensor<2x3xf32>
  // CHECK-NEXT: result 2: [6, 10, 5, 2, 7, 200]
  %2 = llcc.scatter %x, %u, %i axis 1 {batch = 1 : i64} : tensor<2x3xf32>, tensor<2x2xf32>, tensor<2x2xi64> -> tensor<2x3xf32>
  // The last of several updates stays, or they combine with what is there; index 4 is no place.
  // CHECK-NEXT: result 3: [1, 300, 1, 1]
  // CHECK-NEXT: result 4: [1, 400, 1, 1]
  // CHECK-NEXT: result 5: [1, 200, 1, 1]
  %one = arith.constant dense<1.0> : tensor<4xf32>
  %oneInt = arith.constant dense<1> : tensor<4xi64>
  %same = arith.constant dense<[1, -3, 1, 4]> : tensor<4xi64>
  %v = arith.constant dense<[100.0, 200.0, 300.0, 9.0]> : tensor<4xf32>
  %w = arith.constant dense<[-100.0, 200.0, 150.0, 9.0]> : tensor<4xf32>
  %n = arith.constant dense<[99, 100, 200, 9]> : tensor<4xi64>
  %3 = llcc.scatter %one, %v, %same axis 0 : tensor<4xf32>, tensor<4xf32>, tensor<4xi64> -> tensor<4xf32>
  %4 = llcc.scatter %oneInt, %n, %same axis 0 by <sum> : tensor<4xi64>, tensor<4xi64>, tensor<4xi64> -> tensor<4xi64>
  %5 = llcc.scatter %one, %w, %same axis 0 by <max> : tensor<4xf32>, tensor<4xf32>, tensor<4xi64> -> tensor<4xf32>
  // Equal elements in index order both ways; NaN is the largest.
  // CHECK-NEXT: result 6: [0, 2, 1, 1, 2, 0]
  // CHECK-NEXT: result 7: [1, 0, 2, 0, 1, 2]
  %t = arith.constant dense<[[3.0, 5.0, 3.0], [0x7FC00000, 1.0, 1.0]]> : tensor<2x3xf32>
  %6 = llcc.argsort %t axis 1 : tensor<2x3xf32> -> tensor<2x3xi64>
  %7 = llcc.argsort %t axis 1 descending : tensor<2x3xf32> -> tensor<2x3xi64>
  // CHECK-NEXT: result 8: [200, 20, 2, 100, 10, 1]
  %8 = llcc.reverse %x dims [0, 1] : tensor<2x3xf32> -> tensor<2x3xf32>
  return %0, %1, %2, %3, %4, %5, %6, %7, %8 : tensor<2x2xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<4xf32>, tensor<4xi64>, tensor<4xf32>, tensor<2x3xi64>, tensor<2x3xi64>, tensor<2x3xf32>
}
