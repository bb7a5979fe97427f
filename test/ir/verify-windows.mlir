// RUN: llcc-opt --split-input-file --verify-diagnostics %s
// Every refusal of contractions, convolutions and pooling.

func.func @dot_inner(%a: tensor<2x3xf32>, %b: tensor<4x5xf32>) {
  // expected-error @below {{'llcc.dot' op contracted dimensions differ: lhs is 2x3 (dimension 1), rhs is 4x5 (dimension 0)}}
  %y = llcc.dot %a, %b batch [] x [] contract [1] x [0] : tensor<2x3xf32>, tensor<4x5xf32> -> tensor<2x5xf32>
  return
}

// -----

func.func @dot_batch(%a: tensor<2x3xf32>, %b: tensor<4x3xf32>) {
  // expected-error @below {{'llcc.dot' op batch dimensions differ: lhs is 2x3 (dimension 0), rhs is 4x3 (dimension 0)}}
  %y = llcc.dot %a, %b batch [0] x [0] contract [1] x [1] : tensor<2x3xf32>, tensor<4x3xf32> -> tensor<2xf32>
  return
}

// -----

func.func @dot_sides(%a: tensor<2x3xf32>, %b: tensor<3x5xf32>) {
  // expected-error @below {{'llcc.dot' op contracted dimensions are [1] and [], need as many on both sides}}
  %y = llcc.dot %a, %b batch [] x [] contract [1] x [] : tensor<2x3xf32>, tensor<3x5xf32> -> tensor<2x5xf32>
  return
}

// -----

func.func @dot_twice(%a: tensor<2x3xf32>, %b: tensor<2x3xf32>) {
  // expected-error @below {{'llcc.dot' op lhs names dimension 1 twice, in batch [1] and contract [1]}}
  %y = llcc.dot %a, %b batch [1] x [0] contract [1] x [1] : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2xf32>
  return
}

// -----

func.func @dot_rank(%a: tensor<2x3xf32>, %b: tensor<3x5xf32>) {
  // expected-error @below {{'llcc.dot' op rhs names dimension 2, the tensor has rank 2}}
  %y = llcc.dot %a, %b batch [] x [] contract [1] x [2] : tensor<2x3xf32>, tensor<3x5xf32> -> tensor<2x5xf32>
  return
}

// -----

func.func @dot_result(%a: tensor<2x3xf32>, %b: tensor<3x5xf32>) {
  // expected-error @below {{'llcc.dot' op result is 5x2, needs 2x5}}
  %y = llcc.dot %a, %b batch [] x [] contract [1] x [0] : tensor<2x3xf32>, tensor<3x5xf32> -> tensor<5x2xf32>
  return
}

// -----

func.func @dot_elements(%a: tensor<2x3xf32>, %b: tensor<3x5xf64>) {
  // expected-error @below {{'llcc.dot' op element types differ: 'f32' and 'f64'}}
  %y = llcc.dot %a, %b batch [] x [] contract [1] x [0] : tensor<2x3xf32>, tensor<3x5xf64> -> tensor<2x5xf32>
  return
}

// -----

func.func @conv_without_space(%x: tensor<2x4xf32>, %w: tensor<3x4xf32>) {
  // expected-error @below {{'llcc.conv' op operand is 2x4, needs batch, channels and at least one spatial dimension}}
  %y = llcc.conv %x, %w {strides = array<i64>, pads_lo = array<i64>, pads_hi = array<i64>, dilations = array<i64>, groups = 1 : i64} : tensor<2x4xf32>, tensor<3x4xf32> -> tensor<2x3xf32>
  return
}

// -----

func.func @conv_strides(%x: tensor<2x4x8xf32>, %w: tensor<3x4x3xf32>) {
  // expected-error @below {{'llcc.conv' op strides has 2 entries, needs 1}}
  %y = llcc.conv %x, %w {strides = array<i64: 1, 1>, pads_lo = array<i64: 0>, pads_hi = array<i64: 0>, dilations = array<i64: 1>, groups = 1 : i64} : tensor<2x4x8xf32>, tensor<3x4x3xf32> -> tensor<2x3x6xf32>
  return
}

// -----

func.func @conv_ranks(%x: tensor<2x4x8xf32>, %w: tensor<3x4x3x3xf32>) {
  // expected-error @below {{'llcc.conv' op ranks differ: x is 2x4x8, w is 3x4x3x3, y is 2x3x6}}
  %y = llcc.conv %x, %w {strides = array<i64: 1>, pads_lo = array<i64: 0>, pads_hi = array<i64: 0>, dilations = array<i64: 1>, groups = 1 : i64} : tensor<2x4x8xf32>, tensor<3x4x3x3xf32> -> tensor<2x3x6xf32>
  return
}

// -----

func.func @conv_groups(%x: tensor<2x4x8xf32>, %w: tensor<3x2x3xf32>) {
  // expected-error @below {{'llcc.conv' op channels do not fit: x has 4 in 2 groups, w has 2 for each group and makes 3}}
  %y = llcc.conv %x, %w {strides = array<i64: 1>, pads_lo = array<i64: 0>, pads_hi = array<i64: 0>, dilations = array<i64: 1>, groups = 2 : i64} : tensor<2x4x8xf32>, tensor<3x2x3xf32> -> tensor<2x3x6xf32>
  return
}

// -----

func.func @conv_channels_of_y(%x: tensor<2x4x8xf32>, %w: tensor<3x4x3xf32>) {
  // expected-error @below {{'llcc.conv' op y is 2x4x6, needs batch 2 and 3 channels}}
  %y = llcc.conv %x, %w {strides = array<i64: 1>, pads_lo = array<i64: 0>, pads_hi = array<i64: 0>, dilations = array<i64: 1>, groups = 1 : i64} : tensor<2x4x8xf32>, tensor<3x4x3xf32> -> tensor<2x4x6xf32>
  return
}

// -----

func.func @conv_does_not_fit(%x: tensor<2x4x8xf32>, %w: tensor<3x4x5xf32>) {
  // expected-error @below {{'llcc.conv' op kernel of 5 with dilation 3 does not fit the 8 elements of spatial dimension 0 with padding 1 and 1}}
  %y = llcc.conv %x, %w {strides = array<i64: 1>, pads_lo = array<i64: 1>, pads_hi = array<i64: 1>, dilations = array<i64: 3>, groups = 1 : i64} : tensor<2x4x8xf32>, tensor<3x4x5xf32> -> tensor<2x3x1xf32>
  return
}

// -----

func.func @conv_out(%dy: tensor<2x3x5xf32>, %w: tensor<3x4x3xf32>) {
  // expected-error @below {{'llcc.conv_input_grad' op spatial dimension 0 of y has 5 elements, needs 4}}
  %y = llcc.conv_input_grad %dy, %w {strides = array<i64: 2>, pads_lo = array<i64: 0>, pads_hi = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : tensor<2x3x5xf32>, tensor<3x4x3xf32> -> tensor<2x4x8xf32>
  return
}

// -----

func.func @conv_weight(%x: tensor<2x4x8xf32>, %dy: tensor<2x3x5xf32>) {
  // expected-error @below {{'llcc.conv_weight_grad' op spatial dimension 0 of y has 5 elements, needs 6}}
  %y = llcc.conv_weight_grad %x, %dy {strides = array<i64: 1>, pads_lo = array<i64: 0>, pads_hi = array<i64: 0>, dilations = array<i64: 1>, groups = 1 : i64} : tensor<2x4x8xf32>, tensor<2x3x5xf32> -> tensor<3x4x3xf32>
  return
}

// -----

// Floor and ceil mode are both good: (8 - 3) / 2 + 1 = 3 or 4.
func.func @pool_modes(%x: tensor<2x4x8xf32>) {
  %floor = llcc.max_pool %x {window = array<i64: 3>, strides = array<i64: 2>, pads_lo = array<i64: 0>, pads_hi = array<i64: 0>, dilations = array<i64: 1>} : tensor<2x4x8xf32> -> tensor<2x4x3xf32>
  %ceil = llcc.max_pool %x {window = array<i64: 3>, strides = array<i64: 2>, pads_lo = array<i64: 0>, pads_hi = array<i64: 0>, dilations = array<i64: 1>} : tensor<2x4x8xf32> -> tensor<2x4x4xf32>
  // expected-error @below {{'llcc.max_pool' op spatial dimension 0 of y has 5 elements; a window of 3 with stride 2 over 8 padded elements gives 3 (floor mode) to 4}}
  %more = llcc.max_pool %x {window = array<i64: 3>, strides = array<i64: 2>, pads_lo = array<i64: 0>, pads_hi = array<i64: 0>, dilations = array<i64: 1>} : tensor<2x4x8xf32> -> tensor<2x4x5xf32>
  return
}

// -----

func.func @pool_channels(%dy: tensor<2x3x3xf32>) {
  // expected-error @below {{'llcc.avg_pool_grad' op y is 2x3x3, needs the batch and channels of x, 2x4x8}}
  %y = llcc.avg_pool_grad %dy {window = array<i64: 3>, strides = array<i64: 2>, pads_lo = array<i64: 0>, pads_hi = array<i64: 0>, dilations = array<i64: 1>, count_include_pad = false} : tensor<2x3x3xf32> -> tensor<2x4x8xf32>
  return
}

// -----

func.func @pool_window(%x: tensor<2x4x8xf32>) {
  // expected-error @below {{'llcc.avg_pool' op spatial dimension 0 of y has 0 elements; a window of 12 with stride 2 over 9 padded elements gives 1 (floor mode) to 5}}
  %y = llcc.avg_pool %x {window = array<i64: 12>, strides = array<i64: 2>, pads_lo = array<i64: 1>, pads_hi = array<i64: 0>, dilations = array<i64: 1>, count_include_pad = false} : tensor<2x4x8xf32> -> tensor<2x4x0xf32>
  return
}

// -----

func.func @pool_empty_window(%x: tensor<2x4x8xf32>) {
  // expected-error @below {{'llcc.avg_pool' op window is [0], needs entries of at least 1}}
  %y = llcc.avg_pool %x {window = array<i64: 0>, strides = array<i64: 2>, pads_lo = array<i64: 1>, pads_hi = array<i64: 0>, dilations = array<i64: 1>, count_include_pad = false} : tensor<2x4x8xf32> -> tensor<2x4x1xf32>
  return
}

// -----

func.func @pool_grad_result(%x: tensor<2x4x8xf32>, %dy: tensor<2x4x3xf32>) {
  // expected-error @below {{'llcc.max_pool_grad' op result is 2x4x7, needs 2x4x8}}
  %y = llcc.max_pool_grad %x, %dy {window = array<i64: 3>, strides = array<i64: 2>, pads_lo = array<i64: 0>, pads_hi = array<i64: 0>, dilations = array<i64: 1>} : tensor<2x4x8xf32>, tensor<2x4x3xf32> -> tensor<2x4x7xf32>
  return
}
