// Philox 4x32-10 as its authors publish it (Random123, kat_vectors): word 0 for counters and keys of zeros, of ones, and of the digits of pi.
// RUN: llcc-interpret %s | FileCheck %s
// RUN: llcc-opt %s | llcc-interpret - | FileCheck %s

// 6627e8d5, 408f276d, d16cfe09 as signed numbers
// CHECK: 1713891541
// CHECK: 1083123565
// CHECK: -781386231
func.func @main() -> (tensor<i32>, tensor<i32>, tensor<i32>) {
  %zero = arith.constant dense<0> : tensor<i64>
  %ones = arith.constant dense<-1> : tensor<i64>
  %index = arith.constant dense<0x85a308d3243f6a88> : tensor<i64>
  %seed = arith.constant dense<0x299f31d0a4093822> : tensor<i64>
  %step = arith.constant dense<0x03707344> : tensor<i64>
  %a = llcc.random_bits %zero stream 0 key() : (tensor<i64>) -> tensor<i32>
  // stream's high half is added to the seed: 0xffffffff00000000 + 0x00000000ffffffff is a key of ones
  %low = arith.constant dense<0xffffffff00000000> : tensor<i64>
  %b = llcc.random_bits %ones stream -1 key(%low, %ones) : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<i32>
  %c = llcc.random_bits %index stream 0x13198a2e key(%seed, %step) : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<i32>
  return %a, %b, %c : tensor<i32>, tensor<i32>, tensor<i32>
}
