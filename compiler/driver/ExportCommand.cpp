// `llcc export --export=quantized`: runs the model on data, measures what contractions read, writes the QDQ model.
#include "compiler/driver/ExportCommand.h"
#include "compiler/driver/Calibration.h"
#include "compiler/driver/RunCommand.h"
#include "compiler/pipeline/ExportModel.h"
#include "runtime/data/Array.h"
#include "runtime/data/Failure.h"
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <memory>
#include <set>

namespace llcc {
namespace {

rt::DType typeOf(const std::string &descr, const std::string &input) {
  using rt::DType;
  static const std::pair<const char *, DType> table[] = {
      {"<f4", DType::F32}, {"<f8", DType::F64}, {"<f2", DType::F16}, {"|i1", DType::I8},  {"|u1", DType::U8},
      {"<i2", DType::I16}, {"<i4", DType::I32}, {"<i8", DType::I64}, {"|b1", DType::Bool}};
  for (auto &[name, type] : table)
    if (descr == name)
      return type;
  throw rt::Failure{69, "input \"" + input + "\" has element type " + descr + ", of which data files hold no arrays"};
}

/// The data file as arrays of the graph's inputs, batch by batch.
class Batches {
public:
  Batches(const ExportFiles &files, const std::vector<GraphInput> &inputs) : path(files.data) {
    rt::Arrays arrays = rt::readData(files.data);
    std::string label = files.label.empty() ? "label" : files.label;
    rows = files.batch;
    for (const GraphInput &input : inputs) {
      auto found = arrays.find(input.name);
      // A single input may take the single array that is not the label.
      if (found == arrays.end() && inputs.size() == 1 && arrays.size() == 1 + arrays.count(label))
        found = std::find_if(arrays.begin(), arrays.end(), [&](auto &entry) { return entry.first != label; });
      if (found == arrays.end())
        throw rt::Failure{65, path + ": has no array \"" + input.name + "\", it has " + rt::nameList(arrays)};
      Bound bound;
      bound.input = input;
      bound.array = rt::convert(found->second, typeOf(input.descr, input.name), found->first);
      place(bound, found->first);
      all.push_back(std::move(bound));
    }
    for (Bound &bound : all)
      if (bound.batched && bound.input.dims[0] > 0) {
        if (files.batch && files.batch != bound.input.dims[0])
          throw rt::Failure{64, "--batch=" + std::to_string(files.batch) + ": the model says " +
                                    std::to_string(bound.input.dims[0])};
        rows = bound.input.dims[0];
      }
    if (samples == 0)
      throw rt::Failure{65, path + ": holds no samples"};
    if (rows == 0)
      rows = std::min<int64_t>(32, samples);
    if (rows > samples)
      throw rt::Failure{65, path + ": has " + std::to_string(samples) + " samples, less than one batch of " +
                                std::to_string(rows)};
  }

  int64_t count() const { return samples / rows; }
  int64_t batch() const { return rows; }
  std::vector<NamedArray> at(int64_t k) const {
    std::vector<NamedArray> list;
    for (const Bound &bound : all) {
      NamedArray array{bound.input.name, bound.input.descr, bound.array.shape.dims, {}};
      size_t width = bound.array.bytes.size(), first = 0;
      if (bound.batched) {
        width = bound.array.bytes.size() / size_t(samples) * size_t(rows);
        first = size_t(k) * width;
        array.shape[0] = rows;
      }
      array.bytes.assign(bound.array.bytes.data() + first, width);
      list.push_back(std::move(array));
    }
    return list;
  }

private:
  struct Bound {
    GraphInput input;
    rt::Array array;
    bool batched = false;
  };

  // Dimension 0 is the samples', unless the model says the array's whole shape.
  void place(Bound &bound, const std::string &name) {
    std::vector<int64_t> &have = bound.array.shape.dims;
    std::vector<int64_t> want = bound.input.dims;
    bool open = std::any_of(want.begin(), want.end(), [](int64_t n) { return n < 0; });
    if (!open && want == have && samples != (have.empty() ? -1 : have[0]) && !all.empty())
      return;
    if (want.empty() || have.empty()) {
      if (want.size() != have.size())
        throw rt::Failure{65, path + ": array \"" + name + "\" has the shape " + rt::format(have) + ", input \"" +
                                  bound.input.name + "\" needs " + rt::format(want)};
      return;
    }
    bound.batched = true;
    if (samples && samples != have[0])
      throw rt::Failure{65, path + ": array \"" + name + "\" has " + std::to_string(have[0]) +
                                " samples, other arrays have " + std::to_string(samples)};
    samples = have[0];
    bool same = want.size() == have.size();
    for (size_t d = 1; same && d < want.size(); ++d)
      same = want[d] < 0 || want[d] == have[d];
    if (same)
      return;
    // [28, 28] images feed an input of 784 numbers, and the other way round.
    int64_t wanted = 1, had = 1;
    for (size_t d = 1; d < want.size(); ++d)
      wanted *= want[d];
    for (size_t d = 1; d < have.size(); ++d)
      had *= have[d];
    open = std::any_of(want.begin() + 1, want.end(), [](int64_t n) { return n < 0; });
    if (open || wanted != had)
      throw rt::Failure{65, path + ": array \"" + name + "\" has the shape " + rt::format(have) + ", input \"" +
                                bound.input.name + "\" needs " + rt::format(want)};
    want[0] = have[0];
    have = want;
  }

  std::string path;
  std::vector<Bound> all;
  int64_t samples = 0, rows = 0;
};

/// Ranges of `values` over the first batches of the data.
std::map<std::string, std::pair<double, double>> measure(const ExportFiles &files,
                                                         const std::vector<GraphInput> &inputs,
                                                         const std::vector<std::string> &values,
                                                         const std::string &folder) {
  Batches data(files, inputs);
  std::map<std::string, Histogram> seen;
  std::set<std::string> inputNames;
  for (const GraphInput &input : inputs)
    inputNames.insert(input.name);
  RunRequest request;
  request.model = files.model;
  request.artifact = folder + "/calibrate.llx";
  request.command = files.command;
  for (const std::string &value : values)
    if (!inputNames.count(value))
      request.watch.push_back(value);
  RunProgram program;
  std::unique_ptr<LoadedRun> loaded;
  auto bytesOf = [](const std::vector<NamedArray> &arrays, const std::string &name) -> const std::string * {
    for (const NamedArray &array : arrays)
      if (array.name == name)
        return &array.bytes;
    return nullptr;
  };
  int64_t count = std::min(files.batches, data.count());
  for (int64_t k = 0; k < count; ++k) {
    std::vector<NamedArray> arrays = data.at(k);
    for (const NamedArray &array : arrays)
      if (std::count(values.begin(), values.end(), array.name))
        seen[array.name].add(reinterpret_cast<const float *>(array.bytes.data()), array.bytes.size() / 4);
    if (request.watch.empty())
      continue;
    bool again = k == 0;
    for (const std::string &name : program.bound) // its value is part of the program
      if (const std::string *now = bytesOf(arrays, name))
        again |= *now != *bytesOf(request.inputs, name);
    if (again) {
      loaded.reset();
      program = {};
      request.inputs = arrays;
      if (int code = prepareRun(request, program))
        throw rt::Failure{code, "the model cannot be run on " + files.data + ", see above"};
      if (program.compiled)
        loaded = std::make_unique<LoadedRun>(request.artifact);
    } else {
      for (RunTensor &t : program.inputs)
        if (const std::string *bytes = bytesOf(arrays, t.array.name))
          t.array.bytes = *bytes;
    }
    if (loaded)
      loaded->execute(program);
    for (const RunTensor &t : program.outputs)
      if (std::count(request.watch.begin(), request.watch.end(), t.array.name))
        seen[t.array.name].add(reinterpret_cast<const float *>(t.array.bytes.data()), t.array.bytes.size() / 4);
  }
  std::map<std::string, std::pair<double, double>> ranges;
  for (const std::string &value : values) {
    const Histogram &histogram = seen[value];
    if (!histogram.count())
      throw rt::Failure{65,
                        "value \"" + value + "\" has no finite number on " + files.data + ", so that it has no scale"};
    ranges[value] = histogram.range(files.percentile);
  }
  fprintf(stderr, "measured %zu values on %lld samples of %s\n", values.size(), (long long)(count * data.batch()),
          files.data.c_str());
  return ranges;
}

} // namespace

int exportModel(const ExportFiles &files, const std::string &folder) try {
  rt::needWritable("--out", files.out);
  QuantizeRequest request;
  request.model = files.model;
  request.out = files.out;
  request.activations = files.activations;
  request.keep = files.keep;
  std::vector<GraphInput> inputs;
  std::vector<std::string> values;
  if (int code = prepareQuantize(request, inputs, values))
    return code;
  if (!values.empty()) {
    if (files.data.empty())
      throw rt::Failure{64, "needs --data=FILE.npz to measure the ranges of activations on; --activations=float "
                            "quantizes the weights alone"};
    request.ranges = measure(files, inputs, values, folder);
  }
  return writeQuantizedModel(request);
} catch (const rt::Failure &failure) {
  fprintf(stderr, "%s: %s\n", files.program.c_str(), failure.text.c_str());
  return failure.code;
}

} // namespace llcc
