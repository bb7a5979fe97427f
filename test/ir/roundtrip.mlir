// RUN: llcc-opt --verify-roundtrip %root/test/interpreter/tensors.mlir -o /dev/null
// RUN: llcc-opt --verify-roundtrip %root/test/interpreter/collectives.mlir -o /dev/null
// RUN: llcc-opt --verify-roundtrip %root/test/interpreter/deadlock.mlir -o /dev/null
// RUN: split-file %root/test/interpreter/check-gradients.mlir %t
// RUN: llcc-opt --verify-roundtrip %t/windows.mlir -o /dev/null
// RUN: llcc-opt --verify-roundtrip %s | FileCheck %s

// CHECK-LABEL: @placed_types_print_and_parse
// CHECK-SAME: tensor<8x4xf32, #llcc.sharding<{{\[\[}}"data"], []], partial = ["tensor"], kind = max>>
func.func @placed_types_print_and_parse(%x: tensor<8x4xf32, #llcc.sharding<[["data"], []], partial = ["tensor"], kind = max>>) {
  return
}

// CHECK-LABEL: @update_names_its_state
func.func @update_names_its_state(%w: tensor<4xf32>, %g: tensor<4xf32>, %m: tensor<4xf32>, %lr: tensor<f32>, %t: tensor<f64>) -> tensor<4xf32> {
  // CHECK: llcc.update "momentum" %{{.*}}, %{{.*}} state(%{{.*}}) lr %{{.*}} step %{{.*}} hyper {momentum = 9.000000e-01 : f64}
  %w1, %m1 = llcc.update "momentum" %w, %g state(%m) lr %lr step %t hyper {momentum = 0.9 : f64} : (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<f32>, tensor<f64>) -> (tensor<4xf32>, tensor<4xf32>)
  // CHECK: llcc.reduce <sum> %{{.*}} dims [0]
  %s = llcc.reduce <sum> %w1 dims [0] : tensor<4xf32> -> tensor<f32>
  %d = llcc.dot %w1, %m1 batch [] x [] contract [0] x [0] : tensor<4xf32>, tensor<4xf32> -> tensor<f32>
  %r, %q = llcc.all_reduce <sum> %s, %d over ["data"] : tensor<f32>, tensor<f32> -> tensor<f32>, tensor<f32>
  return %w1 : tensor<4xf32>
}

module attributes {llcc.mesh = #llcc.mesh<["data", "tensor"], [2, 4]>} {
  llcc.program @infer "infer" stage 0 arena 1024 {
    %a = llcc.buffer "param" "w" at 0 : memref<4xf32>
    llcc.exec "Launch" @k0 ins(%a : memref<4xf32>) outs(%a : memref<4xf32>) stream 0 waits [] args {extent = 4 : i64}
    llcc.exec "Feed" ins() outs(%a : memref<4xf32>) stream 1 waits [0] args {}
  }
}

// CHECK-LABEL: @recurrences_name_their_operands
func.func @recurrences_name_their_operands(%x: tensor<5x2x12xf32>, %r: tensor<12x3xf32>, %s: tensor<2x3xf32>, %p: tensor<9xf32>, %l: tensor<2xi32>) -> tensor<5x2x12xf32> {
  // CHECK: llcc.recurrence "lstm" ["sigmoid", "tanh", "relu"] of %{{.*}}, %{{.*}}, %{{.*}} cell %{{.*}} peepholes %{{.*}} lengths %{{.*}} {{{.*}}input_forget, reverse}
  %y, %saved:2 = llcc.recurrence "lstm" ["sigmoid", "tanh", "relu"] of %x, %r, %s cell %s peepholes %p lengths %l {reverse, input_forget, clip = 2.0 : f64, alphas = array<f64: 0.0, 0.0, 0.0>, betas = array<f64: 0.0, 0.0, 0.0>} : (tensor<5x2x12xf32>, tensor<12x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<9xf32>, tensor<2xi32>) -> (tensor<5x2x3xf32>, tensor<5x2x3xf32>, tensor<5x2x12xf32>)
  // CHECK: llcc.recurrence_grad "lstm" ["sigmoid", "tanh", "relu"] of %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} cell %{{.*}} cells %{{.*}} gates %{{.*}} dcells %{{.*}} peepholes %{{.*}} lengths %{{.*}} {
  %dx, %dh0, %dc0 = llcc.recurrence_grad "lstm" ["sigmoid", "tanh", "relu"] of %r, %s, %y, %y cell %s cells %saved#0 gates %saved#1 dcells %y peepholes %p lengths %l {reverse, input_forget, clip = 2.0 : f64, alphas = array<f64: 0.0, 0.0, 0.0>, betas = array<f64: 0.0, 0.0, 0.0>} : (tensor<12x3xf32>, tensor<2x3xf32>, tensor<5x2x3xf32>, tensor<5x2x3xf32>, tensor<2x3xf32>, tensor<5x2x3xf32>, tensor<5x2x12xf32>, tensor<5x2x3xf32>, tensor<9xf32>, tensor<2xi32>) -> (tensor<5x2x12xf32>, tensor<2x3xf32>, tensor<2x3xf32>)
  return %dx : tensor<5x2x12xf32>
}
