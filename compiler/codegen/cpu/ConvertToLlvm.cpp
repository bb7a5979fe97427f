// Kernels on memrefs → LLVM dialect → LLVM IR with the entry points that the runtime calls.
#include "compiler/codegen/cpu/CpuCode.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVMPass.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MathToLibm/MathToLibm.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVMPass.h"
#include "mlir/Conversion/VectorToSCF/VectorToSCF.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Module.h"

using namespace mlir;

FailureOr<OwningOpRef<ModuleOp>> llcc::convertKernelsToLlvm(ModuleOp module, const CpuTarget &target) {
  MLIRContext *context = module.getContext();
  context->loadDialect<LLVM::LLVMDialect, cf::ControlFlowDialect, scf::SCFDialect, memref::MemRefDialect,
                       func::FuncDialect>();
  OwningOpRef<ModuleOp> kernels = ModuleOp::create(module.getLoc());
  OpBuilder builder = OpBuilder::atBlockBegin(kernels->getBody());
  for (Operation &op : *module.getBody())
    if (isa<memref::GlobalOp>(op) || (isa<func::FuncOp>(op) && op.hasAttr("llcc.kernel")))
      builder.clone(op);
  kernels->walk([&](Operation *op) { op->setLoc(UnknownLoc::get(context)); });
  approximateMath(*kernels);
  bool hasF16Conversions = target.level != "x86-64" && target.level != "x86-64-v2";
  widenHalf(*kernels, hasF16Conversions);
  // Not arith-expand as a whole: it would take apart maximumf, which the loop vectoriser knows as a reduction.
  RewritePatternSet patterns(context);
  arith::populateCeilFloorDivExpandOpsPatterns(patterns);
  arith::populateExpandBFloat16Patterns(patterns); // LLVM calls a library for truncations to bf16
  if (failed(applyPatternsGreedily(*kernels, std::move(patterns))))
    return module.emitError("kernels do not simplify");

  PassManager passes(context);
  bool hasVectors = kernels
                        ->walk([](Operation *op) {
                          return isa_and_present<vector::VectorDialect>(op->getDialect()) ? WalkResult::interrupt()
                                                                                          : WalkResult::advance();
                        })
                        .wasInterrupted();
  if (hasVectors) { // kernels of a GPU
    passes.addPass(createConvertVectorToSCFPass());
    passes.addPass(createConvertVectorToLLVMPass());
  }
  passes.addPass(createSCFToControlFlowPass());
  passes.addPass(createConvertMathToLLVMPass());
  passes.addPass(createConvertMathToLibmPass()); // what has no LLVM intrinsic: erf, cbrt, …
  passes.addPass(createArithToLLVMConversionPass());
  passes.addPass(createFinalizeMemRefToLLVMConversionPass());
  ConvertFuncToLLVMPassOptions function;
  function.useBarePtrCallConv = true;
  passes.addPass(createConvertFuncToLLVMPass(function));
  passes.addPass(createConvertControlFlowToLLVMPass());
  passes.addPass(createReconcileUnrealizedCastsPass());
  if (failed(passes.run(*kernels)))
    return module.emitError("kernels do not convert to LLVM");
  storeHalfAsIntegers(*kernels, hasF16Conversions);
  return kernels;
}

// Body: `internal void kN.body(ptr noalias…, ptr coords, i64, i64)`, not inlined, as noalias is strongest on arguments.
// Entry: `void kN(ptr buffers, ptr coords, i64 begin, i64 end)` loads the pointers and calls it (CpuKernel in Plan.h).
static void addEntryPoint(llvm::Function &body, bool aliased) {
  llvm::LLVMContext &context = body.getContext();
  std::string name = body.getName().str();
  body.setName(name + ".body");
  body.setLinkage(llvm::GlobalValue::InternalLinkage);
  body.addFnAttr(llvm::Attribute::NoInline);
  body.addFnAttr(llvm::Attribute::NoUnwind);
  unsigned buffers = body.arg_size() - 3;
  for (unsigned i = 0; i <= buffers; ++i) {
    llvm::AttrBuilder attrs(context);
    attrs.addAttribute(llvm::Attribute::NonNull).addAttribute(llvm::Attribute::NoUndef);
    if (!aliased)
      attrs.addAttribute(llvm::Attribute::NoAlias);
    attrs.addAlignmentAttr(i < buffers ? llvm::Align(64)
                                       : llvm::Align(8)); // buffers stand at multiples of 64 in the arena
    body.addParamAttrs(i, attrs);
  }

  auto *pointer = llvm::PointerType::get(context, 0);
  auto *i64 = llvm::Type::getInt64Ty(context);
  auto *type = llvm::FunctionType::get(llvm::Type::getVoidTy(context), {pointer, pointer, i64, i64}, false);
  auto *entry = llvm::Function::Create(type, llvm::GlobalValue::ExternalLinkage, name, body.getParent());
  entry->addFnAttr(llvm::Attribute::NoUnwind);
  llvm::IRBuilder<> b(llvm::BasicBlock::Create(context, "", entry));
  std::vector<llvm::Value *> args;
  for (unsigned i = 0; i < buffers; ++i)
    args.push_back(b.CreateLoad(pointer, b.CreateConstInBoundsGEP1_64(pointer, entry->getArg(0), i)));
  for (unsigned i = 1; i < 4; ++i)
    args.push_back(entry->getArg(i));
  b.CreateCall(&body, args);
  b.CreateRetVoid();
}

std::unique_ptr<llvm::Module> llcc::translateKernels(ModuleOp kernels, llvm::LLVMContext &context, bool aliased) {
  registerBuiltinDialectTranslation(*kernels.getContext());
  registerLLVMDialectTranslation(*kernels.getContext());
  std::unique_ptr<llvm::Module> module = translateModuleToLLVMIR(kernels, context, "kernels");
  if (!module)
    return nullptr;
  std::vector<llvm::Function *> bodies;
  for (llvm::Function &function : *module)
    if (!function.isDeclaration())
      bodies.push_back(&function);
  for (llvm::Function *body : bodies)
    addEntryPoint(*body, aliased);
  return module;
}
