// Experts that are nodes of their own become a stack where the mesh cuts experts; the gate of each is stacked as it is, other summands stay.
// RUN: llcc-opt %s --split-input-file --llcc-stack-experts | FileCheck %s

// CHECK-LABEL: @gradients
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<8x6xf32>, %[[W0:[a-z0-9]+]]: tensor<6x9xf32> {{.*}}, %[[W1:[a-z0-9]+]]: tensor<6x9xf32> {{.*}}, %[[G:[a-z0-9]+]]: tensor<8x9xf32>,
// CHECK: %[[R0:.*]] = llcc.reshape %[[W0]] : tensor<6x9xf32> -> tensor<1x6x9xf32>
// CHECK: %[[R1:.*]] = llcc.reshape %[[W1]] : tensor<6x9xf32> -> tensor<1x6x9xf32>
// CHECK: %[[W:.*]] = llcc.concat %[[R0]], %[[R1]] dim 0
// CHECK: %[[D:.*]] = llcc.dot %[[X]], %[[W]] batch [] x [] contract [1] x [1] : tensor<8x6xf32>, tensor<2x6x9xf32> -> tensor<8x2x9xf32>
// CHECK: llcc.transpose %[[D]] perm [1, 0, 2]
// CHECK: arith.mulf %{{.*}}, %{{.*}} : tensor<2x8x9xf32>
// CHECK: %[[S:.*]] = llcc.reduce <sum> %{{.*}} dims [0] : tensor<2x8x9xf32> -> tensor<8x9xf32>
// CHECK: arith.addf %[[S]], %[[G]]
// CHECK-NOT: llcc.dot
module attributes {llcc.mesh = #llcc.mesh<["expert"], [2]>} {
  func.func @gradients(%x: tensor<8x6xf32>, %w0: tensor<6x9xf32> {llcc.param = "w0", llcc.trainable}, %w1: tensor<6x9xf32> {llcc.param = "w1", llcc.trainable},
                       %g: tensor<8x9xf32>, %k: tensor<8x9xf32>) -> tensor<8x9xf32> {
    %h0 = llcc.dot %x, %w0 batch [] x [] contract [1] x [0] : tensor<8x6xf32>, tensor<6x9xf32> -> tensor<8x9xf32>
    %y0 = arith.mulf %h0, %g : tensor<8x9xf32>
    %h1 = llcc.dot %x, %w1 batch [] x [] contract [1] x [0] : tensor<8x6xf32>, tensor<6x9xf32> -> tensor<8x9xf32>
    %y1 = arith.mulf %h1, %k : tensor<8x9xf32>
    %s = arith.addf %y0, %g : tensor<8x9xf32>
    %y = arith.addf %s, %y1 : tensor<8x9xf32>
    return %y : tensor<8x9xf32>
  }
}

// -----

// Without the axis nothing changes.
// CHECK-LABEL: @gradients
// CHECK-NOT: llcc.concat
module attributes {llcc.mesh = #llcc.mesh<["data"], [2]>} {
  func.func @gradients(%x: tensor<8x6xf32>, %w0: tensor<6x9xf32> {llcc.param = "w0", llcc.trainable}, %w1: tensor<6x9xf32> {llcc.param = "w1", llcc.trainable}) -> tensor<8x9xf32> {
    %h0 = llcc.dot %x, %w0 batch [] x [] contract [1] x [0] : tensor<8x6xf32>, tensor<6x9xf32> -> tensor<8x9xf32>
    %h1 = llcc.dot %x, %w1 batch [] x [] contract [1] x [0] : tensor<8x6xf32>, tensor<6x9xf32> -> tensor<8x9xf32>
    %y = arith.addf %h0, %h1 : tensor<8x9xf32>
    return %y : tensor<8x9xf32>
  }
}
