// RUN: llcc-opt --llcc-convert-kernels-to-loops --split-input-file --verify-diagnostics %s

// expected-error @+1 {{kernel form is 'tile', needs map, row, fold, scatter or sort}}
func.func private @form(%x: tensor<2xf32>) -> tensor<2xf32> attributes {llcc.kernel = "tile"} {
  return %x : tensor<2xf32>
}

// -----

// expected-error @+1 {{map kernel has results of types 'tensor<2xf32>' and 'tensor<3xf32>', needs one shape}}
func.func private @shapes(%x: tensor<2xf32>, %y: tensor<3xf32>) -> (tensor<2xf32>, tensor<3xf32>) attributes {llcc.kernel = "map"} {
  return %x, %y : tensor<2xf32>, tensor<3xf32>
}

// -----

// expected-error @+1 {{row kernel has no llcc.rows, needs the number of leading dimensions that are rows}}
func.func private @rows(%x: tensor<2xf32>) -> tensor<2xf32> attributes {llcc.kernel = "row"} {
  return %x : tensor<2xf32>
}

// -----

func.func private @leading(%x: tensor<2x3xf32>) -> tensor<3xf32> attributes {llcc.kernel = "row", llcc.rows = 1 : i64} {
  // expected-error @+1 {{reduces 'tensor<2x3xf32>' along [0] in a row kernel, needs all dimensions from 1 on}}
  %0 = llcc.reduce <sum> %x dims [0] : tensor<2x3xf32> -> tensor<3xf32>
  return %0 : tensor<3xf32>
}

// -----

// expected-error @+1 {{row kernel has a result of type 'tensor<3xf32>', needs its first 1 dimensions to be the rows}}
func.func private @row_result(%x: tensor<2x3xf32>, %y: tensor<3xf32>) -> (tensor<2xf32>, tensor<3xf32>) attributes {llcc.kernel = "row", llcc.rows = 1 : i64} {
  %0 = llcc.reduce <sum> %x dims [1] : tensor<2x3xf32> -> tensor<2xf32>
  return %0, %y : tensor<2xf32>, tensor<3xf32>
}

// -----

// expected-error @+1 {{fold kernel has no llcc.reduce, needs at least one}}
func.func private @fold(%x: tensor<2xf32>) -> tensor<2xf32> attributes {llcc.kernel = "fold"} {
  return %x : tensor<2xf32>
}

// -----

func.func private @folds(%x: tensor<2x3xf32>) -> (tensor<3xf32>, tensor<2xf32>) attributes {llcc.kernel = "fold"} {
  %0 = llcc.reduce <sum> %x dims [0] : tensor<2x3xf32> -> tensor<3xf32>
  // expected-error @+1 {{reduces 'tensor<2x3xf32>' along [1] in a fold kernel whose first reduction is of 'tensor<2x3xf32>' along [0], needs the same}}
  %1 = llcc.reduce <sum> %x dims [1] : tensor<2x3xf32> -> tensor<2xf32>
  return %0, %1 : tensor<3xf32>, tensor<2xf32>
}

// -----

// expected-error @+1 {{fold kernel has a result of type 'tensor<2x3xf32>', needs the kept shape of 'tensor<3xf32>'}}
func.func private @fold_result(%x: tensor<2x3xf32>) -> (tensor<3xf32>, tensor<2x3xf32>) attributes {llcc.kernel = "fold"} {
  %0 = llcc.reduce <sum> %x dims [0] : tensor<2x3xf32> -> tensor<3xf32>
  return %0, %x : tensor<3xf32>, tensor<2x3xf32>
}

// -----

// expected-error @+1 {{scatter kernel must return one llcc.scatter or llcc.scatter_add and nothing else}}
func.func private @scatter(%x: tensor<2xf32>) -> tensor<2xf32> attributes {llcc.kernel = "scatter"} {
  return %x : tensor<2xf32>
}

// -----

// expected-error @+1 {{sort kernel must return one llcc.argsort and nothing else}}
func.func private @sort(%x: tensor<2xi64>) -> tensor<2xi64> attributes {llcc.kernel = "sort"} {
  return %x : tensor<2xi64>
}

// -----

func.func private @unknown(%x: tensor<2x3xf32>, %y: tensor<3x4xf32>) -> tensor<2x4xf32> attributes {llcc.kernel = "map"} {
  // expected-error @+1 {{'llcc.dot' has no kernel code; it must stay outside of kernels}}
  %0 = llcc.dot %x, %y batch [] x [] contract [1] x [0] : tensor<2x3xf32>, tensor<3x4xf32> -> tensor<2x4xf32>
  return %0 : tensor<2x4xf32>
}

// -----

// expected-error @+1 {{result 0 of type 'tensor<2xf32>' cannot overwrite argument 1}}
func.func private @inplace(%x: tensor<2xf32>, %y: tensor<3xf32>) -> tensor<2xf32> attributes {llcc.kernel = "map", llcc.inplace = array<i64: 1>} {
  return %x : tensor<2xf32>
}

// -----

// expected-error @+1 {{kernel has 1 results and 2 entries in llcc.inplace, needs one for each result}}
func.func private @inplaces(%x: tensor<2xf32>) -> tensor<2xf32> attributes {llcc.kernel = "map", llcc.inplace = array<i64: 0, -1>} {
  return %x : tensor<2xf32>
}

// -----

// expected-error @+1 {{kernel has an argument of type 'f32', needs tensors}}
func.func private @scalar(%x: f32, %y: tensor<2xf32>) -> tensor<2xf32> attributes {llcc.kernel = "map"} {
  return %y : tensor<2xf32>
}

// -----

// expected-error @+1 {{kernel has no body}}
func.func private @body(tensor<2xf32>) -> tensor<2xf32> attributes {llcc.kernel = "map"}
