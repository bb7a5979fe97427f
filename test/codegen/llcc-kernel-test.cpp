// llcc-kernel-test: compiles the kernels of a module for this CPU, runs them on random values and compares them with
// the reference interpreter. Checks as well that pieces of the extent give the bits of the whole, and that nothing is
// written outside of the outputs.
//
// With --gpu the kernels are those of a GPU: each thread runs on this CPU (GpuBlocks.h), and first to last must give
// the bits of last to first. --ptx and --resources say what the CUDA tool chain makes of them.
#include "GpuBlocks.h"
#include "compiler/codegen/cpu/CpuCode.h"
#include "compiler/codegen/cuda/Cubin.h"
#include "compiler/codegen/cudasim/SimCode.h"
#include "compiler/interpreter/Interpreter.h"
#include "passes/lower/Passes.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/FileUtilities.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/ToolOutputFile.h"
#include <cmath>
#include <cstring>
#include <dlfcn.h>
#include <random>
#include <sys/mman.h>
#include <unistd.h>

using namespace mlir;
using namespace mlir::llcc;
using CpuKernel = void (*)(void *const *, const int64_t *, int64_t, int64_t); // runtime/plan/Plan.h

namespace {
namespace cl = llvm::cl;
cl::opt<std::string> file(cl::Positional, cl::desc("<module of kernels>"), cl::init("-"));
cl::opt<std::string> target("target", cl::desc("cpu or cpu:LEVEL"), cl::init("cpu"));
cl::opt<double> tolerance("tolerance", cl::desc("largest error relative to max(1, |expected|)"), cl::init(1e-6));
cl::opt<double> ulps("ulps", cl::desc("largest error in units of the last place of f32, instead of --tolerance"));
cl::opt<bool> allBits("all-bits", cl::desc("float arguments run evenly through all bit patterns: denormals, inf, NaN"));
cl::opt<bool> rounded("rounded", cl::desc("expected values are rounded after each op, as the types say"));
cl::opt<uint64_t> seed("seed", cl::desc("of random values"), cl::init(1));
cl::opt<std::string> saveObject("save-object", cl::desc("write the shared object to this file"));
cl::opt<bool> onGpu("gpu", cl::desc("the kernels of a GPU, thread by thread"));
cl::opt<std::string> ptx("ptx", cl::desc("print the PTX for this architecture (sm_90) and run nothing"));
cl::opt<std::string> resources("resources", cl::desc("print what ptxas says for this architecture and run nothing"));
cl::opt<bool> assembly("assembly", cl::desc("print the assembly and run nothing"));

/// Bytes between two guards, aligned as in the arena.
struct Bytes {
  static constexpr size_t guard = 64;
  std::vector<char> store;
  size_t size;
  explicit Bytes(size_t size) : store(size + 3 * guard, char(0xA5)), size(size) {}
  char *data() {
    return reinterpret_cast<char *>((reinterpret_cast<uintptr_t>(store.data()) + 2 * guard - 1) / guard * guard);
  }
  bool intact() {
    for (char *p = store.data(); p < store.data() + store.size(); ++p)
      if ((p < data() || p >= data() + size) && *p != char(0xA5))
        return false;
    return true;
  }
};

int64_t widthOf(Type element) { return element.isInteger(1) ? 1 : element.getIntOrFloatBitWidth() / 8; }

void write(const Tensor &x, char *to) {
  for (int64_t i = 0, width = widthOf(x.element); i < x.size(); ++i, to += width) {
    if (auto type = dyn_cast<FloatType>(x.element)) {
      llvm::APFloat value(x.reals[i]);
      bool lost;
      value.convert(type.getFloatSemantics(), llvm::APFloat::rmNearestTiesToEven, &lost);
      uint64_t bits = value.bitcastToAPInt().getZExtValue();
      std::memcpy(to, &bits, width);
    } else {
      std::memcpy(to, &x.ints[i], width); // little endian
    }
  }
}

double read(Type element, const char *from) {
  uint64_t bits = 0;
  std::memcpy(&bits, from, widthOf(element));
  if (auto type = dyn_cast<FloatType>(element)) {
    llvm::APFloat value(type.getFloatSemantics(), llvm::APInt(type.getWidth(), bits));
    bool lost;
    value.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven, &lost);
    return value.convertToDouble();
  }
  return element.isInteger(1) ? double(bits) : double(llvm::SignExtend64(bits, widthOf(element) * 8));
}

Tensor argument(func::FuncOp kernel, unsigned i, std::mt19937_64 &random) {
  auto type = cast<RankedTensorType>(kernel.getArgumentTypes()[i]);
  Tensor x(type);
  auto classes = kernel.getArgAttrOfType<IntegerAttr>(i, "llcc.classes");
  for (int64_t k = 0, n = x.size(); k < n; ++k) {
    if (x.isFloat() && allBits) {
      uint32_t bits = uint32_t((uint64_t(k) << 32) / n) + uint32_t(random() % 64);
      float value;
      std::memcpy(&value, &bits, 4);
      x.reals[k] = value;
    } else if (x.isFloat()) {
      x.reals[k] = std::uniform_real_distribution<double>(-2, 2)(random);
    } else { // negative numbers count from the end
      int64_t count = classes ? classes.getInt() : 2;
      x.ints[k] = int64_t(random() % count) - (classes && random() % 4 == 0 ? count : 0);
    }
  }
  x.round();
  return x;
}

/// passes/lower/README.md
int64_t extentOf(func::FuncOp kernel) {
  StringRef form = kernel->getAttrOfType<StringAttr>("llcc.kernel").getValue();
  Operation *result = kernel.getBody().front().getTerminator()->getOperand(0).getDefiningOp();
  auto first = cast<RankedTensorType>(kernel.getResultTypes()[0]);
  if (form == "row") {
    int64_t n = 1;
    for (int64_t size : first.getShape().take_front(kernel->getAttrOfType<IntegerAttr>("llcc.rows").getInt()))
      n *= size;
    return n;
  }
  if (result && (form == "scatter" || form == "sort")) {
    int64_t n = 1, axis = result->getAttrOfType<IntegerAttr>("axis").getInt();
    for (auto [dim, size] : llvm::enumerate(first.getShape()))
      n *= int64_t(dim) == axis ? 1 : size;
    return n;
  }
  return first.getNumElements();
}

/// One kernel before conversion, and what it must compute.
struct Case {
  std::string name;
  int64_t extent;
  SmallVector<int64_t> inplace;
  std::vector<Tensor> arguments;
  std::vector<std::vector<Tensor>> expected; // of each device
};

double errorOf(double got, double want, Type element) {
  if (std::isnan(want) || std::isnan(got))
    return std::isnan(want) == std::isnan(got) ? 0 : INFINITY;
  if (got == want)
    return 0;
  if (ulps.getNumOccurrences()) {
    float rounded = float(want);
    if (rounded == float(got)) // inf, or below the smallest denormal
      return 0;
    if (std::isinf(rounded) || std::isinf(got)) // overflow may come one step early or late
      rounded = std::copysign(std::numeric_limits<float>::max(), rounded),
      got = std::isinf(got) ? std::copysign(std::ldexp(1.0, 128), got) : got;
    double last = std::ldexp(1.0, std::max(std::ilogb(std::fabs(rounded)), -126) - 23);
    if (rounded == 0)
      last = std::ldexp(1.0, -149);
    return std::fabs(got - (std::isinf(want) ? rounded : want)) / last;
  }
  return std::fabs(got - want) / std::max(1.0, std::fabs(want));
}

bool run(Case &test, function_ref<void(void **, const std::vector<int64_t> &, int64_t, int64_t)> kernel, MeshAttr mesh,
         int64_t device) {
  std::vector<int64_t> coords(1, 0);
  if (mesh) {
    coords.resize(mesh.getSizes().size());
    int64_t left = device;
    for (int64_t i = coords.size() - 1; i >= 0; left /= mesh.getSizes()[i], --i)
      coords[i] = left % mesh.getSizes()[i];
  }
  std::vector<Tensor> &expected = test.expected[device];
  auto outAt = [&](size_t r) { // buffer of result r
    size_t at = test.arguments.size();
    for (size_t i = 0; i < r; ++i)
      at += test.inplace[i] < 0;
    return test.inplace[r] < 0 ? at : size_t(test.inplace[r]);
  };
  auto launch = [&](ArrayRef<int64_t> ends) {
    std::vector<Bytes> buffers;
    for (Tensor &x : test.arguments) {
      buffers.emplace_back(x.size() * widthOf(x.element));
      write(x, buffers.back().data());
    }
    for (size_t r = 0; r < expected.size(); ++r)
      if (test.inplace[r] < 0)
        buffers.emplace_back(expected[r].size() * widthOf(expected[r].element));
    std::vector<void *> pointers;
    for (Bytes &bytes : buffers)
      pointers.push_back(bytes.data());
    int64_t begin = 0;
    for (int64_t end : ends) {
      kernel(pointers.data(), coords, begin, end);
      begin = end;
    }
    return buffers;
  };
  std::vector<Bytes> whole = launch({test.extent});
  SmallVector<int64_t> ends; // uneven pieces
  for (int64_t end = 1, step = 1; end < test.extent;
       end += step, step = std::min<int64_t>(2 * step + 1, 1 + test.extent / 5))
    ends.push_back(end);
  ends.push_back(test.extent);
  std::vector<Bytes> pieces = launch(ends);

  bool fine = true;
  double worst = 0, limit = ulps.getNumOccurrences() ? ulps : tolerance;
  for (size_t r = 0; r < expected.size(); ++r) {
    Bytes &got = whole[outAt(r)];
    Type element = expected[r].element;
    for (int64_t i = 0; i < expected[r].size(); ++i) {
      double value = read(element, got.data() + i * widthOf(element)), want = expected[r].at(i);
      double error = errorOf(value, want, element);
      worst = std::max(worst, error);
      if (!(error <= limit) && fine) {
        llvm::outs() << "@" << test.name << " device " << device << ": result " << r << " element " << i << " is "
                     << llvm::format("%.9g", value) << ", needs " << llvm::format("%.9g", want) << "\n";
        fine = false;
      }
    }
    if (std::memcmp(got.data(), pieces[outAt(r)].data(), got.size) != 0) {
      llvm::outs() << "@" << test.name
                   << (onGpu ? ": threads in another order give other bits\n"
                             : ": pieces of the extent give other bits than the whole\n");
      fine = false;
    }
  }
  for (Bytes &bytes : whole)
    if (!bytes.intact()) {
      llvm::outs() << "@" << test.name << ": wrote outside of a buffer\n";
      fine = false;
    }
  for (auto [i, x] : llvm::enumerate(test.arguments)) {
    Bytes copy(whole[i].size);
    write(x, copy.data());
    if (!llvm::is_contained(test.inplace, int64_t(i)) && std::memcmp(copy.data(), whole[i].data(), copy.size) != 0) {
      llvm::outs() << "@" << test.name << ": changed argument " << i << "\n";
      fine = false;
    }
  }
  llvm::outs() << "@" << test.name << " device " << device << ": error " << llvm::format("%.3g", worst)
               << (ulps.getNumOccurrences() ? " ulp " : " ") << (fine ? "ok" : "WRONG") << "\n";
  return fine;
}

FailureOr<Case> prepare(func::FuncOp kernel, MeshAttr mesh, std::mt19937_64 &random) {
  Case test{kernel.getName().str(), extentOf(kernel), {}, {}, {}};
  test.inplace.assign(kernel.getNumResults(), -1);
  if (auto attr = kernel->getAttrOfType<DenseI64ArrayAttr>("llcc.inplace"))
    test.inplace.assign(attr.asArrayRef().begin(), attr.asArrayRef().end());
  for (unsigned i = 0; i < kernel.getNumArguments(); ++i)
    test.arguments.push_back(argument(kernel, i, random));
  RunOptions options;
  options.exact = !rounded;
  if (!mesh) {
    FailureOr<Outcome> outcome = runOne(kernel, test.arguments, options);
    if (failed(outcome))
      return failure();
    test.expected.push_back(std::move(outcome->results));
    return test;
  }
  Launch launch{kernel, {}, {}};
  for (int64_t device = 0; device < mesh.getDevices(); ++device) {
    launch.devices.push_back(device);
    launch.arguments.push_back(test.arguments);
  }
  FailureOr<std::vector<std::vector<Outcome>>> outcomes = runAll(launch, mesh, options);
  if (failed(outcomes))
    return failure();
  for (Outcome &outcome : outcomes->front())
    test.expected.push_back(std::move(outcome.results));
  return test;
}
/// A shared object in memory; null after a message.
void *open(const std::string &object) {
  int fd = memfd_create("kernels", 0);
  void *opened = fd < 0 || ::write(fd, object.data(), object.size()) != ssize_t(object.size())
                     ? nullptr
                     : dlopen(("/proc/self/fd/" + std::to_string(fd)).c_str(), RTLD_NOW);
  if (!opened)
    llvm::errs() << "llcc-kernel-test: " << dlerror() << "\n";
  return opened;
}

int runOnGpu(ModuleOp module, std::vector<Case> &cases, MeshAttr mesh) {
  PassManager passes(module.getContext());
  passes.addPass(createConvertKernelsToGpuPass());
  if (failed(passes.run(module)))
    return 1;
  if (std::string name = ptx.empty() ? resources : ptx; !name.empty()) {
    CudaTarget cuda;
    CudaCode code;
    if (std::string error = CudaTarget::parse("cuda:" + name, cuda); !error.empty()) {
      llvm::errs() << "llcc-kernel-test: " << error << "\n";
      return 64;
    }
    if (int failed = compileCuda(module, cuda, code))
      return failed;
    llvm::outs() << (ptx.empty() ? code.resources : code.ptx);
    return 0;
  }
  SimCode code;
  if (failed(compileSim(module, code)))
    return 1;
  void *object = open(code.object);
  if (!object)
    return 70;
  std::map<std::string, std::pair<int64_t, bool>> known; // shared bytes, whether threads meet
  SmallVector<StringRef> lines;
  StringRef(code.kernels).split(lines, '\n', -1, false);
  for (StringRef line : ArrayRef<StringRef>(lines).drop_front()) {
    SmallVector<StringRef> words;
    line.split(words, ' ');
    int64_t bytes = 0;
    words[1].getAsInteger(10, bytes);
    known[words[0].str()] = {bytes, words[2] == "1"};
  }
  bool fine = true;
  for (Case &test : cases) {
    auto kernel = reinterpret_cast<::llcc::rt::SimKernel>(dlsym(object, test.name.c_str()));
    gpu::GPUFuncOp function;
    module.walk([&](gpu::GPUFuncOp op) { function = op.getName() == test.name ? op : function; });
    if (!kernel || !function) {
      llvm::errs() << "llcc-kernel-test: no kernel @" << test.name << " in the shared object\n";
      return 70;
    }
    int64_t grid = function->getAttrOfType<DenseI64ArrayAttr>("llcc.grid")[0];
    int64_t block = function->getAttrOfType<DenseI64ArrayAttr>("llcc.block")[0];
    auto [bytes, meets] = known[test.name];
    for (size_t device = 0; device < test.expected.size(); ++device) {
      int launches = 0;
      fine &= run(
          test,
          [&, bytes = bytes, meets = meets](void **buffers, const std::vector<int64_t> &coords, int64_t begin,
                                            int64_t end) {
            if (begin > 0) // the second launch comes in pieces on a CPU
              return;
            ::llcc::test::GpuLaunch launch{kernel, {}, coords, grid, block, bytes, meets, launches++ > 0};
            launch.buffers.assign(buffers, buffers + function.getNumArguments() - 1);
            if (std::string wrong = ::llcc::test::run(launch); !wrong.empty()) {
              llvm::outs() << "@" << test.name << ": " << wrong << "\n";
              fine = false;
            }
          },
          mesh, device);
    }
  }
  return fine ? 0 : 1;
}
} // namespace

int main(int argc, char **argv) {
  cl::ParseCommandLineOptions(argc, argv, "llcc-kernel-test: runs kernels and compares them with the interpreter\n");
  DialectRegistry registry;
  registry.insert<LlccDialect, arith::ArithDialect, math::MathDialect, func::FuncDialect, gpu::GPUDialect>();
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  llvm::SourceMgr sources;
  SourceMgrDiagnosticHandler diagnostics(sources, &context);
  std::string error;
  auto buffer = openInputFile(file, &error);
  if (!buffer) {
    llvm::errs() << "llcc-kernel-test: " << error << "\n";
    return 66;
  }
  sources.AddNewSourceBuffer(std::move(buffer), llvm::SMLoc());
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(sources, &context);
  if (!module)
    return 65;
  CpuTarget cpu;
  if (error = CpuTarget::parse(target, cpu); !error.empty()) {
    llvm::errs() << "llcc-kernel-test: " << error << "\n";
    return 64;
  }

  for (Operation &op : llvm::make_early_inc_range(*module->getBody()))
    if (!op.hasAttr("llcc.kernel")) // the step that calls them
      op.erase();
  auto mesh = (*module)->getAttrOfType<MeshAttr>("llcc.mesh");
  std::mt19937_64 random(seed);
  std::vector<Case> cases;
  for (auto kernel : module->getOps<func::FuncOp>()) {
    if (!kernel->hasAttr("llcc.kernel") || assembly || !ptx.empty() || !resources.empty())
      continue;
    FailureOr<Case> test = prepare(kernel, mesh, random);
    if (failed(test))
      return 1;
    cases.push_back(std::move(*test));
  }
  if (onGpu)
    return runOnGpu(*module, cases, mesh);
  PassManager passes(&context);
  passes.addPass(createConvertKernelsToLoopsPass());
  CpuCode code;
  if (failed(passes.run(*module)) || failed(compileCpu(*module, cpu, assembly, code)))
    return 1;
  if (assembly) {
    llvm::outs() << code.assembly;
    return 0;
  }
  if (!saveObject.empty()) {
    auto out = openOutputFile(saveObject, &error);
    if (!out) {
      llvm::errs() << "llcc-kernel-test: " << error << "\n";
      return 73;
    }
    out->os() << code.object;
    out->keep();
  }
  void *object = open(code.object);
  if (!object)
    return 70;
  bool fine = true;
  for (Case &test : cases) {
    auto kernel = reinterpret_cast<CpuKernel>(dlsym(object, test.name.c_str()));
    if (!kernel) {
      llvm::errs() << "llcc-kernel-test: no kernel @" << test.name << " in the shared object\n";
      return 70;
    }
    for (size_t device = 0; device < test.expected.size(); ++device)
      fine &= run(
          test,
          [&](void **buffers, const std::vector<int64_t> &coords, int64_t begin, int64_t end) {
            kernel(buffers, coords.data(), begin, end);
          },
          mesh, device);
  }
  return fine ? 0 : 1;
}
