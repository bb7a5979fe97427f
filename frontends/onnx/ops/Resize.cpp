// Resize and Upsample: one dimension after the other, each a product with a matrix that is known while importing (a row
// holds the weights of one output element), or a read by known indices where each row has a single 1. So the gradients
// are those of dot and gather. Formulas: the reference evaluator of onnx (op_resize), which is the definition of the
// operator's corners.
#include "frontends/onnx/Indexing.h"
#include "frontends/onnx/OpTable.h"
#include <cmath>

namespace mlir::llcc::frontend {

namespace {
/// What Resize is asked for; one entry of scales, sizes, roi for each dimension of the input.
struct Resizing {
  std::string mode, coordinates, nearest;
  bool antialias = false, excludeOutside = false;
  double cubicA = -0.75, extrapolation = 0;
  std::vector<double> scales, roiStart, roiEnd;
  Shape sizes;
};

/// Interpolation along one dimension: `weights` [out, in] row-major; rows that lie outside of the region of interest.
struct Matrix {
  std::vector<double> weights;
  std::vector<bool> outside;
  bool anyOutside = false;
};

double sourceOf(const Resizing &r, size_t d, double y, double in, double out) {
  double scale = r.scales[d], length = scale * in;
  if (r.coordinates == "align_corners")
    return length == 1 ? 0 : y * (in - 1) / (length - 1);
  if (r.coordinates == "asymmetric")
    return y / scale;
  if (r.coordinates == "tf_half_pixel_for_nn") // opset 11 only
    return (y + 0.5) / scale;
  if (r.coordinates == "tf_crop_and_resize") {
    double span = (r.roiEnd[d] - r.roiStart[d]) * (in - 1);
    return (length == 1 ? span / 2 : y * span / (length - 1)) + r.roiStart[d] * (in - 1);
  }
  if (r.coordinates == "pytorch_half_pixel" && length == 1)
    return -0.5;
  double x = (y + 0.5) / scale - 0.5;
  if (r.coordinates == "half_pixel_symmetric")
    x += in / 2 * (1 - out / length);
  return x;
}

/// Keys' cubic convolution kernel.
double cubic(double x, double a) {
  x = std::fabs(x);
  if (x <= 1)
    return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

/// Weights of the neighbours of a position that lies `ratio` in (0, 1] to the right of one.
std::vector<double> coefficients(const Resizing &r, double ratio, double scale) {
  std::vector<double> c;
  if (r.mode == "nearest") {
    bool right = ratio == 1 || (r.nearest == "round_prefer_floor"  ? ratio > 0.5
                                : r.nearest == "round_prefer_ceil" ? ratio >= 0.5
                                                                   : r.nearest == "ceil");
    return {right ? 0.0 : 1.0, right ? 1.0 : 0.0};
  }
  bool linear = r.mode == "linear";
  double shrink = r.antialias ? std::min(scale, 1.0) : 1, reach = linear ? 1 : 2;
  int64_t start = r.antialias ? int64_t(std::floor(-reach / shrink)) + 1 : linear ? 0 : -1;
  for (int64_t i = start; i < 2 - start; ++i) {
    double x = shrink * (double(i) - ratio);
    c.push_back(linear ? std::clamp(1 - std::fabs(x), 0.0, 1.0) : cubic(x, r.cubicA));
  }
  if (!r.antialias)
    return c;
  double sum = 0;
  for (double v : c)
    sum += v;
  for (double &v : c)
    v /= sum;
  return c;
}

Matrix matrixOf(const Resizing &r, size_t d, int64_t in) {
  int64_t out = r.sizes[d];
  Matrix m{std::vector<double>(out * in, 0.0), std::vector<bool>(out, false)};
  for (int64_t y = 0; y < out; ++y) {
    double x = sourceOf(r, d, double(y), double(in), double(out));
    if (r.coordinates == "tf_crop_and_resize" && (x < 0 || x > double(in - 1)))
      m.outside[y] = m.anyOutside = true;
    double floor = std::floor(x), ratio = x == floor ? 1 : x - floor;
    std::vector<double> c = coefficients(r, ratio, r.scales[d]);
    // The c.size() elements nearest to x, of equally near ones the left.
    int64_t n = c.size(), first = int64_t(floor);
    if (n % 2 == 0)
      first += x == floor ? -(n / 2) : 1 - n / 2;
    else
      first += (x - floor <= 0.5 ? 0 : 1) - (n - 1) / 2;
    double sum = 0;
    for (int64_t i = 0; i < n; ++i) {
      if (r.excludeOutside && (first + i < 0 || first + i >= in))
        c[i] = 0;
      sum += c[i];
    }
    for (int64_t i = 0; i < n; ++i)
      m.weights[y * in + std::clamp<int64_t>(first + i, 0, in - 1)] += r.excludeOutside && sum ? c[i] / sum : c[i];
  }
  return m;
}

/// x resized along dimension d.
Value resizeAlong(Binder &b, Value x, int64_t d, const Matrix &m, double extrapolation) {
  int64_t in = shapeOf(x)[d], out = m.outside.size(), rank = rankOf(x);
  Type type = typeOf(x).getElementType();
  Shape indices;
  bool picks = true; // each row has one 1
  for (int64_t y = 0; y < out && picks; ++y) {
    int64_t at = -1;
    for (int64_t i = 0; i < in && picks; ++i) {
      double w = m.weights[y * in + i];
      picks = w == 0 || (w == 1 && at < 0);
      at = w == 1 ? i : at;
    }
    picks = picks && at >= 0;
    indices.push_back(at);
  }
  int64_t times = in ? out / in : 0;
  bool repeats = picks && times * in == out;
  for (int64_t y = 0; y < out && repeats; ++y)
    repeats = indices[y] == y / times;
  Shape to(shapeOf(x));
  to[d] = out;
  Value y;
  if (repeats) { // a broadcast, whose gradient is a sum
    Shape wide(shapeOf(x)), dims = llvm::to_vector(llvm::seq<int64_t>(0, rank + 1));
    wide.insert(wide.begin() + d + 1, times);
    dims.erase(dims.begin() + d + 1);
    y = reshape(b, broadcast(b, x, wide, dims), to);
  } else if (picks) {
    y = takeKnown(b, x, d, indices);
  } else {
    Value weights = realTensor(b, m.weights, {out, in}, type);
    Shape rest(shapeOf(x));
    rest.erase(rest.begin() + d);
    rest.push_back(out);
    y = DotOp::create(b.builder, b.loc, RankedTensorType::get(rest, type), x, weights, Shape{}, Shape{}, Shape{d},
                      Shape{1});
    y = transpose(b, y, movedDim(rank, rank - 1, d));
  }
  if (!m.anyOutside)
    return y;
  Shape flags(m.outside.begin(), m.outside.end());
  Value outside = intTensor(b, flags, {out});
  outside = compare(b, arith::CmpIPredicate::ne, outside, splatLike(b, outside, 0));
  return select(b, broadcast(b, outside, to, {d}), splat(b, to, type, extrapolation), y);
}

/// Floats of a constant input; false where it is given but not known (said).
bool readReals(Binder &b, unsigned input, StringRef what, std::vector<double> &values) {
  if (!b.hasInput(input))
    return true;
  ConstantPtr c = b.constant(input);
  if (!c)
    return succeeded(b.unsupported("input " + what + " is computed from the model's data; it must be a constant"));
  for (int64_t i = 0; i < c->size(); ++i)
    values.push_back(c->real(i));
  return true;
}
} // namespace

/// Does Resize leave dimension d as it is?
static bool isKept(const Resizing &r, ArrayRef<int64_t> from, size_t d) {
  return std::fabs(r.scales[d] - 1) <= 1e-9 && r.sizes[d] == from[d] &&
         (r.coordinates != "tf_crop_and_resize" || (r.roiStart[d] == 0 && r.roiEnd[d] == 1));
}

/// floor(scale · size), or more than any dimension may have.
static int64_t scaledSize(double scaled) { return int64_t(std::floor(std::min(scaled, 0x1p62))); }

static LogicalResult resize(Binder &b, Resizing &r) {
  auto [type, from] = b.inputType(0);
  for (auto [d, size] : llvm::enumerate(r.sizes)) {
    bool tooMany = size > 0 && !isKept(r, from, d) && from[d] > kMaxConstantElements / size; // of its matrix
    if (size < 0 || !countElements(r.sizes) || tooMany || (size > 0 && from[d] == 0))
      return b.bad("cannot resize " + showShape(from) + " to " + showShape(r.sizes));
  }
  Value x = b.input(0, "X");
  if (!x)
    return failure();
  bool narrow = !isa<FloatType>(type); // integers are resized as floats
  if (narrow && r.mode != "nearest")
    return b.unsupported("resizes integers with mode " + r.mode + "; nearest is supported");
  if (llvm::is_contained(r.sizes, 0)) {
    b.result(splat(b, r.sizes, storageType(type), 0));
    return success();
  }
  for (size_t d = 0; d < from.size(); ++d) {
    if (!isKept(r, from, d))
      x = resizeAlong(b, x, d, matrixOf(r, d, from[d]), r.extrapolation);
  }
  b.result(x);
  return success();
}

static LogicalResult importResize(Binder &b) {
  Resizing r;
  auto [type, from] = b.inputType(0);
  int64_t rank = from.size();
  if (!type)
    return b.bad("input X (number 0) is missing");
  r.mode = b.attrString("mode", "nearest");
  Shape axes = llvm::to_vector(llvm::seq<int64_t>(0, rank)), sizes;
  std::vector<double> scales, roi;
  std::string policy = "stretch";
  r.coordinates = "asymmetric";
  r.nearest = "floor";
  if (b.opset >= 11) {
    r.coordinates = b.attrString("coordinate_transformation_mode", "half_pixel");
    r.nearest = b.attrString("nearest_mode", "round_prefer_floor");
    r.cubicA = b.attrFloat("cubic_coeff_a", -0.75);
    r.excludeOutside = b.attrInt("exclude_outside", 0);
    r.extrapolation = b.attrFloat("extrapolation_value", 0);
    if (b.opset >= 18) {
      r.antialias = b.attrInt("antialias", 0);
      axes = b.attrInts("axes", axes);
      policy = b.attrString("keep_aspect_ratio_policy", "stretch");
    }
    if (!readReals(b, 1, "roi", roi) || !readReals(b, 2, "scales", scales) ||
        failed(b.constantInts(3, "sizes", sizes, /*optional=*/true)))
      return failure();
  } else if (!readReals(b, 1, "scales", scales)) {
    return failure();
  }
  if (b.failed())
    return failure();
  for (int64_t &a : axes) {
    std::optional<int64_t> axis = b.axis(a, rank);
    if (!axis)
      return failure();
    a = *axis;
  }
  auto known = [](StringRef value, std::initializer_list<StringRef> all) { return llvm::is_contained(all, value); };
  if (!known(r.mode, {"nearest", "linear", "cubic"}) ||
      !known(r.nearest, {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"}) ||
      !known(policy, {"stretch", "not_larger", "not_smaller"}) ||
      !known(r.coordinates, {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric",
                             "tf_crop_and_resize", "tf_half_pixel_for_nn"}))
    return b.bad("mode " + quote(r.mode) + ", nearest_mode " + quote(r.nearest) + ", coordinate_transformation_mode " +
                 quote(r.coordinates) + ", keep_aspect_ratio_policy " + quote(policy) + ": one of them is not known");
  if (scales.empty() == sizes.empty() || (sizes.empty() ? scales.size() : sizes.size()) != axes.size() ||
      (r.coordinates == "tf_crop_and_resize" && roi.size() != 2 * axes.size()))
    return b.bad("needs either scales or sizes, " + Twine(axes.size()) +
                 " entries, and for tf_crop_and_resize roi with twice as many; it has " + Twine(scales.size()) + ", " +
                 Twine(sizes.size()) + " and " + Twine(roi.size()));
  r.scales.assign(rank, 1);
  r.roiStart.assign(rank, 0);
  r.roiEnd.assign(rank, 1);
  r.sizes = from;
  double common = 0;
  for (auto [i, a] : llvm::enumerate(axes)) {
    if (!sizes.empty())
      scales.push_back(double(sizes[i]) / double(from[a]));
    common = i == 0 ? scales[0] : policy == "not_larger" ? std::min(common, scales[i]) : std::max(common, scales[i]);
  }
  for (auto [i, a] : llvm::enumerate(axes)) {
    double scale = !sizes.empty() && policy != "stretch" ? common : scales[i];
    if (!(scale > 0 && scale < 1e12) && from[a] != 0)
      return b.bad("a scale is not above 0");
    r.scales[a] = scale;
    r.sizes[a] = sizes.empty()         ? scaledSize(scale * double(from[a]))
                 : policy == "stretch" ? sizes[i]
                                       : scaledSize(scale * double(from[a]) + 0.5);
    if (roi.size() == 2 * axes.size()) {
      r.roiStart[a] = roi[i];
      r.roiEnd[a] = roi[axes.size() + i];
    }
  }
  return resize(b, r);
}

/// Resize of opsets 7 to 9: scales are an attribute, then an input.
static LogicalResult importUpsample(Binder &b) {
  Resizing r;
  auto [type, from] = b.inputType(0);
  if (!type)
    return b.bad("input X (number 0) is missing");
  r.mode = b.attrString("mode", "nearest");
  r.mode = r.mode == "bilinear" ? "linear" : r.mode;
  r.coordinates = "asymmetric";
  r.nearest = "floor";
  if (b.opset < 9)
    r.scales = b.attrFloats("scales");
  else if (!readReals(b, 1, "scales", r.scales))
    return failure();
  if (r.scales.size() != from.size() || (r.mode != "nearest" && r.mode != "linear"))
    return b.bad("mode is " + quote(r.mode) + ", scales has " + Twine(r.scales.size()) + " entries, the input is " +
                 showShape(from));
  for (auto [scale, size] : llvm::zip(r.scales, from)) {
    if (!(scale > 0 && scale < 1e12))
      return b.bad("a scale is not above 0");
    r.sizes.push_back(scaledSize(scale * double(size)));
  }
  return resize(b, r);
}

void addResizeOps(OpTable &t) {
  t.onOp("Resize", 10, importResize, {Role::View, Role::Data});
  t.onOp("Upsample", 7, importUpsample, {Role::View, Role::Data});
}

} // namespace mlir::llcc::frontend
