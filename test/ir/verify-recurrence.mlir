// RUN: llcc-opt --split-input-file --verify-diagnostics %s
// Every refusal of recurrence and its gradient. T = 5 steps, B = 2 sequences, H = 3 units.

func.func @kind(%x: tensor<5x2x12xf32>, %r: tensor<12x3xf32>, %h: tensor<2x3xf32>) {
  // expected-error @below {{'llcc.recurrence' op kind is "cell", needs lstm, gru or rnn}}
  %y = llcc.recurrence "cell" ["tanh"] of %x, %r, %h {alphas = array<f64: 0.0>, betas = array<f64: 0.0>} : (tensor<5x2x12xf32>, tensor<12x3xf32>, tensor<2x3xf32>) -> tensor<5x2x3xf32>
  return
}

// -----

func.func @functions(%x: tensor<5x2x3xf32>, %r: tensor<3x3xf32>, %h: tensor<2x3xf32>) {
  // expected-error @below {{'llcc.recurrence' op rnn has 2 activations, 1 alphas and 1 betas, needs 1 of each}}
  %y = llcc.recurrence "rnn" ["tanh", "tanh"] of %x, %r, %h {alphas = array<f64: 0.0>, betas = array<f64: 0.0>} : (tensor<5x2x3xf32>, tensor<3x3xf32>, tensor<2x3xf32>) -> tensor<5x2x3xf32>
  return
}

// -----

func.func @function(%x: tensor<5x2x3xf32>, %r: tensor<3x3xf32>, %h: tensor<2x3xf32>) {
  // expected-error @below {{'llcc.recurrence' op activation "swish" is not known}}
  %y = llcc.recurrence "rnn" ["swish"] of %x, %r, %h {alphas = array<f64: 0.0>, betas = array<f64: 0.0>} : (tensor<5x2x3xf32>, tensor<3x3xf32>, tensor<2x3xf32>) -> tensor<5x2x3xf32>
  return
}

// -----

func.func @square(%x: tensor<5x2x3xf32>, %r: tensor<4x3xf32>, %h: tensor<2x3xf32>) {
  // expected-error @below {{'llcc.recurrence' op has steps 5x2x3 and r 4x3, needs [T, B, ..] and [1*H, H]}}
  %y = llcc.recurrence "rnn" ["tanh"] of %x, %r, %h {alphas = array<f64: 0.0>, betas = array<f64: 0.0>} : (tensor<5x2x3xf32>, tensor<4x3xf32>, tensor<2x3xf32>) -> tensor<5x2x3xf32>
  return
}

// -----

func.func @state(%x: tensor<5x2x3xf32>, %r: tensor<3x3xf32>, %h: tensor<3x2xf32>) {
  // expected-error @below {{'llcc.recurrence' op h0 is 3x2, needs 2x3}}
  %y = llcc.recurrence "rnn" ["tanh"] of %x, %r, %h {alphas = array<f64: 0.0>, betas = array<f64: 0.0>} : (tensor<5x2x3xf32>, tensor<3x3xf32>, tensor<3x2xf32>) -> tensor<5x2x3xf32>
  return
}

// -----

func.func @elements(%x: tensor<5x2x3xf32>, %r: tensor<3x3xf64>, %h: tensor<2x3xf32>) {
  // expected-error @below {{'llcc.recurrence' op element types differ: 'f32' and 'f64'}}
  %y = llcc.recurrence "rnn" ["tanh"] of %x, %r, %h {alphas = array<f64: 0.0>, betas = array<f64: 0.0>} : (tensor<5x2x3xf32>, tensor<3x3xf64>, tensor<2x3xf32>) -> tensor<5x2x3xf32>
  return
}

// -----

func.func @cell(%x: tensor<5x2x3xf32>, %r: tensor<3x3xf32>, %h: tensor<2x3xf32>) {
  // expected-error @below {{'llcc.recurrence' op c0, peepholes and input_forget are for lstm, which needs c0; the kind is rnn}}
  %y = llcc.recurrence "rnn" ["tanh"] of %x, %r, %h cell %h {alphas = array<f64: 0.0>, betas = array<f64: 0.0>} : (tensor<5x2x3xf32>, tensor<3x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<5x2x3xf32>
  return
}

// -----

func.func @linear(%x: tensor<5x2x3xf32>, %r: tensor<3x3xf32>, %h: tensor<2x3xf32>) {
  // expected-error @below {{'llcc.recurrence' op linear_before_reset is for gru, the kind is rnn}}
  %y = llcc.recurrence "rnn" ["tanh"] of %x, %r, %h {linear_before_reset, alphas = array<f64: 0.0>, betas = array<f64: 0.0>} : (tensor<5x2x3xf32>, tensor<3x3xf32>, tensor<2x3xf32>) -> tensor<5x2x3xf32>
  return
}

// -----

func.func @bias(%x: tensor<5x2x9xf32>, %r: tensor<9x3xf32>, %h: tensor<2x3xf32>) {
  // expected-error @below {{'llcc.recurrence' op hidden_bias and linear_before_reset need each other}}
  %y:2 = llcc.recurrence "gru" ["sigmoid", "tanh"] of %x, %r, %h {linear_before_reset, alphas = array<f64: 0.0, 0.0>, betas = array<f64: 0.0, 0.0>} : (tensor<5x2x9xf32>, tensor<9x3xf32>, tensor<2x3xf32>) -> (tensor<5x2x3xf32>, tensor<5x2x12xf32>)
  return
}

// -----

func.func @lengths(%x: tensor<5x2x3xf32>, %r: tensor<3x3xf32>, %h: tensor<2x3xf32>, %l: tensor<3xi32>) {
  // expected-error @below {{'llcc.recurrence' op lengths is 3, needs 2}}
  %y = llcc.recurrence "rnn" ["tanh"] of %x, %r, %h lengths %l {alphas = array<f64: 0.0>, betas = array<f64: 0.0>} : (tensor<5x2x3xf32>, tensor<3x3xf32>, tensor<2x3xf32>, tensor<3xi32>) -> tensor<5x2x3xf32>
  return
}

// -----

func.func @saved(%x: tensor<5x2x9xf32>, %r: tensor<9x3xf32>, %h: tensor<2x3xf32>) {
  // expected-error @below {{'llcc.recurrence' op gru has 0 saved results, needs 1}}
  %y = llcc.recurrence "gru" ["sigmoid", "tanh"] of %x, %r, %h {alphas = array<f64: 0.0, 0.0>, betas = array<f64: 0.0, 0.0>} : (tensor<5x2x9xf32>, tensor<9x3xf32>, tensor<2x3xf32>) -> tensor<5x2x3xf32>
  return
}

// -----

func.func @gates(%x: tensor<5x2x9xf32>, %r: tensor<9x3xf32>, %h: tensor<2x3xf32>) {
  // expected-error @below {{'llcc.recurrence' op gates is 5x2x12, needs 5x2x9}}
  %y:2 = llcc.recurrence "gru" ["sigmoid", "tanh"] of %x, %r, %h {alphas = array<f64: 0.0, 0.0>, betas = array<f64: 0.0, 0.0>} : (tensor<5x2x9xf32>, tensor<9x3xf32>, tensor<2x3xf32>) -> (tensor<5x2x3xf32>, tensor<5x2x12xf32>)
  return
}

// -----

func.func @gradient_gates(%r: tensor<9x3xf32>, %h: tensor<2x3xf32>, %y: tensor<5x2x3xf32>) {
  // expected-error @below {{'llcc.recurrence_grad' op of gru needs neither cells nor dc0, but gates}}
  %d:2 = llcc.recurrence_grad "gru" ["sigmoid", "tanh"] of %r, %h, %y, %y {alphas = array<f64: 0.0, 0.0>, betas = array<f64: 0.0, 0.0>} : (tensor<9x3xf32>, tensor<2x3xf32>, tensor<5x2x3xf32>, tensor<5x2x3xf32>) -> (tensor<5x2x9xf32>, tensor<2x3xf32>)
  return
}

// -----

func.func @gradient_cells(%r: tensor<12x3xf32>, %h: tensor<2x3xf32>, %y: tensor<5x2x3xf32>) {
  // expected-error @below {{'llcc.recurrence_grad' op of lstm needs cells, gates and dc0}}
  %d:2 = llcc.recurrence_grad "lstm" ["sigmoid", "tanh", "tanh"] of %r, %h, %y, %y cell %h {alphas = array<f64: 0.0, 0.0, 0.0>, betas = array<f64: 0.0, 0.0, 0.0>} : (tensor<12x3xf32>, tensor<2x3xf32>, tensor<5x2x3xf32>, tensor<5x2x3xf32>, tensor<2x3xf32>) -> (tensor<5x2x12xf32>, tensor<2x3xf32>)
  return
}

// -----

func.func @gradient_result(%r: tensor<3x3xf32>, %h: tensor<2x3xf32>, %y: tensor<5x2x3xf32>) {
  // expected-error @below {{'llcc.recurrence_grad' op dx is 5x2x9, needs 5x2x3}}
  %d:2 = llcc.recurrence_grad "rnn" ["tanh"] of %r, %h, %y, %y {alphas = array<f64: 0.0>, betas = array<f64: 0.0>} : (tensor<3x3xf32>, tensor<2x3xf32>, tensor<5x2x3xf32>, tensor<5x2x3xf32>) -> (tensor<5x2x9xf32>, tensor<2x3xf32>)
  return
}
