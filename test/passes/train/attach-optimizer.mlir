// RUN: llcc-opt --llcc-attach-optimizer="optimizer=adamw,lr=0.001,beta1=0.8" %s | FileCheck %s
// RUN: llcc-opt --llcc-attach-optimizer="optimizer=momentum,nesterov=1,schedule=cosine,warmup=3,steps=9" %s | FileCheck %s --check-prefix=MOMENTUM
// RUN: llcc-opt --llcc-attach-optimizer="optimizer=adam,eps=1e-6,weight_decay=0.1" %s | FileCheck %s --check-prefix=ADAM
// RUN: llcc-opt --llcc-attach-optimizer="optimizer=sgd clip=2.5" %s | FileCheck %s --check-prefix=CLIP

func.func @gradients(%x: tensor<f32> {llcc.input = "x"}, %w: tensor<4xf32> {llcc.param = "w", llcc.trainable}, %f: tensor<2xf32> {llcc.param = "f"}, %b: tensor<2xbf16> {llcc.param = "b", llcc.trainable})
    -> (tensor<f32> {llcc.loss}, tensor<4xf32> {llcc.gradient = "w"}, tensor<2xbf16> {llcc.gradient = "b"}) {
  return %x, %w, %b : tensor<f32>, tensor<4xf32>, tensor<2xbf16>
}

// Trained parameters, their states, gradients, scalars; frozen parameters are not there.
// CHECK-LABEL: func.func @update(
// CHECK-SAME: %[[W:[^:]*]]: tensor<4xf32> {llcc.param = "w", llcc.trainable}, %[[B:[^:]*]]: tensor<2xbf16> {llcc.param = "b", llcc.trainable},
// CHECK-SAME: %[[MW:[^:]*]]: tensor<4xf32> {llcc.init = 0.000000e+00 : f64, llcc.state = "m:w"}, %[[VW:[^:]*]]: tensor<4xf32> {llcc.init = 0.000000e+00 : f64, llcc.state = "v:w"},
// CHECK-SAME: %[[MB:[^:]*]]: tensor<2xbf16> {llcc.init = 0.000000e+00 : f64, llcc.state = "m:b"}, %[[VB:[^:]*]]: tensor<2xbf16> {llcc.init = 0.000000e+00 : f64, llcc.state = "v:b"},
// CHECK-SAME: %[[GW:[^:]*]]: tensor<4xf32> {llcc.gradient = "w"}, %[[GB:[^:]*]]: tensor<2xbf16> {llcc.gradient = "b"},
// CHECK-SAME: %[[LR:[^:]*]]: tensor<f32> {llcc.scalar = "lr"}, %[[STEP:[^:]*]]: tensor<f64> {llcc.scalar = "step"})
// CHECK-SAME: -> (tensor<4xf32> {llcc.param = "w"}, tensor<2xbf16> {llcc.param = "b"}, tensor<4xf32> {llcc.state = "m:w"}, tensor<4xf32> {llcc.state = "v:w"}, tensor<2xbf16> {llcc.state = "m:b"}, tensor<2xbf16> {llcc.state = "v:b"})
// CHECK: llcc.capture "gradient" "w" %[[GW]]
// CHECK: llcc.capture "gradient" "b" %[[GB]]
// CHECK: %[[NW:[^,]*]], %[[NSW:[^:]*]]:2 = llcc.update "adamw" %[[W]], %[[GW]] state(%[[MW]], %[[VW]]) lr %[[LR]] step %[[STEP]] hyper {beta1 = 8.000000e-01 : f64, beta2 = 0.99{{[0-9]*}} : f64, epsilon = 1.000000e-08 : f64, weight_decay = 1.000000e-02 : f64}
// CHECK: %[[NB:[^,]*]], %[[NSB:[^:]*]]:2 = llcc.update "adamw" %[[B]], %[[GB]] state(%[[MB]], %[[VB]])
// CHECK: return %[[NW]], %[[NB]], %[[NSW]]#0, %[[NSW]]#1, %[[NSB]]#0, %[[NSB]]#1

// MOMENTUM: llcc.state = "velocity:w"
// MOMENTUM: llcc.update "momentum" {{.*}} hyper {momentum = 9.000000e-01 : f64, nesterov = 1.000000e+00 : f64, weight_decay = 0.000000e+00 : f64}
// ADAM: llcc.update "adam" {{.*}} hyper {beta1 = {{.*}}, beta2 = {{.*}}, epsilon = {{9.99[0-9]*E-7}} : f64, weight_decay = 1.000000e-01 : f64}

// The norm of all gradients, in f32; captured gradients are those before clipping.
// CLIP: func.func @update(%{{.*}}, %{{.*}}, %[[GW:[^:]*]]: tensor<4xf32> {llcc.gradient = "w"}, %[[GB:[^:]*]]: tensor<2xbf16> {llcc.gradient = "b"}
// CLIP: llcc.capture "gradient" "w" %[[GW]]
// CLIP: llcc.capture "gradient" "b" %[[GB]]
// CLIP: %[[WW:.*]] = arith.mulf %[[GW]], %[[GW]]
// CLIP: %[[SW:.*]] = llcc.reduce <sum> %[[WW]] dims [0]
// CLIP: %[[WIDE:.*]] = arith.extf %[[GB]]
// CLIP: %[[BB:.*]] = arith.mulf %[[WIDE]], %[[WIDE]]
// CLIP: %[[SB:.*]] = llcc.reduce <sum> %[[BB]] dims [0]
// CLIP: %[[SUM:.*]] = arith.addf %[[SW]], %[[SB]]
// CLIP: %[[NORM:.*]] = math.sqrt %[[SUM]]
// CLIP: llcc.capture "grad_norm" "grad_norm" %[[NORM]]
// CLIP: %[[MAX:.*]] = arith.constant dense<2.500000e+00> : tensor<f32>
// CLIP: %[[ABOVE:.*]] = arith.addf %[[NORM]]
// CLIP: %[[RATIO:.*]] = arith.divf %[[MAX]], %[[ABOVE]]
// CLIP: %[[SCALE:.*]] = arith.minimumf %[[RATIO]]
// CLIP: %[[SPREAD:.*]] = llcc.broadcast %[[SCALE]] dims []
// CLIP: %[[CLIPPED:.*]] = arith.mulf %[[GW]], %[[SPREAD]]
// CLIP: llcc.update "sgd" %{{.*}}, %[[CLIPPED]] state()
