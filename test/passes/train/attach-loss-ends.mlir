// RUN: rm -rf %t && split-file %s %t
// RUN: llcc-opt --llcc-attach-loss=loss=nll %t/softmax.mlir | FileCheck %s --check-prefixes=CLASSES,PROBABILITIES
// RUN: llcc-opt --llcc-attach-loss=loss=cross_entropy %t/softmax.mlir | FileCheck %s --check-prefixes=CLASSES,PROBABILITIES
// RUN: llcc-opt --llcc-attach-loss=loss=nll %t/clipped.mlir | FileCheck %s --check-prefixes=CLASSES,LOGARITHMS
// RUN: llcc-opt --llcc-attach-loss=loss=cross_entropy %t/moved.mlir | FileCheck %s --check-prefixes=MOVED
// RUN: llcc-opt --llcc-attach-loss=loss=bce %t/sigmoid.mlir | FileCheck %s --check-prefixes=SIGMOID
// RUN: llcc-opt --llcc-attach-loss=loss=bce_logits %t/sigmoid.mlir 2>&1 | FileCheck %s --check-prefixes=TWICE
// RUN: llcc-opt --llcc-attach-loss=loss=output %t/own.mlir | FileCheck %s --check-prefixes=OWN
// RUN: for loss in nll cross_entropy; do llcc-opt --llcc-attach-loss=loss=$loss --llcc-differentiate --llcc-decompose %t/softmax.mlir | llcc-interpret --check-gradients - || exit 1; done
// RUN: for model in sigmoid bounded; do llcc-opt --llcc-attach-loss=loss=bce --llcc-differentiate --llcc-decompose %t/$model.mlir | llcc-interpret --check-gradients - || exit 1; done
// RUN: (llcc-opt --llcc-attach-loss=loss=nll --llcc-differentiate --llcc-decompose %t/softmax.mlir | sed '/^}$/d'; cat %t/main.mlir; echo '}') | llcc-interpret - | FileCheck %s --check-prefix=VALUES

// A class loss reads the logits in front of the softmax, whatever the exporter wrote behind it. @forward gives the file's own output still.
// PROBABILITIES: llcc.measure = "nll_probabilities"
// LOGARITHMS: llcc.measure = "nll",
// CLASSES: func.func @forward
// CLASSES: llcc.softmax
// CLASSES: func.func @gradients({{.*}}%[[W:[^ ]*]]: tensor<{{.*}}xf64> {llcc.param = "w"
// CLASSES-NOT: llcc.softmax
// CLASSES-NOT: math.log
// CLASSES: llcc.log_softmax %[[W]] axis 1
// CLASSES-NOT: llcc.log_softmax

// MOVED: llcc.measure = "nll_probabilities"
// MOVED: func.func @gradients
// MOVED: %[[L:.*]] = llcc.log_softmax %{{.*}} axis 0 : tensor<4x3xf64>
// MOVED: %[[T:.*]] = llcc.transpose %[[L]] perm [1, 0]
// MOVED: llcc.reshape %[[T]] : tensor<3x4xf64> -> tensor<3x4x1x1xf64>

// SIGMOID: llcc.measure = "bce",
// SIGMOID: func.func @gradients({{.*}}%[[W:[^ ]*]]: tensor<{{.*}}xf64> {llcc.param = "w"
// SIGMOID-NOT: llcc.sigmoid
// SIGMOID: llcc.softplus

// TWICE: warning: bce_logits takes its sigmoid itself, and the trained output is already one (node "end"); use bce
// TWICE: func.func @gradients
// TWICE: llcc.sigmoid
// TWICE: llcc.softplus

// OWN: llcc.measure = "output"
// OWN: func.func @gradients({{.*}}) -> (tensor<f64> {llcc.loss})

// Logits 1000 apart: the softmax is 0 and 1 exactly, the loss is 1000, and its gradient is -1 and 1.
// VALUES:      result 0: [1000]
// VALUES-NEXT: result 1: [-1, 1]

//--- softmax.mlir
func.func @forward(%w: tensor<1x2xf64> {llcc.param = "w", llcc.trainable}) -> (tensor<1x2xf64> {llcc.output = "y"}) {
  %y = llcc.softmax %w axis 1 : tensor<1x2xf64> loc("end")
  return %y : tensor<1x2xf64>
}

//--- clipped.mlir
func.func @forward(%w: tensor<3x2xf64> {llcc.param = "w", llcc.trainable}) -> (tensor<3x2xf64> {llcc.output = "y"}) {
  %low = arith.constant dense<1.0e-07> : tensor<3x2xf64>
  %high = arith.constant dense<0.9999> : tensor<3x2xf64>
  %p = llcc.softmax %w axis 1 : tensor<3x2xf64>
  %a = arith.cmpf uge, %p, %low : tensor<3x2xf64>
  %b = arith.select %a, %p, %low : tensor<3x2xi1>, tensor<3x2xf64>
  %c = arith.minimumf %b, %high : tensor<3x2xf64>
  %y = math.log %c : tensor<3x2xf64>
  return %y : tensor<3x2xf64>
}

//--- moved.mlir
func.func @forward(%w: tensor<4x3xf64> {llcc.param = "w", llcc.trainable}) -> (tensor<3x4x1x1xf64> {llcc.output = "y"}) {
  %p = llcc.softmax %w axis 0 : tensor<4x3xf64>
  %t = llcc.transpose %p perm [1, 0] : tensor<4x3xf64> -> tensor<3x4xf64>
  %y = llcc.reshape %t : tensor<3x4xf64> -> tensor<3x4x1x1xf64>
  return %y : tensor<3x4x1x1xf64>
}

//--- sigmoid.mlir
func.func @forward(%w: tensor<3x2xf64> {llcc.param = "w", llcc.trainable}) -> (tensor<3x2xf64> {llcc.output = "y"}) {
  %y = llcc.sigmoid %w : tensor<3x2xf64> loc("end")
  return %y : tensor<3x2xf64>
}

//--- bounded.mlir
// Probabilities of another kind: no sigmoid in sight.
func.func @forward(%w: tensor<3xf64> {llcc.param = "w", llcc.trainable}) -> (tensor<3xf64> {llcc.output = "y"}) {
  %s = math.exp %w : tensor<3xf64>
  %n = arith.negf %s : tensor<3xf64>
  %y = math.exp %n : tensor<3xf64>
  return %y : tensor<3xf64>
}

//--- own.mlir
func.func @forward(%w: tensor<1xf64> {llcc.param = "w", llcc.trainable}) -> (tensor<1xf64> {llcc.output = "l"}) {
  %y = math.exp %w : tensor<1xf64>
  return %y : tensor<1xf64>
}

//--- main.mlir
func.func @main() -> (tensor<f64>, tensor<1x2xf64>) {
  %w = arith.constant dense<[[0.0, 1000.0]]> : tensor<1x2xf64>
  %label = arith.constant dense<[0]> : tensor<1xi64>
  %l, %d = func.call @gradients(%label, %w) : (tensor<1xi64>, tensor<1x2xf64>) -> (tensor<f64>, tensor<1x2xf64>)
  return %l, %d : tensor<f64>, tensor<1x2xf64>
}
