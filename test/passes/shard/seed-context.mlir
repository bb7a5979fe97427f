// Context parallelism: sequences are found by attention and by embeddings of ids; where there is none.
// RUN: llcc-opt %s --split-input-file --llcc-seed-sharding --verify-diagnostics | FileCheck %s

// Scores are cut along the queries, keys along the keys, behind a scale; the ids follow, weights stay whole.
// CHECK-LABEL: @gradients
// CHECK-SAME: llcc.input = "x", llcc.sharding = #llcc.sharding<{{\[\[}}"data"], ["context"], []]>
// CHECK-NOT: llcc.param = "k"{{[^}]*}}llcc.sharding
// CHECK: llcc.dot %{{.*}} {llcc.seed = #llcc.sharding<{{\[\[}}], ["context"], []], invariant = ["data"]>} : tensor<8x5x6xf32>, tensor<6x6xf32> -> tensor<8x5x6xf32>
// CHECK: llcc.dot %{{.*}} {llcc.seed = #llcc.sharding<{{\[\[}}], ["context"], []], invariant = ["data"]>, llcc.whole_loops = array<i64: 3>} : tensor<8x5x6xf32>, tensor<8x5x6xf32> -> tensor<8x5x5xf32>
module attributes {llcc.mesh = #llcc.mesh<["data", "context"], [2, 3]>} {
  func.func @gradients(%x: tensor<8x5x6xf32> {llcc.input = "x", llcc.batched}, %k: tensor<6x6xf32> {llcc.param = "k", llcc.trainable}) {
    %keys = llcc.dot %x, %k batch [] x [] contract [2] x [0] : tensor<8x5x6xf32>, tensor<6x6xf32> -> tensor<8x5x6xf32>
    %scores = llcc.dot %x, %keys batch [0] x [0] contract [2] x [2] : tensor<8x5x6xf32>, tensor<8x5x6xf32> -> tensor<8x5x5xf32>
    %scale = arith.constant dense<0.5> : tensor<8x5x5xf32>
    %scaled = arith.mulf %scores, %scale : tensor<8x5x5xf32>
    %max = llcc.reduce <max> %scaled dims [2] : tensor<8x5x5xf32> -> tensor<8x5xf32>
    return
  }
}

// -----

// Tokens without attention: what the embedding gives.
// CHECK-LABEL: @gradients
// CHECK-SAME: llcc.input = "ids", llcc.sharding = #llcc.sharding<{{\[\[}}], ["context"]]
module attributes {llcc.mesh = #llcc.mesh<["context"], [2]>} {
  func.func @gradients(%ids: tensor<8x5xi64> {llcc.input = "ids", llcc.batched}, %table: tensor<11x6xf32> {llcc.param = "table", llcc.trainable}) {
    %rows = llcc.gather %table, %ids axis 0 : tensor<11x6xf32>, tensor<8x5xi64> -> tensor<8x5x6xf32>
    return
  }
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["context"], [2]>} {
  // expected-error @below {{context parallelism cuts sequences of tokens over mesh axis 'context', the model has none: no attention (a softmax over a product of two activations) and no embedding of ids without a recurrence; use --strategy=data, tensor or pipeline}}
  func.func @gradients(%x: tensor<8x6xf32> {llcc.input = "x", llcc.batched}, %w: tensor<6x12xf32> {llcc.param = "w", llcc.trainable}) {
    %h = llcc.dot %x, %w batch [] x [] contract [1] x [0] : tensor<8x6xf32>, tensor<6x12xf32> -> tensor<8x12xf32>
    %max = llcc.reduce <max> %h dims [1] : tensor<8x12xf32> -> tensor<8xf32>
    return
  }
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["context"], [8]>} {
  // expected-error @below {{context parallelism has 8 devices for a sequence of 5, needs a token for each; use fewer devices along 'context', or --strategy=data or tensor}}
  func.func @gradients(%ids: tensor<8x5xi64> {llcc.input = "ids", llcc.batched}, %table: tensor<11x6xf32> {llcc.param = "table", llcc.trainable}) {
    %rows = llcc.gather %table, %ids axis 0 : tensor<11x6xf32>, tensor<8x5xi64> -> tensor<8x5x6xf32>
    return
  }
}
