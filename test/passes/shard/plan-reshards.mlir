// RUN: llcc-opt --llcc-plan-reshards --split-input-file --verify-diagnostics %s | FileCheck %s

module attributes {llcc.mesh = #llcc.mesh<["a", "b"], [2, 4]>} {

// CHECK-LABEL: @pending_sum_is_all_reduced
func.func @pending_sum_is_all_reduced(%x: tensor<8x8xf32, #llcc.sharding<[[], []], partial = ["a"]>>) -> tensor<8x8xf32, #llcc.sharding<[[], []], invariant = ["a"]>> {
  // CHECK: %[[R:.*]] = llcc.all_reduce <sum> %{{.*}} over ["a"] : tensor<8x8xf32, #llcc.sharding<{{.*}}partial = ["a"]>> -> tensor<8x8xf32, #llcc.sharding<{{.*}}invariant = ["a"]>>
  // CHECK-NEXT: return %[[R]]
  %y = llcc.reshard %x : tensor<8x8xf32, #llcc.sharding<[[], []], partial = ["a"]>> -> tensor<8x8xf32, #llcc.sharding<[[], []], invariant = ["a"]>>
  return %y : tensor<8x8xf32, #llcc.sharding<[[], []], invariant = ["a"]>>
}

// CHECK-LABEL: @pending_max_keeps_its_kind
func.func @pending_max_keeps_its_kind(%x: tensor<8xf32, #llcc.sharding<[[]], partial = ["b"], kind = max>>) -> tensor<8xf32, #llcc.sharding<[[]]>> {
  // CHECK: llcc.all_reduce <max> %{{.*}} over ["b"]
  %y = llcc.reshard %x : tensor<8xf32, #llcc.sharding<[[]], partial = ["b"], kind = max>> -> tensor<8xf32, #llcc.sharding<[[]]>>
  return %y : tensor<8xf32, #llcc.sharding<[[]]>>
}

// CHECK-LABEL: @pending_sum_to_cut_is_reduce_scatter
func.func @pending_sum_to_cut_is_reduce_scatter(%x: tensor<8x8xf32, #llcc.sharding<[[], []], partial = ["a"]>>) -> tensor<8x8xf32, #llcc.sharding<[[], ["a"]]>> {
  // CHECK: llcc.reduce_scatter <sum> %{{.*}} dim 1 over ["a"]
  %y = llcc.reshard %x : tensor<8x8xf32, #llcc.sharding<[[], []], partial = ["a"]>> -> tensor<8x8xf32, #llcc.sharding<[[], ["a"]]>>
  return %y : tensor<8x8xf32, #llcc.sharding<[[], ["a"]]>>
}

// The axis moves without going through the whole tensor; upstream's shard-partition returns a wrong shape here.
// CHECK-LABEL: @axis_moves_by_all_to_all
func.func @axis_moves_by_all_to_all(%x: tensor<16x16xf32, #llcc.sharding<[["a"], ["b"]]>>) -> tensor<16x16xf32, #llcc.sharding<[["a", "b"], []]>> {
  // CHECK: llcc.all_to_all %{{.*}} split 0 concat 1 size 16 over ["b"]
  // CHECK-NEXT: return
  %y = llcc.reshard %x : tensor<16x16xf32, #llcc.sharding<[["a"], ["b"]]>> -> tensor<16x16xf32, #llcc.sharding<[["a", "b"], []]>>
  return %y : tensor<16x16xf32, #llcc.sharding<[["a", "b"], []]>>
}

// 10 over 2 gives 5, 5 over 4 gives 2: the inner gather cuts its padding at 5 before the outer one joins.
// CHECK-LABEL: @uneven_gather_cuts_padding_level_by_level
func.func @uneven_gather_cuts_padding_level_by_level(%x: tensor<10xf32, #llcc.sharding<[["a", "b"]]>>) -> tensor<10xf32, #llcc.sharding<[[]]>> {
  // CHECK: %[[INNER:.*]] = llcc.all_gather %{{.*}} dim 0 size 5 over ["b"] : {{.*}} -> tensor<10xf32, #llcc.sharding<{{\[\[}}"a"{{\]\]}}, invariant = ["b"]>>
  // CHECK-NEXT: llcc.all_gather %[[INNER]] dim 0 size 10 over ["a"]
  %y = llcc.reshard %x : tensor<10xf32, #llcc.sharding<[["a", "b"]]>> -> tensor<10xf32, #llcc.sharding<[[]]>>
  return %y : tensor<10xf32, #llcc.sharding<[[]]>>
}

// CHECK-LABEL: @cutting_needs_no_communication
func.func @cutting_needs_no_communication(%x: tensor<8x8xf32, #llcc.sharding<[[], []]>>) -> tensor<8x8xf32, #llcc.sharding<[["b"], []]>> {
  // CHECK: llcc.axis_slice %{{.*}} dim 0 over ["b"]
  %y = llcc.reshard %x : tensor<8x8xf32, #llcc.sharding<[[], []]>> -> tensor<8x8xf32, #llcc.sharding<[["b"], []]>>
  return %y : tensor<8x8xf32, #llcc.sharding<[["b"], []]>>
}

// CHECK-LABEL: @equal_placements_vanish
func.func @equal_placements_vanish(%x: tensor<8xf32, #llcc.sharding<[["a"]]>>) -> tensor<8xf32, #llcc.sharding<[["a"]]>> {
  // CHECK-NEXT: return
  %y = llcc.reshard %x : tensor<8xf32, #llcc.sharding<[["a"]]>> -> tensor<8xf32, #llcc.sharding<[["a"]]>>
  return %y : tensor<8xf32, #llcc.sharding<[["a"]]>>
}

// Nothing moves, only the type changes: stays for llcc-convert-to-spmd.
// CHECK-LABEL: @forgetting_invariance_stays
func.func @forgetting_invariance_stays(%x: tensor<8xf32, #llcc.sharding<[[]], invariant = ["a"]>>) -> tensor<8xf32, #llcc.sharding<[[]]>> {
  // CHECK: llcc.reshard
  %y = llcc.reshard %x : tensor<8xf32, #llcc.sharding<[[]], invariant = ["a"]>> -> tensor<8xf32, #llcc.sharding<[[]]>>
  return %y : tensor<8xf32, #llcc.sharding<[[]]>>
}
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["a"], [2]>} {
func.func @nothing_becomes_partial(%x: tensor<8xf32, #llcc.sharding<[[]]>>) -> tensor<8xf32, #llcc.sharding<[[]], partial = ["a"]>> {
  // expected-error@+1 {{'llcc.reshard' op cannot make #llcc.sharding<[[]]> partial as #llcc.sharding<[[]], partial = ["a"]>; only a value that is partial already may stay so}}
  %y = llcc.reshard %x : tensor<8xf32, #llcc.sharding<[[]]>> -> tensor<8xf32, #llcc.sharding<[[]], partial = ["a"]>>
  return %y : tensor<8xf32, #llcc.sharding<[[]], partial = ["a"]>>
}
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["a", "b"], [2, 2]>} {
func.func @pending_kinds_differ(%x: tensor<8xf32, #llcc.sharding<[[]], partial = ["a", "b"]>>) -> tensor<8xf32, #llcc.sharding<[[]], partial = ["a"], kind = max>> {
  // expected-error@+1 {{'llcc.reshard' op cannot turn a pending sum into a pending max}}
  %y = llcc.reshard %x : tensor<8xf32, #llcc.sharding<[[]], partial = ["a", "b"]>> -> tensor<8xf32, #llcc.sharding<[[]], partial = ["a"], kind = max>>
  return %y : tensor<8xf32, #llcc.sharding<[[]], partial = ["a"], kind = max>>
}
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["a"], [2]>} {
func.func @axis_is_not_in_the_mesh(%x: tensor<8xf32, #llcc.sharding<[["z"]]>>) -> tensor<8xf32, #llcc.sharding<[[]]>> {
  // expected-error@+1 {{'llcc.reshard' op names axis 'z', the mesh is #llcc.mesh<["a"], [2]>}}
  %y = llcc.reshard %x : tensor<8xf32, #llcc.sharding<[["z"]]>> -> tensor<8xf32, #llcc.sharding<[[]]>>
  return %y : tensor<8xf32, #llcc.sharding<[[]]>>
}
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["a"], [2]>} {
func.func @types_are_not_placed(%x: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error@+1 {{'llcc.reshard' op needs placed types on both sides, has 'tensor<8xf32>' and 'tensor<8xf32>'}}
  %y = llcc.reshard %x : tensor<8xf32> -> tensor<8xf32>
  return %y : tensor<8xf32>
}
}

// -----

// expected-error@+1 {{module has llcc.reshard but no mesh, needs the attribute llcc.mesh}}
module {
func.func @no_mesh(%x: tensor<8xf32, #llcc.sharding<[["a"]]>>) -> tensor<8xf32, #llcc.sharding<[[]]>> {
  %y = llcc.reshard %x : tensor<8xf32, #llcc.sharding<[["a"]]>> -> tensor<8xf32, #llcc.sharding<[[]]>>
  return %y : tensor<8xf32, #llcc.sharding<[[]]>>
}
}
