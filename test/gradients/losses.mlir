// RUN: rm -rf %t && split-file %s %t
// RUN: for loss in cross_entropy nll mse l1 bce_logits; do for shape in rows text images; do llcc-opt --llcc-attach-loss="loss=$loss microbatches=3" --llcc-differentiate --llcc-decompose %t/$shape.mlir | llcc-interpret --check-gradients - || exit 1; done; done
// RUN: (llcc-opt --llcc-attach-loss=microbatches=2 --llcc-differentiate --llcc-decompose %t/rows.mlir | sed '/^}$/d'; cat %t/main.mlir; echo '}') | llcc-interpret - | FileCheck %s
// Every loss on every shape against finite differences; cross entropy with ignored labels by value.

// Logits (0, ln 3) give probabilities 1/4, 3/4. Of the labels 1, -100, 0 two count: the loss is (ln 4/3 + ln 4)/2 = 0.8369882, half of it for two
// microbatches. Gradients are (p - onehot)/4, and nothing for the ignored row. If all are ignored, loss and gradients are zero.
// CHECK:      result 0: [0.418494108]
// CHECK-NEXT: result 1: [0.0625, -0.0625, 0, 0, -0.1875, 0.1875]
// CHECK-NEXT: result 2: [{{-?}}0]
// CHECK-NEXT: result 3: [{{-?}}0, {{-?}}0, {{-?}}0, {{-?}}0, {{-?}}0, {{-?}}0]

//--- rows.mlir
func.func @forward(%w: tensor<3x2xf64> {llcc.param = "w", llcc.trainable}) -> (tensor<3x2xf64> {llcc.output = "y"}) {
  return %w : tensor<3x2xf64>
}

//--- text.mlir
func.func @forward(%w: tensor<2x3x4xf64> {llcc.param = "w", llcc.trainable}) -> (tensor<2x3x4xf64> {llcc.output = "y"}) {
  return %w : tensor<2x3x4xf64>
}

//--- images.mlir
func.func @forward(%w: tensor<2x3x2x2xf64> {llcc.param = "w", llcc.trainable}) -> (tensor<2x3x2x2xf64> {llcc.output = "y"}) {
  return %w : tensor<2x3x2x2xf64>
}

//--- main.mlir
func.func @main() -> (tensor<f64>, tensor<3x2xf64>, tensor<f64>, tensor<3x2xf64>) {
  %w = arith.constant dense<[[0.0, 1.09861228866811], [0.0, 1.09861228866811], [0.0, 1.09861228866811]]> : tensor<3x2xf64>
  %some = arith.constant dense<[1, -100, 0]> : tensor<3xi64>
  %loss, %dw = func.call @gradients(%some, %w) : (tensor<3xi64>, tensor<3x2xf64>) -> (tensor<f64>, tensor<3x2xf64>)
  %none = arith.constant dense<-100> : tensor<3xi64>
  %loss0, %dw0 = func.call @gradients(%none, %w) : (tensor<3xi64>, tensor<3x2xf64>) -> (tensor<f64>, tensor<3x2xf64>)
  return %loss, %dw, %loss0, %dw0 : tensor<f64>, tensor<3x2xf64>, tensor<f64>, tensor<3x2xf64>
}
