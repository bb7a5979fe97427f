// Compiles the kernels of a gpu.module with LLVM's NVPTX backend and ptxas.
#include "compiler/codegen/cuda/Cubin.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/GPU/GPUToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/Linker/Linker.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Transforms/IPO/Internalize.h"

#include <sysexits.h>

namespace mlir::llcc {

static constexpr char kTriple[] = "nvptx64-nvidia-cuda";

// Root of the CUDA toolkit; empty where there is none.
static std::string cudaRoot() {
  for (const char *variable : {"CUDA_HOME", "CUDA_PATH", "CUDA_ROOT"})
    if (const char *root = getenv(variable))
      return root;
  return llvm::sys::fs::exists("/usr/local/cuda") ? "/usr/local/cuda" : "";
}

static LogicalResult convertToNvvm(ModuleOp module) {
  module->walk([&](Operation *op) { op->setLoc(UnknownLoc::get(module.getContext())); });
  RewritePatternSet patterns(module.getContext());
  arith::populateCeilFloorDivExpandOpsPatterns(patterns);
  if (failed(applyPatternsGreedily(module, std::move(patterns))))
    return module.emitError("bug in llcc: kernels do not simplify");
  PassManager pm(module.getContext());
  pm.addNestedPass<gpu::GPUModuleOp>(createSCFToControlFlowPass());
  ConvertGpuOpsToNVVMOpsOptions options;
  options.useBarePtrCallConv = true;
  options.indexBitwidth = 64;
  pm.addNestedPass<gpu::GPUModuleOp>(createConvertGpuOpsToNVVMOps(options));
  pm.addPass(createReconcileUnrealizedCastsPass());
  return pm.run(module);
}

// Links what the kernels use of libdevice (exp, tanh, erf, …). Returns an exit code.
static int linkLibdevice(Operation *at, llvm::Module &code) {
  bool needed =
      llvm::any_of(code, [](llvm::Function &f) { return f.isDeclaration() && f.getName().starts_with("__nv_"); });
  if (!needed)
    return 0;
  std::string root = cudaRoot(), path = (root.empty() ? "/usr/local/cuda" : root) + "/nvvm/libdevice/libdevice.10.bc";
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer) {
    at->emitError() << "target 'cuda' needs CUDA's math library " << path << ", which cannot be read ("
                    << buffer.getError().message()
                    << "); install the CUDA toolkit (package cuda-nvcc) or set CUDA_HOME to where it is";
    return EX_UNAVAILABLE;
  }
  auto library = llvm::parseBitcodeFile(**buffer, code.getContext());
  if (!library) {
    at->emitError() << path << " is no bitcode that this LLVM reads: " << llvm::toString(library.takeError());
    return EX_UNAVAILABLE;
  }
  (*library)->setTargetTriple(code.getTargetTriple());
  (*library)->setDataLayout(code.getDataLayout());
  if (llvm::Linker::linkModules(code, std::move(*library), llvm::Linker::Flags::LinkOnlyNeeded,
                                [](llvm::Module &m, const llvm::StringSet<> &names) {
                                  llvm::internalizeModule(m, [&](const llvm::GlobalValue &v) {
                                    return !v.hasName() || !names.contains(v.getName());
                                  });
                                })) {
    at->emitError() << "cannot link " << path;
    return EX_UNAVAILABLE;
  }
  // The backend's first pass answers __nvvm_reflect (libdevice asks it for the flags of the module).
  for (llvm::Function &f : code)
    if (f.isDeclaration() && !f.isIntrinsic() && !f.use_empty() && f.getName() != "__nvvm_reflect") {
      at->emitError() << "bug in llcc: kernels call " << f.getName() << ", which CUDA's math library lacks";
      return EX_SOFTWARE;
    }
  return 0;
}

// Returns an exit code.
static int toPtx(gpu::GPUModuleOp kernels, const CudaTarget &cuda, std::string &ptx) {
  auto bug = [&](const Twine &text) {
    kernels.emitError() << "bug in llcc: " << text.str();
    return EX_SOFTWARE;
  };
  LLVMInitializeNVPTXTargetInfo();
  LLVMInitializeNVPTXTarget();
  LLVMInitializeNVPTXTargetMC();
  LLVMInitializeNVPTXAsmPrinter();
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> code = translateModuleToLLVMIR(kernels, context, "kernels");
  if (!code)
    return bug("kernels cannot be translated to LLVM IR");
  std::string error;
  llvm::Triple triple(kTriple);
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target) {
    kernels.emitError() << "this LLVM has no NVPTX backend: " << error;
    return EX_UNAVAILABLE;
  }
  std::unique_ptr<llvm::TargetMachine> machine(target->createTargetMachine(
      triple, cuda.chip, cuda.ptx, {}, std::nullopt, std::nullopt, llvm::CodeGenOptLevel::Aggressive));
  code->setTargetTriple(triple);
  code->setDataLayout(machine->createDataLayout());
  // Denormals are kept: a CPU twin of the kernel keeps them too.
  code->addModuleFlag(llvm::Module::Override, "nvvm-reflect-ftz", 0u);
  if (int failed = linkLibdevice(kernels, *code))
    return failed;

  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager graphs;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(machine.get());
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(graphs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, graphs, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O3).run(*code, modules);

  llvm::SmallString<0> text;
  llvm::raw_svector_ostream stream(text);
  llvm::legacy::PassManager emit;
  if (machine->addPassesToEmitFile(emit, stream, nullptr, llvm::CodeGenFileType::AssemblyFile))
    return bug("this LLVM cannot write PTX");
  emit.run(*code);
  ptx = std::string(text);
  // What the backend itself calls (fmod, half conversions, …) is in no library: such a kernel could not be loaded.
  if (size_t at = ptx.find(".extern .func"); at != std::string::npos)
    return bug("the PTX calls a function that nobody defines: " +
               StringRef(ptx).substr(at).take_until([](char c) { return c == ';'; }));
  return 0;
}

// Runs ptxas on `code.ptx`; leaves the cubin empty where there is no ptxas. Returns an exit code.
static int assemble(Operation *at, CudaCode &code, const CudaTarget &target) {
  std::string root = cudaRoot(), bin = root + "/bin";
  llvm::ErrorOr<std::string> ptxas = llvm::sys::findProgramByName("ptxas", {StringRef(bin)});
  if (!ptxas)
    ptxas = llvm::sys::findProgramByName("ptxas");
  if (!ptxas) {
    at->emitWarning() << "no ptxas in " << (root.empty() ? "/usr/local/cuda/bin" : bin)
                      << " or PATH, so the artifact carries PTX only, which the driver assembles when it loads it; "
                         "install the CUDA toolkit (package cuda-nvcc) or set CUDA_HOME for machine code";
    return 0;
  }
  llvm::SmallString<64> input, output, log;
  if (llvm::sys::fs::createTemporaryFile("llcc", "ptx", input) ||
      llvm::sys::fs::createTemporaryFile("llcc", "cubin", output) ||
      llvm::sys::fs::createTemporaryFile("llcc", "log", log)) {
    at->emitError("cannot make temporary files for ptxas; set TMPDIR to a folder that can be written");
    return EX_CANTCREAT;
  }
  llvm::FileRemover removeInput(input), removeOutput(output), removeLog(log);
  std::error_code error;
  llvm::raw_fd_ostream(input, error) << code.ptx;
  std::string arch = "-arch=" + target.chip;
  StringRef arguments[] = {*ptxas, arch, "-O3", "-v", input, "-o", output};
  std::optional<StringRef> redirects[] = {std::nullopt, StringRef(log), StringRef(log)};
  int status = llvm::sys::ExecuteAndWait(*ptxas, arguments, std::nullopt, redirects);
  auto said = llvm::MemoryBuffer::getFile(log);
  StringRef text = said ? (*said)->getBuffer() : "";
  if (status) {
    at->emitError() << *ptxas << " refuses the generated PTX for " << target.chip << " (exit " << status
                    << "): " << text.trim().take_front(400);
    return EX_UNAVAILABLE;
  }
  auto cubin = llvm::MemoryBuffer::getFile(output);
  if (!cubin || (*cubin)->getBufferSize() == 0) {
    at->emitError() << *ptxas << " wrote no cubin";
    return EX_UNAVAILABLE;
  }
  code.cubin = (*cubin)->getBuffer().str();
  code.resources = resourceTable(text);
  return 0;
}

int compileCuda(ModuleOp module, const CudaTarget &target, CudaCode &code) {
  registerBuiltinDialectTranslation(*module.getContext());
  registerLLVMDialectTranslation(*module.getContext());
  registerNVVMDialectTranslation(*module.getContext());
  registerGPUDialectTranslation(*module.getContext());
  // convert-gpu-to-nvvm converts the dialects around gpu through these interfaces.
  DialectRegistry registry;
  arith::registerConvertArithToLLVMInterface(registry);
  cf::registerConvertControlFlowToLLVMInterface(registry);
  registerConvertMathToLLVMInterface(registry);
  registerConvertMemRefToLLVMInterface(registry);
  module.getContext()->appendDialectRegistry(registry);
  module.getContext()->loadDialect<cf::ControlFlowDialect, LLVM::LLVMDialect, NVVM::NVVMDialect>();
  OwningOpRef<ModuleOp> kernels = ModuleOp::create(module.getLoc());
  OpBuilder builder = OpBuilder::atBlockBegin(kernels->getBody());
  gpu::GPUModuleOp copy;
  for (auto found : module.getOps<gpu::GPUModuleOp>())
    copy = cast<gpu::GPUModuleOp>(builder.clone(*found));
  if (!copy) {
    module.emitError("bug in llcc: has no gpu.module, needs llcc-convert-kernels-to-gpu first");
    return EX_SOFTWARE;
  }
  if (failed(convertToNvvm(*kernels))) {
    module.emitError("bug in llcc: kernels do not convert to NVVM");
    return EX_SOFTWARE;
  }
  if (int failed = toPtx(copy, target, code.ptx))
    return failed;
  return assemble(module, code, target);
}

} // namespace mlir::llcc
