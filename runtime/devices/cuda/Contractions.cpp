// Products, convolutions and recurrences of one GPU: which library or built-in kernel carries an instruction out.
#include "runtime/devices/cuda/BuiltinArguments.h"
#include "runtime/devices/cuda/CudaGpu.h"
#include "runtime/plan/Contraction.h"
#include <algorithm>
#include <cstdlib>
#include <cstring>

// Made from Builtin.cu by nvcc, for several architectures (CMakeLists.txt).
extern "C" const unsigned char llcc_builtin_code[];

namespace llcc::rt {
namespace {

constexpr size_t kBlasWorkspace = size_t(32) << 20; ///< what cuBLAS asks for on Hopper ("cublasSetWorkspace")
constexpr uint32_t kBlock = 128;

bool wished(const char *variable, bool otherwise) {
  const char *text = std::getenv(variable);
  return text && *text ? std::strcmp(text, "0") != 0 : otherwise;
}

template <class T> const void *pointer(T place) { return reinterpret_cast<const void *>(place); }

uint32_t blocksFor(int64_t elements) {
  return static_cast<uint32_t>(std::clamp<int64_t>((elements + kBlock - 1) / kBlock, 1, 65535));
}

} // namespace

CUfunction CudaGpu::builtin(const std::string &name) {
  if (!own)
    check(driver.cuModuleLoadDataEx(&own, llcc_builtin_code, 0, nullptr, nullptr), "built-in kernels do not load");
  CUfunction function = nullptr;
  check(driver.cuModuleGetFunction(&function, own, name.c_str()), "there is no built-in kernel " + name);
  return function;
}

std::function<void(Stream)> CudaGpu::prepare(const Program &program, const Instr &instr,
                                             const std::vector<GpuAddress> &ins, const std::vector<GpuAddress> &outs) {
  enter();
  if (instr.op == Op::Recurrence || instr.op == Op::RecurrenceGrad)
    return recurrence(program, instr, ins, outs);
  bool tf32 = wished("LLCC_TF32", false);
  DType in = program.buffers[instr.ins[0]].shape.type, out = program.buffers[instr.outs[0]].shape.type;
  // Sums that do not depend on the strategy have one order: the built-in kernels'. So has the fallback without
  // libraries.
  if (exact || wished("LLCC_REFERENCE", false))
    return contraction(program, instr, ins, outs[0]);
  if (instr.op == Op::Matmul) {
    const BlasLibrary *library = BlasLibrary::get();
    if (!library)
      return contraction(program, instr, ins, outs[0]);
    if (!blas) {
      blasWorkspace = allocate(kBlasWorkspace);
      workspaceBytes += kBlasWorkspace;
      algorithms = std::make_unique<AlgorithmCache>(AlgorithmCache::fileFor(model, library->cublasLtGetVersion()));
      blas.emplace(driver, *library, blasWorkspace, kBlasWorkspace, tf32, wished("LLCC_TUNE", true), *algorithms);
    }
    auto work = blas->matmul(instr, in, out, ins[0], ins[1], outs[0], streamAt(0));
    return [this, work](Stream stream) {
      enter();
      work(streamAt(stream));
    };
  }
  if (const DnnLibrary *library = DnnLibrary::get()) {
    if (!dnn)
      dnn.emplace(*library, tf32);
    if (auto work = dnn->convolution(program, instr, {ins.begin(), ins.end()}, outs[0]))
      return [this, work](Stream stream) {
        enter();
        work(streamAt(stream));
      };
  }
  return contraction(program, instr, ins, outs[0]);
}

void CudaGpu::finish() {
  enter();
  if (dnn && dnn->workspaceBytes() > 0 && !dnnWorkspace) {
    dnnWorkspace = allocate(dnn->workspaceBytes());
    workspaceBytes += dnn->workspaceBytes();
    dnn->giveWorkspace(dnnWorkspace);
  }
}

std::function<void(Stream)> CudaGpu::contraction(const Program &program, const Instr &instr,
                                                 const std::vector<GpuAddress> &ins, GpuAddress out) {
  const Shape &first = program.buffers[instr.ins[0]].shape, &second = program.buffers[instr.ins[1]].shape,
              &result = program.buffers[instr.outs[0]].shape;
  if (result.elements() == 0)
    return [](Stream) {};
  std::string types = std::string("_") + nameOf(first.type) + "_" + nameOf(result.type);
  if (instr.op == Op::Matmul) {
    MatmulShape s(instr);
    MatmulArguments a{s.batch,
                      s.m,
                      s.n,
                      s.k,
                      s.lhsTransposed,
                      s.rhsTransposed,
                      s.alpha,
                      s.beta,
                      pointer(ins[0]),
                      pointer(ins[1]),
                      reinterpret_cast<void *>(out)};
    CUfunction function = builtin("llcc_matmul" + types);
    return [this, a, function](Stream stream) mutable {
      enter();
      void *values[] = {&a};
      check(driver.cuLaunchKernel(function, blocksFor(a.batch * a.m * a.n), 1, 1, kBlock, 1, 1, 0, streamAt(stream),
                                  values, nullptr),
            "a product cannot be launched");
    };
  }
  const Shape &x = instr.op == Op::ConvInputGrad ? result : first;
  const Shape &w = instr.op == Op::ConvWeightGrad ? result : second;
  const Shape &y = instr.op == Op::Conv ? result : instr.op == Op::ConvInputGrad ? first : second;
  ConvShape s(instr, x, w, y);
  ConvArguments a{};
  a.batch = s.batch, a.channels = s.channels, a.filters = s.filters, a.groups = s.groups;
  for (int d = 0; d < 3; ++d) {
    a.in[d] = s.in[d], a.kernel[d] = s.kernel[d], a.out[d] = s.out[d];
    a.stride[d] = s.stride[d], a.pad[d] = s.pad[d], a.dilation[d] = s.dilation[d];
  }
  a.first = pointer(ins[0]), a.second = pointer(ins[1]), a.result = reinterpret_cast<void *>(out);
  bool weights = instr.op == Op::ConvWeightGrad;
  CUfunction function = builtin((instr.op == Op::Conv ? "llcc_conv"
                                 : weights            ? "llcc_conv_weight_grad"
                                                      : "llcc_conv_input_grad") +
                                types);
  auto elements = static_cast<int64_t>(result.elements());
  uint32_t blocks = weights ? static_cast<uint32_t>(std::min<int64_t>(elements, 65535)) : blocksFor(elements);
  return [this, a, function, blocks](Stream stream) mutable {
    enter();
    void *values[] = {&a};
    check(driver.cuLaunchKernel(function, blocks, 1, 1, kBlock, 1, 1, 0, streamAt(stream), values, nullptr),
          "a convolution cannot be launched");
  };
}

std::function<void(Stream)> CudaGpu::recurrence(const Program &program, const Instr &instr,
                                                const std::vector<GpuAddress> &ins,
                                                const std::vector<GpuAddress> &outs) {
  bool gradient = instr.op == Op::RecurrenceGrad;
  const Shape &all = program.buffers[gradient ? instr.ins[3] : instr.outs[0]].shape;
  RecurrenceArguments a{};
  a.kind = static_cast<int32_t>(instr.ints[0]), a.flags = static_cast<int32_t>(instr.ints[1]);
  a.steps = all.dims[0], a.batch = all.dims[1], a.units = all.dims[2];
  bool lstm = a.kind == 0, gru = a.kind == 1;
  a.gates = lstm ? 4 : gru ? 3 : 1;
  a.saved = lstm || a.flags & kLinearBeforeReset ? 4 : 3;
  for (int i = 0; i < 3; ++i) {
    auto n = static_cast<size_t>(i);
    a.activation[i] = static_cast<int32_t>(instr.ints[2 + n]);
    a.alpha[i] = instr.reals[n], a.beta[i] = instr.reals[3 + n];
  }
  a.clip = instr.reals[6];
  size_t i = 0, o = 0;
  auto in = [&](bool there) -> const void * { return there ? pointer(ins[i++]) : nullptr; };
  auto out = [&](bool there) -> void * { return there ? reinterpret_cast<void *>(outs[o++]) : nullptr; };
  if (gradient) {
    a.r = in(true), a.h0 = in(true);
    a.y = const_cast<void *>(in(true));
    a.dy = in(true);
    a.c0 = in(lstm);
    a.cells = const_cast<void *>(in(lstm));
    a.kept = const_cast<void *>(in(lstm || gru));
    a.dcells = in(a.flags & kHasCellCotangent);
    a.peepholes = in(a.flags & kHasPeepholes);
    a.dx = out(true), a.dh = out(true), a.dc = out(lstm);
  } else {
    a.x = in(true), a.r = in(true), a.h0 = in(true);
    a.c0 = in(lstm);
    a.peepholes = in(a.flags & kHasPeepholes);
    a.bias = in(a.flags & kLinearBeforeReset);
    a.y = out(true), a.cells = out(lstm), a.kept = out(lstm || gru);
  }
  if (a.flags & kHasLengths) {
    bool narrow = program.buffers[instr.ins[i]].shape.type == DType::I32;
    const void *lengths = in(true);
    a.lengths32 = narrow ? static_cast<const int32_t *>(lengths) : nullptr;
    a.lengths64 = narrow ? nullptr : static_cast<const int64_t *>(lengths);
  }
  if (all.elements() == 0)
    return [](Stream) {};
  uint64_t shared = 3 * static_cast<uint64_t>(a.units) * sizeOf(all.type);
  constexpr uint64_t kShared = 48 * 1024; // of a block, without asking for more
  if (shared > kShared)
    throw Error{Unavailable, "a recurrence of " + std::to_string(a.units) + " units needs " + std::to_string(shared) +
                                 " bytes of shared memory on a GPU, a block has " + std::to_string(kShared) +
                                 "; compile with --target=cpu"};
  CUfunction function =
      builtin(std::string(gradient ? "llcc_recurrence_grad_" : "llcc_recurrence_") + nameOf(all.type));
  constexpr uint32_t kThreads = 256;
  return [this, a, function, shared](Stream stream) mutable {
    enter();
    void *values[] = {&a};
    check(driver.cuLaunchKernel(function, static_cast<uint32_t>(a.batch), 1, 1, kThreads, 1, 1,
                                static_cast<unsigned>(shared), streamAt(stream), values, nullptr),
          "a recurrence cannot be launched");
  };
}

} // namespace llcc::rt
