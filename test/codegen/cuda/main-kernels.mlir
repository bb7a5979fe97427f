// The kernels that a transformer's step spends its time in, with the widths of GPT-2: each thread of a few rows executed on
// this CPU against the interpreter, then ptxas's word on registers and spills for the rows of a batch.
// REQUIRES: ptxas
// RUN: sed s/ROWS/3/g %s | llcc-kernel-test --gpu --tolerance=2e-2 - | FileCheck %s
// RUN: sed s/ROWS/8192/g %s | llcc-kernel-test --gpu --resources=sm_90 - | FileCheck %s --check-prefix=RESOURCES

// Nothing spills; registers leave room for two thousand threads a multiprocessor where bandwidth needs them (32 registers
// each), for eight hundred where a row stays in registers. (Kernels come last first.)
// RESOURCES: kernel {{ *}}registers {{ *}}stack {{ *}}spill stores {{ *}}spill loads
// RESOURCES-NEXT: keys{{ +(1[0-9]|2[0-9]|3[0-2]) +0 +0 +0}}
// RESOURCES-NEXT: heads{{ +(1[0-9]|2[0-9]|3[0-2]) +0 +0 +0}}
// RESOURCES-NEXT: embedding_gradient{{ +(1[0-9]|2[0-9]|3[0-9]|40) +0 +0 +0}}
// RESOURCES-NEXT: batch_statistics{{ +(1[0-9]|2[0-9]|3[0-9]|40) +0 +0 +0}}
// RESOURCES-NEXT: bias_gradient{{ +(1[0-9]|2[0-9]|3[0-9]|40) +0 +0 +0}}
// RESOURCES-NEXT: gelu{{ +(1[0-9]|2[0-9]|3[0-9]|4[0-8]) +0 +0 +0}}
// RESOURCES-NEXT: adamw{{ +(1[0-9]|2[0-9]|3[0-9]|4[0-8]) +0 +0 +0}}
// RESOURCES-NEXT: cross_entropy{{ +(1[0-9]|2[0-9]|3[0-9]|4[0-8]) +0 +0 +0}}
// RESOURCES-NEXT: layer_norm_backward{{ +([1-7][0-9]|80) +0 +0 +0}}
// RESOURCES-NEXT: layer_norm{{ +([1-7][0-9]|80) +0 +0 +0}}
// RESOURCES-NEXT: softmax{{ +([1-7][0-9]|80) +0 +0 +0}}

// Loads and stores of 16 bytes where rows are aligned; no division but by multiplication.
// RUN: sed s/ROWS/8192/g %s | llcc-kernel-test --gpu --ptx=sm_90 - | FileCheck %s --check-prefix=PTX --implicit-check-not=div.s --implicit-check-not=div.u --implicit-check-not=rem.s --implicit-check-not=rem.u
// PTX: .entry softmax(
// PTX: shfl.sync.bfly
// PTX-NOT: bar{{(rier)?}}.sync
// PTX: st.global.v4.b32
// PTX: .entry layer_norm(
// PTX: ld.global.nc.v4.b32
// PTX: shfl.sync.bfly
// PTX-NOT: bar{{(rier)?}}.sync
// PTX: .entry layer_norm_backward(
// PTX: .entry adamw(
// PTX-COUNT-4: ld.global{{(.nc)?}}.v4.b32
// PTX-COUNT-3: st.global.v4.b32
// PTX: .entry gelu(
// PTX-COUNT-3: ld.global.nc.v4.b32
// PTX: st.global.v4.b32
// PTX: .entry heads(
// PTX: ld.global.nc.v4.b32
// PTX: st.global.v4.b32

// CHECK: @softmax device 0: error {{.*}} ok
func.func private @softmax(%x: tensor<ROWSx5x1024xbf16>, %mask: tensor<5x1024xf32>) -> tensor<ROWSx5x1024xbf16> attributes {llcc.kernel = "row", llcc.rows = 2 : i64} {
  %wide = arith.extf %x : tensor<ROWSx5x1024xbf16> to tensor<ROWSx5x1024xf32>
  %mb = llcc.broadcast %mask dims [1, 2] : tensor<5x1024xf32> -> tensor<ROWSx5x1024xf32>
  %masked = arith.addf %wide, %mb : tensor<ROWSx5x1024xf32>
  %m = llcc.reduce <max> %masked dims [2] : tensor<ROWSx5x1024xf32> -> tensor<ROWSx5xf32>
  %mbb = llcc.broadcast %m dims [0, 1] : tensor<ROWSx5xf32> -> tensor<ROWSx5x1024xf32>
  %d = arith.subf %masked, %mbb : tensor<ROWSx5x1024xf32>
  %e = math.exp %d : tensor<ROWSx5x1024xf32>
  %s = llcc.reduce <sum> %e dims [2] : tensor<ROWSx5x1024xf32> -> tensor<ROWSx5xf32>
  %sb = llcc.broadcast %s dims [0, 1] : tensor<ROWSx5xf32> -> tensor<ROWSx5x1024xf32>
  %p = arith.divf %e, %sb : tensor<ROWSx5x1024xf32>
  %r = arith.truncf %p : tensor<ROWSx5x1024xf32> to tensor<ROWSx5x1024xbf16>
  return %r : tensor<ROWSx5x1024xbf16>
}
// CHECK: @layer_norm device 0: error {{.*}} ok
func.func private @layer_norm(%x: tensor<ROWSx768xbf16>, %y: tensor<ROWSx768xbf16>, %w: tensor<768xf32>, %b: tensor<768xf32>) -> (tensor<ROWSx768xbf16>, tensor<ROWSxf32>, tensor<ROWSx768xbf16>)
    attributes {llcc.kernel = "row", llcc.rows = 1 : i64} {
  %xw = arith.extf %x : tensor<ROWSx768xbf16> to tensor<ROWSx768xf32>
  %yw = arith.extf %y : tensor<ROWSx768xbf16> to tensor<ROWSx768xf32>
  %sum = arith.addf %xw, %yw : tensor<ROWSx768xf32>
  %n = arith.constant dense<768.0> : tensor<ROWSxf32>
  %eps = arith.constant dense<1.0e-5> : tensor<ROWSxf32>
  %s = llcc.reduce <sum> %sum dims [1] : tensor<ROWSx768xf32> -> tensor<ROWSxf32>
  %mean = arith.divf %s, %n : tensor<ROWSxf32>
  %mb = llcc.broadcast %mean dims [0] : tensor<ROWSxf32> -> tensor<ROWSx768xf32>
  %d = arith.subf %sum, %mb : tensor<ROWSx768xf32>
  %dd = arith.mulf %d, %d : tensor<ROWSx768xf32>
  %s2 = llcc.reduce <sum> %dd dims [1] : tensor<ROWSx768xf32> -> tensor<ROWSxf32>
  %var = arith.divf %s2, %n : tensor<ROWSxf32>
  %ve = arith.addf %var, %eps : tensor<ROWSxf32>
  %r = math.rsqrt %ve : tensor<ROWSxf32>
  %rb = llcc.broadcast %r dims [0] : tensor<ROWSxf32> -> tensor<ROWSx768xf32>
  %h = arith.mulf %d, %rb : tensor<ROWSx768xf32>
  %wb = llcc.broadcast %w dims [1] : tensor<768xf32> -> tensor<ROWSx768xf32>
  %bb = llcc.broadcast %b dims [1] : tensor<768xf32> -> tensor<ROWSx768xf32>
  %hw = arith.mulf %h, %wb : tensor<ROWSx768xf32>
  %o = arith.addf %hw, %bb : tensor<ROWSx768xf32>
  %on = arith.truncf %o : tensor<ROWSx768xf32> to tensor<ROWSx768xbf16>
  %sn = arith.truncf %sum : tensor<ROWSx768xf32> to tensor<ROWSx768xbf16>
  return %on, %r, %sn : tensor<ROWSx768xbf16>, tensor<ROWSxf32>, tensor<ROWSx768xbf16>
}
// CHECK: @layer_norm_backward device 0: error {{.*}} ok
func.func private @layer_norm_backward(%dy: tensor<ROWSx768xbf16>, %h: tensor<ROWSx768xbf16>, %w: tensor<768xf32>, %r: tensor<ROWSxf32>, %skip: tensor<ROWSx768xf32>) -> tensor<ROWSx768xf32>
    attributes {llcc.kernel = "row", llcc.rows = 1 : i64, llcc.inplace = array<i64: 4>} {
  %g = arith.extf %dy : tensor<ROWSx768xbf16> to tensor<ROWSx768xf32>
  %hw = arith.extf %h : tensor<ROWSx768xbf16> to tensor<ROWSx768xf32>
  %wb = llcc.broadcast %w dims [1] : tensor<768xf32> -> tensor<ROWSx768xf32>
  %gw = arith.mulf %g, %wb : tensor<ROWSx768xf32>
  %s1 = llcc.reduce <sum> %gw dims [1] : tensor<ROWSx768xf32> -> tensor<ROWSxf32>
  %gh = arith.mulf %gw, %hw : tensor<ROWSx768xf32>
  %s2 = llcc.reduce <sum> %gh dims [1] : tensor<ROWSx768xf32> -> tensor<ROWSxf32>
  %n = arith.constant dense<768.0> : tensor<ROWSxf32>
  %m1 = arith.divf %s1, %n : tensor<ROWSxf32>
  %m2 = arith.divf %s2, %n : tensor<ROWSxf32>
  %m1b = llcc.broadcast %m1 dims [0] : tensor<ROWSxf32> -> tensor<ROWSx768xf32>
  %m2b = llcc.broadcast %m2 dims [0] : tensor<ROWSxf32> -> tensor<ROWSx768xf32>
  %rb = llcc.broadcast %r dims [0] : tensor<ROWSxf32> -> tensor<ROWSx768xf32>
  %a = arith.subf %gw, %m1b : tensor<ROWSx768xf32>
  %hm = arith.mulf %hw, %m2b : tensor<ROWSx768xf32>
  %c = arith.subf %a, %hm : tensor<ROWSx768xf32>
  %cr = arith.mulf %c, %rb : tensor<ROWSx768xf32>
  %o = arith.addf %skip, %cr : tensor<ROWSx768xf32>
  return %o : tensor<ROWSx768xf32>
}
// CHECK: @cross_entropy device 0: error {{.*}} ok
func.func private @cross_entropy(%x: tensor<ROWSx50257xbf16>, %label: tensor<ROWSxi64> {llcc.classes = 50257 : i64}, %scale: tensor<f32>) -> (tensor<ROWSxf32>, tensor<ROWSx50257xbf16>)
    attributes {llcc.kernel = "row", llcc.rows = 1 : i64} {
  %wide = arith.extf %x : tensor<ROWSx50257xbf16> to tensor<ROWSx50257xf32>
  %m = llcc.reduce <max> %wide dims [1] : tensor<ROWSx50257xf32> -> tensor<ROWSxf32>
  %mb = llcc.broadcast %m dims [0] : tensor<ROWSxf32> -> tensor<ROWSx50257xf32>
  %d = arith.subf %wide, %mb : tensor<ROWSx50257xf32>
  %e = math.exp %d : tensor<ROWSx50257xf32>
  %s = llcc.reduce <sum> %e dims [1] : tensor<ROWSx50257xf32> -> tensor<ROWSxf32>
  %l = math.log %s : tensor<ROWSxf32>
  %sb = llcc.broadcast %s dims [0] : tensor<ROWSxf32> -> tensor<ROWSx50257xf32>
  %p = arith.divf %e, %sb : tensor<ROWSx50257xf32>
  %place = llcc.iota dim 1 : tensor<ROWSx50257xi64>
  %lb = llcc.broadcast %label dims [0] : tensor<ROWSxi64> -> tensor<ROWSx50257xi64>
  %hit = arith.cmpi eq, %place, %lb : tensor<ROWSx50257xi64>
  %zero = arith.constant dense<0.0> : tensor<ROWSx50257xf32>
  %one = arith.constant dense<1.0> : tensor<ROWSx50257xf32>
  %t = arith.select %hit, %one, %zero : tensor<ROWSx50257xi1>, tensor<ROWSx50257xf32>
  %g = arith.subf %p, %t : tensor<ROWSx50257xf32>
  %k = llcc.broadcast %scale dims [] : tensor<f32> -> tensor<ROWSx50257xf32>
  %gs = arith.mulf %g, %k : tensor<ROWSx50257xf32>
  %o = arith.truncf %gs : tensor<ROWSx50257xf32> to tensor<ROWSx50257xbf16>
  return %l, %o : tensor<ROWSxf32>, tensor<ROWSx50257xbf16>
}
// CHECK: @adamw device 0: error {{.*}} ok
func.func private @adamw(%p: tensor<ROWSx3072xf32>, %m: tensor<ROWSx3072xf32>, %v: tensor<ROWSx3072xf32>, %g: tensor<ROWSx3072xf32>, %lr: tensor<f32>) -> (tensor<ROWSx3072xf32>, tensor<ROWSx3072xf32>, tensor<ROWSx3072xf32>)
    attributes {llcc.kernel = "map", llcc.inplace = array<i64: 0, 1, 2>} {
  %b1 = arith.constant dense<0.9> : tensor<ROWSx3072xf32>
  %c1 = arith.constant dense<0.1> : tensor<ROWSx3072xf32>
  %b2 = arith.constant dense<0.95> : tensor<ROWSx3072xf32>
  %c2 = arith.constant dense<0.05> : tensor<ROWSx3072xf32>
  %eps = arith.constant dense<1.0e-2> : tensor<ROWSx3072xf32>
  %wd = arith.constant dense<0.01> : tensor<ROWSx3072xf32>
  %m0 = arith.mulf %m, %b1 : tensor<ROWSx3072xf32>
  %g0 = arith.mulf %g, %c1 : tensor<ROWSx3072xf32>
  %m1 = arith.addf %m0, %g0 : tensor<ROWSx3072xf32>
  %v0 = arith.mulf %v, %b2 : tensor<ROWSx3072xf32>
  %gg = arith.mulf %g, %g : tensor<ROWSx3072xf32>
  %g2 = arith.mulf %gg, %c2 : tensor<ROWSx3072xf32>
  %vs = arith.addf %v0, %g2 : tensor<ROWSx3072xf32>
  %v1 = math.absf %vs : tensor<ROWSx3072xf32>
  %root = math.sqrt %v1 : tensor<ROWSx3072xf32>
  %below = arith.addf %root, %eps : tensor<ROWSx3072xf32>
  %step = arith.divf %m1, %below : tensor<ROWSx3072xf32>
  %decay = arith.mulf %p, %wd : tensor<ROWSx3072xf32>
  %all = arith.addf %step, %decay : tensor<ROWSx3072xf32>
  %l = llcc.broadcast %lr dims [] : tensor<f32> -> tensor<ROWSx3072xf32>
  %d = arith.mulf %all, %l : tensor<ROWSx3072xf32>
  %p1 = arith.subf %p, %d : tensor<ROWSx3072xf32>
  return %p1, %m1, %v1 : tensor<ROWSx3072xf32>, tensor<ROWSx3072xf32>, tensor<ROWSx3072xf32>
}
// CHECK: @gelu device 0: error {{.*}} ok
func.func private @gelu(%x: tensor<ROWSx3072xbf16>, %b: tensor<3072xf32>) -> tensor<ROWSx3072xbf16> attributes {llcc.kernel = "map"} {
  %xw = arith.extf %x : tensor<ROWSx3072xbf16> to tensor<ROWSx3072xf32>
  %bb = llcc.broadcast %b dims [1] : tensor<3072xf32> -> tensor<ROWSx3072xf32>
  %h = arith.addf %xw, %bb : tensor<ROWSx3072xf32>
  %half = arith.constant dense<0.5> : tensor<ROWSx3072xf32>
  %one = arith.constant dense<1.0> : tensor<ROWSx3072xf32>
  %k = arith.constant dense<0.044715> : tensor<ROWSx3072xf32>
  %c = arith.constant dense<0.79788456> : tensor<ROWSx3072xf32>
  %h2 = arith.mulf %h, %h : tensor<ROWSx3072xf32>
  %h3 = arith.mulf %h2, %h : tensor<ROWSx3072xf32>
  %h4 = arith.mulf %h3, %k : tensor<ROWSx3072xf32>
  %i = arith.addf %h, %h4 : tensor<ROWSx3072xf32>
  %ic = arith.mulf %i, %c : tensor<ROWSx3072xf32>
  %t = math.tanh %ic : tensor<ROWSx3072xf32>
  %t1 = arith.addf %t, %one : tensor<ROWSx3072xf32>
  %hh = arith.mulf %h, %half : tensor<ROWSx3072xf32>
  %r = arith.mulf %hh, %t1 : tensor<ROWSx3072xf32>
  %o = arith.truncf %r : tensor<ROWSx3072xf32> to tensor<ROWSx3072xbf16>
  return %o : tensor<ROWSx3072xbf16>
}
// CHECK: @bias_gradient device 0: error {{.*}} ok
func.func private @bias_gradient(%dy: tensor<ROWSx768xbf16>) -> tensor<768xf32> attributes {llcc.kernel = "fold"} {
  %w = arith.extf %dy : tensor<ROWSx768xbf16> to tensor<ROWSx768xf32>
  %s = llcc.reduce <sum> %w dims [0] : tensor<ROWSx768xf32> -> tensor<768xf32>
  return %s : tensor<768xf32>
}
// CHECK: @batch_statistics device 0: error {{.*}} ok
func.func private @batch_statistics(%x: tensor<ROWSx6x14x14xf32>) -> (tensor<6xf32>, tensor<6xf32>) attributes {llcc.kernel = "fold"} {
  %s = llcc.reduce <sum> %x dims [0, 2, 3] : tensor<ROWSx6x14x14xf32> -> tensor<6xf32>
  %xx = arith.mulf %x, %x : tensor<ROWSx6x14x14xf32>
  %s2 = llcc.reduce <sum> %xx dims [0, 2, 3] : tensor<ROWSx6x14x14xf32> -> tensor<6xf32>
  return %s, %s2 : tensor<6xf32>, tensor<6xf32>
}
// CHECK: @embedding_gradient device 0: error {{.*}} ok
func.func private @embedding_gradient(%dy: tensor<ROWSx768xf32>, %token: tensor<ROWSxi64> {llcc.classes = 61 : i64}) -> tensor<61x768xf32> attributes {llcc.kernel = "scatter"} {
  %g = llcc.scatter_add %dy, %token axis 0 : tensor<ROWSx768xf32>, tensor<ROWSxi64> -> tensor<61x768xf32>
  return %g : tensor<61x768xf32>
}
// CHECK: @heads device 0: error 0 ok
func.func private @heads(%x: tensor<ROWSx40x3x12x64xbf16>) -> tensor<ROWSx12x40x64xbf16> attributes {llcc.kernel = "map"} {
  %q = llcc.slice %x starts [0, 0, 1, 0, 0] strides [1, 1, 1, 1, 1] : tensor<ROWSx40x3x12x64xbf16> -> tensor<ROWSx40x1x12x64xbf16>
  %r = llcc.reshape %q : tensor<ROWSx40x1x12x64xbf16> -> tensor<ROWSx40x12x64xbf16>
  %t = llcc.transpose %r perm [0, 2, 1, 3] : tensor<ROWSx40x12x64xbf16> -> tensor<ROWSx12x40x64xbf16>
  return %t : tensor<ROWSx12x40x64xbf16>
}
// Keys for a product lie across: a warp reads 32 bytes along the head, and writes 32 along the sequence.
// CHECK: @keys device 0: error 0 ok
func.func private @keys(%x: tensor<ROWSx128x3x12x64xbf16>) -> tensor<ROWSx12x64x128xbf16> attributes {llcc.kernel = "map"} {
  %q = llcc.slice %x starts [0, 0, 1, 0, 0] strides [1, 1, 1, 1, 1] : tensor<ROWSx128x3x12x64xbf16> -> tensor<ROWSx128x1x12x64xbf16>
  %r = llcc.reshape %q : tensor<ROWSx128x1x12x64xbf16> -> tensor<ROWSx128x12x64xbf16>
  %t = llcc.transpose %r perm [0, 2, 3, 1] : tensor<ROWSx128x12x64xbf16> -> tensor<ROWSx12x64x128xbf16>
  return %t : tensor<ROWSx12x64x128xbf16>
}
