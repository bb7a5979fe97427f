// Plans of a linear regression, written by hand as the compiler would: loss = mean((x W - t)^2), sgd; several
// strategies.
#ifndef LLCC_TEST_RUNTIME_REGRESSION_H
#define LLCC_TEST_RUNTIME_REGRESSION_H

#include "runtime/plan/Artifact.h"
#include "runtime/plan/Pieces.h"
#include <cstring>

namespace llcc::rt {

/// Adds buffers and instructions to a program, each buffer at a place of its own.
class Builder {
public:
  explicit Builder(Program &program) : program(program) {}
  uint32_t buffer(Buffer::Space space, DType type, std::vector<int64_t> dims, uint32_t index = 0) {
    Buffer b;
    b.space = space;
    b.shape = {type, std::move(dims)};
    b.offset = program.arenaBytes;
    b.index = index;
    program.arenaBytes += (b.shape.bytes() + 63) / 64 * 64;
    program.buffers.push_back(b);
    return static_cast<uint32_t>(program.buffers.size() - 1);
  }
  uint32_t temp(std::vector<int64_t> dims, DType type = DType::F32) {
    return buffer(Buffer::Space::Temp, type, std::move(dims));
  }
  Instr &add(Op op, std::vector<uint32_t> ins, std::vector<uint32_t> outs, std::vector<int64_t> ints = {},
             std::vector<double> reals = {}) {
    Instr i;
    i.op = op;
    i.ins = std::move(ins);
    i.outs = std::move(outs);
    i.ints = std::move(ints);
    i.reals = std::move(reals);
    program.instrs.push_back(i);
    return program.instrs.back();
  }
  Instr &launch(const char *kernel, std::vector<uint32_t> ins, std::vector<uint32_t> outs, int64_t extent) {
    Instr &i = add(Op::Launch, std::move(ins), std::move(outs), {extent, 1});
    i.kernel = kernel;
    i.node = kernel;
    return i;
  }
  Instr &over(Op op, std::vector<uint32_t> ins, std::vector<uint32_t> outs, std::vector<int64_t> ints,
              std::vector<uint32_t> axes) {
    Instr &i = add(op, std::move(ins), std::move(outs), std::move(ints));
    i.axes = std::move(axes);
    i.node = "reduce";
    return i;
  }
  const Shape &shape(uint32_t b) const { return program.buffers[b].shape; }
  Program &program;
};

struct Sizes {
  int64_t batch = 12, features = 5, targets = 3, microbatches = 1;
};

enum class Layout { None, Data, Tensor, Zero3 };

inline void addTables(Plan &plan, const Sizes &s) {
  plan.model = "regression.onnx";
  plan.target = "cpu";
  plan.batch = s.batch;
  plan.microbatches = s.microbatches;
  int64_t rows = s.batch / s.microbatches;
  plan.inputs = {{"x", {DType::F32, {rows, s.features}}, {}}, {"t", {DType::F32, {rows, s.targets}}, {}, true}};
  plan.outputs = {{"y", {DType::F32, {rows, s.targets}}}};
  plan.kernels = {{"k_difference", 2, 1, {}, {}, "", {}, {}},
                  {"k_squares", 3, 1, {}, {}, "", {}, {}},
                  {"k_descend", 3, 1, {}, {}, "", {}, {}}};
  Variable w;
  w.name = "w";
  w.shape = {DType::F32, {s.features, s.targets}};
  w.trainable = true;
  w.section = "model.onnx";
  w.offset = 16;
  plan.variables = {w};
}

inline void addInference(Plan &plan, const Sizes &s) {
  plan.programs.emplace_back();
  plan.programs.back().kind = Program::Kind::Infer;
  Builder b(plan.programs.back());
  int64_t rows = s.batch / s.microbatches;
  uint32_t w = b.buffer(Buffer::Space::Param, DType::F32, {s.features, s.targets}, 0);
  uint32_t x = b.buffer(Buffer::Space::Input, DType::F32, {rows, s.features}, 0);
  uint32_t y = b.buffer(Buffer::Space::Output, DType::F32, {rows, s.targets}, 0);
  b.add(Op::Feed, {}, {x}, {0});
  b.add(Op::Matmul, {x, w}, {y}, {1, rows, s.targets, s.features, 0, 0}, {1, 0});
  b.add(Op::Capture, {y}, {}, {3}).name = "y";
}

/// One stage on `devices` devices. Data: rows are cut; Tensor: columns of w and t; Zero3: rows of the batch and of w.
inline Plan regression(const Sizes &s, Layout cut, uint32_t devices) {
  Plan plan;
  addTables(plan, s);
  if (cut != Layout::None) {
    plan.axes = {cut == Layout::Tensor ? "tensor" : "data"};
    plan.sizes = {devices};
  }
  if (cut == Layout::Data || cut == Layout::Zero3)
    for (Input &input : plan.inputs)
      input.sharding.dims = {{0}, {}};
  if (cut == Layout::Tensor) {
    plan.inputs[1].sharding.dims = {{}, {0}};
    plan.variables[0].sharding.dims = {{}, {0}};
  }
  if (cut == Layout::Zero3)
    plan.variables[0].sharding.dims = {{0}, {}};

  plan.programs.emplace_back();
  Builder b(plan.programs.back());
  auto local = [&](const Shape &shape, const Sharding &sharding) {
    return localShape(shape, sharding, plan.sizes).dims;
  };
  std::vector<int64_t> xs = local(plan.inputs[0].shape, plan.inputs[0].sharding),
                       ts = local(plan.inputs[1].shape, plan.inputs[1].sharding);
  std::vector<int64_t> ws = local(plan.variables[0].shape, plan.variables[0].sharding);
  std::vector<int64_t> used = {s.features, ts[1]}; // of the weights as the matmuls see them
  uint32_t w = b.buffer(Buffer::Space::Param, DType::F32, ws, 0),
           lr = b.buffer(Buffer::Space::Scalar, DType::F32, {}, 0);
  uint32_t count = b.temp({1}, DType::I64), scale = b.temp({1}, DType::F64), g = b.temp(used);
  double mean = 1.0 / double(s.batch * s.targets);
  b.add(Op::FeedScalar, {}, {lr});
  b.add(Op::Fill, {}, {count}, {}, {double(ts[0] * ts[1])});
  b.add(Op::Fill, {}, {scale}, {}, {mean});
  uint32_t whole = w;
  if (cut == Layout::Zero3) {
    whole = b.temp(used);
    b.over(Op::AllGather, {w}, {whole}, {0, s.features}, {0});
  }
  for (int64_t m = 0; m < s.microbatches; ++m) {
    uint32_t x = b.buffer(Buffer::Space::Input, DType::F32, xs, 0),
             t = b.buffer(Buffer::Space::Input, DType::F32, ts, 1);
    uint32_t y = b.temp(ts), e = b.temp(ts), loss = b.temp({});
    b.add(Op::Feed, {}, {x}, {m});
    b.add(Op::Feed, {}, {t}, {m});
    b.add(Op::Matmul, {x, whole}, {y}, {1, ts[0], ts[1], s.features, 0, 0}, {1, 0}).node = "fc";
    b.launch("k_difference", {y, t}, {e}, ts[0] * ts[1]);
    b.launch("k_squares", {e, count, scale}, {loss}, 1);
    if (cut != Layout::None)
      b.over(Op::AllReduce, {loss}, {loss}, {0}, {0});
    b.add(Op::Capture, {loss}, {}, {0}).name = "loss";
    b.add(Op::Matmul, {x, e}, {g}, {1, s.features, ts[1], ts[0], 1, 0}, {2 * mean, m ? 1.0 : 0.0}).node = "fc";
  }
  uint32_t mine = g;
  if (cut == Layout::Data)
    b.over(Op::AllReduce, {g}, {g}, {0}, {0});
  if (cut == Layout::Zero3) {
    mine = b.temp(ws);
    b.over(Op::ReduceScatter, {g}, {mine}, {0, 0}, {0});
  }
  std::vector<int64_t> captured = {1}; // gradient; then its cut
  if (cut == Layout::Tensor)
    captured = {1, 0, 1, 0};
  if (cut == Layout::Zero3)
    captured = {1, 1, 0, 0};
  b.add(Op::Capture, {mine}, {}, captured).name = "w";
  b.launch("k_descend", {w, mine, lr}, {w}, ws[0] * ws[1]);
  addInference(plan, s);
  return plan;
}

/// Two pipeline stages: x w (the model's weights) on the first, difference and loss on the second, which sends e back.
inline Plan pipelined(const Sizes &s, uint32_t data) {
  Plan plan;
  addTables(plan, s);
  plan.axes = {"pipeline", "data"};
  plan.sizes = {2, data};
  for (Input &input : plan.inputs)
    input.sharding.dims = {{1}, {}};
  plan.programs.resize(2);
  plan.programs[1].stage = 1;
  Builder first(plan.programs[0]), second(plan.programs[1]);
  std::vector<int64_t> xs = localShape(plan.inputs[0].shape, plan.inputs[0].sharding, plan.sizes).dims;
  std::vector<int64_t> ts = localShape(plan.inputs[1].shape, plan.inputs[1].sharding, plan.sizes).dims;
  double mean = 1.0 / double(s.batch * s.targets);
  uint32_t w = first.buffer(Buffer::Space::Param, DType::F32, {s.features, s.targets}, 0);
  uint32_t lr = first.buffer(Buffer::Space::Scalar, DType::F32, {}, 0), g = first.temp({s.features, s.targets});
  first.add(Op::FeedScalar, {}, {lr});
  std::vector<uint32_t> xIn;
  for (int64_t m = 0; m < s.microbatches; ++m) {
    uint32_t x = first.buffer(Buffer::Space::Input, DType::F32, xs, 0), y = first.temp(ts);
    xIn.push_back(x);
    first.add(Op::Feed, {}, {x}, {m});
    first.add(Op::Matmul, {x, w}, {y}, {1, ts[0], ts[1], s.features, 0, 0}, {1, 0});
    first.add(Op::Send, {y}, {}, {1, m});
  }
  for (int64_t m = 0; m < s.microbatches; ++m) {
    uint32_t e = first.temp(ts);
    first.add(Op::Recv, {}, {e}, {1, m});
    first.add(Op::Matmul, {xIn[size_t(m)], e}, {g}, {1, s.features, ts[1], ts[0], 1, 0}, {2 * mean, m ? 1.0 : 0.0});
  }
  first.over(Op::AllReduce, {g}, {g}, {0}, {1});
  first.add(Op::Capture, {g}, {}, {1}).name = "w";
  first.launch("k_descend", {w, g, lr}, {w}, s.features * s.targets);

  uint32_t count = second.temp({1}, DType::I64), scale = second.temp({1}, DType::F64);
  second.add(Op::Fill, {}, {count}, {}, {double(ts[0] * ts[1])});
  second.add(Op::Fill, {}, {scale}, {}, {mean});
  for (int64_t m = 0; m < s.microbatches; ++m) {
    uint32_t t = second.buffer(Buffer::Space::Input, DType::F32, ts, 1), y = second.temp(ts), e = second.temp(ts),
             loss = second.temp({});
    second.add(Op::Feed, {}, {t}, {m});
    second.add(Op::Recv, {}, {y}, {0, m});
    second.launch("k_difference", {y, t}, {e}, ts[0] * ts[1]);
    second.launch("k_squares", {e, count, scale}, {loss}, 1);
    second.over(Op::AllReduce, {loss}, {loss}, {0}, {1});
    second.add(Op::Capture, {loss}, {}, {0}).name = "loss";
    second.add(Op::Send, {e}, {}, {0, m});
  }
  addInference(plan, s);
  return plan;
}

/// Initial weights: (i + 1) / 10 in row-major order; 16 bytes before and 5 after them stand for the rest of the ONNX
/// file.
inline std::string modelBytes(const Sizes &s) {
  std::string bytes(16, 'h');
  for (int64_t i = 0; i < s.features * s.targets; ++i) {
    float value = float(i + 1) / 10;
    bytes.append(reinterpret_cast<const char *>(&value), sizeof value);
  }
  return bytes + "tail!";
}

} // namespace llcc::rt

#endif
