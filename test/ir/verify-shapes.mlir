// RUN: llcc-opt --split-input-file --verify-diagnostics %s
// Every refusal of shape changes, reductions and indexing.

func.func @broadcast_of_a_wrong_size(%x: tensor<3xf32>) {
  // expected-error @below {{'llcc.broadcast' op operand dimension 0 has size 3, needs 1 or the 4 of result dimension 1}}
  %y = llcc.broadcast %x dims [1] : tensor<3xf32> -> tensor<2x4xf32>
  return
}

// -----

func.func @broadcast_dims_decrease(%x: tensor<3x2xf32>) {
  // expected-error @below {{'llcc.broadcast' op dims are [1, 0], need to increase strictly below rank 2}}
  %y = llcc.broadcast %x dims [1, 0] : tensor<3x2xf32> -> tensor<2x3xf32>
  return
}

// -----

func.func @broadcast_dims_out_of_rank(%x: tensor<3xf32>) {
  // expected-error @below {{'llcc.broadcast' op dims are [2], need to increase strictly below rank 2}}
  %y = llcc.broadcast %x dims [2] : tensor<3xf32> -> tensor<2x3xf32>
  return
}

// -----

func.func @broadcast_dims_missing(%x: tensor<3xf32>) {
  // expected-error @below {{'llcc.broadcast' op dims has 0 entries, needs 1}}
  %y = llcc.broadcast %x dims [] : tensor<3xf32> -> tensor<2x3xf32>
  return
}

// -----

func.func @broadcast_changes_elements(%x: tensor<3xf32>) {
  // expected-error @below {{'llcc.broadcast' op element types differ: 'f32' and 'f64'}}
  %y = llcc.broadcast %x dims [1] : tensor<3xf32> -> tensor<2x3xf64>
  return
}

// -----

func.func @reshape_of_other_size(%x: tensor<3x4xf32>) {
  // expected-error @below {{'llcc.reshape' op operand is 3x4, which has another number of elements than the result, 13}}
  %y = llcc.reshape %x : tensor<3x4xf32> -> tensor<13xf32>
  return
}

// -----

// 2^32 * 2^32 wraps to 0 in 64 bits.
func.func @reshape_that_overflows(%x: tensor<4294967296x4294967296xf32>) {
  // expected-error @below {{'llcc.reshape' op operand is 4294967296x4294967296, which has another number of elements than the result, 0}}
  %y = llcc.reshape %x : tensor<4294967296x4294967296xf32> -> tensor<0xf32>
  return
}

// -----

func.func @transpose_names_twice(%x: tensor<3x4xf32>) {
  // expected-error @below {{'llcc.transpose' op perm is [0, 0], needs each dimension below 2 once}}
  %y = llcc.transpose %x perm [0, 0] : tensor<3x4xf32> -> tensor<3x3xf32>
  return
}

// -----

func.func @transpose_result(%x: tensor<3x4xf32>) {
  // expected-error @below {{'llcc.transpose' op result is 3x4, needs 4x3}}
  %y = llcc.transpose %x perm [1, 0] : tensor<3x4xf32> -> tensor<3x4xf32>
  return
}

// -----

func.func @reduce_result(%x: tensor<3x4xf32>) {
  // expected-error @below {{'llcc.reduce' op result is scalar, needs 4}}
  %y = llcc.reduce <sum> %x dims [0] : tensor<3x4xf32> -> tensor<f32>
  return
}

// -----

func.func @slice_beyond_the_end(%x: tensor<5xf32>) {
  // expected-error @below {{'llcc.slice' op dimension 0 takes 3 elements from 1 with stride 2, the operand has 5}}
  %y = llcc.slice %x starts [1] strides [2] : tensor<5xf32> -> tensor<3xf32>
  return
}

// -----

func.func @slice_stands_still(%x: tensor<5xf32>) {
  // expected-error @below {{'llcc.slice' op strides is [0], needs entries of at least 1}}
  %y = llcc.slice %x starts [1] strides [0] : tensor<5xf32> -> tensor<3xf32>
  return
}

// -----

func.func @slice_with_a_huge_stride(%x: tensor<5xf32>) {
  // expected-error @below {{'llcc.slice' op dimension 0 takes 3 elements from 0 with stride 9223372036854775807, the operand has 5}}
  %y = llcc.slice %x starts [0] strides [9223372036854775807] : tensor<5xf32> -> tensor<3xf32>
  return
}

// -----

func.func @slice_of_other_rank(%x: tensor<5x1xf32>) {
  // expected-error @below {{'llcc.slice' op result has rank 1, needs the operand's 2}}
  %y = llcc.slice %x starts [0, 0] strides [1, 1] : tensor<5x1xf32> -> tensor<5xf32>
  return
}

// -----

func.func @pad_result(%x: tensor<5xf32>) {
  // expected-error @below {{'llcc.pad' op dimension 0: 5 elements with lo 1, hi 2, interior 1 do not make the result's 13}}
  %y = llcc.pad %x lo [1] hi [2] interior [1] : tensor<5xf32> -> tensor<13xf32>
  return
}

// -----

func.func @pad_cuts(%x: tensor<5xf32>) {
  // expected-error @below {{'llcc.pad' op lo is [-1], needs entries of at least 0}}
  %y = llcc.pad %x lo [-1] hi [0] interior [0] : tensor<5xf32> -> tensor<4xf32>
  return
}

// -----

func.func @pad_of_other_rank(%x: tensor<5xf32>) {
  // expected-error @below {{'llcc.pad' op result has rank 2, needs the operand's 1}}
  %y = llcc.pad %x lo [0] hi [0] interior [0] : tensor<5xf32> -> tensor<5x1xf32>
  return
}

// -----

func.func @concat_of_nothing() {
  // expected-error @below {{'llcc.concat' op has no operands, needs at least one}}
  %y = "llcc.concat"() {dim = 0 : i64} : () -> tensor<0xf32>
  return
}

// -----

func.func @concat_of_other_columns(%a: tensor<2x3xf32>, %b: tensor<2x4xf32>) {
  // expected-error @below {{'llcc.concat' op operand 1 is 2x4, which does not fit the result, 4x3, outside dimension 0}}
  %y = llcc.concat %a, %b dim 0 : tensor<2x3xf32>, tensor<2x4xf32> -> tensor<4x3xf32>
  return
}

// -----

func.func @concat_sum(%a: tensor<2x3xf32>, %b: tensor<2x3xf32>) {
  // expected-error @below {{'llcc.concat' op operands have together 4 elements along dimension 0, the result has 5}}
  %y = llcc.concat %a, %b dim 0 : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<5x3xf32>
  return
}

// -----

func.func @concat_dim(%a: tensor<2xf32>) {
  // expected-error @below {{'llcc.concat' op dim is 1, the tensor has rank 1}}
  %y = llcc.concat %a dim 1 : tensor<2xf32> -> tensor<2xf32>
  return
}

// -----

func.func @iota_dim() {
  // expected-error @below {{'llcc.iota' op dim is 0, the tensor has rank 0}}
  %y = llcc.iota dim 0 : tensor<i64>
  return
}

// -----

func.func @iota_elements() {
  // expected-error @below {{'llcc.iota' op result has elements of type 'complex<f32>', needs numbers}}
  %y = llcc.iota dim 0 : tensor<3xcomplex<f32>>
  return
}

// -----

func.func @gather_result(%t: tensor<5x4xf32>, %i: tensor<2x3xi64>) {
  // expected-error @below {{'llcc.gather' op result is 5x4, needs 5x2x3}}
  %y = llcc.gather %t, %i axis 1 : tensor<5x4xf32>, tensor<2x3xi64> -> tensor<5x4xf32>
  return
}

// -----

func.func @gather_from_nothing(%t: tensor<0x4xf32>, %i: tensor<2xi64>) {
  // expected-error @below {{'llcc.gather' op table is 0x4, needs at least one row along axis 0}}
  %y = llcc.gather %t, %i axis 0 : tensor<0x4xf32>, tensor<2xi64> -> tensor<2x4xf32>
  return
}

// -----

func.func @gather_axis(%t: tensor<5x4xf32>, %i: tensor<2xi64>) {
  // expected-error @below {{'llcc.gather' op axis is -1, the tensor has rank 2}}
  %y = llcc.gather %t, %i axis -1 : tensor<5x4xf32>, tensor<2xi64> -> tensor<5x2xf32>
  return
}

// -----

func.func @scatter_updates(%u: tensor<3x4xf32>, %i: tensor<2xi64>) {
  // expected-error @below {{'llcc.scatter_add' op updates are 3x4, need 2x4 for a result of 5x4}}
  %y = llcc.scatter_add %u, %i axis 0 : tensor<3x4xf32>, tensor<2xi64> -> tensor<5x4xf32>
  return
}

// -----

func.func @scatter_into_nothing(%u: tensor<2x4xf32>, %i: tensor<2xi64>) {
  // expected-error @below {{'llcc.scatter_add' op result is 0x4, needs at least one row along axis 0}}
  %y = llcc.scatter_add %u, %i axis 0 : tensor<2x4xf32>, tensor<2xi64> -> tensor<0x4xf32>
  return
}

// -----

func.func @gather_batch(%t: tensor<5x4xf32>, %i: tensor<5x2xi64>) {
  // expected-error @below {{'llcc.gather' op batch is 2, needs at least 0 and at most the axis, 1, and the indices' rank, 2}}
  %y = llcc.gather %t, %i axis 1 {batch = 2 : i64} : tensor<5x4xf32>, tensor<5x2xi64> -> tensor<5x2xf32>
  return
}

// -----

func.func @gather_batches(%t: tensor<5x4xf32>, %i: tensor<3x2xi64>) {
  // expected-error @below {{'llcc.gather' op table is 5x4, indices are 3x2, the first 1 sizes must be equal}}
  %y = llcc.gather %t, %i axis 1 {batch = 1 : i64} : tensor<5x4xf32>, tensor<3x2xi64> -> tensor<5x2xf32>
  return
}

// -----

func.func @scatter_shape(%d: tensor<5x4xf32>, %u: tensor<5x2xf32>, %i: tensor<5x3xi64>) {
  // expected-error @below {{'llcc.scatter' op updates are 5x2, need 5x3 for data of 5x4}}
  %y = llcc.scatter %d, %u, %i axis 1 {batch = 1 : i64} : tensor<5x4xf32>, tensor<5x2xf32>, tensor<5x3xi64> -> tensor<5x4xf32>
  return
}

// -----

func.func @scatter_result(%d: tensor<5xf32>, %u: tensor<2xf32>, %i: tensor<2xi64>) {
  // expected-error @below {{'llcc.scatter' op result is 4, needs 5}}
  %y = llcc.scatter %d, %u, %i axis 0 by <max> : tensor<5xf32>, tensor<2xf32>, tensor<2xi64> -> tensor<4xf32>
  return
}

// -----

func.func @argsort_result(%x: tensor<5x4xf32>) {
  // expected-error @below {{'llcc.argsort' op result is 5x2, needs the operand's 5x4}}
  %y = llcc.argsort %x axis 1 descending : tensor<5x4xf32> -> tensor<5x2xi64>
  return
}

// -----

func.func @argsort_elements(%x: tensor<5xcomplex<f32>>) {
  // expected-error @below {{'llcc.argsort' op operand has elements of type 'complex<f32>', needs numbers}}
  %y = llcc.argsort %x axis 0 : tensor<5xcomplex<f32>> -> tensor<5xi64>
  return
}

// -----

func.func @reverse_dims(%x: tensor<5x4xf32>) {
  // expected-error @below {{'llcc.reverse' op dims are [1, 0], need to increase strictly below rank 2}}
  %y = llcc.reverse %x dims [1, 0] : tensor<5x4xf32> -> tensor<5x4xf32>
  return
}
