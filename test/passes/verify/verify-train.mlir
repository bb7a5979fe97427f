// RUN: llcc-opt --llcc-verify-train --split-input-file --verify-diagnostics %s
// RUN: llcc-opt --llcc-convert-precision --llcc-attach-loss --llcc-differentiate --llcc-widen-gradients --llcc-attach-optimizer=optimizer=adam --llcc-attach-loss-scale --llcc-decompose --llcc-verify-train %S/../train/attach-loss-shapes.mlir --split-input-file -o /dev/null

// What the passes of the train stage make holds.
module attributes {llcc.microbatches = 2 : i64} {
  func.func @forward(%x: tensor<2xf32> {llcc.input = "x"}, %w: tensor<2xf32> {llcc.param = "w", llcc.trainable}, %f: tensor<2xf32> {llcc.param = "f"}) -> (tensor<2xf32> {llcc.output = "y"}) {
    return %w : tensor<2xf32>
  }
  func.func @gradients(%x: tensor<2xf32> {llcc.input = "x"}, %z: tensor<2xf32> {llcc.label = "z"}, %w: tensor<2xf32> {llcc.param = "w", llcc.trainable}, %f: tensor<2xf32> {llcc.param = "f"}) -> (tensor<f32> {llcc.loss}, tensor<2xf32> {llcc.gradient = "w"}) {
    %l = llcc.reduce <sum> %w dims [0] : tensor<2xf32> -> tensor<f32>
    return %l, %z : tensor<f32>, tensor<2xf32>
  }
  func.func @update(%w: tensor<2xf32> {llcc.param = "w", llcc.trainable}, %m: tensor<2xf32> {llcc.state = "velocity:w", llcc.init = 0.0 : f64}, %g: tensor<2xf32> {llcc.gradient = "w"}, %lr: tensor<f32> {llcc.scalar = "lr"}, %t: tensor<f64> {llcc.scalar = "step"}) -> (tensor<2xf32> {llcc.param = "w"}, tensor<2xf32> {llcc.state = "velocity:w"}) {
    llcc.capture "gradient" "w" %g : tensor<2xf32>
    return %w, %m : tensor<2xf32>, tensor<2xf32>
  }
}

// -----

// expected-error @below {{module needs llcc.microbatches, a number above 0 (llcc-attach-loss sets it)}}
// expected-error @below {{module has no @forward; import makes it}}
// expected-error @below {{module has no @gradients; llcc-attach-loss makes it}}
// expected-error @below {{module has no @update; llcc-attach-optimizer makes it}}
module {
}

// -----

// Ops that must be gone, foreign ops, functions without a body.
module attributes {llcc.microbatches = 1 : i64} {
  func.func @forward(%x: tensor<2xf32> {llcc.input = "x"}, %w: tensor<2xf32> {llcc.param = "w", llcc.trainable}) -> (tensor<2xf32> {llcc.output = "y"}) {
    // expected-error @unknown {{node "act": llcc.sigmoid is left in @forward; llcc-decompose takes it apart}}
    %y = llcc.sigmoid %x : tensor<2xf32> loc("act")
    // expected-error @unknown {{func.call is in @forward, only arith, math and llcc ops may be}}
    %z = func.call @forward(%y, %w) : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32> loc(unknown)
    // expected-error @unknown {{arith.constant has result type 'i64', needs a tensor of known shape}}
    %c = arith.constant 3 : i64 loc(unknown)
    return %z : tensor<2xf32>
  }
  // expected-error @below {{@gradients needs one block of ops}}
  func.func private @gradients(tensor<2xf32>)
  func.func @update() {
    return
  }
}

// -----

// @gradients against @forward and in itself.
// expected-error @below {{module has no @update; llcc-attach-optimizer makes it}}
module attributes {llcc.microbatches = 1 : i64} {
  func.func @forward(%x: tensor<2xf32> {llcc.input = "x"}, %a: tensor<2xf32> {llcc.param = "a", llcc.trainable}, %b: tensor<2xf32> {llcc.param = "b", llcc.trainable}, %c: tensor<2xf32> {llcc.param = "c"}, %d: tensor<2xf32> {llcc.param = "d"}) -> (tensor<2xf32> {llcc.output = "y"}) {
    return %x : tensor<2xf32>
  }
  // expected-error @below {{@gradients lacks the argument llcc.input = "x" of @forward}}
  // expected-error @below {{"a" has type 'tensor<3xf32>' in @gradients and 'tensor<2xf32>' in @forward}}
  // expected-error @below {{parameter "c" is trainable in only one of @forward and @gradients}}
  // expected-error @below {{@gradients must return the loss first, a float scalar with llcc.loss}}
  // expected-error @below {{parameter "a" has type 'tensor<3xf32>', its gradient 'tensor<2xf32>'}}
  // expected-error @below {{trainable parameter "b" has no gradient}}
  // expected-error @below {{trainable parameter "c" has no gradient}}
  // expected-error @below {{frozen parameter "d" has a gradient}}
  // expected-error @below {{gradient of "e" belongs to no parameter}}
  // expected-error @below {{result 4 of @gradients is neither loss nor gradient}}
  func.func @gradients(%a: tensor<3xf32> {llcc.param = "a", llcc.trainable}, %b: tensor<2xf32> {llcc.param = "b", llcc.trainable}, %c: tensor<2xf32> {llcc.param = "c", llcc.trainable}, %d: tensor<2xf32> {llcc.param = "d"}) -> (tensor<2xf32> {llcc.loss}, tensor<2xf32> {llcc.gradient = "a"}, tensor<2xf32> {llcc.gradient = "d"}, tensor<2xf32> {llcc.gradient = "e"}, tensor<2xf32>) {
    return %b, %b, %b, %b, %b : tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>
  }
}

// -----

// @update against @gradients and in itself.
module attributes {llcc.microbatches = 1 : i64} {
  func.func @forward(%a: tensor<2xf32> {llcc.param = "a", llcc.trainable}, %b: tensor<2xf32> {llcc.param = "b", llcc.trainable}) -> (tensor<2xf32> {llcc.output = "y"}) {
    return %a : tensor<2xf32>
  }
  func.func @gradients(%a: tensor<2xf32> {llcc.param = "a", llcc.trainable}, %b: tensor<2xf32> {llcc.param = "b", llcc.trainable}) -> (tensor<f32> {llcc.loss}, tensor<2xf32> {llcc.gradient = "a"}, tensor<2xf32> {llcc.gradient = "b"}) {
    %l = llcc.reduce <sum> %a dims [0] : tensor<2xf32> -> tensor<f32>
    return %l, %a, %b : tensor<f32>, tensor<2xf32>, tensor<2xf32>
  }
  // expected-error @below {{@update takes the gradient "a" as 'tensor<3xf32>', it is 'tensor<2xf32>'}}
  // expected-error @below {{@update does not take the gradient "b"}}
  // expected-error @below {{parameter "b" has a gradient but no update}}
  // expected-error @below {{parameter "c" is updated without a gradient}}
  // expected-error @below {{@update does not return llcc.param = "c"}}
  // expected-error @below {{"v:a" has type 'tensor<2xf32>' before and 'tensor<3xf32>' after the update}}
  // expected-error @below {{state "v:a" has no initial value (llcc.init)}}
  // expected-error @below {{@update returns llcc.state = "m:a" that it does not take}}
  // expected-error @below {{@update does not take the scalar "lr"}}
  // expected-error @below {{@update takes the scalar "step" as 'tensor<f32>', it is 'tensor<f64>'}}
  // expected-error @below {{@update does not capture the gradient of "a"}}
  // expected-error @below {{@update does not capture the gradient of "b"}}
  // expected-error @below {{@update has two results with llcc.param = "a"}}
  func.func @update(%a: tensor<2xf32> {llcc.param = "a", llcc.trainable}, %c: tensor<2xf32> {llcc.param = "c", llcc.trainable}, %v: tensor<2xf32> {llcc.state = "v:a"}, %g: tensor<3xf32> {llcc.gradient = "a"}, %t: tensor<f32> {llcc.scalar = "step"}) -> (tensor<2xf32> {llcc.param = "a"}, tensor<3xf32> {llcc.state = "v:a"}, tensor<3xf32> {llcc.state = "m:a"}, tensor<2xf32> {llcc.param = "a"}) {
    llcc.capture "gradient" "b" %v : tensor<2xf32>
    return %a, %g, %g, %a : tensor<2xf32>, tensor<3xf32>, tensor<3xf32>, tensor<2xf32>
  }
}

// -----

// What is updated is f32 at least; the state that the backward pass reads is updated as well.
module attributes {llcc.microbatches = 1 : i64} {
  func.func @forward(%a: tensor<2xbf16> {llcc.param = "a", llcc.trainable}) -> (tensor<2xbf16> {llcc.output = "y"}) {
    return %a : tensor<2xbf16>
  }
  func.func @gradients(%a: tensor<2xbf16> {llcc.param = "a", llcc.trainable}, %s: tensor<f32> {llcc.state = "loss_scale"}) -> (tensor<f32> {llcc.loss}, tensor<2xbf16> {llcc.gradient = "a"}) {
    return %s, %a : tensor<f32>, tensor<2xbf16>
  }
  // expected-error @below {{"a" is updated as 'tensor<2xbf16>'; llcc-convert-precision gives parameters of 16 bits an f32 master}}
  // expected-error @below {{@update does not take the state "loss_scale" of @gradients}}
  func.func @update(%a: tensor<2xbf16> {llcc.param = "a", llcc.trainable}, %g: tensor<2xbf16> {llcc.gradient = "a"}, %lr: tensor<f32> {llcc.scalar = "lr"}, %t: tensor<f64> {llcc.scalar = "step"}) -> (tensor<2xbf16> {llcc.param = "a"}) {
    llcc.capture "gradient" "a" %g : tensor<2xbf16>
    return %a : tensor<2xbf16>
  }
}
