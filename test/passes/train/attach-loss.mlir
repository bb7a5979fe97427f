// RUN: llcc-opt --llcc-attach-loss %s | FileCheck %s
// RUN: llcc-opt --llcc-attach-loss="loss=nll microbatches=4 label=y" %s | FileCheck %s --check-prefix=NLL
// RUN: llcc-opt --llcc-attach-loss=loss=mse %s | FileCheck %s --check-prefix=MSE
// RUN: llcc-opt --llcc-attach-loss=loss=l1 %s | FileCheck %s --check-prefix=L1
// RUN: llcc-opt --llcc-attach-loss=loss=bce_logits %s | FileCheck %s --check-prefix=BCE
// RUN: llcc-opt --llcc-attach-loss="loss=mse output=hidden" %s | FileCheck %s --check-prefix=OUTPUT
// RUN: llcc-opt --llcc-attach-loss="loss=total microbatches=2" %s | FileCheck %s --check-prefix=OWN
// RUN: llcc-opt --llcc-attach-loss --mlir-print-debuginfo --mlir-print-local-scope %s | FileCheck %s --check-prefix=LOC

// CHECK: module attributes {{.*}}llcc.microbatches = 1 : i64
module {
  // The forward function stays as it is.
  // CHECK: func.func @forward({{.*}}) -> (tensor<8x3xf32> {llcc.output = "logits"}, tensor<8x3xf32> {llcc.output = "hidden"}, tensor<1xf32> {llcc.output = "total"})
  func.func @forward(%x: tensor<8x3xf32> {llcc.input = "x", llcc.batched}, %w: tensor<8x3xf32> {llcc.param = "w", llcc.trainable})
      -> (tensor<8x3xf32> {llcc.output = "logits"}, tensor<8x3xf32> {llcc.output = "hidden"}, tensor<1xf32> {llcc.output = "total"}) {
    %hidden = math.tanh %x : tensor<8x3xf32>
    %logits = arith.mulf %x, %w : tensor<8x3xf32>
    %sum = llcc.reduce <sum> %hidden dims [0, 1] : tensor<8x3xf32> -> tensor<f32>
    %total = llcc.reshape %sum : tensor<f32> -> tensor<1xf32>
    return %logits, %hidden, %total : tensor<8x3xf32>, tensor<8x3xf32>, tensor<1xf32>
  }
}

// The label stands behind the inputs; what only feeds other outputs is gone; labels of -100 do not count.
// CHECK-LABEL: func.func @gradients
// CHECK-SAME: (%[[X:.*]]: tensor<8x3xf32> {llcc.batched, llcc.input = "x"}, %[[LABEL:.*]]: tensor<8xi64> {llcc.batched, llcc.classes = 3 : i64, llcc.label = "label"},
// CHECK-SAME: %[[W:.*]]: tensor<8x3xf32> {llcc.param = "w", llcc.trainable}) -> (tensor<f32> {llcc.loss})
// CHECK-NOT: tanh
// CHECK: %[[LOGITS:.*]] = arith.mulf %[[X]], %[[W]]
// CHECK: %[[IGNORED:.*]] = arith.constant dense<-100> : tensor<8xi64>
// CHECK: %[[VALID:.*]] = arith.cmpi ne, %[[LABEL]], %[[IGNORED]]
// CHECK: %[[ONES:.*]] = arith.select %[[VALID]]
// CHECK: %[[COUNT:.*]] = llcc.reduce <sum> %[[ONES]] dims [0]
// CHECK: %[[NONZERO:.*]] = arith.maximumf %[[COUNT]]
// CHECK: %[[WEIGHT:.*]] = arith.divf %{{.*}}, %[[NONZERO]]
// CHECK: %[[LOGP:.*]] = llcc.log_softmax %[[LOGITS]] axis 1
// CHECK: %[[CLASS:.*]] = llcc.iota dim 1 : tensor<8x3xi64>
// CHECK: %[[WANTED:.*]] = llcc.broadcast %[[LABEL]] dims [0]
// CHECK: %[[HIT:.*]] = arith.cmpi eq, %[[CLASS]], %[[WANTED]]
// CHECK: %[[PICKED:.*]] = arith.select %[[HIT]], %[[LOGP]]
// CHECK: %[[ROWS:.*]] = llcc.reduce <sum> %[[PICKED]] dims [1]
// CHECK: %[[WEIGHTS:.*]] = llcc.broadcast %[[WEIGHT]] dims []
// CHECK: %[[WEIGHTED:.*]] = arith.mulf %[[ROWS]], %[[WEIGHTS]]
// CHECK: %[[LOSS:.*]] = llcc.reduce <sum> %[[WEIGHTED]] dims [0]
// CHECK: return %[[LOSS]]

// nll takes log-probabilities; the weight of the mean is -1/microbatches.
// NLL: llcc.microbatches = 4 : i64
// NLL: func.func @gradients({{.*}}llcc.label = "y"
// NLL-NOT: log_softmax
// NLL: arith.constant dense<-2.500000e-01> : tensor<f32>

// MSE: func.func @gradients(%{{.*}}: tensor<8x3xf32> {{.*}}, %[[LABEL:.*]]: tensor<8x3xf32> {llcc.batched, llcc.label = "label"}
// MSE: %[[LOGITS:.*]] = arith.mulf
// MSE: %[[D:.*]] = arith.subf %[[LOGITS]], %[[LABEL]]
// MSE: %[[SQUARE:.*]] = arith.mulf %[[D]], %[[D]]
// MSE: %[[SUM:.*]] = llcc.reduce <sum> %[[SQUARE]] dims [0, 1]
// MSE: %[[N:.*]] = arith.constant dense<0.0416666679> : tensor<f32>
// MSE: %[[LOSS:.*]] = arith.mulf %[[SUM]], %[[N]]
// MSE: return %[[LOSS]]

// L1: func.func @gradients
// L1: %[[D:.*]] = arith.subf
// L1: %[[ABS:.*]] = math.absf %[[D]]
// L1: llcc.reduce <sum> %[[ABS]] dims [0, 1]

// BCE: func.func @gradients(%{{.*}}: tensor<8x3xf32> {{.*}}, %[[LABEL:.*]]: tensor<8x3xf32> {llcc.batched, llcc.label = "label"}
// BCE: %[[LOGITS:.*]] = arith.mulf
// BCE: %[[SOFTPLUS:.*]] = llcc.softplus %[[LOGITS]]
// BCE: %[[XZ:.*]] = arith.mulf %[[LOGITS]], %[[LABEL]]
// BCE: %[[ELEMENT:.*]] = arith.subf %[[SOFTPLUS]], %[[XZ]]
// BCE: llcc.reduce <sum> %[[ELEMENT]] dims [0, 1]

// OUTPUT: func.func @gradients
// OUTPUT: %[[HIDDEN:.*]] = math.tanh
// OUTPUT: arith.subf %[[HIDDEN]]

// An output that is the loss needs no label.
// OWN: func.func @gradients(%{{.*}}: tensor<8x3xf32> {llcc.batched, llcc.input = "x"}, %{{.*}}: tensor<8x3xf32> {llcc.param = "w", llcc.trainable}) -> (tensor<f32> {llcc.loss})
// OWN: %[[SUM:.*]] = llcc.reduce <sum>
// OWN: %[[HALF:.*]] = arith.constant dense<5.000000e-01> : tensor<f32>
// OWN: %[[LOSS:.*]] = arith.mulf %{{.*}}, %[[HALF]]
// OWN: return %[[LOSS]]

// LOC: func.func @gradients
// LOC: llcc.log_softmax {{.*}} loc("loss")
