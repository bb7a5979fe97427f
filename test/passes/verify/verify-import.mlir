// RUN: llcc-opt %s --llcc-verify-import --split-input-file --verify-diagnostics | FileCheck %s

// CHECK-LABEL: @forward
// CHECK: llcc.dot
module attributes {llcc.model = "m.onnx", llcc.batch = 4 : i64} {
  func.func @forward(%x: tensor<4x3xf32> {llcc.input = "x", llcc.batched}, %ids: tensor<4xi64> {llcc.input = "ids", llcc.batched, llcc.classes = 5 : i64},
                     %w: tensor<3x2xf32> {llcc.param = "w", llcc.trainable}, %m: tensor<4x2xf32> {llcc.param = "mask"}) -> (tensor<4x2xf32> {llcc.output = "y"}) {
    %c = arith.constant dense<2.0> : tensor<4x2xf32>
    %i = arith.constant dense<[1, 2, 3]> : tensor<3xi64>
    %0 = llcc.dot %x, %w batch [] x [] contract [1] x [0] : tensor<4x3xf32>, tensor<3x2xf32> -> tensor<4x2xf32>
    %1 = arith.mulf %0, %c : tensor<4x2xf32>
    %2 = arith.addf %1, %m : tensor<4x2xf32>
    return %2 : tensor<4x2xf32>
  }
}

// -----

// expected-error@+3 {{module needs llcc.model, the name of the model's file}}
// expected-error@+2 {{module needs llcc.batch, a number above 0}}
// expected-error@+1 {{module has no @forward; import makes it}}
module {
  // expected-error@+1 {{func.func stands beside @forward, nothing else may after import}}
  func.func @other() { return }
}

// -----

module attributes {llcc.model = "m.onnx", llcc.batch = 4 : i64} {
  // expected-error@+1 {{@forward needs one block of ops}}
  func.func private @forward()
}

// -----

module attributes {llcc.model = "m.onnx", llcc.batch = 4 : i64} {
  // expected-error@+5 {{argument 0 has type 'tensor<?xf32>', needs a tensor of known shape}}
  // expected-error@+4 {{argument 1 has neither llcc.input and llcc.param, needs one of them}}
  // expected-error@+3 {{argument 2 has both llcc.input and llcc.param, needs one of them}}
  // expected-error@+2 {{argument 4 has the name "x", needs one that no other has}}
  // expected-error@+1 {{result 0 needs llcc.output, a name that no other has}}
  func.func @forward(%a: tensor<?xf32> {llcc.input = "a"}, %b: tensor<4xf32>, %c: tensor<4xf32> {llcc.input = "c", llcc.param = "c"},
                     %x: tensor<4xf32> {llcc.input = "x"}, %y: tensor<4xf32> {llcc.input = "x"}) -> tensor<4xf32> {
    return %x : tensor<4xf32>
  }
}

// -----

module attributes {llcc.model = "m.onnx", llcc.batch = 4 : i64} {
  // expected-error@+8 {{parameter "w" has llcc.batched, only inputs may}}
  // expected-error@+7 {{parameter "i" of type 'tensor<4xi64>' has llcc.trainable, only floats may}}
  // expected-error@+6 {{parameter "i" is not read}}
  // expected-error@+5 {{input "late" stands after a parameter, inputs come first}}
  // expected-error@+4 {{input "late" has llcc.trainable, only parameters may}}
  // expected-error@+3 {{input "late" of type 'tensor<3xf32>' is batched, its dimension 0 must be llcc.batch, 4}}
  // expected-error@+2 {{input "late" of type 'tensor<3xf32>' has llcc.classes = 0, needs integers and a number above 0}}
  // expected-error@+1 {{@forward has no result}}
  func.func @forward(%w: tensor<4xf32> {llcc.param = "w", llcc.batched}, %i: tensor<4xi64> {llcc.param = "i", llcc.trainable},
                     %late: tensor<3xf32> {llcc.input = "late", llcc.trainable, llcc.batched, llcc.classes = 0 : i64}) {
    %0 = arith.negf %w : tensor<4xf32>
    return
  }
}

// -----

module attributes {llcc.model = "m.onnx", llcc.batch = 4 : i64} {
  func.func @forward(%x: tensor<4xf32> {llcc.input = "x"}, %p: tensor<f32> {llcc.param = "p"}, %t: tensor<f64> {llcc.param = "t"}) -> (tensor<4xf32> {llcc.output = "y"}) {
    // expected-error@unknown {{node "c1": constant of type 'tensor<2xf32>' is written out, it must be a parameter that refers to bytes}}
    %c = arith.constant dense<[1.0, 2.0]> : tensor<2xf32> loc("c1")
    // expected-error@+1 {{arith.constant has result type 'i64', needs a tensor of known shape}}
    %s = arith.constant 3 : i64
    // expected-error@unknown {{node "fc1": llcc.all_reduce is in @forward, only arith, math and forward llcc ops may be after import}}
    %r = llcc.all_reduce <sum> %x over ["data"] : tensor<4xf32> -> tensor<4xf32> loc("fc1")
    // expected-error@+1 {{llcc.update is in @forward, only arith, math and forward llcc ops may be after import}}
    %e = "llcc.update"(%x, %x, %p, %t) <{hyper = {}, kind = "sgd"}> : (tensor<4xf32>, tensor<4xf32>, tensor<f32>, tensor<f64>) -> tensor<4xf32>
    return %r : tensor<4xf32>
  }
}
