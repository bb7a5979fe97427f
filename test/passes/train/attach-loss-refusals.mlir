// RUN: llcc-opt --llcc-attach-loss --split-input-file --verify-diagnostics %s
// RUN: not llcc-opt --llcc-attach-loss="output=nope" %S/attach-loss.mlir 2>&1 | FileCheck %s --check-prefix=OUTPUT
// RUN: not llcc-opt --llcc-attach-loss="loss=hinge" %S/attach-loss.mlir 2>&1 | FileCheck %s --check-prefix=LOSS
// RUN: not llcc-opt --llcc-attach-loss="loss=hidden" %S/attach-loss.mlir 2>&1 | FileCheck %s --check-prefix=OWN
// RUN: not llcc-opt --llcc-attach-loss="label=x" %S/attach-loss.mlir 2>&1 | FileCheck %s --check-prefix=INPUT
// RUN: not llcc-opt --llcc-attach-loss="label=w" %S/attach-loss.mlir 2>&1 | FileCheck %s --check-prefix=PARAM
// RUN: not llcc-opt --llcc-attach-loss="class-dim=0" %S/attach-loss.mlir 2>&1 | FileCheck %s --check-prefix=DIM0
// RUN: not llcc-opt --llcc-attach-loss="class-dim=2" %S/attach-loss.mlir 2>&1 | FileCheck %s --check-prefix=DIM2
// RUN: not llcc-opt --llcc-attach-loss="microbatches=0" %S/attach-loss.mlir 2>&1 | FileCheck %s --check-prefix=MICRO
// RUN: not llcc-opt --llcc-attach-loss --llcc-attach-loss %S/attach-loss.mlir 2>&1 | FileCheck %s --check-prefix=TWICE

// RUN: not llcc-opt --llcc-attach-loss="label=" %S/attach-loss.mlir 2>&1 | FileCheck %s --check-prefix=NAMELESS

// NAMELESS: error: label needs a name{{$}}
// OUTPUT: error: output "nope" is not in the model; outputs: "logits", "hidden", "total"{{$}}
// LOSS: error: loss "hinge" is neither a loss (cross_entropy, nll, mse, l1, bce, bce_logits) nor an output of the model ("logits", "hidden", "total"){{$}}
// OWN: error: output "hidden" has shape [8, 3], an output that is the loss has one element{{$}}
// INPUT: error: label "x" is also the name of an input; give the label another name{{$}}
// PARAM: error: label "w" is also the name of a parameter; give the label another name{{$}}
// DIM0: error: class-dim=0 is the batch; the classes of output "logits" of shape [8, 3] are in another dimension{{$}}
// DIM2: error: output "logits" has shape [8, 3], cross_entropy needs a class dimension below its rank, not 2{{$}}
// MICRO: error: microbatches=0 is below 1{{$}}
// TWICE: error: module already has @gradients; a loss is attached once{{$}}

// expected-error @+1 {{module has no @forward; import a model first}}
module {
}

// -----

module {
  // expected-error @+1 {{the model has no output that could be trained}}
  func.func @forward(%x: tensor<2x3xf32> {llcc.input = "x"}) {
    return
  }
}

// -----

module {
  // expected-error @+1 {{@forward needs a body of one block that returns}}
  func.func private @forward(tensor<2x3xf32>) -> tensor<2x3xf32>
}

// -----

module {
  // expected-error @+1 {{output "ids" has type 'tensor<2x3xi64>', a loss needs a float tensor of known shape}}
  func.func @forward(%x: tensor<2x3xi64> {llcc.input = "x"}) -> (tensor<2x3xi64> {llcc.output = "ids"}) {
    return %x : tensor<2x3xi64>
  }
}

// -----

module {
  // expected-error @+1 {{output "ids" has type 'tensor<2x3xi64>', a loss needs a float tensor of known shape; --output=scores has one}}
  func.func @forward(%x: tensor<2x3xi64> {llcc.input = "x"}, %y: tensor<2x3xf32> {llcc.input = "y"}) -> (tensor<2x3xi64> {llcc.output = "ids"}, tensor<2x3xf32> {llcc.output = "scores"}) {
    return %x, %y : tensor<2x3xi64>, tensor<2x3xf32>
  }
}

// -----

module {
  // expected-error @+1 {{output "y" has shape [2], cross_entropy needs [batch, classes, ...]}}
  func.func @forward(%x: tensor<2xf32> {llcc.input = "x"}) -> (tensor<2xf32> {llcc.output = "y"}) {
    return %x : tensor<2xf32>
  }
}

// -----

module {
  // expected-error @+1 {{the trained output would need labels of shape [3], which dimension 0 does not cut into 2 samples}}
  func.func @forward(%x: tensor<2xf32> {llcc.input = "x", llcc.batched}, %w: tensor<3x4xf32> {llcc.param = "w"}) -> (tensor<3x4xf32> {llcc.output = "y"}) {
    return %w : tensor<3x4xf32>
  }
}

// -----

module {
  // expected-error @+1 {{@forward needs a body of one block that returns}}
  func.func @forward(%x: tensor<2x3xf32> {llcc.input = "x"}) -> (tensor<2x3xf32> {llcc.output = "y"}) {
    llvm.unreachable
  }
}
