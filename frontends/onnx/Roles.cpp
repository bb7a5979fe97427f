// Which stored tensors are parameters: told from the role in which the graph reads them, as exporters give folded
// parameters, masks and rotary tables the same kind of names.
#include "frontends/onnx/Roles.h"
#include "frontends/onnx/Binder.h"
#include <deque>

namespace mlir::llcc::frontend {

using Node = ::onnx::NodeProto;

Readers::Readers(const ::onnx::GraphProto &graph, ArrayRef<const Node *> nodes, int64_t opset) : opset(opset) {
  llvm::StringSet<> stored;
  for (const auto &t : graph.initializer())
    stored.insert(t.name());
  for (const auto &input : graph.input())
    (stored.contains(input.name()) ? overridable : raw).insert(input.name());
  // Old files (IR 3) and some exporters list every initializer: then it says nothing.
  if (overridable.size() == stored.size())
    overridable.clear();
  for (const auto &output : graph.output())
    outputs.insert(output.name());
  for (const Node *node : nodes) {
    for (int i = 0; i < node->input_size(); ++i)
      of[node->input(i)].push_back({node, unsigned(i)});
    for (const auto &output : node->output())
      producer[output] = node;
    // Casts and views of the input, and what stored numbers take from it or divide it by, are still the input.
    if (node->input_size() == 0 || node->output_size() == 0)
      continue;
    bool still = raw.contains(node->input(0)) && role(*node, 0) == Role::View && node->op_type() != "Concat";
    if (node->input_size() == 2 && (node->op_type() == "Sub" || node->op_type() == "Div"))
      still = raw.contains(node->input(0)) && stored.contains(node->input(1));
    if (still)
      raw.insert(node->output(0));
  }
}

Role Readers::role(const Node &node, unsigned input) const {
  const OpRow *row = table.find(node.domain() == "ai.onnx" ? "" : node.domain(), node.op_type(), opset);
  return row ? row->role(input) : Role::Data;
}

std::string Readers::nameInLoop(const Node &node, unsigned input) const {
  bool loop = node.op_type() == "Loop"; // its first inputs are the trip count and the condition
  if ((!loop && node.op_type() != "Scan") || (loop && input < 2))
    return "";
  for (const auto &attribute : node.attribute()) {
    if (attribute.name() != "body" || int(input) >= attribute.g().input_size())
      continue;
    const auto &body = attribute.g();
    const std::string &inside = body.input(input).name();
    int64_t cut = 0;
    for (const auto &a : node.attribute())
      if (a.name() == "num_scan_inputs")
        cut = a.i();
    if (!loop && int64_t(input) >= node.input_size() - cut)
      return inside; // a turn reads a part of it
    int output = int(input) - (loop ? 1 : 0);
    if (output >= body.output_size())
      return "";
    const Node *last = producer.lookup(body.output(output).name());
    bool kept = body.output(output).name() == inside ||
                (last && last->op_type() == "Identity" && last->input_size() && last->input(0) == inside);
    return kept ? inside : "";
  }
  return "";
}

bool Readers::addsToContraction(const Node &node, unsigned input) const {
  if (node.op_type() != "Add" || node.input_size() != 2)
    return false;
  const Node *other = producer.lookup(node.input(1 - input));
  return other && role(*other, 1) == Role::Weight;
}

bool Readers::feedsScores(const Node &sum) const {
  const Node *node = &sum;
  llvm::SmallPtrSet<const Node *, 8> seen;
  while (node && node->op_type() == "Add" && node->output_size() && seen.insert(node).second) {
    const Node *next = nullptr;
    for (auto [reader, input] : of.lookup(node->output(0))) {
      if (role(*reader, input) == Role::Scores)
        return true;
      next = reader;
    }
    node = next;
  }
  return false;
}

bool Readers::normalizesInput(const Node &node, unsigned input) const {
  if (node.input_size() != 2 || !raw.contains(node.input(1 - input)))
    return false;
  if (node.op_type() == "Sub" || node.op_type() == "Div")
    return input == 1;
  // A gain or an offset right at the input may be learned; behind a mean that was taken off it is a deviation.
  const Node *before = producer.lookup(node.input(1 - input));
  return node.op_type() == "Mul" && before && before->op_type() == "Sub";
}

namespace {

/// What the elements of a tensor look like, as far as that tells parameters from the rest.
struct Look {
  bool mask = false;      ///< huge negative numbers, infinities
  bool even = false;      ///< an arithmetic progression: positions, centres of bins
  bool geometric = false; ///< a geometric progression: frequencies
  bool splat = false;
};

Look lookAt(const Initializer &init, ExternalFiles &files) {
  Look look;
  if (init.payload.absent || init.payload.elements > kMaxConstantElements)
    return look;
  ConstantPtr c = readConstant(*init.proto, init.payload, files);
  const auto &v = c->reals;
  look.splat = c->isSplat();
  look.mask = llvm::any_of(v, [](double x) { return !(std::abs(x) < 9e3); });
  int64_t varying = llvm::count_if(init.payload.shape, [](int64_t size) { return size > 1; });
  if (varying != 1 || v.size() < 4 || look.splat)
    return look;
  // Learned numbers never lie so: an f32 progression is exact to a few units of its largest element.
  double step = (v.back() - v.front()) / double(v.size() - 1), ratio = v[1] / v[0], most = 0;
  for (double x : v)
    most = std::max(most, std::abs(x));
  look.even = look.geometric = true;
  if (v[0] == 0 || !std::isfinite(ratio) || ratio <= 0)
    look.geometric = false;
  for (size_t i = 0; i < v.size(); ++i) {
    if (!(std::abs(v[i] - (v.front() + step * double(i))) <= 4e-7 * most))
      look.even = false;
    if (i && !(std::abs(v[i] - v[i - 1] * ratio) <= 1e-5 * std::abs(v[i])))
      look.geometric = false;
  }
  return look;
}

/// Rows c[k] of a Fourier basis (cosines or sines of k·2π·n/N, times any window) obey c[k+1] + c[k-1] = a[n]·c[k].
bool isFourierBasis(const Initializer &init, ExternalFiles &files) {
  const Shape &shape = init.payload.shape;
  if (init.payload.absent || shape.size() < 2 || init.payload.elements > kMaxConstantElements)
    return false;
  int64_t rows = shape[0], n = rows ? init.payload.elements / rows : 0;
  if (rows < 8 || n < 8 || llvm::count_if(shape, [](int64_t size) { return size > 1; }) != 2)
    return false;
  ConstantPtr c = readConstant(*init.proto, init.payload, files);
  // a[n] from the row that is largest there; then count the rows that obey (two blocks, cosines and sines, may be
  // stacked, so that a few do not).
  double most = 0;
  for (double x : c->reals)
    most = std::max(most, std::abs(x));
  std::vector<double> a(n);
  for (int64_t j = 0; j < n; ++j) {
    int64_t best = 1;
    for (int64_t k = 1; k + 1 < rows; ++k)
      if (std::abs(c->reals[k * n + j]) > std::abs(c->reals[best * n + j]) && k != rows / 2 - 1 && k != rows / 2)
        best = k;
    double middle = c->reals[best * n + j];
    a[j] = middle == 0 ? 0 : (c->reals[(best + 1) * n + j] + c->reals[(best - 1) * n + j]) / middle;
    if (std::abs(a[j]) > 2.001)
      return false;
  }
  if (llvm::all_of(a, [&](double x) { return std::abs(x - a[0]) < 1e-3; })) // equal rows, or rows that grow evenly
    return false;
  int64_t obey = 0;
  for (int64_t k = 1; k + 1 < rows; ++k) {
    bool good = true;
    for (int64_t j = 0; j < n && good; ++j)
      good =
          std::abs(c->reals[(k + 1) * n + j] + c->reals[(k - 1) * n + j] - a[j] * c->reals[k * n + j]) <= 1e-4 * most;
    obey += good;
  }
  return most > 0 && obey >= rows - 2 - 4;
}

std::string readBy(const Node &node, unsigned input) {
  return "input " + std::to_string(input) + " of " + nodeLabel(node);
}

} // namespace

static Decision decideFromReaders(const Initializer &init, const Readers &readers, ExternalFiles &files) {
  const Shape &shape = init.payload.shape;
  int64_t varying = llvm::count_if(shape, [](int64_t size) { return size > 1; });
  SmallVector<StringRef> names = {init.name};
  std::deque<std::string> inner; // what some of `names` are views of
  llvm::StringSet<> seen;
  Decision elementwise, refused;
  refused.role = "constant";
  refused.reason = "nothing computes with it as with a parameter";
  bool weight = false;
  while (!names.empty() && !weight) {
    StringRef name = names.pop_back_val();
    if (!seen.insert(name).second)
      continue;
    if (varying > 0 && readers.outputs.contains(name))
      elementwise = {true, "bias or summand", "it is an output of the graph"};
    for (auto [node, input] : readers.of.lookup(name)) {
      std::string where = readBy(*node, input), inside = readers.nameInLoop(*node, input);
      if (!inside.empty()) {
        inner.push_back(inside);
        names.push_back(inner.back());
        continue;
      }
      auto learned = [&](const char *role) { elementwise = {true, role, where}; };
      auto not_ = [&](const char *role, const std::string &why) { refused = {false, role, where + ": " + why}; };
      switch (readers.role(*node, input)) {
      case Role::Weight:
        elementwise = {true, node->op_type() == "Gather" ? "table" : "weight", where};
        weight = true;
        break;
      case Role::View:
        for (const auto &output : node->output())
          names.push_back(output);
        break;
      case Role::Affine:
        if (lookAt(init, files).splat) {
          not_("constant", "all its elements are equal, as exporters write it for a norm without gain or offset");
        } else {
          learned("scale");
          weight = true;
        }
        break;
      case Role::Scale:
        if (varying == 1 && readers.normalizesInput(*node, input))
          not_("statistics", "it scales the model's input");
        else if (varying == 1)
          learned("scale");
        else
          not_("constant",
               varying ? "a factor that varies along " + std::to_string(varying) +
                             " dimensions is a table (of rotary positions, say), a learned gain varies along one"
                       : std::string("a factor of one element"));
        break;
      case Role::Elementwise:
        if (varying == 1 && readers.normalizesInput(*node, input))
          not_("statistics", "it shifts or scales the model's input");
        else if (varying >= 2 && readers.feedsScores(*node))
          not_("mask", "the sum goes into a softmax");
        else if (varying >= 1 || readers.addsToContraction(*node, input))
          learned(varying >= 2 ? "table" : "bias or summand");
        else
          not_("scalar", "it has one element");
        break;
      case Role::Scores:
        not_("mask", "it is a softmax's input");
        break;
      case Role::Data:
        if (node->op_type() == "BatchNormalization")
          not_("statistics", "running statistics are not trained by gradients");
        else
          not_("constant", "the operator reads it as settings, not as a weight");
        break;
      }
      if (weight)
        break;
    }
  }
  // Scalars are factors; a learned one needs --train.
  if (shape.empty())
    return {false, "scalar",
            elementwise.parameter ? elementwise.reason + ": scalars are factors; --train overrules" : refused.reason};
  if (!elementwise.parameter)
    return refused;
  Look look = lookAt(init, files);
  if (look.geometric)
    return {false, "frequencies", elementwise.reason + ": its elements are a geometric progression"};
  if (weight) {
    if (elementwise.role == "weight" && isFourierBasis(init, files))
      return {false, "Fourier basis",
              elementwise.reason + ": its rows are cosines or sines of equally spaced frequencies"};
    return elementwise;
  }
  if (look.mask)
    return {false, "mask", elementwise.reason + ": it holds infinities or numbers like -1e9"};
  if (look.even)
    return {false, "grid", elementwise.reason + ": its elements are evenly spaced, as positions or centres are"};
  return elementwise;
}

Decision decideRole(const Initializer &init, const Readers &readers, ExternalFiles &files) {
  Decision decision = decideFromReaders(init, readers, files);
  bool settings = llvm::any_of(readers.of.lookup(init.name),
                               [&](auto reader) { return readers.role(*reader.first, reader.second) == Role::Data; });
  if (!decision.parameter && !settings && readers.overridable.contains(init.name))
    return {true, "weight", "it is listed as an input of the graph with this initial value"};
  return decision;
}

} // namespace mlir::llcc::frontend
