// Rule by rule: what cuts pass, reduce and stop at. Each @gradients begins with placed arguments; checked after reshards are in,
// and type-checked.
// RUN: llcc-opt %s --split-input-file --llcc-propagate-sharding --llcc-insert-reshards --llcc-verify-placement | FileCheck %s

#X = #llcc.sharding<[["data"], [], []]>
#W = #llcc.sharding<[[], ["tensor"]]>

// Heads are the major part of the hidden dimension: eight heads over four members stay cut through reshape and transpose;
// merged back and contracted they end partial.
// CHECK-LABEL: @gradients
module @heads attributes {llcc.mesh = #llcc.mesh<["data", "tensor"], [2, 4]>} {
  func.func @gradients(%x: tensor<6x5x16xf32> {llcc.input = "x", llcc.sharding = #X}, %wq: tensor<16x32xf32> {llcc.param = "wq", llcc.sharding = #W},
                       %wo: tensor<32x16xf32> {llcc.param = "wo"}) -> (tensor<16x16xf32> {llcc.gradient = "g"}) {
    // CHECK: llcc.dot {{.*}} -> tensor<6x5x32xf32, #llcc.sharding<{{\[\[}}"data"], [], ["tensor"]]>>
    %q = llcc.dot %x, %wq batch [] x [] contract [2] x [0] : tensor<6x5x16xf32>, tensor<16x32xf32> -> tensor<6x5x32xf32>
    // CHECK: llcc.reshape {{.*}} -> tensor<6x5x8x4xf32, #llcc.sharding<{{\[\[}}"data"], [], ["tensor"], []]>>
    %h = llcc.reshape %q : tensor<6x5x32xf32> -> tensor<6x5x8x4xf32>
    // CHECK: llcc.transpose {{.*}} -> tensor<6x8x5x4xf32, #llcc.sharding<{{\[\[}}"data"], ["tensor"], [], []]>>
    %t = llcc.transpose %h perm [0, 2, 1, 3] : tensor<6x5x8x4xf32> -> tensor<6x8x5x4xf32>
    // CHECK: llcc.dot {{.*}} -> tensor<6x8x5x5xf32, #llcc.sharding<{{\[\[}}"data"], ["tensor"], [], []]>>
    %s = llcc.dot %t, %t batch [0, 1] x [0, 1] contract [3] x [3] : tensor<6x8x5x4xf32>, tensor<6x8x5x4xf32> -> tensor<6x8x5x5xf32>
    %c = llcc.dot %s, %t batch [0, 1] x [0, 1] contract [3] x [2] : tensor<6x8x5x5xf32>, tensor<6x8x5x4xf32> -> tensor<6x8x5x4xf32>
    %b = llcc.transpose %c perm [0, 2, 1, 3] : tensor<6x8x5x4xf32> -> tensor<6x5x8x4xf32>
    // Batch and sequence merge: six over two members is even.
    // CHECK: llcc.reshape {{.*}} -> tensor<30x32xf32, #llcc.sharding<{{\[\[}}"data"], ["tensor"]]>>
    %m = llcc.reshape %b : tensor<6x5x8x4xf32> -> tensor<30x32xf32>
    // CHECK: llcc.dot {{.*}} -> tensor<30x16xf32, #llcc.sharding<{{\[\[}}"data"], []], partial = ["tensor"]>>
    %y = llcc.dot %m, %wo batch [] x [] contract [1] x [0] : tensor<30x32xf32>, tensor<32x16xf32> -> tensor<30x16xf32>
    // One reshard serves both operands.
    // CHECK-NEXT: %[[Y:.*]] = llcc.reshard
    // CHECK-NEXT: llcc.dot %[[Y]], %[[Y]] {{.*}} -> tensor<16x16xf32, #llcc.sharding<{{\[\[}}], []], partial = ["data"], invariant = ["tensor"]>>
    // CHECK-NOT: llcc.reshard
    %g = llcc.dot %y, %y batch [] x [] contract [0] x [0] : tensor<30x16xf32>, tensor<30x16xf32> -> tensor<16x16xf32>
    // CHECK: return
    return %g : tensor<16x16xf32>
  }
  func.func @update() {
    return
  }
}

// -----

// Three heads over two members are not equal blocks of the hidden dimension, nor are seven rows: whole before the reshape.
// CHECK-LABEL: @gradients
module @uneven attributes {llcc.mesh = #llcc.mesh<["data", "tensor"], [3, 2]>} {
  func.func @gradients(%x: tensor<7x5x12xf32> {llcc.input = "x", llcc.sharding = #llcc.sharding<[["data"], [], ["tensor"]]>}) {
    // CHECK: %[[X:.*]] = llcc.reshard %{{.*}} -> tensor<7x5x12xf32, #llcc.sharding<{{\[\[}}"data"], [], []], invariant = ["tensor"]>>
    // CHECK: llcc.reshape %{{.*}} -> tensor<7x5x3x4xf32, #llcc.sharding<{{\[\[}}"data"], [], [], []], invariant = ["tensor"]>>
    %h = llcc.reshape %x : tensor<7x5x12xf32> -> tensor<7x5x3x4xf32>
    // CHECK: llcc.reshape %{{.*}} -> tensor<35x12xf32, #llcc.sharding<{{\[\[}}], ["tensor"]], invariant = ["data"]>>
    %m = llcc.reshape %x : tensor<7x5x12xf32> -> tensor<35x12xf32>
    // Unit dimensions come and go with any cut.
    // CHECK: llcc.reshape %{{.*}} -> tensor<7x1x5x12xf32, #llcc.sharding<{{\[\[}}"data"], [], [], ["tensor"]]>>
    %u = llcc.reshape %x : tensor<7x5x12xf32> -> tensor<7x1x5x12xf32>
    return
  }
  func.func @update() {
    return
  }
}

// -----

// Embedding: rows follow the indices, the gradient of the table is a sum over members that hold other indices.
// CHECK-LABEL: @gradients
module @embedding attributes {llcc.mesh = #llcc.mesh<["data", "tensor"], [2, 2]>} {
  func.func @gradients(%ids: tensor<8x3xi64> {llcc.input = "ids", llcc.sharding = #llcc.sharding<[["data"], []]>},
                       %table: tensor<50x6xf32> {llcc.param = "table", llcc.sharding = #llcc.sharding<[[], ["tensor"]]>})
      -> (tensor<50x6xf32> {llcc.gradient = "table"}) {
    // CHECK: llcc.gather {{.*}} -> tensor<8x3x6xf32, #llcc.sharding<{{\[\[}}"data"], [], ["tensor"]]>>
    %e = llcc.gather %table, %ids axis 0 : tensor<50x6xf32>, tensor<8x3xi64> -> tensor<8x3x6xf32>
    // CHECK: llcc.scatter_add {{.*}} -> tensor<50x6xf32, #llcc.sharding<{{\[\[}}], ["tensor"]], partial = ["data"]>>
    // CHECK-NEXT: return
    %g = llcc.scatter_add %e, %ids axis 0 : tensor<8x3x6xf32>, tensor<8x3xi64> -> tensor<50x6xf32>
    return %g : tensor<50x6xf32>
  }
  // CHECK-LABEL: @update
  // CHECK: llcc.reshard %{{.*}} -> tensor<50x6xf32, #llcc.sharding<{{\[\[}}], ["tensor"]], invariant = ["data"]>>
  func.func @update(%table: tensor<50x6xf32> {llcc.param = "table"}, %g: tensor<50x6xf32> {llcc.gradient = "table"})
      -> (tensor<50x6xf32> {llcc.param = "table"}) {
    %n = arith.subf %table, %g : tensor<50x6xf32>
    return %n : tensor<50x6xf32>
  }
}

// -----

// Convolution, its gradients, pooling: batch and channels.
// CHECK-LABEL: @gradients
module @convolution attributes {llcc.mesh = #llcc.mesh<["data", "tensor"], [2, 2]>} {
  func.func @gradients(%x: tensor<8x3x6x6xf32> {llcc.input = "x", llcc.sharding = #llcc.sharding<[["data"], [], [], []]>},
                       %w: tensor<4x3x1x1xf32> {llcc.param = "w", llcc.sharding = #llcc.sharding<[["tensor"], [], [], []]>})
      -> (tensor<4x3x1x1xf32> {llcc.gradient = "w"}) {
    // CHECK: llcc.conv {{.*}} -> tensor<8x4x6x6xf32, #llcc.sharding<{{\[\[}}"data"], ["tensor"], [], []]>>
    %y = llcc.conv %x, %w {strides = array<i64: 1, 1>, pads_lo = array<i64: 0, 0>, pads_hi = array<i64: 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<8x3x6x6xf32>, tensor<4x3x1x1xf32> -> tensor<8x4x6x6xf32>
    // CHECK: llcc.max_pool {{.*}} -> tensor<8x4x3x3xf32, #llcc.sharding<{{\[\[}}"data"], ["tensor"], [], []]>>
    %p = llcc.max_pool %y {window = array<i64: 2, 2>, strides = array<i64: 2, 2>, pads_lo = array<i64: 0, 0>, pads_hi = array<i64: 0, 0>, dilations = array<i64: 1, 1>} : tensor<8x4x6x6xf32> -> tensor<8x4x3x3xf32>
    // CHECK-NEXT: %[[D:.*]] = llcc.max_pool_grad
    %d = llcc.max_pool_grad %y, %p {window = array<i64: 2, 2>, strides = array<i64: 2, 2>, pads_lo = array<i64: 0, 0>, pads_hi = array<i64: 0, 0>, dilations = array<i64: 1, 1>} : tensor<8x4x6x6xf32>, tensor<8x4x3x3xf32> -> tensor<8x4x6x6xf32>
    // CHECK: llcc.conv_input_grad {{.*}} -> tensor<8x3x6x6xf32, #llcc.sharding<{{\[\[}}"data"], [], [], []], partial = ["tensor"]>>
    // CHECK-NEXT: %[[DX:.*]] = llcc.reshard
    %dx = llcc.conv_input_grad %d, %w {strides = array<i64: 1, 1>, pads_lo = array<i64: 0, 0>, pads_hi = array<i64: 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<8x4x6x6xf32>, tensor<4x3x1x1xf32> -> tensor<8x3x6x6xf32>
    // CHECK-NEXT: llcc.conv_weight_grad %[[DX]], {{.*}} -> tensor<4x3x1x1xf32, #llcc.sharding<{{\[\[}}"tensor"], [], [], []], partial = ["data"]>>
    %dw = llcc.conv_weight_grad %dx, %d {strides = array<i64: 1, 1>, pads_lo = array<i64: 0, 0>, pads_hi = array<i64: 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<8x3x6x6xf32>, tensor<8x4x6x6xf32> -> tensor<4x3x1x1xf32>
    // Of a grouped convolution each member has whole groups.
    // CHECK: llcc.conv %[[D]], {{.*}}groups = 2{{.*}} -> tensor<8x2x6x6xf32, #llcc.sharding<{{\[\[}}"data"], ["tensor"], [], []]>>
    %v = llcc.slice %w starts [0, 0, 0, 0] strides [2, 1, 1, 1] : tensor<4x3x1x1xf32> -> tensor<2x3x1x1xf32>
    %v2 = llcc.slice %v starts [0, 0, 0, 0] strides [1, 1, 1, 1] : tensor<2x3x1x1xf32> -> tensor<2x2x1x1xf32>
    %z = llcc.conv %d, %v2 {strides = array<i64: 1, 1>, pads_lo = array<i64: 0, 0>, pads_hi = array<i64: 0, 0>, dilations = array<i64: 1, 1>, groups = 2 : i64} : tensor<8x4x6x6xf32>, tensor<2x2x1x1xf32> -> tensor<8x2x6x6xf32>
    return %dw : tensor<4x3x1x1xf32>
  }
  func.func @update() {
    return
  }
}

// -----

// Softmax over classes that are cut: a maximum and a sum stay pending, with their kinds, until they are used.
// CHECK-LABEL: @gradients
module @cut_classes attributes {llcc.mesh = #llcc.mesh<["tensor"], [3]>} {
  func.func @gradients(%x: tensor<8x10xf32> {llcc.input = "x", llcc.sharding = #llcc.sharding<[[], ["tensor"]]>}) -> (tensor<8x10xf32> {llcc.output = "p"}) {
    // CHECK: %[[M:.*]] = llcc.reduce <max> {{.*}} -> tensor<8xf32, #llcc.sharding<{{\[\[}}]], partial = ["tensor"], kind = max>>
    // CHECK-NEXT: llcc.reshard %[[M]] : {{.*}} -> tensor<8xf32, #llcc.sharding<{{\[\[}}]], invariant = ["tensor"]>>
    %m = llcc.reduce <max> %x dims [1] : tensor<8x10xf32> -> tensor<8xf32>
    %mb = llcc.broadcast %m dims [0] : tensor<8xf32> -> tensor<8x10xf32>
    %d = arith.subf %x, %mb : tensor<8x10xf32>
    %e = math.exp %d : tensor<8x10xf32>
    // CHECK: %[[S:.*]] = llcc.reduce <sum> {{.*}} partial = ["tensor"]>>
    // CHECK-NEXT: llcc.reshard %[[S]]
    %s = llcc.reduce <sum> %e dims [1] : tensor<8x10xf32> -> tensor<8xf32>
    %sb = llcc.broadcast %s dims [0] : tensor<8xf32> -> tensor<8x10xf32>
    // CHECK: arith.divf {{.*}} : tensor<8x10xf32, #llcc.sharding<{{\[\[}}], ["tensor"]]>>
    %p = arith.divf %e, %sb : tensor<8x10xf32>
    // One-hot labels: iota is cut like its user.
    // CHECK: llcc.iota dim 1 : tensor<8x10xi64, #llcc.sharding<{{\[\[}}], ["tensor"]]>>
    %i = llcc.iota dim 1 : tensor<8x10xi64>
    %f = arith.sitofp %i : tensor<8x10xi64> to tensor<8x10xf32>
    %q = arith.subf %p, %f : tensor<8x10xf32>
    // CHECK-NOT: llcc.reshard
    // CHECK: return
    return %q : tensor<8x10xf32>
  }
  func.func @update() {
    return
  }
}

// -----

// Pending sums wait through linear ops and are added before the one all-reduce; a value that some user needs whole is
// resolved once, at its definition.
// CHECK-LABEL: @gradients
module @lazy attributes {llcc.mesh = #llcc.mesh<["tensor"], [2]>} {
  func.func @gradients(%x: tensor<8x10xf32> {llcc.input = "x", llcc.sharding = #llcc.sharding<[[], ["tensor"]]>},
                       %w: tensor<10x8xf32> {llcc.param = "w", llcc.sharding = #llcc.sharding<[["tensor"], []]>}) -> (tensor<8x8xf32> {llcc.output = "r"}, tensor<8x8xf32> {llcc.output = "s"}) {
    // CHECK: %[[A:.*]] = llcc.dot
    %a = llcc.dot %x, %w batch [] x [] contract [1] x [0] : tensor<8x10xf32>, tensor<10x8xf32> -> tensor<8x8xf32>
    // CHECK-NEXT: %[[T:.*]] = llcc.transpose %[[A]]
    %t = llcc.transpose %a perm [1, 0] : tensor<8x8xf32> -> tensor<8x8xf32>
    // CHECK-NEXT: %[[B:.*]] = arith.addf %[[A]], %[[T]] : tensor<8x8xf32, #llcc.sharding<{{\[\[}}], []], partial = ["tensor"]>>
    %b = arith.addf %a, %t : tensor<8x8xf32>
    // CHECK-NEXT: %[[R:.*]] = llcc.reshard %[[B]]
    // CHECK-NEXT: math.tanh %[[R]]
    %r = math.tanh %b : tensor<8x8xf32>

    // CHECK: %[[C:.*]] = llcc.dot
    // CHECK-NEXT: %[[CR:.*]] = llcc.reshard %[[C]]
    // CHECK-NEXT: arith.negf %[[CR]]
    // CHECK-NEXT: math.exp %[[CR]]
    %c = llcc.dot %x, %w batch [] x [] contract [1] x [0] : tensor<8x10xf32>, tensor<10x8xf32> -> tensor<8x8xf32>
    %n = arith.negf %c : tensor<8x8xf32>
    %e = math.exp %c : tensor<8x8xf32>
    %s = arith.mulf %n, %e : tensor<8x8xf32>
    // CHECK-NOT: llcc.reshard
    // CHECK: return
    return %r, %s : tensor<8x8xf32>, tensor<8x8xf32>
  }
  func.func @update() {
    return
  }
}

// -----

// A pending sum whose only user is cut over the same axis becomes cut at once: a reduce-scatter. With a second user that needs it
// whole there is one all-reduce, of which the first takes its block.
// CHECK-LABEL: @gradients
module @scatter attributes {llcc.mesh = #llcc.mesh<["tensor"], [2]>} {
  func.func @gradients(%x: tensor<8x10xf32> {llcc.input = "x", llcc.sharding = #llcc.sharding<[[], ["tensor"]]>},
                       %w: tensor<10x8xf32> {llcc.param = "w", llcc.sharding = #llcc.sharding<[["tensor"], []]>},
                       %r: tensor<8x8xf32> {llcc.input = "r", llcc.sharding = #llcc.sharding<[["tensor"], []]>})
      -> (tensor<8x8xf32> {llcc.output = "r"}, tensor<8x8xf32> {llcc.output = "s"}, tensor<8x8xf32> {llcc.output = "t"}) {
    // CHECK: %[[A:.*]] = llcc.dot
    // CHECK-NEXT: %[[B:.*]] = llcc.reshard %[[A]] : tensor<8x8xf32, #llcc.sharding<{{\[\[}}], []], partial = ["tensor"]>> -> tensor<8x8xf32, #llcc.sharding<{{\[\[}}"tensor"], []]>>
    // CHECK-NEXT: arith.mulf %{{.*}}, %[[B]]
    %a = llcc.dot %x, %w batch [] x [] contract [1] x [0] : tensor<8x10xf32>, tensor<10x8xf32> -> tensor<8x8xf32>
    %b = arith.mulf %r, %a : tensor<8x8xf32>
    // CHECK: %[[C:.*]] = llcc.dot
    // CHECK-NEXT: %[[D:.*]] = llcc.reshard %[[C]] : {{.*}} -> tensor<8x8xf32, #llcc.sharding<{{\[\[}}], []], invariant = ["tensor"]>>
    // CHECK-NEXT: %[[E:.*]] = llcc.reshard %[[D]] : {{.*}} -> tensor<8x8xf32, #llcc.sharding<{{\[\[}}"tensor"], []]>>
    // CHECK-NEXT: arith.mulf %{{.*}}, %[[E]]
    // CHECK-NEXT: llcc.concat %[[D]], %[[D]]
    %c = llcc.dot %x, %w batch [] x [] contract [1] x [0] : tensor<8x10xf32>, tensor<10x8xf32> -> tensor<8x8xf32>
    %d = arith.mulf %r, %c : tensor<8x8xf32>
    %u = llcc.concat %c, %c dim 0 : tensor<8x8xf32>, tensor<8x8xf32> -> tensor<16x8xf32>
    %v = math.exp %u : tensor<16x8xf32>
    %f = llcc.slice %v starts [0, 0] strides [2, 1] : tensor<16x8xf32> -> tensor<8x8xf32>
    return %b, %d, %f : tensor<8x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>
  }
  func.func @update() {
    return
  }
}

// -----

// Routing: sorts rows, reads and writes them by their own indices. All of it stays in the rows that a device has; along the sorted
// dimension everything is whole.
// CHECK-LABEL: @gradients
module @routing attributes {llcc.mesh = #llcc.mesh<["data", "tensor"], [2, 2]>} {
  func.func @gradients(%x: tensor<8x6xf32> {llcc.input = "x", llcc.sharding = #llcc.sharding<[["data"], []]>},
                       %w: tensor<8x6xf32> {llcc.param = "w", llcc.sharding = #llcc.sharding<[["data"], []]>})
      -> (tensor<8x6xf32> {llcc.gradient = "w"}) {
    // CHECK: llcc.argsort {{.*}} -> tensor<8x6xi64, #llcc.sharding<{{\[\[}}"data"], []], invariant = ["tensor"]>>
    %i = llcc.argsort %x axis 1 descending : tensor<8x6xf32> -> tensor<8x6xi64>
    %k = llcc.slice %i starts [0, 0] strides [1, 1] : tensor<8x6xi64> -> tensor<8x2xi64>
    // CHECK: llcc.gather {{.*}} {batch = 1 : i64{{.*}} -> tensor<8x2xf32, #llcc.sharding<{{\[\[}}"data"], []], invariant = ["tensor"]>>
    %v = llcc.gather %x, %k axis 1 {batch = 1 : i64} : tensor<8x6xf32>, tensor<8x2xi64> -> tensor<8x2xf32>
    // CHECK: llcc.scatter {{.*}} -> tensor<8x6xf32, #llcc.sharding<{{\[\[}}"data"], []], invariant = ["tensor"]>>
    %s = llcc.scatter %w, %v, %k axis 1 {batch = 1 : i64} : tensor<8x6xf32>, tensor<8x2xf32>, tensor<8x2xi64> -> tensor<8x6xf32>
    // CHECK: llcc.scatter_add {{.*}} -> tensor<8x6xf32, #llcc.sharding<{{\[\[}}"data"], []], invariant = ["tensor"]>>
    %g = llcc.scatter_add %v, %k axis 1 {batch = 1 : i64} : tensor<8x2xf32>, tensor<8x2xi64> -> tensor<8x6xf32>
    // CHECK: llcc.reverse {{.*}} -> tensor<8x6xf32, #llcc.sharding<{{\[\[}}"data"], []], invariant = ["tensor"]>>
    %r = llcc.reverse %s dims [1] : tensor<8x6xf32> -> tensor<8x6xf32>
    %y = arith.addf %r, %g : tensor<8x6xf32>
    return %y : tensor<8x6xf32>
  }
  func.func @update() {
    return
  }
}
