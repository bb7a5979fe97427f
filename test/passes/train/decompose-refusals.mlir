// RUN: llcc-opt --llcc-decompose --split-input-file --verify-diagnostics %s

func.func @unknown_kind(%p: tensor<4xf32>, %lr: tensor<f32>, %t: tensor<f64>) -> tensor<4xf32> {
  // expected-error @+1 {{update kind "lion" is not known; kinds: sgd, momentum, adam, adamw, adagrad}}
  %n = llcc.update "lion" %p, %p state() lr %lr step %t hyper {} : (tensor<4xf32>, tensor<4xf32>, tensor<f32>, tensor<f64>) -> tensor<4xf32>
  return %n : tensor<4xf32>
}

// -----

func.func @missing_state(%p: tensor<4xf32>, %lr: tensor<f32>, %t: tensor<f64>) -> tensor<4xf32> {
  // expected-error @+1 {{update momentum has 0 states, it needs 1}}
  %n = llcc.update "momentum" %p, %p state() lr %lr step %t hyper {momentum = 0.9 : f64} : (tensor<4xf32>, tensor<4xf32>, tensor<f32>, tensor<f64>) -> tensor<4xf32>
  return %n : tensor<4xf32>
}

// -----

func.func @missing_number(%p: tensor<4xf32>, %lr: tensor<f32>, %t: tensor<f64>) -> (tensor<4xf32>, tensor<4xf32>) {
  // expected-error @+1 {{update momentum lacks the number momentum}}
  %n, %v = llcc.update "momentum" %p, %p state(%p) lr %lr step %t hyper {} : (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<f32>, tensor<f64>) -> (tensor<4xf32>, tensor<4xf32>)
  return %n, %v : tensor<4xf32>, tensor<4xf32>
}
