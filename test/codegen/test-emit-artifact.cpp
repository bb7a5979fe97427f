// test-emit-artifact LOWERED.mlir OUT.llx [TARGET [BATCH]]: packs a lowered module whose parameters start as zeros.
#include "compiler/codegen/Codegen.h"
#include "compiler/ir/LLCC.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;

int main(int argc, char **argv) {
  if (argc < 3)
    return 64;
  DialectRegistry registry;
  registry.insert<mlir::llcc::LlccDialect, arith::ArithDialect, math::MathDialect, func::FuncDialect,
                  memref::MemRefDialect, scf::SCFDialect, gpu::GPUDialect>();
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  llvm::SourceMgr sources;
  SourceMgrDiagnosticHandler diagnostics(sources, &context);
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(argv[1], sources, &context);
  if (!module)
    return 65;
  mlir::llcc::PackageInfo info;
  info.model = "test.onnx";
  info.target = argc > 3 ? argv[3] : "cpu";
  info.batch = argc > 4 ? std::atoi(argv[4]) : 0;
  info.strategy = "single";
  info.loss = "cross_entropy";
  info.optimizer = "sgd";
  info.command = "test";
  info.learningRate = 0.1;
  info.assembly = true;
  ::llcc::rt::Section weights{"file:zeros", ""};
  if (auto variables = (*module)->getAttrOfType<ArrayAttr>("llcc.variables"))
    for (auto entry : variables.getAsRange<DictionaryAttr>())
      if (auto name = dyn_cast_or_null<StringAttr>(entry.get("name")); name && name.getValue() != "without bytes") {
        info.weights[name.str()] = {weights.name, weights.bytes.size()};
        auto type = cast<ShapedType>(cast<TypeAttr>(entry.get("type")).getValue());
        weights.bytes.append(type.getNumElements() * 8, 0);
      }
  info.sections.push_back(weights);
  return mlir::llcc::emitArtifact(*module, info, argv[2]);
}
