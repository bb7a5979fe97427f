// RUN: llcc-opt --mlir-print-local-scope --llcc-hoist-fetches --split-input-file %s | FileCheck %s

// Three layers: each is gathered right before the one ahead of it computes; the backward pass gathers again, the last layer's first. What is rounded for the
// journey goes along. At most two layers are whole at a time.
module {
  // CHECK-LABEL: func @step_stage0
  // CHECK-NEXT: %[[A:.*]] = llcc.all_gather
  // CHECK-NEXT: %[[NARROW:.*]] = arith.truncf
  // CHECK-NEXT: %[[B:.*]] = llcc.all_gather %[[NARROW]]
  // CHECK-NEXT: %[[X1:.*]] = arith.mulf %{{.*}}, %[[A]]
  // CHECK-NEXT: %[[C:.*]] = llcc.all_gather
  // CHECK-NEXT: %[[WIDE:.*]] = arith.extf %[[B]]
  // CHECK-NEXT: %[[X2:.*]] = arith.mulf %[[X1]], %[[WIDE]]
  // CHECK-NEXT: %[[CB:.*]] = llcc.all_gather {{.*}} {llcc.fetch = 1 : i64}
  // CHECK-NEXT: arith.mulf %[[X2]], %[[C]]
  // CHECK: %[[BB:.*]] = llcc.all_gather {{.*}} {llcc.fetch = 1 : i64}
  // CHECK-NEXT: arith.mulf %{{.*}}, %[[CB]]
  // CHECK: return
  func.func @step_stage0(%x: tensor<8xf32> {llcc.input = "x"}, %a: tensor<4xf32> {llcc.param = "a"}, %b: tensor<4xf32> {llcc.param = "b"}, %c: tensor<4xf32> {llcc.param = "c"}) -> tensor<8xf32> {
    %wa = llcc.all_gather %a dim 0 size 8 over ["data"] {llcc.fetch = 0 : i64} : tensor<4xf32> -> tensor<8xf32> loc("one")
    %x1 = arith.mulf %x, %wa : tensor<8xf32> loc("one")
    %h = arith.truncf %b : tensor<4xf32> to tensor<4xbf16> loc("two")
    %wb = llcc.all_gather %h dim 0 size 8 over ["data"] {llcc.fetch = 0 : i64} : tensor<4xbf16> -> tensor<8xbf16> loc("two")
    %eb = arith.extf %wb : tensor<8xbf16> to tensor<8xf32> loc("two")
    %x2 = arith.mulf %x1, %eb : tensor<8xf32> loc("two")
    %wc = llcc.all_gather %c dim 0 size 8 over ["data"] {llcc.fetch = 0 : i64} : tensor<4xf32> -> tensor<8xf32> loc("three")
    %x3 = arith.mulf %x2, %wc : tensor<8xf32> loc("three")
    %d3 = math.exp %x3 : tensor<8xf32> loc("grad"("loss"))
    %wc2 = llcc.all_gather %c dim 0 size 8 over ["data"] {llcc.fetch = 1 : i64} : tensor<4xf32> -> tensor<8xf32> loc("grad"("three"))
    %d2 = arith.mulf %d3, %wc2 : tensor<8xf32> loc("grad"("three"))
    %wb2 = llcc.all_gather %h dim 0 size 8 over ["data"] {llcc.fetch = 1 : i64} : tensor<4xbf16> -> tensor<8xbf16> loc("grad"("two"))
    %eb2 = arith.extf %wb2 : tensor<8xbf16> to tensor<8xf32> loc("grad"("two"))
    %d1 = arith.mulf %d2, %eb2 : tensor<8xf32> loc("grad"("two"))
    return %d1 : tensor<8xf32>
  }
}

// -----

// A block of the model is a layer: both gathers of block 1 go ahead of block 0. One that is made of something computed stays.
module attributes {llcc.blocks = {a1 = 0 : i64, a2 = 0 : i64, b1 = 1 : i64, b2 = 1 : i64}} {
  // CHECK-LABEL: func @step_stage0
  // CHECK-COUNT-4: llcc.all_gather
  // CHECK-NEXT: arith.mulf
  // CHECK-NEXT: arith.mulf
  // CHECK-NEXT: arith.mulf
  // CHECK-NEXT: %[[Y:.*]] = arith.mulf
  // CHECK-NEXT: %[[S:.*]] = llcc.slice %[[Y]]
  // CHECK-NEXT: llcc.all_gather %[[S]]
  func.func @step_stage0(%x: tensor<8xf32> {llcc.input = "x"}, %a: tensor<4xf32> {llcc.param = "a"}, %b: tensor<4xf32> {llcc.param = "b"}) -> tensor<8xf32> {
    %w1 = llcc.all_gather %a dim 0 size 8 over ["data"] {llcc.fetch = 0 : i64} : tensor<4xf32> -> tensor<8xf32> loc("a1")
    %x1 = arith.mulf %x, %w1 : tensor<8xf32> loc("a1")
    %w2 = llcc.all_gather %b dim 0 size 8 over ["data"] {llcc.fetch = 0 : i64} : tensor<4xf32> -> tensor<8xf32> loc("a2")
    %x2 = arith.mulf %x1, %w2 : tensor<8xf32> loc("a2")
    %w3 = llcc.all_gather %a dim 0 size 8 over ["data"] {llcc.fetch = 0 : i64} : tensor<4xf32> -> tensor<8xf32> loc("b1")
    %x3 = arith.mulf %x2, %w3 : tensor<8xf32> loc("b1")
    %w4 = llcc.all_gather %b dim 0 size 8 over ["data"] {llcc.fetch = 0 : i64} : tensor<4xf32> -> tensor<8xf32> loc("b2")
    %x4 = arith.mulf %x3, %w4 : tensor<8xf32> loc("b2")
    %s = llcc.slice %x4 starts [0] strides [1] : tensor<8xf32> -> tensor<4xf32> loc("c")
    %w5 = llcc.all_gather %s dim 0 size 8 over ["data"] {llcc.fetch = 0 : i64} : tensor<4xf32> -> tensor<8xf32> loc("c")
    %x5 = arith.mulf %x4, %w5 : tensor<8xf32> loc("c")
    return %x5 : tensor<8xf32>
  }
}
