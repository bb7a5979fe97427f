// RUN: not llcc-interpret --devices --function=crossed %s 2>&1 | FileCheck %s --check-prefix=CROSSED
// RUN: llcc-interpret --devices --function=ring %s | FileCheck %s --check-prefix=RING
// RUN: not llcc-interpret --devices --function=lost %s 2>&1 | FileCheck %s --check-prefix=LOST
// RUN: not llcc-interpret --devices --function=swapped %s 2>&1 | FileCheck %s --check-prefix=SWAPPED
// RUN: not llcc-interpret --devices --function=nowhere %s 2>&1 | FileCheck %s --check-prefix=NOWHERE
// RUN: not llcc-interpret --devices --function=absent %s 2>&1 | FileCheck %s --check-prefix=ABSENT

module attributes {llcc.mesh = #llcc.mesh<["pipeline", "data"], [2, 2]>} {
  // Both stages receive before they send.
  func.func @crossed_stage0() {
    // CROSSED: deadlock.mlir:[[#@LINE+1]]:{{.*}} error: deadlock: @crossed_stage0 waits here for tag 1 from stage 1
    %x = llcc.recv from 1 tag 1 : tensor<f32>
    llcc.send %x to 1 tag 2 : tensor<f32>
    return
  }
  func.func @crossed_stage1() {
    // CROSSED: deadlock.mlir:[[#@LINE+1]]:{{.*}} note: @crossed_stage1 waits here for tag 2 from stage 0
    %x = llcc.recv from 0 tag 2 : tensor<f32>
    llcc.send %x to 0 tag 1 : tensor<f32>
    return
  }

  // Each device of a stage meets the one with its own coordinate on the other axis.
  func.func @ring_stage0() -> tensor<i64> {
    %d = llcc.axis_offset extent 2 over ["data"] : tensor<i64>
    llcc.send %d to 1 tag 1 : tensor<i64>
    %x = llcc.recv from 1 tag 2 : tensor<i64>
    return %x : tensor<i64>
  }
  func.func @ring_stage1() -> tensor<i64> {
    %ten = arith.constant dense<10> : tensor<i64>
    %x = llcc.recv from 0 tag 1 : tensor<i64>
    %y = arith.addi %x, %ten : tensor<i64>
    llcc.send %y to 0 tag 2 : tensor<i64>
    return %x : tensor<i64>
  }
  // RING:      device 0 result 0: [10]
  // RING-NEXT: device 1 result 0: [11]
  // RING-NEXT: device 2 result 0: [0]
  // RING-NEXT: device 3 result 0: [1]

  func.func @lost_stage0() {
    %d = llcc.axis_offset extent 2 over ["data"] : tensor<i64>
    // LOST: error: message with tag 7 from device 0 is never received by device 2
    llcc.send %d to 1 tag 7 : tensor<i64>
    return
  }
  func.func @lost_stage1() {
    return
  }

  func.func @swapped_stage0() {
    %d = llcc.axis_offset extent 2 over ["data"] : tensor<i64>
    llcc.send %d to 1 tag 1 : tensor<i64>
    llcc.send %d to 1 tag 2 : tensor<i64>
    return
  }
  func.func @swapped_stage1() {
    // SWAPPED: error: receives 'tensor<i64>' with tag 2 from stage 0, the next message from there is another one
    // SWAPPED: note: sent here with tag 1, type 'tensor<i64>'
    %x = llcc.recv from 0 tag 2 : tensor<i64>
    %y = llcc.recv from 0 tag 1 : tensor<i64>
    return
  }

  func.func @nowhere_stage0() {
    %d = llcc.axis_offset extent 2 over ["data"] : tensor<i64>
    // NOWHERE: error: sends to stage 2, the mesh has 2 pipeline stages
    llcc.send %d to 2 tag 1 : tensor<i64>
    return
  }
  func.func @nowhere_stage1() {
    return
  }

  // ABSENT: error: module has 1 functions @absent_stage0, …; the mesh has 2 pipeline stages
  func.func @absent_stage0() {
    return
  }
}
