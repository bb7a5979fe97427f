// @gradients (one microbatch) and @update ⇒ @step_stage0 … @step_stageN: what each pipeline stage does in one step.
//
//   func @gradients(x, w1, w2) -> (loss, dw1, dw2)        func @step_stage0(w1, x of each microbatch, lr) -> w1
//   func @update(w1, w2, dw1, dw2, lr) -> (w1, w2)   ⇒    func @step_stage1(w2, labels of each microbatch, lr) -> w2
//
// A step function is its row of the schedule table, unrolled: a forward task clones its piece's forward ops of
// @gradients for one microbatch, a backward task the backward ops, gradients are summed, then comes the stage's part of
// @update. Without a pipeline there is one stage and the same path. It is the last pass of the shard stage, since
// stages are programs of local ops already: collectives stay within a stage.
//
// Messages: one for each value that another stage needs, and microbatch; sent and received between two slots, on all
// stages in the same order (slot, sending stage, value), which is why they cannot wait for each other in a ring
// (Schedule.cpp). A parameter that several stages use (tied weights) is kept by the stage that computes its gradient,
// which sends it to the others at the start. Where several stages compute summands of its gradient, each sums its own
// over the microbatches and sends the sum once, after the task that completes it (TiedGradients.cpp).
// @update may mix values of several stages (the global gradient norm): each stage sends what it has (scalars) to the
// stages that need it, and these compute the mixed part redundantly, in the same order, so that all get the same bits.
#include "compiler/ir/LLCC.h"
#include "compiler/ir/Provenance.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "passes/shard/Buckets.h"
#include "passes/shard/Passes.h"
#include "passes/shard/PipelineSplit.h"
#include "passes/shard/Placement.h"
#include "llvm/ADT/MapVector.h"

namespace mlir::llcc {
#define GEN_PASS_DEF_SPLITPIPELINEPASS
#include "passes/shard/Passes.h.inc"

namespace {

/// Writes the step function of one stage.
class StageWriter {
public:
  StageWriter(PipelineSplit &split, int64_t stage)
      : split(split), stage(stage), b(split.gradients.getContext()), micro(split.microbatches) {}

  LogicalResult write() {
    b.setInsertionPoint(split.gradients);
    auto func = func::FuncOp::create(b, split.gradients.getLoc(), ("step_stage" + Twine(stage)).str(),
                                     b.getFunctionType({}, {}));
    Block *body = func.addEntryBlock();
    b.setInsertionPointToStart(body);
    addArguments(body);
    exchange(
        split.shared, 0, [&](Value value) -> Value { return parameters.lookupOrNull(value); },
        [&](Value value, Value received) { parameters.map(value, received); });
    int64_t length = split.schedule.length();
    for (int64_t slot = 0; slot < length; ++slot) {
      if (auto task = split.schedule.slots[stage][slot]; task && failed(runTask(*task)))
        return failure();
      sendAfter(slot);
    }
    if (failed(writeUpdate()))
      return failure();
    SmallVector<Value> results;
    SmallVector<DictionaryAttr> resultAttrs;
    for (auto [i, value] : llvm::enumerate(split.update.getBody().front().getTerminator()->getOperands())) {
      StringRef name;
      if (auto param = split.update.getResultAttrOfType<StringAttr>(i, "llcc.param"))
        name = param.getValue();
      else if (auto state = split.update.getResultAttrOfType<StringAttr>(i, "llcc.state"))
        name = state.getValue().split(':').second;
      if (split.ownerOf(name) != stage)
        continue;
      results.push_back(updated.lookup(value));
      resultAttrs.push_back(split.update.getResultAttrDict(i));
    }
    func::ReturnOp::create(b, split.update.getLoc(), results);
    func.setFunctionType(b.getFunctionType(body->getArgumentTypes(), TypeRange(ValueRange(results))));
    func.setAllArgAttrs(argAttrs);
    func.setAllResultAttrs(resultAttrs);
    return success();
  }

private:
  PipelineSplit &split;
  int64_t stage;
  OpBuilder b;
  IRMapping parameters;         ///< arguments of @gradients that hold parameters
  IRMapping constants;          ///< ops without operands, once for the stage
  std::vector<IRMapping> micro; ///< values of @gradients for each microbatch, and its inputs
  IRMapping updated;            ///< values of @update
  SmallVector<DictionaryAttr> argAttrs;
  Operation *updateBegin = nullptr; ///< last op before the update
  llvm::MapVector<unsigned, Value>
      sums; ///< result number of @gradients → sum over microbatches so far, or that of another stage

  bool usesInput(BlockArgument arg) {
    return llvm::any_of(arg.getUsers(), [&](Operation *user) {
      std::optional<int64_t> piece = split.pieceOf(user);
      return piece && split.schedule.stageOf(*piece) == stage;
    });
  }

  /// The argument of @gradients that is state `name` has one value for all microbatches.
  void mapState(Attribute name, Value value) {
    for (BlockArgument arg : split.gradients.getArguments())
      if (split.gradients.getArgAttr(arg.getArgNumber(), "llcc.state") == name)
        parameters.map(arg, value);
  }

  /// Parameters, states, inputs of each microbatch, scalars.
  void addArguments(Block *body) {
    auto add = [&](BlockArgument like, func::FuncOp from, std::optional<int64_t> microbatch) {
      NamedAttrList attrs(from.getArgAttrDict(like.getArgNumber()));
      if (microbatch)
        attrs.set("llcc.microbatch", b.getI64IntegerAttr(*microbatch));
      argAttrs.push_back(attrs.getDictionary(b.getContext()));
      return body->addArgument(like.getType(), like.getLoc());
    };
    func::FuncOp gradients = split.gradients, update = split.update;
    for (BlockArgument arg : gradients.getArguments())
      if (auto owner = split.assignment.owner.find(arg.getArgNumber());
          owner != split.assignment.owner.end() && split.schedule.stageOf(owner->second) == stage)
        parameters.map(arg, add(arg, gradients, std::nullopt));
    for (BlockArgument arg : update.getArguments()) {
      if (!split.wanted[stage].contains(arg))
        continue;
      unsigned i = arg.getArgNumber();
      if (auto name = update.getArgAttrOfType<StringAttr>(i, "llcc.param")) {
        BlockArgument same = gradients.getArgument(*split.parameterNamed(name.getValue()));
        if (!parameters.contains(same)) // updated, though no op of @gradients uses it
          parameters.map(same, add(same, gradients, std::nullopt));
        updated.map(arg, parameters.lookup(same));
      } else if (update.getArgAttr(i, "llcc.state")) {
        updated.map(arg, add(arg, update, std::nullopt));
        mapState(update.getArgAttr(i, "llcc.state"), updated.lookup(arg));
      }
    }
    for (int64_t k = 0; k < split.microbatches; ++k)
      for (BlockArgument arg : gradients.getArguments())
        if (unsigned i = arg.getArgNumber(); !gradients.getArgAttr(i, "llcc.param") &&
                                             !gradients.getArgAttr(i, "llcc.state") &&
                                             !gradients.getArgAttr(i, "llcc.scalar") && usesInput(arg))
          micro[k].map(arg, add(arg, gradients, k));
    llvm::StringMap<Value> scalars; // that both functions may read
    for (BlockArgument arg : gradients.getArguments()) {
      auto name = gradients.getArgAttrOfType<StringAttr>(arg.getArgNumber(), "llcc.scalar");
      if (!name || !usesInput(arg))
        continue;
      if (name.getValue() == "microbatch")
        numberMicrobatches(arg);
      else
        parameters.map(arg, scalars[name] = add(arg, gradients, std::nullopt));
    }
    for (BlockArgument arg : update.getArguments())
      if (auto name = update.getArgAttrOfType<StringAttr>(arg.getArgNumber(), "llcc.scalar");
          name && split.wanted[stage].contains(arg)) {
        Value &known = scalars[name];
        updated.map(arg, known = known ? known : add(arg, update, std::nullopt));
      }
  }

  /// Each microbatch knows its number.
  void numberMicrobatches(BlockArgument arg) {
    auto type = cast<RankedTensorType>(arg.getType());
    for (int64_t k = 0; k < split.microbatches; ++k)
      micro[k].map(arg, arith::ConstantOp::create(
                            b, arg.getLoc(), DenseElementsAttr::get(type, IntegerAttr::get(type.getElementType(), k))));
  }

  /// This stage's sends and receives among `messages`, in their order; tags count from `tag`.
  void exchange(ArrayRef<StageMessage> messages, int64_t tag, function_ref<Value(Value)> own,
                function_ref<void(Value, Value)> receive) {
    for (auto [i, message] : llvm::enumerate(messages)) {
      Location loc = message.value.getLoc();
      if (message.from == stage)
        SendOp::create(b, loc, own(message.value), b.getI64IntegerAttr(message.to), b.getI64IntegerAttr(tag + i));
      else if (message.to == stage)
        receive(message.value, RecvOp::create(b, loc, message.value.getType(), b.getI64IntegerAttr(message.from),
                                              b.getI64IntegerAttr(tag + i)));
    }
  }

  /// Messages of all tasks of a slot; tags: shared parameters first, then value by value, microbatch by microbatch,
  /// then sums of gradients.
  void sendAfter(int64_t slot) {
    for (int64_t sender = 0; sender < split.stages; ++sender) {
      auto task = split.schedule.slots[sender][slot];
      if (!task)
        continue;
      IRMapping &map = micro[task->microbatch];
      for (auto [i, message] : llvm::enumerate(split.messages))
        if (message.phase == task->phase && message.piece == split.schedule.pieceOf(sender, task->chunk))
          exchange(
              message, split.shared.size() + i * split.microbatches + task->microbatch,
              [&](Value value) { return map.lookup(value); },
              [&](Value value, Value received) { map.map(value, received); });
      if (task->microbatch != split.microbatches - 1)
        continue;
      for (auto [i, message] : llvm::enumerate(split.sums))
        if (message.phase == task->phase && message.piece == split.schedule.pieceOf(sender, task->chunk))
          exchange(
              message, split.sumTag() + i, [&, result = message.result](Value) { return sums[result]; },
              [&, result = message.result](Value, Value received) { sums[result] = received; });
    }
  }

  /// The stage's value of `value` of @gradients for microbatch `k`; constants are cloned where they are needed first.
  FailureOr<Value> resolve(Value value, int64_t k) {
    if (Value known = micro[k].lookupOrNull(value))
      return known;
    if (Value known = parameters.lookupOrNull(value))
      return known;
    if (Value known = constants.lookupOrNull(value))
      return known;
    Operation *def = value.getDefiningOp();
    if (!def || !split.assignment.constant.contains(def))
      return split.gradients.emitError() << "stage " << stage
                                         << " needs a value that reaches it from nowhere: " << value;
    if (def->getNumOperands() == 0)
      b.clone(*def, constants);
    else if (failed(clone(def, k)))
      return failure();
    return resolve(value, k);
  }

  LogicalResult clone(Operation *op, int64_t k) {
    IRMapping &map = micro[k];
    for (Value operand : op->getOperands()) {
      FailureOr<Value> value = resolve(operand, k);
      if (failed(value))
        return failure();
      map.map(operand, *value);
    }
    Operation *own = b.clone(*op, map);
    if (auto fetch = op->getAttrOfType<IntegerAttr>(kFetchAttr)) // microbatches do not share what they fetch
      own->setAttr(kFetchAttr, b.getI64IntegerAttr(2 * k + fetch.getInt()));
    return success();
  }

  LogicalResult runTask(Task task) {
    auto results = split.gradients.getBody().front().getTerminator()->getOperands();
    DenseMap<Value, SmallVector<unsigned, 1>> gradients; // that are to be added when they are there
    for (auto [i, value] : llvm::enumerate(results))
      gradients[value].push_back(i);
    auto addAll = [&](Value value) -> LogicalResult {
      auto found = gradients.find(value);
      if (found == gradients.end())
        return success();
      for (unsigned i : found->second)
        if (failed(addGradient(i, value, task.microbatch)))
          return failure();
      gradients.erase(found);
      return success();
    };
    bool forward = task.phase == Task::Phase::Forward;
    int64_t piece = split.schedule.pieceOf(stage, task.chunk);
    for (Operation &op : split.gradients.getBody().front()) {
      if (split.pieceOf(&op) != piece || split.phaseOf(&op) != task.phase)
        continue;
      if (failed(clone(&op, task.microbatch)))
        return failure();
      for (Value result : op.getResults()) // at once, so that its reduction may start
        if (!forward && failed(addAll(result)))
          return failure();
    }
    for (auto [i, value] : llvm::enumerate(results)) {
      if (forward && failed(showLoss(i, value, task.microbatch, piece)))
        return failure();
      // a gradient that no backward op makes (a constant, say)
      bool elsewhere = !value.getDefiningOp() || !split.assignment.backward.contains(value.getDefiningOp());
      auto name = split.gradients.getResultAttrOfType<StringAttr>(i, "llcc.gradient");
      if (task.phase == Task::Phase::Backward && elsewhere && name && split.pieceOfOwner(name.getValue()) == piece &&
          failed(addGradient(i, value, task.microbatch)))
        return failure();
    }
    return success();
  }

  LogicalResult showLoss(unsigned i, Value value, int64_t k, int64_t piece) {
    if (!split.gradients.getResultAttr(i, "llcc.loss"))
      return success();
    if (split.pieceOf(value.getDefiningOp()).value_or(split.schedule.pieces() - 1) != piece)
      return success();
    FailureOr<Value> loss = resolve(value, k);
    if (failed(loss))
      return failure();
    CaptureOp::create(b, value.getLoc(), *loss, b.getStringAttr("loss"), b.getStringAttr("loss"));
    return success();
  }

  LogicalResult addGradient(unsigned i, Value value, int64_t k) {
    auto name = split.gradients.getResultAttrOfType<StringAttr>(i, "llcc.gradient");
    if (!name || split.stageOfGradient(i) != stage)
      return success();
    FailureOr<Value> gradient = resolve(value, k);
    if (failed(gradient))
      return failure();
    Value &sum = sums[i];
    sum = sum ? Value(arith::AddFOp::create(b, value.getLoc(), sum, *gradient)) : *gradient;
    return success();
  }

  LogicalResult writeUpdate() {
    func::FuncOp gradients = split.gradients, update = split.update;
    for (BlockArgument arg : update.getArguments()) {
      auto name = update.getArgAttrOfType<StringAttr>(arg.getArgNumber(), "llcc.gradient");
      if (!name || !split.wanted[stage].contains(arg))
        continue;
      Value sum;
      for (unsigned i = 0; i < gradients.getNumResults(); ++i) // in this order, whichever stage they come from
        if (Value part = gradients.getResultAttr(i, "llcc.gradient") == name ? sums.lookup(i) : Value())
          sum = sum ? Value(arith::AddFOp::create(b, arg.getLoc(), sum, part)) : part;
      if (!sum)
        return update.emitError() << "needs the gradient of \"" << name.getValue()
                                  << "\", which @gradients does not give";
      if (sum.getType() != arg.getType())
        return update.emitError() << "takes the gradient of \"" << name.getValue() << "\" as " << arg.getType()
                                  << ", @gradients gives " << sum.getType();
      updated.map(arg, sum);
    }
    updateBegin = b.getBlock()->empty() ? nullptr : &b.getBlock()->back();
    cloneUpdate([&](const llvm::SmallBitVector &origins) { return origins.count() <= 1; });
    hoistReductions();
    exchangeInUpdate();
    cloneUpdate([&](const llvm::SmallBitVector &origins) { return origins.count() > 1; });
    return success();
  }

  /// A gradient's reduction starts as soon as its last summand is there, beside the rest of the backward pass: its op
  /// moves up to the last of its operands. All devices of the stage move it alike, so the order of collectives stays
  /// common.
  void hoistReductions() {
    for (Operation &op : llvm::make_early_inc_range(llvm::make_range(
             updateBegin ? std::next(Block::iterator(updateBegin)) : b.getBlock()->begin(), b.getInsertionPoint()))) {
      if (!isa<AllReduceOp, ReduceScatterOp>(op))
        continue;
      Operation *last = nullptr;
      for (Value operand : op.getOperands())
        if (Operation *def = operand.getDefiningOp(); def && (!last || last->isBeforeInBlock(def)))
          last = def;
      if (last)
        op.moveAfter(last);
    }
  }

  /// The values that stages owe each other within the update. Scalars of one pair of stages and one type travel as one
  /// vector.
  void exchangeInUpdate() {
    using Route = std::tuple<int64_t, int64_t, Type>;
    llvm::MapVector<Route, SmallVector<Value>> packs; // in the order of their first message, on all stages
    for (const StageMessage &message : split.exchange) {
      auto type = cast<RankedTensorType>(message.value.getType());
      bool scalar = type.getRank() == 0;
      packs[{message.from, message.to, scalar ? Type(type) : nullptr}].push_back(message.value);
    }
    int64_t tag = split.sumTag() + split.sums.size();
    for (auto &[route, values] : packs) {
      auto [from, to, type] = route;
      if (!type) {
        for (Value value : values)
          exchange(
              StageMessage{value, from, to, Task::Phase::Backward}, tag++,
              [&](Value value) { return updated.lookup(value); },
              [&](Value value, Value received) { updated.map(value, received); });
        continue;
      }
      Location loc = values[0].getLoc();
      Type element = cast<RankedTensorType>(type).getElementType();
      auto one = RankedTensorType::get({1}, element), all = RankedTensorType::get({int64_t(values.size())}, element);
      if (from == stage) {
        SmallVector<Value> parts;
        for (Value value : values)
          parts.push_back(ReshapeOp::create(b, loc, one, updated.lookup(value)));
        Value pack = parts.size() == 1 ? parts[0] : Value(ConcatOp::create(b, loc, all, parts, b.getI64IntegerAttr(0)));
        SendOp::create(b, loc, pack, b.getI64IntegerAttr(to), b.getI64IntegerAttr(tag));
      } else if (to == stage) {
        Value pack = RecvOp::create(b, loc, all, b.getI64IntegerAttr(from), b.getI64IntegerAttr(tag));
        for (auto [i, value] : llvm::enumerate(values)) {
          Value part = values.size() == 1
                           ? pack
                           : Value(SliceOp::create(b, loc, one, pack, b.getDenseI64ArrayAttr({int64_t(i)}),
                                                   b.getDenseI64ArrayAttr({1})));
          updated.map(value, Value(ReshapeOp::create(b, loc, type, part)));
        }
      }
      ++tag;
    }
  }

  /// Clones the ops of @update whose results this stage wants and whose origins satisfy `part`.
  void cloneUpdate(function_ref<bool(const llvm::SmallBitVector &)> part) {
    for (Operation &op : split.update.getBody().front()) {
      if (auto capture = dyn_cast<CaptureOp>(op)) {
        if (split.captureStage(capture) == stage && part(split.originsOf(capture.getX())))
          b.clone(op, updated);
        continue;
      }
      SmallVector<unsigned> results;
      for (OpResult result : op.getResults())
        if (split.wanted[stage].contains(result) && part(split.originsOf(result)))
          results.push_back(result.getResultNumber());
      if (results.empty())
        continue;
      if (!isBucket(&op)) {
        b.clone(op, updated);
        continue;
      }
      SmallVector<Value> operands; // of a bucket, what this stage has of it
      SmallVector<BucketPart> parts;
      for (unsigned i : results) {
        operands.push_back(updated.lookup(op.getOperand(i)));
        parts.push_back({&op, i});
      }
      Operation *own = createBucket(b, op.getLoc(), parts, operands);
      for (auto [i, result] : llvm::zip(results, own->getResults()))
        updated.map(op.getResult(i), result);
    }
  }
};

struct SplitPipelinePass : impl::SplitPipelinePassBase<SplitPipelinePass> {
  using SplitPipelinePassBase::SplitPipelinePassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (!module.lookupSymbol("gradients") && !module.lookupSymbol("update"))
      return;
    FailureOr<PipelineSplit> split = readPipelineSplit(module, schedule, chunks);
    if (failed(split))
      return signalPassFailure();
    for (int64_t stage = 0; stage < split->stages; ++stage)
      if (failed(StageWriter(*split, stage).write()))
        return signalPassFailure();
    split->gradients.erase();
    split->update.erase();
    if (split->stages > 1) // for --plan-html
      module->setAttr("llcc.schedule", StringAttr::get(&getContext(), printSchedule(split->schedule)));
  }
};
} // namespace

} // namespace mlir::llcc
