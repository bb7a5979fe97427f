// From ops on values to instructions on storages: feeds, updates in place and the copies that they need.
//
// A value lives in a storage; a reshape shares that of its operand. The new value of a parameter has to end in the
// parameter's own storage. Three ways, cheapest first: the kernel overwrites the old value in place; the instruction
// writes there directly, if nobody reads the old value from it on; a copy at the end. Where an old value is overwritten
// and somebody reads it later, it is copied away first.
#include "passes/lower/Instructions.h"
#include "compiler/ir/Provenance.h"
#include "compiler/ir/Ring.h"
#include "passes/lower/Contraction.h"
#include "passes/lower/KernelForm.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/TypeSwitch.h"

namespace mlir::llcc {

int64_t bytesOf(MemRefType type) {
  int64_t width = type.getElementTypeBitWidth();
  return type.getNumElements() * ((width + 7) / 8);
}

/// In the order of their numbers in Plan.h; the fourth, output, comes from llcc.output of a result.
static constexpr StringLiteral kCaptureKinds[] = {"loss", "gradient", "grad_norm"};

static MemRefType memoryOf(Value value) {
  auto tensor = cast<RankedTensorType>(value.getType());
  return MemRefType::get(tensor.getShape(), tensor.getElementType());
}

namespace {
class Listing {
public:
  explicit Listing(func::FuncOp function) : function(function) {}

  FailureOr<Sheet> run() {
    Block &block = function.getBody().front();
    int64_t at = 0;
    for (Operation &op : block) {
      positionOf[&op] = at++;
      for (Value x : op.getOperands())
        lastUse[rootOf(x)] = positionOf[&op];
    }
    if (failed(takeArguments()))
      return failure();
    for (Operation &op : block)
      if (failed(list(&op)))
        return failure();
    return std::move(sheet);
  }

private:
  unsigned addStorage(Value value, StringRef space = "temp", StringRef name = "") {
    Storage storage{memoryOf(value), 0, space, name, {}, value.getLoc()};
    storage.bytes = bytesOf(storage.type);
    sheet.storages.push_back(storage);
    return sheet.storages.size() - 1;
  }

  LogicalResult takeArguments() {
    for (BlockArgument argument : function.getArguments()) {
      unsigned i = argument.getArgNumber();
      StringRef space, name;
      for (auto [key, kind] : {std::pair<StringRef, StringRef>{"llcc.param", "param"},
                               {"llcc.state", "state"},
                               {"llcc.input", "input"},
                               {"llcc.label", "input"},
                               {"llcc.scalar", "scalar"}})
        if (auto text = function.getArgAttrOfType<StringAttr>(i, key))
          space = kind, name = text.getValue();
      if (space.empty())
        return function.emitError() << "argument " << i << " of @" << function.getName()
                                    << " is neither llcc.param, llcc.state, llcc.input, llcc.label nor llcc.scalar";
      bool persistent = space == "param" || space == "state";
      if (!persistent && argument.use_empty())
        continue;
      unsigned id = addStorage(argument, space, name);
      sheet.storages[id].persistent = persistent;
      sheet.storages[id].attributes = function.getArgAttrDict(i);
      if (persistent)
        persistentOf[{space, name}] = id;
      storageOf[argument] = id;
    }
    for (auto [i, value] : llvm::enumerate(returnOp().getOperands())) {
      std::optional<unsigned> home = homeOf(i);
      if (home)
        finalHome.try_emplace(rootOf(value), *home);
    }
    return success();
  }

  func::ReturnOp returnOp() { return cast<func::ReturnOp>(function.getBody().front().getTerminator()); }

  /// The storage where result `i` of the function must end.
  std::optional<unsigned> homeOf(unsigned i) {
    for (auto [key, space] : {std::pair<StringRef, StringRef>{"llcc.param", "param"}, {"llcc.state", "state"}})
      if (auto name = function.getResultAttrOfType<StringAttr>(i, key))
        if (auto it = persistentOf.find({space, name.getValue()}); it != persistentOf.end())
          return it->second;
    return {};
  }

  Instruction &add(StringRef op, Location loc) {
    sheet.instructions.push_back(Instruction{op, {}, {}, {}, 0, {}, {}, {}, {}, {}, loc});
    return sheet.instructions.back();
  }

  Operand operandOf(unsigned storage) { return {storage, sheet.storages[storage].type}; }

  /// Where `value` is, as input of the next instruction; feeds it first if it comes from the host.
  Operand read(Value value, bool shaped = false) {
    Value root = rootOf(value);
    unsigned storage = storageOf.lookup(root);
    if (auto argument = dyn_cast<BlockArgument>(root); argument && fed.insert(argument).second) {
      StringRef space = sheet.storages[storage].space;
      if (space == "input" || space == "scalar") {
        Instruction &feed = add(space == "input" ? "Feed" : "FeedScalar", argument.getLoc());
        feed.outs = {operandOf(storage)};
        if (space == "input") {
          auto microbatch = function.getArgAttrOfType<IntegerAttr>(argument.getArgNumber(), "llcc.microbatch");
          feed.ints = {microbatch ? microbatch.getInt() : 0};
        }
      }
    }
    return shaped ? Operand{storage, memoryOf(value)} : operandOf(storage);
  }

  /// True where a value that lives in `storage` now is read after position `at`.
  bool isReadAfter(unsigned storage, int64_t at) {
    for (auto &[value, home] : storageOf)
      if (home == storage)
        if (auto it = lastUse.find(value); it != lastUse.end() && it->second > at)
          return true;
    return false;
  }

  void copy(unsigned from, unsigned to, Location loc) {
    Instruction &copy = add("Copy", loc);
    copy.ins = {operandOf(from)};
    copy.outs = {operandOf(to)};
  }

  /// Moves the values in `storage` to a copy of it.
  unsigned saveOld(unsigned storage, Location loc) {
    Storage fresh = sheet.storages[storage];
    fresh.space = "temp", fresh.name = "", fresh.persistent = false, fresh.attributes = {};
    sheet.storages.push_back(fresh);
    unsigned saved = sheet.storages.size() - 1;
    copy(storage, saved, loc);
    for (auto &[value, home] : storageOf)
      if (home == storage)
        home = saved;
    return saved;
  }

  /// The storage that `result` of the op at `at` is written to: its final home if that is free by then.
  Operand write(Value result, int64_t at) {
    auto home = finalHome.find(result);
    if (home != finalHome.end() && !written.contains(home->second) &&
        sheet.storages[home->second].type == memoryOf(result) && !isReadAfter(home->second, at - 1)) {
      written.insert(home->second);
      storageOf[result] = home->second;
    } else {
      storageOf[result] = addStorage(result);
    }
    return operandOf(storageOf[result]);
  }

  /// A reduction may overwrite its operand where that is a temporary that nobody reads any more.
  bool mayReduceInPlace(Operation *op, unsigned i, ArrayRef<Operand> ins) {
    const Storage &storage = sheet.storages[ins[i].storage];
    return storage.space == "temp" && !finalHome.contains(op->getResult(i)) &&
           !isReadAfter(ins[i].storage, positionOf[op]) &&
           llvm::count_if(ins, [&](const Operand &in) { return in.storage == ins[i].storage; }) == 1;
  }

  LogicalResult list(Operation *op) {
    int64_t at = positionOf[op];
    auto simple = [&](StringRef name, int64_t stream, bool shaped) -> Instruction & {
      SmallVector<Operand> ins, outs;
      for (Value x : op->getOperands())
        ins.push_back(read(x, shaped));
      for (auto [i, result] : llvm::enumerate(op->getResults())) {
        if (isa<AllReduceOp>(op) && mayReduceInPlace(op, i, ins)) {
          storageOf[result] = ins[i].storage;
          outs.push_back(ins[i]);
        } else {
          outs.push_back(write(result, at));
        }
      }
      Instruction &instruction = add(name, op->getLoc());
      instruction.ins = std::move(ins), instruction.outs = std::move(outs), instruction.stream = stream;
      return instruction;
    };
    auto window = [&](auto conv, StringRef name) {
      Instruction &i = simple(name, 0, true);
      i.ints = {int64_t(conv.getStrides().size()), int64_t(conv.getGroups())};
      for (ArrayRef<int64_t> list : {conv.getStrides(), conv.getPadsLo(), conv.getPadsHi(), conv.getDilations()})
        i.ints.append(list.begin(), list.end());
      return success();
    };
    auto collective = [&](StringRef name, SmallVector<int64_t> ints, ArrayAttr axes) {
      Instruction &i = simple(name, 1, true);
      i.ints = std::move(ints);
      return setAxes(i, axes);
    };
    auto transfer = [&](StringRef name, int64_t peer, int64_t tag) {
      simple(name, 1, true).ints = {peer, tag};
      return success();
    };
    return TypeSwitch<Operation *, LogicalResult>(op)
        .Case<ReshapeOp>([&](ReshapeOp) { return success(); })
        .Case<func::CallOp>([&](func::CallOp call) { return launch(call, at); })
        .Case<func::ReturnOp>([&](func::ReturnOp ret) { return finish(ret); })
        .Case<DotOp>([&](DotOp dot) -> LogicalResult {
          std::optional<Contraction> c = contractionOf(dot);
          if (!c)
            return report(dot) << "operands of llcc.dot don't lie in memory as matrices; run llcc-fuse-kernels first";
          Instruction &i = simple("Matmul", 0, false);
          i.ints = {c->batch, c->m, c->n, c->k, c->lhsTransposed, c->rhsTransposed};
          i.reals = {1, 0};
          return success();
        })
        .Case<ConvOp>([&](ConvOp conv) { return window(conv, "Conv"); })
        .Case<ConvInputGradOp>([&](ConvInputGradOp conv) { return window(conv, "ConvInputGrad"); })
        .Case<ConvWeightGradOp>([&](ConvWeightGradOp conv) { return window(conv, "ConvWeightGrad"); })
        .Case<RecurrenceOp, RecurrenceGradOp>([&](auto recurrence) {
          Instruction &i = simple(isa<RecurrenceOp>(op) ? "Recurrence" : "RecurrenceGrad", 0, true);
          setCell(recurrence, i);
          return success();
        })
        .Case<AllReduceOp>(
            [&](AllReduceOp all) { return collective("AllReduce", {int64_t(all.getKind())}, all.getAxes()); })
        .Case<AllGatherOp>([&](AllGatherOp all) {
          SmallVector<int64_t> ints;
          for (auto [dim, size] : llvm::zip(all.getDims(), all.getSizes()))
            ints.append({dim, size});
          return collective("AllGather", ints, all.getAxes());
        })
        .Case<ReduceScatterOp>([&](ReduceScatterOp scatter) {
          SmallVector<int64_t> ints = {int64_t(scatter.getKind())};
          llvm::append_range(ints, scatter.getDims());
          return collective("ReduceScatter", ints, scatter.getAxes());
        })
        .Case<AllToAllOp>([&](AllToAllOp all) {
          return collective("AllToAll",
                            {int64_t(all.getSplitDim()), int64_t(all.getConcatDim()), int64_t(all.getSize())},
                            all.getAxes());
        })
        .Case<RingShiftOp>([&](RingShiftOp shift) { return collective("RingShift", {}, shift.getAxes()); })
        .Case<SendOp>([&](SendOp send) { return transfer("Send", send.getTo(), send.getTag()); })
        .Case<RecvOp>([&](RecvOp recv) { return transfer("Recv", recv.getFrom(), recv.getTag()); })
        .Case<CaptureOp>([&](CaptureOp capture) -> LogicalResult {
          auto kind = llvm::find(kCaptureKinds, capture.getKind());
          if (kind == std::end(kCaptureKinds))
            return report(capture) << "capture of kind \"" << capture.getKind()
                                   << "\", needs loss, gradient or grad_norm";
          Instruction &i = simple("Capture", 0, true);
          i.ints = {kind - std::begin(kCaptureKinds)};
          i.name = capture.getName();
          auto mesh = function->getParentOfType<ModuleOp>()->getAttrOfType<MeshAttr>("llcc.mesh");
          if (auto cut = capture->getAttrOfType<ShardingAttr>("llcc.placement"); cut && mesh)
            for (int64_t dim = 0, rank = cut.getDims().size(); dim < rank; ++dim) {
              SmallVector<StringAttr> axes = cut.getAxes(dim);
              i.ints.push_back(axes.size());
              for (StringAttr axis : axes)
                i.ints.push_back(mesh.getPosition(axis));
            }
          return success();
        })
        .Default([&](Operation *) {
          return report(op) << op->getName() << " in @" << function.getName()
                            << " has no instruction; run llcc-fuse-kernels first";
        });
  }

  /// Kind, flags (rt::RecurrenceFlag) and activations of a recurrence or its gradient.
  template <class Op> static void setCell(Op op, Instruction &i) {
    bool dcells = false;
    if constexpr (std::is_same_v<Op, RecurrenceGradOp>)
      dcells = bool(op.getDcells());
    i.ints = {op.getKind() == "lstm"  ? 0
              : op.getKind() == "gru" ? 1
                                      : 2,
              op.getReverse() + 2 * op.getInputForget() + 4 * op.getLinearBeforeReset() + 8 * bool(op.getPeepholes()) +
                  16 * bool(op.getLengths()) + 32 * dcells};
    for (auto name : op.getActivations().template getAsRange<StringAttr>())
      i.ints.push_back(llvm::find(recurrenceActivations(), name.getValue()) - recurrenceActivations().begin());
    i.ints.resize(5, -1);
    for (ArrayRef<double> numbers : {op.getAlphas(), op.getBetas()}) {
      SmallVector<double> padded(numbers);
      padded.resize(3, 0);
      i.reals.append(padded);
    }
    i.reals.push_back(op.getClip().convertToDouble());
  }

  InFlightDiagnostic report(Operation *op) {
    InFlightDiagnostic error = op->emitError();
    if (StringRef node = nodeOf(op->getLoc()); !node.empty())
      error << "node \"" << node << "\": ";
    return error;
  }

  LogicalResult setAxes(Instruction &instruction, ArrayAttr axes) {
    auto mesh = function->getParentOfType<ModuleOp>()->getAttrOfType<MeshAttr>("llcc.mesh");
    for (auto axis : axes.getAsRange<StringAttr>()) {
      int64_t position = mesh ? mesh.getPosition(axis.getValue()) : -1;
      if (position < 0)
        return emitError(instruction.loc)
               << instruction.op << " runs over axis \"" << axis.getValue() << "\", which "
               << (mesh ? "the module's mesh does not have" : "needs the module attribute llcc.mesh");
      instruction.axes.push_back(position);
    }
    return success();
  }

  LogicalResult launch(func::CallOp call, int64_t at) {
    auto kernel = function->getParentOfType<ModuleOp>().lookupSymbol<func::FuncOp>(call.getCallee());
    auto inPlace = kernel ? kernel->getAttrOfType<DenseI64ArrayAttr>("llcc.inplace") : DenseI64ArrayAttr();
    auto extent = kernel ? kernel->getAttrOfType<IntegerAttr>("llcc.extent") : IntegerAttr();
    auto cost = kernel ? kernel->getAttrOfType<IntegerAttr>("llcc.cost") : IntegerAttr();
    if (!inPlace || !extent || !cost || inPlace.size() != call.getNumResults())
      return call.emitError()
             << "@" << call.getCallee()
             << " is not a kernel (needs llcc.kernel, llcc.extent, llcc.cost and llcc.inplace for each result)";
    SmallVector<Operand> ins, outs;
    for (Value x : call.getOperands())
      ins.push_back(read(x));
    for (auto [result, from] : llvm::zip(call.getResults(), inPlace.asArrayRef())) {
      if (from < 0) {
        outs.push_back({});
        continue;
      }
      unsigned old = ins[from].storage;
      auto reads = [&](unsigned storage) {
        return llvm::count_if(ins, [&](const Operand &in) { return in.storage == storage; });
      };
      auto home = finalHome.find(result);
      bool isHome = home != finalHome.end() && home->second == old && written.insert(old).second;
      if (isHome && (isReadAfter(old, at) || reads(old) > 1)) {
        unsigned saved = saveOld(old, call.getLoc());
        for (auto [j, in] : llvm::enumerate(ins))
          if (in.storage == old && int64_t(j) != from)
            in = operandOf(saved);
      } else if (!isHome && (sheet.storages[old].persistent || isReadAfter(old, at) || reads(old) > 1)) {
        unsigned fresh = addStorage(result);
        copy(old, fresh, call.getLoc());
        ins[from] = operandOf(fresh);
      }
      outs.push_back(ins[from]);
    }
    // Old values have moved by now, so that what is read below is right.
    for (auto [result, from, out] : llvm::zip(call.getResults(), inPlace.asArrayRef(), outs)) {
      if (from < 0)
        out = write(result, at);
      else
        storageOf[result] = out.storage;
    }
    Instruction &i = add("Launch", call.getLoc());
    i.ins = std::move(ins), i.outs = std::move(outs);
    i.kernel = FlatSymbolRefAttr::get(kernel);
    i.ints = {extent.getInt(), cost.getInt()};
    return success();
  }

  LogicalResult finish(func::ReturnOp ret) {
    // Outputs are shown, and parameters that are not in their place yet are copied there, each from where nothing is
    // overwritten any more.
    SmallVector<std::pair<unsigned, unsigned>> moves;
    for (auto [i, value] : llvm::enumerate(ret.getOperands())) {
      if (auto name = function.getResultAttrOfType<StringAttr>(i, "llcc.output")) {
        Operand shown = read(value, true);
        Instruction &capture = add("Capture", value.getLoc());
        capture.ins = {shown};
        capture.ints = {3};
        capture.name = name.getValue();
        if (Storage &storage = sheet.storages[shown.storage]; storage.space == "temp" && storage.type == shown.type)
          storage.space = "output", storage.name = name.getValue();
      }
      std::optional<unsigned> home = homeOf(i);
      for (StringRef key : {"llcc.param", "llcc.state"})
        if (auto name = function.getResultAttrOfType<StringAttr>(i, key); name && !home)
          return function.emitError() << "result " << i << " of @" << function.getName() << " updates "
                                      << key.drop_front(5) << " \"" << name.getValue()
                                      << "\", which is not among the arguments";
      if (home)
        if (unsigned from = read(value).storage; from != *home)
          moves.push_back({from, *home});
    }
    DenseSet<unsigned> targets;
    for (auto [from, to] : moves)
      targets.insert(to);
    for (auto &[from, to] : moves)
      if (targets.contains(from)) {
        Storage fresh = sheet.storages[from];
        fresh.space = "temp", fresh.name = "", fresh.persistent = false, fresh.attributes = {};
        sheet.storages.push_back(fresh);
        copy(from, sheet.storages.size() - 1, ret.getLoc());
        from = sheet.storages.size() - 1;
      }
    for (auto [from, to] : moves)
      copy(from, to, ret.getLoc());
    return success();
  }

  func::FuncOp function;
  Sheet sheet;
  DenseMap<Operation *, int64_t> positionOf;
  DenseMap<Value, int64_t> lastUse;                                 ///< root value -> position of its last reader
  DenseMap<Value, unsigned> storageOf;                              ///< root value -> storage it lives in now
  DenseMap<std::pair<StringRef, StringRef>, unsigned> persistentOf; ///< (space, name) -> storage
  DenseMap<Value, unsigned> finalHome; ///< value that the function returns for a parameter -> the parameter's storage
  DenseSet<unsigned> written;          ///< persistent storages that hold their new value
  DenseSet<BlockArgument> fed;
};
} // namespace

FailureOr<Sheet> listInstructions(func::FuncOp function) { return Listing(function).run(); }

} // namespace mlir::llcc
