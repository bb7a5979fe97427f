// Gemm and MatMul: one llcc.dot each, with the contracted dimensions chosen so that no transpose is needed.
#include "frontends/onnx/ops/Contraction.h"
#include "frontends/onnx/Emit.h"
#include "frontends/onnx/OpTable.h"

namespace mlir::llcc::frontend {

/// Batch dimensions first, then the free ones of x and y.
static Value dot(Binder &b, Value x, Value y, ArrayRef<int64_t> xBatch, ArrayRef<int64_t> yBatch, int64_t xContract,
                 int64_t yContract) {
  Shape shape;
  for (int64_t d : xBatch)
    shape.push_back(shapeOf(x)[d]);
  for (int64_t d = 0; d < rankOf(x); ++d)
    if (d != xContract && !llvm::is_contained(xBatch, d))
      shape.push_back(shapeOf(x)[d]);
  for (int64_t d = 0; d < rankOf(y); ++d)
    if (d != yContract && !llvm::is_contained(yBatch, d))
      shape.push_back(shapeOf(y)[d]);
  auto type = RankedTensorType::get(shape, typeOf(x).getElementType());
  return DotOp::create(b.builder, b.loc, type, x, y, xBatch, yBatch, xContract, yContract);
}

static LogicalResult sameFloats(Binder &b, Value x, StringRef xName, Value y, StringRef yName) {
  Type xType = typeOf(x).getElementType(), yType = typeOf(y).getElementType();
  if (xType == yType)
    return success();
  std::string text;
  llvm::raw_string_ostream(text) << "element types differ: " << xName << " is " << xType << ", " << yName << " is "
                                 << yType;
  return b.bad(text);
}

/// Y = alpha * A' * B' + beta * C; A' is A or its transpose, C broadcasts one way to Y.
static LogicalResult importGemm(Binder &b) {
  double alpha = b.attrFloat("alpha", 1), beta = b.attrFloat("beta", 1);
  bool transA = b.attrInt("transA", 0), transB = b.attrInt("transB", 0);
  Value x = b.floatInput(0, "A"), y = b.floatInput(1, "B");
  Value c = b.optionalFloatInput(2, "C");
  if (!x || !y || b.failed())
    return failure();
  if (rankOf(x) != 2 || rankOf(y) != 2)
    return b.bad("A is " + showShape(shapeOf(x)) + " and B is " + showShape(shapeOf(y)) +
                 ", both must have two dimensions");
  if (failed(sameFloats(b, x, "A", y, "B")))
    return failure();
  int64_t xContract = transA ? 0 : 1, yContract = transB ? 1 : 0;
  if (shapeOf(x)[xContract] != shapeOf(y)[yContract])
    return b.bad("inner dimensions differ: A is " + showShape(shapeOf(x)) + (transA ? " (transposed)" : "") +
                 ", B is " + showShape(shapeOf(y)) + (transB ? " (transposed)" : "") + "; check " +
                 (shapeOf(x)[1 - xContract] == shapeOf(y)[yContract] ? "transA" : "transB"));
  Value r = dot(b, x, y, {}, {}, xContract, yContract);
  if (alpha != 1)
    r = arith::MulFOp::create(b.builder, b.loc, r, splatLike(b, r, alpha));
  if (c && beta != 0) {
    if (failed(sameFloats(b, x, "A", c, "C")))
      return failure();
    std::optional<Shape> shape = broadcastShapes(shapeOf(c), shapeOf(r));
    if (!shape || ArrayRef<int64_t>(*shape) != shapeOf(r))
      return b.bad("C is " + showShape(shapeOf(c)) + ", it does not broadcast to the result " + showShape(shapeOf(r)));
    if (beta != 1)
      c = arith::MulFOp::create(b.builder, b.loc, c, splatLike(b, c, beta));
    r = arith::AddFOp::create(b.builder, b.loc, r, broadcastTo(b, c, shapeOf(r)));
  }
  b.result(r);
  return success();
}

/// numpy.matmul: vectors become matrices and lose that dimension again; leading dimensions are batches that broadcast.
Value matmul(Binder &b, Value x, Value y) {
  auto refuse = [&](const Twine &what) {
    (void)b.bad(what);
    return Value();
  };
  if (rankOf(x) == 0 || rankOf(y) == 0)
    return refuse("A is " + showShape(shapeOf(x)) + " and B is " + showShape(shapeOf(y)) + ", neither may be a scalar");
  int64_t k = shapeOf(x).back(), yContract = std::max<int64_t>(rankOf(y) - 2, 0);
  if (k != shapeOf(y)[yContract])
    return refuse("inner dimensions differ: A is " + showShape(shapeOf(x)) + ", B is " + showShape(shapeOf(y)));
  Shape xBatch(shapeOf(x).drop_back(std::min<int64_t>(2, rankOf(x)))),
      yBatch(shapeOf(y).drop_back(std::min<int64_t>(2, rankOf(y))));
  std::optional<Shape> batch = broadcastShapes(xBatch, yBatch);
  if (!batch)
    return refuse("batch dimensions differ: A is " + showShape(shapeOf(x)) + ", B is " + showShape(shapeOf(y)));
  Shape result(*batch);
  if (rankOf(x) > 1)
    result.push_back(shapeOf(x)[rankOf(x) - 2]);
  if (rankOf(y) > 1)
    result.push_back(shapeOf(y).back());
  auto one = [](int64_t d) { return d == 1; };

  if (llvm::all_of(yBatch, one)) { // weights: no batch on the right, all leading dimensions of A are free
    if (!yBatch.empty())
      y = reshape(b, y, shapeOf(y).take_back(2));
    return reshape(b, dot(b, x, y, {}, {}, rankOf(x) - 1, rankOf(y) == 1 ? 0 : rankOf(y) - 2), result);
  }
  if (llvm::all_of(xBatch, one)) { // A has no batch: dot gives [m, batch.., n]
    if (rankOf(x) > 1)
      x = reshape(b, x, shapeOf(x).take_back(2));
    Value r = dot(b, x, y, {}, {}, rankOf(x) - 1, yContract);
    if (rankOf(x) > 1) {
      Shape perm;
      int64_t batches = yBatch.size();
      for (int64_t d = 1; d <= batches; ++d)
        perm.push_back(d);
      perm.push_back(0);
      perm.push_back(batches + 1);
      r = transpose(b, r, perm);
    }
    return reshape(b, r, result);
  }
  // Both have batches, so both have at least three dimensions: bring them to the common batch.
  Shape xShape(*batch), yShape(*batch), batchDims;
  xShape.append(shapeOf(x).take_back(2).begin(), shapeOf(x).end());
  yShape.append(shapeOf(y).take_back(2).begin(), shapeOf(y).end());
  for (size_t d = 0; d < batch->size(); ++d)
    batchDims.push_back(d);
  x = broadcastTo(b, x, xShape);
  y = broadcastTo(b, y, yShape);
  return dot(b, x, y, batchDims, batchDims, rankOf(x) - 1, rankOf(y) - 2);
}

static LogicalResult importMatMul(Binder &b) {
  Value x = b.floatInput(0, "A"), y = b.floatInput(1, "B");
  if (!x || !y || failed(sameFloats(b, x, "A", y, "B")))
    return failure();
  Value r = matmul(b, x, y);
  if (!r)
    return failure();
  b.result(r);
  return success();
}

/// com.microsoft: alpha * A' * B', where A' has its last two dimensions swapped, or its first ones (transBatch) moved
/// behind.
static LogicalResult importFusedMatMul(Binder &b) {
  double alpha = b.attrFloat("alpha", 1);
  bool swap[] = {b.attrInt("transA", 0) != 0, b.attrInt("transB", 0) != 0},
       batch[] = {b.attrInt("transBatchA", 0) != 0, b.attrInt("transBatchB", 0) != 0};
  Value x[] = {b.floatInput(0, "A"), b.floatInput(1, "B")};
  if (!x[0] || !x[1] || failed(sameFloats(b, x[0], "A", x[1], "B")))
    return failure();
  for (unsigned i = 0; i < 2; ++i) {
    int64_t rank = rankOf(x[i]);
    Shape perm = llvm::to_vector(llvm::seq<int64_t>(0, rank));
    if (batch[i] && rank > 2) // [d0, batch.., d] as [batch.., d0, d]
      std::rotate(perm.begin(), perm.begin() + 1, perm.end() - 1);
    if (swap[i] && rank > 1)
      std::swap(perm[rank - 1], perm[rank - 2]);
    x[i] = transpose(b, x[i], perm);
  }
  Value r = matmul(b, x[0], x[1]);
  if (!r)
    return failure();
  if (alpha != 1)
    r = arith::MulFOp::create(b.builder, b.loc, r, splatLike(b, r, alpha));
  b.result(r);
  return success();
}

void addContractionOps(OpTable &t) {
  t.onOp("Gemm", 7, importGemm, {Role::Weight});
  t.onOp("MatMul", 1, importMatMul, {Role::Weight});
  t.onOp("FusedMatMul", 1, importFusedMatMul, {Role::Weight}, nullptr, "com.microsoft");
}

} // namespace mlir::llcc::frontend
