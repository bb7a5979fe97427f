// Arrays of a data file as batches of a plan's inputs.
#define XXH_INLINE_ALL
#include "runtime/data/Feeder.h"
#include "runtime/data/Failure.h"
#include <cstring>
#include <numeric>
#include <xxhash.h>

namespace llcc::rt {

std::string nameList(const Arrays &arrays) {
  std::string text;
  for (auto &[name, array] : arrays)
    text += (text.empty() ? "" : ", ") + name + " " + format(array.shape.dims);
  return text;
}

Feeder::Feeder(const Plan &plan, Arrays arrays, const std::string &path, const std::string &label, bool needLabel) {
  auto take = [&](const std::string &name) {
    auto found = arrays.find(name);
    if (found == arrays.end())
      throw Failure{65, path + ": has no array \"" + name + "\", it has " + nameList(arrays)};
    return found;
  };
  size_t plain = 0;
  for (const Input &input : plan.inputs)
    plain += !input.label;
  for (const Input &input : plan.inputs) {
    if (input.label && !needLabel)
      continue;
    auto found = arrays.end();
    if (input.label)
      found = take(label.empty() ? input.name : label);
    else if (arrays.count(input.name) || plain > 1)
      found = take(input.name);
    else {
      // A single input may take the single array that is not the label, whatever its name.
      for (auto it = arrays.begin(); it != arrays.end(); ++it)
        if (it->first != (label.empty() ? "label" : label))
          found = found == arrays.end() ? it : take(input.name);
      if (found == arrays.end())
        take(input.name);
    }
    Bound bound;
    bound.name = input.name;
    bound.batched = input.batched;
    bound.label = input.label;
    try {
      bound.array = convert(found->second, input.shape.type, found->first);
    } catch (const Failure &failure) {
      throw Failure{failure.code, path + ": " + failure.text};
    }
    std::vector<int64_t> want = input.shape.dims, have = bound.array.shape.dims;
    std::string what = path + ": array \"" + found->first + "\"";
    if (input.batched) {
      if (have.empty() || want.empty())
        throw Failure{65, what + " has no sample dimension, input \"" + input.name + "\" needs " + format(want)};
      int64_t n = have[0];
      if (count && count != n)
        throw Failure{65, what + " has " + std::to_string(n) + " samples, other arrays have " + std::to_string(count)};
      count = n;
      want[0] = have[0] = 1;
      // [28, 28] images feed an input of 784 numbers, and the other way round.
      if (want != have && Shape{input.shape.type, want}.elements() != Shape{input.shape.type, have}.elements()) {
        want[0] = have[0] = n;
        throw Failure{65,
                      what + " has the shape " + format(have) + ", input \"" + input.name + "\" needs " + format(want)};
      }
    } else if (want != have) {
      throw Failure{65,
                    what + " has the shape " + format(have) + ", input \"" + input.name + "\" needs " + format(want)};
    }
    bound.dims = want;
    checkClasses(input, bound, what);
    inputs.push_back(std::move(bound));
  }
  if (!count)
    throw Failure{65, path + ": holds no samples"};
}

void Feeder::checkClasses(const Input &input, const Bound &bound, const std::string &what) const {
  if (input.classes < 0)
    return;
  const Array array = convert(bound.array, DType::I64, input.name);
  for (uint64_t i = 0, n = array.shape.elements(); i < n; ++i) {
    int64_t value;
    memcpy(&value, &array.bytes[8 * i], 8);
    if ((value < 0 || value >= input.classes) && !(input.label && value == input.ignore))
      throw Failure{65, what + ": element " + std::to_string(i) + " is " + std::to_string(value) +
                            ", needs a number from 0 to " + std::to_string(input.classes - 1)};
  }
}

const Array *Feeder::labels() const {
  for (const Bound &bound : inputs)
    if (bound.label)
      return &bound.array;
  return nullptr;
}

void Feeder::keep(const Plan &plan, const std::vector<bool> &needed) {
  std::vector<Bound> kept;
  for (size_t i = 0; i < plan.inputs.size(); ++i)
    for (Bound &bound : inputs)
      if (needed[i] && bound.name == plan.inputs[i].name)
        kept.push_back(std::move(bound));
  inputs = std::move(kept);
}

std::string Feeder::facts() const {
  std::string text;
  for (const Bound &bound : inputs) {
    char hash[17];
    snprintf(hash, sizeof hash, "%016llx",
             (unsigned long long)XXH3_64bits(bound.array.bytes.data(), bound.array.bytes.size()));
    text += "data for \"" + bound.name + "\"=" + format(bound.array.shape.dims) + " with hash " + hash + "\n";
  }
  return text;
}

// SplitMix64 (Steele, Lea, Flood 2014): one well-mixed number for each counter.
static uint64_t mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
  x = (x ^ x >> 27) * 0x94d049bb133111eb;
  return x ^ x >> 31;
}

void Feeder::order(int64_t epoch) {
  if (epoch == orderedEpoch)
    return;
  orderedEpoch = epoch;
  permutation.resize(size_t(count));
  std::iota(permutation.begin(), permutation.end(), 0);
  if (!shuffled)
    return;
  uint64_t key = mix(seed ^ mix(uint64_t(epoch)));
  for (uint64_t i = uint64_t(count); i > 1; --i)
    std::swap(permutation[i - 1], permutation[mix(key + i) % i]);
}

const std::vector<llcc_rt_tensor> &Feeder::gather(const std::vector<int64_t> &samples) {
  tensors.clear();
  for (Bound &bound : inputs) {
    const char *data = bound.array.bytes.data();
    size_t bytes = bound.array.bytes.size();
    if (bound.batched) {
      size_t width = bytes / size_t(count);
      bound.rows.resize(width * samples.size());
      for (size_t i = 0; i < samples.size(); ++i)
        memcpy(&bound.rows[i * width], data + size_t(samples[i]) * width, width);
      bound.dims[0] = int64_t(samples.size());
      data = bound.rows.data();
      bytes = bound.rows.size();
    }
    tensors.push_back({bound.name.c_str(), llcc_rt_dtype(bound.array.shape.type), uint32_t(bound.dims.size()),
                       bound.dims.data(), const_cast<char *>(data), bytes});
  }
  return tensors;
}

const std::vector<llcc_rt_tensor> &Feeder::batch(int64_t start, int64_t rows) {
  indices.clear();
  for (int64_t at = start; at < start + rows; ++at) {
    order(at / count);
    indices.push_back(permutation[size_t(at % count)]);
  }
  return gather(indices);
}

const std::vector<llcc_rt_tensor> &Feeder::slice(int64_t first, int64_t rows) {
  indices.clear();
  for (int64_t at = first; at < std::min(first + rows, count); ++at)
    indices.push_back(at);
  return gather(indices);
}

} // namespace llcc::rt
