// RUN: llcc-opt --allow-unregistered-dialect --llcc-fuse-kernels --split-input-file --verify-diagnostics %s

func.func @forward(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  // expected-error @unknown {{node "fc1": llcc.softmax can't be lowered; run llcc-decompose first}}
  %p = llcc.softmax %x axis 1 : tensor<4x4xf32> loc("fc1")
  // expected-error @+1 {{llcc.reshard can't be lowered; run llcc-plan-reshards first}}
  %q = llcc.reshard %p : tensor<4x4xf32> -> tensor<4x4xf32>
  // expected-error @+1 {{tensor.empty can't be lowered; it has neither loops nor a library call}}
  %e = "tensor.empty"() : () -> tensor<4x4xf32>
  return %q : tensor<4x4xf32>
}

// -----

func.func @forward(%x: tensor<4x4xf32, #llcc.sharding<[[], []]>>) -> tensor<4x4xf32, #llcc.sharding<[[], []]>> {
  // expected-error @+1 {{arith.addf has a value of type 'tensor<4x4xf32, #llcc.sharding<[[], []]>>', lowering needs tensors of static local shape}}
  %y = arith.addf %x, %x : tensor<4x4xf32, #llcc.sharding<[[], []]>>
  // expected-error @+1 {{func.return has a value of type 'tensor<4x4xf32, #llcc.sharding<[[], []]>>', lowering needs tensors of static local shape}}
  return %y : tensor<4x4xf32, #llcc.sharding<[[], []]>>
}

// -----

// expected-error @+1 {{function @forward has 2 blocks, lowering needs exactly one}}
func.func @forward(%x: tensor<4xf32>) -> tensor<4xf32> {
  "cf.br"(%x)[^bb1] : (tensor<4xf32>) -> ()
^bb1(%y: tensor<4xf32>):
  return %y : tensor<4xf32>
}
