// RUN: llcc-interpret %s | FileCheck %s
// Known answers of the llcc ops, on values at the edges: empty reductions, indices out of range, windows over the end, large logits.

func.func @main() -> (tensor<2x3xi64>, tensor<3x2xi64>, tensor<2xi64>, tensor<2xf32>, tensor<2xf32>, tensor<7xf32>, tensor<2x2xi64>, tensor<4x2xf32>,
                      tensor<4x2xf32>, tensor<2x2x1xf32>, tensor<1x1x3xf32>, tensor<1x1x5xf32>, tensor<1x1x3xf32>, tensor<2x2xf32>, tensor<2x2xf32>, tensor<4xf32>,
                      tensor<2x2xf32>, tensor<1x1x4xf32>, tensor<5xi64>) {
  // CHECK: result 0: [0, 1, 2, 0, 1, 2]
  %i3 = llcc.iota dim 0 : tensor<3xi64>
  %0 = llcc.broadcast %i3 dims [1] : tensor<3xi64> -> tensor<2x3xi64>
  // CHECK-NEXT: result 1: [0, 3, 1, 4, 2, 5]
  %i6 = llcc.iota dim 0 : tensor<6xi64>
  %m = llcc.reshape %i6 : tensor<6xi64> -> tensor<2x3xi64>
  %1 = llcc.transpose %m perm [1, 0] : tensor<2x3xi64> -> tensor<3x2xi64>
  // CHECK-NEXT: result 2: [1, 4]
  %2 = llcc.slice %i6 starts [1] strides [3] : tensor<6xi64> -> tensor<2xi64>
  // An empty dimension gives the neutral element.
  // CHECK-NEXT: result 3: [-inf, -inf]
  // CHECK-NEXT: result 4: [1, 1]
  %none = arith.constant dense<0.0> : tensor<2x0xf32>
  %3 = llcc.reduce <max> %none dims [1] : tensor<2x0xf32> -> tensor<2xf32>
  %4 = llcc.reduce <prod> %none dims [1] : tensor<2x0xf32> -> tensor<2xf32>
  // CHECK-NEXT: result 5: [9, 1, 9, 10, 9, 100, 9]
  %x = arith.constant dense<[1.0, 10.0, 100.0]> : tensor<3xf32>
  %5 = llcc.pad %x lo [1] hi [1] interior [1] {value = 9.0 : f64} : tensor<3xf32> -> tensor<7xf32>
  // CHECK-NEXT: result 6: [3, 0, 4, 1]
  %hi = llcc.slice %m starts [1, 0] strides [1, 1] : tensor<2x3xi64> -> tensor<1x2xi64>
  %lo = llcc.slice %m starts [0, 0] strides [1, 1] : tensor<2x3xi64> -> tensor<1x2xi64>
  %cat = llcc.concat %hi, %lo dim 0 : tensor<1x2xi64>, tensor<1x2xi64> -> tensor<2x2xi64>
  %6 = llcc.transpose %cat perm [1, 0] : tensor<2x2xi64> -> tensor<2x2xi64>
  // Rows 2 (= -1), 0, 2 (clamped from 7), 0 (clamped from -9).
  // CHECK-NEXT: result 7: [100, 101, 1, 2, 100, 101, 1, 2]
  // CHECK-NEXT: result 8: [103, 105, 0, 0, 301, 304, 0, 0]
  %table = arith.constant dense<[[1.0, 2.0], [10.0, 11.0], [100.0, 101.0]]> : tensor<3x2xf32>
  %ids = arith.constant dense<[-1, 0, 7, -9]> : tensor<4xi64>
  %7 = llcc.gather %table, %ids axis 0 : tensor<3x2xf32>, tensor<4xi64> -> tensor<4x2xf32>
  %to = arith.constant dense<[2, 0, 2]> : tensor<3xi64>
  %u = arith.constant dense<[[100.0, 101.0], [103.0, 105.0], [201.0, 203.0]]> : tensor<3x2xf32>
  %8 = llcc.scatter_add %u, %to axis 0 : tensor<3x2xf32>, tensor<3xi64> -> tensor<4x2xf32>
  // Batch and two free dimensions: [b, l, r] = sum_k lhs[k, b, l] * rhs[b, r, k].
  // CHECK-NEXT: result 9: [2010, 4020, 30300, 30400]
  %l = arith.constant dense<[[[1.0, 2.0], [3.0, 4.0]], [[10.0, 20.0], [100.0, 100.0]]]> : tensor<2x2x2xf32>
  %r = arith.constant dense<[[[10.0, 200.0]], [[100.0, 300.0]]]> : tensor<2x1x2xf32>
  %9 = llcc.dot %l, %r batch [1] x [0] contract [0] x [2] : tensor<2x2x2xf32>, tensor<2x1x2xf32> -> tensor<2x2x1xf32>
  // Padding never wins, not even against negative numbers.
  // CHECK-NEXT: result 10: [-1, -2, -4]
  // CHECK-NEXT: result 11: [1, 10, 0, 100, 0]
  // CHECK-NEXT: result 12: [-1, -3, -4.5]
  %n = arith.constant dense<[[[-1.0, -2.0, -3.0, -4.0, -5.0]]]> : tensor<1x1x5xf32>
  %dy = arith.constant dense<[[[1.0, 10.0, 100.0]]]> : tensor<1x1x3xf32>
  %10 = llcc.max_pool %n {window = array<i64: 2>, strides = array<i64: 2>, pads_lo = array<i64: 1>, pads_hi = array<i64: 0>, dilations = array<i64: 1>}
    : tensor<1x1x5xf32> -> tensor<1x1x3xf32>
  %11 = llcc.max_pool_grad %n, %dy {window = array<i64: 2>, strides = array<i64: 2>, pads_lo = array<i64: 1>, pads_hi = array<i64: 0>, dilations = array<i64: 1>}
    : tensor<1x1x5xf32>, tensor<1x1x3xf32> -> tensor<1x1x5xf32>
  // Padding counts, what hangs over the padded end does not: 3, 3, 2 elements.
  %12 = llcc.avg_pool %n {window = array<i64: 3>, strides = array<i64: 2>, pads_lo = array<i64: 1>, pads_hi = array<i64: 0>, dilations = array<i64: 1>, count_include_pad = true}
    : tensor<1x1x5xf32> -> tensor<1x1x3xf32>
  // Logits that overflow exp.
  // CHECK-NEXT: result 13: [0.5, 0.5, 1, 0]
  // CHECK-NEXT: result 14: [-0.693147182, -0.693147182, 0, -2000]
  %z = arith.constant dense<[[1000.0, 1000.0], [1000.0, -1000.0]]> : tensor<2x2xf32>
  %13 = llcc.softmax %z axis 1 : tensor<2x2xf32>
  %14 = llcc.log_softmax %z axis 1 : tensor<2x2xf32>
  // CHECK-NEXT: result 15: [0.5, 1000, 0, 0.841344774]
  %half = arith.constant dense<[0.0, 1000.0, -1000.0, 1.0]> : tensor<4xf32>
  %sig = llcc.sigmoid %half : tensor<4xf32>
  %plus = llcc.softplus %half : tensor<4xf32>
  %gelu = llcc.gelu %half : tensor<4xf32>
  %first = arith.constant dense<[true, false, false, false]> : tensor<4xi1>
  %last = arith.constant dense<[false, false, false, true]> : tensor<4xi1>
  %a15 = arith.select %first, %sig, %plus : tensor<4xi1>, tensor<4xf32>
  %15 = arith.select %last, %gelu, %a15 : tensor<4xi1>, tensor<4xf32>
  // (x - mean) / sqrt(population variance + 0) * scale + bias
  // CHECK-NEXT: result 16: [-9, 101, -9, 101]
  %rows = arith.constant dense<[[1.0, 3.0], [-50.0, 150.0]]> : tensor<2x2xf32>
  %scale = arith.constant dense<[10.0, 100.0]> : tensor<2xf32>
  %bias = arith.constant dense<1.0> : tensor<2xf32>
  %16 = llcc.layer_norm %rows, %scale, %bias axis 1 epsilon 0.0 : tensor<2x2xf32>, tensor<2xf32>, tensor<2xf32> -> tensor<2x2xf32>
  // Cross-correlation, not convolution: y[o] = x[2o - 1] * 1 + x[2o] * 10, zeros outside.
  // CHECK-NEXT: result 17: [10, 32, 54, 0]
  %xs = arith.constant dense<[[[1.0, 2.0, 3.0, 4.0, 5.0]]]> : tensor<1x1x5xf32>
  %w = arith.constant dense<[[[1.0, 10.0]]]> : tensor<1x1x2xf32>
  %17 = llcc.conv %xs, %w {strides = array<i64: 2>, pads_lo = array<i64: 1>, pads_hi = array<i64: 2>, dilations = array<i64: 1>, groups = 1 : i64}
    : tensor<1x1x5xf32>, tensor<1x1x2xf32> -> tensor<1x1x4xf32>
  // Placed types are logical, reshard moves nothing.
  // CHECK-NEXT: result 18: [0, 1, 2, 3, 4]
  %i5 = llcc.iota dim 0 : tensor<5xi64, #llcc.sharding<[["a"]]>>
  %18 = llcc.reshard %i5 : tensor<5xi64, #llcc.sharding<[["a"]]>> -> tensor<5xi64>
  return %0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18 : tensor<2x3xi64>, tensor<3x2xi64>, tensor<2xi64>, tensor<2xf32>, tensor<2xf32>, tensor<7xf32>, tensor<2x2xi64>, tensor<4x2xf32>,
    tensor<4x2xf32>, tensor<2x2x1xf32>, tensor<1x1x3xf32>, tensor<1x1x5xf32>, tensor<1x1x3xf32>, tensor<2x2xf32>, tensor<2x2xf32>, tensor<4xf32>, tensor<2x2xf32>, tensor<1x1x4xf32>, tensor<5xi64>
}
