// What devices must hold alike stays alike: no update, loss or gradient differs between members that hold the same
// piece.
//
// For each value the mesh axes along which members may hold different ones, by induction from what the loader does:
// pieces of variables and inputs differ along the axes that cut them; a kernel's results differ where an operand does,
// or where it looks at its coordinates; a sum or gather over axes is the same on all their members. A gradient whose
// all-reduce is missing, or goes over another axis, differs along the axis that it should have been summed over, and so
// does the weight that it updates: replicas would drift apart. Sums that count twice are not found here (see
// Meaning.h), nor what differs among scalars that a kernel packs into one vector (parts of a norm on their way to
// another stage): elements of one buffer are not told apart.
#include "runtime/plan/Verify.h"
#include "runtime/plan/Walk.h"

namespace llcc::rt {
namespace {

using Axes = uint64_t; ///< a bit for each mesh axis with more than one member

class ReplicaCheck {
public:
  ReplicaCheck(const Plan &plan, Report &report) : plan(plan), report(report) {
    for (const Kernel &kernel : plan.kernels) {
      kernels[kernel.name] = &kernel;
      for (uint32_t axis : kernel.coords)
        looks[kernel.name] |= bit(axis);
    }
  }

  void run() {
    for (const Program &program : plan.programs) {
      values[&program].assign(program.buffers.size(), 0);
      for (size_t b = 0; b < program.buffers.size(); ++b)
        if (isVariable(program.buffers[b]))
          values[&program][b] = cut(plan.variables[program.buffers[b].index].sharding);
    }
    walkStages(plan, [&](const std::vector<Site> &sites) {
      Axes all = 0;
      for (const Site &site : sites)
        for (uint32_t b : site.instr().ins)
          all |= at(site, b);
      for (const Site &site : sites)
        step(site, sites.size() > 1 ? all : 0);
    });
    for (auto &[program, list] : values)
      if (program->kind == Program::Kind::Step)
        for (size_t b = 0; b < list.size() && !report.full(); ++b)
          if (const Buffer &buffer = program->buffers[b]; isVariable(buffer) && buffer.viewOf < 0)
            last(*program, static_cast<uint32_t>(b));
  }

private:
  static bool isVariable(const Buffer &buffer) {
    return buffer.space == Buffer::Space::Param || buffer.space == Buffer::Space::State;
  }
  Axes bit(uint32_t axis) const { return axis < 64 && plan.sizes[axis] > 1 ? Axes(1) << axis : 0; }
  Axes bits(const std::vector<uint32_t> &axes) const {
    Axes result = 0;
    for (uint32_t axis : axes)
      result |= bit(axis);
    return result;
  }
  Axes cut(const Sharding &sharding) const {
    Axes result = 0;
    for (const auto &axes : sharding.dims)
      result |= bits(axes);
    return result;
  }
  std::string names(Axes axes) const {
    std::string text;
    for (uint32_t a = 0; a < plan.axes.size(); ++a)
      if (axes & bit(a))
        text += (text.empty() ? "\"" : ", \"") + plan.axes[a] + "\"";
    return text;
  }
  Axes &at(const Site &site, uint32_t b) { return values[site.program][rootOf(*site.program, b)]; }

  /// `group`: axes along which an operand differs in any stage, of a collective over stages.
  void step(const Site &site, Axes group) {
    const Instr &instr = site.instr();
    int64_t stage = site.program->stage;
    Axes all = group, over = bits(instr.axes);
    for (uint32_t b : instr.ins)
      all |= at(site, b);
    if (instr.op == Op::Matmul && instr.reals.size() > 1 && instr.reals[1] != 0)
      all |= at(site, instr.outs[0]);
    switch (instr.op) {
    case Op::Feed:
      all = cut(plan.inputs[site.program->buffers[instr.outs[0]].index].sharding);
      break;
    case Op::FeedScalar:
    case Op::Fill:
      all = 0;
      break;
    case Op::Launch: {
      all |= looks[instr.kernel];
      bool scalars = !instr.ins.empty();
      for (uint32_t b : instr.ins)
        scalars &= site.program->buffers[b].shape.elements() == 1;
      auto kernel = kernels.find(instr.kernel);
      const auto *each = kernel == kernels.end() ? nullptr : &kernel->second->dependences;
      std::vector<Axes> results;
      for (size_t i = 0; i < instr.outs.size(); ++i) {
        Axes result = all;
        if (each && i < each->size()) { // of what the code looks at, what this result does
          result = group | (bits((*each)[i].coords) & looks[instr.kernel]);
          for (uint32_t in : (*each)[i].ins)
            result |= in < instr.ins.size() ? at(site, instr.ins[in]) : all;
        }
        bool packed = scalars && site.program->buffers[instr.outs[i]].shape.elements() > 1;
        results.push_back(packed ? 0 : result);
      }
      for (size_t i = 0; i < instr.outs.size(); ++i)
        at(site, instr.outs[i]) = results[i];
      return;
    }
    case Op::AllReduce: // a bucket's parts are values of their own
    case Op::AllGather:
    case Op::ReduceScatter:
    case Op::RingShift: // of equal values it changes nothing
      for (size_t i = 0; i < instr.outs.size(); ++i) {
        Axes part = at(site, instr.ins[i]) | group;
        if (instr.op != Op::RingShift)
          part = instr.op == Op::ReduceScatter ? part | over : part & ~over;
        at(site, instr.outs[i]) = part;
      }
      return;
    case Op::AllToAll:
      all |= over;
      break;
    case Op::Send:
      mail[{stage, instr.ints[0]}].push_back(all);
      return;
    case Op::Recv: {
      auto &lane = mail[{instr.ints[0], stage}];
      all = lane.empty() ? 0 : lane.front();
      if (!lane.empty())
        lane.erase(lane.begin());
      break;
    }
    case Op::Capture:
      return capture(site, all);
    default:
      break;
    }
    for (uint32_t b : instr.outs)
      at(site, b) = all;
  }

  void capture(const Site &site, Axes differs) {
    const Instr &instr = site.instr();
    if (instr.ints[0] == 1)
      for (const Variable &v : plan.variables)
        if (v.name == instr.name)
          if (std::optional<Sharding> sharding = gradientSharding(plan, v, instr))
            differs &= ~cut(*sharding);
    if (!differs || report.full())
      return;
    const char *what = instr.ints[0] == 0 ? "the loss" : instr.ints[0] == 1 ? "a gradient" : "the gradient's norm";
    report.add(nameOf(*site.program, site.index) + ": shows " + what + " that differs between devices along " +
               names(differs) + "; a collective over it is missing or goes over another axis");
  }

  void last(const Program &program, uint32_t b) {
    const Variable &v = plan.variables[program.buffers[b].index];
    Axes differs = values[&program][b] & ~cut(v.sharding);
    if (!differs)
      return;
    size_t writer = 0;
    for (size_t i = 0; i < program.instrs.size(); ++i)
      for (uint32_t out : program.instrs[i].outs)
        if (rootOf(program, out) == b)
          writer = i;
    report.add(nameOf(program, writer) + ": updates variable \"" + v.name + "\" differently on devices along " +
               names(differs) +
               ", which hold the same piece; a collective over it is missing or goes over another axis");
  }

  const Plan &plan;
  Report &report;
  std::map<std::string, Axes> looks;
  std::map<std::string, const Kernel *> kernels;
  std::map<const Program *, std::vector<Axes>> values; ///< by root buffer
  Mail<Axes> mail;
};

} // namespace

void verifyReplicas(const Plan &plan, Report &report) { ReplicaCheck(plan, report).run(); }

} // namespace llcc::rt
