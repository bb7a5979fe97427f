// RUN: llcc-opt --llcc-insert-buckets=bytes=64 %s | FileCheck %s

#p = #llcc.sharding<[[]], partial = ["data"]>
#i = #llcc.sharding<[[]], invariant = ["data"]>
module attributes {llcc.mesh = #llcc.mesh<["data", "tensor"], [2, 2]>} {

// Three tensors of 32 bytes, at most 64 in a bucket; order is that of the program.
// CHECK-LABEL: @update_joins_gradients_up_to_the_limit
// CHECK-SAME: (%[[A:.*]]: tensor<8xf32, {{[^>]*}}>>, %[[B:[^ ]*]]: tensor<8xf32, {{[^>]*}}>>, %[[C:[^ ]*]]: tensor
func.func @update_joins_gradients_up_to_the_limit(%a: tensor<8xf32, #p>, %b: tensor<8xf32, #p>, %c: tensor<8xf32, #p>) -> (tensor<8xf32, #i>, tensor<8xf32, #i>, tensor<8xf32, #i>) {
  // CHECK: %[[AB:.*]]:2 = llcc.all_reduce <sum> %[[A]], %[[B]] over ["data"]
  // CHECK-DAG: %[[A2:.*]] = arith.addf %[[AB]]#0, %[[AB]]#0
  // CHECK-DAG: %[[C1:.*]] = llcc.all_reduce <sum> %[[C]] over ["data"]
  // CHECK: return %[[A2]], %[[AB]]#1, %[[C1]]
  %a1 = llcc.all_reduce <sum> %a over ["data"] : tensor<8xf32, #p> -> tensor<8xf32, #i>
  %a2 = arith.addf %a1, %a1 : tensor<8xf32, #i>
  %b1 = llcc.all_reduce <sum> %b over ["data"] : tensor<8xf32, #p> -> tensor<8xf32, #i>
  %c1 = llcc.all_reduce <sum> %c over ["data"] : tensor<8xf32, #p> -> tensor<8xf32, #i>
  return %a2, %b1, %c1 : tensor<8xf32, #i>, tensor<8xf32, #i>, tensor<8xf32, #i>
}

// A limit counts what a device holds: 16 elements cut over two devices are 32 bytes.
// CHECK-LABEL: @bytes_are_local
func.func @bytes_are_local(%a: tensor<16xf32, #llcc.sharding<[["tensor"]], partial = ["data"]>>, %b: tensor<16xf32, #llcc.sharding<[["tensor"]], partial = ["data"]>>) -> (tensor<16xf32, #llcc.sharding<[["tensor"]]>>, tensor<16xf32, #llcc.sharding<[["tensor"]]>>) {
  // CHECK: llcc.all_reduce <sum> %{{.*}}, %{{.*}} over ["data"]
  %a1 = llcc.all_reduce <sum> %a over ["data"] : tensor<16xf32, #llcc.sharding<[["tensor"]], partial = ["data"]>> -> tensor<16xf32, #llcc.sharding<[["tensor"]]>>
  %b1 = llcc.all_reduce <sum> %b over ["data"] : tensor<16xf32, #llcc.sharding<[["tensor"]], partial = ["data"]>> -> tensor<16xf32, #llcc.sharding<[["tensor"]]>>
  return %a1, %b1 : tensor<16xf32, #llcc.sharding<[["tensor"]]>>, tensor<16xf32, #llcc.sharding<[["tensor"]]>>
}

// Gathers and scatters, each with its dimension; what was fetched for another pass stays apart.
// CHECK-LABEL: @gathers_and_scatters
func.func @gathers_and_scatters(%a: tensor<2x2xf32>, %b: tensor<1x3xf32>) -> (tensor<4x2xf32>, tensor<1x5xf32>, tensor<4x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>) {
  // CHECK: %[[G:.*]]:2 = llcc.all_gather %{{.*}}, %{{.*}} dim 0, 1 size 4, 5 over ["data"] {llcc.fetch = 0 : i64}
  // CHECK: %[[S:.*]]:2 = llcc.reduce_scatter <sum> %{{.*}}, %{{.*}} dim 0, 1 over ["tensor"]
  // CHECK: %[[H:.*]] = llcc.all_gather %{{.*}} dim 0 size 4 over ["data"] {llcc.fetch = 1 : i64}
  // CHECK: return %[[G]]#0, %[[G]]#1, %[[H]], %[[S]]#0, %[[S]]#1
  %0 = llcc.all_gather %a dim 0 size 4 over ["data"] {llcc.fetch = 0 : i64} : tensor<2x2xf32> -> tensor<4x2xf32>
  %1 = llcc.reduce_scatter <sum> %a dim 0 over ["tensor"] : tensor<2x2xf32> -> tensor<1x2xf32>
  %2 = llcc.all_gather %b dim 1 size 5 over ["data"] {llcc.fetch = 0 : i64} : tensor<1x3xf32> -> tensor<1x5xf32>
  %3 = llcc.reduce_scatter <sum> %b dim 1 over ["tensor"] : tensor<1x3xf32> -> tensor<1x2xf32>
  %4 = llcc.all_gather %a dim 0 size 4 over ["data"] {llcc.fetch = 1 : i64} : tensor<2x2xf32> -> tensor<4x2xf32>
  return %0, %2, %4, %1, %3 : tensor<4x2xf32>, tensor<1x5xf32>, tensor<4x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>
}

// CHECK-LABEL: @dependent_ones_stay_apart
func.func @dependent_ones_stay_apart(%a: tensor<2xf32>) -> tensor<2xf32> {
  // CHECK: %[[A:.*]] = llcc.all_reduce <sum> %{{.*}} over ["data"] : tensor<2xf32>
  // CHECK: %[[B:.*]] = arith.addf
  // CHECK: llcc.all_reduce <sum> %[[B]] over ["data"]
  %a1 = llcc.all_reduce <sum> %a over ["data"] : tensor<2xf32> -> tensor<2xf32>
  %b = arith.addf %a1, %a1 : tensor<2xf32>
  %b1 = llcc.all_reduce <sum> %b over ["data"] : tensor<2xf32> -> tensor<2xf32>
  return %b1 : tensor<2xf32>
}

// %a1 feeds %d and %b1 feeds %c: joining a with c and b with d would make a ring. Levels keep {a, b} and {c, d}.
// CHECK-LABEL: @crossed_dependences_make_no_ring
func.func @crossed_dependences_make_no_ring(%a: tensor<2xf32>, %b: tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>) {
  // CHECK: %[[AB:.*]]:2 = llcc.all_reduce <sum> %{{.*}}, %{{.*}} over ["data"]
  // CHECK-DAG: %[[C:.*]] = math.exp %[[AB]]#0
  // CHECK-DAG: %[[D:.*]] = math.exp %[[AB]]#1
  // CHECK: llcc.all_reduce <sum> %[[C]], %[[D]] over ["data"]
  %b1 = llcc.all_reduce <sum> %b over ["data"] : tensor<2xf32> -> tensor<2xf32>
  %c = math.exp %b1 : tensor<2xf32>
  %c1 = llcc.all_reduce <sum> %c over ["data"] : tensor<2xf32> -> tensor<2xf32>
  %a1 = llcc.all_reduce <sum> %a over ["data"] : tensor<2xf32> -> tensor<2xf32>
  %d = math.exp %a1 : tensor<2xf32>
  %d1 = llcc.all_reduce <sum> %d over ["data"] : tensor<2xf32> -> tensor<2xf32>
  return %c1, %d1 : tensor<2xf32>, tensor<2xf32>
}

// CHECK-LABEL: @kinds_axes_and_element_types_stay_apart
func.func @kinds_axes_and_element_types_stay_apart(%a: tensor<2xf32>, %b: tensor<2xf64>) -> (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf64>) {
  // CHECK-COUNT-4: = llcc.all_reduce <{{sum|max}}> %{{[a-z0-9]+}} over
  %0 = llcc.all_reduce <sum> %a over ["data"] : tensor<2xf32> -> tensor<2xf32>
  %1 = llcc.all_reduce <max> %a over ["data"] : tensor<2xf32> -> tensor<2xf32>
  %2 = llcc.all_reduce <sum> %a over ["tensor"] : tensor<2xf32> -> tensor<2xf32>
  %3 = llcc.all_reduce <sum> %b over ["data"] : tensor<2xf64> -> tensor<2xf64>
  return %0, %1, %2, %3 : tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf64>
}

// Of two ONNX nodes, or of the two passes, a pipeline may put each on a stage of its own.
// CHECK-LABEL: func.func @gradients
func.func @gradients(%a: tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) {
  // CHECK: %[[FC2:.*]] = llcc.all_reduce
  // CHECK: %[[GRAD:.*]] = llcc.all_reduce
  // CHECK: %[[FC1:.*]]:2 = llcc.all_reduce
  // CHECK: return %[[FC1]]#0, %[[FC2]], %[[GRAD]], %[[FC1]]#1
  %0 = llcc.all_reduce <sum> %a over ["data"] : tensor<2xf32> -> tensor<2xf32> loc("fc1")
  %1 = llcc.all_reduce <sum> %a over ["data"] : tensor<2xf32> -> tensor<2xf32> loc("fc2")
  %2 = llcc.all_reduce <sum> %a over ["data"] : tensor<2xf32> -> tensor<2xf32> loc("grad"("fc1"))
  %3 = llcc.all_reduce <sum> %a over ["data"] : tensor<2xf32> -> tensor<2xf32> loc("fc1")
  return %0, %1, %2, %3 : tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>
}
}
