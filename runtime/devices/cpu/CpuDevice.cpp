// One CPU device: generated kernels, library calls, copies, on its share of the machine's threads.
#include "runtime/devices/cpu/CpuDevice.h"
#include "runtime/core/Error.h"
#include "runtime/devices/cpu/Library.h"
#include "runtime/devices/cpu/Recurrence.h"
#include "runtime/devices/cpu/Reference.h"
#include "runtime/devices/cpu/Threads.h"
#include "runtime/plan/Half.h"
#include "runtime/plan/Verify.h"
#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace llcc::rt {
namespace {

template <class T> void fill(char *data, uint64_t count, double value) {
  std::fill_n(reinterpret_cast<T *>(data), count, static_cast<T>(value));
}

class CpuDevice : public Device {
public:
  CpuDevice(const std::vector<uint32_t> &place, int threads, const KernelTable &kernels, bool plainLoops)
      : coords(place.begin(), place.end()), threads(threads), kernels(kernels), library(threads) {
    if (coords.empty())
      coords.push_back(0); // kernels expect at least one
    const char *wish = std::getenv("LLCC_REFERENCE");
    reference = plainLoops || (wish && std::strcmp(wish, "0") != 0 && *wish);
  }

  Work prepare(const Program &program, const Instr &instr, const std::vector<char *> &ins,
               const std::vector<char *> &outs) override {
    switch (instr.op) {
    case Op::Launch:
      return launch(program, instr, ins, outs);
    case Op::Copy: {
      uint64_t bytes = program.buffers[instr.outs[0]].shape.bytes();
      if (ins[0] == outs[0])
        return [] {};
      return [to = outs[0], from = ins[0], bytes] { std::memcpy(to, from, bytes); };
    }
    case Op::Fill:
      return [to = outs[0], shape = program.buffers[instr.outs[0]].shape, value = instr.reals[0]] {
        fillWith(to, shape.type, shape.elements(), value);
      };
    case Op::Matmul: {
      Work work;
      if (!reference)
        work = library.matmul(program, instr, ins, outs);
      return work ? work : referenceWork(program, instr, ins, outs);
    }
    case Op::Conv:
    case Op::ConvInputGrad:
    case Op::ConvWeightGrad: {
      Work work;
      if (!reference)
        work = library.convolution(program, instr, ins, outs);
      return work ? work : referenceWork(program, instr, ins, outs);
    }
    case Op::Recurrence:
    case Op::RecurrenceGrad:
      return recurrence(program, instr, ins, outs, threads, reference);
    default:
      throw Error{Software, std::string("a CPU device cannot do ") + nameOf(instr.op)};
    }
  }
  void copyIn(char *to, const char *from, uint64_t bytes) override {
    // One core alone does not fill the memory's bandwidth. Cut at lines of the cache.
    auto lines = static_cast<int64_t>((bytes + 63) / 64);
    splitRange(lines, partsFor(double(bytes), lines, threads), [=](int64_t begin, int64_t end) {
      uint64_t first = static_cast<uint64_t>(begin) * 64, last = std::min(bytes, static_cast<uint64_t>(end) * 64);
      std::memcpy(to + first, from + first, last - first);
    });
  }
  void finish() override { library.finish(); }
  uint64_t libraryBytes() const override { return library.bytes(); }

private:
  static void fillWith(char *data, DType type, uint64_t count, double value) {
    switch (type) {
    case DType::F32:
      return fill<float>(data, count, value);
    case DType::F64:
      return fill<double>(data, count, value);
    case DType::BF16:
      return fill<BFloat16>(data, count, value);
    case DType::F16:
      return fill<Float16>(data, count, value);
    case DType::I8:
      return fill<int8_t>(data, count, value);
    case DType::U8:
      return fill<uint8_t>(data, count, value);
    case DType::I16:
      return fill<int16_t>(data, count, value);
    case DType::I32:
      return fill<int32_t>(data, count, value);
    case DType::I64:
      return fill<int64_t>(data, count, value);
    case DType::Bool:
      return fill<uint8_t>(data, count, value != 0);
    }
  }

  Work launch(const Program &program, const Instr &instr, const std::vector<char *> &ins,
              const std::vector<char *> &outs) {
    auto found = kernels.find(instr.kernel);
    if (found == kernels.end())
      throw Error{Software, "kernel \"" + instr.kernel + "\" is not in the code"};
    std::vector<void *> buffers(ins.begin(), ins.end());
    for (size_t o = 0; o < outs.size(); ++o) // a result in place is passed once, as argument
      if (std::none_of(instr.ins.begin(), instr.ins.end(),
                       [&](uint32_t in) { return rootOf(program, in) == rootOf(program, instr.outs[o]); }))
        buffers.push_back(outs[o]);
    int64_t extent = instr.ints[0];
    int parts = partsFor(double(extent) * double(std::max<int64_t>(instr.ints[1], 1)), extent, threads);
    CpuKernel kernel = found->second;
    if (parts <= 1)
      return [kernel, buffers, place = coords.data(), extent] { kernel(buffers.data(), place, 0, extent); };
    return [kernel, buffers, place = coords.data(), extent, parts] {
      splitRange(extent, parts, [&](int64_t begin, int64_t end) { kernel(buffers.data(), place, begin, end); });
    };
  }

  Work referenceWork(const Program &program, const Instr &instr, const std::vector<char *> &ins,
                     const std::vector<char *> &outs) {
    DType type = program.buffers[instr.ins[0]].shape.type, sum = program.buffers[instr.outs[0]].shape.type;
    switch (type) {
    case DType::F32:
      return referenceOf<float, float>(program, instr, ins, outs);
    case DType::F64:
      return referenceOf<double, double>(program, instr, ins, outs);
    case DType::BF16:
      return sum == DType::F32 ? referenceOf<BFloat16, float>(program, instr, ins, outs)
                               : referenceOf<BFloat16, BFloat16>(program, instr, ins, outs);
    case DType::F16:
      return sum == DType::F32 ? referenceOf<Float16, float>(program, instr, ins, outs)
                               : referenceOf<Float16, Float16>(program, instr, ins, outs);
    default:
      throw Error{Software, std::string(nameOf(instr.op)) + " of " + nameOf(type) + " is no operation of a plan"};
    }
  }

  template <class T, class Out>
  Work referenceOf(const Program &program, const Instr &instr, const std::vector<char *> &ins,
                   const std::vector<char *> &outs) {
    const T *first = reinterpret_cast<const T *>(ins[0]), *second = reinterpret_cast<const T *>(ins[1]);
    Out *out = reinterpret_cast<Out *>(outs[0]);
    int n = threads;
    if (instr.op == Op::Matmul)
      return [=, shape = MatmulShape(instr)] { referenceMatmul(shape, first, second, out, n); };
    auto in = [&](size_t i) -> const Shape & { return program.buffers[instr.ins[i]].shape; };
    const Shape &result = program.buffers[instr.outs[0]].shape;
    if (instr.op == Op::Conv)
      return [=, shape = ConvShape(instr, in(0), in(1), result)] { referenceConv(shape, first, second, out, n); };
    if (instr.op == Op::ConvInputGrad)
      return
          [=, shape = ConvShape(instr, result, in(1), in(0))] { referenceConvInputGrad(shape, first, second, out, n); };
    return
        [=, shape = ConvShape(instr, in(0), result, in(1))] { referenceConvWeightGrad(shape, first, second, out, n); };
  }

  std::vector<int64_t> coords;
  int threads;
  bool reference;
  const KernelTable &kernels;
  Library library;
};

} // namespace

std::unique_ptr<Device> makeCpuDevice(const std::vector<uint32_t> &coords, int threads, const KernelTable &kernels,
                                      bool plainLoops) {
  setThreads(threads);
  return std::make_unique<CpuDevice>(coords, threads, kernels, plainLoops);
}

} // namespace llcc::rt
