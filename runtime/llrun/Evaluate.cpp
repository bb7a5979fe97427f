// Inference over a whole data file, and loss and accuracy from its outputs.
#include "runtime/llrun/Evaluate.h"
#include "runtime/data/Failure.h"
#include "runtime/plan/Half.h"
#include <algorithm>
#include <cmath>
#include <cstring>

namespace llcc::rt {

Arrays inferAll(Opened &opened, Feeder &data) {
  const Plan &plan = opened.plan;
  int64_t rows = 1;
  for (const Input &input : plan.inputs)
    if (input.batched && !input.label)
      rows = input.shape.dims[0];
  Arrays results;
  for (const Output &output : plan.outputs) {
    Array &array = results[output.name];
    array.shape = output.shape;
    if (array.shape.dims.empty() || array.shape.dims[0] != rows)
      throw Failure{65, "output \"" + output.name + "\" has the shape " + format(output.shape.dims) +
                            ", its first dimension is not the batch of " + std::to_string(rows)};
    array.shape.dims[0] = data.samples();
    array.bytes.resize(array.shape.bytes());
  }
  for (int64_t first = 0; first < data.samples(); first += rows) {
    int64_t count = std::min(rows, data.samples() - first);
    const std::vector<llcc_rt_tensor> &inputs = data.slice(first, rows);
    std::vector<llcc_rt_tensor> outputs;
    std::vector<std::vector<int64_t>> dims;
    dims.reserve(plan.outputs.size());
    for (const Output &output : plan.outputs) {
      Array &array = results[output.name];
      dims.push_back(output.shape.dims);
      dims.back()[0] = count;
      uint64_t width = output.shape.bytes() / uint64_t(rows);
      outputs.push_back({output.name.c_str(), llcc_rt_dtype(output.shape.type), uint32_t(dims.back().size()),
                         dims.back().data(), array.bytes.data() + uint64_t(first) * width, uint64_t(count) * width});
    }
    check(llcc_rt_infer(opened.session, inputs.data(), inputs.size(), count, outputs.data(), outputs.size()));
  }
  return results;
}

static double at(const Array &array, uint64_t i) {
  if (array.shape.type == DType::F64) {
    double value;
    memcpy(&value, &array.bytes[8 * i], 8);
    return value;
  }
  float value;
  memcpy(&value, &array.bytes[4 * i], 4);
  return value;
}

// The same where the label has a number for each class: right is the class that it gives most.
static Evaluation classifyByProbabilities(const Plan &plan, const Array &output, const Array &labels, uint64_t classes,
                                          uint64_t inner) {
  Evaluation result;
  int64_t right = 0;
  uint64_t items = output.shape.elements() / classes;
  for (uint64_t i = 0; i < items; ++i) {
    uint64_t base = i / inner * classes * inner + i % inner, best = 0, wanted = 0;
    auto value = [&](uint64_t c) { return at(output, base + c * inner); };
    auto share = [&](uint64_t c) { return at(labels, base + c * inner); };
    for (uint64_t c = 1; c < classes; ++c) {
      best = value(c) > value(best) ? c : best;
      wanted = share(c) > share(wanted) ? c : wanted;
    }
    double top = value(best), sum = 0;
    for (uint64_t c = 0; c < classes; ++c)
      sum += std::exp(value(c) - top);
    for (uint64_t c = 0; c < classes; ++c)
      if (share(c) != 0)
        result.loss -= share(c) * (plan.loss == "nll"                 ? value(c)
                                   : plan.loss == "nll_probabilities" ? std::log(std::max(value(c), 1e-37))
                                                                      : value(c) - top - std::log(sum));
    right += best == wanted;
  }
  result.samples = int64_t(items);
  result.loss /= double(std::max<uint64_t>(1, items));
  result.accuracy = double(right) / double(std::max<uint64_t>(1, items));
  return result;
}

// Cross-entropy (from logits, probabilities or log-probabilities), and accuracy. Classes are where --llcc-attach-loss
// has them: [batch, classes, ...], but [batch, positions, classes] where the rank is 3.
static Evaluation classify(const Plan &plan, const Array &output, const Array &labels) {
  const std::vector<int64_t> &dims = output.shape.dims;
  size_t dim = dims.size() == 3 ? 2 : 1;
  if (dims.size() < 2)
    throw Failure{65, "output \"" + plan.outputs[0].name + "\" has the shape " + format(dims) +
                          ", classes need at least two dimensions"};
  uint64_t classes = uint64_t(dims[dim]), inner = 1; // inner: elements between a class and the next
  for (size_t i = dim + 1; i < dims.size(); ++i)
    inner *= uint64_t(dims[i]);
  uint64_t items = output.shape.elements() / std::max<uint64_t>(1, classes);
  if (labels.shape.type == output.shape.type && labels.shape.elements() == output.shape.elements())
    return classifyByProbabilities(plan, output, labels, classes, inner);
  Array numbers = convert(labels, DType::I64, "label");
  if (numbers.shape.elements() != items)
    throw Failure{65, "labels have " + std::to_string(numbers.shape.elements()) + " elements, the output classifies " +
                          std::to_string(items)};
  Evaluation result;
  int64_t right = 0, counted = 0, ignored = -100;
  for (const Input &input : plan.inputs)
    if (input.label)
      ignored = input.ignore;
  for (uint64_t i = 0; i < items; ++i) {
    int64_t label;
    memcpy(&label, &numbers.bytes[8 * i], 8);
    if (label < 0 || uint64_t(label) >= classes || label == ignored)
      continue;
    uint64_t base = i / inner * classes * inner + i % inner, best = 0;
    auto value = [&](uint64_t c) { return at(output, base + c * inner); };
    for (uint64_t c = 1; c < classes; ++c)
      if (value(c) > value(best))
        best = c;
    double top = value(best), sum = 0, picked = value(uint64_t(label));
    for (uint64_t c = 0; c < classes; ++c)
      sum += std::exp(value(c) - top);
    // Probabilities of zero are the smallest there are.
    result.loss += plan.loss == "nll"                 ? -picked
                   : plan.loss == "nll_probabilities" ? -std::log(std::max(picked, 1e-37))
                                                      : top + std::log(sum) - picked;
    right += best == uint64_t(label);
    ++counted;
  }
  result.samples = counted;
  result.loss /= double(std::max<int64_t>(1, counted));
  result.accuracy = double(right) / double(std::max<int64_t>(1, counted));
  return result;
}

// The output is the loss of a batch: mean over the whole batches that the data has (a loss of a part of a batch would
// be that of its padding as well).
static Evaluation evaluateOutput(Opened &opened, Feeder &data) {
  const Plan &plan = opened.plan;
  size_t number = 0;
  for (size_t i = 0; i < plan.outputs.size(); ++i)
    if (plan.loss == "output:" + plan.outputs[i].name)
      number = i;
  const Output &output = plan.outputs[number];
  int64_t rows = 1;
  for (const Input &input : plan.inputs)
    if (input.batched)
      rows = input.shape.dims[0];
  if (data.samples() < rows)
    throw Failure{65, "the output \"" + output.name + "\" is the loss of a batch of " + std::to_string(rows) +
                          " samples, the data to measure has " + std::to_string(data.samples())};
  Evaluation result;
  int64_t batches = data.samples() / rows;
  for (int64_t k = 0; k < batches; ++k) {
    const std::vector<llcc_rt_tensor> &inputs = data.slice(k * rows, rows);
    Array value{output.shape, std::vector<char>(output.shape.bytes())};
    llcc_rt_tensor wanted{output.name.c_str(),
                          llcc_rt_dtype(output.shape.type),
                          uint32_t(output.shape.dims.size()),
                          output.shape.dims.data(),
                          value.bytes.data(),
                          value.bytes.size()};
    check(llcc_rt_infer(opened.session, inputs.data(), inputs.size(), rows, &wanted, 1));
    if (value.shape.type != DType::F64)
      value = convert(value, DType::F32, output.name);
    result.loss += at(value, 0) / double(batches);
  }
  result.samples = batches * rows;
  return result;
}

Evaluation evaluate(Opened &opened, Feeder &data) {
  const Plan &plan = opened.plan;
  if (plan.outputs.empty())
    throw Failure{65, opened.path + ": has no output to measure"};
  if (plan.loss == "output" || plan.loss.rfind("output:", 0) == 0)
    return evaluateOutput(opened, data);
  Arrays outputs = inferAll(opened, data);
  Array &output = outputs[plan.outputs[0].name];
  if (isHalf(output.shape.type))
    output = convert(output, DType::F32, plan.outputs[0].name);
  const Array *labels = data.labels();
  if (!labels)
    throw Failure{65, "--eval needs labels"};
  if (output.shape.type != DType::F32 && output.shape.type != DType::F64)
    throw Failure{65,
                  "output \"" + plan.outputs[0].name + "\" is " + nameOf(output.shape.type) + ", --eval needs floats"};
  if (plan.classification)
    return classify(plan, output, *labels);
  Evaluation result;
  Array wanted = convert(*labels, output.shape.type, "label");
  uint64_t n = output.shape.elements();
  if (wanted.shape.elements() != n)
    throw Failure{65, "labels have " + std::to_string(wanted.shape.elements()) + " elements, the output has " +
                          std::to_string(n)};
  for (uint64_t i = 0; i < n; ++i) {
    double x = at(output, i), z = at(wanted, i);
    if (plan.loss == "bce_logits")
      result.loss += std::max(x, 0.0) - x * z + std::log1p(std::exp(-std::abs(x)));
    else if (plan.loss == "bce")
      result.loss -= z * std::max(std::log(x), -100.0) + (1 - z) * std::max(std::log1p(-x), -100.0);
    else
      result.loss += plan.loss == "l1" ? std::abs(x - z) : (x - z) * (x - z);
  }
  result.loss /= double(std::max<uint64_t>(1, n));
  result.samples = data.samples();
  return result;
}

} // namespace llcc::rt
