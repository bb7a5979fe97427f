// Which arguments the strategies cut.
// RUN: llcc-opt %s --split-input-file --llcc-seed-sharding --verify-diagnostics | FileCheck %s

// Three layers: column-, row-, column-parallel; the row-parallel weight follows by propagation, biases too. The second weight is
// stored transposed. Of an embedding rows are cut.
// CHECK-LABEL: @gradients
// CHECK-SAME: tensor<7x6xf32> {llcc.batched, llcc.input = "x", llcc.sharding = #llcc.sharding<{{\[\[}}"data"], []], invariant = ["tensor"]>}
// CHECK-SAME: tensor<7xi64> {llcc.batched, llcc.label = "y", llcc.sharding = #llcc.sharding<{{\[\[}}"data"]], invariant = ["tensor"]>}
// CHECK-SAME: {llcc.param = "w1", llcc.sharding = #llcc.sharding<{{\[\[}}], ["tensor"]], invariant = ["data"]>, llcc.trainable}
// CHECK-SAME: {llcc.param = "w2", llcc.trainable}
// CHECK-SAME: {llcc.param = "w3", llcc.sharding = #llcc.sharding<{{\[\[}}], ["tensor"]], invariant = ["data"]>, llcc.trainable}
// CHECK-SAME: {llcc.param = "table", llcc.sharding = #llcc.sharding<{{\[\[}}"tensor"], []], invariant = ["data"]>, llcc.trainable}
module attributes {llcc.mesh = #llcc.mesh<["data", "tensor"], [3, 2]>} {
  func.func @gradients(%x: tensor<7x6xf32> {llcc.input = "x", llcc.batched}, %y: tensor<7xi64> {llcc.label = "y", llcc.batched},
                       %w1: tensor<6x10xf32> {llcc.param = "w1", llcc.trainable}, %w2: tensor<4x10xf32> {llcc.param = "w2", llcc.trainable},
                       %w3: tensor<4x10xf32> {llcc.param = "w3", llcc.trainable}, %table: tensor<9x10xf32> {llcc.param = "table", llcc.trainable}) {
    %e = llcc.gather %table, %y axis 0 : tensor<9x10xf32>, tensor<7xi64> -> tensor<7x10xf32>
    %h1 = llcc.dot %x, %w1 batch [] x [] contract [1] x [0] : tensor<7x6xf32>, tensor<6x10xf32> -> tensor<7x10xf32>
    %r1 = math.tanh %h1 : tensor<7x10xf32>
    %w2t = llcc.transpose %w2 perm [1, 0] : tensor<4x10xf32> -> tensor<10x4xf32>
    %h2 = llcc.dot %r1, %w2t batch [] x [] contract [1] x [0] : tensor<7x10xf32>, tensor<10x4xf32> -> tensor<7x4xf32>
    %h3 = llcc.dot %h2, %w3 batch [] x [] contract [1] x [0] : tensor<7x4xf32>, tensor<4x10xf32> -> tensor<7x10xf32>
    return
  }
}

// -----

// A weight seen through a transpose; frozen weights and backward contractions are left alone.
// CHECK-LABEL: @gradients
// CHECK-SAME: {llcc.param = "frozen"}
// CHECK-SAME: {llcc.param = "w", llcc.sharding = #llcc.sharding<{{\[\[}}"tensor"], []]>, llcc.trainable}
module attributes {llcc.mesh = #llcc.mesh<["tensor"], [4]>} {
  func.func @gradients(%x: tensor<8x6xf32> {llcc.input = "x", llcc.batched}, %f: tensor<6x6xf32> {llcc.param = "frozen"},
                       %w: tensor<10x6xf32> {llcc.param = "w", llcc.trainable}) {
    %h = llcc.dot %x, %f batch [] x [] contract [1] x [0] : tensor<8x6xf32>, tensor<6x6xf32> -> tensor<8x6xf32>
    %wt = llcc.transpose %w perm [1, 0] : tensor<10x6xf32> -> tensor<6x10xf32>
    %y = llcc.dot %h, %wt batch [] x [] contract [1] x [0] : tensor<8x6xf32>, tensor<6x10xf32> -> tensor<8x10xf32>
    return
  }
}

// -----

// Convolutions: the output channels of the first, then the second reduces over its input channels.
// CHECK-LABEL: @gradients
// CHECK-SAME: {llcc.param = "k1", llcc.sharding = #llcc.sharding<{{\[\[}}"tensor"], [], [], []]>, llcc.trainable}
// CHECK-SAME: {llcc.param = "k2", llcc.trainable}
module attributes {llcc.mesh = #llcc.mesh<["tensor"], [4]>} {
  func.func @gradients(%x: tensor<8x3x9x9xf32> {llcc.input = "x", llcc.batched}, %k1: tensor<16x3x3x3xf32> {llcc.param = "k1", llcc.trainable},
                       %k2: tensor<8x16x3x3xf32> {llcc.param = "k2", llcc.trainable}) {
    %a = llcc.conv %x, %k1 {strides = array<i64: 1, 1>, pads_lo = array<i64: 0, 0>, pads_hi = array<i64: 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<8x3x9x9xf32>, tensor<16x3x3x3xf32> -> tensor<8x16x7x7xf32>
    %b = llcc.conv %a, %k2 {strides = array<i64: 1, 1>, pads_lo = array<i64: 0, 0>, pads_hi = array<i64: 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<8x16x7x7xf32>, tensor<8x16x3x3xf32> -> tensor<8x8x5x5xf32>
    return
  }
}

// -----

// The user's placement wins: rows instead of columns, and then there is nothing to cut in the second layer's columns either.
// CHECK-LABEL: @gradients
// CHECK-SAME: {llcc.batched, llcc.input = "x", llcc.sharding = #llcc.sharding<{{\[\[}}], []], invariant = ["tensor"]>}
// CHECK-SAME: {llcc.param = "w1", llcc.sharding = #llcc.sharding<{{\[\[}}"tensor"], []]>, llcc.trainable}
module attributes {llcc.mesh = #llcc.mesh<["tensor"], [2]>} {
  func.func @gradients(%x: tensor<8x6xf32> {llcc.input = "x", llcc.batched, llcc.sharding = #llcc.sharding<[[], []]>},
                       %w1: tensor<6x10xf32> {llcc.param = "w1", llcc.trainable, llcc.sharding = #llcc.sharding<[["tensor"], []]>}) {
    %h1 = llcc.dot %x, %w1 batch [] x [] contract [1] x [0] : tensor<8x6xf32>, tensor<6x10xf32> -> tensor<8x10xf32>
    return
  }
}

// -----

// One device: nothing is cut, nothing is said.
// CHECK-LABEL: @gradients
// CHECK-SAME: {llcc.batched, llcc.input = "x"})
module attributes {llcc.mesh = #llcc.mesh<["data"], [1]>} {
  func.func @gradients(%x: tensor<8x6xf32> {llcc.input = "x", llcc.batched}) {
    return
  }
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["data", "spare", "pipeline"], [4, 2, 2]>} {
  // expected-warning @below {{input "x" has a batch of 3, mesh axis 'data' has 4 members: some of them compute on padding only}}
  // expected-warning @below {{mesh axis 'spare' cuts no argument: its 2 members compute the same; choose another mesh or strategy}}
  func.func @gradients(%x: tensor<3x6xf32> {llcc.input = "x", llcc.batched}) {
    return
  }
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["tensor"], [4]>} {
  // expected-error @below {{strategy 'tensor' finds no contraction or convolution to cut over 4 devices: no trainable weight has an output dimension of at least 4; use fewer devices or --strategy=data}}
  func.func @gradients(%x: tensor<8x6xf32> {llcc.input = "x", llcc.batched}, %w: tensor<6x3xf32> {llcc.param = "w", llcc.trainable}) {
    %y = llcc.dot %x, %w batch [] x [] contract [1] x [0] : tensor<8x6xf32>, tensor<6x3xf32> -> tensor<8x3xf32>
    return
  }
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["data"], [2]>} {
  // expected-error @below {{param "w": sharding has 1 dimensions, the argument has type 'tensor<6x3xf32>'}}
  func.func @gradients(%w: tensor<6x3xf32> {llcc.param = "w", llcc.trainable, llcc.sharding = #llcc.sharding<[[]]>}) {
    return
  }
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["data"], [2]>} {
  // expected-error @below {{param "w": sharding is partial, an argument that the user places is whole or cut}}
  func.func @gradients(%w: tensor<6xf32> {llcc.param = "w", llcc.trainable, llcc.sharding = #llcc.sharding<[[]], partial = ["data"]>}) {
    return
  }
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["data"], [2]>} {
  // expected-error @below {{argument #0: sharding names axis 'tensor', the mesh to cut tensors over is #llcc.mesh<["data"], [2]>}}
  func.func @gradients(%w: tensor<6xf32> {llcc.sharding = #llcc.sharding<[["tensor"]]>}) {
    return
  }
}
