// RUN: llcc-opt --llcc-convert-precision=precision=bf16 %s --split-input-file | FileCheck %s
// RUN: llcc-opt --llcc-convert-precision=precision=bf16 %s --split-input-file --cse --canonicalize --verify-roundtrip -o /dev/null

// Operands of products are rounded, the bias is added in f32 and the sum is rounded, as two products read it.
// CHECK-LABEL: module @products
// CHECK:       func.func @forward(%[[X:.*]]: tensor<4x8xf32>
// CHECK-SAME:    %[[W:[a-z0-9]+]]: tensor<8x8xf32>
// CHECK-SAME:    %[[B:[a-z0-9]+]]: tensor<8xf32>
// CHECK-DAG:   %[[XN:.*]] = arith.truncf %[[X]] : tensor<4x8xf32> to tensor<4x8xbf16>
// CHECK-DAG:   %[[WN:.*]] = arith.truncf %[[W]] : tensor<8x8xf32> to tensor<8x8xbf16>
// CHECK:       %[[D:.*]] = llcc.dot %[[XN]], %[[WN]] {{.*}} -> tensor<4x8xbf16>
// CHECK:       %[[DW:.*]] = arith.extf %[[D]]
// CHECK:       %[[BB:.*]] = llcc.broadcast %[[B]] {{.*}} -> tensor<4x8xf32>
// CHECK:       %[[H:.*]] = arith.addf %[[DW]], %[[BB]] : tensor<4x8xf32>
// CHECK:       %[[HN:.*]] = arith.truncf %[[H]]
// The other product transposes the parameter: it is rounded before, once.
// CHECK:       %[[WT:.*]] = llcc.transpose %[[WN]] {{.*}} -> tensor<8x8xbf16>
// CHECK:       %[[Y:.*]] = llcc.dot %[[HN]], %[[WT]] {{.*}} -> tensor<4x8xbf16>
// CHECK:       %[[YW:.*]] = arith.extf %[[Y]]
// CHECK:       return %[[YW]] : tensor<4x8xf32>
module @products {
  func.func @forward(%x: tensor<4x8xf32> {llcc.input = "x"}, %w: tensor<8x8xf32> {llcc.param = "w", llcc.trainable},
                     %b: tensor<8xf32> {llcc.param = "b", llcc.trainable}) -> (tensor<4x8xf32> {llcc.output = "y"}) {
    %0 = llcc.dot %x, %w batch [] x [] contract [1] x [0] : tensor<4x8xf32>, tensor<8x8xf32> -> tensor<4x8xf32>
    %1 = llcc.broadcast %b dims [1] : tensor<8xf32> -> tensor<4x8xf32>
    %2 = arith.addf %0, %1 : tensor<4x8xf32>
    %3 = llcc.transpose %w perm [1, 0] : tensor<8x8xf32> -> tensor<8x8xf32>
    %4 = llcc.dot %2, %3 batch [] x [] contract [1] x [0] : tensor<4x8xf32>, tensor<8x8xf32> -> tensor<4x8xf32>
    return %4 : tensor<4x8xf32>
  }
}

// -----

// Norms and softmax compute in f32; what they give is rounded where it goes on as an activation. What only they read
// (scaled scores) is not.
// CHECK-LABEL: module @norms
// CHECK:       %[[S:.*]] = llcc.dot {{.*}} -> tensor<4x4xbf16>
// CHECK:       %[[SW:.*]] = arith.extf %[[S]]
// CHECK:       %[[SCALED:.*]] = arith.mulf %[[SW]], {{.*}} : tensor<4x4xf32>
// CHECK:       %[[P:.*]] = llcc.softmax %[[SCALED]] axis 1 : tensor<4x4xf32>
// CHECK:       %[[PN:.*]] = arith.truncf %[[P]]
// CHECK:       %[[V:.*]] = llcc.dot %[[PN]], {{.*}} -> tensor<4x8xbf16>
// CHECK:       %[[VW:.*]] = arith.extf %[[V]]
// The square that only a sum reads stays in f32, and so does what is made of the sum.
// CHECK:       %[[SQ:.*]] = arith.mulf %[[VW]], %[[VW]] : tensor<4x8xf32>
// CHECK-NEXT:  llcc.reduce <sum> %[[SQ]]
// CHECK:       %[[R:.*]] = math.rsqrt {{.*}} : tensor<4xf32>
// CHECK:       %[[N:.*]] = arith.mulf %[[VW]], {{.*}} : tensor<4x8xf32>
// CHECK:       return %[[N]] : tensor<4x8xf32>
module @norms {
  func.func @forward(%x: tensor<4x8xf32> {llcc.input = "x"}) -> (tensor<4x8xf32> {llcc.output = "y"}) {
    %c = arith.constant dense<0.5> : tensor<4x4xf32>
    %0 = llcc.dot %x, %x batch [] x [] contract [1] x [1] : tensor<4x8xf32>, tensor<4x8xf32> -> tensor<4x4xf32>
    %1 = arith.mulf %0, %c : tensor<4x4xf32>
    %2 = llcc.softmax %1 axis 1 : tensor<4x4xf32>
    %3 = llcc.dot %2, %x batch [] x [] contract [1] x [0] : tensor<4x4xf32>, tensor<4x8xf32> -> tensor<4x8xf32>
    %4 = arith.mulf %3, %3 : tensor<4x8xf32>
    %5 = llcc.reduce <sum> %4 dims [1] : tensor<4x8xf32> -> tensor<4xf32>
    %6 = math.rsqrt %5 : tensor<4xf32>
    %7 = llcc.broadcast %6 dims [0] : tensor<4xf32> -> tensor<4x8xf32>
    %8 = arith.mulf %3, %7 : tensor<4x8xf32>
    return %8 : tensor<4x8xf32>
  }
}

// -----

// Rows of an embedding become activations; the table is not copied. Elements of activations are moved as 16 bits.
// CHECK-LABEL: module @moved
// CHECK:       %[[G:.*]] = llcc.gather %{{.*}}, %{{.*}} axis 0 : tensor<50x8xf32>, tensor<4xi64> -> tensor<4x8xf32>
// CHECK:       %[[GN:.*]] = arith.truncf %[[G]]
// CHECK:       %[[T:.*]] = llcc.transpose %[[GN]] perm [1, 0] : tensor<4x8xbf16> -> tensor<8x4xbf16>
// CHECK:       llcc.dot %[[T]], %[[GN]]
module @moved {
  func.func @forward(%ids: tensor<4xi64> {llcc.input = "ids"}, %table: tensor<50x8xf32> {llcc.param = "table", llcc.trainable})
      -> (tensor<8x8xf32> {llcc.output = "y"}) {
    %0 = llcc.gather %table, %ids axis 0 : tensor<50x8xf32>, tensor<4xi64> -> tensor<4x8xf32>
    %1 = llcc.transpose %0 perm [1, 0] : tensor<4x8xf32> -> tensor<8x4xf32>
    %2 = llcc.dot %1, %0 batch [] x [] contract [1] x [0] : tensor<8x4xf32>, tensor<4x8xf32> -> tensor<8x8xf32>
    return %2 : tensor<8x8xf32>
  }
}

// -----

// A file of f16: what is trained is held in f32; what is frozen stays. Products that are rounded next are f16 products,
// one that a bias follows keeps its f32 sum.
// CHECK-LABEL: module @halves
// CHECK:       func.func @forward(%[[X:.*]]: tensor<4x8xf16> {llcc.input = "x"},
// CHECK-SAME:    %[[W:[a-z0-9]+]]: tensor<8x8xf32> {llcc.param = "w", llcc.stored = f16, llcc.trainable}
// CHECK-SAME:    %[[F:[a-z0-9]+]]: tensor<8x8xf16> {llcc.param = "frozen"}
// CHECK:       %[[WN:.*]] = arith.truncf %[[W]] : tensor<8x8xf32> to tensor<8x8xf16>
// CHECK:       %[[D:.*]] = llcc.dot %[[X]], %[[WN]] {{.*}} -> tensor<4x8xf16>
// CHECK:       %[[E:.*]] = llcc.dot %[[D]], %[[F]] {{.*}} -> tensor<4x8xf32>
// CHECK:       arith.addf %[[E]], {{.*}} : tensor<4x8xf32>
module @halves {
  func.func @forward(%x: tensor<4x8xf16> {llcc.input = "x"}, %w: tensor<8x8xf16> {llcc.param = "w", llcc.trainable},
                     %f: tensor<8x8xf16> {llcc.param = "frozen"}) -> (tensor<4x8xf16> {llcc.output = "y"}) {
    %one = arith.constant dense<1.0> : tensor<4x8xf32>
    %0 = arith.extf %x : tensor<4x8xf16> to tensor<4x8xf32>
    %1 = arith.extf %w : tensor<8x8xf16> to tensor<8x8xf32>
    %2 = arith.extf %f : tensor<8x8xf16> to tensor<8x8xf32>
    %3 = llcc.dot %0, %1 batch [] x [] contract [1] x [0] : tensor<4x8xf32>, tensor<8x8xf32> -> tensor<4x8xf32>
    %4 = arith.truncf %3 : tensor<4x8xf32> to tensor<4x8xf16>
    %5 = arith.extf %4 : tensor<4x8xf16> to tensor<4x8xf32>
    %6 = llcc.dot %5, %2 batch [] x [] contract [1] x [0] : tensor<4x8xf32>, tensor<8x8xf32> -> tensor<4x8xf32>
    %7 = arith.addf %6, %one : tensor<4x8xf32>
    %8 = arith.truncf %7 : tensor<4x8xf32> to tensor<4x8xf16>
    return %8 : tensor<4x8xf16>
  }
}
