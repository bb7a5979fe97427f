// Each operation of the plan with the operands and numbers that it needs.
#include "passes/verify/InstructionShapes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/FormatVariadic.h"

namespace mlir::llcc {

int64_t bufferBytes(Value buffer) {
  auto type = cast<MemRefType>(buffer.getType());
  return type.getNumElements() * ((type.getElementTypeBitWidth() + 7) / 8);
}

namespace {
using llvm::formatv;

std::string textOf(Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

class Checking {
public:
  Checking(ExecOp exec, ModuleOp module) : exec(exec), module(module) {
    for (Value in : exec.getIns())
      ins.push_back(cast<MemRefType>(in.getType()));
    for (Value out : exec.getOuts())
      outs.push_back(cast<MemRefType>(out.getType()));
    if (auto attr = exec.getArgs().getAs<DenseI64ArrayAttr>("ints"))
      ints = attr.asArrayRef();
    if (auto attr = exec.getArgs().getAs<DenseF64ArrayAttr>("reals"))
      reals = attr.asArrayRef();
    if (auto attr = exec.getArgs().getAs<DenseI64ArrayAttr>("axes"))
      axes = attr.asArrayRef();
  }

  std::string run() {
    using Check = std::string (Checking::*)();
    Check check = llvm::StringSwitch<Check>(exec.getOp())
                      .Case("Launch", &Checking::launch)
                      .Case("Matmul", &Checking::matmul)
                      .Case("Conv", &Checking::conv)
                      .Case("ConvInputGrad", &Checking::convInputGrad)
                      .Case("ConvWeightGrad", &Checking::convWeightGrad)
                      .Case("Copy", &Checking::copy)
                      .Case("Fill", &Checking::fill)
                      .Case("Feed", &Checking::feed)
                      .Case("FeedScalar", &Checking::feedScalar)
                      .Case("AllReduce", &Checking::allReduce)
                      .Case("AllGather", &Checking::allGather)
                      .Case("ReduceScatter", &Checking::reduceScatter)
                      .Case("AllToAll", &Checking::allToAll)
                      .Case("RingShift", &Checking::ringShift)
                      .Case("Send", &Checking::send)
                      .Case("Recv", &Checking::recv)
                      .Case("Capture", &Checking::capture)
                      .Case("Recurrence", &Checking::recurrence)
                      .Case("RecurrenceGrad", &Checking::recurrence)
                      .Default(nullptr);
    if (!check)
      return formatv("\"{0}\" is no operation of the plan", exec.getOp());
    return (this->*check)();
  }

private:
  std::string counts(size_t inCount, size_t outCount, size_t intCount, size_t realCount = 0) {
    if (ins.size() != inCount || outs.size() != outCount)
      return formatv("has {0} ins and {1} outs, needs {2} and {3}", ins.size(), outs.size(), inCount, outCount);
    if (ints.size() != intCount || reals.size() != realCount)
      return formatv("has {0} ints and {1} reals, needs {2} and {3}", ints.size(), reals.size(), intCount, realCount);
    return {};
  }

  /// The op's verifier has proven the shapes, the plan's (runtime/plan/VerifyShapes.cpp) proves them again.
  std::string recurrence() {
    if (ints.size() != 5 || reals.size() != 7 || ins.size() < 3 || outs.empty())
      return formatv("has {0} ins, {1} outs, {2} ints and {3} reals, needs at least 3 and 1, 5 and 7", ins.size(),
                     outs.size(), ints.size(), reals.size());
    return {};
  }

  /// The group's size, or 0 with `error` set.
  int64_t members(std::string &error) {
    auto mesh = module->getAttrOfType<MeshAttr>("llcc.mesh");
    int64_t count = 1;
    for (int64_t axis : axes) {
      if (!mesh || axis < 0 || axis >= int64_t(mesh.getSizes().size())) {
        error = formatv("runs over mesh axis {0}, the mesh has {1}", axis, mesh ? mesh.getSizes().size() : 0);
        return 0;
      }
      count *= mesh.getSizes()[axis];
    }
    if (axes.empty())
      error = "runs over no mesh axis, needs at least one";
    return axes.empty() ? 0 : count;
  }

  std::string elements(StringRef what, MemRefType type, int64_t count) {
    if (type.getNumElements() == count)
      return {};
    return formatv("{0} {1} has {2} elements, needs {3}", what, textOf(type), type.getNumElements(), count);
  }

  std::string launch() {
    if (ints.size() != 2 || !reals.empty())
      return formatv("has {0} ints and {1} reals, needs extent and cost", ints.size(), reals.size());
    if (ints[0] < 0 || ints[1] < 1)
      return formatv("has extent {0} and cost {1}, needs at least 0 and 1", ints[0], ints[1]);
    if (!exec.getKernelAttr())
      return "launches no kernel";
    for (Operation &op : *module.getBody()) // code for a GPU lies in a module of its own and has lost its shapes
      if (op.hasTrait<OpTrait::SymbolTable>() && SymbolTable::lookupSymbolIn(&op, exec.getKernelAttr().getAttr()))
        return {};
    auto kernel = module.lookupSymbol<func::FuncOp>(exec.getKernelAttr());
    if (!kernel || !kernel->hasAttr("llcc.kernel"))
      return formatv("launches @{0}, which is no kernel of the module", exec.getKernelAttr().getValue());
    // What the kernel takes: ins, outs that are not ins; before conversion to loops these are its results.
    bool loops = !kernel.getArgumentTypes().empty() && isa<MemRefType>(kernel.getArgumentTypes().front());
    SmallVector<Type> given, wanted(kernel.getArgumentTypes());
    llvm::append_range(given, ins);
    if (loops) {
      for (auto [out, type] : llvm::zip(exec.getOuts(), outs))
        if (!llvm::is_contained(exec.getIns(), out))
          given.push_back(type);
      if (wanted.size() < 3)
        return formatv("launches @{0}, whose arguments don't end in coordinates, begin and end", kernel.getName());
      wanted.pop_back_n(3);
    } else {
      llvm::append_range(given, outs);
      llvm::append_range(wanted, kernel.getResultTypes());
    }
    if (given.size() != wanted.size())
      return formatv("hands {0} buffers to @{1}, which takes {2}", given.size(), kernel.getName(), wanted.size());
    for (auto [i, types] : llvm::enumerate(llvm::zip(given, wanted))) {
      auto buffer = cast<MemRefType>(std::get<0>(types));
      auto taken = cast<ShapedType>(std::get<1>(types));
      bool flags = buffer.getElementType().isInteger(1) && taken.getElementType().isInteger(8);
      if (buffer.getNumElements() != taken.getNumElements() ||
          (buffer.getElementType() != taken.getElementType() && !flags))
        return formatv("hands {0} to @{1} as buffer {2}, which takes {3}", textOf(buffer), kernel.getName(), i,
                       textOf(taken));
    }
    auto inPlace = kernel->getAttrOfType<DenseI64ArrayAttr>("llcc.inplace");
    if (loops || !inPlace)
      return {};
    for (auto [result, argument] : llvm::enumerate(inPlace.asArrayRef()))
      if (argument >= 0 && exec.getOuts()[result] != exec.getIns()[argument])
        return formatv("result {0} of @{1} overwrites argument {2}, the launch gives two buffers", result,
                       kernel.getName(), argument);
    return {};
  }

  std::string matmul() {
    if (std::string error = counts(2, 1, 6, 2); !error.empty())
      return error;
    int64_t batch = ints[0], m = ints[1], n = ints[2], k = ints[3];
    if (ins[0].getElementType() != ins[1].getElementType())
      return formatv("multiplies {0} by {1}", textOf(ins[0]), textOf(ins[1]));
    Type type = ins[0].getElementType(), sum = outs[0].getElementType();
    if (sum != type && !(sum.isF32() && (type.isBF16() || type.isF16())))
      return formatv("multiplies {0} into {1}", textOf(ins[0]), textOf(outs[0]));
    for (auto &error : {elements("lhs", ins[0], batch * m * k), elements("rhs", ins[1], batch * k * n),
                        elements("result", outs[0], batch * m * n)})
      if (!error.empty())
        return error;
    return {};
  }

  std::string windows(MemRefType x, MemRefType w, MemRefType y) {
    int64_t rank = x.getRank(), r = rank - 2;
    if (r < 1 || w.getRank() != rank || y.getRank() != rank)
      return formatv("has x of rank {0}, w of rank {1} and y of rank {2}, needs equal ranks of at least 3", rank,
                     w.getRank(), y.getRank());
    if (int64_t(ints.size()) != 2 + 4 * r || ints[0] != r)
      return formatv("has {0} ints, needs {1} for {2} spatial dimensions", ints.size(), 2 + 4 * r, r);
    int64_t groups = ints[1];
    if (groups < 1 || x.getDimSize(1) != w.getDimSize(1) * groups || w.getDimSize(0) % groups ||
        y.getDimSize(1) != w.getDimSize(0) || y.getDimSize(0) != x.getDimSize(0))
      return formatv("channels of x {0}, w {1}, y {2} don't fit {3} groups", textOf(x), textOf(w), textOf(y), groups);
    for (int64_t d = 0; d < r; ++d) {
      int64_t stride = ints[2 + d], lo = ints[2 + r + d], hi = ints[2 + 2 * r + d], dilation = ints[2 + 3 * r + d];
      int64_t room = x.getDimSize(2 + d) + lo + hi - dilation * (w.getDimSize(2 + d) - 1) - 1;
      int64_t size = stride < 1 || room < 0 ? 0 : room / stride + 1;
      if (size != y.getDimSize(2 + d))
        return formatv("spatial dimension {0} of y has size {1}, the windows give {2}", d, y.getDimSize(2 + d), size);
    }
    return {};
  }
  std::string convCounts() { return ins.size() == 2 && outs.size() == 1 ? std::string() : counts(2, 1, ints.size()); }
  std::string conv() {
    std::string error = convCounts();
    return error.empty() ? windows(ins[0], ins[1], outs[0]) : error;
  }
  std::string convInputGrad() {
    std::string error = convCounts();
    return error.empty() ? windows(outs[0], ins[1], ins[0]) : error;
  }
  std::string convWeightGrad() {
    std::string error = convCounts();
    return error.empty() ? windows(ins[0], outs[0], ins[1]) : error;
  }

  std::string copy() {
    std::string error = counts(1, 1, 0);
    if (error.empty() &&
        (ins[0].getElementType() != outs[0].getElementType() || ins[0].getNumElements() != outs[0].getNumElements()))
      error = formatv("copies {0} to {1}", textOf(ins[0]), textOf(outs[0]));
    return error;
  }
  std::string fill() { return counts(0, 1, 0, 1); }
  std::string into(StringRef space) {
    auto buffer = exec.getOuts()[0].getDefiningOp<BufferOp>();
    if (buffer && buffer.getSpace() == space)
      return {};
    return formatv("fills a buffer of space \"{0}\", needs \"{1}\"", buffer ? buffer.getSpace() : "", space);
  }
  std::string feed() {
    std::string error = counts(0, 1, 1);
    return error.empty() ? into("input") : error;
  }
  std::string feedScalar() {
    std::string error = counts(0, 1, 0);
    return error.empty() ? into("scalar") : error;
  }

  std::string allReduce() {
    std::string error = counts(outs.size(), ins.size(), 1);
    if (error.empty())
      members(error);
    for (auto [in, out] : llvm::zip(ins, outs))
      if (error.empty() && in != out)
        error = formatv("reduces {0} to {1}", textOf(in), textOf(out));
    return error;
  }

  /// True where `a` and `b` agree but for the given dimensions.
  static bool alike(MemRefType a, MemRefType b, ArrayRef<int64_t> but) {
    if (a.getRank() != b.getRank() || a.getElementType() != b.getElementType())
      return false;
    for (int64_t d = 0; d < a.getRank(); ++d)
      if (!llvm::is_contained(but, d) && a.getDimSize(d) != b.getDimSize(d))
        return false;
    return llvm::all_of(but, [&](int64_t d) { return d >= 0 && d < a.getRank(); });
  }
  static int64_t blockOf(int64_t size, int64_t members) { return (size + members - 1) / members; }

  /// How many tensors go together.
  size_t bucket() const { return std::max<size_t>(1, ins.size()); }

  std::string allGather() {
    std::string error = counts(bucket(), bucket(), 2 * bucket());
    int64_t count = error.empty() ? members(error) : 0;
    for (size_t i = 0; i < ins.size() && error.empty(); ++i)
      if (int64_t dim = ints[2 * i], size = ints[2 * i + 1];
          !alike(ins[i], outs[i], dim) || outs[i].getDimSize(dim) != size || size > count * ins[i].getDimSize(dim))
        error = formatv("gathers {0} of {1} members along dimension {2} to {3}", textOf(ins[i]), count, dim,
                        textOf(outs[i]));
    return error;
  }
  std::string reduceScatter() {
    std::string error = counts(bucket(), bucket(), 1 + bucket());
    int64_t count = error.empty() ? members(error) : 0;
    for (size_t i = 0; i < ins.size() && error.empty(); ++i)
      if (int64_t dim = ints[1 + i];
          !alike(ins[i], outs[i], dim) || outs[i].getDimSize(dim) != blockOf(ins[i].getDimSize(dim), count))
        error = formatv("scatters {0} to {1} members along dimension {2} as {3}", textOf(ins[i]), count, dim,
                        textOf(outs[i]));
    return error;
  }
  std::string allToAll() {
    std::string error = counts(1, 1, 3);
    int64_t count = error.empty() ? members(error) : 0;
    if (error.empty() && (!alike(ins[0], outs[0], {ints[0], ints[1]}) ||
                          outs[0].getDimSize(ints[0]) != blockOf(ins[0].getDimSize(ints[0]), count) ||
                          outs[0].getDimSize(ints[1]) != ints[2] || ints[2] > count * ins[0].getDimSize(ints[1])))
      error = formatv("exchanges {0} with {1} members as {2}", textOf(ins[0]), count, textOf(outs[0]));
    return error;
  }
  std::string ringShift() {
    std::string error = ins.size() == outs.size() && ints.empty() && reals.empty() ? "" : "has other outs than ins";
    if (error.empty())
      members(error);
    for (size_t i = 0; i < ins.size() && error.empty(); ++i)
      if (!alike(ins[i], outs[i], {}))
        error = formatv("hands on {0} as {1}", textOf(ins[i]), textOf(outs[i]));
    return error;
  }
  std::string send() { return counts(1, 0, 2); }
  std::string recv() { return counts(0, 1, 2); }
  std::string capture() {
    std::string error = counts(1, 0, std::max<size_t>(1, ints.size()));
    if (error.empty() && (ints[0] < 0 || ints[0] > 3))
      error = formatv("captures kind {0}, needs 0 to 3", ints[0]);
    if (error.empty() && !exec.getArgs().getAs<StringAttr>("name"))
      error = "captures without a name";
    return error;
  }

  ExecOp exec;
  ModuleOp module;
  SmallVector<MemRefType> ins, outs;
  ArrayRef<int64_t> ints, axes;
  ArrayRef<double> reals;
};
} // namespace

std::string checkInstruction(ExecOp exec, ModuleOp module) { return Checking(exec, module).run(); }

} // namespace mlir::llcc
