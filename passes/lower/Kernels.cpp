// Outlines the body of a group into a function, or finds the one that is there already.
#include "passes/lower/Kernels.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"

namespace mlir::llcc {

void noteDependences(func::FuncOp kernel) {
  Operation *ret = kernel.getBody().front().getTerminator();
  Builder b(kernel.getContext());
  SmallVector<Attribute> reads, looks;
  for (Value result : ret->getOperands()) {
    SmallVector<int64_t> arguments;
    llvm::SmallSetVector<Attribute, 4> axes;
    SmallVector<Value> open = {result};
    DenseSet<Value> seen;
    while (!open.empty()) {
      Value value = open.pop_back_val();
      if (!seen.insert(value).second)
        continue;
      if (auto argument = dyn_cast<BlockArgument>(value)) {
        arguments.push_back(argument.getArgNumber());
        continue;
      }
      Operation *def = value.getDefiningOp();
      if (auto over = def->getAttrOfType<ArrayAttr>("axes"))
        axes.insert(over.begin(), over.end());
      open.append(def->operand_begin(), def->operand_end());
    }
    llvm::sort(arguments);
    reads.push_back(b.getDenseI64ArrayAttr(arguments));
    looks.push_back(b.getArrayAttr(axes.getArrayRef()));
  }
  if (llvm::all_equal(reads) && llvm::all_equal(looks))
    return;
  kernel->setAttr("llcc.reads", b.getArrayAttr(reads));
  kernel->setAttr("llcc.looks", b.getArrayAttr(looks));
}

func::FuncOp Kernels::get(const KernelBody &body, ArrayRef<int64_t> inPlace) {
  KernelForm form = *formOf(body.ops, body.results);
  OpBuilder builder(module.getContext());
  SmallVector<Type> ins, outs;
  SmallVector<Location> locs;
  for (Value argument : body.arguments)
    ins.push_back(argument.getType()), locs.push_back(argument.getLoc());
  for (Value result : body.results)
    outs.push_back(result.getType());
  auto kernel = func::FuncOp::create(body.ops.front()->getLoc(), "k", builder.getFunctionType(ins, outs));
  kernel.setPrivate();
  kernel->setAttr("llcc.kernel", builder.getStringAttr(form.getName()));
  kernel->setAttr("llcc.extent", builder.getI64IntegerAttr(form.getExtent()));
  kernel->setAttr("llcc.cost", builder.getI64IntegerAttr(form.cost));
  if (form.kind == KernelForm::Row)
    kernel->setAttr("llcc.rows", builder.getI64IntegerAttr(form.rows));
  kernel->setAttr("llcc.inplace", builder.getDenseI64ArrayAttr(inPlace));

  Block *block = builder.createBlock(&kernel.getBody(), {}, ins, locs);
  IRMapping inside;
  inside.map(body.arguments, block->getArguments());
  for (Operation *op : body.ops)
    builder.clone(*op, inside);
  SmallVector<Value> results;
  for (Value result : body.results)
    results.push_back(inside.lookup(result));
  func::ReturnOp::create(builder, kernel.getLoc(), results);
  noteDependences(kernel);

  std::string key;
  llvm::raw_string_ostream os(key);
  // Flags of the command line (debug info, elision) must not decide what is equal.
  kernel.print(os, OpPrintingFlags().enableDebugInfo(false).elideLargeElementsAttrs(int64_t(1) << 40).useLocalScope());
  auto [it, isNew] = known.try_emplace(key);
  if (!isNew) {
    kernel.erase();
    return it->second;
  }
  std::string name;
  do
    name = "k" + std::to_string(next++);
  while (module.lookupSymbol(name));
  kernel.setName(name);
  module.push_back(kernel);
  return it->second = kernel;
}

} // namespace mlir::llcc
