// RUN: llcc-opt --split-input-file --verify-diagnostics %s
// Every refusal of resharding and collectives; placed types keep their logical shape.

func.func @reshard_changes_shape(%x: tensor<4xf32>) {
  // expected-error @below {{'llcc.reshard' op result is 5, needs 4}}
  %y = llcc.reshard %x : tensor<4xf32> -> tensor<5xf32>
  return
}

// -----

func.func @no_axes(%x: tensor<4xf32>) {
  // expected-error @below {{'llcc.all_reduce' op has no axes, needs at least one}}
  %y = llcc.all_reduce <sum> %x over [] : tensor<4xf32> -> tensor<4xf32>
  return
}

// -----

func.func @all_reduce_results(%x: tensor<4xf32>) {
  // expected-error @below {{'llcc.all_reduce' op has 1 operands and 2 results, needs as many, at least one}}
  %y:2 = llcc.all_reduce <sum> %x over ["a"] : tensor<4xf32> -> tensor<4xf32>, tensor<4xf32>
  return
}

// -----

func.func @all_reduce_shapes(%x: tensor<4xf32>) {
  // expected-error @below {{'llcc.all_reduce' op result is 5, needs 4}}
  %y = llcc.all_reduce <sum> %x over ["a"] : tensor<4xf32> -> tensor<5xf32>
  return
}

// -----

func.func @all_gather_size(%x: tensor<7xf32>) {
  // expected-error @below {{'llcc.all_gather' op result is 13, needs 14}}
  %y = llcc.all_gather %x dim 0 size 14 over ["a"] : tensor<7xf32> -> tensor<13xf32>
  return
}

// -----

func.func @all_gather_numbers(%x: tensor<7xf32>) {
  // expected-error @below {{'llcc.all_gather' op has 1 numbers for 2 operands, needs one for each}}
  %y:2 = llcc.all_gather %x, %x dim 0, 0 size 14 over ["a"] : tensor<7xf32>, tensor<7xf32> -> tensor<14xf32>, tensor<14xf32>
  return
}

// -----

func.func @reduce_scatter_results(%x: tensor<7xf32>) {
  // expected-error @below {{'llcc.reduce_scatter' op has 2 operands and 1 results, needs as many, at least one}}
  %y = llcc.reduce_scatter <sum> %x, %x dim 0, 0 over ["a"] : tensor<7xf32>, tensor<7xf32> -> tensor<4xf32>
  return
}

// -----

func.func @all_gather_dim(%x: tensor<7xf32>) {
  // expected-error @below {{'llcc.all_gather' op dim is 1, the tensor has rank 1}}
  %y = llcc.all_gather %x dim 1 size 14 over ["a"] : tensor<7xf32> -> tensor<14xf32>
  return
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["a"], [3]>} {
  func.func @reduce_scatter_block(%x: tensor<7xf32>) {
    // expected-error @below {{'llcc.reduce_scatter' op dimension 0 of the result has size 8, needs a block of the operand's 7}}
    %y = llcc.reduce_scatter <sum> %x dim 0 over ["a"] : tensor<7xf32> -> tensor<8xf32>
    return
  }
}

// -----

func.func @all_to_all_of_one_dimension(%x: tensor<7x4xf32>) {
  // expected-error @below {{'llcc.all_to_all' op splits and joins dimension 0, needs two dimensions}}
  %y = llcc.all_to_all %x split 0 concat 0 size 7 over ["a"] : tensor<7x4xf32> -> tensor<7x4xf32>
  return
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["a"], [3]>} {
  func.func @all_to_all_block(%x: tensor<7x4xf32>) {
    // expected-error @below {{'llcc.all_to_all' op result is 3x11, needs 3x12}}
    %y = llcc.all_to_all %x split 0 concat 1 size 12 over ["a"] : tensor<7x4xf32> -> tensor<3x11xf32>
    return
  }
}

// -----

module attributes {llcc.mesh = #llcc.mesh<["a"], [3]>} {
  func.func @axis_slice_block(%x: tensor<7xf32>) {
    // expected-error @below {{'llcc.axis_slice' op dimension 0 of the result has size 8, needs a block of the operand's 7}}
    %y = llcc.axis_slice %x dim 0 over ["a"] : tensor<7xf32> -> tensor<8xf32>
    return
  }
}

// -----

func.func @mask_dim(%x: tensor<2xf32>) {
  // expected-error @below {{'llcc.mask' op dim is 1, the tensor has rank 1}}
  %y = llcc.mask %x dim 1 extent 9 over ["a", "b"] value 0.0 : tensor<2xf32>
  return
}

// -----

func.func @axis_offset_extent() {
  // expected-error @below {{'llcc.axis_offset' op extent is -1, needs at least 0}}
  %y = llcc.axis_offset extent -1 over ["a"] : tensor<i64>
  return
}

// -----

func.func @axis_offset_elements() {
  // expected-error @below {{'llcc.axis_offset' op result has elements of type 'complex<f32>', needs numbers}}
  %y = llcc.axis_offset extent 1 over ["a"] : tensor<complex<f32>>
  return
}

// -----

func.func @placed_types_keep_their_shape(%x: tensor<7xf32, #llcc.sharding<[["a"]]>>) {
  %y = llcc.all_gather %x dim 0 size 7 over ["a"] : tensor<7xf32, #llcc.sharding<[["a"]]>> -> tensor<7xf32, #llcc.sharding<[[]]>>
  // expected-error @below {{'llcc.all_gather' op result is 14, needs 7}}
  %z = llcc.all_gather %x dim 0 size 14 over ["a"] : tensor<7xf32, #llcc.sharding<[["a"]]>> -> tensor<14xf32, #llcc.sharding<[[]]>>
  return
}

// -----

func.func @ring_shift_types(%x: tensor<2xf32>) {
  // expected-error @below {{'llcc.ring_shift' op has 1 operands and 1 results, needs as many of the same types, at least one}}
  %y = llcc.ring_shift %x over ["a"] : tensor<2xf32> -> tensor<3xf32>
  return
}

// -----

func.func @ring_shift_axes(%x: tensor<2xf32>) {
  // expected-error @below {{'llcc.ring_shift' op has no axes, needs at least one}}
  %y = llcc.ring_shift %x over [] : tensor<2xf32> -> tensor<2xf32>
  return
}

// -----

func.func @ring_shift_placed(%x: tensor<4xf32, #llcc.sharding<[["a"]]>>) {
  // expected-error @below {{'llcc.ring_shift' op moves 'tensor<4xf32, #llcc.sharding<[["a"]]>>', needs local types}}
  %y = llcc.ring_shift %x over ["a"] : tensor<4xf32, #llcc.sharding<[["a"]]>> -> tensor<4xf32, #llcc.sharding<[["a"]]>>
  return
}
