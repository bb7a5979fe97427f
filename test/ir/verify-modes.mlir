// RUN: llcc-opt %s --split-input-file --verify-diagnostics

func.func @draws(%i: tensor<2x3xi64>, %k: tensor<i64>, %x: tensor<2x3xf32>, %r: tensor<3xf32>) -> tensor<2x3xf32> {
  %a = llcc.random_bits %i stream 7 key() : (tensor<2x3xi64>) -> tensor<2x3xi32>
  %b = llcc.random_bits %i stream 7 key(%k, %k) : (tensor<2x3xi64>, tensor<i64>, tensor<i64>) -> tensor<2x3xi32>
  %t = llcc.track %x, %r by %r momentum 0.9 : tensor<2x3xf32>, tensor<3xf32>, tensor<3xf32> -> tensor<2x3xf32>
  %s = llcc.standardize %t dims [0] epsilon 1.0e-05 : tensor<2x3xf32>
  %m = llcc.by_mode %s, %x : tensor<2x3xf32>
  return %m : tensor<2x3xf32>
}

// -----

func.func @index(%i: tensor<2x3xi32>) {
  // expected-error @below {{'llcc.random_bits' op index has elements of type 'i32', needs i64}}
  %a = llcc.random_bits %i stream 0 key() : (tensor<2x3xi32>) -> tensor<2x3xi32>
  return
}

// -----

func.func @result(%i: tensor<2x3xi64>) {
  // expected-error @below {{'llcc.random_bits' op result is 'tensor<6xi32>', needs i32 in the shape of index, 2x3}}
  %a = llcc.random_bits %i stream 0 key() : (tensor<2x3xi64>) -> tensor<6xi32>
  return
}

// -----

func.func @one_key(%i: tensor<2x3xi64>, %k: tensor<i64>) {
  // expected-error @below {{'llcc.random_bits' op key has 1 numbers, needs none or seed and step}}
  %a = llcc.random_bits %i stream 0 key(%k) : (tensor<2x3xi64>, tensor<i64>) -> tensor<2x3xi32>
  return
}

// -----

func.func @key_type(%i: tensor<2x3xi64>, %k: tensor<i64>, %l: tensor<1xi64>) {
  // expected-error @below {{'llcc.random_bits' op key holds 'tensor<1xi64>', needs scalars of i64}}
  %a = llcc.random_bits %i stream 0 key(%k, %l) : (tensor<2x3xi64>, tensor<i64>, tensor<1xi64>) -> tensor<2x3xi32>
  return
}

// -----

func.func @tracked_type(%x: tensor<2x3xf32>, %r: tensor<3xf32>, %v: tensor<3xf64>) {
  // expected-error @below {{'llcc.track' op value is 'tensor<3xf64>', running is 'tensor<3xf32>'}}
  %t = llcc.track %x, %r by %v momentum 0.9 : tensor<2x3xf32>, tensor<3xf32>, tensor<3xf64> -> tensor<2x3xf32>
  return
}

// -----

func.func @tracked_result(%x: tensor<2x3xf32>, %r: tensor<3xf32>) {
  // expected-error @below {{'llcc.track' op result is 'tensor<3x2xf32>', needs x's type 'tensor<2x3xf32>'}}
  %t = llcc.track %x, %r by %r momentum 0.9 : tensor<2x3xf32>, tensor<3xf32>, tensor<3xf32> -> tensor<3x2xf32>
  return
}

// -----

func.func @momentum(%x: tensor<2x3xf32>, %r: tensor<3xf32>) {
  // expected-error @below {{'llcc.track' op momentum is 1.500000e+00 : f64, needs a number from 0 to 1}}
  %t = llcc.track %x, %r by %r momentum 1.5 : tensor<2x3xf32>, tensor<3xf32>, tensor<3xf32> -> tensor<2x3xf32>
  return
}

// -----

func.func @dims(%x: tensor<2x3xf32>) {
  // expected-error @below {{'llcc.standardize' op dims are [1, 0], need to increase strictly below rank 2}}
  %s = llcc.standardize %x dims [1, 0] epsilon 1.0e-05 : tensor<2x3xf32>
  return
}

// -----

func.func @epsilon(%x: tensor<2x3xf32>) {
  // expected-error @below {{'llcc.standardize' op epsilon is -1.000000e+00 : f64, needs at least 0}}
  %s = llcc.standardize %x dims [0] epsilon -1.0 : tensor<2x3xf32>
  return
}
