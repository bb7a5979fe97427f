// Placements that are missing, or that no propagation has made.
// RUN: llcc-opt %s --split-input-file --llcc-insert-reshards --verify-diagnostics

module attributes {llcc.mesh = #llcc.mesh<["data"], [2]>} {
  func.func @gradients(%x: tensor<4xf32> {llcc.input = "x", llcc.sharding = #llcc.sharding<[[]]>}) {
    // expected-error @below {{math.exp has no placement, needs llcc-propagate-sharding first}}
    %y = math.exp %x : tensor<4xf32>
    return
  }
  func.func @update() {
    return
  }
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["data"], [2]>} {
  // expected-error @below {{input "x" has no placement, needs llcc-propagate-sharding first}}
  func.func @gradients(%x: tensor<4xf32> {llcc.input = "x"}) {
    return
  }
  func.func @update() {
    return
  }
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["data"], [2]>} {
  // expected-error @below {{result #0 has no placement, needs llcc-propagate-sharding first}}
  func.func @gradients(%x: tensor<4xf32> {llcc.input = "x", llcc.sharding = #llcc.sharding<[[]]>}) -> tensor<4xf32> {
    return %x : tensor<4xf32>
  }
  func.func @update() {
    return
  }
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["data"], [2]>} {
  func.func @gradients(%x: tensor<4xf32> {llcc.input = "x", llcc.sharding = #llcc.sharding<[["data"]]>}) {
    // expected-error @below {{math.exp: has placement #llcc.sharding<[[]], invariant = ["data"]>, its rule gives #llcc.sharding<[["data"]]>; run llcc-propagate-sharding again}}
    %y = math.exp %x {llcc.sharding = #llcc.sharding<[[]]>} : tensor<4xf32>
    return
  }
  func.func @update() {
    return
  }
}
