// RUN: llcc-opt --split-input-file --verify-diagnostics %s
// Every refusal of meshes and shardings.

// expected-error @below {{mesh has 2 axes and 1 sizes, needs one size for each axis}}
module attributes {llcc.mesh = #llcc.mesh<["a", "b"], [2]>} {}

// -----

// expected-error @below {{mesh axis 'a' is empty or named twice}}
module attributes {llcc.mesh = #llcc.mesh<["a", "a"], [2, 2]>} {}

// -----

// expected-error @below {{mesh axis 'a' has size 0, needs at least 1}}
module attributes {llcc.mesh = #llcc.mesh<["a"], [0]>} {}

// -----

// expected-error @below {{sharding lists axis 'a' twice}}
func.func private @twice(tensor<4xf32, #llcc.sharding<[["a"]], partial = ["a"]>>)

// -----

// expected-error @below {{sharding lists "", needs the name of a mesh axis}}
func.func private @empty(tensor<4xf32, #llcc.sharding<[[""]]>>)

// -----

// expected-error @below {{sharding has 2 dimensions, the tensor has 1}}
func.func private @rank(tensor<4xf32, #llcc.sharding<[[], []]>>)

// -----

// expected-error @below {{unknown reduction 'mean', needs sum, max, min or prod}}
func.func private @kind(tensor<4xf32, #llcc.sharding<[[]], partial = ["a"], kind = mean>>)

// -----

// expected-error @below {{unknown key 'open' in a sharding, needs partial, kind or invariant}}
func.func private @key(tensor<4xf32, #llcc.sharding<[[]], open = ["a"]>>)
