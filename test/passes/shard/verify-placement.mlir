// Placements that type-check, and every refusal.
// RUN: llcc-opt %s --split-input-file --llcc-verify-placement --verify-diagnostics

// Row-parallel: the result is partial, a reshard resolves it, and the gradient may stay partial.
#D2 = #llcc.sharding<[["data"], []], invariant = ["tensor"]>
#T2 = #llcc.sharding<[["tensor"], []], invariant = ["data"]>
#DT = #llcc.sharding<[["data"], ["tensor"]]>
#P0 = #llcc.sharding<[], partial = ["data"], invariant = ["tensor"]>
#PT = #llcc.sharding<[["data"], []], partial = ["tensor"]>
module attributes {llcc.mesh = #llcc.mesh<["data", "tensor"], [2, 4]>} {
  func.func @gradients(%x: tensor<8x12xf32, #DT>, %w: tensor<12x4xf32, #T2>) -> (tensor<f32, #P0> {llcc.gradient = "b"}) {
    %y = llcc.dot %x, %w batch [] x [] contract [1] x [0] : tensor<8x12xf32, #DT>, tensor<12x4xf32, #T2> -> tensor<8x4xf32, #PT>
    %r = llcc.reshard %y : tensor<8x4xf32, #PT> -> tensor<8x4xf32, #D2>
    %s = llcc.reduce <sum> %r dims [0, 1] : tensor<8x4xf32, #D2> -> tensor<f32, #P0>
    %t = arith.negf %s : tensor<f32, #P0>
    return %t : tensor<f32, #P0>
  }
  func.func @update() {
    return
  }
}

// -----

#D2 = #llcc.sharding<[["data"], []], invariant = ["tensor"]>
#T2 = #llcc.sharding<[["tensor"], []], invariant = ["data"]>
#PT = #llcc.sharding<[["data"], []], partial = ["tensor"]>
module attributes {llcc.mesh = #llcc.mesh<["data", "tensor"], [2, 4]>} {
  func.func @gradients(%x: tensor<8x12xf32, #D2>, %w: tensor<12x4xf32, #T2>) {
    // expected-error @below {{llcc.dot: dimension 0 of operand #1 is cut over ["tensor"], dimension 1 of operand #0, the same loop, over []}}
    %y = llcc.dot %x, %w batch [] x [] contract [1] x [0] : tensor<8x12xf32, #D2>, tensor<12x4xf32, #T2> -> tensor<8x4xf32, #PT>
    return
  }
  func.func @update() {
    return
  }
}

// -----

#D2 = #llcc.sharding<[["data"], []], invariant = ["tensor"]>
#T2 = #llcc.sharding<[["tensor"], []], invariant = ["data"]>
#DT = #llcc.sharding<[["data"], ["tensor"]]>
module attributes {llcc.mesh = #llcc.mesh<["data", "tensor"], [2, 4]>} {
  func.func @gradients(%x: tensor<8x12xf32, #DT>, %w: tensor<12x4xf32, #T2>) {
    // expected-error @unknown {{node "fc1" (llcc.dot): the result is not partial over 'tensor', each member has only its part of the sum: needs partial = ["tensor"] and a reshard after}}
    %y = llcc.dot %x, %w batch [] x [] contract [1] x [0] : tensor<8x12xf32, #DT>, tensor<12x4xf32, #T2> -> tensor<8x4xf32, #D2> loc("fc1")
    return
  }
  func.func @update() {
    return
  }
}

// -----

#W2 = #llcc.sharding<[[], []], invariant = ["data", "tensor"]>
#D2 = #llcc.sharding<[["data"], []], invariant = ["tensor"]>
#PT = #llcc.sharding<[["data"], []], partial = ["tensor"]>
module attributes {llcc.mesh = #llcc.mesh<["data", "tensor"], [2, 4]>} {
  func.func @gradients(%x: tensor<8x12xf32, #D2>, %w: tensor<12x4xf32, #W2>) {
    // expected-error @below {{llcc.dot: the result is partial over 'tensor', which nothing reduces: it would be counted 4 times}}
    %y = llcc.dot %x, %w batch [] x [] contract [1] x [0] : tensor<8x12xf32, #D2>, tensor<12x4xf32, #W2> -> tensor<8x4xf32, #PT>
    return
  }
  func.func @update() {
    return
  }
}

// -----

#W1 = #llcc.sharding<[[]], invariant = ["data", "tensor"]>
#W2 = #llcc.sharding<[[], []], invariant = ["data", "tensor"]>
#T2 = #llcc.sharding<[["tensor"], []], invariant = ["data"]>
module attributes {llcc.mesh = #llcc.mesh<["data", "tensor"], [2, 4]>} {
  func.func @gradients(%t: tensor<8x4xf32, #T2>, %i: tensor<3xi64, #W1>) {
    // expected-error @below {{llcc.gather: the result is not partial over 'tensor', each member has only its part of the sum: needs partial = ["tensor"] and a reshard after}}
    %y = llcc.gather %t, %i axis 0 : tensor<8x4xf32, #T2>, tensor<3xi64, #W1> -> tensor<3x4xf32, #W2>
    return
  }
  func.func @update() {
    return
  }
}

// -----

// Six rows of four do not fall into four equal blocks.
#T2 = #llcc.sharding<[["tensor"], []], invariant = ["data"]>
#T1 = #llcc.sharding<[["tensor"]], invariant = ["data"]>
module attributes {llcc.mesh = #llcc.mesh<["data", "tensor"], [2, 4]>} {
  func.func @gradients(%x: tensor<24xf32, #T1>) {
    // expected-error @below {{llcc.reshape: dimension 0 of operand #0 is cut over ["tensor"], 4 members, this op needs equal blocks along a size of 6}}
    %y = llcc.reshape %x : tensor<24xf32, #T1> -> tensor<6x4xf32, #T2>
    return
  }
  func.func @update() {
    return
  }
}

// -----

#P1 = #llcc.sharding<[[]], partial = ["data"], invariant = ["tensor"]>
module attributes {llcc.mesh = #llcc.mesh<["data", "tensor"], [2, 4]>} {
  func.func @gradients(%x: tensor<4xf32, #P1> {llcc.gradient = "g"}) {
    // expected-error @below {{math.exp: operand #0 is partial over ["data"], this op does not distribute over sum: needs a reshard before}}
    %y = math.exp %x : tensor<4xf32, #P1>
    return
  }
  func.func @update() {
    return
  }
}

// -----

#P0 = #llcc.sharding<[], partial = ["data"], invariant = ["tensor"]>
#M1 = #llcc.sharding<[[]], partial = ["data"], kind = max, invariant = ["tensor"]>
module attributes {llcc.mesh = #llcc.mesh<["data", "tensor"], [2, 4]>} {
  func.func @gradients(%x: tensor<4xf32, #M1> {llcc.gradient = "g"}) {
    // expected-error @below {{llcc.reduce: operand #0 is partial over ["data"], this op does not distribute over max: needs a reshard before}}
    %y = llcc.reduce <sum> %x dims [0] : tensor<4xf32, #M1> -> tensor<f32, #P0>
    return
  }
  func.func @update() {
    return
  }
}

// -----

#W1 = #llcc.sharding<[[]], invariant = ["data", "tensor"]>
#P1 = #llcc.sharding<[[]], partial = ["data"], invariant = ["tensor"]>
module attributes {llcc.mesh = #llcc.mesh<["data", "tensor"], [2, 4]>} {
  func.func @gradients(%x: tensor<4xf32, #P1> {llcc.gradient = "g"}, %y: tensor<4xf32, #W1>) {
    // expected-error @below {{llcc.concat: operand #1 is not partial over 'data' while another one is: it would be counted 2 times}}
    %z = llcc.concat %x, %y dim 0 : tensor<4xf32, #P1>, tensor<4xf32, #W1> -> tensor<8xf32, #P1>
    return
  }
  func.func @update() {
    return
  }
}

// -----

#P1 = #llcc.sharding<[[]], partial = ["data"], invariant = ["tensor"]>
#M1 = #llcc.sharding<[[]], partial = ["data"], kind = max, invariant = ["tensor"]>
module attributes {llcc.mesh = #llcc.mesh<["data", "tensor"], [2, 4]>} {
  func.func @gradients(%x: tensor<4xf32, #P1> {llcc.gradient = "g"}, %y: tensor<4xf32, #M1> {llcc.gradient = "h"}) {
    // expected-error @below {{llcc.concat: operands are pending differently, needs reshards before}}
    %z = llcc.concat %x, %y dim 0 : tensor<4xf32, #P1>, tensor<4xf32, #M1> -> tensor<8xf32, #P1>
    return
  }
  func.func @update() {
    return
  }
}

// -----

// Adding a partial and a whole value would count the whole one twice: arith refuses by itself.
#W1 = #llcc.sharding<[[]], invariant = ["data", "tensor"]>
#P1 = #llcc.sharding<[[]], partial = ["data"], invariant = ["tensor"]>
module attributes {llcc.mesh = #llcc.mesh<["data", "tensor"], [2, 4]>} {
  func.func @gradients(%x: tensor<4xf32, #P1> {llcc.gradient = "g"}, %y: tensor<4xf32, #W1>) {
    // expected-error @below {{'arith.addf' op requires the same encoding for all operands and results}}
    %z = "arith.addf"(%x, %y) : (tensor<4xf32, #P1>, tensor<4xf32, #W1>) -> tensor<4xf32, #P1>
    return
  }
  func.func @update() {
    return
  }
}

// -----

#D2 = #llcc.sharding<[["data"], []], invariant = ["tensor"]>
#P1 = #llcc.sharding<[[]], partial = ["data"], invariant = ["tensor"]>
module attributes {llcc.mesh = #llcc.mesh<["data", "tensor"], [2, 4]>} {
  func.func @gradients(%x: tensor<8x4xf32, #D2>) {
    // expected-error @below {{llcc.reduce: the result is pending with sum, the op reduces with max}}
    %y = llcc.reduce <max> %x dims [0] : tensor<8x4xf32, #D2> -> tensor<4xf32, #P1>
    return
  }
  func.func @update() {
    return
  }
}

// -----

#W2 = #llcc.sharding<[[], []], invariant = ["data", "tensor"]>
#Q1 = #llcc.sharding<[[]], invariant = ["tensor"]>
module attributes {llcc.mesh = #llcc.mesh<["data", "tensor"], [2, 4]>} {
  func.func @gradients(%x: tensor<4xf32, #Q1>) {
    // expected-error @below {{llcc.reshape: the result is invariant over 'data', operand #0 is not}}
    %y = llcc.reshape %x : tensor<4xf32, #Q1> -> tensor<2x2xf32, #W2>
    return
  }
  func.func @update() {
    return
  }
}

// -----

#W1 = #llcc.sharding<[[]], invariant = ["data", "tensor"]>
#P1 = #llcc.sharding<[[]], partial = ["data"], invariant = ["tensor"]>
module attributes {llcc.mesh = #llcc.mesh<["data", "tensor"], [2, 4]>} {
  func.func @gradients(%x: tensor<4xf32, #W1>) {
    // expected-error @below {{llcc.reshard: makes a value partial over 'data', only an op that reduces may do so}}
    %y = llcc.reshard %x : tensor<4xf32, #W1> -> tensor<4xf32, #P1>
    return
  }
  func.func @update() {
    return
  }
}

// -----

#W1 = #llcc.sharding<[[]], invariant = ["data", "tensor"]>
#Q1 = #llcc.sharding<[[]], invariant = ["tensor"]>
module attributes {llcc.mesh = #llcc.mesh<["data", "tensor"], [2, 4]>} {
  func.func @gradients(%x: tensor<4xf32, #Q1>) {
    // expected-error @below {{llcc.reshard: makes a replicated value invariant over 'data', but no data moves over it}}
    %y = llcc.reshard %x : tensor<4xf32, #Q1> -> tensor<4xf32, #W1>
    return
  }
  func.func @update() {
    return
  }
}

// -----

#W1 = #llcc.sharding<[[]], invariant = ["data", "tensor"]>
module attributes {llcc.mesh = #llcc.mesh<["data", "tensor"], [2, 4]>} {
  func.func @gradients(%x: tensor<4xf32, #W1>) {
    // expected-error @below {{arith.constant: type 'tensor<4xf32>' has no placement, needs llcc-propagate-sharding and llcc-insert-reshards}}
    %c = arith.constant dense<1.0> : tensor<4xf32>
    // expected-error @below {{math.exp: type 'tensor<4xf32>' has no placement, needs llcc-propagate-sharding and llcc-insert-reshards}}
    %y = math.exp %c : tensor<4xf32>
    return
  }
  func.func @update() {
    return
  }
}

// -----

#W1 = #llcc.sharding<[[]], invariant = ["data", "tensor"]>
module attributes {llcc.mesh = #llcc.mesh<["data", "tensor"], [2, 4]>} {
  func.func @gradients(%x: tensor<4xf32, #W1>) {
    // expected-error @below {{arith.constant: placement #llcc.sharding<[["expert"]]> names axis 'expert', the mesh to cut tensors over is #llcc.mesh<["data", "tensor"], [2, 4]>}}
    %c = arith.constant dense<1.0> : tensor<4xf32, #llcc.sharding<[["expert"]]>>
    return
  }
  func.func @update() {
    return
  }
}

// -----

#D1 = #llcc.sharding<[["data"]], invariant = ["tensor"]>
#P0 = #llcc.sharding<[], partial = ["data"], invariant = ["tensor"]>
module attributes {llcc.mesh = #llcc.mesh<["data", "tensor"], [2, 4]>} {
  func.func @gradients(%g: tensor<8xf32, #D1>) {
    %s = llcc.reduce <sum> %g dims [0] : tensor<8xf32, #D1> -> tensor<f32, #P0>
    // expected-error @unknown {{node "mean" (llcc.capture): captures loss "loss", which is partial over ["data"], needs a reshard before}}
    llcc.capture "loss" "loss" %s : tensor<f32, #P0> loc("mean")
    return
  }
  func.func @update() {
    return
  }
}

// -----

#P1 = #llcc.sharding<[[]], partial = ["data"]>
module attributes {llcc.mesh = #llcc.mesh<["data"], [2]>} {
  // expected-error @below {{@gradients: argument #0: is partial over ["data"], only a gradient may be}}
  func.func @gradients(%x: tensor<4xf32, #P1>) {
    return
  }
  // expected-error @below {{@update: argument #0: type 'tensor<4xf32>' has no placement, needs llcc-propagate-sharding and llcc-insert-reshards}}
  func.func @update(%x: tensor<4xf32>) {
    return
  }
}

// -----

#D1 = #llcc.sharding<[["data"]]>
#P0 = #llcc.sharding<[], partial = ["data"]>
module attributes {llcc.mesh = #llcc.mesh<["data"], [2]>} {
  // expected-error @below {{@gradients: result #0 is partial over ["data"], only a gradient may be; needs a reshard before the return}}
  func.func @gradients(%x: tensor<4xf32, #D1>) -> (tensor<f32, #P0> {llcc.loss}) {
    %s = llcc.reduce <sum> %x dims [0] : tensor<4xf32, #D1> -> tensor<f32, #P0>
    return %s : tensor<f32, #P0>
  }
  func.func @update() {
    return
  }
}

// -----

#D1 = #llcc.sharding<[["data"]]>
#W1 = #llcc.sharding<[[]], invariant = ["data"]>
module attributes {llcc.mesh = #llcc.mesh<["data"], [2]>} {
  func.func @gradients(%w: tensor<4xf32, #W1> {llcc.param = "w"}) -> (tensor<4xf32, #W1> {llcc.gradient = "w"}) {
    return %w : tensor<4xf32, #W1>
  }
  // expected-error @below {{parameter returned by @update "w" is 'tensor<4xf32, #llcc.sharding<[["data"]]>>', @update takes 'tensor<4xf32, #llcc.sharding<[[]], invariant = ["data"]>>'}}
  func.func @update(%w: tensor<4xf32, #W1> {llcc.param = "w"}) -> (tensor<4xf32, #D1> {llcc.param = "w"}) {
    %s = llcc.reshard %w : tensor<4xf32, #W1> -> tensor<4xf32, #D1>
    return %s : tensor<4xf32, #D1>
  }
}

// -----

#D1 = #llcc.sharding<[["data"]]>
#W1 = #llcc.sharding<[[]], invariant = ["data"]>
module attributes {llcc.mesh = #llcc.mesh<["data"], [2]>} {
  // expected-error @below {{gradient returned by @gradients "w" is 'tensor<4xf32, #llcc.sharding<[[]], invariant = ["data"]>>', @update takes 'tensor<4xf32, #llcc.sharding<[["data"]]>>'}}
  func.func @gradients(%w: tensor<4xf32, #W1> {llcc.param = "w"}) -> (tensor<4xf32, #W1> {llcc.gradient = "w"}) {
    return %w : tensor<4xf32, #W1>
  }
  func.func @update(%w: tensor<4xf32, #W1> {llcc.param = "w"}, %g: tensor<4xf32, #D1> {llcc.gradient = "w"}) {
    return
  }
}

// -----

// expected-error @below {{module has no mesh, needs the attribute llcc.mesh = #llcc.mesh<[axes], [sizes]>}}
module {
}

// -----

// expected-error @below {{module has no function @gradients, needs the train stage before the shard stage}}
module attributes {llcc.mesh = #llcc.mesh<["data"], [2]>} {
}

// -----

// What llcc-plan-reshards makes: an uneven gather, a reduce-scatter, an all-to-all.
#D2 = #llcc.sharding<[["data"], []]>
#E2 = #llcc.sharding<[[], ["data"]]>
#W2 = #llcc.sharding<[[], []], invariant = ["data"]>
#P2 = #llcc.sharding<[[], []], partial = ["data"]>
module attributes {llcc.mesh = #llcc.mesh<["data"], [2]>} {
  func.func @gradients(%x: tensor<7x4xf32, #D2>) {
    %a = llcc.all_gather %x dim 0 size 7 over ["data"] : tensor<7x4xf32, #D2> -> tensor<7x4xf32, #W2>
    %b = llcc.dot %x, %x batch [] x [] contract [0] x [0] : tensor<7x4xf32, #D2>, tensor<7x4xf32, #D2> -> tensor<4x4xf32, #P2>
    %c = llcc.reduce_scatter <sum> %b dim 0 over ["data"] : tensor<4x4xf32, #P2> -> tensor<4x4xf32, #D2>
    %d = llcc.all_to_all %c split 1 concat 0 size 4 over ["data"] : tensor<4x4xf32, #D2> -> tensor<4x4xf32, #E2>
    %e = llcc.axis_slice %a dim 1 over ["data"] : tensor<7x4xf32, #W2> -> tensor<7x4xf32, #E2>
    // expected-error @below {{llcc.axis_slice: takes blocks over 'data', which the operand already uses}}
    %f = llcc.axis_slice %d dim 0 over ["data"] : tensor<4x4xf32, #E2> -> tensor<4x4xf32, #D2>
    // expected-error @below {{llcc.all_reduce: reduces over 'data', the operand is partial over []: it would be counted several times}}
    %g = llcc.all_reduce <sum> %a over ["data"] : tensor<7x4xf32, #W2> -> tensor<7x4xf32, #W2>
    // expected-error @below {{llcc.all_reduce: reduces with max, the operand is pending with sum}}
    %h = llcc.all_reduce <max> %b over ["data"] : tensor<4x4xf32, #P2> -> tensor<4x4xf32, #W2>
    // expected-error @below {{llcc.all_gather: gathers dimension 1 over ["data"], it is cut over []}}
    %i = llcc.all_gather %x dim 1 size 4 over ["data"] : tensor<7x4xf32, #D2> -> tensor<7x4xf32, #W2>
    // expected-error @below {{llcc.all_gather: gives #llcc.sharding<[[], []], invariant = ["data"]>, its result type says #llcc.sharding<[["data"], []]>}}
    %k = llcc.all_gather %x dim 0 size 7 over ["data"] : tensor<7x4xf32, #D2> -> tensor<7x4xf32, #D2>
    return
  }
  func.func @update() {
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

// -----

module attributes {llcc.mesh = #llcc.mesh<["data"], [2]>} {
  // expected-error @below {{@gradients has 2 blocks, needs one}}
  func.func @gradients() {
    return
  ^bb1:
    return
  }
}
