// RUN: llcc-opt --llcc-attach-cotangents=outputs=y --split-input-file --verify-diagnostics %s

// expected-error@below {{output "y" has type 'tensor<2xi64>', only floats have cotangents}}
func.func @forward(%x: tensor<2xi64> {llcc.input = "x"}) -> (tensor<2xi64> {llcc.output = "y"}) {
  return %x : tensor<2xi64>
}

// -----

// expected-error@below {{module has no @forward of one block that returns; import a model first}}
module {}
