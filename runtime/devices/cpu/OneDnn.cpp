// Library operations through oneDNN 2.6: primitives and memory objects are made once, when a session starts.
#include "runtime/core/Error.h"
#include "runtime/devices/cpu/Call.h"
#include <dnnl.hpp>
#include <unordered_map>

namespace llcc::rt {

using dnnl::memory;

static const dnnl::engine &engine() {
  static const dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  return cpu;
}

namespace {
/// A primitive with its arguments, and reorders around it where oneDNN prefers another layout.
class Primitive : public Call {
public:
  Primitive() : stream(engine()) {}
  void run() override {
    for (auto &[from, to, reorder] : before)
      reorder.execute(stream, from, to);
    primitive.execute(stream, arguments);
    for (auto &[from, to, reorder] : after)
      reorder.execute(stream, from, to);
    stream.wait();
  }

  struct Reorder {
    memory from, to;
    dnnl::reorder primitive;
  };
  /// Binds argument `id` to plain data; reorders if `wanted` differs from `plain`.
  void input(int id, const memory::desc &plain, const memory::desc &wanted, void *data) {
    memory given(plain, engine(), data);
    if (plain == wanted) {
      arguments.emplace(id, given);
      return;
    }
    memory own(wanted, engine());
    before.push_back({given, own, dnnl::reorder(given, own)});
    arguments.emplace(id, own);
  }
  void output(int id, const memory::desc &plain, const memory::desc &wanted, void *data) {
    memory given(plain, engine(), data);
    if (plain == wanted) {
      arguments.emplace(id, given);
      return;
    }
    memory own(wanted, engine());
    after.push_back({own, given, dnnl::reorder(own, given)});
    arguments.emplace(id, own);
  }
  dnnl::primitive primitive;

private:
  dnnl::stream stream;
  std::unordered_map<int, memory> arguments;
  std::vector<Reorder> before, after;
};

void *dataOf(const Program &program, uint32_t buffer, char *arena) { return arena + program.buffers[buffer].offset; }

std::unique_ptr<Call> matmul(const Program &program, const Instr &instr, char *arena) {
  int64_t batch = instr.ints[0], m = instr.ints[1], n = instr.ints[2], k = instr.ints[3];
  bool lhsTransposed = instr.ints[4], rhsTransposed = instr.ints[5];
  // Row-major [batch, rows, cols]; a transposed operand is stored [batch, cols, rows].
  auto desc = [&](int64_t rows, int64_t cols, bool transposed) {
    memory::dims dims{rows, cols}, strides{transposed ? 1 : cols, transposed ? rows : 1};
    if (batch > 1) {
      dims.insert(dims.begin(), batch);
      strides.insert(strides.begin(), rows * cols);
    }
    return memory::desc(dims, memory::data_type::f32, strides);
  };
  memory::desc lhs = desc(m, k, lhsTransposed), rhs = desc(k, n, rhsTransposed), out = desc(m, n, false);
  dnnl::primitive_attr attr;
  float alpha = instr.reals.size() > 0 ? float(instr.reals[0]) : 1,
        beta = instr.reals.size() > 1 ? float(instr.reals[1]) : 0;
  if (alpha != 1)
    attr.set_output_scales(0, {alpha});
  if (beta != 0) {
    dnnl::post_ops ops;
    ops.append_sum(beta);
    attr.set_post_ops(ops);
  }
  auto call = std::make_unique<Primitive>();
  call->primitive = dnnl::matmul(dnnl::matmul::primitive_desc(dnnl::matmul::desc(lhs, rhs, out), attr, engine()));
  call->input(DNNL_ARG_SRC, lhs, lhs, dataOf(program, instr.ins[0], arena));
  call->input(DNNL_ARG_WEIGHTS, rhs, rhs, dataOf(program, instr.ins[1], arena));
  call->output(DNNL_ARG_DST, out, out, dataOf(program, instr.outs[0], arena));
  return call;
}

std::unique_ptr<Call> convolution(const Program &program, const Instr &instr, char *arena) {
  using dnnl::algorithm;
  using dnnl::prop_kind;
  ConvSizes s = convSizes(program, instr);
  memory::dims weights = s.w, dilations;
  if (s.groups > 1) {
    weights[0] /= s.groups;
    weights.insert(weights.begin(), s.groups);
  }
  for (int64_t d : s.dilations)
    dilations.push_back(d - 1); // oneDNN counts the gaps
  auto plain = [](const memory::dims &dims) {
    memory::dims strides(dims.size(), 1);
    for (size_t i = dims.size() - 1; i-- > 0;)
      strides[i] = strides[i + 1] * dims[i + 1];
    return memory::desc(dims, memory::data_type::f32, strides);
  };
  auto any = [](const memory::dims &dims) {
    return memory::desc(dims, memory::data_type::f32, memory::format_tag::any);
  };
  // oneDNN derives the output size from pads; where a floor left a rest, the high pad shrinks by it.
  memory::dims padsHi = s.padsHi;
  for (size_t i = 0; i < s.rank; ++i)
    padsHi[i] = (s.y[2 + i] - 1) * s.strides[i] + s.dilations[i] * (s.w[2 + i] - 1) + 1 - s.x[2 + i] - s.padsLo[i];
  dnnl::convolution_forward::primitive_desc forward(
      dnnl::convolution_forward::desc(prop_kind::forward_training, algorithm::convolution_direct, any(s.x),
                                      any(weights), any(s.y), s.strides, dilations, s.padsLo, padsHi),
      engine());
  auto call = std::make_unique<Primitive>();
  void *first = dataOf(program, instr.ins[0], arena), *second = dataOf(program, instr.ins[1], arena),
       *out = dataOf(program, instr.outs[0], arena);
  if (instr.op == Op::Conv) {
    call->primitive = dnnl::convolution_forward(forward);
    call->input(DNNL_ARG_SRC, plain(s.x), forward.src_desc(), first);
    call->input(DNNL_ARG_WEIGHTS, plain(weights), forward.weights_desc(), second);
    call->output(DNNL_ARG_DST, plain(s.y), forward.dst_desc(), out);
  } else if (instr.op == Op::ConvInputGrad) {
    dnnl::convolution_backward_data::primitive_desc pd(
        dnnl::convolution_backward_data::desc(algorithm::convolution_direct, any(s.x), any(weights), any(s.y),
                                              s.strides, dilations, s.padsLo, padsHi),
        engine(), forward);
    call->primitive = dnnl::convolution_backward_data(pd);
    call->input(DNNL_ARG_DIFF_DST, plain(s.y), pd.diff_dst_desc(), first);
    call->input(DNNL_ARG_WEIGHTS, plain(weights), pd.weights_desc(), second);
    call->output(DNNL_ARG_DIFF_SRC, plain(s.x), pd.diff_src_desc(), out);
  } else {
    dnnl::convolution_backward_weights::primitive_desc pd(
        dnnl::convolution_backward_weights::desc(algorithm::convolution_direct, any(s.x), any(weights), any(s.y),
                                                 s.strides, dilations, s.padsLo, padsHi),
        engine(), forward);
    call->primitive = dnnl::convolution_backward_weights(pd);
    call->input(DNNL_ARG_SRC, plain(s.x), pd.src_desc(), first);
    call->input(DNNL_ARG_DIFF_DST, plain(s.y), pd.diff_dst_desc(), second);
    call->output(DNNL_ARG_DIFF_WEIGHTS, plain(weights), pd.diff_weights_desc(), out);
  }
  return call;
}
} // namespace

std::unique_ptr<Call> oneDnnCall(const Program &program, const Instr &instr, char *arena) {
  try {
    return instr.op == Op::Matmul ? matmul(program, instr, arena) : convolution(program, instr, arena);
  } catch (const dnnl::error &error) {
    throw Error{70, "node \"" + instr.node + "\": oneDNN refuses " + nameOf(instr.op) + ": " + error.what()};
  }
}

} // namespace llcc::rt
