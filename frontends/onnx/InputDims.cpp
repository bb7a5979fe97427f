// Sizes of the model's inputs: the batch dimension and other symbolic dimensions get numbers.
#include "frontends/onnx/InputDims.h"
#include "frontends/onnx/Binder.h"
#include "frontends/onnx/Payload.h"
#include "frontends/onnx/Remedies.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Endian.h"
#include <set>

namespace mlir::llcc::frontend {

using Dimension = ::onnx::TensorShapeProto::Dimension;

/// What --dim calls a dimension: its name in the file, else "input[axis]".
static std::string symbolOf(StringRef input, const Dimension &d, size_t axis) {
  return d.dim_param().empty() ? (input + "[" + Twine(axis) + "]").str() : d.dim_param();
}

static bool hasSize(const Dimension &d) { return d.has_dim_value() && d.dim_value() >= 0; }

/// The value that --bind gives an input: one number for all elements, or one for each.
static ConstantPtr readBinding(const ::onnx::ValueInfoProto &input, StringRef text, const ImportOptions &options,
                               StringRef file, MLIRContext *context, ImportErrors &errors) {
  auto bad = [&](const Twine &what) {
    errors.add(ImportErrors::Bad, file + ": --bind " + input.name() + "=" + text + ": " + what);
    return nullptr;
  };
  const auto &tensor = input.type().tensor_type();
  auto c = std::make_shared<Constant>();
  c->type = elementType(context, tensor.elem_type());
  SmallVector<StringRef> words;
  text.split(words, ',');
  for (StringRef word : words) {
    double real = 0;
    int64_t integer = 0;
    word = word.trim();
    if (word == "true" || word == "false") {
      real = integer = word == "true";
    } else if (c->isFloat() ? word.getAsDouble(real) : word.getAsInteger(10, integer)) {
      return bad(quote(word) + " is no number of type " + dtypeName(tensor.elem_type()));
    }
    if (c->isFloat())
      c->reals.push_back(real);
    else
      c->ints.push_back(integer);
  }
  int64_t count = words.size(), rest = -1;
  for (const auto &[i, dim] : llvm::enumerate(tensor.shape().dim())) {
    auto known = options.dims.find(dim.dim_param());
    if (hasSize(dim))
      c->shape.push_back(dim.dim_value());
    else if (!dim.dim_param().empty() && known != options.dims.end())
      c->shape.push_back(known->second);
    else {
      if (rest >= 0)
        return bad("two dimensions of the input have no size; give --dim NAME=SIZE");
      rest = i;
      c->shape.push_back(1);
    }
  }
  std::optional<int64_t> elements = countElements(c->shape);
  if (!elements || *elements > kMaxConstantElements)
    return bad("the input is " + showShape(c->shape) + ", more than 2^24 elements");
  if (rest >= 0 && *elements > 0 && count % *elements == 0) // one number for each
    c->shape[rest] = count / *elements, *elements = count;
  if (count != 1 && count != *elements)
    return bad("gives " + Twine(count) + " numbers, the input has " + Twine(*elements) + " elements (" +
               showShape(c->shape) + ")");
  if (count == 1)
    return pick(*c, Shape(c->shape), [](ArrayRef<int64_t>) { return 0; });
  c->round();
  return c;
}

/// The first number of an i64 tensor that lies in the file.
static std::optional<int64_t> firstNumber(const ::onnx::TensorProto &t) {
  if (t.data_type() != ::onnx::TensorProto::INT64)
    return std::nullopt;
  if (t.int64_data_size())
    return t.int64_data(0);
  if (t.raw_data().size() < sizeof(int64_t))
    return std::nullopt;
  return int64_t(llvm::support::endian::read64le(t.raw_data().data()));
}

/// The node that has a fixed batch written into its shape, as exporters do: [8, 24, -1] cannot be had of a part of it.
static const ::onnx::NodeProto *shapedByBatch(const ::onnx::GraphProto &graph, int64_t batch) {
  llvm::StringMap<int64_t> numbers;
  for (const auto &t : graph.initializer())
    if (std::optional<int64_t> number = firstNumber(t))
      numbers[t.name()] = *number;
  for (const auto &node : graph.node())
    for (const auto &attribute : node.attribute())
      if (node.op_type() == "Constant" && attribute.name() == "value" && node.output_size())
        if (std::optional<int64_t> number = firstNumber(attribute.t()))
          numbers[node.output(0)] = *number;
  for (const auto &node : graph.node())
    if ((node.op_type() == "Reshape" || node.op_type() == "Expand") && node.input_size() > 1)
      if (auto found = numbers.find(node.input(1)); found != numbers.end() && found->second == batch)
        return &node;
  return nullptr;
}

std::optional<BoundInputs> bindInputs(const ::onnx::GraphProto &graph, const ImportOptions &options, StringRef file,
                                      MLIRContext *context, ImportErrors &errors) {
  size_t before = errors.messages.size();
  llvm::StringSet<> initializers;
  for (const auto &t : graph.initializer())
    initializers.insert(t.name());

  // Inputs that are tensors with a known rank; those that have a value are none.
  std::vector<const ::onnx::ValueInfoProto *> inputs;
  std::vector<BoundInput> constants;
  llvm::StringSet<> bindings;
  for (const auto &input : graph.input()) {
    if (initializers.contains(input.name()))
      continue;
    std::string subject = (file + ": input " + quote(input.name())).str();
    const auto &type = input.type();
    if (!type.has_tensor_type() || !elementType(context, type.tensor_type().elem_type()))
      errors.add(ImportErrors::Unsupported, file + ": " + refusedInput(graph, input));
    else if (!type.tensor_type().has_shape())
      errors.add(ImportErrors::Bad, subject + " has no shape; export the model with its input shapes");
    else if (type.tensor_type().shape().dim_size() > 64)
      errors.add(ImportErrors::Bad, subject + " has " + Twine(type.tensor_type().shape().dim_size()) +
                                        " dimensions, at most 64 are allowed");
    else if (auto given = options.bind.find(input.name()); given != options.bind.end()) {
      BoundInput b;
      b.name = input.name();
      b.constant = readBinding(input, given->second, options, file, context, errors);
      bindings.insert(b.name);
      constants.push_back(std::move(b));
    } else
      inputs.push_back(&input);
  }
  for (const auto &[name, value] : options.bind) {
    std::string known;
    for (const auto &input : graph.input())
      if (!initializers.contains(input.name()))
        known += (known.empty() ? "" : ", ") + quote(input.name());
    if (!bindings.contains(name) && errors.messages.size() == before)
      errors.add(ImportErrors::Bad,
                 file + ": --bind " + name + "=" + value + " names no input of the graph; it has " + known);
  }

  // The batch: a symbol at dimension 0 if there is any, otherwise the first input's fixed size.
  BoundInputs bound;
  std::string batchSymbol;
  bool symbolicBatch = false;
  const ::onnx::ValueInfoProto *fixedBatch = nullptr;
  for (const auto *input : inputs) {
    const auto &shape = input->type().tensor_type().shape();
    if (shape.dim_size() == 0)
      continue;
    if (!hasSize(shape.dim(0))) {
      symbolicBatch = true;
      batchSymbol = shape.dim(0).dim_param();
      break;
    }
    if (!fixedBatch)
      fixedBatch = input;
  }
  auto given = options.dims.find(batchSymbol);
  bool batchGiven = symbolicBatch && !batchSymbol.empty() && given != options.dims.end();
  if (batchGiven) {
    bound.batch = given->second;
    if (options.batch && options.batch != bound.batch)
      errors.add(ImportErrors::Bad, file + ": the batch is given twice: --batch=" + Twine(options.batch) +
                                        " and --dim " + batchSymbol + "=" + Twine(bound.batch));
  } else if (symbolicBatch || !fixedBatch) {
    bound.batch = options.batch ? options.batch : options.defaultBatch;
  } else {
    bound.batch = fixedBatch->type().tensor_type().shape().dim(0).dim_value();
    if (options.batch && options.batch != bound.batch)
      errors.add(ImportErrors::Bad,
                 file + ": input " + quote(fixedBatch->name()) + " has the fixed batch size " + Twine(bound.batch) +
                     ", --batch asks for " + Twine(options.batch) +
                     "; export the model with a symbolic first dimension, or use --batch=" + Twine(bound.batch));
  }
  if (bound.batch <= 0)
    errors.add(ImportErrors::Bad, file + ": the batch size is " + Twine(bound.batch) + ", it must be at least 1");

  // Flags and file say the batch of a step; the graph is imported at the size of one of its parts.
  int64_t whole = bound.batch;
  if (whole > 0 && whole % options.parts)
    errors.add(ImportErrors::Bad, file + ": the batch of " + Twine(whole) + " does not divide into " +
                                      Twine(options.parts) + " microbatches; use --microbatches with a divisor of it");
  const auto *shaped = options.parts > 1 && !symbolicBatch ? shapedByBatch(graph, whole) : nullptr;
  if (shaped)
    errors.add(ImportErrors::Bad, file + ": node " + quote(shaped->name()) + " (" + shaped->op_type() +
                                      ") has the batch of " + Twine(whole) +
                                      " written into its shape, which does not fit a microbatch; export the model with "
                                      "a symbolic first dimension, or use --microbatches=1");
  bound.batch = whole / options.parts;

  std::vector<std::pair<std::string, std::string>> missing; // symbol -> the input that has it
  for (const auto *input : inputs) {
    const auto &tensor = input->type().tensor_type();
    BoundInput b;
    b.name = input->name();
    Shape shape;
    for (const auto &[i, dim] : llvm::enumerate(tensor.shape().dim())) {
      std::string symbol = symbolOf(b.name, dim, i);
      auto known = options.dims.find(symbol);
      bool named = !hasSize(dim) && !dim.dim_param().empty();
      bool isBatch =
          i == 0 &&
          (symbolicBatch ? !hasSize(dim) && (dim.dim_param() == batchSymbol || !named || known == options.dims.end())
                         : dim.dim_value() == whole);
      b.batched |= isBatch;
      if (hasSize(dim))
        shape.push_back(isBatch ? bound.batch : dim.dim_value());
      else if (isBatch || (named && symbolicBatch && dim.dim_param() == batchSymbol))
        shape.push_back(bound.batch);
      else if (known != options.dims.end())
        shape.push_back(known->second);
      else if (options.report)
        shape.push_back(options.assumedSize);
      else if (llvm::none_of(missing, [&](const auto &entry) { return entry.first == symbol; }))
        missing.push_back({symbol, (quote(b.name) + " dimension " + Twine(i)).str()});
      if (options.report && !hasSize(dim) && !shape.empty()) {
        bool ofBatch = isBatch || (named && symbolicBatch && dim.dim_param() == batchSymbol);
        bool given = known != options.dims.end() || (ofBatch && (options.batch || batchGiven));
        options.report->dimensions.push_back(
            {symbol, b.name, int64_t(i), shape.back() * (ofBatch ? options.parts : 1), ofBatch, !given});
      }
    }
    if (int64_t(shape.size()) != tensor.shape().dim_size())
      continue; // said
    if (!countElements(shape))
      errors.add(ImportErrors::Bad, file + ": input " + quote(b.name) + " has dimensions " + showShape(shape) +
                                        ", a negative size or more than 2^40 elements");
    b.element = elementType(context, tensor.elem_type());
    b.type = RankedTensorType::get(shape, storageType(elementType(context, tensor.elem_type())));
    bound.inputs.push_back(b);
  }
  if (!missing.empty()) {
    std::string where, flags;
    for (auto &[symbol, place] : missing) {
      where += (where.empty() ? "" : ", ") + quote(symbol) + " (input " + place + ")";
      flags += " --dim " + symbol + "=SIZE";
    }
    errors.add(ImportErrors::Bad, file + ": symbolic dimensions have no size: " + where + "; give" + flags);
  }
  std::set<std::string> symbols;
  for (const auto &input : graph.input())
    for (const auto &[i, dim] : llvm::enumerate(input.type().tensor_type().shape().dim()))
      if (!hasSize(dim) && !initializers.contains(input.name()))
        symbols.insert(symbolOf(input.name(), dim, i));
  std::string known;
  for (const std::string &symbol : symbols)
    known += (known.empty() ? "" : ", ") + quote(symbol);
  for (const auto &[name, size] : options.dims)
    if (!symbols.count(name))
      errors.add(ImportErrors::Bad, file + ": --dim " + name + "=" + Twine(size) + " names no dimension of an input, " +
                                        (known.empty() ? "all of them have sizes" : "there are " + known));
    else if (size < 0)
      errors.add(ImportErrors::Bad, file + ": --dim " + name + "=" + Twine(size) + " is negative");
  if (errors.messages.size() != before)
    return std::nullopt;
  bound.inputs.insert(bound.inputs.end(), constants.begin(), constants.end());
  return bound;
}

} // namespace mlir::llcc::frontend
