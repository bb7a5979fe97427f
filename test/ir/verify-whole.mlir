// RUN: llcc-opt --split-input-file --verify-diagnostics %s
// Every refusal of ops that are whole for differentiation, and of the optimizer update.

func.func @softmax_axis(%x: tensor<2x3xf32>) {
  // expected-error @below {{'llcc.softmax' op axis is 2, the tensor has rank 2}}
  %y = llcc.softmax %x axis 2 : tensor<2x3xf32>
  return
}

// -----

func.func @log_softmax_axis(%x: tensor<2x3xf32>) {
  // expected-error @below {{'llcc.log_softmax' op axis is -1, the tensor has rank 2}}
  %y = llcc.log_softmax %x axis -1 : tensor<2x3xf32>
  return
}

// -----

func.func @layer_norm_scale(%x: tensor<2x3x4xf32>, %s: tensor<4xf32>) {
  // expected-error @below {{'llcc.layer_norm' op scale is 4, needs x's dimensions from axis 1 on, 3x4}}
  %y = llcc.layer_norm %x, %s axis 1 epsilon 1.0e-5 : tensor<2x3x4xf32>, tensor<4xf32> -> tensor<2x3x4xf32>
  return
}

// -----

func.func @layer_norm_bias(%x: tensor<2x3xf32>, %s: tensor<3xf32>, %b: tensor<2xf32>) {
  // expected-error @below {{'llcc.layer_norm' op bias is 2, needs x's dimensions from axis 1 on, 3}}
  %y = llcc.layer_norm %x, %s, %b axis 1 epsilon 1.0e-5 : tensor<2x3xf32>, tensor<3xf32>, tensor<2xf32> -> tensor<2x3xf32>
  return
}

// -----

func.func @layer_norm_epsilon(%x: tensor<2x3xf32>, %s: tensor<3xf32>) {
  // expected-error @below {{'llcc.layer_norm' op epsilon is -1.000000e+00 : f64, needs at least 0}}
  %y = llcc.layer_norm %x, %s axis 1 epsilon -1.0 : tensor<2x3xf32>, tensor<3xf32> -> tensor<2x3xf32>
  return
}

// -----

func.func @update_kind(%p: tensor<4xf32>, %lr: tensor<f32>, %t: tensor<f64>) {
  // expected-error @below {{update kind "lion" is not known; kinds: sgd, momentum, adam, adamw, adagrad}}
  %n = llcc.update "lion" %p, %p state() lr %lr step %t hyper {} : (tensor<4xf32>, tensor<4xf32>, tensor<f32>, tensor<f64>) -> tensor<4xf32>
  return
}

// -----

func.func @update_states(%p: tensor<4xf32>, %lr: tensor<f32>, %t: tensor<f64>) {
  // expected-error @below {{update adam has 1 states, it needs 2}}
  %n, %m = llcc.update "adam" %p, %p state(%p) lr %lr step %t hyper {} : (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<f32>, tensor<f64>) -> (tensor<4xf32>, tensor<4xf32>)
  return
}

// -----

func.func @update_gradient(%p: tensor<4xf32>, %g: tensor<5xf32>, %lr: tensor<f32>, %t: tensor<f64>) {
  // expected-error @below {{'llcc.update' op grad is 5 of 'f32', needs the param's 4 of 'f32'}}
  %n = llcc.update "sgd" %p, %g state() lr %lr step %t hyper {} : (tensor<4xf32>, tensor<5xf32>, tensor<f32>, tensor<f64>) -> tensor<4xf32>
  return
}

// -----

func.func @update_new_state(%p: tensor<4xf32>, %lr: tensor<f32>, %t: tensor<f64>) {
  // expected-error @below {{'llcc.update' op new state is 4 of 'f64', needs the param's 4 of 'f32'}}
  %n, %m = llcc.update "momentum" %p, %p state(%p) lr %lr step %t hyper {} : (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<f32>, tensor<f64>) -> (tensor<4xf32>, tensor<4xf64>)
  return
}

// -----

func.func @update_lr(%p: tensor<4xf32>, %lr: tensor<1xf32>, %t: tensor<f64>) {
  // expected-error @below {{'llcc.update' op lr is 1 of 'f32', needs a scalar of f32 or f64}}
  %n = llcc.update "sgd" %p, %p state() lr %lr step %t hyper {} : (tensor<4xf32>, tensor<4xf32>, tensor<1xf32>, tensor<f64>) -> tensor<4xf32>
  return
}

// -----

func.func @update_step(%p: tensor<4xf32>, %lr: tensor<f32>) {
  // expected-error @below {{'llcc.update' op step is scalar of 'f32', needs a scalar of f64}}
  %n = llcc.update "sgd" %p, %p state() lr %lr step %lr hyper {} : (tensor<4xf32>, tensor<4xf32>, tensor<f32>, tensor<f32>) -> tensor<4xf32>
  return
}

// -----

func.func @update_unknown_number(%p: tensor<4xf32>, %lr: tensor<f32>, %t: tensor<f64>) {
  // expected-error @below {{'llcc.update' op hyper has 'momentom', needs momentum, beta1, beta2, epsilon, weight_decay, nesterov, dampening, count, epsilon_hat, shrink or decay}}
  %n = llcc.update "sgd" %p, %p state() lr %lr step %t hyper {momentom = 0.9 : f64} : (tensor<4xf32>, tensor<4xf32>, tensor<f32>, tensor<f64>) -> tensor<4xf32>
  return
}

// -----

func.func @update_no_number(%p: tensor<4xf32>, %lr: tensor<f32>, %t: tensor<f64>) {
  // expected-error @below {{'llcc.update' op hyper 'weight_decay' is "much", needs a number of f64}}
  %n = llcc.update "sgd" %p, %p state() lr %lr step %t hyper {weight_decay = "much"} : (tensor<4xf32>, tensor<4xf32>, tensor<f32>, tensor<f64>) -> tensor<4xf32>
  return
}
