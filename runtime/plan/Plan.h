// The step plan: what llcc writes and the runtime verifies, draws and executes. Plain data, no dependencies.
//
// An artifact (.llx) holds one Plan and sections of bytes (see Artifact.h). The plan has one step program for each
// pipeline stage, and one inference program that runs on a single device. A program is a flat list of instructions;
// those of one stream run in list order, and `waits` orders them across streams. Every buffer has a fixed place in the
// device's arena.
#ifndef LLCC_RUNTIME_PLAN_PLAN_H
#define LLCC_RUNTIME_PLAN_PLAN_H

#include <cstdint>
#include <string>
#include <vector>

namespace llcc::rt {

enum class DType : uint8_t { F32, F64, BF16, F16, I8, U8, I16, I32, I64, Bool };

/// Bytes of one element.
uint64_t sizeOf(DType type);
/// "f32", "i64", "bool", …
const char *nameOf(DType type);

struct Shape {
  DType type = DType::F32;
  std::vector<int64_t> dims;
  uint64_t elements() const;
  uint64_t bytes() const { return elements() * sizeOf(type); }
};

/// Where a logical tensor's pieces are. dims[i] lists positions of mesh axes that cut dimension i, major first, into
/// nested padded blocks: L0 = n, Lj = ceil(L(j-1)/sj); a member with coordinates cj starts at sum cj*Lj. Padding is
/// zero when loaded.
struct Sharding {
  std::vector<std::vector<uint32_t>> dims;
};

/// A parameter or a tensor of optimizer state, as the user knows it.
struct Variable {
  enum class Role : uint8_t { Param, State };
  Role role = Role::Param;
  std::string name; ///< ONNX initializer name; for state "m:fc1.weight" (kind, colon, parameter)
  Shape shape;      ///< logical
  /// Shape in the model's file, where that is another one of the same elements in the same order; empty: shape.dims.
  std::vector<int64_t> fileDims;
  const std::vector<int64_t> &dimsInFile() const { return fileDims.empty() ? shape.dims : fileDims; }
  Sharding sharding;  ///< of the step programs; the inference program holds it whole
  uint32_t stage = 0; ///< pipeline stage that owns it
  bool trainable = false;
  std::string section; ///< params: artifact section that holds the initial bytes ("model.onnx" or "file:NAME"); empty:
                       ///< none does (llcc --no-weights), it begins as zeros
  uint64_t offset = 0; ///< …and where they start in it
  /// Params: type of these bytes, in which they are written back as well. shape.type, or bf16 or f16 where that is f32:
  /// the model's parameter is trained through an f32 master.
  DType stored = DType::F32;
  uint64_t storedBytes() const { return shape.elements() * sizeOf(stored); }
  double init = 0; ///< state: initial value of every element
  /// Params: places of the model that hold it once more (a transpose that an exporter folded) and are saved with it.
  struct Copy {
    std::string section;
    uint64_t offset = 0;
    bool transposed = false; ///< of a two-dimensional parameter
  };
  std::vector<Copy> copies;
  /// Params: saved into a model as value + mergeScale · mergeLeft · mergeRight (two other parameters, [m, r] and [r,
  /// n], by name; transposed where mergeTransposed). Empty names: as it is.
  std::string mergeLeft, mergeRight;
  double mergeScale = 0;
  bool mergeTransposed = false;
};

/// An array that the user gives for each step: model inputs and the label. Logical shape of ONE MICROBATCH.
struct Input {
  std::string name;
  Shape shape;
  Sharding sharding; ///< of the step programs, usually dimension 0 over "data"; the inference program holds it whole
  bool label = false;
  bool batched = true;   ///< dimension 0 is the batch
  int64_t classes = -1;  ///< labels and ids: values must lie in [0, classes); -1: unchecked
  int64_t ignore = -100; ///< …or be this value
};

/// What a program shows to the host.
struct Output {
  std::string name;
  Shape shape; ///< logical
};

struct Buffer {
  enum class Space : uint8_t { Temp, Param, State, Input, Scalar, Output };
  Space space = Space::Temp;
  Shape shape;         ///< local
  uint64_t offset = 0; ///< bytes from the arena's start, multiple of 64
  uint32_t index = 0;  ///< Param/State: into Plan::variables; Input: Plan::inputs; Output: Plan::outputs; Scalar: 0 lr
                       ///< (f32), 1 step (f64, from 1), 2 seed of random bits (i64)
  int64_t viewOf = -1; ///< an earlier buffer whose elements this is in another shape (same place and type); -1: its own
};

/// Operations. `ins`/`outs` are buffer numbers. `ints`/`reals` by name order below.
enum class Op : uint8_t {
  Launch, ///< generated kernel `kernel`; ins, outs as its arguments (a buffer in both is passed once, at its place in
          ///< ins). ints: extent, cost (work per unit of extent, in elements)
  Matmul, ///< outs[0] = reals[0](alpha) * op(ins[0]) x op(ins[1]) (+ beta * outs[0]); ints: batch, m, n, k,
          ///< lhsTransposed, rhsTransposed; reals: alpha, beta. Row-major: lhs [batch, m, k] ([batch, k, m] if
          ///< transposed), rhs [batch, k, n] ([batch, n, k]). Sums run in f32 at least; of bf16 or f16 operands the
          ///< result may be f32 (those of convolutions too)
  Conv,   ///< ints: spatial rank r, groups, strides[r], padsLo[r], padsHi[r], dilations[r]; ins x, w; outs y
  ConvInputGrad,  ///< same ints; ins dy, w; outs dx
  ConvWeightGrad, ///< same ints; ins x, dy; outs dw
  Copy, ///< outs[0] = ins[0], equal bytes; a Copy onto the very same place renames a buffer (reshape) and costs nothing
  Fill, ///< outs[0] = reals[0]
  Feed, ///< outs[0] (Input) from the host's batch; ints: microbatch
  FeedScalar,    ///< outs[0] (Scalar) from the host
  AllReduce,     ///< outs[i] = reduction of ins[i]; ints: kind (0 sum 1 max 2 min 3 prod); axes
  AllGather,     ///< outs[i] from ins[i]; ints: for each tensor dim, size (of the result at dim, <= members * local);
                 ///< axes
  ReduceScatter, ///< outs[i] from ins[i]; ints: kind, then for each tensor dim; axes
  AllToAll,      ///< ints: splitDim, concatDim, size; axes
  RingShift,     ///< outs[i] = ins[i] of the member before this one (of the last one, for the first); axes
  Send,          ///< ints: to (stage), tag
  Recv,          ///< ints: from (stage), tag
  Capture,    ///< ins[0] may be read by the host now; `name`, ints: kind (0 loss, 1 gradient, 2 grad_norm, 3 output);
              ///< of a gradient that is cut, for each dimension the number of mesh axes and the axes (Sharding::dims)
  Recurrence, ///< one layer and direction of an LSTM, GRU or RNN behind the product with its input (compiler/ir/Ops.td,
              ///< llcc.recurrence). ins: x, r, h0, then those of c0, peepholes, hidden bias, lengths that are there;
              ///< outs: y, then cells (lstm), gates (lstm, gru). ints: kind (0 lstm 1 gru 2 rnn), flags
              ///< (RecurrenceFlag), three activation numbers (-1: none); reals: three alphas, three betas, clip (0:
              ///< none)
  RecurrenceGrad, ///< ins: r, h0, y, dy, then those of c0, cells, gates, dcells, peepholes, lengths that are there;
                  ///< outs: dx, dh0, dc0 (lstm); numbers as above
};
const char *nameOf(Op op);
constexpr Op kLastOp = Op::RecurrenceGrad;

/// What a recurrence does and which operands it has.
enum RecurrenceFlag : int64_t {
  kReverse = 1,
  kInputForget = 2,
  kLinearBeforeReset = 4,
  kHasPeepholes = 8,
  kHasLengths = 16,
  kHasCellCotangent = 32, ///< dcells, of RecurrenceGrad
};
/// Activation functions of a recurrence: sigmoid, tanh, relu, affine, leaky relu, thresholded relu, scaled tanh, hard
/// sigmoid, elu, softsign, softplus.
constexpr int64_t kActivations = 11;

struct Instr {
  Op op = Op::Launch;
  uint8_t stream = 0; ///< 0 compute, 1 communication
  std::vector<uint32_t> ins, outs;
  std::vector<uint32_t> waits; ///< earlier instructions of other streams that must have ended
  std::vector<int64_t> ints;
  std::vector<double> reals;
  std::vector<uint32_t> axes; ///< collectives: positions of mesh axes; the group = devices that differ only there
  std::string kernel;         ///< Launch: symbol in the code section
  std::string name;           ///< Capture: parameter, output or "loss"
  std::string node;           ///< ONNX node it comes from, for messages and traces
};

struct Program {
  enum class Kind : uint8_t { Step, Infer };
  Kind kind = Kind::Step;
  uint32_t stage = 0;
  uint64_t arenaBytes = 0; ///< exactly what the device allocates
  std::vector<Buffer> buffers;
  std::vector<Instr> instrs;
};

struct Kernel {
  std::string name;
  uint32_t ins = 0, outs = 0;        ///< arguments and results; results in place count as both
  std::vector<uint32_t> grid, block; ///< cuda: launch geometry
  std::string text;                  ///< one line that says what it computes, for inspect
  std::vector<Shape> signature;      ///< of each argument: flat elements that it reads or writes; empty: not known
  std::vector<uint32_t> coords;      ///< mesh axes along which devices compute different things from equal arguments
  /// What each result depends on, where results differ in that: arguments, and axes of `coords`. Empty: on all of them.
  struct Dependence {
    std::vector<uint32_t> ins, coords;
  };
  std::vector<Dependence> dependences;
};

struct Plan {
  std::string model;  ///< file name of the ONNX model
  std::string target; ///< "cpu:x86-64-v4", "cuda:sm_90"
  std::string strategy, loss, optimizer, schedule;
  std::string command;           ///< the flags that made it
  std::vector<std::string> axes; ///< mesh, row-major; the axis "pipeline" numbers stages
  std::vector<uint32_t> sizes;
  int64_t batch = 0; ///< samples of one step, all microbatches and devices together
  int64_t microbatches = 1;
  bool deterministic = false;              ///< the same bits from every strategy: products by plain loops
  double learningRate = 0;                 ///< base rate; schedule below scales it
  std::string lrSchedule = "constant";     ///< constant | linear | cosine
  int64_t warmupSteps = 0, totalSteps = 0; ///< 0: unknown until llrun says so
  bool classification = false;             ///< label holds class numbers: accuracy is printed
  std::vector<Variable> variables;
  std::vector<Input> inputs;
  std::vector<Output> outputs; ///< of the inference program; outputs[0] is the one that is trained
  std::vector<Kernel> kernels;
  std::vector<Program> programs;

  uint32_t devices() const;
  uint32_t stages() const; ///< size of axis "pipeline", else 1
  std::vector<uint32_t> coordinates(uint32_t device) const;
  const Program *stepProgram(uint32_t stage) const;
  const Program *inferProgram() const;
};

/// By number of the input: whether the step program of a device reads it.
std::vector<bool> fedInputs(const Plan &plan, uint32_t device);

/// Code of a CPU kernel (section "code.cpu", a shared object): buffers = ins then those outs that are not in ins;
/// coords = the device's mesh coordinates; works on [begin, end) of its extent, so that threads share it.
using CpuKernel = void (*)(void *const *buffers, const int64_t *coords, int64_t begin, int64_t end);

/// Bytes of a plan, and back. parse checks every count and range against the bytes that are there and returns an error
/// text (empty: fine); nothing in the bytes can make it read outside them or allocate more than a small multiple of
/// them.
std::string serialize(const Plan &plan);
std::string parse(const char *data, size_t size, Plan &plan);

/// Proves what DESIGN.md §2 asks of a plan; returns one sentence for each violation (empty: sound):
/// buffers lie in the arena, aligned, of the right index and shape; ins/outs counts, shapes and ints fit the operation;
/// each read follows a write of those bytes, ordered by stream or waits; no write hits bytes that a live buffer holds;
/// waits point back and to another stream; all devices of a group meet the same collectives in the same order; sends
/// meet receives of other stages in order, shape and type, with no cycle; every trainable variable is updated exactly
/// once.
std::vector<std::string> verify(const Plan &plan);

} // namespace llcc::rt

#endif
