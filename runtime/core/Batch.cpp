// Checks the arrays that the host gives against what the model takes.
#include "runtime/core/Batch.h"
#include "runtime/core/Error.h"
#include "runtime/plan/Verify.h"
#include <cstring>

namespace llcc::rt {
namespace {

template <class T> void checkClasses(const Input &input, const char *data, uint64_t count) {
  for (uint64_t i = 0; i < count; ++i) {
    T value;
    std::memcpy(&value, data + i * sizeof(T), sizeof(T));
    auto number = static_cast<int64_t>(value);
    if ((number < 0 || number >= input.classes) && number != input.ignore)
      throw Error{Data, "input \"" + input.name + "\" holds " + std::to_string(number) + " at element " +
                            std::to_string(i) + ", needs 0 to " + std::to_string(input.classes - 1)};
  }
}

void checkValues(const Input &input, const char *data, uint64_t count) {
  if (input.classes < 0)
    return;
  switch (input.shape.type) {
  case DType::I64:
    return checkClasses<int64_t>(input, data, count);
  case DType::I32:
    return checkClasses<int32_t>(input, data, count);
  case DType::I16:
    return checkClasses<int16_t>(input, data, count);
  case DType::I8:
    return checkClasses<int8_t>(input, data, count);
  case DType::U8:
    return checkClasses<uint8_t>(input, data, count);
  default:
    return;
  }
}

} // namespace

std::vector<const char *> takeBatch(const Plan &plan, const llcc_rt_tensor *given, size_t count, int64_t rows,
                                    bool labels, const std::vector<bool> *needed) {
  std::vector<const char *> result(plan.inputs.size(), nullptr);
  for (size_t g = 0; g < count; ++g) {
    const llcc_rt_tensor &tensor = given[g];
    std::string name = tensor.name ? tensor.name : "";
    size_t at = 0;
    while (at < plan.inputs.size() && plan.inputs[at].name != name)
      ++at;
    if (at == plan.inputs.size()) {
      std::string known;
      for (const Input &input : plan.inputs)
        known += (known.empty() ? "\"" : ", \"") + input.name + "\"";
      throw Error{Data, "model has no input \"" + name + "\", it has " + known};
    }
    const Input &input = plan.inputs[at];
    if (input.label && !labels)
      continue;
    Shape expected = input.shape;
    if (input.batched)
      expected.dims[0] = rows;
    Shape found{static_cast<DType>(tensor.dtype), {}};
    if (tensor.dtype > LLCC_RT_BOOL || tensor.rank > 64)
      throw Error{Usage, "input \"" + name + "\" has type " + std::to_string(tensor.dtype) + " and rank " +
                             std::to_string(tensor.rank)};
    found.dims.assign(tensor.dims, tensor.dims + tensor.rank);
    if (found.type != expected.type || found.dims != expected.dims)
      throw Error{Data, "input \"" + name + "\" is " + nameOf(found) + ", needs " + nameOf(expected)};
    if (tensor.bytes != expected.bytes() || (!tensor.data && tensor.bytes > 0))
      throw Error{Usage, "input \"" + name + "\" has " + std::to_string(tensor.bytes) + " bytes, " + nameOf(expected) +
                             " needs " + std::to_string(expected.bytes())};
    static const char nothing = 0;
    result[at] = tensor.data ? static_cast<const char *>(tensor.data) : &nothing;
    checkValues(input, result[at], expected.elements());
  }
  for (size_t i = 0; i < result.size(); ++i)
    if (!result[i] && (labels || !plan.inputs[i].label) && (!needed || (*needed)[i]))
      throw Error{Data, "input \"" + plan.inputs[i].name + "\" is missing"};
  return result;
}

} // namespace llcc::rt
