// Proves what must hold after lower: no tensor left in a program, buffers placed, reads ordered after writes.
//
// Streams run side by side, so list order alone proves nothing across them. A vector clock for each instruction tells
// how far the other stream has certainly come when it starts: by stream order and waits, and by what those instructions
// knew. Each byte remembers who wrote and read it last on each stream. An instruction may touch bytes only if it comes
// after all that it conflicts with, and may read bytes only if the last to write them did so through the same buffer:
// otherwise the arena was handed out twice.
#include "compiler/ir/Provenance.h"
#include "passes/lower/ArenaMap.h"
#include "passes/lower/Streams.h"
#include "passes/verify/InstructionShapes.h"
#include "passes/verify/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/StringSet.h"

namespace mlir::llcc {
#define GEN_PASS_DEF_VERIFYLOWERPASS
#include "passes/verify/Passes.h.inc"

namespace {
bool isPersistent(BufferOp buffer) { return buffer.getSpace() == "param" || buffer.getSpace() == "state"; }

class ProgramCheck {
public:
  ProgramCheck(ProgramOp program, ModuleOp module) : program(program), module(module) {}

  LogicalResult run() {
    for (Operation &op : program.getBody().front()) {
      if (auto buffer = dyn_cast<BufferOp>(op))
        checkPlace(buffer);
      else if (auto exec = dyn_cast<ExecOp>(op))
        checkExec(exec);
      else
        fail(&op) << op.getName() << " in program @" << program.getSymName()
                  << ", needs llcc.buffer and llcc.exec only";
    }
    checkUpdates();
    return failure(failedAny);
  }

private:
  struct Access {
    Clocks::Clock read = {-1, -1}, write = {-1, -1};
    int64_t lastWrite = -1;
    BufferOp holder; ///< who wrote last, or the persistent buffer that lies here
  };

  InFlightDiagnostic fail(Operation *op) {
    failedAny = true;
    InFlightDiagnostic error = op->emitError();
    if (StringRef node = nodeOf(op->getLoc()); !node.empty())
      error << "node \"" << node << "\": ";
    return error;
  }
  InFlightDiagnostic fail(ExecOp exec) {
    return std::move(fail(exec.getOperation()) << "instruction " << positionOf(exec) << " (" << exec.getOp() << ") ");
  }

  int64_t positionOf(ExecOp exec) { return llvm::find(execs, exec) - execs.begin(); }

  static std::string describe(BufferOp buffer) {
    std::string text;
    llvm::raw_string_ostream os(text);
    os << buffer.getSpace();
    if (!buffer.getName().empty())
      os << " \"" << buffer.getName() << "\"";
    os << " at " << buffer.getOffset();
    return text;
  }

  void checkPlace(BufferOp buffer) {
    int64_t begin = buffer.getOffset(), bytes = bufferBytes(buffer), arena = program.getArenaBytes();
    if (begin < 0 || begin % 64) {
      fail(buffer) << "buffer " << describe(buffer) << " needs an offset that is a multiple of 64";
      return;
    }
    if (begin + bytes > arena) {
      fail(buffer) << "buffer " << describe(buffer) << " ends at " << begin + bytes << ", the arena has " << arena
                   << " bytes";
      return;
    }
    if (!llvm::is_contained({"param", "state", "input", "output", "scalar", "temp", "gradient"}, buffer.getSpace()))
      fail(buffer) << "buffer " << describe(buffer) << " has no space of the plan";
    if (!isPersistent(buffer))
      return;
    // What lives through all steps must have its bytes alone, whatever the order.
    BufferOp other;
    bytesOf.forEach(begin, begin + bytes, [&](Access &access) {
      if (access.holder &&
          (!isPersistent(access.holder) || access.holder.getName() != buffer.getName() ||
           access.holder.getSpace() != buffer.getSpace() || access.holder.getOffset() != buffer.getOffset()))
        other = access.holder;
      access.holder = buffer;
    });
    if (other)
      fail(buffer) << "buffer " << describe(buffer) << " overlaps " << describe(other)
                   << ", but lives through all steps";
  }

  void checkExec(ExecOp exec) {
    int64_t position = execs.size();
    execs.push_back(exec);
    int64_t stream = exec.getStream();
    if (stream < 0 || stream >= kStreams) {
      fail(exec) << "is on stream " << stream << ", there are " << kStreams;
      stream = 0;
    }
    clocks.begin(stream);
    for (int64_t other : exec.getWaits()) {
      if (other < 0 || other >= position)
        fail(exec) << "waits for instruction " << other << ", which is not before it";
      else if (clocks.streamOf(other) == stream)
        fail(exec) << "waits for instruction " << other << " of its own stream";
      else
        clocks.wait(other);
    }
    for (Value operand : exec->getOperands())
      if (!operand.getDefiningOp<BufferOp>()) {
        fail(exec) << "has an operand that is no buffer";
        return;
      }
    if (std::string error = checkInstruction(exec, module); !error.empty()) {
      fail(exec) << error;
      return;
    }
    checkAliases(exec);
    const Clocks::Clock &known = clocks[position];
    auto behind = [&](const Clocks::Clock &clock) -> int64_t {
      for (int64_t s = 0; s < kStreams; ++s)
        if (s != stream && clock[s] > known[s])
          return clock[s];
      return -1;
    };
    auto visit = [&](Value operand, auto each) {
      auto buffer = operand.getDefiningOp<BufferOp>();
      bytesOf.forEach(buffer.getOffset(), buffer.getOffset() + bufferBytes(buffer), each);
    };
    for (Value in : exec.getIns()) {
      auto buffer = in.getDefiningOp<BufferOp>();
      int64_t unordered = -1, overwritten = -1;
      bool unwritten = false;
      BufferOp holder;
      visit(in, [&](Access &access) {
        unordered = std::max(unordered, behind(access.write));
        if (!access.holder)
          unwritten = true;
        else if (!holdsValueOf(access.holder, buffer))
          holder = access.holder, overwritten = access.lastWrite;
      });
      if (unwritten)
        fail(exec) << "reads " << describe(buffer) << ", which nothing has written";
      else if (holder)
        fail(exec) << "reads " << describe(buffer) << ", whose bytes "
                   << (overwritten < 0 ? "belong to "
                                       : "instruction " + std::to_string(overwritten) + " has overwritten as ")
                   << describe(holder);
      if (unordered >= 0)
        fail(exec) << "reads " << describe(buffer) << ", but does not wait for instruction " << unordered
                   << ", which writes it";
    }
    for (Value out : exec.getOuts()) {
      auto buffer = out.getDefiningOp<BufferOp>();
      int64_t writes = -1, reads = -1;
      BufferOp holder;
      visit(out, [&](Access &access) {
        writes = std::max(writes, behind(access.write)), reads = std::max(reads, behind(access.read));
        if (access.holder && isPersistent(access.holder) && !holdsValueOf(access.holder, buffer))
          holder = access.holder;
      });
      if (holder)
        fail(exec) << "writes " << describe(buffer) << ", whose bytes belong to " << describe(holder);
      if (std::max(writes, reads) >= 0)
        fail(exec) << "writes " << describe(buffer) << ", but does not wait for instruction " << std::max(writes, reads)
                   << ", which " << (writes > reads ? "writes" : "reads") << " these bytes";
      if (isPersistent(buffer)) {
        if (program.getKind() == "infer")
          fail(exec) << "writes " << describe(buffer) << ", inference changes nothing";
        ++written[{buffer.getSpace(), buffer.getName()}];
      }
    }
    for (Value in : exec.getIns())
      visit(in, [&](Access &access) { access.read[stream] = position; });
    for (Value out : exec.getOuts())
      visit(out, [&](Access &access) {
        access.write[stream] = access.lastWrite = position;
        access.holder = out.getDefiningOp<BufferOp>();
      });
  }

  /// An instruction's outs are apart from its ins and each other; a kernel or an all-reduce may overwrite a whole
  /// buffer that it reads.
  void checkAliases(ExecOp exec) {
    auto overlap = [](Value a, Value b) {
      int64_t x = a.getDefiningOp<BufferOp>().getOffset(), y = b.getDefiningOp<BufferOp>().getOffset();
      return x < y + bufferBytes(b) && y < x + bufferBytes(a);
    };
    for (auto [i, out] : llvm::enumerate(exec.getOuts())) {
      for (Value in : exec.getIns())
        if (overlap(out, in) && !(out == in && (exec.getOp() == "Launch" || exec.getOp() == "AllReduce")))
          fail(exec) << "writes " << describe(out.getDefiningOp<BufferOp>()) << " over what it reads, "
                     << describe(in.getDefiningOp<BufferOp>());
      for (Value other : exec.getOuts().take_front(i))
        if (overlap(out, other))
          fail(exec) << "writes " << describe(out.getDefiningOp<BufferOp>()) << " and "
                     << describe(other.getDefiningOp<BufferOp>()) << ", which share bytes";
    }
  }

  /// The same piece of memory, perhaps under another shape.
  static bool holdsValueOf(BufferOp holder, BufferOp buffer) {
    if (holder == buffer)
      return true;
    auto a = cast<MemRefType>(holder.getType()), b = cast<MemRefType>(buffer.getType());
    return holder.getOffset() == buffer.getOffset() && a.getElementType() == b.getElementType() &&
           a.getNumElements() == b.getNumElements() && holder.getSpace() == buffer.getSpace() &&
           holder.getName() == buffer.getName() && (a != b || isPersistent(holder));
  }

  void checkUpdates() {
    for (auto &[variable, count] : written)
      if (count > 1)
        fail(program.getOperation()) << "program @" << program.getSymName() << " writes " << variable.first << " \""
                                     << variable.second << "\" " << count << " times, needs one update";
    auto variables = module->getAttrOfType<ArrayAttr>("llcc.variables");
    if (!variables || program.getKind() != "step")
      return;
    for (auto entry : variables.getAsRange<DictionaryAttr>()) {
      auto name = entry.getAs<StringAttr>("name");
      auto stage = entry.getAs<IntegerAttr>("stage");
      auto trainable = entry.getAs<BoolAttr>("trainable");
      if (name && stage && trainable && trainable.getValue() && stage.getInt() == int64_t(program.getStage()) &&
          !written.count({"param", name.getValue()}))
        fail(program.getOperation()) << "program @" << program.getSymName() << " never updates param \""
                                     << name.getValue() << "\"";
    }
  }

  ProgramOp program;
  ModuleOp module;
  bool failedAny = false;
  SmallVector<ExecOp> execs;
  Clocks clocks;
  ArenaMap<Access> bytesOf;
  std::map<std::pair<StringRef, StringRef>, int64_t> written;
};

struct VerifyLowerPass : impl::VerifyLowerPassBase<VerifyLowerPass> {
  using VerifyLowerPassBase::VerifyLowerPassBase;
  void runOnOperation() override {
    ModuleOp module = getOperation();
    bool refused = false;
    for (auto function : module.getOps<func::FuncOp>())
      if (!function->hasAttr("llcc.kernel")) {
        function.emitError() << "@" << function.getName()
                             << " is still a function; llcc-plan-memory makes programs of those that are no kernels";
        refused = true;
      }
    for (auto program : module.getOps<ProgramOp>())
      refused |= failed(ProgramCheck(program, module).run());
    if (refused)
      signalPassFailure();
  }
};
} // namespace
} // namespace mlir::llcc
