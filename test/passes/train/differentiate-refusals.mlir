// RUN: llcc-opt --llcc-differentiate --split-input-file --verify-diagnostics %s

// expected-error @+1 {{module has no @gradients; attach a loss first (llcc-attach-loss)}}
module {
}

// -----

module {
  // expected-error @+1 {{@gradients returns 2 results, differentiation needs the loss alone (llcc.loss)}}
  func.func @gradients(%w: tensor<f32> {llcc.param = "w", llcc.trainable}) -> (tensor<f32> {llcc.loss}, tensor<f32>) {
    return %w, %w : tensor<f32>, tensor<f32>
  }
}

// -----

module {
  // expected-error @+1 {{the loss has type 'tensor<1xf32>', differentiation needs a float scalar}}
  func.func @gradients(%w: tensor<1xf32> {llcc.param = "w", llcc.trainable}) -> (tensor<1xf32> {llcc.loss}) {
    return %w : tensor<1xf32>
  }
}

// -----

module {
  // expected-error @+1 {{the model has no trainable parameter; nothing can be learned}}
  func.func @gradients(%w: tensor<f32> {llcc.param = "w"}) -> (tensor<f32> {llcc.loss}) {
    return %w : tensor<f32>
  }
}

// -----

module {
  // expected-error @+1 {{parameter "n" has type 'tensor<i64>' and cannot be trained; freeze it}}
  func.func @gradients(%n: tensor<i64> {llcc.param = "n", llcc.trainable}, %x: tensor<f32> {llcc.input = "x"}) -> (tensor<f32> {llcc.loss}) {
    return %x : tensor<f32>
  }
}

// -----

// All ops without a rule are listed at once, in order, with their nodes.
module {
  // expected-error @+1 {{no gradient for 2 ops between trainable parameters and the loss: node "bits" (arith.bitcast), arith.bitcast; freeze the parameters in front of them}}
  func.func @gradients(%w: tensor<f32> {llcc.param = "w", llcc.trainable}) -> (tensor<f32> {llcc.loss}) {
    %a = arith.bitcast %w : tensor<f32> to tensor<f32> loc("bits")
    %unused = arith.bitcast %w : tensor<f32> to tensor<f32> loc("unused")
    %b = arith.bitcast %a : tensor<f32> to tensor<f32> loc(unknown)
    return %b : tensor<f32>
  }
}

// -----

module {
  // expected-error @+1 {{@gradients needs a body of one block that returns}}
  func.func private @gradients(tensor<f32>) -> (tensor<f32> {llcc.loss})
}

// -----

// What a region reads counts as read.
module {
  // expected-error @+1 {{no gradient for 1 op between trainable parameters and the loss: node "branch" (scf.if); freeze the parameters in front of them}}
  func.func @gradients(%w: tensor<f32> {llcc.param = "w", llcc.trainable}, %x: tensor<f32> {llcc.input = "x"}) -> (tensor<f32> {llcc.loss}) {
    %true = arith.constant true
    %y = scf.if %true -> tensor<f32> {
      scf.yield %w : tensor<f32>
    } else {
      scf.yield %x : tensor<f32>
    } loc("branch")
    return %y : tensor<f32>
  }
}

// -----

module {
  // expected-warning @+1 {{parameter "lost" does not influence the loss; its gradient is zero}}
  func.func @gradients(%w: tensor<f32> {llcc.param = "w", llcc.trainable}, %l: tensor<2xf32> {llcc.param = "lost", llcc.trainable}) -> (tensor<f32> {llcc.loss}) {
    return %w : tensor<f32>
  }
}
