func.func private @relu(%x: tensor<64x128xf32>, %b: tensor<128xf32>) -> tensor<64x128xf32> attributes {llcc.kernel = "map"} {
  %bb = llcc.broadcast %b dims [1] : tensor<128xf32> -> tensor<64x128xf32>
  %zero = arith.constant dense<0.0> : tensor<64x128xf32>
  %s = arith.addf %x, %bb : tensor<64x128xf32>
  %m = arith.cmpf ugt, %s, %zero : tensor<64x128xf32>
  %r = arith.select %m, %s, %zero : tensor<64x128xi1>, tensor<64x128xf32>
  return %r : tensor<64x128xf32>
}
func.func private @sum(%x: tensor<64x128xf32>) -> tensor<64xf32> attributes {llcc.kernel = "row", llcc.rows = 1 : i64} {
  %s = arith.mulf %x, %x : tensor<64x128xf32>
  %r = llcc.reduce <sum> %s dims [1] : tensor<64x128xf32> -> tensor<64xf32>
  return %r : tensor<64xf32>
}
