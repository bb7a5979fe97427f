// Operand counts, shapes, types and numbers of each instruction, by operation.
#include "runtime/plan/Half.h"
#include "runtime/plan/Pieces.h"
#include "runtime/plan/Verify.h"
#include <algorithm>
#include <map>
#include <set>

namespace llcc::rt {
namespace {

/// A violation of one instruction; thrown to leave its check at the first one.
struct Wrong {
  std::string text;
};

std::string list(const std::vector<int64_t> &values) {
  std::string text;
  for (size_t i = 0; i < values.size(); ++i)
    text += (i ? ", " : "") + std::to_string(values[i]);
  return "[" + text + "]";
}

class InstrCheck {
public:
  InstrCheck(const Plan &plan, const Program &program, const Instr &instr,
             const std::map<std::string, const Kernel *> &kernels)
      : plan(plan), program(program), instr(instr), kernels(kernels) {}

  /// Throws Wrong.
  void run() {
    switch (instr.op) {
    case Op::Launch:
      return launch();
    case Op::Matmul:
      return matmul();
    case Op::Conv:
      counts(2, 1);
      return convolution(in(0), in(1), out(0));
    case Op::ConvInputGrad:
      counts(2, 1);
      return convolution(out(0), in(1), in(0));
    case Op::ConvWeightGrad:
      counts(2, 1);
      return convolution(in(0), out(0), in(1));
    case Op::Copy:
      counts(1, 1);
      need(in(0).bytes() == out(0).bytes(), "copies " + bytes(in(0)) + " into " + bytes(out(0)));
      return;
    case Op::Fill:
      counts(0, 1);
      numbers(0, 1);
      return;
    case Op::Feed:
      counts(0, 1);
      numbers(1, 0);
      need(space(instr.outs[0]) == Buffer::Space::Input, "feeds a buffer that is no input");
      need(instr.ints[0] >= 0 && instr.ints[0] < plan.microbatches,
           "feeds microbatch " + std::to_string(instr.ints[0]) + " of " + std::to_string(plan.microbatches));
      return;
    case Op::FeedScalar:
      counts(0, 1);
      need(space(instr.outs[0]) == Buffer::Space::Scalar, "feeds a buffer that is no scalar");
      return;
    case Op::AllReduce:
      bucket();
      group(1);
      kind();
      for (size_t i = 0; i < instr.ins.size(); ++i)
        same(in(i), out(i));
      return;
    case Op::AllGather:
      return allGather();
    case Op::ReduceScatter:
      bucket();
      group(1 + instr.ins.size());
      kind();
      for (size_t i = 0; i < instr.ins.size(); ++i) {
        Shape expected = in(i);
        int64_t &n = expected.dims[dimension(instr.ints[1 + i], i)];
        n = blocks(n);
        same(expected, out(i));
      }
      return;
    case Op::AllToAll:
      return allToAll();
    case Op::RingShift:
      bucket();
      group(0);
      for (size_t i = 0; i < instr.ins.size(); ++i)
        same(in(i), out(i));
      return;
    case Op::Send:
    case Op::Recv: {
      bool send = instr.op == Op::Send;
      counts(send, !send);
      numbers(2, 0);
      need(program.kind == Program::Kind::Step, "has no peer in inference");
      need(instr.ints[0] >= 0 && instr.ints[0] < plan.stages() && instr.ints[0] != program.stage,
           std::string(send ? "sends to" : "receives from") + " stage " + std::to_string(instr.ints[0]) +
               ", needs another of the " + std::to_string(plan.stages()));
      return;
    }
    case Op::Capture:
      return capture();
    case Op::Recurrence:
    case Op::RecurrenceGrad:
      return recurrence(instr.op == Op::RecurrenceGrad);
    }
  }

private:
  const Shape &in(size_t i) const { return program.buffers[instr.ins[i]].shape; }
  const Shape &out(size_t i) const { return program.buffers[instr.outs[i]].shape; }
  Buffer::Space space(uint32_t b) const { return program.buffers[b].space; }
  static std::string bytes(const Shape &shape) {
    return std::to_string(shape.bytes()) + " bytes (" + nameOf(shape) + ")";
  }

  static void need(bool holds, const std::string &text) {
    if (!holds)
      throw Wrong{text};
  }
  void counts(size_t ins, size_t outs) const {
    need(instr.ins.size() == ins && instr.outs.size() == outs,
         "has " + std::to_string(instr.ins.size()) + " operands and " + std::to_string(instr.outs.size()) +
             " results, needs " + std::to_string(ins) + " and " + std::to_string(outs));
  }
  void numbers(size_t ints, size_t reals) const {
    need(instr.ints.size() == ints && instr.reals.size() == reals,
         "has " + std::to_string(instr.ints.size()) + " integers and " + std::to_string(instr.reals.size()) +
             " reals, needs " + std::to_string(ints) + " and " + std::to_string(reals));
  }
  static void same(const Shape &a, const Shape &b) {
    need(a.type == b.type && a.dims == b.dims, "gives " + nameOf(a) + ", its result is " + nameOf(b));
  }
  void floats() const {
    for (const auto *buffers : {&instr.ins, &instr.outs})
      for (uint32_t b : *buffers) {
        DType type = program.buffers[b].shape.type;
        DType result = program.buffers[instr.outs[0]].shape.type;
        // Sums of 16 bit products may stay as they were accumulated.
        bool keeps = result == DType::F32 && isHalf(in(0).type) && in(1).type == in(0).type;
        need(type == result || (keeps && buffers == &instr.ins),
             std::string("mixes ") + nameOf(type) + " and " + nameOf(result));
        need(type == DType::F32 || type == DType::F64 || type == DType::BF16 || type == DType::F16,
             std::string("works on floats, not on ") + nameOf(type));
      }
  }

  void launch() const {
    auto found = kernels.find(instr.kernel);
    need(found != kernels.end(), "calls a kernel that the plan does not list");
    const Kernel &kernel = *found->second;
    need(instr.ins.size() == kernel.ins && instr.outs.size() == kernel.outs,
         "passes " + std::to_string(instr.ins.size()) + " arguments and " + std::to_string(instr.outs.size()) +
             " results, the kernel has " + std::to_string(kernel.ins) + " and " + std::to_string(kernel.outs));
    signature(kernel);
    numbers(2, 0);
    need(instr.ints[0] >= 0 && instr.ints[1] >= 0, "has extent " + std::to_string(instr.ints[0]) + " and cost " +
                                                       std::to_string(instr.ints[1]) + ", both must be 0 or more");
  }

  /// Every argument has the elements that the code reads or writes there: results in place are passed once.
  void signature(const Kernel &kernel) const {
    if (kernel.signature.empty())
      return;
    std::vector<uint32_t> arguments = instr.ins;
    for (uint32_t b : instr.outs)
      if (std::none_of(instr.ins.begin(), instr.ins.end(),
                       [&](uint32_t in) { return rootOf(program, in) == rootOf(program, b); }))
        arguments.push_back(b);
    need(arguments.size() == kernel.signature.size(), "passes " + std::to_string(arguments.size()) +
                                                          " buffers, the kernel takes " +
                                                          std::to_string(kernel.signature.size()));
    for (size_t i = 0; i < arguments.size(); ++i) {
      const Shape &have = program.buffers[arguments[i]].shape, &want = kernel.signature[i];
      // Flags are bytes in code.
      bool type = have.type == want.type || (have.type == DType::Bool && want.type == DType::I8);
      need(type && have.elements() == want.elements(),
           "passes " + nameOf(have) + " as argument " + std::to_string(i) + ", the kernel works on " + nameOf(want));
    }
  }

  void matmul() const {
    counts(2, 1);
    numbers(6, 2);
    floats();
    for (size_t i = 0; i < 4; ++i)
      need(instr.ints[i] >= 0 && instr.ints[i] < (int64_t(1) << 31), "has sizes " + list(instr.ints));
    need((instr.ints[4] | 1) == 1 && (instr.ints[5] | 1) == 1, "transposes are 0 or 1, here " + list(instr.ints));
    const __int128 batch = instr.ints[0], m = instr.ints[1], n = instr.ints[2], k = instr.ints[3];
    auto holds = [](const Shape &shape, __int128 count) { return static_cast<__int128>(shape.elements()) == count; };
    need(holds(in(0), batch * m * k) && holds(in(1), batch * k * n) && holds(out(0), batch * m * n),
         "multiplies batch, m, n, k = " + list({instr.ints.begin(), instr.ints.begin() + 4}) + ", its buffers are " +
             nameOf(in(0)) + " x " + nameOf(in(1)) + " = " + nameOf(out(0)));
  }

  /// x [N, C, spatial..], w [M, C/groups, kernel..], y [N, M, out..]; Ops.td, llcc.conv (C1)..(C3).
  void convolution(const Shape &x, const Shape &w, const Shape &y) const {
    floats();
    need(instr.ints.size() >= 2 && instr.ints[0] >= 1 && instr.ints[0] <= 3 &&
             instr.ints.size() == 2 + 4 * static_cast<size_t>(instr.ints[0]) && instr.reals.empty(),
         "has integers " + list(instr.ints) +
             ", needs rank 1 to 3, groups, and strides, pads before, pads after, dilations of each dimension");
    size_t rank = static_cast<size_t>(instr.ints[0]);
    int64_t groups = instr.ints[1];
    std::string shapes = nameOf(x) + " * " + nameOf(w) + " = " + nameOf(y);
    need(x.dims.size() == rank + 2 && w.dims.size() == rank + 2 && y.dims.size() == rank + 2,
         "has " + std::to_string(rank) + " spatial dimensions, its buffers are " + shapes);
    need(groups >= 1 && x.dims[1] % groups == 0 && w.dims[0] % groups == 0 && w.dims[1] == x.dims[1] / groups &&
             y.dims[1] == w.dims[0] && y.dims[0] == x.dims[0],
         "has " + std::to_string(groups) + " groups, its buffers are " + shapes);
    for (size_t i = 0; i < rank; ++i) {
      const int64_t *at = &instr.ints[2 + i];
      int64_t stride = at[0], lo = at[rank], hi = at[2 * rank], dilation = at[3 * rank];
      constexpr int64_t limit = int64_t(1) << 31;
      int64_t n = x.dims[2 + i], kernel = w.dims[2 + i];
      need(stride >= 1 && stride < limit && dilation >= 1 && dilation < limit && lo >= 0 && lo < limit && hi >= 0 &&
               hi < limit && n < limit && kernel >= 1 && kernel < limit,
           "has integers " + list(instr.ints) + ", strides and dilations are at least 1, pads at least 0");
      int64_t room = n + lo + hi - dilation * (kernel - 1) - 1;
      need(room >= 0 && y.dims[2 + i] == room / stride + 1,
           "has integers " + list(instr.ints) + ", dimension " + std::to_string(2 + i) + " gives " +
               std::to_string(room < 0 ? 0 : room / stride + 1) + ", its buffers are " + shapes);
    }
  }

  /// Shapes: compiler/ir/Ops.td, llcc.recurrence (C1); order: Plan.h.
  void recurrence(bool gradient) const {
    numbers(5, 7);
    const int64_t kind = instr.ints[0], flags = instr.ints[1];
    need(kind >= 0 && kind <= 2 && flags >= 0 && flags < 64, "has integers " + list(instr.ints));
    const bool lstm = kind == 0, gru = kind == 1, linear = flags & kLinearBeforeReset;
    need((lstm || !(flags & (kInputForget | kHasPeepholes | kHasCellCotangent))) && (gru || !linear) &&
             (gradient || !(flags & kHasCellCotangent)),
         "has flags " + std::to_string(flags) + ", which kind " + std::to_string(kind) + " has not");
    for (int64_t i = 0; i < 3; ++i) {
      int64_t activation = instr.ints[static_cast<size_t>(2 + i)];
      need(activation >= (i < 3 - kind ? 0 : -1) && activation < kActivations, "has integers " + list(instr.ints));
    }
    const bool peepholes = flags & kHasPeepholes, lengths = flags & kHasLengths, dcells = flags & kHasCellCotangent;
    counts(gradient ? size_t(4 + 2 * lstm + (kind != 2) + dcells + peepholes + lengths)
                    : size_t(3 + lstm + peepholes + linear + lengths),
           gradient ? size_t(2 + lstm) : size_t(1 + lstm + (kind != 2)));
    const Shape &r = in(gradient ? 0 : 1), &steps = gradient ? in(3) : out(0);
    need(r.dims.size() == 2 && steps.dims.size() == 3 && steps.dims[2] == r.dims[1],
         "works on " + nameOf(r) + " and " + nameOf(steps) + ", needs [gates * H, H] and [T, B, H]");
    need(steps.type == DType::F32 || steps.type == DType::F64,
         std::string("works on f32 and f64, not on ") + nameOf(steps.type));
    const int64_t T = steps.dims[0], B = steps.dims[1], H = r.dims[1], gates = lstm ? 4 : gru ? 3 : 1;
    need(r.dims[0] == gates * H, "has " + nameOf(r) + ", needs " + std::to_string(gates) + " square matrices");
    auto is = [&](const Shape &shape, std::vector<int64_t> dims) {
      need(shape.type == steps.type && shape.dims == dims,
           "has " + nameOf(shape) + ", needs " + list(dims) + " of " + nameOf(steps.type));
    };
    const std::vector<int64_t> sequence = {T, B, H}, state = {B, H}, saved = {T, B, (lstm || linear ? 4 : 3) * H};
    size_t i = gradient ? 4 : 3, o = 1;
    is(r, r.dims);
    is(in(gradient ? 1 : 2), state);
    if (gradient) {
      is(in(2), sequence);
      is(out(0), {T, B, gates * H});
      is(out(o++), state);
    } else {
      is(in(0), {T, B, gates * H});
    }
    if (lstm) {
      is(in(i++), state);
      gradient ? is(in(i++), sequence) : is(out(o++), sequence);
    }
    if (kind != 2)
      gradient ? is(in(i++), saved) : is(out(o++), saved);
    if (dcells)
      is(in(i++), sequence);
    if (peepholes)
      is(in(i++), {3 * H});
    if (!gradient && linear)
      is(in(i++), {H});
    if (gradient && lstm)
      is(out(o++), state);
    if (lengths)
      need((in(i).type == DType::I32 || in(i).type == DType::I64) && in(i).dims == std::vector<int64_t>{B},
           "has lengths " + nameOf(in(i)) + ", needs " + std::to_string(B) + " integers");
  }

  void group(size_t ints) const {
    numbers(ints, 0);
    need(!instr.axes.empty(), "names no mesh axis");
    need(program.kind == Program::Kind::Step, "has no group in inference");
  }
  void kind() const {
    need(instr.ints[0] >= 0 && instr.ints[0] <= 3,
         "has reduction kind " + std::to_string(instr.ints[0]) + ", there are 0 to 3");
  }
  /// Several tensors go together: results pair with operands, all of one type.
  void bucket() const {
    need(!instr.ins.empty() && instr.ins.size() == instr.outs.size(),
         "has " + std::to_string(instr.ins.size()) + " operands and " + std::to_string(instr.outs.size()) +
             " results, needs as many");
    for (size_t i = 0; i < instr.ins.size(); ++i)
      need(in(i).type == in(0).type,
           "mixes " + std::string(nameOf(in(0).type)) + " and " + nameOf(in(i).type) + " in one bucket");
  }
  size_t dimension(int64_t dim, size_t i = 0) const {
    need(dim >= 0 && dim < static_cast<int64_t>(in(i).dims.size()),
         "works along dimension " + std::to_string(dim) + " of " + nameOf(in(i)));
    return static_cast<size_t>(dim);
  }
  int64_t blocks(int64_t n) const {
    int64_t members = membersOf(plan, instr);
    return n / members + (n % members != 0);
  }

  void allGather() const {
    bucket();
    group(2 * instr.ins.size());
    for (size_t i = 0; i < instr.ins.size(); ++i) {
      int64_t dim = instr.ints[2 * i], size = instr.ints[2 * i + 1];
      Shape expected = in(i);
      int64_t &n = expected.dims[dimension(dim, i)];
      need(size >= 0 && n == blocks(size), "gathers " + std::to_string(membersOf(plan, instr)) + " blocks of " +
                                               std::to_string(n) + " into " + std::to_string(size) +
                                               " along dimension " + std::to_string(dim) + ", each must be " +
                                               std::to_string(blocks(std::max<int64_t>(size, 0))));
      n = size;
      same(expected, out(i));
    }
  }

  void allToAll() const {
    counts(1, 1);
    group(3);
    size_t split = dimension(instr.ints[0]), concat = dimension(instr.ints[1]);
    need(split != concat, "splits and joins along the same dimension " + std::to_string(split));
    Shape expected = in(0);
    expected.dims[split] = blocks(expected.dims[split]);
    need(instr.ints[2] >= 0 && expected.dims[concat] == blocks(instr.ints[2]),
         "joins " + std::to_string(membersOf(plan, instr)) + " blocks of " + std::to_string(expected.dims[concat]) +
             " into " + std::to_string(instr.ints[2]) + " along dimension " + std::to_string(concat));
    expected.dims[concat] = instr.ints[2];
    same(expected, out(0));
  }

  void capture() const {
    counts(1, 0);
    bool infer = program.kind == Program::Kind::Infer;
    int64_t kind = instr.ints.empty() ? -1 : instr.ints[0];
    if (kind != 1)
      numbers(1, 0);
    need(kind >= 0 && kind <= 3, "has kind " + std::to_string(kind) + ", there are 0 (loss) to 3 (output)");
    need((kind == 3) == infer,
         infer ? "shows something else than an output of inference" : "shows an output in a step");
    if (kind == 0 || kind == 2)
      need(in(0).elements() == 1 && (in(0).type == DType::F32 || in(0).type == DType::F64),
           "shows " + nameOf(in(0)) + ", needs one f32 or f64");
    if (kind == 3) {
      auto found =
          std::find_if(plan.outputs.begin(), plan.outputs.end(), [&](const Output &o) { return o.name == instr.name; });
      need(found != plan.outputs.end(), "shows output \"" + instr.name + "\", which the plan does not list");
      same(in(0), found->shape);
    }
    if (kind == 1) {
      auto found = std::find_if(plan.variables.begin(), plan.variables.end(),
                                [&](const Variable &v) { return v.name == instr.name; });
      need(found != plan.variables.end(), "shows the gradient of \"" + instr.name + "\", which the plan does not list");
      std::optional<Sharding> cut = gradientSharding(plan, *found, instr);
      need(cut.has_value(), "cuts the gradient of \"" + instr.name + "\" by " + list(instr.ints) +
                                ", needs for each dimension a number of mesh axes and the axes, each once");
      Shape local = localShape(found->shape, *cut, plan.sizes);
      need(local.dims == in(0).dims && local.type == in(0).type,
           "shows the gradient of \"" + instr.name + "\" as " + nameOf(in(0)) + ", its cut gives " + nameOf(local));
    }
  }

  const Plan &plan;
  const Program &program;
  const Instr &instr;
  const std::map<std::string, const Kernel *> &kernels;
};

/// Two launches of one kernel must pass the same number of pointers: the same results must be in place.
std::vector<int64_t> inPlace(const Program &program, const Instr &instr) {
  std::vector<int64_t> places;
  for (uint32_t b : instr.outs) {
    auto at = std::find_if(instr.ins.begin(), instr.ins.end(),
                           [&](uint32_t in) { return rootOf(program, in) == rootOf(program, b); });
    places.push_back(at == instr.ins.end() ? -1 : at - instr.ins.begin());
  }
  return places;
}

} // namespace

std::optional<Sharding> gradientSharding(const Plan &plan, const Variable &variable, const Instr &capture) {
  Sharding sharding;
  if (capture.ints.size() == 1)
    return sharding;
  std::set<int64_t> used;
  size_t at = 1;
  for (size_t dim = 0; dim < variable.shape.dims.size(); ++dim) {
    if (at >= capture.ints.size() || capture.ints[at] < 0 ||
        static_cast<uint64_t>(capture.ints[at]) > capture.ints.size() - at - 1)
      return std::nullopt;
    std::vector<uint32_t> axes;
    for (int64_t count = capture.ints[at++]; count > 0; --count) {
      int64_t axis = capture.ints[at++];
      if (axis < 0 || static_cast<uint64_t>(axis) >= plan.sizes.size() || !used.insert(axis).second)
        return std::nullopt;
      axes.push_back(static_cast<uint32_t>(axis));
    }
    sharding.dims.push_back(axes);
  }
  return at == capture.ints.size() ? std::optional(sharding) : std::nullopt;
}

void verifyShapes(const Plan &plan, Report &report) {
  std::map<std::string, const Kernel *> kernels;
  for (const Kernel &kernel : plan.kernels)
    kernels.emplace(kernel.name, &kernel);
  std::map<std::string, std::vector<int64_t>> places;
  for (const Program &program : plan.programs)
    for (size_t i = 0; i < program.instrs.size() && !report.full(); ++i) {
      const Instr &instr = program.instrs[i];
      try {
        InstrCheck(plan, program, instr, kernels).run();
        if (instr.op == Op::Launch &&
            places.emplace(instr.kernel, inPlace(program, instr)).first->second != inPlace(program, instr))
          throw Wrong{"has other results in place than an earlier launch of the kernel"};
      } catch (const Wrong &wrong) {
        report.add(nameOf(program, i) + ": " + wrong.text);
      }
    }
}

} // namespace llcc::rt
