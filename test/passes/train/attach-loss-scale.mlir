// RUN: llcc-opt --llcc-attach-loss-scale=growth=4 --split-input-file --verify-diagnostics %s | FileCheck %s

// Scale and counters are states of no parameter. Gradients are unscaled before anything else looks at them.
// CHECK-LABEL: func.func @update(
// CHECK-SAME:    %[[W:[^:]*]]: tensor<2xf32> {llcc.param = "w"
// CHECK-SAME:    %[[SCALE:[^:]*]]: tensor<f32> {llcc.init = 6.553600e+04 : f64, llcc.state = "loss_scale"}
// CHECK-SAME:    %[[GOOD:[^:]*]]: tensor<f32> {llcc.init = 0.000000e+00 : f64, llcc.state = "loss_scale.good"}
// CHECK-SAME:    %[[SKIPPED:[^:]*]]: tensor<f32> {llcc.init = 0.000000e+00 : f64, llcc.state = "loss_scale.skipped"}
// CHECK-SAME:    %[[G:[^:]*]]: tensor<2xf32> {llcc.gradient = "w"}
// CHECK-SAME:    %[[STEP:[^:]*]]: tensor<f64> {llcc.scalar = "step"})
// CHECK-SAME:    -> (tensor<2xf32> {llcc.param = "w"}, tensor<f32> {llcc.state = "loss_scale"}, tensor<f32> {llcc.state = "loss_scale.good"}, tensor<f32> {llcc.state = "loss_scale.skipped"})
// CHECK:       %[[INV:.*]] = arith.divf {{.*}}, %[[SCALE]]
// CHECK:       %[[TRUE:.*]] = arith.mulf %[[G]], {{.*}} : tensor<2xf32>
// CHECK:       math.absf %[[G]]
// CHECK:       arith.cmpf olt
// CHECK:       %[[BAD:.*]] = llcc.reduce <sum> {{.*}} : tensor<2xf32> -> tensor<f32>
// CHECK:       %[[OK:.*]] = arith.cmpf oeq, %[[BAD]]
// CHECK:       %[[LATE:.*]] = arith.extf %[[SKIPPED]]
// CHECK:       %[[COUNT:.*]] = arith.subf %[[STEP]], %[[LATE]]
// CHECK:       llcc.capture "gradient" "w" %[[TRUE]]
// CHECK:       %[[NEW:.*]] = llcc.update "sgd" %[[W]], %[[TRUE]] {{.*}} step %[[COUNT]]
// CHECK:       arith.select {{.*}}, %[[NEW]], %[[W]] : tensor<2xi1>, tensor<2xf32>
module {
  func.func @gradients(%w: tensor<2xf32> {llcc.param = "w", llcc.trainable}, %s: tensor<f32> {llcc.state = "loss_scale", llcc.init = 65536.0 : f64})
      -> (tensor<f32> {llcc.loss}, tensor<2xf32> {llcc.gradient = "w"}) {
    return %s, %w : tensor<f32>, tensor<2xf32>
  }
  func.func @update(%w: tensor<2xf32> {llcc.param = "w", llcc.trainable}, %g: tensor<2xf32> {llcc.gradient = "w"}, %lr: tensor<f32> {llcc.scalar = "lr"},
                    %t: tensor<f64> {llcc.scalar = "step"}) -> (tensor<2xf32> {llcc.param = "w"}) {
    llcc.capture "gradient" "w" %g : tensor<2xf32>
    %0 = llcc.update "sgd" %w, %g state() lr %lr step %t hyper {weight_decay = 0.0 : f64} : (tensor<2xf32>, tensor<2xf32>, tensor<f32>, tensor<f64>) -> tensor<2xf32>
    return %0 : tensor<2xf32>
  }
}

// -----

// Without a scale there is nothing to do.
// CHECK-LABEL: func.func @update
// CHECK-NOT:   loss_scale
module {
  func.func @gradients(%w: tensor<2xf32> {llcc.param = "w", llcc.trainable}) -> (tensor<2xf32> {llcc.gradient = "w"}) {
    return %w : tensor<2xf32>
  }
  func.func @update(%w: tensor<2xf32> {llcc.param = "w", llcc.trainable}, %g: tensor<2xf32> {llcc.gradient = "w"}) -> (tensor<2xf32> {llcc.param = "w"}) {
    return %g : tensor<2xf32>
  }
}

// -----

// expected-error @+1 {{module needs @gradients and @update; attach an optimizer first (llcc-attach-optimizer)}}
module {
}
