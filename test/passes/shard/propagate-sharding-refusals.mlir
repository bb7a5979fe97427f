// What the two passes say when they cannot go on, and what they explain.
// RUN: llcc-opt %s --split-input-file --llcc-propagate-sharding=explain=true --llcc-insert-reshards=explain=true --verify-diagnostics

// The contracted dimension is cut, so the op runs along it; its users would have the other one.
module attributes {llcc.mesh = #llcc.mesh<["tensor"], [2]>} {
  func.func @gradients(%x: tensor<8x10xf32> {llcc.sharding = #llcc.sharding<[[], ["tensor"]]>}, %w: tensor<10x8xf32> {llcc.sharding = #llcc.sharding<[["tensor"], []]>},
                       %r: tensor<8x8xf32> {llcc.sharding = #llcc.sharding<[["tensor"], []]>}) {
    // expected-remark @below {{llcc.dot: runs as #llcc.sharding<[[], []], partial = ["tensor"]>, its neighbours would have it #llcc.sharding<[["tensor"], []]>}}
    %a = llcc.dot %x, %w batch [] x [] contract [1] x [0] : tensor<8x10xf32>, tensor<10x8xf32> -> tensor<8x8xf32>
    // expected-remark @below {{arith.mulf: needs #llcc.sharding<[["tensor"], []]>, llcc.dot gives #llcc.sharding<[[], []], partial = ["tensor"]>}}
    %b = arith.mulf %r, %a : tensor<8x8xf32>
    // expected-remark @below {{llcc.concat: needs #llcc.sharding<[[], []], invariant = ["tensor"]>, an argument gives #llcc.sharding<[["tensor"], []]>}}
    %c = llcc.concat %r, %r dim 0 : tensor<8x8xf32>, tensor<8x8xf32> -> tensor<16x8xf32>
    return
  }
  func.func @update() {
    return
  }
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["data"], [2]>} {
  func.func @gradients(%w: tensor<4xf32> {llcc.param = "w"}) {
    return
  }
  // expected-error @below {{gradient "w" is not returned by @gradients}}
  func.func @update(%w: tensor<4xf32> {llcc.param = "w"}, %g: tensor<4xf32> {llcc.gradient = "w"}) {
    return
  }
}

// -----

// expected-error @below {{module has no function @update, needs the train stage before the shard stage}}
module attributes {llcc.mesh = #llcc.mesh<["data"], [2]>} {
  func.func @gradients() {
    return
  }
}
