// Convolutions and their transposes.
#include "frontends/onnx/ops/Window.h"
#include "frontends/onnx/Arithmetic.h"
#include "frontends/onnx/OpTable.h"
#include "frontends/onnx/ops/Contraction.h"

namespace mlir::llcc::frontend {

LogicalResult readWindow(Binder &b, ArrayRef<int64_t> x, ArrayRef<int64_t> kernel, bool ceil, Window &w) {
  size_t rank = x.size() - 2;
  ArrayRef<int64_t> sizes = x.drop_front(2);
  Shape ones(rank, 1), zeros(2 * rank, 0);
  std::string autoPad = b.attrString("auto_pad", "NOTSET");
  w.kernel = b.attrInts("kernel_shape", kernel);
  w.strides = b.attrInts("strides", ones);
  w.dilations = b.attrInts("dilations", ones);
  Shape pads = b.attrInts("pads", zeros);
  if (b.failed())
    return failure();
  if (w.kernel.empty())
    return b.bad("attribute \"kernel_shape\" is missing");
  for (auto [name, list, size] : {std::tuple<StringRef, ArrayRef<int64_t>, size_t>{"kernel_shape", w.kernel, rank},
                                  {"strides", w.strides, rank},
                                  {"dilations", w.dilations, rank},
                                  {"pads", pads, 2 * rank}}) {
    if (list.size() != size)
      return b.bad("attribute \"" + name + "\" has " + Twine(list.size()) + " entries, an input " + showShape(x) +
                   " needs " + Twine(size));
    for (int64_t v : list)
      if (v < (name == "pads" ? 0 : 1) || v > kMaxWindow)
        return b.bad("attribute \"" + name + "\" holds " + Twine(v) + ", it must be " + (name == "pads" ? "0" : "1") +
                     " or more");
  }
  if (!kernel.empty() && ArrayRef<int64_t>(w.kernel) != kernel)
    return b.bad("attribute \"kernel_shape\" is " + showShape(w.kernel) + ", the weights are " + showShape(kernel));
  if (autoPad != "NOTSET" && autoPad != "VALID" && autoPad != "SAME_UPPER" && autoPad != "SAME_LOWER")
    return b.bad("attribute \"auto_pad\" is " + quote(autoPad) +
                 ", it must be NOTSET, VALID, SAME_UPPER or SAME_LOWER");
  for (size_t d = 0; d < rank; ++d) {
    int64_t reach = w.dilations[d] * (w.kernel[d] - 1) + 1; // kMaxWindow^2 at most
    int64_t lo = pads[d], hi = pads[rank + d];
    if (reach > kMaxElements)
      return b.bad("its window reaches over " + Twine(reach) + " elements");
    if (autoPad == "VALID")
      lo = hi = 0;
    if (autoPad == "SAME_UPPER" || autoPad == "SAME_LOWER") {
      int64_t out = (sizes[d] + w.strides[d] - 1) / w.strides[d];
      int64_t total = std::max<int64_t>(0, (out - 1) * w.strides[d] + reach - sizes[d]);
      lo = autoPad == "SAME_UPPER" ? total / 2 : total - total / 2;
      hi = total - lo;
    }
    int64_t span = sizes[d] + lo + hi - reach;
    if (span < 0)
      return b.bad("its window of " + Twine(reach) + " elements at spatial dimension " + Twine(d) +
                   " is larger than the padded input, " + Twine(sizes[d]) + " + " + Twine(lo) + " + " + Twine(hi));
    int64_t out = span / w.strides[d] + 1;
    if (ceil && autoPad == "NOTSET" && span % w.strides[d] != 0 && out * w.strides[d] < sizes[d] + lo)
      ++out;
    w.padsLo.push_back(lo);
    w.padsHi.push_back(hi);
    w.out.push_back(out);
  }
  return success();
}

Value convolve(Binder &b, Value x, Value weights) {
  auto refuse = [&](const Twine &what) {
    (void)b.bad(what);
    return Value();
  };
  int64_t groups = b.attrInt("group", 1);
  ArrayRef<int64_t> xs = shapeOf(x), ws = shapeOf(weights); // [N, C, spatial..], [M, C/groups, kernel..]
  if (xs.size() > 5) {
    (void)b.unsupported("X is " + showShape(xs) + ", one to three spatial dimensions are supported");
    return {};
  }
  if (xs.size() < 3 || ws.size() != xs.size())
    return refuse("X is " + showShape(xs) + " and W is " + showShape(ws) + ", both must be N x C x spatial dimensions");
  if (groups < 1 || xs[1] % groups || ws[0] % groups || ws[1] != xs[1] / groups)
    return refuse("channels differ: X is " + showShape(xs) + ", W is " + showShape(ws) + " with group " +
                  Twine(groups) + "; W must be M x C/group x kernel");
  Window w;
  if (failed(readWindow(b, xs, ws.drop_front(2), /*ceil=*/false, w)))
    return {};
  Shape to = {xs[0], ws[0]};
  to.append(w.out.begin(), w.out.end());
  if (!countElements(to))
    return refuse("its result has dimensions " + showShape(to) + ", more than 2^40 elements");
  return ConvOp::create(b.builder, b.loc, typeOf(x).clone(to), x, weights, w.strides, w.padsLo, w.padsHi, w.dilations,
                        groups);
}

static LogicalResult importConv(Binder &b) {
  Value x = b.floatInput(0, "X"), weights = b.floatInput(1, "W"), bias = b.optionalFloatInput(2, "B");
  if (!x || !weights || (b.hasInput(2) && !bias))
    return failure();
  Type type = typeOf(x).getElementType();
  if (typeOf(weights).getElementType() != type || (bias && typeOf(bias).getElementType() != type))
    return b.bad("element types of X, W and B differ");
  Value y = convolve(b, x, weights);
  if (!y)
    return failure();
  int64_t channels = shapeOf(y)[1];
  if (bias && (rankOf(bias) != 1 || shapeOf(bias)[0] != channels))
    return b.bad("B is " + showShape(shapeOf(bias)) + ", W has " + Twine(channels) + " output channels");
  if (bias)
    y = arith::AddFOp::create(b.builder, b.loc, y, broadcast(b, bias, shapeOf(y), {1}));
  b.result(y);
  return success();
}

/// One spatial dimension of a transposed convolution: element i of the result is element i + lo of what the products
/// fill, and 0 past their end.
struct Filled {
  int64_t full, lo, out;
};

/// Reads where the result lies in what the products fill, one entry for each spatial dimension.
static LogicalResult readFilled(Binder &b, ArrayRef<int64_t> x, ArrayRef<int64_t> kernel, ArrayRef<int64_t> strides,
                                ArrayRef<int64_t> dilations, SmallVectorImpl<Filled> &filled) {
  size_t rank = kernel.size();
  std::string autoPad = b.attrString("auto_pad", "NOTSET");
  Shape pads = b.attrInts("pads", Shape(2 * rank, 0)), extra = b.attrInts("output_padding", Shape(rank, 0)),
        wanted = b.attrInts("output_shape"), given = b.attrInts("kernel_shape", kernel);
  if (b.failed())
    return failure();
  if (autoPad != "NOTSET" && autoPad != "VALID" && autoPad != "SAME_UPPER" && autoPad != "SAME_LOWER")
    return b.bad("attribute \"auto_pad\" is " + quote(autoPad) +
                 ", it must be NOTSET, VALID, SAME_UPPER or SAME_LOWER");
  if (wanted.size() == rank + 2)
    wanted.erase(wanted.begin(), wanted.begin() + 2);
  if (ArrayRef<int64_t>(given) != kernel || strides.size() != rank || dilations.size() != rank ||
      pads.size() != 2 * rank || extra.size() != rank || (!wanted.empty() && wanted.size() != rank))
    return b.bad("kernel_shape, strides, dilations, pads, output_padding or output_shape do not fit to X " +
                 showShape(x) + " and a kernel of " + showShape(kernel));
  bool same = autoPad == "SAME_UPPER" || autoPad == "SAME_LOWER";
  for (size_t d = 0; d < rank; ++d) {
    for (int64_t v : {strides[d] - 1, dilations[d] - 1, pads[d], pads[rank + d], extra[d], x[2 + d] - 1, kernel[d] - 1,
                      wanted.empty() ? 0 : wanted[d]})
      if (v < 0 || v > kMaxWindow)
        return b.bad("a size, stride, dilation, pad or output_padding is out of range: " + Twine(v));
    Filled f;
    f.full = strides[d] * (x[2 + d] - 1) + dilations[d] * (kernel[d] - 1) + 1;
    if (autoPad == "VALID")
      pads[d] = pads[rank + d] = 0;
    f.lo = pads[d];
    f.out = f.full + extra[d] - pads[d] - pads[rank + d];
    if (!wanted.empty() || same) {
      f.out = wanted.empty() ? x[2 + d] * strides[d] : wanted[d];
      int64_t total = std::max<int64_t>(0, f.full + extra[d] - f.out);
      f.lo = autoPad == "SAME_UPPER" ? total / 2 : total - total / 2;
    }
    if (f.out < 1 || f.lo >= f.full || f.out > kMaxElements)
      return b.bad("its result has size " + Twine(f.out) + " at spatial dimension " + Twine(d) + ", X is " +
                   showShape(x) + "; check pads and output_padding");
    filled.push_back(f);
  }
  return success();
}

/// The gradient of a convolution with respect to its input, of the shape that the attributes say.
static LogicalResult importConvTranspose(Binder &b) {
  int64_t groups = b.attrInt("group", 1);
  Value x = b.floatInput(0, "X"), weights = b.floatInput(1, "W"), bias = b.optionalFloatInput(2, "B");
  if (!x || !weights || (b.hasInput(2) && !bias))
    return failure();
  ArrayRef<int64_t> xs = shapeOf(x), ws = shapeOf(weights); // [N, C, spatial..], [C, M/groups, kernel..]
  if (xs.size() < 3 || xs.size() > 5 || ws.size() != xs.size())
    return b.bad("X is " + showShape(xs) + " and W is " + showShape(ws) +
                 ", both must have one to three spatial dimensions");
  size_t rank = xs.size() - 2;
  Shape strides = b.attrInts("strides", Shape(rank, 1)), dilations = b.attrInts("dilations", Shape(rank, 1));
  SmallVector<Filled> filled;
  if (failed(readFilled(b, xs, ws.drop_front(2), strides, dilations, filled)))
    return failure();
  Type type = typeOf(x).getElementType();
  if (typeOf(weights).getElementType() != type || (bias && typeOf(bias).getElementType() != type))
    return b.bad("element types of X, W and B differ");
  if (groups < 1 || xs[1] % groups || ws[0] != xs[1])
    return b.bad("channels differ: X is " + showShape(xs) + ", W is " + showShape(ws) + " with group " + Twine(groups) +
                 "; W must be C x M/group x kernel");
  if (ws[1] > kMaxElements / groups)
    return b.bad("W is " + showShape(ws) + ", " + Twine(groups) +
                 " groups of that have more than 2^40 output channels");
  if (bias && (rankOf(bias) != 1 || shapeOf(bias)[0] != ws[1] * groups))
    return b.bad("B is " + showShape(shapeOf(bias)) + ", W has " + Twine(ws[1] * groups) + " output channels");
  Shape made = {xs[0], ws[1] * groups}, lo, hi, none(xs.size(), 0), after(2, 0);
  for (auto [f, stride] : llvm::zip(filled, strides)) {
    // A convolution leaves over less than a stride; more than that is zeros.
    int64_t end = std::min(f.lo + f.out, f.full + stride - 1);
    made.push_back(end - f.lo);
    lo.push_back(f.lo);
    hi.push_back(std::max<int64_t>(0, f.full - end));
    after.push_back(f.lo + f.out - end);
  }
  if (!countElements(made))
    return b.bad("its result has dimensions " + showShape(made) + ", more than 2^40 elements");
  Value y = ConvInputGradOp::create(b.builder, b.loc, RankedTensorType::get(made, type), x, weights, strides, lo, hi,
                                    dilations, groups);
  y = Arithmetic(b).pad(y, none, after);
  if (bias)
    y = arith::AddFOp::create(b.builder, b.loc, y, broadcast(b, bias, shapeOf(y), {1}));
  b.result(y);
  return success();
}

void addWindowOps(OpTable &t) {
  t.onOp("Conv", 1, importConv, {Role::Weight});
  t.onOp("ConvTranspose", 1, importConvTranspose, {Role::Weight});
}

} // namespace mlir::llcc::frontend
