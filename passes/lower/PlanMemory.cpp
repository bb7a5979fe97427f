// Turns step functions and @forward into programs: instructions on streams, every buffer at a place in one arena.
//
//   func.func @step_stage0(%x, %w …)           llcc.program @step_stage0 "step" stage 0 arena 1024 {
//     %d = llcc.dot %x, %w …            ⇒        %w = llcc.buffer "param" "fc1.weight" at 0 …
//     %r = call @k0(%d)                          llcc.exec "Matmul" ins(%x, %w) outs(%d) stream 0 waits [] args {…}
//     …                                          llcc.exec "Launch" @k0 ins(%d) outs(%d) stream 0 waits [] args {…}
//
// It comes after llcc-fuse-kernels, when what is left are instructions, and before code is made for kernels, which does
// not depend on places.
#include "passes/lower/Instructions.h"
#include "passes/lower/Passes.h"
#include "passes/lower/Tables.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::llcc {
#define GEN_PASS_DEF_PLANMEMORYPASS
#include "passes/lower/Passes.h.inc"

namespace {
/// "step", "infer" and the stage from the function's name; nothing where it is no program.
std::optional<std::pair<StringRef, int64_t>> kindOf(StringRef name) {
  if (name == "forward")
    return std::pair<StringRef, int64_t>("infer", 0);
  int64_t stage = 0;
  if (!name.consume_front("step_stage") || name.getAsInteger(10, stage) || stage < 0)
    return {};
  return std::pair<StringRef, int64_t>("step", stage);
}

class Writing {
public:
  Writing(func::FuncOp function, const Sheet &sheet) : function(function), sheet(sheet), builder(function) {}

  void run(StringRef kind, int64_t stage) {
    auto program = ProgramOp::create(builder, function.getLoc(), kind == "infer" ? "infer" : function.getName(), kind,
                                     stage, sheet.arenaBytes);
    program->setAttr("llcc.memory", breakdown());
    Block *block = builder.createBlock(&program.getBody());
    builder.setInsertionPointToStart(block);
    for (unsigned id = 0; id < sheet.storages.size(); ++id)
      if (sheet.storages[id].persistent)
        buffer({id, sheet.storages[id].type});
    for (const Instruction &i : sheet.instructions) {
      SmallVector<Value> ins, outs;
      for (const Operand &in : i.ins)
        ins.push_back(buffer(in));
      for (const Operand &out : i.outs)
        outs.push_back(buffer(out));
      ExecOp::create(builder, i.loc, i.op, ins, outs, i.kernel, i.stream, i.waits, argsOf(i));
    }
  }

private:
  /// The buffer of an operand, made where it is used first.
  Value buffer(const Operand &operand) {
    Value &value = buffers[{operand.storage, operand.type}];
    if (value)
      return value;
    const Storage &storage = sheet.storages[operand.storage];
    auto op = BufferOp::create(builder, storage.loc, operand.type, storage.space, storage.name, storage.offset);
    if (storage.attributes)
      op->setDiscardableAttrs(storage.attributes);
    // The first buffer of a storage has its own shape; others are views, which the plan tells apart from reused bytes.
    auto [root, isRoot] = rootOf.try_emplace(operand.storage, count++);
    if (!isRoot)
      op->setAttr("llcc.view", builder.getI64IntegerAttr(root->second));
    return value = op;
  }

  DictionaryAttr argsOf(const Instruction &i) {
    NamedAttrList args;
    if (!i.ints.empty())
      args.set("ints", builder.getDenseI64ArrayAttr(i.ints));
    if (!i.reals.empty())
      args.set("reals", builder.getDenseF64ArrayAttr(i.reals));
    if (!i.axes.empty())
      args.set("axes", builder.getDenseI64ArrayAttr(i.axes));
    if (!i.name.empty())
      args.set("name", builder.getStringAttr(i.name));
    return args.getDictionary(builder.getContext());
  }

  /// Bytes by use: persistent ones in whole, those of the moment when most temporaries live, and what packing costs on
  /// top.
  DictionaryAttr breakdown() {
    int64_t params = 0, states = 0, live = 0, peak = 0, inputs = 0;
    std::vector<int64_t> change(sheet.instructions.size() + 2), inputChange(change.size());
    for (const Storage &storage : sheet.storages) {
      int64_t bytes = alignUp(storage.bytes);
      if (storage.persistent) {
        (storage.space == "param" ? params : states) += bytes;
      } else if (storage.begin >= 0) {
        change[storage.begin] += bytes, change[storage.end + 1] -= bytes;
        if (storage.space == "input")
          inputChange[storage.begin] += bytes, inputChange[storage.end + 1] -= bytes;
      }
    }
    int64_t liveInputs = 0;
    for (auto [delta, input] : llvm::zip(change, inputChange)) {
      live += delta, liveInputs += input;
      if (live > peak)
        peak = live, inputs = liveInputs;
    }
    NamedAttrList list;
    list.set("params", builder.getI64IntegerAttr(params));
    list.set("states", builder.getI64IntegerAttr(states));
    list.set("inputs", builder.getI64IntegerAttr(inputs));
    list.set("temporaries", builder.getI64IntegerAttr(peak - inputs));
    list.set("gaps", builder.getI64IntegerAttr(sheet.arenaBytes - sheet.persistentBytes - peak));
    return list.getDictionary(builder.getContext());
  }

  func::FuncOp function;
  const Sheet &sheet;
  OpBuilder builder;
  DenseMap<std::pair<unsigned, Type>, Value> buffers;
  DenseMap<unsigned, int64_t> rootOf; ///< storage -> its first buffer, counted among the program's buffers
  int64_t count = 0;
};

struct PlanMemoryPass : impl::PlanMemoryPassBase<PlanMemoryPass> {
  using PlanMemoryPassBase::PlanMemoryPassBase;
  void runOnOperation() override {
    SmallVector<func::FuncOp> functions;
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (!function->hasAttr("llcc.kernel"))
        functions.push_back(function);
    Tables tables(getOperation());
    bool refused = false;
    for (func::FuncOp function : functions) {
      auto kind = kindOf(function.getName());
      if (!kind || function.isDeclaration()) {
        function.emitError() << "@" << function.getName() << " is neither a step (@step_stageN), @forward nor a kernel";
        refused = true;
        continue;
      }
      FailureOr<Sheet> sheet = listInstructions(function);
      if (failed(sheet)) {
        refused = true;
        continue;
      }
      tables.add(function, kind->first == "infer", kind->second);
      computeLiveness(*sheet);
      placeStorages(*sheet);
      insertWaits(*sheet);
      Writing(function, *sheet).run(kind->first, kind->second);
      function.erase();
    }
    if (refused)
      return signalPassFailure();
    tables.write();
  }
};
} // namespace
} // namespace mlir::llcc
