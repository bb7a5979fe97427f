// Roundings to 16 bits on every level, bit for bit: floats of all patterns (denormals, infinities, NaN), and doubles, which are rounded once.
// RUN: llcc-kernel-test --rounded --all-bits --tolerance=0 --target=cpu:x86-64 %s | FileCheck %s
// RUN: llcc-kernel-test --rounded --all-bits --tolerance=0 --target=cpu:x86-64-v3 --seed=2 %s | FileCheck %s
// RUN: llcc-kernel-test --rounded --tolerance=0 --target=cpu:x86-64 --seed=3 %s | FileCheck %s
// RUN: llcc-kernel-test --rounded --tolerance=0 --target=cpu:x86-64-v3 --seed=4 %s | FileCheck %s

// CHECK: @floats device 0: error 0{{.*}} ok
func.func private @floats(%x: tensor<100000xf32>) -> (tensor<100000xbf16>, tensor<100000xf16>) attributes {llcc.kernel = "map"} {
  %0 = arith.truncf %x : tensor<100000xf32> to tensor<100000xbf16>
  %1 = arith.truncf %x : tensor<100000xf32> to tensor<100000xf16>
  return %0, %1 : tensor<100000xbf16>, tensor<100000xf16>
}
// CHECK: @doubles device 0: error 0{{.*}} ok
func.func private @doubles(%x: tensor<100000xf64>) -> (tensor<100000xbf16>, tensor<100000xf16>) attributes {llcc.kernel = "map"} {
  %0 = arith.truncf %x : tensor<100000xf64> to tensor<100000xbf16>
  %1 = arith.truncf %x : tensor<100000xf64> to tensor<100000xf16>
  return %0, %1 : tensor<100000xbf16>, tensor<100000xf16>
}
// Doubles between a tie of the narrow type and the next float: rounded twice they would go to even.
// CHECK: @ties device 0: error 0{{.*}} ok
func.func private @ties(%x: tensor<64xf64>) -> (tensor<64xbf16>, tensor<64xf16>) attributes {llcc.kernel = "map"} {
  %zero = arith.constant dense<0.0> : tensor<64xf64>
  %tie = arith.constant dense<1.00390625000000001> : tensor<64xf64>
  %more = arith.constant dense<1.0039062500000002220446> : tensor<64xf64>
  %half = arith.constant dense<1.0004882812500002220446> : tensor<64xf64>
  %p = arith.cmpf ogt, %x, %zero : tensor<64xf64>
  %a = arith.select %p, %more, %tie : tensor<64xi1>, tensor<64xf64>
  %0 = arith.truncf %a : tensor<64xf64> to tensor<64xbf16>
  %1 = arith.truncf %half : tensor<64xf64> to tensor<64xf16>
  return %0, %1 : tensor<64xbf16>, tensor<64xf16>
}
// CHECK: @wide device 0: error 0{{.*}} ok
func.func private @wide(%x: tensor<1000xbf16>, %y: tensor<1000xf16>) -> (tensor<1000xf32>, tensor<1000xf64>) attributes {llcc.kernel = "map"} {
  %0 = arith.extf %x : tensor<1000xbf16> to tensor<1000xf32>
  %1 = arith.extf %y : tensor<1000xf16> to tensor<1000xf64>
  return %0, %1 : tensor<1000xf32>, tensor<1000xf64>
}
