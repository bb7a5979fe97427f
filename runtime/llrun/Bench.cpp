// `llrun bench`: step time on random data.
#include "runtime/data/Array.h"
#include "runtime/llrun/Commands.h"
#include "runtime/llrun/Opened.h"
#include "runtime/plan/Half.h"
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <random>
#include <sys/resource.h>
#include <time.h>
#include <vector>

namespace llcc::rt {

/// What an artifact without weights trains in a bench: gains of 1, matrices as GPT-2 begins with (deviation 0.02).
static void giveWeights(const Opened &opened, std::mt19937 &random) {
  for (const Variable &variable : opened.plan.variables) {
    if (variable.role != Variable::Role::Param || !variable.section.empty() || variable.shape.type != DType::F32)
      continue;
    std::vector<float> values(variable.shape.elements(), 1.0f);
    std::normal_distribution<float> normal(0, 0.02f);
    if (variable.shape.dims.size() > 1)
      for (float &value : values)
        value = normal(random);
    check(llcc_rt_set(opened.session, variable.name.c_str(), values.data(), values.size() * sizeof(float)));
  }
}

int bench(const std::string &path, int64_t steps, uint32_t threads, const std::string &trace) {
  needWritable("--trace", trace);
  Opened opened(path);
  const Plan &plan = opened.plan;
  std::mt19937 random(1);
  std::vector<std::vector<char>> bytes;
  std::vector<std::vector<int64_t>> dims;
  std::vector<llcc_rt_tensor> tensors;
  for (const Input &input : plan.inputs) {
    Shape shape = input.shape;
    if (input.batched)
      shape.dims[0] = plan.batch;
    bytes.emplace_back(shape.bytes());
    dims.push_back(shape.dims);
    for (uint64_t i = 0, n = shape.elements(); i < n; ++i) {
      float f = std::uniform_real_distribution<float>(0, 1)(random);
      double d = f;
      BFloat16 b(f);
      Float16 h(f);
      int64_t number = int64_t(random() % uint64_t(std::max<int64_t>(1, input.classes)));
      int32_t small = int32_t(number);
      uint64_t width = sizeOf(shape.type);
      const void *value = shape.type == DType::F32    ? (void *)&f
                          : shape.type == DType::F64  ? (void *)&d
                          : shape.type == DType::BF16 ? (void *)&b
                          : shape.type == DType::F16  ? (void *)&h
                          : width == 4                ? (void *)&small
                                                      : (void *)&number;
      memcpy(&bytes.back()[i * width], value, width);
    }
  }
  for (size_t i = 0; i < plan.inputs.size(); ++i)
    tensors.push_back({plan.inputs[i].name.c_str(), llcc_rt_dtype(plan.inputs[i].shape.type), uint32_t(dims[i].size()),
                       dims[i].data(), bytes[i].data(), bytes[i].size()});
  opened.start(threads, 0);
  giveWeights(opened, random);
  std::vector<double> times, busy;
  auto used = [] {
    timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return double(now.tv_sec) * 1e6 + double(now.tv_nsec) * 1e-3;
  };
  for (int64_t i = 0; i < steps + 5; ++i) {
    llcc_rt_step_result result{};
    result.size = sizeof result;
    if (i == 5 && !trace.empty())
      check(llcc_rt_trace_begin(opened.session));
    auto start = std::chrono::steady_clock::now();
    double before = used();
    check(llcc_rt_train_step(opened.session, tensors.data(), tensors.size(), 1e-6, &result));
    if (i >= 5) {
      times.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count());
      busy.push_back(used() - before);
    }
  }
  if (!trace.empty())
    saveTrace(opened.session, trace, true);
  std::sort(times.begin(), times.end());
  std::sort(busy.begin(), busy.end());
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  auto at = [&](double share) { return times[std::min(times.size() - 1, size_t(share * double(times.size())))]; };
  printf("{\"steps\":%zu,\"batch\":%lld,\"devices\":%u,\"median_us\":%.2f,\"p10_us\":%.2f,\"p90_us\":%.2f,\"samples_"
         "per_s\":%.1f,\"cpu_us\":%.2f,\"peak_mib\":%ld}\n",
         times.size(), (long long)plan.batch, plan.devices(), at(0.5), at(0.1), at(0.9),
         double(plan.batch) / at(0.5) * 1e6, busy[busy.size() / 2], usage.ru_maxrss >> 10);
  return 0;
}

} // namespace llcc::rt
