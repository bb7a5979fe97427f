// The smallest step.
module attributes {llcc.mesh = #llcc.mesh<["data"], [1]>} {
  func.func @gradients() {
    return
  }
  func.func @update() {
    return
  }
}
