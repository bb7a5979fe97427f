// RUN: llcc-opt --llcc-decompose --split-input-file %s | FileCheck %s

// p - lr*(g + decay*p)
// CHECK-LABEL: @sgd
// CHECK-SAME: %[[P:.*]]: tensor<4xf32>, %[[G:.*]]: tensor<4xf32>, %[[LR:.*]]: tensor<f32>, %[[STEP:.*]]: tensor<f64>
// CHECK: %[[LRS:.*]] = llcc.broadcast %{{.*}} dims []
// CHECK: %[[DECAY:.*]] = arith.constant dense<1.000000e-01> : tensor<4xf32>
// CHECK: %[[L2:.*]] = arith.mulf %[[P]], %[[DECAY]]
// CHECK: %[[GD:.*]] = arith.addf %[[G]], %[[L2]]
// CHECK: %[[MOVE:.*]] = arith.mulf %[[LRS]], %[[GD]]
// CHECK: %[[NEW:.*]] = arith.subf %[[P]], %[[MOVE]]
// CHECK: return %[[NEW]]
func.func @sgd(%p: tensor<4xf32>, %g: tensor<4xf32>, %lr: tensor<f32>, %t: tensor<f64>) -> tensor<4xf32> {
  %n = llcc.update "sgd" %p, %g state() lr %lr step %t hyper {weight_decay = 0.1 : f64} : (tensor<4xf32>, tensor<4xf32>, tensor<f32>, tensor<f64>) -> tensor<4xf32>
  return %n : tensor<4xf32>
}

// -----

// v' = mu*v + g; nesterov moves along g + mu*v'.
// CHECK-LABEL: @nesterov
// CHECK-SAME: %[[P:.*]]: tensor<4xf32>, %[[G:.*]]: tensor<4xf32>, %[[V:.*]]: tensor<4xf32>
// CHECK: %[[OLD:.*]] = arith.mulf %[[V]]
// CHECK: %[[VN:.*]] = arith.addf %[[OLD]], %[[G]]
// CHECK: %[[AHEAD:.*]] = arith.mulf %[[VN]]
// CHECK: %[[D:.*]] = arith.addf %[[G]], %[[AHEAD]]
// CHECK: %[[MOVE:.*]] = arith.mulf %{{.*}}, %[[D]]
// CHECK: %[[NEW:.*]] = arith.subf %[[P]], %[[MOVE]]
// CHECK: return %[[NEW]], %[[VN]]
func.func @nesterov(%p: tensor<4xf32>, %g: tensor<4xf32>, %v: tensor<4xf32>, %lr: tensor<f32>, %t: tensor<f64>) -> (tensor<4xf32>, tensor<4xf32>) {
  %n, %m = llcc.update "momentum" %p, %g state(%v) lr %lr step %t hyper {momentum = 0.9 : f64, nesterov = 1.0 : f64} : (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<f32>, tensor<f64>) -> (tensor<4xf32>, tensor<4xf32>)
  return %n, %m : tensor<4xf32>, tensor<4xf32>
}

// -----

// What depends on the step alone is f64, scalar and shared by all parameters; the rest is elementwise in the parameter's type.
// CHECK-LABEL: @adamw_of_two_parameters
// CHECK-COUNT-2: math.powf %{{.*}}, %{{.*}} : tensor<f64>
// CHECK-NOT: math.powf
// CHECK: return
func.func @adamw_of_two_parameters(%p: tensor<4xf32>, %q: tensor<2x2xf32>, %lr: tensor<f32>, %t: tensor<f64>) -> (tensor<4xf32>, tensor<2x2xf32>) {
  %n, %m:2 = llcc.update "adamw" %p, %p state(%p, %p) lr %lr step %t hyper {beta1 = 0.9 : f64, beta2 = 0.999 : f64, epsilon = 1.0e-8 : f64, weight_decay = 0.01 : f64} : (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<f32>, tensor<f64>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>)
  %o, %v:2 = llcc.update "adamw" %q, %q state(%q, %q) lr %lr step %t hyper {beta1 = 0.9 : f64, beta2 = 0.999 : f64, epsilon = 1.0e-8 : f64, weight_decay = 0.01 : f64} : (tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>, tensor<f32>, tensor<f64>) -> (tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>)
  return %n, %o : tensor<4xf32>, tensor<2x2xf32>
}
