// Tensors on the host: rounding, constants, printing.
#include "compiler/interpreter/Tensor.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

namespace mlir::llcc {

Tensor::Tensor(Type type) : element(getElementTypeOrSelf(type)) {
  if (auto tensor = dyn_cast<RankedTensorType>(type))
    shape.assign(tensor.getShape().begin(), tensor.getShape().end());
  (isFloat() ? (void)reals.resize(size()) : (void)ints.resize(size()));
}

Tensor::Tensor(ArrayRef<int64_t> shape, Type element) : shape(shape.begin(), shape.end()), element(element) {
  (isFloat() ? (void)reals.resize(size()) : (void)ints.resize(size()));
}

int64_t Tensor::size() const {
  int64_t n = 1;
  for (int64_t s : shape)
    n *= s;
  return n;
}

void Tensor::set(int64_t i, double value) {
  if (isFloat())
    reals[i] = value;
  else
    ints[i] = wrapInt(int64_t(value), element);
}

void Tensor::copy(int64_t i, const Tensor &x, int64_t from) {
  if (isFloat())
    reals[i] = x.reals[from];
  else
    ints[i] = x.ints[from];
}

int64_t Tensor::linear(ArrayRef<int64_t> index) const {
  int64_t at = 0;
  for (auto [i, s] : llvm::zip(index, shape))
    at = at * s + i;
  return at;
}

void Tensor::round() {
  for (double &value : reals)
    value = roundReal(value, element);
  for (int64_t &value : ints)
    value = wrapInt(value, element);
}

SmallVector<int64_t> stridesOf(ArrayRef<int64_t> shape) {
  SmallVector<int64_t> strides(shape.size(), 1);
  for (int64_t d = int64_t(shape.size()) - 2; d >= 0; --d)
    strides[d] = strides[d + 1] * shape[d + 1];
  return strides;
}

double roundReal(double value, Type type) {
  if (type.isF64())
    return value;
  if (type.isF32())
    return double(float(value));
  bool lost;
  llvm::APFloat rounded(value);
  rounded.convert(cast<FloatType>(type).getFloatSemantics(), llvm::APFloat::rmNearestTiesToEven, &lost);
  rounded.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven, &lost);
  return rounded.convertToDouble();
}

int64_t wrapInt(int64_t value, Type type) {
  auto integer = dyn_cast<IntegerType>(type);
  if (!integer || integer.getWidth() >= 64)
    return value;
  unsigned unused = 64 - integer.getWidth();
  uint64_t high = uint64_t(value) << unused;
  return integer.getWidth() == 1 || integer.isUnsigned() ? int64_t(high >> unused) : int64_t(high) >> unused;
}

FailureOr<Tensor> tensorOf(Attribute attr, Type type) {
  Tensor x(type);
  if (auto real = dyn_cast<FloatAttr>(attr)) {
    x.reals[0] = real.getValueAsDouble();
  } else if (auto integer = dyn_cast<IntegerAttr>(attr)) {
    x.ints[0] = wrapInt(integer.getValue().getSExtValue(), x.element);
  } else if (auto dense = dyn_cast<DenseElementsAttr>(attr)) {
    int64_t i = 0;
    if (x.isFloat())
      for (llvm::APFloat value : dense.getValues<llvm::APFloat>()) {
        bool lost;
        value.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven, &lost);
        x.reals[i++] = value.convertToDouble();
      }
    else
      for (const llvm::APInt &value : dense.getValues<llvm::APInt>())
        x.ints[i++] = wrapInt(value.getSExtValue(), x.element);
  } else {
    return failure();
  }
  return x;
}

std::string print(const Tensor &x) {
  std::string text;
  llvm::raw_string_ostream out(text);
  out << "[";
  for (int64_t i = 0, n = x.size(); i < n; ++i) {
    out << (i ? ", " : "");
    if (x.isFloat())
      out << llvm::format("%.9g", x.reals[i]);
    else
      out << x.ints[i];
  }
  out << "]";
  return text;
}

} // namespace mlir::llcc
