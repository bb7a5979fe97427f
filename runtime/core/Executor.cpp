// Runs a program's flat list on a device. List order is legal for all streams: waits only point back.
#include "runtime/collectives/local/Collectives.h"
#include "runtime/core/Error.h"
#include "runtime/core/Session.h"
#include <algorithm>
#include <cmath>
#include <cstring>

namespace llcc::rt {

void Session::runProgram(Bound &bound) {
  bound.loss = bound.gradNorm = 0;
  bound.hasLoss = bound.hasNorm = false;
  auto fail = [&](int code, const std::string &text) {
    fate.fail();
    std::lock_guard lock(mutex);
    if (!failureCode) {
      failureCode = code;
      failure = (devices.size() > 1 ? "device " + std::to_string(bound.device) + ": " : "") + text;
    }
  };
  try {
    if (!bound.program)
      throw Error{70, "has no program"};
    for (size_t i = 0; i < bound.steps.size(); ++i) {
      if (i == bound.updateStart && bound.program->kind == Program::Kind::Step && !lossIsGood(bound))
        return;
      runInstr(bound, i);
    }
  } catch (const Aborted &) {
  } catch (const Error &error) {
    fail(error.code, error.text);
  } catch (const std::exception &error) {
    fail(70, error.what());
  }
}

bool Session::lossIsGood(Bound &bound) {
  double mine = bound.hasLoss ? bound.loss : 0;
  if (devices.size() == 1)
    return std::isfinite(mine);
  bool good = true;
  everyone->arrive(bound.device, &mine, "the check of the loss");
  for (size_t d = 0; d < devices.size(); ++d)
    good = good && std::isfinite(*static_cast<const double *>(everyone->slot(d)));
  everyone->depart("the check of the loss");
  return good;
}

void Session::feed(Bound &bound, const Instr &instr) {
  uint32_t buffer = instr.outs[0], index = bound.program->buffers[buffer].index;
  const Input &input = module.plan.inputs[index];
  const llcc_rt_tensor *given = inputs[index];
  char *local = bound.at(buffer);
  if (!given)
    throw Error{65, "input \"" + input.name + "\" is missing"};
  const char *data = static_cast<const char *>(given->data);
  if (bound.program->kind == Program::Kind::Infer) {
    // Fewer samples than the program takes: the rest is zero and its results are dropped.
    memcpy(local, data, given->bytes);
    memset(local + given->bytes, 0, input.shape.bytes() - given->bytes);
    return;
  }
  if (input.batched)
    data += uint64_t(instr.ints.empty() ? 0 : instr.ints[0]) * input.shape.bytes();
  scatterPiece(input.shape, pieceOf(input.shape, input.sharding, module.plan.sizes, bound.coords), data, local);
}

static double scalar(const Bound &bound, uint32_t buffer) {
  if (bound.program->buffers[buffer].shape.type == DType::F64) {
    double value;
    memcpy(&value, bound.at(buffer), 8);
    return value;
  }
  float value;
  memcpy(&value, bound.at(buffer), 4);
  return value;
}

void Session::capture(Bound &bound, const Instr &instr) {
  uint32_t buffer = instr.ins[0];
  switch (instr.ints.empty() ? 0 : instr.ints[0]) {
  case 0:
    bound.loss += scalar(bound, buffer);
    bound.hasLoss = true;
    return;
  case 2:
    bound.gradNorm = scalar(bound, buffer);
    bound.hasNorm = true;
    return;
  case 1: {
    auto found = wanted.find(instr.name);
    int64_t v = module.find(instr.name);
    if (found == wanted.end() || v < 0)
      return;
    const Variable &variable = module.plan.variables[size_t(v)];
    // Pieces are disjoint, and of equal pieces only one device writes.
    int pipeline = -1;
    for (size_t a = 0; a < module.plan.axes.size(); ++a)
      if (module.plan.axes[a] == "pipeline")
        pipeline = int(a);
    if (isFirstHolder(variable.sharding, bound.coords, pipeline))
      gatherPiece(variable.shape, pieceOf(variable.shape, variable.sharding, module.plan.sizes, bound.coords),
                  bound.at(buffer), static_cast<char *>(found->second->data));
    return;
  }
  default: {
    auto found = wanted.find(instr.name);
    if (found == wanted.end())
      return;
    const Shape &shape = bound.program->buffers[buffer].shape;
    memcpy(found->second->data, bound.at(buffer), std::min<uint64_t>(found->second->bytes, shape.bytes()));
  }
  }
}

void Session::collective(Bound &bound, const Instr &instr, Bound::Step &step) {
  std::string what = nameOf(instr.op) + (instr.node.empty() ? std::string() : " of node \"" + instr.node + "\"");
  std::vector<Piece> pieces;
  for (size_t i = 0; i < instr.ins.size(); ++i)
    pieces.push_back({&bound.program->buffers[instr.ins[i]].shape, bound.at(instr.ins[i]),
                      &bound.program->buffers[instr.outs[i]].shape, bound.at(instr.outs[i])});
  switch (instr.op) {
  case Op::AllReduce:
    return allReduce(*step.meeting, step.member, pieces, Reduction(instr.ints[0]), what);
  case Op::AllGather:
    return allGather(*step.meeting, step.member, pieces[0], instr.ints[0], what);
  case Op::ReduceScatter:
    return reduceScatter(*step.meeting, step.member, pieces[0], Reduction(instr.ints[0]), instr.ints[1], what);
  default:
    return allToAll(*step.meeting, step.member, pieces[0], instr.ints[0], instr.ints[1], what);
  }
}

void Session::runInstr(Bound &bound, size_t i) {
  const Instr &instr = bound.program->instrs[i];
  Bound::Step &step = bound.steps[i];
  const Buffer *out = instr.outs.empty() ? nullptr : &bound.program->buffers[instr.outs[0]];
  switch (instr.op) {
  case Op::Launch:
    launch(step.kernel, step.buffers.data(), bound.coords64.data(), instr.ints[0],
           instr.ints.size() > 1 ? instr.ints[1] : 1, team.threadsEach());
    return;
  case Op::Matmul:
  case Op::Conv:
  case Op::ConvInputGrad:
  case Op::ConvWeightGrad:
    step.call->run();
    return;
  case Op::Copy:
    if (bound.at(instr.ins[0]) != bound.at(instr.outs[0]))
      memmove(bound.at(instr.outs[0]), bound.at(instr.ins[0]), out->shape.bytes());
    return;
  case Op::Fill:
    for (uint64_t e = 0, n = out->shape.elements(), width = sizeOf(out->shape.type); e < n; ++e) {
      double value = instr.reals.empty() ? 0 : instr.reals[0];
      float single = float(value);
      int64_t whole = int64_t(value);
      const void *from = out->shape.type == DType::F64   ? (const void *)&value
                         : out->shape.type == DType::F32 ? (const void *)&single
                                                         : (const void *)&whole;
      memcpy(bound.at(instr.outs[0]) + e * width, from, width);
    }
    return;
  case Op::Feed:
    return feed(bound, instr);
  case Op::FeedScalar:
    if (out->index == 0) {
      if (out->shape.type == DType::F64) {
        double rate = lr;
        memcpy(bound.at(instr.outs[0]), &rate, 8);
      } else {
        memcpy(bound.at(instr.outs[0]), &lr, 4);
      }
    } else {
      memcpy(bound.at(instr.outs[0]), &stepNumber, 8);
    }
    return;
  case Op::Send:
  case Op::Recv: {
    // The peer has the same coordinates in another stage.
    const Plan &plan = module.plan;
    std::vector<uint32_t> coords = bound.coords;
    uint32_t peer = 0;
    for (size_t a = 0; a < coords.size(); ++a) {
      if (plan.axes[a] == "pipeline")
        coords[a] = uint32_t(instr.ints[0]);
      peer = peer * plan.sizes[a] + coords[a];
    }
    if (instr.op == Op::Send) {
      mailbox.send(bound.device, peer, instr.ints[1], bound.at(instr.ins[0]),
                   bound.program->buffers[instr.ins[0]].shape.bytes());
      return;
    }
    mailbox.receive(peer, bound.device, instr.ints[1], bound.at(instr.outs[0]), out->shape.bytes(),
                    "receive of node \"" + instr.node + "\" from device " + std::to_string(peer));
    return;
  }
  case Op::AllReduce:
  case Op::AllGather:
  case Op::ReduceScatter:
  case Op::AllToAll:
    return collective(bound, instr, step);
  case Op::Capture:
    return capture(bound, instr);
  }
}

} // namespace llcc::rt
