// Priorities of the user's seeds decide conflicts; open dimensions of a seed take what propagation brings.
// RUN: llcc-opt %s --split-input-file --llcc-propagate-sharding | FileCheck %s

#rows = #llcc.sharding<[["tensor"], []]>
#columns = #llcc.sharding<[[], ["tensor"]]>

// Without priorities the first operand decides.
// CHECK-LABEL: @gradients
// CHECK: arith.addf {{.*}} {llcc.sharding = #llcc.sharding<{{\[\[}}"tensor"], []]>}
module @equal attributes {llcc.mesh = #llcc.mesh<["tensor"], [2]>} {
  func.func @gradients(%a: tensor<8x8xf32> {llcc.param = "a", llcc.sharding = #rows}, %b: tensor<8x8xf32> {llcc.param = "b", llcc.sharding = #columns}) {
    %c = arith.addf %a, %b : tensor<8x8xf32>
    return
  }
  func.func @update() {
    return
  }
}

// -----

// What is more important is there first; the other one keeps what it says, and nothing else.
// CHECK-LABEL: @gradients
// CHECK-SAME: llcc.param = "a", llcc.sharding = #llcc.sharding<{{\[\[}}"tensor"], []]>
// CHECK: arith.negf %arg1 {llcc.sharding = #llcc.sharding<{{\[\[}}], ["tensor"]]>}
module @b_first attributes {llcc.mesh = #llcc.mesh<["tensor"], [2]>} {
  func.func @gradients(%a: tensor<8x8xf32> {llcc.param = "a", llcc.sharding = #llcc.sharding<[["tensor"], []]>, llcc.priority = 1},
                       %b: tensor<8x8xf32> {llcc.param = "b", llcc.sharding = #llcc.sharding<[[], ["tensor"]]>, llcc.priority = 0}) {
    %n = arith.negf %b : tensor<8x8xf32>
    %c = arith.addf %a, %n : tensor<8x8xf32>
    return
  }
  func.func @update() {
    return
  }
}

// -----

// The row dimension of w is open: its user's cut arrives. That of v is closed.
// CHECK-LABEL: @gradients
// CHECK-SAME: llcc.param = "w", llcc.sharding = #llcc.sharding<{{\[\[}}"data"], ["tensor"]]>
// CHECK-SAME: llcc.param = "v", llcc.sharding = #llcc.sharding<{{\[\[}}], ["tensor"]], invariant = ["data"]>
module @open attributes {llcc.mesh = #llcc.mesh<["data", "tensor"], [2, 2]>} {
  func.func @gradients(%x: tensor<8x8xf32> {llcc.input = "x", llcc.sharding = #llcc.sharding<[["data"], []]>},
                       %w: tensor<8x8xf32> {llcc.param = "w", llcc.sharding = #llcc.sharding<[[], ["tensor"]]>, llcc.open = [0], llcc.priority = 0},
                       %v: tensor<8x8xf32> {llcc.param = "v", llcc.sharding = #llcc.sharding<[[], ["tensor"]]>, llcc.priority = 0}) {
    %c = arith.addf %x, %w : tensor<8x8xf32>
    %d = arith.addf %x, %v : tensor<8x8xf32>
    return
  }
  func.func @update() {
    return
  }
}
