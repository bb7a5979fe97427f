// Random values for arguments, by what their attributes say they hold.
#include "compiler/interpreter/RandomTensors.h"
#include <cmath>

namespace mlir::llcc {

StringRef argumentName(func::FuncOp function, unsigned i, StringRef name) {
  auto attr = function.getArgAttrOfType<StringAttr>(i, name);
  return attr ? attr.getValue() : StringRef();
}

StringRef resultName(func::FuncOp function, unsigned i, StringRef name) {
  auto attr = function.getResultAttrOfType<StringAttr>(i, name);
  return attr ? attr.getValue() : StringRef();
}

Tensor randomArgument(func::FuncOp function, unsigned i, RankedTensorType type, std::mt19937_64 &random) {
  Tensor x(type);
  auto uniform = [&](double low, double high) {
    return low + (high - low) * (double(random() >> 11) * 0x1p-53); // the same on every platform
  };
  if (!x.isFloat()) {
    auto classes = function.getArgAttrOfType<IntegerAttr>(i, "llcc.classes");
    uint64_t below = classes && classes.getInt() > 0 ? uint64_t(classes.getInt()) : 2;
    for (int64_t &value : x.ints)
      value = wrapInt(int64_t(random() % below), x.element);
    return x;
  }
  double low = -1, high = 1;
  if (!argumentName(function, i, "llcc.param").empty()) {
    if (x.shape.size() < 2) {
      low = 0.2, high = 1;
    } else {
      double fan = double(x.size()) / double(std::max<int64_t>(1, std::min(x.shape[0], x.shape[1])));
      high = std::sqrt(3 / std::max(1.0, fan)), low = -high;
    }
  }
  for (double &value : x.reals)
    value = uniform(low, high);
  return x;
}

} // namespace mlir::llcc
