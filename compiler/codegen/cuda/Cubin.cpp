// Compiles the kernels of a gpu.module with LLVM's NVPTX backend and ptxas.
#include "compiler/codegen/cuda/Cubin.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
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
  PassManager pm(module.getContext());
  OpPassManager &kernels = pm.nest<gpu::GPUModuleOp>();
  kernels.addPass(createSCFToControlFlowPass());
  ConvertGpuOpsToNVVMOpsOptions options;
  options.useBarePtrCallConv = true;
  options.indexBitwidth = 64;
  kernels.addPass(createConvertGpuOpsToNVVMOps(options));
  kernels.addPass(createConvertControlFlowToLLVMPass());
  kernels.addPass(createReconcileUnrealizedCastsPass());
  return pm.run(module);
}

// Links what the kernels use of libdevice (exp, tanh, erf, …).
static LogicalResult linkLibdevice(Operation *at, llvm::Module &code) {
  bool needed =
      llvm::any_of(code, [](llvm::Function &f) { return f.isDeclaration() && f.getName().starts_with("__nv_"); });
  if (!needed)
    return success();
  std::string path = cudaRoot() + "/nvvm/libdevice/libdevice.10.bc";
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer)
    return at->emitError() << "--target=cuda needs CUDA's math library " << path
                           << ", which cannot be read; install the CUDA toolkit or set CUDA_HOME";
  auto library = llvm::parseBitcodeFile(**buffer, code.getContext());
  if (!library)
    return at->emitError() << path << " is no bitcode that this LLVM reads: " << llvm::toString(library.takeError());
  (*library)->setTargetTriple(code.getTargetTriple());
  (*library)->setDataLayout(code.getDataLayout());
  if (llvm::Linker::linkModules(code, std::move(*library), llvm::Linker::Flags::LinkOnlyNeeded,
                                [](llvm::Module &m, const llvm::StringSet<> &names) {
                                  llvm::internalizeModule(m, [&](const llvm::GlobalValue &v) {
                                    return !v.hasName() || !names.contains(v.getName());
                                  });
                                }))
    return at->emitError() << "cannot link " << path;
  return success();
}

static FailureOr<std::string> toPtx(gpu::GPUModuleOp kernels, StringRef chip) {
  LLVMInitializeNVPTXTargetInfo();
  LLVMInitializeNVPTXTarget();
  LLVMInitializeNVPTXTargetMC();
  LLVMInitializeNVPTXAsmPrinter();
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> code = translateModuleToLLVMIR(kernels, context, "kernels");
  if (!code)
    return kernels.emitError("kernels cannot be translated to LLVM IR");
  std::string error;
  llvm::Triple triple(kTriple);
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return kernels.emitError() << "this LLVM has no NVPTX backend: " << error;
  std::unique_ptr<llvm::TargetMachine> machine(target->createTargetMachine(
      triple, chip, "+ptx80", {}, std::nullopt, std::nullopt, llvm::CodeGenOptLevel::Aggressive));
  code->setTargetTriple(triple);
  code->setDataLayout(machine->createDataLayout());
  // Denormals are kept: a CPU twin of the kernel keeps them too.
  code->addModuleFlag(llvm::Module::Override, "nvvm-reflect-ftz", 0u);
  if (failed(linkLibdevice(kernels, *code)))
    return failure();

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

  llvm::SmallString<0> ptx;
  llvm::raw_svector_ostream stream(ptx);
  llvm::legacy::PassManager emit;
  if (machine->addPassesToEmitFile(emit, stream, nullptr, llvm::CodeGenFileType::AssemblyFile))
    return kernels.emitError("this LLVM cannot write PTX");
  emit.run(*code);
  return std::string(ptx);
}

// Runs ptxas on `code.ptx`; leaves the cubin empty where there is no ptxas.
static LogicalResult assemble(Operation *at, CudaCode &code, StringRef chip) {
  SmallVector<StringRef> folders;
  std::string bin = cudaRoot() + "/bin";
  llvm::ErrorOr<std::string> ptxas = llvm::sys::findProgramByName("ptxas", {bin});
  if (!ptxas)
    ptxas = llvm::sys::findProgramByName("ptxas");
  if (!ptxas)
    return success();
  llvm::SmallString<64> input, output, log;
  if (llvm::sys::fs::createTemporaryFile("llcc", "ptx", input) ||
      llvm::sys::fs::createTemporaryFile("llcc", "cubin", output) ||
      llvm::sys::fs::createTemporaryFile("llcc", "log", log))
    return at->emitError("cannot make temporary files for ptxas; set TMPDIR to a folder that can be written");
  llvm::FileRemover removeInput(input), removeOutput(output), removeLog(log);
  std::error_code error;
  llvm::raw_fd_ostream(input, error) << code.ptx;
  std::string arch = ("-arch=" + chip).str();
  StringRef arguments[] = {*ptxas, arch, "-O3", "-v", input, "-o", output};
  std::optional<StringRef> redirects[] = {std::nullopt, StringRef(log), StringRef(log)};
  int status = llvm::sys::ExecuteAndWait(*ptxas, arguments, std::nullopt, redirects);
  auto said = llvm::MemoryBuffer::getFile(log);
  code.resources = said ? (*said)->getBuffer().str() : "";
  if (status)
    return at->emitError() << "ptxas refuses the generated PTX (exit " << status
                           << "): " << StringRef(code.resources).take_front(400);
  auto cubin = llvm::MemoryBuffer::getFile(output);
  if (!cubin)
    return at->emitError("ptxas wrote no cubin");
  code.cubin = (*cubin)->getBuffer().str();
  return success();
}

FailureOr<CudaCode> compileCuda(ModuleOp module, StringRef chip) {
  registerBuiltinDialectTranslation(*module.getContext());
  registerLLVMDialectTranslation(*module.getContext());
  registerNVVMDialectTranslation(*module.getContext());
  OwningOpRef<ModuleOp> clone = module.clone();
  auto found = clone->getOps<gpu::GPUModuleOp>();
  if (found.empty())
    return module.emitError("has no gpu.module, needs llcc-convert-kernels-to-gpu first");
  if (failed(convertToNvvm(*clone)))
    return failure();
  CudaCode code;
  FailureOr<std::string> ptx = toPtx(*clone->getOps<gpu::GPUModuleOp>().begin(), chip);
  if (failed(ptx))
    return failure();
  code.ptx = std::move(*ptx);
  if (failed(assemble(module, code, chip)))
    return failure();
  return code;
}

} // namespace mlir::llcc
