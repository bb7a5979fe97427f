// RUN: llcc-opt --llcc-convert-kernels-to-loops --cse --split-input-file %s | FileCheck %s

// Accesses that cover whole tensors are one linear loop, whatever the rank.
// CHECK-LABEL: func.func private @elementwise_work_is_one_flat_loop
// CHECK-SAME: (%[[X:.+]]: memref<24xf32>, %[[Y:.+]]: memref<24xf32>, %{{.+}}: memref<1xi64>, %[[BEGIN:.+]]: index, %[[END:.+]]: index)
// CHECK-SAME: llcc.text = "map: reshape, addf"
// CHECK: scf.for %[[I:.+]] = %[[BEGIN]] to %[[END]]
// CHECK-NEXT: %[[V:.+]] = memref.load %[[X]][%[[I]]]
// CHECK-NEXT: %[[S:.+]] = arith.addf %[[V]], %[[V]]
// CHECK-NEXT: memref.store %[[S]], %[[Y]][%[[I]]]
// CHECK-NOT: scf.for
func.func private @elementwise_work_is_one_flat_loop(%x: tensor<2x3x4xf32>) -> tensor<6x4xf32> attributes {llcc.kernel = "map"} {
  %0 = llcc.reshape %x : tensor<2x3x4xf32> -> tensor<6x4xf32>
  %1 = arith.addf %0, %0 : tensor<6x4xf32>
  return %1 : tensor<6x4xf32>
}

// -----

// A broadcast splits the loop where it drops dimensions: the bias is read along the inner loop without division.
// CHECK-LABEL: func.func private @broadcast_splits_the_loop
// CHECK-SAME: (%[[B:.+]]: memref<4xf32>, %[[Y:.+]]: memref<24xf32>,
// CHECK: scf.for
// CHECK: scf.for %[[J:.+]] =
// CHECK-NOT: arith.divui
// CHECK: memref.load %[[B]][%[[J]]]
// CHECK: memref.store
func.func private @broadcast_splits_the_loop(%b: tensor<4xf32>) -> tensor<2x3x4xf32> attributes {llcc.kernel = "map"} {
  %0 = llcc.broadcast %b dims [2] : tensor<4xf32> -> tensor<2x3x4xf32>
  return %0 : tensor<2x3x4xf32>
}

// -----

// A result that overwrites an argument is no argument of its own.
// CHECK-LABEL: func.func private @in_place
// CHECK-SAME: (%[[P:.+]]: memref<5xf32>, %[[G:.+]]: memref<5xf32>, %{{.+}}: memref<2xi64>, %{{.+}}: index, %{{.+}}: index)
// CHECK: memref.store %{{.+}}, %[[P]]
module attributes {llcc.mesh = #llcc.mesh<["data", "tensor"], [2, 2]>} {
  func.func private @in_place(%p: tensor<5xf32>, %g: tensor<5xf32>) -> tensor<5xf32>
      attributes {llcc.kernel = "map", llcc.inplace = array<i64: 0>} {
    %0 = arith.subf %p, %g : tensor<5xf32>
    return %0 : tensor<5xf32>
  }
}

// -----

// Reductions that do not depend on each other share a loop.
// CHECK-LABEL: func.func private @independent_reductions_share_a_loop
// CHECK: scf.for
// CHECK: scf.for {{.*}} -> (f32, f32)
// CHECK-NOT: scf.for
// CHECK: return
func.func private @independent_reductions_share_a_loop(%x: tensor<3x7xf32>) -> (tensor<3xf32>, tensor<3xf32>)
    attributes {llcc.kernel = "row", llcc.rows = 1 : i64} {
  %0 = llcc.reduce <sum> %x dims [1] : tensor<3x7xf32> -> tensor<3xf32>
  %1 = llcc.reduce <max> %x dims [1] : tensor<3x7xf32> -> tensor<3xf32>
  return %0, %1 : tensor<3xf32>, tensor<3xf32>
}

// -----

// The exponentials of a softmax are computed once: they wait in the result's buffer for their sum.
// CHECK-LABEL: func.func private @softmax
// CHECK-SAME: (%[[X:.+]]: memref<12xf32>, %[[Y:.+]]: memref<12xf32>,
// CHECK: %[[SUM:.+]] = scf.for
// CHECK: %[[E:.+]] = math.exp
// CHECK: memref.store %[[E]], %[[Y]]
// CHECK: scf.for
// CHECK-NOT: math.exp
// CHECK: %[[AGAIN:.+]] = memref.load %[[Y]]
// CHECK: arith.divf %[[AGAIN]], %[[SUM]]
// CHECK: return
func.func private @softmax(%x: tensor<3x4xf32>) -> tensor<3x4xf32> attributes {llcc.kernel = "row", llcc.rows = 1 : i64} {
  %e = math.exp %x : tensor<3x4xf32>
  %s = llcc.reduce <sum> %e dims [1] : tensor<3x4xf32> -> tensor<3xf32>
  %sb = llcc.broadcast %s dims [0] : tensor<3xf32> -> tensor<3x4xf32>
  %r = arith.divf %e, %sb : tensor<3x4xf32>
  return %r : tensor<3x4xf32>
}
