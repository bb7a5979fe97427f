// Convolution and pooling: windows over the spatial dimensions of N x C x D1 x .. x Dn.
#include "frontends/onnx/Emit.h"
#include "frontends/onnx/OpTable.h"

namespace mlir::llcc::frontend {

namespace {

/// Window, strides, pads, dilations and output sizes, one entry for each spatial dimension.
struct Window {
  Shape kernel, strides, padsLo, padsHi, dilations, out;
};

constexpr int64_t kMaxWindow = int64_t(1) << 31; // far below where sums of sizes overflow

/// Reads the attributes that convolutions and pools share. `kernel` is empty where the attribute kernel_shape decides.
/// ceil_mode: outputs whose window begins inside the input or its padding before.
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

} // namespace

static LogicalResult importConv(Binder &b) {
  int64_t groups = b.attrInt("group", 1);
  Value x = b.floatInput(0, "X"), weights = b.floatInput(1, "W"), bias = b.optionalFloatInput(2, "B");
  if (!x || !weights || (b.hasInput(2) && !bias))
    return failure();
  ArrayRef<int64_t> xs = shapeOf(x), ws = shapeOf(weights); // [N, C, spatial..], [M, C/groups, kernel..]
  if (xs.size() < 3 || xs.size() > 5 || ws.size() != xs.size())
    return xs.size() > 5 ? b.unsupported("X is " + showShape(xs) + ", one to three spatial dimensions are supported")
                         : b.bad("X is " + showShape(xs) + " and W is " + showShape(ws) +
                                 ", both must be N x C x spatial dimensions");
  Type type = typeOf(x).getElementType();
  if (typeOf(weights).getElementType() != type || (bias && typeOf(bias).getElementType() != type))
    return b.bad("element types of X, W and B differ");
  if (groups < 1 || xs[1] % groups || ws[0] % groups || ws[1] != xs[1] / groups)
    return b.bad("channels differ: X is " + showShape(xs) + ", W is " + showShape(ws) + " with group " + Twine(groups) +
                 "; W must be M x C/group x kernel");
  if (bias && (rankOf(bias) != 1 || shapeOf(bias)[0] != ws[0]))
    return b.bad("B is " + showShape(shapeOf(bias)) + ", W has " + Twine(ws[0]) + " output channels");
  Window w;
  if (failed(readWindow(b, xs, ws.drop_front(2), /*ceil=*/false, w)))
    return failure();
  Shape to = {xs[0], ws[0]};
  to.append(w.out.begin(), w.out.end());
  if (!countElements(to))
    return b.bad("its result has dimensions " + showShape(to) + ", more than 2^40 elements");
  Value y = ConvOp::create(b.builder, b.loc, RankedTensorType::get(to, type), x, weights, w.strides, w.padsLo, w.padsHi,
                           w.dilations, groups);
  if (bias)
    y = arith::AddFOp::create(b.builder, b.loc, y, broadcast(b, bias, to, {1}));
  b.result(y);
  return success();
}

/// The gradient of a convolution with respect to its input, of the shape that the attributes say.
static LogicalResult importConvTranspose(Binder &b) {
  int64_t groups = b.attrInt("group", 1);
  std::string autoPad = b.attrString("auto_pad", "NOTSET");
  Value x = b.floatInput(0, "X"), weights = b.floatInput(1, "W"), bias = b.optionalFloatInput(2, "B");
  if (!x || !weights || (b.hasInput(2) && !bias))
    return failure();
  ArrayRef<int64_t> xs = shapeOf(x), ws = shapeOf(weights); // [N, C, spatial..], [C, M/groups, kernel..]
  if (xs.size() < 3 || xs.size() > 5 || ws.size() != xs.size())
    return b.bad("X is " + showShape(xs) + " and W is " + showShape(ws) +
                 ", both must have one to three spatial dimensions");
  size_t rank = xs.size() - 2;
  Shape strides = b.attrInts("strides", Shape(rank, 1)), dilations = b.attrInts("dilations", Shape(rank, 1)),
        pads = b.attrInts("pads", Shape(2 * rank, 0)), extra = b.attrInts("output_padding", Shape(rank, 0)),
        kernel = b.attrInts("kernel_shape", ws.drop_front(2)), wanted = b.attrInts("output_shape");
  if (b.failed())
    return failure();
  if (autoPad != "NOTSET" && autoPad != "VALID")
    return b.unsupported("auto_pad " + quote(autoPad) + " is not supported; give pads");
  if (!wanted.empty())
    return b.unsupported("attribute \"output_shape\" is not supported; give pads and output_padding");
  if (ArrayRef<int64_t>(kernel) != ws.drop_front(2) || strides.size() != rank || dilations.size() != rank ||
      pads.size() != 2 * rank || extra.size() != rank)
    return b.bad("kernel_shape, strides, dilations, pads or output_padding do not fit to X " + showShape(xs) +
                 " and W " + showShape(ws));
  Type type = typeOf(x).getElementType();
  if (typeOf(weights).getElementType() != type || (bias && typeOf(bias).getElementType() != type))
    return b.bad("element types of X, W and B differ");
  if (groups < 1 || xs[1] % groups || ws[0] != xs[1])
    return b.bad("channels differ: X is " + showShape(xs) + ", W is " + showShape(ws) + " with group " + Twine(groups) +
                 "; W must be C x M/group x kernel");
  if (ws[1] > kMaxElements / groups)
    return b.bad("W has too many output channels");
  if (bias && (rankOf(bias) != 1 || shapeOf(bias)[0] != ws[1] * groups))
    return b.bad("B is " + showShape(shapeOf(bias)) + ", W has " + Twine(ws[1] * groups) + " output channels");
  Shape to = {xs[0], ws[1] * groups}, lo, hi;
  for (size_t d = 0; d < rank; ++d) {
    for (int64_t v : {strides[d] - 1, dilations[d] - 1, pads[d], pads[rank + d], extra[d]})
      if (v < 0 || v > kMaxWindow)
        return b.bad("strides, dilations, pads or output_padding hold a number that is out of range");
    bool sane = xs[2 + d] >= 1 && xs[2 + d] < kMaxWindow && kernel[d] >= 1 && kernel[d] < kMaxWindow;
    int64_t reach = sane ? dilations[d] * (kernel[d] - 1) + 1 : 0;
    int64_t size = sane ? strides[d] * (xs[2 + d] - 1) + extra[d] + reach - pads[d] - pads[rank + d] : 0;
    // The convolution whose gradient this is must give X's size back, and no more.
    if (size < 1 || reach > kMaxElements || extra[d] >= std::max(strides[d], dilations[d]) ||
        (size + pads[d] + pads[rank + d] - reach) / strides[d] + 1 != xs[2 + d])
      return b.bad("its result has size " + Twine(size) + " at spatial dimension " + Twine(d) +
                   ", it does not fit to X, " + showShape(xs) + "; check pads and output_padding");
    to.push_back(size);
    lo.push_back(pads[d]);
    hi.push_back(pads[rank + d]);
  }
  if (!countElements(to))
    return b.bad("its result has dimensions " + showShape(to) + ", more than 2^40 elements");
  Value y = ConvInputGradOp::create(b.builder, b.loc, RankedTensorType::get(to, type), x, weights, strides, lo, hi,
                                    dilations, groups);
  if (bias)
    y = arith::AddFOp::create(b.builder, b.loc, y, broadcast(b, bias, to, {1}));
  b.result(y);
  return success();
}

template <bool IsMax> static LogicalResult importPool(Binder &b) {
  bool ceil = b.attrInt("ceil_mode", 0);
  int64_t countPad = IsMax ? 0 : b.attrInt("count_include_pad", 0);
  if (IsMax)
    b.ignoreAttr("storage_order"); // of the indices, which are not supported
  Value x = b.floatInput(0, "X");
  if (!x)
    return failure();
  if (rankOf(x) < 3 || rankOf(x) > 5)
    return b.unsupported("X is " + showShape(shapeOf(x)) + ", one to three spatial dimensions are supported");
  Window w;
  if (failed(readWindow(b, shapeOf(x), {}, ceil, w)))
    return failure();
  for (size_t d = 0; d < w.kernel.size(); ++d) // else a window could lie in the padding alone
    if (int64_t reach = w.dilations[d] * (w.kernel[d] - 1) + 1; w.padsLo[d] >= reach || w.padsHi[d] >= reach)
      return b.bad("pads of " + Twine(w.padsLo[d]) + " and " + Twine(w.padsHi[d]) + " are as large as the window, " +
                   Twine(reach));
  Shape to(shapeOf(x).take_front(2));
  to.append(w.out.begin(), w.out.end());
  auto type = RankedTensorType::get(to, typeOf(x).getElementType());
  if (IsMax)
    b.result(MaxPoolOp::create(b.builder, b.loc, type, x, w.kernel, w.strides, w.padsLo, w.padsHi, w.dilations));
  else
    b.result(AvgPoolOp::create(b.builder, b.loc, type, x, w.kernel, w.strides, w.padsLo, w.padsHi, w.dilations,
                               countPad != 0));
  return success();
}

template <ReduceKind Kind> static LogicalResult importGlobalPool(Binder &b) {
  Value x = b.floatInput(0, "X");
  if (!x)
    return failure();
  if (rankOf(x) < 3)
    return b.bad("X is " + showShape(shapeOf(x)) + ", it must be N x C x spatial dimensions");
  Shape dims = llvm::to_vector(llvm::seq<int64_t>(2, rankOf(x)));
  Value y = reduce(b, x, Kind, dims, /*keep=*/true);
  if (Kind == ReduceKind::Sum)
    y = arith::DivFOp::create(b.builder, b.loc, y, splatLike(b, y, double(*countElements(shapeOf(x).drop_front(2)))));
  b.result(y);
  return success();
}

void addWindowOps(OpTable &t) {
  t.onOp("Conv", 1, importConv, {Role::Weight});
  t.onOp("ConvTranspose", 1, importConvTranspose, {Role::Weight});
  t.onOp("MaxPool", 1, importPool<true>);
  t.onOp("AveragePool", 1, importPool<false>);
  t.onOp("GlobalAveragePool", 1, importGlobalPool<ReduceKind::Sum>);
  t.onOp("GlobalMaxPool", 1, importGlobalPool<ReduceKind::Max>);
}

} // namespace mlir::llcc::frontend
