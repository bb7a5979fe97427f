// oneDNN calls for matmul and convolutions, prepared once.
#include "runtime/devices/cpu/Library.h"
#include "runtime/core/Error.h"
#include "runtime/devices/cpu/HalfMatmul.h"
#include "runtime/devices/cpu/Threads.h"
#include "runtime/plan/Half.h"
#include <algorithm>
#include <cstdlib>
#include <map>
#include <mutex>
#include <oneapi/dnnl/dnnl.hpp>

namespace llcc::rt {
namespace {

using dnnl::memory;

memory::data_type typeOf(const Shape &shape) {
  switch (shape.type) {
  case DType::F32:
    return memory::data_type::f32;
  case DType::BF16:
    return memory::data_type::bf16;
  case DType::F16:
    return memory::data_type::f16;
  default:
    return memory::data_type::undef;
  }
}

/// Whether the CPU has instructions for products of `type`. Where it has not, oneDNN emulates bf16 with AVX-512, slower
/// than f32, or refuses.
bool isNative(DType type) {
  if (!isHalf(type))
    return true;
  constexpr auto wanted = static_cast<unsigned>(dnnl::cpu_isa::avx512_core_bf16);
  return type == DType::BF16 && (static_cast<unsigned>(dnnl::get_effective_cpu_isa()) & wanted) == wanted;
}

/// A primitive with everything that it needs to run; run costs one call of the C interface.
struct Call {
  dnnl::primitive primitive;
  std::vector<std::pair<int, memory>> memories; // keeps them alive
  std::vector<dnnl_exec_arg_t> arguments;

  Call(dnnl::primitive primitive, std::vector<std::pair<int, memory>> list)
      : primitive(primitive), memories(std::move(list)) {
    for (auto &[argument, object] : memories)
      arguments.push_back({argument, object.get()});
  }
  void run(dnnl_stream_t stream) const {
    dnnl_status_t status =
        dnnl_primitive_execute(primitive.get(), stream, static_cast<int>(arguments.size()), arguments.data());
    if (status != dnnl_success)
      throw Error{Unavailable, "oneDNN call failed with status " + std::to_string(status)};
  }
};

struct AlignedFree {
  void operator()(void *memory) const { std::free(memory); }
};

/// Key of a prepared primitive: operation, numbers and shapes.
std::string keyOf(const Program &program, const Instr &instr) {
  std::string key(1, static_cast<char>(instr.op));
  auto put = [&](const void *data, size_t bytes) { key.append(static_cast<const char *>(data), bytes); };
  put(instr.ints.data(), instr.ints.size() * sizeof(int64_t));
  put(instr.reals.data(), instr.reals.size() * sizeof(double));
  for (const auto *buffers : {&instr.ins, &instr.outs})
    for (uint32_t b : *buffers) {
      const Shape &shape = program.buffers[b].shape;
      key += static_cast<char>(shape.type);
      put(shape.dims.data(), shape.dims.size() * sizeof(int64_t));
    }
  return key;
}

memory::desc plain(const memory::dims &dims, memory::data_type type) {
  memory::dims strides(dims.size(), 1);
  for (size_t i = dims.size(); i-- > 1;)
    strides[i - 1] = strides[i] * std::max<int64_t>(dims[i], 1);
  return {dims, type, strides};
}

} // namespace

struct Library::State {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
  std::map<std::string, std::pair<dnnl::primitive, std::vector<memory::desc>>> cache; ///< with the layouts it wants
  int threads = 1;
  HalfMatmul half;
  uint64_t scratchBytes = 0; ///< largest scratchpad of any primitive
  uint64_t layoutBytes = 0;  ///< largest need of one instruction
  std::unique_ptr<void, AlignedFree> layouts;
  std::vector<std::pair<memory, uint64_t>> waiting; ///< objects in `layouts`, and where

  explicit State(int threads) : threads(threads), half(threads) {}
  template <class Desc> void note(const Desc &desc) {
    scratchBytes =
        std::max<uint64_t>(scratchBytes, static_cast<uint64_t>(desc.query_s64(dnnl::query::memory_consumption_s64)));
  }
};

/// oneDNN's cache of primitives reads keys that another thread's creation still changes (2.6.3, seen by
/// ThreadSanitizer).
static std::mutex creation;

Library::Library(int threads) : state(std::make_unique<State>(threads)) {}
Library::~Library() = default;

uint64_t Library::bytes() const { return state->scratchBytes + state->layoutBytes + state->half.bytes(); }

Work Library::matmul(const Program &program, const Instr &instr, const std::vector<char *> &ins,
                     const std::vector<char *> &outs) {
  const Shape &operand = program.buffers[instr.ins[0]].shape;
  memory::data_type type = typeOf(operand), sum = typeOf(program.buffers[instr.outs[0]].shape);
  const int64_t batch = instr.ints[0], m = instr.ints[1], n = instr.ints[2], k = instr.ints[3];
  if (type == memory::data_type::undef || batch * m * n == 0 || k == 0)
    return {};
  if (!isNative(operand.type))
    return state->half.prepare(program, instr, ins, outs);
  auto matrix = [&](int64_t rows, int64_t cols, bool transposed, memory::data_type type) {
    memory::dims dims = {rows, cols}, strides = {transposed ? 1 : cols, transposed ? rows : 1};
    if (batch != 1) {
      dims.insert(dims.begin(), batch);
      strides.insert(strides.begin(), rows * cols);
    }
    return memory::desc(dims, type, strides);
  };
  memory::desc lhs = matrix(m, k, instr.ints[4] != 0, type), rhs = matrix(k, n, instr.ints[5] != 0, type),
               out = matrix(m, n, false, sum);
  // A product of this few operations ends before a second thread is awake; oneDNN would wake it all the same. It plans
  // its blocks for the number of threads that it sees while the primitive is made.
  constexpr double kWorthThreads = 1e6;
  // Few operations on many bytes (a batch of one) are another matter: with a share each, the threads keep their part of
  // the weights in their own cache, where the update, which is cut the same way, finds it.
  constexpr size_t kWorthBytes = size_t(1) << 18;
  bool small = 2.0 * double(batch) * double(m) * double(n) * double(k) < kWorthThreads &&
               lhs.get_size() + rhs.get_size() + out.get_size() < kWorthBytes;
  int threads = small ? 1 : state->threads;
  std::lock_guard<std::mutex> lock(creation);
  setThreads(threads);
  struct Restore {
    int threads;
    ~Restore() { setThreads(threads); }
  } restore{state->threads};
  try {
    auto &entry = state->cache[keyOf(program, instr)];
    if (!entry.first) {
      dnnl::primitive_attr attributes;
      if (instr.reals[0] != 1)
        attributes.set_output_scales(0, {static_cast<float>(instr.reals[0])});
      if (instr.reals[1] != 0) {
        dnnl::post_ops ops;
        ops.append_sum(static_cast<float>(instr.reals[1]));
        attributes.set_post_ops(ops);
      }
      dnnl::matmul::primitive_desc desc({lhs, rhs, out}, attributes, state->engine);
      state->note(desc);
      entry.first = dnnl::matmul(desc);
    }
    auto call = std::make_shared<Call>(
        entry.first, std::vector<std::pair<int, memory>>{{DNNL_ARG_SRC, memory(lhs, state->engine, ins[0])},
                                                         {DNNL_ARG_WEIGHTS, memory(rhs, state->engine, ins[1])},
                                                         {DNNL_ARG_DST, memory(out, state->engine, outs[0])}});
    if (threads == state->threads)
      return [call, stream = state->stream.get()] { call->run(stream); };
    return [call, stream = state->stream.get(), all = state->threads] {
      setThreads(1);
      call->run(stream);
      setThreads(all);
    };
  } catch (const dnnl::error &) {
    return isHalf(operand.type) ? state->half.prepare(program, instr, ins, outs) : Work();
  }
}

Work Library::convolution(const Program &program, const Instr &instr, const std::vector<char *> &ins,
                          const std::vector<char *> &outs) {
  DType type = program.buffers[instr.ins[0]].shape.type;
  Work work = isNative(type) ? convolution(program, instr, ins, outs, /*widened=*/false) : Work();
  return work || !isHalf(type) ? work : convolution(program, instr, ins, outs, /*widened=*/true);
}

Work Library::convolution(const Program &program, const Instr &instr, const std::vector<char *> &ins,
                          const std::vector<char *> &outs, bool widened) {
  auto shape = [&](const std::vector<uint32_t> &list, size_t i) -> const Shape & {
    return program.buffers[list[i]].shape;
  };
  bool forward = instr.op == Op::Conv, inputGrad = instr.op == Op::ConvInputGrad;
  const Shape &x = inputGrad ? shape(instr.outs, 0) : shape(instr.ins, 0);
  const Shape &w = instr.op == Op::ConvWeightGrad ? shape(instr.outs, 0) : shape(instr.ins, 1);
  const Shape &y = forward ? shape(instr.outs, 0) : inputGrad ? shape(instr.ins, 0) : shape(instr.ins, 1);
  const Shape &operand = shape(instr.ins, 0), &output = shape(instr.outs, 0);
  memory::data_type type = widened ? memory::data_type::f32 : typeOf(operand);
  memory::data_type sum = widened ? memory::data_type::f32 : typeOf(output);
  if (type == memory::data_type::undef || x.elements() == 0 || w.elements() == 0 || y.elements() == 0)
    return {};
  size_t rank = static_cast<size_t>(instr.ints[0]);
  int64_t groups = instr.ints[1];
  auto list = [&](size_t which) {
    auto begin = instr.ints.begin() + static_cast<std::ptrdiff_t>(2 + which * rank);
    return memory::dims(begin, begin + static_cast<std::ptrdiff_t>(rank));
  };
  memory::dims strides = list(0), lo = list(1), hi = list(2), dilations = list(3);
  for (int64_t &d : dilations) // oneDNN counts the gaps
    --d;
  memory::dims filter = w.dims;
  if (groups != 1) {
    filter[0] /= groups;
    filter.insert(filter.begin(), groups);
  }
  bool weightGrad = instr.op == Op::ConvWeightGrad;
  auto any = [&](const memory::dims &dims, memory::data_type type) {
    return memory::desc(dims, type, memory::format_tag::any);
  };
  memory::desc source = any(x.dims, inputGrad ? sum : type), weights = any(filter, weightGrad ? sum : type),
               target = any(y.dims, forward ? sum : type);
  // In the order of the instruction's operands and result.
  memory::desc first = plain(forward || !inputGrad ? x.dims : y.dims, type);
  memory::desc second = plain(weightGrad ? y.dims : filter, type);
  memory::desc result = plain(forward ? y.dims : inputGrad ? x.dims : filter, sum);
  std::lock_guard<std::mutex> lock(creation);
  try {
    auto &entry = state->cache[keyOf(program, instr) + (widened ? 'w' : 'n')];
    if (!entry.first) {
      using namespace dnnl;
      convolution_forward::primitive_desc ahead({forward ? prop_kind::forward_inference : prop_kind::forward_training,
                                                 algorithm::convolution_direct, source, weights, target, strides,
                                                 dilations, lo, hi},
                                                state->engine);
      if (forward) {
        state->note(ahead);
        entry = {convolution_forward(ahead), {ahead.src_desc(), ahead.weights_desc(), ahead.dst_desc()}};
      } else if (inputGrad) {
        convolution_backward_data::primitive_desc desc(
            {algorithm::convolution_direct, source, weights, target, strides, dilations, lo, hi}, state->engine, ahead);
        state->note(desc);
        entry = {convolution_backward_data(desc), {desc.diff_dst_desc(), desc.weights_desc(), desc.diff_src_desc()}};
      } else {
        convolution_backward_weights::primitive_desc desc(
            {algorithm::convolution_direct, source, weights, target, strides, dilations, lo, hi}, state->engine, ahead);
        state->note(desc);
        entry = {convolution_backward_weights(desc), {desc.src_desc(), desc.diff_dst_desc(), desc.diff_weights_desc()}};
      }
    }
    auto calls = std::make_shared<std::vector<Call>>();
    uint64_t used = 0;
    std::vector<std::pair<memory, uint64_t>> placed;
    // The array itself where the library likes its layout, else a place in the shared memory.
    auto inLayout = [&](const memory::desc &have, const memory::desc &want, char *data, memory &own) {
      own = memory(have, state->engine, data);
      if (have == want)
        return own;
      memory copy(want, state->engine, DNNL_MEMORY_NONE);
      placed.emplace_back(copy, used);
      used += (want.get_size() + 63) / 64 * 64;
      return copy;
    };
    // Widened operands, and a result that waits to be rounded: array, place in the shared memory.
    struct Staged {
      DType type;
      char *data;
      uint64_t offset, count;
    };
    std::vector<Staged> before, behind;
    auto stage = [&](const memory::desc &desc, const Shape &stored, char *data, std::vector<Staged> &list) {
      memory wide(desc, state->engine, DNNL_MEMORY_NONE);
      placed.emplace_back(wide, used);
      list.push_back({stored.type, data, used, stored.elements()});
      used += (desc.get_size() + 63) / 64 * 64;
      return wide;
    };
    auto reorder = [&](memory &from, memory &to) {
      dnnl::reorder::primitive_desc desc(from, to);
      state->note(desc);
      calls->emplace_back(dnnl::reorder(desc),
                          std::vector<std::pair<int, memory>>{{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}});
    };
    memory own[3], used3[3];
    const memory::desc *have[3] = {&first, &second, &result};
    char *data[3] = {ins[0], ins[1], outs[0]};
    for (int i = 0; i < 3; ++i) {
      used3[i] = inLayout(*have[i], entry.second[static_cast<size_t>(i)], data[i], own[i]);
      const Shape &stored = i < 2 ? shape(instr.ins, static_cast<size_t>(i)) : output;
      if (isHalf(stored.type) && widened) {
        memory wide = stage(*have[i], stored, data[i], i < 2 ? before : behind);
        used3[i] = used3[i] == own[i] ? wide : used3[i];
        own[i] = wide;
      }
      if (i < 2 && used3[i] != own[i])
        reorder(own[i], used3[i]);
    }
    static constexpr int names[3][3] = {{DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST},
                                        {DNNL_ARG_DIFF_DST, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_SRC},
                                        {DNNL_ARG_SRC, DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_WEIGHTS}};
    const int *arguments = names[forward ? 0 : inputGrad ? 1 : 2];
    calls->emplace_back(entry.first, std::vector<std::pair<int, memory>>{
                                         {arguments[0], used3[0]}, {arguments[1], used3[1]}, {arguments[2], used3[2]}});
    if (used3[2] != own[2])
      reorder(used3[2], own[2]);
    state->waiting.insert(state->waiting.end(), placed.begin(), placed.end());
    state->layoutBytes = std::max(state->layoutBytes, used);
    if (before.empty() && behind.empty())
      return [calls, stream = state->stream.get()] {
        for (const Call &call : *calls)
          call.run(stream);
      };
    return [calls, before, behind, &state = *state] {
      char *base = static_cast<char *>(state.layouts.get());
      auto each = [&](const Staged &s, auto convert) {
        auto count = static_cast<int64_t>(s.count);
        splitRange(count, partsFor(double(count), count, state.threads), [&](int64_t begin, int64_t end) {
          convert(reinterpret_cast<float *>(base + s.offset) + begin, s.data + 2 * begin,
                  static_cast<size_t>(end - begin));
        });
      };
      for (const Staged &s : before)
        each(s, [&](float *wide, char *stored, size_t count) { widen(s.type, stored, wide, count); });
      for (const Call &call : *calls)
        call.run(state.stream.get());
      for (const Staged &s : behind)
        each(s, [&](float *wide, char *stored, size_t count) { narrow(s.type, wide, stored, count); });
    };
  } catch (const dnnl::error &) {
    return {};
  }
}

void Library::finish() {
  state->half.finish();
  if (state->layoutBytes == 0)
    return;
  state->layouts.reset(std::aligned_alloc(64, state->layoutBytes));
  if (!state->layouts)
    throw Error{Unavailable,
                "cannot allocate " + std::to_string(state->layoutBytes) + " bytes for the layouts of convolutions"};
  for (auto &[object, offset] : state->waiting)
    object.set_data_handle(static_cast<char *>(state->layouts.get()) + offset);
  state->waiting.clear();
}

} // namespace llcc::rt
