// Signals: window functions, mel filters and Fourier transforms, the latter as products with a matrix of cosines and
// sines that is made while importing.
#include "frontends/onnx/Arithmetic.h"
#include "frontends/onnx/OpTable.h"
#include "frontends/onnx/Payload.h"
#include <cmath>

namespace mlir::llcc::frontend {

constexpr double kPi = 3.14159265358979323846;

/// A number that must be known while importing; nothing where it is refused (said).
static std::optional<double> constantNumber(Binder &b, unsigned i, StringRef what) {
  ConstantPtr c = b.constant(i);
  if (c && c->size() == 1)
    return c->real(0);
  if (!b.hasInput(i))
    (void)b.bad("input " + what + " (number " + Twine(i) + ") is missing");
  else if (c)
    (void)b.bad("input " + what + " has " + Twine(c->size()) + " elements, it must have one");
  else
    (void)b.unsupported("input " + what + " is computed from the model's data; it must be a constant");
  return std::nullopt;
}

/// A whole number, at least `least`.
static std::optional<int64_t> constantSize(Binder &b, unsigned i, StringRef what, int64_t least) {
  std::optional<double> number = constantNumber(b, i, what);
  if (number && (*number < double(least) || *number > double(kMaxConstantElements))) {
    (void)b.bad("input " + what + " is " + Twine(int64_t(*number)) + ", it must be " + Twine(least) + " to 2^24");
    return std::nullopt;
  }
  return number ? std::optional<int64_t>(int64_t(*number)) : std::nullopt;
}

/// Type of the attribute output_datatype; null where it is refused (said).
static Type outputType(Binder &b) {
  int64_t number = b.attrInt("output_datatype", ::onnx::TensorProto::FLOAT);
  Type type = elementType(b.context(), int32_t(number));
  if (!type)
    (void)b.unsupported("attribute \"output_datatype\" is " + Twine(number) + ", which is not supported");
  return type;
}

/// Gives output 0 numbers in the type that output_datatype asks for.
static LogicalResult giveConstant(Binder &b, Type type, ArrayRef<int64_t> shape, std::vector<double> numbers) {
  auto c = std::make_shared<Constant>();
  c->type = type;
  c->shape = Shape(shape);
  if (isa<FloatType>(type))
    c->reals = std::move(numbers);
  else
    c->ints.assign(numbers.begin(), numbers.end());
  c->round();
  b.result(ConstantPtr(c));
  return success();
}

/// first - second * cos(2 pi n / N) + third * cos(4 pi n / N), N = size or, not periodic, size - 1.
static LogicalResult importWindow(Binder &b, double first, double second, double third) {
  bool periodic = b.attrInt("periodic", 1);
  Type type = outputType(b);
  std::optional<int64_t> size = constantSize(b, 0, "size", 0);
  if (!size || !type)
    return failure();
  double n = double(periodic ? *size : *size - 1);
  std::vector<double> numbers;
  for (int64_t i = 0; i < *size; ++i)
    numbers.push_back(n == 0 ? 1 : first - second * std::cos(2 * kPi * i / n) + third * std::cos(4 * kPi * i / n));
  return giveConstant(b, type, *size, std::move(numbers));
}
static LogicalResult importHann(Binder &b) { return importWindow(b, 0.5, 0.5, 0); }
static LogicalResult importHamming(Binder &b) { return importWindow(b, 25.0 / 46, 21.0 / 46, 0); }
static LogicalResult importBlackman(Binder &b) { return importWindow(b, 0.42, 0.5, 0.08); }

/// Triangles, equally wide on the mel scale, over the bins of a spectrum: [dft_length/2 + 1, num_mel_bins].
static LogicalResult importMel(Binder &b) {
  Type type = outputType(b);
  std::optional<int64_t> mels = constantSize(b, 0, "num_mel_bins", 1), length = constantSize(b, 1, "dft_length", 1),
                         rate = constantSize(b, 2, "sample_rate", 1);
  std::optional<double> low = constantNumber(b, 3, "lower_edge_hertz"), high = constantNumber(b, 4, "upper_edge_hertz");
  if (!mels || !length || !rate || !low || !high || !type)
    return failure();
  int64_t bins = *length / 2 + 1;
  if (*mels * bins > kMaxConstantElements)
    return b.unsupported("its result has more than 2^24 elements");
  auto mel = [](double hertz) { return 2595 * std::log1p(hertz / 700) / std::log(10.0); };
  double step = (mel(*high) - mel(*low)) / double(*mels + 2);
  std::vector<int64_t> edges; // bins at which the triangles begin, peak and end
  for (int64_t i = 0; i < *mels + 2; ++i) {
    double hertz = 700 * std::expm1((double(i) * step + mel(*low)) / 2595 * std::log(10.0));
    edges.push_back(int64_t(std::floor(double(*length + 1) * hertz / double(*rate))));
    if (edges.back() < 0 || edges.back() >= bins)
      return b.bad("its edges lie outside of the spectrum of " + Twine(bins) + " bins");
  }
  std::vector<double> numbers(bins * *mels, 0);
  for (int64_t i = 0; i < *mels; ++i) {
    int64_t left = edges[i], peak = edges[i + 1], right = edges[i + 2];
    if (left == peak)
      numbers[peak * *mels + i] = 1;
    else
      for (int64_t j = left; j <= peak; ++j)
        numbers[j * *mels + i] = double(j - left) / double(peak - left);
    for (int64_t j = peak; j < right; ++j)
      numbers[j * *mels + i] = double(right - j) / double(right - peak);
  }
  return giveConstant(b, type, {bins, *mels}, std::move(numbers));
}

//===-- Fourier transforms --------------------------------------------------------===//

namespace {
struct Fourier {
  int64_t length; ///< of the transform; the input is cut or padded with zeros
  bool inverse, onesided;
};

/// factor * cos or sin of 2 pi j k / length: [rows, columns]. `factor` of a row.
Value waves(Binder &b, Type type, int64_t rows, int64_t columns, int64_t length, bool sine,
            llvm::function_ref<double(int64_t)> factor) {
  auto c = std::make_shared<Constant>();
  c->type = type;
  c->shape = {rows, columns};
  for (int64_t j = 0; j < rows; ++j)
    for (int64_t k = 0; k < columns; ++k) {
      double angle = 2 * kPi * double(j * k % length) / double(length);
      c->reals.push_back(factor(j) * (sine ? std::sin(angle) : std::cos(angle)));
    }
  c->round();
  return b.constantValue(ConstantPtr(c), sine ? "sines" : "cosines");
}

/// x, [.., n at axis, .., 1 or 2 (real, imaginary)], transformed along axis; null where it is refused (said).
Value transform(Binder &b, Value x, int64_t axis, Fourier f) {
  Arithmetic a(b);
  int64_t rank = rankOf(x), half = f.length / 2 + 1;
  bool toReal = f.inverse && f.onesided; // from half a spectrum
  int64_t rows = toReal ? half : f.length, columns = f.onesided && !f.inverse ? half : f.length;
  if (rows * columns > kMaxConstantElements) {
    (void)b.unsupported("a transform of length " + Twine(f.length) + " is too large");
    return {};
  }
  int64_t n = shapeOf(x)[axis];
  if (n > rows)
    x = a.slice(x, axis, 0, rows);
  Shape lo(rank, 0), hi(rank, 0);
  hi[axis] = std::max<int64_t>(0, rows - n);
  x = a.pad(x, lo, hi);
  auto part = [&](int64_t i) { return reshape(b, a.slice(x, rank - 1, i, 1), shapeOf(x).drop_back()); };
  Value real = part(0), imaginary = shapeOf(x).back() == 2 ? part(1) : Value();
  // Half a spectrum stands for its mirror image too.
  auto factor = [&](int64_t j) {
    double mirrored = toReal && j > 0 && 2 * j < f.length ? 2 : 1;
    return f.inverse ? mirrored / double(f.length) : 1;
  };
  Type type = typeOf(x).getElementType();
  Value cosines = waves(b, type, rows, columns, f.length, false, factor);
  Value sines = waves(b, type, rows, columns, f.length, true, factor);
  Shape perm; // of [.., ..without axis, columns]
  for (int64_t d = 0; d < rank - 1; ++d)
    perm.push_back(d == axis ? rank - 2 : d - (d > axis));
  auto dot = [&](Value v, Value matrix) {
    Shape shape;
    for (int64_t d = 0; d < rank - 1; ++d)
      if (d != axis)
        shape.push_back(shapeOf(v)[d]);
    shape.push_back(columns);
    ArrayRef<int64_t> none;
    Value y = DotOp::create(b.builder, b.loc, typeOf(v).clone(shape), v, matrix, none, none, ArrayRef<int64_t>{axis},
                            ArrayRef<int64_t>{0});
    return transpose(b, y, perm);
  };
  // (re + i im) * (cos -+ i sin)
  Value re = dot(real, cosines), im = dot(real, sines);
  if (!f.inverse)
    im = a.neg(im);
  if (imaginary) {
    Value crossed = dot(imaginary, sines);
    re = f.inverse ? a.sub(re, crossed) : a.add(re, crossed);
    im = a.add(im, dot(imaginary, cosines));
  }
  Shape column(shapeOf(re));
  column.push_back(1);
  re = reshape(b, re, column);
  return toReal ? re : a.concat({re, reshape(b, im, column)}, rank - 1);
}
} // namespace

static LogicalResult importDft(Binder &b) {
  Fourier f;
  f.inverse = b.attrInt("inverse", 0);
  f.onesided = b.attrInt("onesided", 0);
  int64_t given = b.opset < 20 ? b.attrInt("axis", 1) : -2;
  Value x = b.floatInput(0, "input");
  if (!x)
    return failure();
  if (b.opset >= 20 && b.hasInput(2)) {
    std::optional<double> number = constantNumber(b, 2, "axis");
    if (!number)
      return failure();
    given = int64_t(*number);
  }
  std::optional<int64_t> axis = b.axis(given, rankOf(x));
  if (!axis)
    return failure();
  int64_t parts = rankOf(x) ? shapeOf(x).back() : 0;
  if (rankOf(x) < 2 || *axis == rankOf(x) - 1 || (parts != 1 && parts != 2))
    return b.bad("input is " + showShape(shapeOf(x)) + " and is transformed along axis " + Twine(*axis) +
                 "; its last dimension must be another one and hold one or two numbers");
  int64_t n = shapeOf(x)[*axis];
  std::optional<int64_t> length = f.inverse && f.onesided ? 2 * (n - 1) : n;
  if (b.hasInput(1))
    length = constantSize(b, 1, "dft_length", 1);
  if (!length)
    return failure();
  if (*length < 1)
    return b.bad("input is " + showShape(shapeOf(x)) + ", nothing is left to transform along axis " + Twine(*axis));
  f.length = *length;
  Value y = transform(b, x, *axis, f);
  if (!y)
    return failure();
  b.result(y);
  return success();
}

/// Frames of the signal, each times the window, transformed.
static LogicalResult importStft(Binder &b) {
  Fourier f = {0, false, bool(b.attrInt("onesided", 1))};
  Value signal = b.floatInput(0, "signal"), window = b.optionalFloatInput(2, "window");
  std::optional<int64_t> step = constantSize(b, 1, "frame_step", 1), length;
  if (!signal || !step || b.failed())
    return failure();
  Shape shape(shapeOf(signal));
  if (shape.size() == 2) {
    shape.push_back(1);
    signal = reshape(b, signal, shape);
  }
  if (shape.size() != 3 || (shape[2] != 1 && shape[2] != 2) || (window && rankOf(window) != 1))
    return b.bad("signal is " + showShape(shape) + (window ? ", window is " + showShape(shapeOf(window)) : "") +
                 "; signal must be batch x length x 1 or 2, window a vector");
  length = window ? shapeOf(window)[0] : shape[1];
  if (b.hasInput(3))
    length = constantSize(b, 3, "frame_length", 1);
  if (!length)
    return failure();
  f.length = *length;
  int64_t width = window ? shapeOf(window)[0] : f.length;
  if (f.length < 1 || f.length > shape[1] || width > f.length)
    return b.bad("frames of " + Twine(f.length) + " with a window of " + Twine(width) + " do not fit to a signal of " +
                 Twine(shape[1]));
  int64_t frames = (shape[1] - f.length) / *step + 1;
  if (frames * width > kMaxConstantElements)
    return b.unsupported(Twine(frames) + " frames of " + Twine(width) + " are too many");
  SmallVector<int64_t> places;
  for (int64_t i = 0; i < frames; ++i)
    for (int64_t j = 0; j < width; ++j)
      places.push_back(i * *step + j);
  Value at = b.constantValue(intConstant(b.context(), places, Shape{frames, width}), "frames");
  Shape framed = {shape[0], frames, width, shape[2]};
  Value x = GatherOp::create(b.builder, b.loc, typeOf(signal).clone(framed), signal, at, 1);
  Arithmetic a(b);
  if (window)
    x = a.mul(x, broadcast(b, window, framed, {2}));
  Value y = transform(b, x, 2, f);
  if (!y)
    return failure();
  b.result(y);
  return success();
}

void addSignalOps(OpTable &t) {
  const SmallVector<Role, 1> data = {Role::Data};
  t.onOp("HannWindow", 17, importHann, data);
  t.onOp("HammingWindow", 17, importHamming, data);
  t.onOp("BlackmanWindow", 17, importBlackman, data);
  t.onOp("MelWeightMatrix", 17, importMel, data);
  t.onOp("DFT", 17, importDft, {Role::Elementwise, Role::Data});
  t.onOp("STFT", 17, importStft, {Role::Elementwise, Role::Data});
}

} // namespace mlir::llcc::frontend
