// Einsum: products of any number of tensors, summed over the labels that the result does not name.
//
// Each operand is brought to one dimension a label (diagonals taken, labels that only it has summed), then operands are
// multiplied from left to right. A label that both have is a batch dimension of the product while somebody still needs
// it, else it is contracted.
#include "frontends/onnx/Indexing.h"
#include "frontends/onnx/OpTable.h"

namespace mlir::llcc::frontend {

namespace {
/// Labels are letters; those of an ellipsis are 256, 257, .. from the last dimension back.
using Label = int;
constexpr Label kEllipsis = 256;

struct Term {
  Value value;
  SmallVector<Label> labels; ///< one for each dimension, all different
  bool has(Label l) const { return llvm::is_contained(labels, l); }
  int64_t dim(Label l) const { return llvm::find(labels, l) - labels.begin(); }
};

/// The labels of one operand or of the result; `ellipsis` dimensions stand where three dots are.
std::optional<SmallVector<Label>> readLabels(StringRef text, int64_t ellipsis) {
  SmallVector<Label> labels;
  bool dots = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i).starts_with("...") && !dots) {
      for (int64_t k = ellipsis; k-- > 0;)
        labels.push_back(kEllipsis + k);
      dots = true;
      i += 2;
    } else if (llvm::isAlpha(text[i])) {
      labels.push_back(text[i]);
    } else {
      return std::nullopt;
    }
  }
  return labels;
}

/// x with its dimensions p < q of equal size joined into one: its diagonal, at p.
Value diagonal(Binder &b, Value x, int64_t p, int64_t q) {
  int64_t rank = rankOf(x), n = shapeOf(x)[p];
  x = transpose(b, transpose(b, x, movedDim(rank, q, rank - 1)), movedDim(rank, p, rank - 2)); // [.., n, n]
  Shape flat(shapeOf(x).drop_back(2));
  flat.push_back(n * n);
  x = sliceAlong(b, reshape(b, x, flat), rank - 2, 0, n, n + 1);
  return transpose(b, x, movedDim(rank - 1, rank - 2, p));
}

Value multiply(Binder &b, Value x, Value y) {
  if (isa<FloatType>(typeOf(x).getElementType()))
    return arith::MulFOp::create(b.builder, b.loc, x, y);
  return arith::MulIOp::create(b.builder, b.loc, x, y);
}

/// Sums over the labels for which `gone` holds.
void sumOut(Binder &b, Term &t, llvm::function_ref<bool(Label)> gone) {
  Shape dims;
  SmallVector<Label> kept;
  for (auto [d, l] : llvm::enumerate(t.labels)) {
    if (gone(l))
      dims.push_back(d);
    else
      kept.push_back(l);
  }
  if (!dims.empty())
    t.value = reduce(b, t.value, ReduceKind::Sum, dims, /*keep=*/false);
  t.labels = kept;
}

/// x * y, without the labels that both have and nobody `needs`.
Term product(Binder &b, const Term &x, const Term &y, llvm::function_ref<bool(Label)> needs) {
  Term r;
  Shape xBatch, yBatch, xContract, yContract, shape;
  SmallVector<Label> contracted;
  for (auto [d, l] : llvm::enumerate(x.labels)) {
    if (!y.has(l))
      continue;
    bool keep = needs(l);
    (keep ? xBatch : xContract).push_back(d);
    (keep ? yBatch : yContract).push_back(y.dim(l));
    (keep ? r.labels : contracted).push_back(l);
  }
  for (const Term *t : {&x, &y})
    for (Label l : t->labels)
      if (!(t == &x ? y : x).has(l))
        r.labels.push_back(l);
  auto size = [&](Label l) { return x.has(l) ? shapeOf(x.value)[x.dim(l)] : shapeOf(y.value)[y.dim(l)]; };
  for (Label l : r.labels)
    shape.push_back(size(l));
  Type type = typeOf(x.value).getElementType();
  if (!contracted.empty() && isa<FloatType>(type)) {
    r.value = DotOp::create(b.builder, b.loc, RankedTensorType::get(shape, type), x.value, y.value, xBatch, yBatch,
                            xContract, yContract);
    return r;
  }
  // Nothing to contract, or integers: all labels side by side, then a sum.
  r.labels.append(contracted);
  for (Label l : contracted)
    shape.push_back(size(l));
  auto spread = [&](const Term &t) { // to the order of r.labels
    Shape perm, dims;
    for (auto [d, l] : llvm::enumerate(r.labels))
      if (t.has(l)) {
        perm.push_back(t.dim(l));
        dims.push_back(d);
      }
    return broadcast(b, transpose(b, t.value, perm), shape, dims);
  };
  r.value = multiply(b, spread(x), spread(y));
  sumOut(b, r, [&](Label l) { return llvm::is_contained(contracted, l); });
  return r;
}
} // namespace

static LogicalResult importEinsum(Binder &b) {
  std::string equation = b.attrString("equation", ""), text;
  for (char c : equation)
    if (c != ' ')
      text += c;
  auto [left, right] = StringRef(text).split("->");
  bool explicitOutput = StringRef(text).contains("->");
  SmallVector<StringRef> parts;
  left.split(parts, ',');
  if (parts.size() != b.numInputs())
    return b.bad("equation " + quote(equation) + " names " + Twine(parts.size()) + " operands, it has " +
                 Twine(b.numInputs()));
  std::vector<Term> terms;
  std::map<Label, int64_t> sizes, counts;
  int64_t ellipsis = 0;
  for (auto [i, part] : llvm::enumerate(parts)) {
    Value x = b.input(i, "Inputs");
    if (!x)
      return failure();
    if (i && typeOf(x).getElementType() != typeOf(terms[0].value).getElementType())
      return b.bad("its inputs have different element types");
    int64_t letters = llvm::count_if(part, [](char c) { return llvm::isAlpha(c); });
    int64_t dots = part.contains("...") ? rankOf(x) - letters : 0;
    ellipsis = std::max(ellipsis, dots);
    std::optional<SmallVector<Label>> labels = dots < 0 ? std::nullopt : readLabels(part, dots);
    if (!labels || int64_t(labels->size()) != rankOf(x))
      return b.bad("equation " + quote(equation) + ": operand " + Twine(i) + " is " + showShape(shapeOf(x)) +
                   ", its labels are " + quote(part));
    Term t{x, *labels};
    for (size_t p = 0; p < t.labels.size(); ++p) { // a label that stands twice: the diagonal
      counts[t.labels[p]] += 1;
      for (size_t q = p + 1; q < t.labels.size();) {
        if (t.labels[q] != t.labels[p]) {
          ++q;
          continue;
        }
        if (shapeOf(t.value)[p] != shapeOf(t.value)[q])
          return b.bad("equation " + quote(equation) + ": operand " + Twine(i) + " is " + showShape(shapeOf(x)) +
                       ", dimensions with one label must have one size");
        t.value = diagonal(b, t.value, p, q);
        t.labels.erase(t.labels.begin() + q);
        counts[t.labels[p]] += 1;
      }
    }
    for (auto [d, l] : llvm::enumerate(t.labels)) {
      int64_t size = shapeOf(t.value)[d], &known = sizes.try_emplace(l, size).first->second;
      if (known != size && known != 1 && size != 1)
        return b.bad("equation " + quote(equation) + ": a label has sizes " + Twine(known) + " and " + Twine(size));
      known = known == 1 ? size : known;
    }
    terms.push_back(std::move(t));
  }
  SmallVector<Label> output;
  if (explicitOutput) {
    std::optional<SmallVector<Label>> labels = readLabels(right, ellipsis);
    bool fits = labels.has_value();
    for (Label l : labels ? *labels : SmallVector<Label>())
      fits &= sizes.count(l) && llvm::count(*labels, l) == 1;
    if (!fits)
      return b.bad("equation " + quote(equation) + ": the result's labels " + quote(right) +
                   " must be labels of operands, each once");
    output = *labels;
  } else { // those of the ellipsis, then letters that stand once, in alphabetical order
    for (int64_t k = ellipsis; k-- > 0;)
      output.push_back(kEllipsis + k);
    for (auto [l, count] : counts)
      if (l < kEllipsis && count == 1)
        output.push_back(l);
  }
  // Size 1 that stands for another size is no label of that operand.
  for (Term &t : terms) {
    Shape shape;
    SmallVector<Label> labels;
    for (auto [d, l] : llvm::enumerate(t.labels))
      if (shapeOf(t.value)[d] == sizes[l]) {
        shape.push_back(sizes[l]);
        labels.push_back(l);
      }
    t.value = reshape(b, t.value, shape);
    t.labels = labels;
  }
  auto needed = [&](size_t from, Label l) {
    return llvm::is_contained(output, l) ||
           llvm::any_of(ArrayRef<Term>(terms).drop_front(from), [&](const Term &t) { return t.has(l); });
  };
  Term result = terms[0];
  sumOut(b, result, [&](Label l) { return !needed(1, l); });
  for (size_t i = 1; i < terms.size(); ++i) {
    Term next = terms[i];
    sumOut(b, next, [&](Label l) { return !result.has(l) && !needed(i + 1, l); });
    result = product(b, result, next, [&](Label l) { return needed(i + 1, l); });
  }
  Shape perm, shape;
  for (Label l : output) {
    shape.push_back(sizes[l]);
    if (result.has(l))
      perm.push_back(result.dim(l));
  }
  b.result(reshape(b, transpose(b, result.value, perm), shape));
  return success();
}

void addEinsumOps(OpTable &t) { t.onOp("Einsum", 12, importEinsum, {Role::Weight}); }

} // namespace mlir::llcc::frontend
