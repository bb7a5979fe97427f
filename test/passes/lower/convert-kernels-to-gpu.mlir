// RUN: llcc-opt --split-input-file --verify-diagnostics --llcc-convert-kernels-to-loops --llcc-convert-kernels-to-gpu %s | FileCheck %s

// CHECK-LABEL: gpu.module @kernels
// CHECK: gpu.func @k0(%[[X:.*]]: memref<300xf32>, %[[Y:.*]]: memref<300xf32>, %{{.*}}: memref<1xi64>) kernel
// CHECK-SAME: llcc.block = array<i64: 128, 1, 1>
// CHECK-SAME: llcc.grid = array<i64: 3, 1, 1>
// CHECK: %[[INSIDE:.*]] = arith.cmpi slt
// CHECK: scf.if %[[INSIDE]]
// CHECK: math.exp
// CHECK: memref.store %{{.*}}, %[[Y]]
module {
  llcc.program @infer "infer" stage 0 arena 4096 {
    %x = llcc.buffer "input" "x" at 0 : memref<300xf32>
    %y = llcc.buffer "temp" "" at 1216 : memref<300xf32>
    llcc.exec "Launch" @k0 ins(%x : memref<300xf32>) outs(%y : memref<300xf32>) stream 0 waits [] args {ints = array<i64: 300, 1>}
  }
  func.func private @k0(%x: tensor<300xf32>) -> tensor<300xf32> attributes {llcc.kernel = "map"} {
    %y = math.exp %x : tensor<300xf32>
    return %y : tensor<300xf32>
  }
}

// -----

module {
  // expected-error@+1 {{kernel is launched by no program, needs a launch that says its extent}}
  func.func private @k0(%x: tensor<3xf32>) -> tensor<3xf32> attributes {llcc.kernel = "map"} {
    %y = math.exp %x : tensor<3xf32>
    return %y : tensor<3xf32>
  }
}
