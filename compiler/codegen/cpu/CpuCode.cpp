// LLVM IR → optimised machine code for a CPU target.
#include "compiler/codegen/cpu/CpuCode.h"

#include "llvm/Analysis/TargetLibraryInfo.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/Verifier.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Target/TargetOptions.h"
#include "llvm/Transforms/Utils/Cloning.h"

using namespace mlir;

static std::unique_ptr<llvm::TargetMachine> createMachine(const llcc::CpuTarget &target) {
  LLVMInitializeX86TargetInfo();
  LLVMInitializeX86Target();
  LLVMInitializeX86TargetMC();
  LLVMInitializeX86AsmPrinter();
  llvm::Triple triple("x86_64-unknown-linux-gnu");
  std::string error;
  const llvm::Target *llvmTarget = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!llvmTarget)
    return nullptr;
  return std::unique_ptr<llvm::TargetMachine>(
      llvmTarget->createTargetMachine(triple, target.level, /*Features=*/"", llvm::TargetOptions(), llvm::Reloc::PIC_,
                                      std::nullopt, llvm::CodeGenOptLevel::Aggressive));
}

static void optimize(llvm::Module &module, llvm::TargetMachine &machine) {
  llvm::PipelineTuningOptions tuning;
  tuning.LoopVectorization = tuning.LoopInterleaving = tuning.SLPVectorization = tuning.LoopUnrolling = true;
  llvm::PassBuilder builder(&machine, tuning);
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager calls;
  llvm::ModuleAnalysisManager modules;
  llvm::TargetLibraryInfoImpl library(module.getTargetTriple());
  functions.registerPass([&] { return llvm::TargetLibraryAnalysis(library); });
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(calls);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, calls, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O3).run(module, modules);
}

static bool emitCode(llvm::Module &module, llvm::TargetMachine &machine, llvm::CodeGenFileType kind,
                     std::string &bytes) {
  llvm::SmallVector<char, 0> buffer;
  llvm::raw_svector_ostream stream(buffer);
  llvm::legacy::PassManager passes;
  if (machine.addPassesToEmitFile(passes, stream, nullptr, kind))
    return false;
  passes.run(module);
  bytes.assign(buffer.begin(), buffer.end());
  return true;
}

LogicalResult llcc::compileCpu(ModuleOp module, const CpuTarget &target, bool withAssembly, CpuCode &code,
                               bool aliased) {
  FailureOr<OwningOpRef<ModuleOp>> kernels = convertKernelsToLlvm(module, target);
  if (failed(kernels))
    return failure();
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> ir = translateKernels(**kernels, context, aliased);
  if (!ir)
    return module.emitError("kernels do not translate to LLVM IR");
  std::unique_ptr<llvm::TargetMachine> machine = createMachine(target);
  if (!machine)
    return module.emitError("this LLVM makes no x86-64 code");
  ir->setTargetTriple(machine->getTargetTriple());
  ir->setDataLayout(machine->createDataLayout());
  for (llvm::Function &function : *ir) {
    function.addFnAttr("target-cpu", target.level);
    if (!target.tune.empty())
      function.addFnAttr("tune-cpu", target.tune);
  }
  if (llvm::verifyModule(*ir))
    return module.emitError("kernels make invalid LLVM IR");
  optimize(*ir, *machine);
  if (withAssembly) {
    std::unique_ptr<llvm::Module> copy = llvm::CloneModule(*ir); // code emission changes the module
    if (!emitCode(*copy, *machine, llvm::CodeGenFileType::AssemblyFile, code.assembly))
      return module.emitError("this LLVM writes no x86-64 assembly");
  }
  std::string object;
  if (!emitCode(*ir, *machine, llvm::CodeGenFileType::ObjectFile, object))
    return module.emitError("this LLVM writes no x86-64 object files");
  std::string error = linkSharedObject(object, code.object);
  if (!error.empty())
    return module.emitError(error);
  return success();
}
