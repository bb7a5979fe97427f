// Operators that read an image at places between its elements.
#ifndef LLCC_FRONTENDS_ONNX_OPS_REGIONS_H
#define LLCC_FRONTENDS_ONNX_OPS_REGIONS_H

namespace mlir::llcc::frontend {

class OpTable;
void addRegionOps(OpTable &table);

} // namespace mlir::llcc::frontend

#endif
