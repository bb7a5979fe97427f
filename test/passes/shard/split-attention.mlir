// Attention over gathered keys and values becomes a ring; what has no such form stays and says why.
// RUN: llcc-opt %s --split-input-file --llcc-split-attention=explain=true --verify-diagnostics | FileCheck %s

// Two rounds: own keys, then those of the other member. 5 keys are blocks of 3 and 2: the last one's padding is zero in keys and values and -inf
// in the scores. The mask that each member has whole is cut for the round.
// CHECK-LABEL: @gradients
// CHECK-SAME: %[[Q:[^:]*]]: tensor<3x4xf32>, %[[K:[^:]*]]: tensor<3x4xf32>, %[[V:[^:]*]]: tensor<3x4xf32>, %[[MASK:[^:]*]]: tensor<3x5xf32>
// CHECK-NOT: llcc.all_gather
// CHECK-DAG: %[[OWN:.*]] = llcc.mask %[[K]] dim 0 extent 5 over ["context"] value 0.0
// CHECK-DAG: %[[OWNV:.*]] = llcc.mask %[[V]] dim 0 extent 5 over ["context"] value 0.0
// CHECK: llcc.dot %[[Q]], %[[OWN]] {{.*}} -> tensor<3x3xf32>
// CHECK: llcc.pad %[[MASK]] {{.*}} -> tensor<3x6xf32>
// CHECK: llcc.axis_slice {{.*}} dim 1 over ["context"] : tensor<3x6xf32> -> tensor<3x3xf32>
// CHECK: llcc.dot {{.*}}, %[[OWNV]] {{.*}} -> tensor<3x4xf32>
// CHECK: %[[NEXT:.*]]:2 = llcc.ring_shift {{.*}} over ["context"]
// CHECK: llcc.dot %[[Q]], %[[NEXT]]#{{[01]}}
// CHECK: llcc.concat
// CHECK: math.exp
// CHECK: arith.divf
// CHECK-NOT: llcc.ring_shift
module attributes {llcc.mesh = #llcc.mesh<["context"], [2]>} {
  func.func @gradients(%q: tensor<3x4xf32>, %k: tensor<3x4xf32>, %v: tensor<3x4xf32>, %mask: tensor<3x5xf32>) -> tensor<3x4xf32> {
    %keys = llcc.all_gather %k dim 0 size 5 over ["context"] : tensor<3x4xf32> -> tensor<5x4xf32>
    %values = llcc.all_gather %v dim 0 size 5 over ["context"] : tensor<3x4xf32> -> tensor<5x4xf32>
    %scores = llcc.dot %q, %keys batch [] x [] contract [1] x [1] : tensor<3x4xf32>, tensor<5x4xf32> -> tensor<3x5xf32>
    %masked = arith.addf %scores, %mask : tensor<3x5xf32>
    // expected-remark @below {{attention runs in a ring of 2, 3 of 5 keys a round}}
    %max = llcc.reduce <max> %masked dims [1] : tensor<3x5xf32> -> tensor<3xf32>
    %wide = llcc.broadcast %max dims [0] : tensor<3xf32> -> tensor<3x5xf32>
    %shifted = arith.subf %masked, %wide : tensor<3x5xf32>
    %exp = math.exp %shifted : tensor<3x5xf32>
    %sum = llcc.reduce <sum> %exp dims [1] : tensor<3x5xf32> -> tensor<3xf32>
    %sums = llcc.broadcast %sum dims [0] : tensor<3xf32> -> tensor<3x5xf32>
    %p = arith.divf %exp, %sums : tensor<3x5xf32>
    %o = llcc.dot %p, %values batch [] x [] contract [1] x [0] : tensor<3x5xf32>, tensor<5x4xf32> -> tensor<3x4xf32>
    return %o : tensor<3x4xf32>
  }
}

// -----

// The weights are an output.
// CHECK-LABEL: @gradients
// CHECK: llcc.all_gather
// CHECK-NOT: llcc.ring_shift
module attributes {llcc.mesh = #llcc.mesh<["context"], [2]>} {
  func.func @gradients(%q: tensor<3x4xf32>, %k: tensor<3x4xf32>, %v: tensor<3x4xf32>) -> (tensor<3x4xf32>, tensor<3x5xf32>) {
    %keys = llcc.all_gather %k dim 0 size 5 over ["context"] : tensor<3x4xf32> -> tensor<5x4xf32>
    %values = llcc.all_gather %v dim 0 size 5 over ["context"] : tensor<3x4xf32> -> tensor<5x4xf32>
    %scores = llcc.dot %q, %keys batch [] x [] contract [1] x [1] : tensor<3x4xf32>, tensor<5x4xf32> -> tensor<3x5xf32>
    // expected-remark @below {{llcc.reduce: attention keeps its keys gathered over 'context': func.return needs all keys at once}}
    %max = llcc.reduce <max> %scores dims [1] : tensor<3x5xf32> -> tensor<3xf32>
    %wide = llcc.broadcast %max dims [0] : tensor<3xf32> -> tensor<3x5xf32>
    %shifted = arith.subf %scores, %wide : tensor<3x5xf32>
    %exp = math.exp %shifted : tensor<3x5xf32>
    %sum = llcc.reduce <sum> %exp dims [1] : tensor<3x5xf32> -> tensor<3xf32>
    %sums = llcc.broadcast %sum dims [0] : tensor<3xf32> -> tensor<3x5xf32>
    %p = arith.divf %exp, %sums : tensor<3x5xf32>
    %o = llcc.dot %p, %values batch [] x [] contract [1] x [0] : tensor<3x5xf32>, tensor<5x4xf32> -> tensor<3x4xf32>
    return %o, %p : tensor<3x4xf32>, tensor<3x5xf32>
  }
}

// -----

// A power of the weights does not follow a new maximum by a factor.
module attributes {llcc.mesh = #llcc.mesh<["context"], [2]>} {
  func.func @gradients(%q: tensor<3x4xf32>, %k: tensor<3x4xf32>, %v: tensor<3x4xf32>) -> tensor<3x4xf32> {
    %keys = llcc.all_gather %k dim 0 size 5 over ["context"] : tensor<3x4xf32> -> tensor<5x4xf32>
    %values = llcc.all_gather %v dim 0 size 5 over ["context"] : tensor<3x4xf32> -> tensor<5x4xf32>
    %scores = llcc.dot %q, %keys batch [] x [] contract [1] x [1] : tensor<3x4xf32>, tensor<5x4xf32> -> tensor<3x5xf32>
    // expected-remark @below {{llcc.reduce: attention keeps its keys gathered over 'context': llcc.dot has other factors than weights times what is known}}
    %max = llcc.reduce <max> %scores dims [1] : tensor<3x5xf32> -> tensor<3xf32>
    %wide = llcc.broadcast %max dims [0] : tensor<3xf32> -> tensor<3x5xf32>
    %shifted = arith.subf %scores, %wide : tensor<3x5xf32>
    %exp = math.exp %shifted : tensor<3x5xf32>
    %sum = llcc.reduce <sum> %exp dims [1] : tensor<3x5xf32> -> tensor<3xf32>
    %sums = llcc.broadcast %sum dims [0] : tensor<3xf32> -> tensor<3x5xf32>
    %p = arith.divf %exp, %sums : tensor<3x5xf32>
    %squared = arith.mulf %p, %p : tensor<3x5xf32>
    %o = llcc.dot %squared, %values batch [] x [] contract [1] x [0] : tensor<3x5xf32>, tensor<5x4xf32> -> tensor<3x4xf32>
    return %o : tensor<3x4xf32>
  }
}
