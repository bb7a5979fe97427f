// RUN: llcc-opt --llcc-fuse-kernels --split-input-file %s | FileCheck %s
// Forms of kernels, what joins and what must not, operands of library calls.

// A transpose of an operand or of the result goes into the call.
// CHECK-LABEL: @dots_take_transposes
// CHECK-SAME: (%[[X:[^:]*]]: {{[^,]*}}, %[[W:[^:]*]]: {{.*}})
func.func @dots_take_transposes(%x: tensor<4x8xf32>, %w: tensor<16x8xf32>) -> (tensor<4x16xf32>, tensor<16x4xf32>) {
  %t = llcc.transpose %w perm [1, 0] : tensor<16x8xf32> -> tensor<8x16xf32>
  // CHECK: llcc.dot %[[X]], %[[W]] batch [] x [] contract [1] x [1] : tensor<4x8xf32>, tensor<16x8xf32> -> tensor<4x16xf32>
  %a = llcc.dot %x, %t batch [] x [] contract [1] x [0] : tensor<4x8xf32>, tensor<8x16xf32> -> tensor<4x16xf32>
  // CHECK: llcc.dot %[[W]], %[[X]] batch [] x [] contract [1] x [1] : tensor<16x8xf32>, tensor<4x8xf32> -> tensor<16x4xf32>
  %b = llcc.dot %x, %w batch [] x [] contract [1] x [1] : tensor<4x8xf32>, tensor<16x8xf32> -> tensor<4x16xf32>
  %c = llcc.transpose %b perm [1, 0] : tensor<4x16xf32> -> tensor<16x4xf32>
  // CHECK-NOT: call
  // CHECK: return
  return %a, %c : tensor<4x16xf32>, tensor<16x4xf32>
}

// -----

// Contracted dimensions are paired in memory order; only what can't collapse is copied.
// CHECK-LABEL: @heads_are_moved_before_the_call
// CHECK-SAME: (%[[Q:[^:]*]]: {{[^,]*}}, %[[K:[^:]*]]: {{.*}})
func.func @heads_are_moved_before_the_call(%q: tensor<2x5x3x4xf32>, %k: tensor<2x3x5x4xf32>) -> (tensor<2x3x5x5xf32>, tensor<2x2xf32>) {
  // CHECK: %[[T:.*]] = call @[[MOVE:k[0-9]+]](%[[Q]]) : (tensor<2x5x3x4xf32>) -> tensor<2x3x5x4xf32>
  // CHECK: llcc.dot %[[T]], %[[K]] batch [0, 1] x [0, 1] contract [3] x [3]
  %s = llcc.dot %q, %k batch [0, 2] x [0, 1] contract [3] x [3] : tensor<2x5x3x4xf32>, tensor<2x3x5x4xf32> -> tensor<2x3x5x5xf32>
  // CHECK: llcc.dot %[[K]], %[[K]] batch [] x [] contract [1, 2, 3] x [1, 2, 3]
  %d = llcc.dot %k, %k batch [] x [] contract [3, 1, 2] x [3, 1, 2] : tensor<2x3x5x4xf32>, tensor<2x3x5x4xf32> -> tensor<2x2xf32>
  return %s, %d : tensor<2x3x5x5xf32>, tensor<2x2xf32>
}
// CHECK: func.func private @[[MOVE]]({{.*}} llcc.kernel = "map"
// CHECK-NEXT: llcc.transpose %{{.*}} perm [0, 2, 1, 3]

// -----

// A whole softmax is one row kernel; a value of which every reduction's row is read at another row is not.
// CHECK-LABEL: @rows_stay_rows
// CHECK-SAME: (%[[X:[^:]*]]: {{.*}})
func.func @rows_stay_rows(%x: tensor<6x5xf32>) -> (tensor<6x5xf32>, tensor<6x6xf32>) {
  // CHECK: %[[P:.*]]:2 = call @[[SOFTMAX:k[0-9]+]](%[[X]]) : (tensor<6x5xf32>) -> (tensor<6xf32>, tensor<6x5xf32>)
  %m = llcc.reduce <max> %x dims [1] : tensor<6x5xf32> -> tensor<6xf32>
  %mb = llcc.broadcast %m dims [0] : tensor<6xf32> -> tensor<6x5xf32>
  %c = arith.subf %x, %mb : tensor<6x5xf32>
  %e = math.exp %c : tensor<6x5xf32>
  %s = llcc.reduce <sum> %e dims [1] : tensor<6x5xf32> -> tensor<6xf32>
  %sb = llcc.broadcast %s dims [0] : tensor<6xf32> -> tensor<6x5xf32>
  %p = arith.divf %e, %sb : tensor<6x5xf32>
  // CHECK: %[[Q:.*]] = call @[[OUTER:k[0-9]+]](%[[P]]#0) : (tensor<6xf32>) -> tensor<6x6xf32>
  %row = llcc.broadcast %s dims [1] : tensor<6xf32> -> tensor<6x6xf32>
  %col = llcc.broadcast %s dims [0] : tensor<6xf32> -> tensor<6x6xf32>
  %outer = arith.mulf %row, %col : tensor<6x6xf32>
  // CHECK: return %[[P]]#1, %[[Q]]
  return %p, %outer : tensor<6x5xf32>, tensor<6x6xf32>
}
// CHECK: func.func private @[[SOFTMAX]]({{.*}} llcc.kernel = "row", llcc.rows = 1 : i64
// CHECK: func.func private @[[OUTER]]({{.*}} llcc.kernel = "map"

// -----

// Sums over leading dimensions of one shape are one fold, with what is elementwise after them; updates are in place.
// CHECK-LABEL: @sums_over_the_batch_fold
// CHECK-SAME: (%[[DY:[^:]*]]: {{[^,]*}}, %[[X:[^:]*]]: {{[^,]*}}, %[[B:[^:]*]]: {{[^,]*}} {llcc.param = "b"}, %[[S:[^:]*]]: {{.*}})
func.func @sums_over_the_batch_fold(%dy: tensor<8x5xf32>, %x: tensor<8x5xf32>, %b: tensor<5xf32> {llcc.param = "b"}, %s: tensor<5xf32> {llcc.param = "s"})
    -> (tensor<5xf32> {llcc.param = "b"}, tensor<5xf32> {llcc.param = "s"}) {
  // CHECK: call @[[FOLD:k[0-9]+]](%[[B]], %[[DY]], %[[S]], %[[X]])
  // CHECK-NOT: call
  // CHECK: return
  %gb = llcc.reduce <sum> %dy dims [0] : tensor<8x5xf32> -> tensor<5xf32>
  %nb = arith.subf %b, %gb : tensor<5xf32>
  %dyx = arith.mulf %dy, %x : tensor<8x5xf32>
  %gs = llcc.reduce <sum> %dyx dims [0] : tensor<8x5xf32> -> tensor<5xf32>
  %ns = arith.subf %s, %gs : tensor<5xf32>
  return %nb, %ns : tensor<5xf32>, tensor<5xf32>
}
// CHECK: func.func private @[[FOLD]]({{.*}}llcc.cost = 8 : i64, llcc.extent = 5 : i64, llcc.inplace = array<i64: 0, 2>, llcc.kernel = "fold"

// -----

// CHECK-LABEL: @updates_are_scattered_as_they_are_computed
func.func @updates_are_scattered_as_they_are_computed(%dy: tensor<4x3xf32>, %x: tensor<4x3xf32>, %i: tensor<4xi64>) -> tensor<9x3xf32> {
  // CHECK: call @[[SCATTER:k[0-9]+]]
  // CHECK-NOT: call
  // CHECK: return
  %u = arith.mulf %dy, %x : tensor<4x3xf32>
  %g = llcc.scatter_add %u, %i axis 0 : tensor<4x3xf32>, tensor<4xi64> -> tensor<9x3xf32>
  return %g : tensor<9x3xf32>
}
// CHECK: func.func private @[[SCATTER]]({{.*}} llcc.extent = 3 : i64, llcc.inplace = array<i64: -1>, llcc.kernel = "scatter"

// -----

// Three states of one optimizer step: one kernel, everything in place, scalars as operands.
// CHECK-LABEL: @an_update_is_one_kernel_in_place
func.func @an_update_is_one_kernel_in_place(%w: tensor<4x4xf32> {llcc.param = "w"}, %m: tensor<4x4xf32> {llcc.state = "m:w"},
    %g: tensor<4x4xf32>, %lr: tensor<f32>) -> (tensor<4x4xf32> {llcc.param = "w"}, tensor<4x4xf32> {llcc.state = "m:w"}) {
  // CHECK: call @[[UPDATE:k[0-9]+]]
  // CHECK-NOT: call
  // CHECK: return
  %beta = arith.constant dense<0.9> : tensor<4x4xf32>
  %bm = arith.mulf %beta, %m : tensor<4x4xf32>
  %m1 = arith.addf %bm, %g : tensor<4x4xf32>
  %lrb = llcc.broadcast %lr dims [] : tensor<f32> -> tensor<4x4xf32>
  %d = arith.mulf %lrb, %m1 : tensor<4x4xf32>
  %w1 = arith.subf %w, %d : tensor<4x4xf32>
  return %w1, %m1 : tensor<4x4xf32>, tensor<4x4xf32>
}
// CHECK: func.func private @[[UPDATE]](%[[M:.*]]: tensor<4x4xf32>, %[[G:.*]]: tensor<4x4xf32>, %[[W:.*]]: tensor<4x4xf32>, %[[LR:.*]]: tensor<f32>)
// CHECK-SAME: llcc.inplace = array<i64: 0, 2>

// -----

// A parameter that the kernel reads at other indices than the result's is not overwritten.
// CHECK-LABEL: @moved_reads_are_not_in_place
func.func @moved_reads_are_not_in_place(%w: tensor<4x4xf32> {llcc.param = "w"}) -> (tensor<4x4xf32> {llcc.param = "w"}) {
  %t = llcc.transpose %w perm [1, 0] : tensor<4x4xf32> -> tensor<4x4xf32>
  %w1 = arith.addf %w, %t : tensor<4x4xf32>
  return %w1 : tensor<4x4xf32>
}
// CHECK: func.func private @k0({{.*}} llcc.inplace = array<i64: -1>

// -----

// Rows: what a reduction or another result reads must stay; a residual that only one result reads may go.
// CHECK-LABEL: @rows_in_place
func.func @rows_in_place(%x: tensor<4x4xf32>, %y: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %a = llcc.dot %x, %y batch [] x [] contract [1] x [0] : tensor<4x4xf32>, tensor<4x4xf32> -> tensor<4x4xf32>
  %b = llcc.dot %y, %x batch [] x [] contract [1] x [0] : tensor<4x4xf32>, tensor<4x4xf32> -> tensor<4x4xf32>
  // CHECK: call @k0(%[[B:.*]], %[[A:.*]])
  %s = llcc.reduce <sum> %a dims [1] : tensor<4x4xf32> -> tensor<4xf32>
  %sb = llcc.broadcast %s dims [0] : tensor<4xf32> -> tensor<4x4xf32>
  %c = arith.subf %a, %sb : tensor<4x4xf32>
  %r = arith.addf %b, %c : tensor<4x4xf32>
  return %r : tensor<4x4xf32>
}
// CHECK: func.func private @k0({{.*}} llcc.inplace = array<i64: 0>, llcc.kernel = "row"

// -----

// What a pool or a broadcast would compute many times over is stored first.
// CHECK-LABEL: @dear_values_are_computed_once
func.func @dear_values_are_computed_once(%x: tensor<1x2x4x4xf32>, %v: tensor<16xf32>) -> (tensor<1x2x3x3xf32>, tensor<64x16xf32>) {
  // CHECK-COUNT-4: call @k
  // CHECK-NOT: call
  // CHECK: return
  %e = math.exp %x : tensor<1x2x4x4xf32>
  %p = llcc.max_pool %e {window = array<i64: 2, 2>, strides = array<i64: 1, 1>, pads_lo = array<i64: 0, 0>, pads_hi = array<i64: 0, 0>, dilations = array<i64: 1, 1>} : tensor<1x2x4x4xf32> -> tensor<1x2x3x3xf32>
  %t = math.tanh %v : tensor<16xf32>
  %b = llcc.broadcast %t dims [1] : tensor<16xf32> -> tensor<64x16xf32>
  %n = arith.negf %b : tensor<64x16xf32>
  return %p, %n : tensor<1x2x3x3xf32>, tensor<64x16xf32>
}

// -----

// x and its producer cannot join, as the dot lies between: the kernel would come before and after it.
// CHECK-LABEL: @no_cycle_through_a_call
func.func @no_cycle_through_a_call(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  // CHECK: %[[A:.*]] = call @[[FIRST:k[0-9]+]]
  // CHECK: %[[D:.*]] = llcc.dot %[[A]], %[[A]]
  // CHECK: call @[[SECOND:k[0-9]+]](%[[A]], %[[D]])
  %a = math.tanh %x : tensor<4x4xf32>
  %d = llcc.dot %a, %a batch [] x [] contract [1] x [0] : tensor<4x4xf32>, tensor<4x4xf32> -> tensor<4x4xf32>
  %b = arith.addf %a, %d : tensor<4x4xf32>
  return %b : tensor<4x4xf32>
}

// -----

// The sum of a bias's gradient over microbatches does not wait for the last one: each is folded when it is there.
// CHECK-LABEL: @no_kernel_holds_all_microbatches
func.func @no_kernel_holds_all_microbatches(%x: tensor<64x64xf32>) -> tensor<64xf32> {
  // CHECK: %[[D0:.*]] = llcc.dot
  // CHECK: %[[G0:.*]] = call @[[SUM:k[0-9]+]](%[[D0]])
  %d0 = llcc.dot %x, %x batch [] x [] contract [1] x [0] : tensor<64x64xf32>, tensor<64x64xf32> -> tensor<64x64xf32>
  %g0 = llcc.reduce <sum> %d0 dims [0] : tensor<64x64xf32> -> tensor<64xf32>
  // CHECK: %[[D1:.*]] = llcc.dot
  // CHECK: call @[[ADD:k[0-9]+]](%[[G0]], %[[D1]])
  %d1 = llcc.dot %x, %x batch [] x [] contract [1] x [1] : tensor<64x64xf32>, tensor<64x64xf32> -> tensor<64x64xf32>
  %g1 = llcc.reduce <sum> %d1 dims [0] : tensor<64x64xf32> -> tensor<64xf32>
  %sum = arith.addf %g0, %g1 : tensor<64xf32>
  return %sum : tensor<64xf32>
}
// CHECK: func.func private @[[ADD]]({{.*}} llcc.inplace = array<i64: 0>, llcc.kernel = "fold"

// -----

// Equal work shares one kernel, wherever its constants stand and whatever nodes it comes from; reshapes stay outside as views.
// CHECK-LABEL: @equal_kernels_are_shared
func.func @equal_kernels_are_shared(%x: tensor<4x6xf32>, %y: tensor<24xf32>) -> (tensor<2x12xf32>, tensor<4x6xf32>) {
  // CHECK: call @[[K:k[0-9]+]](%{{.*}}) : (tensor<4x6xf32>)
  // CHECK: %[[V:.*]] = llcc.reshape %{{.*}} : tensor<24xf32> -> tensor<4x6xf32>
  // CHECK: call @[[K]](%[[V]])
  %two = arith.constant dense<2.0> : tensor<4x6xf32>
  %a = math.tanh %x : tensor<4x6xf32> loc("first")
  %b = arith.mulf %a, %two : tensor<4x6xf32> loc("first")
  %c = llcc.reshape %b : tensor<4x6xf32> -> tensor<2x12xf32>
  %v = llcc.reshape %y : tensor<24xf32> -> tensor<4x6xf32>
  %d = math.tanh %v : tensor<4x6xf32> loc("second")
  %also = arith.constant dense<2.0> : tensor<4x6xf32>
  %e = arith.mulf %d, %also : tensor<4x6xf32> loc("second")
  return %c, %e : tensor<2x12xf32>, tensor<4x6xf32>
}
// CHECK: func.func private @k0
// CHECK-NOT: func.func private

// -----

// A sum over everything starts with its rows, in parallel.
// CHECK-LABEL: @long_sums_have_a_parallel_half
func.func @long_sums_have_a_parallel_half(%x: tensor<512x256xf32>) -> tensor<f32> {
  // CHECK: %[[R:.*]] = call @[[ROWS:k[0-9]+]](%{{.*}}) : (tensor<512x256xf32>) -> tensor<512xf32>
  // CHECK: call @[[REST:k[0-9]+]](%[[R]]) : (tensor<512xf32>) -> tensor<f32>
  %q = arith.mulf %x, %x : tensor<512x256xf32>
  %s = llcc.reduce <sum> %q dims [0, 1] : tensor<512x256xf32> -> tensor<f32>
  return %s : tensor<f32>
}

// -----

// Communication keeps its order, also where the values would allow another.
// CHECK-LABEL: @communication_keeps_its_order
module attributes {llcc.mesh = #llcc.mesh<["data"], [2]>} {
  func.func @communication_keeps_its_order(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
    // CHECK: llcc.all_reduce <sum>
    // CHECK: llcc.send {{.*}} to 1 tag 3
    // CHECK: llcc.all_reduce <max>
    %t = math.tanh %x : tensor<4xf32>
    %a = llcc.all_reduce <sum> %t over ["data"] : tensor<4xf32> -> tensor<4xf32>
    llcc.send %x to 1 tag 3 : tensor<4xf32>
    %b = llcc.all_reduce <max> %x over ["data"] : tensor<4xf32> -> tensor<4xf32>
    return %a, %b : tensor<4xf32>, tensor<4xf32>
  }
}

// -----

// An update runs before the next gradient is made, also where the new weight is computed from new moments: gradients do not pile up.
// CHECK-LABEL: @an_update_with_moments_frees_its_gradient
func.func @an_update_with_moments_frees_its_gradient(
    %w: tensor<256x256xf32> {llcc.param = "w"}, %wm: tensor<256x256xf32> {llcc.state = "m:w"}, %wv: tensor<256x256xf32> {llcc.state = "v:w"},
    %u: tensor<256x256xf32> {llcc.param = "u"}, %um: tensor<256x256xf32> {llcc.state = "m:u"}, %uv: tensor<256x256xf32> {llcc.state = "v:u"},
    %a: tensor<8x256xf32>, %b: tensor<8x256xf32>)
    -> (tensor<256x256xf32> {llcc.param = "w"}, tensor<256x256xf32> {llcc.state = "m:w"}, tensor<256x256xf32> {llcc.state = "v:w"},
        tensor<256x256xf32> {llcc.param = "u"}, tensor<256x256xf32> {llcc.state = "m:u"}, tensor<256x256xf32> {llcc.state = "v:u"}) {
  // CHECK:      llcc.dot
  // CHECK-NEXT: call @
  // CHECK-NEXT: llcc.dot
  // CHECK-NEXT: call @
  %g = llcc.dot %a, %b batch [] x [] contract [0] x [0] : tensor<8x256xf32>, tensor<8x256xf32> -> tensor<256x256xf32>
  %h = llcc.dot %b, %a batch [] x [] contract [0] x [0] : tensor<8x256xf32>, tensor<8x256xf32> -> tensor<256x256xf32>
  %wm1 = arith.addf %wm, %g : tensor<256x256xf32>
  %wv1 = arith.maximumf %wv, %g : tensor<256x256xf32>
  %wd = arith.divf %wm1, %wv1 : tensor<256x256xf32>
  %w1 = arith.subf %w, %wd : tensor<256x256xf32>
  %um1 = arith.addf %um, %h : tensor<256x256xf32>
  %uv1 = arith.maximumf %uv, %h : tensor<256x256xf32>
  %ud = arith.divf %um1, %uv1 : tensor<256x256xf32>
  %u1 = arith.subf %u, %ud : tensor<256x256xf32>
  return %w1, %wm1, %wv1, %u1, %um1, %uv1 : tensor<256x256xf32>, tensor<256x256xf32>, tensor<256x256xf32>, tensor<256x256xf32>, tensor<256x256xf32>, tensor<256x256xf32>
}
