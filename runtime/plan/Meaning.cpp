// What a plan computes: value numbers of everything that is seen of it.
#define XXH_INLINE_ALL
#include "runtime/plan/Meaning.h"
#include "runtime/plan/Verify.h"
#include "runtime/plan/Walk.h"
#include <algorithm>
#include <xxhash.h>

namespace llcc::rt {
namespace {

/// Bytes of one expression.
class Expression {
public:
  explicit Expression(const char *kind) { (*this)(std::string(kind)); }
  Expression &operator()(const std::string &text) {
    (*this)(static_cast<uint64_t>(text.size()));
    bytes += text;
    return *this;
  }
  Expression &operator()(uint64_t number) {
    bytes.append(reinterpret_cast<const char *>(&number), sizeof number);
    return *this;
  }
  Expression &operator()(const Shape &shape) {
    (*this)(static_cast<uint64_t>(shape.type))(static_cast<uint64_t>(shape.dims.size()));
    for (int64_t dim : shape.dims)
      (*this)(static_cast<uint64_t>(dim));
    return *this;
  }
  template <class T> Expression &list(const std::vector<T> &values) {
    (*this)(static_cast<uint64_t>(values.size()));
    bytes.append(reinterpret_cast<const char *>(values.data()), values.size() * sizeof(T));
    return *this;
  }
  uint64_t hash() const { return XXH3_64bits(bytes.data(), bytes.size()); }

private:
  std::string bytes;
};

class Numbering {
public:
  explicit Numbering(const Plan &plan) : plan(plan) {
    for (const Kernel &kernel : plan.kernels)
      kernels[kernel.name] = &kernel;
  }

  std::map<std::string, Meaning> run() {
    for (const Program &program : plan.programs)
      begin(program);
    walkStages(plan, [&](const std::vector<Site> &sites) { visit(sites); });
    if (const Program *infer = plan.inferProgram())
      for (size_t i = 0; i < infer->instrs.size(); ++i)
        visit({{infer, i}});
    for (const Program &program : plan.programs)
      for (size_t b = 0; b < program.buffers.size(); ++b)
        if (const Buffer &buffer = program.buffers[b];
            program.kind == Program::Kind::Step && isVariable(buffer) && buffer.viewOf < 0) {
          const Value &value = values[&program][b];
          seen("variable " + plan.variables[buffer.index].name +
                   (isHome(program, buffer) ? "" : " of stage " + std::to_string(program.stage)),
               value);
        }
    tables();
    return std::move(meanings);
  }

private:
  struct Value {
    uint64_t number = 0;
    Likeness likeness = Likeness::Bitwise;
    bool local = false; ///< a piece, or computed from one: one device has other shapes
  };

  static bool isVariable(const Buffer &buffer) {
    return buffer.space == Buffer::Space::Param || buffer.space == Buffer::Space::State;
  }
  bool isHome(const Program &program, const Buffer &buffer) const {
    return plan.variables[buffer.index].stage == program.stage;
  }
  bool isCut(const Sharding &sharding) const {
    for (const auto &axes : sharding.dims)
      for (uint32_t axis : axes)
        if (plan.sizes[axis] > 1)
          return true;
    return false;
  }

  void begin(const Program &program) {
    bool step = program.kind == Program::Kind::Step;
    values[&program].resize(program.buffers.size());
    for (size_t b = 0; b < program.buffers.size(); ++b) {
      const Buffer &buffer = program.buffers[b];
      if (isVariable(buffer))
        values[&program][b] = {Expression("variable")(plan.variables[buffer.index].name).hash(), Likeness::Bitwise,
                               step && isCut(plan.variables[buffer.index].sharding)};
    }
  }

  Value &at(const Site &site, uint32_t b) { return values[site.program][rootOf(*site.program, b)]; }

  void seen(const std::string &what, const Value &value) {
    Meaning &meaning = meanings[what];
    // Several captures of one thing (the losses of microbatches) are added in this order.
    meaning.hash = Expression("seen")(meaning.hash)(value.number).hash();
    meaning.likeness = std::max(meaning.likeness, value.likeness);
  }

  void visit(const std::vector<Site> &sites) {
    const Instr &first = sites[0].instr();
    int64_t stage = sites[0].program->stage;
    Expression expression(nameOf(first.op));
    expression.list(first.ints).list(first.reals).list(first.axes);
    if (auto kernel = kernels.find(first.kernel); first.op == Op::Launch && kernel != kernels.end()) {
      expression(first.kernel)(kernel->second->text);
      for (const Shape &shape : kernel->second->signature)
        expression(shape);
    }
    Value value;
    for (const Site &site : sites) {
      auto operand = [&](uint32_t b) {
        const Value &in = at(site, b);
        expression(in.number)(site.program->buffers[b].shape);
        value.likeness = std::max(value.likeness, in.likeness);
        value.local |= in.local;
      };
      for (uint32_t b : site.instr().ins)
        operand(b);
      if (first.op == Op::Matmul && first.reals.size() > 1 && first.reals[1] != 0)
        operand(first.outs[0]);
    }
    auto added = [&] { // floats are added in another order than on one device
      if (members(first) > 1 && (first.ints[0] == 0 || first.ints[0] == 3))
        value.likeness = Likeness::Order;
    };
    switch (first.op) {
    case Op::Feed: {
      const Input &input = plan.inputs[sites[0].program->buffers[first.outs[0]].index];
      expression(input.name);
      value.local = sites[0].program->kind == Program::Kind::Step && isCut(input.sharding);
      break;
    }
    case Op::FeedScalar:
      expression(static_cast<uint64_t>(sites[0].program->buffers[first.outs[0]].index));
      break;
    case Op::Send:
      mail[{stage, first.ints[0]}].push_back(at(sites[0], first.ins[0]));
      return;
    case Op::Recv: {
      auto &lane = mail[{first.ints[0], stage}];
      if (!lane.empty()) {
        at(sites[0], first.outs[0]) = lane.front();
        lane.erase(lane.begin());
      }
      return;
    }
    case Op::Copy: // the bytes are the value
      at(sites[0], first.outs[0]) = at(sites[0], first.ins[0]);
      return;
    case Op::Capture: {
      static const char *const kinds[] = {"loss", "gradient of ", "gradient norm", "output "};
      std::string what = kinds[first.ints[0]];
      seen(first.ints[0] % 2 ? what + first.name : what, at(sites[0], first.ins[0]));
      return;
    }
    case Op::AllReduce:
    case Op::ReduceScatter:
      added();
      value.local = first.op == Op::ReduceScatter;
      break;
    case Op::AllGather:
      value.local = false;
      break;
    default:
      // Libraries may add in another order where a device has a part of the shape, and so may a fold.
      // --deterministic=strategy: products by plain loops, and no reduced loop is cut.
      if (value.local && !plan.deterministic)
        value.likeness = Likeness::Order;
    }
    uint64_t number = expression.hash();
    for (const Site &site : sites)
      for (size_t o = 0; o < site.instr().outs.size(); ++o) {
        uint32_t b = site.instr().outs[o];
        Value &out = at(site, b);
        out = value;
        out.number = Expression("result")(number)(o)(site.program->buffers[b].shape).hash();
      }
  }

  int64_t members(const Instr &instr) const { return membersOf(plan, instr); }

  void tables() {
    Plan rest = plan;
    rest.kernels.clear();
    rest.programs.clear();
    rest.command.clear(); // how it was asked for does not matter
    meanings["tables"] = {Expression("tables")(serialize(rest)).hash(), Likeness::Bitwise};
  }

  const Plan &plan;
  std::map<std::string, const Kernel *> kernels;
  std::map<const Program *, std::vector<Value>> values; ///< by root buffer
  Mail<Value> mail;
  std::map<std::string, Meaning> meanings;
};

} // namespace

const char *nameOf(Likeness likeness) {
  return likeness == Likeness::Bitwise ? "bitwise equal to one device" : "equal up to reduction order";
}

std::map<std::string, Meaning> meaningsOf(const Plan &plan) { return Numbering(plan).run(); }

std::string differenceOf(const std::map<std::string, Meaning> &certified, const std::map<std::string, Meaning> &found) {
  for (auto &[what, meaning] : certified) {
    auto here = found.find(what);
    if (here == found.end())
      return what + " is certified, and the plan does not compute it";
    if (here->second.hash != meaning.hash)
      return what + " is not computed as it was certified";
  }
  for (auto &[what, meaning] : found)
    if (!certified.count(what))
      return what + " is computed, and was not certified";
  return "";
}

} // namespace llcc::rt
