// RUN: llcc-interpret --devices %s | FileCheck %s
// Uneven collectives on a 2x2 mesh: device = 2*a + b, and each device's values start at 1, 10, 100 or 1000 times what the
// others have, so that every sum tells who took part.

module attributes {llcc.mesh = #llcc.mesh<["a", "b"], [2, 2]>} {
  func.func @main() -> (tensor<f32>, tensor<f32>, tensor<3xf32>, tensor<2xf32>, tensor<1x2xf32>, tensor<2xf32>, tensor<2xi64>, tensor<f32>) {
    %table = arith.constant dense<[1.0, 10.0, 100.0, 1000.0]> : tensor<4xf32>
    %first = llcc.axis_offset extent 2 over ["a"] : tensor<i64>
    %second = llcc.axis_offset extent 2 over ["b"] : tensor<i64>
    %two = arith.constant dense<2> : tensor<i64>
    %twice = arith.muli %first, %two : tensor<i64>
    %device = arith.addi %twice, %second : tensor<i64>
    %x = llcc.gather %table, %device axis 0 : tensor<4xf32>, tensor<i64> -> tensor<f32>
    %all = llcc.all_reduce <sum> %x over ["a", "b"] : tensor<f32> -> tensor<f32>
    %half = llcc.all_reduce <sum> %x over ["b"] : tensor<f32> -> tensor<f32>
    // Three elements over a: blocks of 2, the last has one element of padding.
    %xx = llcc.broadcast %x dims [] : tensor<f32> -> tensor<2xf32>
    %gathered = llcc.all_gather %xx dim 0 size 3 over ["a"] : tensor<2xf32> -> tensor<3xf32>
    %scattered = llcc.reduce_scatter <sum> %gathered dim 0 over ["b"] : tensor<3xf32> -> tensor<2xf32>
    // [2, 1] on each of the two members along b: row i goes to member i.
    %column = llcc.reshape %xx : tensor<2xf32> -> tensor<2x1xf32>
    %exchanged = llcc.all_to_all %column split 0 concat 1 size 2 over ["b"] : tensor<2x1xf32> -> tensor<1x2xf32>
    // Nested blocks of 5 over a (3) and b (2): starts 0, 2, 3, 5; the last element of devices 1, 2.. is padding where it ends.
    %masked = llcc.mask %xx dim 0 extent 5 over ["a", "b"] value -1.0 : tensor<2xf32>
    %numbers = llcc.iota dim 0 : tensor<7xi64>
    %slice = llcc.axis_slice %numbers dim 0 over ["b", "a"] : tensor<7xi64> -> tensor<2xi64>
    // Each hands on to the next of the four, the last to the first.
    %handed = llcc.ring_shift %x over ["a", "b"] : tensor<f32> -> tensor<f32>
    return %all, %half, %gathered, %scattered, %exchanged, %masked, %slice, %handed : tensor<f32>, tensor<f32>, tensor<3xf32>, tensor<2xf32>, tensor<1x2xf32>, tensor<2xf32>, tensor<2xi64>, tensor<f32>
  }
}

// CHECK:      device 0 result 0: [1111]
// CHECK-NEXT: device 0 result 1: [11]
// CHECK-NEXT: device 0 result 2: [1, 1, 100]
// CHECK-NEXT: device 0 result 3: [11, 11]
// CHECK-NEXT: device 0 result 4: [1, 10]
// CHECK-NEXT: device 0 result 5: [1, 1]
// CHECK-NEXT: device 0 result 6: [0, 1]
// CHECK-NEXT: device 0 result 7: [1000]
// CHECK-NEXT: device 1 result 0: [1111]
// CHECK-NEXT: device 1 result 1: [11]
// CHECK-NEXT: device 1 result 2: [10, 10, 1000]
// CHECK-NEXT: device 1 result 3: [1100, 0]
// CHECK-NEXT: device 1 result 4: [1, 10]
// CHECK-NEXT: device 1 result 5: [10, -1]
// CHECK-NEXT: device 1 result 6: [4, 5]
// CHECK-NEXT: device 1 result 7: [1]
// CHECK-NEXT: device 2 result 0: [1111]
// CHECK-NEXT: device 2 result 1: [1100]
// CHECK-NEXT: device 2 result 2: [1, 1, 100]
// CHECK-NEXT: device 2 result 3: [11, 11]
// CHECK-NEXT: device 2 result 4: [100, 1000]
// CHECK-NEXT: device 2 result 5: [100, 100]
// CHECK-NEXT: device 2 result 6: [2, 3]
// CHECK-NEXT: device 2 result 7: [10]
// CHECK-NEXT: device 3 result 0: [1111]
// CHECK-NEXT: device 3 result 1: [1100]
// CHECK-NEXT: device 3 result 2: [10, 10, 1000]
// CHECK-NEXT: device 3 result 3: [1100, 0]
// CHECK-NEXT: device 3 result 4: [100, 1000]
// CHECK-NEXT: device 3 result 5: [-1, -1]
// CHECK-NEXT: device 3 result 6: [6, 0]
// CHECK-NEXT: device 3 result 7: [100]
