// What the threads of each form do; that they compute the right numbers is shown in test/codegen.
// RUN: llcc-opt --split-input-file --verify-diagnostics --llcc-convert-kernels-to-gpu %s | FileCheck %s

// Four neighbours a thread, whose loads and stores stand together.
// CHECK-LABEL: gpu.func @vectors
// CHECK-SAME: %[[X:.*]]: memref<1200xf32> {llvm.align = 64 : i64, llvm.noalias}, %[[Y:.*]]: memref<1200xf32>
// CHECK-SAME: known_block_size = array<i32: 256, 1, 1>
// CHECK-SAME: known_grid_size = array<i32: 2, 1, 1>
// CHECK-SAME: llcc.block = array<i64: 256, 1, 1>
// CHECK-SAME: llcc.bytes = 9600
// CHECK-SAME: llcc.flops = 9600
// CHECK-SAME: llcc.grid = array<i64: 2, 1, 1>
// CHECK: scf.if
// CHECK-COUNT-4: memref.load %[[X]]
// CHECK: math.exp
// CHECK-COUNT-4: memref.store %{{.*}}, %[[Y]]
func.func private @vectors(%x: tensor<1200xf32>) -> tensor<1200xf32> attributes {llcc.kernel = "map"} {
  %y = math.exp %x : tensor<1200xf32>
  return %y : tensor<1200xf32>
}

// -----

// A warp a row: memory is read once, sums go by shuffles, nothing waits for other warps.
// CHECK-LABEL: gpu.func @warps
// CHECK-SAME: llcc.grid = array<i64: 16384, 1, 1>
// CHECK-COUNT-8: memref.load
// CHECK-NOT: memref.load
// CHECK-COUNT-5: gpu.shuffle xor
// CHECK-NOT: gpu.barrier
// CHECK: gpu.return
func.func private @warps(%x: tensor<65536x256xf32>) -> tensor<65536x256xf32> attributes {llcc.kernel = "row", llcc.rows = 1 : i64} {
  %m = llcc.reduce <max> %x dims [1] : tensor<65536x256xf32> -> tensor<65536xf32>
  %mb = llcc.broadcast %m dims [0] : tensor<65536xf32> -> tensor<65536x256xf32>
  %d = arith.subf %x, %mb : tensor<65536x256xf32>
  return %d : tensor<65536x256xf32>
}

// -----

// A block a row that is too long for registers: two walks, one meeting.
// CHECK-LABEL: gpu.func @blocks
// CHECK-SAME: workgroup(%{{.*}} : memref<16xf32, #gpu.address_space<workgroup>>)
// CHECK-SAME: llcc.block = array<i64: 512, 1, 1>
// CHECK-SAME: llcc.grid = array<i64: 4096, 1, 1>
// CHECK: scf.for
// CHECK: gpu.shuffle xor
// CHECK: gpu.barrier
// CHECK-NOT: gpu.barrier
// CHECK: scf.for
func.func private @blocks(%x: tensor<4096x50257xf32>) -> tensor<4096x50257xf32> attributes {llcc.kernel = "row", llcc.rows = 1 : i64} {
  %m = llcc.reduce <max> %x dims [1] : tensor<4096x50257xf32> -> tensor<4096xf32>
  %mb = llcc.broadcast %m dims [0] : tensor<4096xf32> -> tensor<4096x50257xf32>
  %d = arith.subf %x, %mb : tensor<4096x50257xf32>
  return %d : tensor<4096x50257xf32>
}

// -----

// Columns: 32 vectors of four by eight rows of threads, which meet once.
// CHECK-LABEL: gpu.func @columns
// CHECK-SAME: workgroup(%{{.*}} : memref<1024xf32, #gpu.address_space<workgroup>>)
// CHECK-SAME: llcc.block = array<i64: 256, 1, 1>
// CHECK-SAME: llcc.grid = array<i64: 6, 1, 1>
// CHECK: gpu.barrier
// CHECK-NOT: gpu.shuffle
// CHECK: gpu.return
func.func private @columns(%x: tensor<512x768xf32>) -> tensor<768xf32> attributes {llcc.kernel = "fold"} {
  %s = llcc.reduce <sum> %x dims [0] : tensor<512x768xf32> -> tensor<768xf32>
  return %s : tensor<768xf32>
}

// -----

// Where every strategy gives the same bits, sums run in the order of elements: a thread a row.
// CHECK-LABEL: gpu.func @in_order
// CHECK-NOT: gpu.shuffle
// CHECK: gpu.return
module attributes {llcc.deterministic} {
  func.func private @in_order(%x: tensor<64x256xf32>) -> tensor<64xf32> attributes {llcc.kernel = "row", llcc.rows = 1 : i64} {
    %s = llcc.reduce <sum> %x dims [1] : tensor<64x256xf32> -> tensor<64xf32>
    return %s : tensor<64xf32>
  }
}

// -----

// Warps own rows of the table and look for them among the indices: no atomics.
// CHECK-LABEL: gpu.func @scatter
// CHECK: gpu.shuffle xor
// CHECK: scf.while
// CHECK: gpu.shuffle idx
// CHECK-NOT: atomic
// CHECK: gpu.return
func.func private @scatter(%dy: tensor<300x64xf32>, %i: tensor<300xi64>) -> tensor<1000x64xf32> attributes {llcc.kernel = "scatter"} {
  %g = llcc.scatter_add %dy, %i axis 0 : tensor<300x64xf32>, tensor<300xi64> -> tensor<1000x64xf32>
  return %g : tensor<1000x64xf32>
}

// -----

// Positions are divided in 32 bits.
// CHECK-LABEL: gpu.func @narrow
// CHECK: arith.divui %{{.*}} : i32
// CHECK-NOT: arith.divui %{{.*}} : index
// CHECK: gpu.return
func.func private @narrow(%x: tensor<6x35x64xf32>) -> tensor<35x6x64xf32> attributes {llcc.kernel = "map"} {
  %y = llcc.transpose %x perm [1, 0, 2] : tensor<6x35x64xf32> -> tensor<35x6x64xf32>
  return %y : tensor<35x6x64xf32>
}

// -----

// expected-error@+1 {{kernel form is 'spiral', needs map, row, fold, scatter or sort}}
func.func private @form(%x: tensor<3xf32>) -> tensor<3xf32> attributes {llcc.kernel = "spiral"} {
  %y = math.exp %x : tensor<3xf32>
  return %y : tensor<3xf32>
}

// -----

// expected-error@+1 {{scatter kernel must return one llcc.scatter or llcc.scatter_add and nothing else}}
func.func private @scattered(%x: tensor<3xf32>) -> tensor<3xf32> attributes {llcc.kernel = "scatter"} {
  %y = math.exp %x : tensor<3xf32>
  return %y : tensor<3xf32>
}
