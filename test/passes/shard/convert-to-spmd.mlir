// RUN: llcc-opt --llcc-convert-to-spmd --split-input-file --verify-diagnostics %s | FileCheck %s

#cut = #llcc.sharding<[["t"], []]>
#rows = #llcc.sharding<[["t"]]>
#all0 = #llcc.sharding<[]>
module attributes {llcc.mesh = #llcc.mesh<["t", "u"], [4, 2]>} {

// Ten rows over four devices: blocks of 3. Arguments and results remember their logical shape and where the pieces are.
// CHECK-LABEL: func.func @gradients
// CHECK-SAME: %[[X:.*]]: tensor<3x6xf32> {llcc.input = "x", llcc.placement = #llcc.sharding<{{\[\[}}"t"], []]>, llcc.shape = array<i64: 10, 6>}
// CHECK-SAME: %[[W:.*]]: tensor<6x4xf32> {llcc.param = "w", llcc.placement = #llcc.sharding<{{\[\[}}], []]>, llcc.shape = array<i64: 6, 4>}
// CHECK-SAME: -> (tensor<f32> {llcc.loss, llcc.placement = #llcc.sharding<[], partial = ["t"]>, llcc.shape = array<i64>}
func.func @gradients(%x: tensor<10x6xf32, #cut> {llcc.input = "x", llcc.sharding = #cut}, %w: tensor<6x4xf32, #llcc.sharding<[[], []]>> {llcc.param = "w"})
    -> (tensor<f32, #llcc.sharding<[], partial = ["t"]>> {llcc.loss}, tensor<10xf32, #rows>, tensor<6x4xf32, #llcc.sharding<[[], []], partial = ["t"]>>,
        tensor<f32, #llcc.sharding<[], partial = ["t"], kind = max>>) {
  // Rows stay apart here: nothing to mask, although the last block computes on its padding.
  // CHECK: %[[Y:.*]] = llcc.dot %[[X]], %[[W]] {{.*}} : tensor<3x6xf32>, tensor<6x4xf32> -> tensor<3x4xf32>
  %y = llcc.dot %x, %w batch [] x [] contract [1] x [0] : tensor<10x6xf32, #cut>, tensor<6x4xf32, #llcc.sharding<[[], []]>> -> tensor<10x4xf32, #cut>
  // CHECK-NEXT: %[[E:.*]] = math.exp %[[Y]] : tensor<3x4xf32>
  %e = math.exp %y : tensor<10x4xf32, #cut>
  // CHECK-NEXT: %[[R:.*]] = llcc.reduce <sum> %[[E]] dims [1] : tensor<3x4xf32> -> tensor<3xf32>
  %r = llcc.reduce <sum> %e dims [1] : tensor<10x4xf32, #cut> -> tensor<10xf32, #rows>
  // A sum over rows takes zeros from the padding, a maximum -inf. 
  // CHECK-NEXT: %[[ES:.*]] = llcc.mask %[[E]] dim 0 extent 10 over ["t"] value 0.000000e+00 : tensor<3x4xf32>
  // CHECK-NEXT: %[[S:.*]] = llcc.reduce <sum> %[[ES]] dims [0, 1]
  %s = llcc.reduce <sum> %e dims [0, 1] : tensor<10x4xf32, #cut> -> tensor<f32, #llcc.sharding<[], partial = ["t"]>>
  // CHECK-NEXT: %[[EM:.*]] = llcc.mask %[[E]] dim 0 extent 10 over ["t"] value 0xFFF0000000000000 : tensor<3x4xf32>
  // CHECK-NEXT: %[[M:.*]] = llcc.reduce <max> %[[EM]] dims [0, 1]
  %m = llcc.reduce <max> %e dims [0, 1] : tensor<10x4xf32, #cut> -> tensor<f32, #llcc.sharding<[], partial = ["t"], kind = max>>
  // A contraction over rows: x is an argument, whose padding is zero; the mask of e is there already.
  // CHECK-NEXT: %[[D:.*]] = llcc.dot %[[X]], %[[ES]] batch [] x [] contract [0] x [0]
  %d = llcc.dot %x, %e batch [] x [] contract [0] x [0] : tensor<10x6xf32, #cut>, tensor<10x4xf32, #cut> -> tensor<6x4xf32, #llcc.sharding<[[], []], partial = ["t"]>>
  // CHECK-NEXT: return %[[S]], %[[R]], %[[D]], %[[M]]
  return %s, %r, %d, %m : tensor<f32, #llcc.sharding<[], partial = ["t"]>>, tensor<10xf32, #rows>, tensor<6x4xf32, #llcc.sharding<[[], []], partial = ["t"]>>, tensor<f32, #llcc.sharding<[], partial = ["t"], kind = max>>
}

// Updated parameters are the next step's arguments: zeros in their padding. Gradients come from @gradients, with anything.
// CHECK-LABEL: func.func @update
// CHECK-SAME: %[[W:.*]]: tensor<3x2xf32> {llcc.param = "w", {{.*}}}, %[[G:.*]]: tensor<3x2xf32> {llcc.gradient = "w"
func.func @update(%w: tensor<10x2xf32, #cut> {llcc.param = "w", llcc.trainable}, %g: tensor<10x2xf32, #cut> {llcc.gradient = "w"}) -> (tensor<10x2xf32, #cut> {llcc.param = "w"}) {
  // CHECK-NEXT: %[[N:.*]] = arith.subf %[[W]], %[[G]] : tensor<3x2xf32>
  %n = arith.subf %w, %g : tensor<10x2xf32, #cut>
  // CHECK-NEXT: %[[SAFE:.*]] = llcc.mask %[[N]] dim 0 extent 10 over ["t"] value 0.000000e+00
  // CHECK-NEXT: return %[[SAFE]]
  return %n : tensor<10x2xf32, #cut>
}

// Other functions are not touched.
// CHECK-LABEL: func.func @forward(%{{.*}}: tensor<10x6xf32>)
func.func @forward(%x: tensor<10x6xf32>) {
  return
}
}

// -----

#cut = #llcc.sharding<[["t"], []]>
#both = #llcc.sharding<[["t", "u"], []]>
module attributes {llcc.mesh = #llcc.mesh<["t", "u", "one"], [4, 2, 1]>} {
// CHECK-LABEL: func.func @gradients
func.func @gradients(%x: tensor<8x6xf32, #cut>, %ids: tensor<10xi64, #llcc.sharding<[["t"]]>>, %up: tensor<10x6xf32, #cut>, %one: tensor<5xf32, #llcc.sharding<[["one"]]>>)
    -> (tensor<10x6xi64, #cut>, tensor<10x6xi32, #both>, tensor<8x6xf32, #cut>, tensor<7xi64, #llcc.sharding<[["t"]]>>, tensor<f32, #llcc.sharding<[], partial = ["t"]>>, tensor<9x6xf32, #llcc.sharding<[[], []], partial = ["t"]>>, tensor<f32, #llcc.sharding<[]>>) {
  // Counting along a cut dimension begins at the member's first element; along others nothing changes.
  // CHECK: %[[START:.*]] = llcc.axis_offset extent 10 over ["t"] : tensor<i64>
  // CHECK-NEXT: %[[STARTS:.*]] = llcc.broadcast %[[START]] dims [] : tensor<i64> -> tensor<3x6xi64>
  // CHECK-NEXT: %[[COUNT:.*]] = llcc.iota dim 0 : tensor<3x6xi64>
  // CHECK-NEXT: %[[IOTA:.*]] = arith.addi %[[COUNT]], %[[STARTS]] : tensor<3x6xi64>
  %i = llcc.iota dim 0 : tensor<10x6xi64, #cut>
  // CHECK-NEXT: %[[COLUMNS:.*]] = llcc.iota dim 1 : tensor<2x6xi32>
  %j = llcc.iota dim 1 : tensor<10x6xi32, #both>
  // CHECK-NEXT: %[[SPLAT:.*]] = arith.constant dense<2.000000e+00> : tensor<2x6xf32>
  %c = arith.constant dense<2.0> : tensor<8x6xf32, #cut>
  // CHECK-NEXT: %[[WHOLE:.*]] = arith.constant dense<[1, 2, 3, 4, 5, 6, 7]> : tensor<7xi64>
  // CHECK-NEXT: %[[PIECE:.*]] = llcc.axis_slice %[[WHOLE]] dim 0 over ["t"] : tensor<7xi64> -> tensor<2xi64>
  %k = arith.constant dense<[1, 2, 3, 4, 5, 6, 7]> : tensor<7xi64, #llcc.sharding<[["t"]]>>
  // Eight rows over four: even, no mask.
  // CHECK-NEXT: math.exp
  // CHECK-NEXT: llcc.reduce
  %e = math.exp %x : tensor<8x6xf32, #cut>
  %s = llcc.reduce <sum> %e dims [0, 1] : tensor<8x6xf32, #cut> -> tensor<f32, #llcc.sharding<[], partial = ["t"]>>
  // A scatter-add sums over the indices' dimensions.
  // CHECK-NEXT: %[[U:.*]] = math.exp
  // CHECK-NEXT: %[[UM:.*]] = llcc.mask %[[U]] dim 0 extent 10 over ["t"] value 0.000000e+00 : tensor<3x6xf32>
  // CHECK-NEXT: llcc.scatter_add %[[UM]]
  %u = math.exp %up : tensor<10x6xf32, #cut>
  %t = llcc.scatter_add %u, %ids axis 0 : tensor<10x6xf32, #cut>, tensor<10xi64, #llcc.sharding<[["t"]]>> -> tensor<9x6xf32, #llcc.sharding<[[], []], partial = ["t"]>>
  // An axis of one device cuts nothing, and a reshard that moves nothing goes away.
  // CHECK-NEXT: %[[O:.*]] = math.exp %{{.*}} : tensor<5xf32>
  // CHECK-NEXT: llcc.reduce <sum> %[[O]]
  %o1 = math.exp %one : tensor<5xf32, #llcc.sharding<[["one"]]>>
  %o2 = llcc.reshard %o1 : tensor<5xf32, #llcc.sharding<[["one"]]>> -> tensor<5xf32, #llcc.sharding<[[]]>>
  %o3 = llcc.reduce <sum> %o2 dims [0] : tensor<5xf32, #llcc.sharding<[[]]>> -> tensor<f32, #llcc.sharding<[]>>
  // CHECK: return %[[IOTA]], %[[COLUMNS]], %[[SPLAT]], %[[PIECE]]
  return %i, %j, %c, %k, %s, %t, %o3 : tensor<10x6xi64, #cut>, tensor<10x6xi32, #both>, tensor<8x6xf32, #cut>, tensor<7xi64, #llcc.sharding<[["t"]]>>, tensor<f32, #llcc.sharding<[], partial = ["t"]>>, tensor<9x6xf32, #llcc.sharding<[[], []], partial = ["t"]>>, tensor<f32, #llcc.sharding<[]>>
}
}

// -----

#n = #llcc.sharding<[["t"], [], [], []]>
#c = #llcc.sharding<[[], ["t"], [], []]>
#w = #llcc.sharding<[[], [], [], []]>
#p = #llcc.sharding<[[], [], [], []], partial = ["t"]>
module attributes {llcc.mesh = #llcc.mesh<["t"], [2]>} {
// What a convolution sums over: its input channels, for its input's gradient the output channels, for its weight's gradient the samples.
// CHECK-LABEL: func.func @gradients
func.func @gradients(%x: tensor<1x3x4x4xf32, #c>, %k: tensor<5x3x1x1xf32, #c>, %dy: tensor<1x5x4x4xf32, #c>, %ko: tensor<5x3x1x1xf32, #n>, %xn: tensor<3x2x4x4xf32, #n>, %dn: tensor<3x2x4x4xf32, #n>)
    -> (tensor<1x5x4x4xf32, #p>, tensor<1x3x4x4xf32, #p>, tensor<2x2x1x1xf32, #p>) {
  %x1 = math.exp %x : tensor<1x3x4x4xf32, #c>
  %k1 = math.exp %k : tensor<5x3x1x1xf32, #c>
  // CHECK: %[[X:.*]] = llcc.mask %{{.*}} dim 1 extent 3 over ["t"] value 0.000000e+00 : tensor<1x2x4x4xf32>
  // CHECK-NEXT: %[[K:.*]] = llcc.mask %{{.*}} dim 1 extent 3 over ["t"] value 0.000000e+00 : tensor<5x2x1x1xf32>
  // CHECK-NEXT: llcc.conv %[[X]], %[[K]]
  %y = llcc.conv %x1, %k1 {strides = array<i64: 1, 1>, pads_lo = array<i64: 0, 0>, pads_hi = array<i64: 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<1x3x4x4xf32, #c>, tensor<5x3x1x1xf32, #c> -> tensor<1x5x4x4xf32, #p>
  %d1 = math.exp %dy : tensor<1x5x4x4xf32, #c>
  // CHECK: %[[D:.*]] = llcc.mask %{{.*}} dim 1 extent 5 over ["t"]
  // CHECK-NEXT: llcc.conv_input_grad %[[D]], %{{.*}}
  %dx = llcc.conv_input_grad %d1, %ko {strides = array<i64: 1, 1>, pads_lo = array<i64: 0, 0>, pads_hi = array<i64: 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<1x5x4x4xf32, #c>, tensor<5x3x1x1xf32, #n> -> tensor<1x3x4x4xf32, #p>
  %e1 = math.exp %dn : tensor<3x2x4x4xf32, #n>
  // CHECK: %[[E:.*]] = llcc.mask %{{.*}} dim 0 extent 3 over ["t"]
  // CHECK-NEXT: llcc.conv_weight_grad %{{.*}}, %[[E]]
  %dw = llcc.conv_weight_grad %xn, %e1 {strides = array<i64: 1, 1>, pads_lo = array<i64: 0, 0>, pads_hi = array<i64: 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64} : tensor<3x2x4x4xf32, #n>, tensor<3x2x4x4xf32, #n> -> tensor<2x2x1x1xf32, #p>
  return %y, %dx, %dw : tensor<1x5x4x4xf32, #p>, tensor<1x3x4x4xf32, #p>, tensor<2x2x1x1xf32, #p>
}
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["t"], [4]>} {
func.func @gradients(%x: tensor<3x4xf32, #llcc.sharding<[["t"], []]>>) -> tensor<12xf32, #llcc.sharding<[["t"]]>> {
  // expected-error@unknown {{node "flatten": llcc.reshape would turn the local tensor<1x4xf32> into tensor<3xf32>; cut dimensions must be split evenly}}
  %y = llcc.reshape %x : tensor<3x4xf32, #llcc.sharding<[["t"], []]>> -> tensor<12xf32, #llcc.sharding<[["t"]]>> loc("flatten")
  return %y : tensor<12xf32, #llcc.sharding<[["t"]]>>
}
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["t"], [2]>} {
func.func @gradients(%x: tensor<8xf32, #llcc.sharding<[["t"]]>>) -> tensor<8x8xf32, #llcc.sharding<[[], []]>> {
  // expected-error@unknown {{node "bias": llcc.broadcast repeats dimension 0 of local size 4 to 8}}
  %y = llcc.broadcast %x dims [1] : tensor<8xf32, #llcc.sharding<[["t"]]>> -> tensor<8x8xf32, #llcc.sharding<[[], []]>> loc("bias")
  return %y : tensor<8x8xf32, #llcc.sharding<[[], []]>>
}
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["t"], [2]>} {
func.func @gradients(%x: tensor<8xf32, #llcc.sharding<[["t"]]>>) -> tensor<4xf32, #llcc.sharding<[["t"]]>> {
  // expected-error@unknown {{node "crop": llcc.slice works along dimension 0, which is cut; it must be whole}}
  %y = llcc.slice %x starts [0] strides [1] : tensor<8xf32, #llcc.sharding<[["t"]]>> -> tensor<4xf32, #llcc.sharding<[["t"]]>> loc("crop")
  return %y : tensor<4xf32, #llcc.sharding<[["t"]]>>
}
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["t"], [2]>} {
func.func @gradients(%x: tensor<8xf32, #llcc.sharding<[["t"]]>>) -> tensor<10xf32, #llcc.sharding<[["t"]]>> {
  // expected-error@+1 {{llcc.pad works along dimension 0, which is cut; it must be whole}}
  %y = llcc.pad %x lo [1] hi [1] interior [0] : tensor<8xf32, #llcc.sharding<[["t"]]>> -> tensor<10xf32, #llcc.sharding<[["t"]]>>
  return %y : tensor<10xf32, #llcc.sharding<[["t"]]>>
}
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["t"], [2]>} {
func.func @gradients(%x: tensor<8xf32, #llcc.sharding<[["t"]]>>) -> tensor<16xf32, #llcc.sharding<[["t"]]>> {
  // expected-error@+1 {{llcc.concat works along dimension 0, which is cut; it must be whole}}
  %y = llcc.concat %x, %x dim 0 : tensor<8xf32, #llcc.sharding<[["t"]]>>, tensor<8xf32, #llcc.sharding<[["t"]]>> -> tensor<16xf32, #llcc.sharding<[["t"]]>>
  return %y : tensor<16xf32, #llcc.sharding<[["t"]]>>
}
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["t"], [2]>} {
func.func @gradients(%x: tensor<8xf32, #llcc.sharding<[["t"]]>>) -> tensor<8xf32, #llcc.sharding<[[]]>> {
  // expected-error@+1 {{llcc.reshard is still there; llcc-plan-reshards must run before}}
  %y = llcc.reshard %x : tensor<8xf32, #llcc.sharding<[["t"]]>> -> tensor<8xf32, #llcc.sharding<[[]]>>
  return %y : tensor<8xf32, #llcc.sharding<[[]]>>
}
}

// -----

// expected-error@+1 {{module has @gradients but no mesh, needs the attribute llcc.mesh}}
module {
func.func @gradients(%x: tensor<8xf32, #llcc.sharding<[["t"]]>>) {
  return
}
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["t"], [2]>} {
func.func @gradients(%x: tensor<8x3xf32, #llcc.sharding<[[], []]>>, %u: tensor<5x3xf32, #llcc.sharding<[["t"], []]>>, %i: tensor<5xi64, #llcc.sharding<[["t"]]>>) -> tensor<8x3xf32, #llcc.sharding<[[], []]>> {
  // expected-error@+1 {{llcc.scatter works along dimension 0, which is cut; it must be whole}}
  %y = llcc.scatter %x, %u, %i axis 0 : tensor<8x3xf32, #llcc.sharding<[[], []]>>, tensor<5x3xf32, #llcc.sharding<[["t"], []]>>, tensor<5xi64, #llcc.sharding<[["t"]]>> -> tensor<8x3xf32, #llcc.sharding<[[], []]>>
  return %y : tensor<8x3xf32, #llcc.sharding<[[], []]>>
}
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["t"], [2]>} {
func.func @gradients(%x: tensor<8xf32, #llcc.sharding<[["t"]]>>) -> tensor<8xi64, #llcc.sharding<[["t"]]>> {
  // expected-error@+1 {{llcc.argsort works along dimension 0, which is cut; it must be whole}}
  %y = llcc.argsort %x axis 0 : tensor<8xf32, #llcc.sharding<[["t"]]>> -> tensor<8xi64, #llcc.sharding<[["t"]]>>
  return %y : tensor<8xi64, #llcc.sharding<[["t"]]>>
}
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["t"], [2]>} {
func.func @gradients(%x: tensor<8xf32, #llcc.sharding<[["t"]]>>) -> tensor<8xf32, #llcc.sharding<[["t"]]>> {
  // expected-error@+1 {{llcc.reverse works along dimension 0, which is cut; it must be whole}}
  %z = llcc.reverse %x dims [0] : tensor<8xf32, #llcc.sharding<[["t"]]>> -> tensor<8xf32, #llcc.sharding<[["t"]]>>
  return %z : tensor<8xf32, #llcc.sharding<[["t"]]>>
}
}
