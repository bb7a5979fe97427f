// Collectives between device threads, all kinds and types, uneven sizes, against plain loops over all members.
#include "runtime/collectives/local/LocalNetwork.h"
#include "runtime/collectives/local/Reduction.h"
#include "test/runtime/Check.h"
#include "test/runtime/Regression.h"
#include <cstring>
#include <functional>
#include <thread>

using namespace llcc::rt;

namespace {

/// One collective on every device of a mesh: each device has own operands and results.
class Mesh {
public:
  Mesh(std::vector<std::string> axes, std::vector<uint32_t> sizes) {
    plan.axes = std::move(axes);
    plan.sizes = std::move(sizes);
    operands.resize(plan.devices());
    results.resize(plan.devices());
  }
  void run(Op op, const std::vector<Shape> &ins, const std::vector<Shape> &outs, std::vector<int64_t> ints,
           std::vector<uint32_t> axes, bool inPlace = false, int rounds = 3) {
    program = Program();
    Builder b(program);
    std::vector<uint32_t> in, out;
    for (const Shape &shape : ins)
      in.push_back(b.temp(shape.dims, shape.type));
    for (const Shape &shape : outs)
      out.push_back(b.temp(shape.dims, shape.type));
    b.over(op, in, inPlace ? in : out, std::move(ints), std::move(axes));
    Watch watch(plan.devices(), std::chrono::milliseconds(20000));
    LocalNetwork network(plan, watch);
    std::vector<std::thread> threads;
    for (uint32_t d = 0; d < plan.devices(); ++d)
      threads.emplace_back([&, d] {
        try {
          auto communicator = network.join(d);
          std::vector<char *> from, to;
          std::vector<std::string> data;
          for (const std::string &bytes : operands[d])
            data.push_back(bytes);
          results[d].clear();
          for (const Shape &shape : outs)
            results[d].emplace_back(shape.bytes(), char(0x7f)); // what is not written shows
          for (std::string &bytes : data)
            from.push_back(bytes.data());
          for (std::string &bytes : results[d])
            to.push_back(bytes.data());
          watch.begin(d, &program);
          Work work = communicator->prepare(program, program.instrs[0], from, inPlace ? from : to);
          for (int r = 0; r < rounds; ++r) {
            for (size_t i = 0; i < data.size(); ++i)
              std::memcpy(data[i].data(), operands[d][i].data(), data[i].size());
            work();
          }
          if (inPlace)
            results[d] = data;
        } catch (const Error &error) {
          watch.raise(error);
        } catch (const Aborted &) {
        }
      });
    for (std::thread &thread : threads)
      thread.join();
    CHECK(!watch.aborted(), "%s", watch.failure().text.c_str());
  }
  /// Devices that differ from `d` only along `axes`, in member order, and d's number among them.
  std::vector<uint32_t> group(uint32_t d, const std::vector<uint32_t> &axes, size_t &member) const {
    std::vector<uint32_t> members;
    size_t count = 1;
    for (uint32_t axis : axes)
      count *= plan.sizes[axis];
    for (size_t m = 0; m < count; ++m) {
      std::vector<uint32_t> coords = plan.coordinates(d);
      size_t rest = m;
      for (size_t j = axes.size(); j-- > 0;) {
        coords[axes[j]] = uint32_t(rest % plan.sizes[axes[j]]);
        rest /= plan.sizes[axes[j]];
      }
      uint32_t device = 0;
      for (size_t a = 0; a < coords.size(); ++a)
        device = device * plan.sizes[a] + coords[a];
      if (device == d)
        member = m;
      members.push_back(device);
    }
    return members;
  }
  Plan plan;
  Program program;
  std::vector<std::vector<std::string>> operands, results; ///< by device and buffer
};

std::string floats(const Shape &shape, uint32_t device, size_t salt = 0) {
  std::string bytes(shape.bytes(), 0);
  for (uint64_t i = 0; i < shape.elements(); ++i) {
    float value = float((i * 37 + device * 101 + salt * 13) % 97) / 7 - 5;
    std::memcpy(&bytes[i * 4], &value, 4);
  }
  return bytes;
}
float at(const std::string &bytes, uint64_t i) {
  float value;
  std::memcpy(&value, &bytes[i * 4], 4);
  return value;
}
float combine(int64_t kind, float a, float b) {
  return kind == 0 ? a + b : kind == 1 ? std::fmax(a, b) : kind == 2 ? std::fmin(a, b) : a * b;
}

struct Case {
  std::vector<std::string> axes;
  std::vector<uint32_t> sizes, over;
};
const Case cases[] = {{{"a"}, {1}, {0}},
                      {{"a"}, {2}, {0}},
                      {{"a"}, {3}, {0}},
                      {{"a", "b"}, {2, 2}, {1}},
                      {{"a", "b"}, {2, 3}, {0, 1}},
                      {{"a", "b"}, {3, 2}, {1, 0}},
                      {{"a", "b"}, {5, 5}, {0}},
                      {{"a"}, {25}, {0}}};

void allReduce() {
  for (const Case &c : cases)
    for (int64_t kind = 0; kind < 4; ++kind)
      for (bool inPlace : {false, true}) {
        Mesh mesh(c.axes, c.sizes);
        // A bucket: nothing, one element, sizes that no group divides.
        std::vector<Shape> shapes = {
            {DType::F32, {0, 3}}, {DType::F32, {}}, {DType::F32, {7, 13}}, {DType::F32, {1000}}};
        for (uint32_t d = 0; d < mesh.plan.devices(); ++d)
          for (size_t b = 0; b < shapes.size(); ++b)
            mesh.operands[d].push_back(floats(shapes[b], d, b));
        mesh.run(Op::AllReduce, shapes, shapes, {kind}, c.over, inPlace);
        for (uint32_t d = 0; d < mesh.plan.devices(); ++d) {
          size_t member = 0;
          std::vector<uint32_t> members = mesh.group(d, c.over, member);
          for (size_t b = 0; b < shapes.size(); ++b)
            for (uint64_t i = 0; i < shapes[b].elements(); ++i) {
              float expected = at(mesh.operands[members[0]][b], i);
              for (size_t m = 1; m < members.size(); ++m)
                expected = combine(kind, expected, at(mesh.operands[members[m]][b], i));
              // Member order: the same bits, not only nearly so.
              CHECK(at(mesh.results[d][b], i) == expected, "device %u of %u, kind %d, buffer %zu, element %d", d,
                    mesh.plan.devices(), int(kind), b, int(i));
            }
        }
      }
}

void gatherAndScatter() {
  for (const Case &c : cases)
    for (int64_t size : {0, 1, 2, 7, 24, 25, 30})
      for (int64_t dim : {0, 1, 2}) {
        Mesh mesh(c.axes, c.sizes);
        size_t member = 0;
        int64_t count = int64_t(mesh.group(0, c.over, member).size()), block = (size + count - 1) / count;
        auto shaped = [&](int64_t n) {
          Shape shape{DType::F32, {3, 2, 5}};
          shape.dims[size_t(dim)] = n;
          return shape;
        };
        Shape whole = shaped(size), piece = shaped(block);
        auto index = [&](const Shape &shape, uint64_t linear) { // position along dim, and what it is elsewhere
          uint64_t inner = 1;
          for (size_t i = size_t(dim) + 1; i < 3; ++i)
            inner *= uint64_t(shape.dims[i]);
          uint64_t n = uint64_t(shape.dims[size_t(dim)]);
          return std::tuple(linear / (inner * n), linear / inner % n, linear % inner, inner);
        };
        for (uint32_t d = 0; d < mesh.plan.devices(); ++d)
          mesh.operands[d] = {floats(piece, d)};
        mesh.run(Op::AllGather, {piece}, {whole}, {dim, size}, c.over);
        for (uint32_t d = 0; d < mesh.plan.devices(); ++d) {
          std::vector<uint32_t> members = mesh.group(d, c.over, member);
          for (uint64_t i = 0; i < whole.elements(); ++i) {
            auto [outer, n, inner, stride] = index(whole, i);
            uint64_t b = uint64_t(block);
            CHECK(at(mesh.results[d][0], i) ==
                      at(mesh.operands[members[n / b]][0], (outer * b + n % b) * stride + inner),
                  "all_gather: device %u, size %d, dim %d", d, int(size), int(dim));
          }
        }
        for (uint32_t d = 0; d < mesh.plan.devices(); ++d)
          mesh.operands[d] = {floats(whole, d)};
        mesh.run(Op::ReduceScatter, {whole}, {piece}, {0, dim}, c.over);
        for (uint32_t d = 0; d < mesh.plan.devices(); ++d) {
          std::vector<uint32_t> members = mesh.group(d, c.over, member);
          for (uint64_t i = 0; i < piece.elements(); ++i) {
            auto [outer, n, inner, stride] = index(piece, i);
            uint64_t from = member * uint64_t(block) + n;
            float expected = 0;
            if (from < uint64_t(size)) {
              uint64_t source = (outer * uint64_t(size) + from) * stride + inner;
              expected = at(mesh.operands[members[0]][0], source);
              for (size_t m = 1; m < members.size(); ++m)
                expected += at(mesh.operands[members[m]][0], source);
            }
            CHECK(at(mesh.results[d][0], i) == expected, "reduce_scatter: device %u, size %d, dim %d", d, int(size),
                  int(dim));
          }
        }
      }
}

// A bucket of two tensors, cut along different dimensions, gives each what it gets alone.
void bucketsOfPieces() {
  for (const Case &c : cases)
    for (int64_t size : {0, 1, 7, 25}) {
      Mesh mesh(c.axes, c.sizes);
      size_t member = 0;
      int64_t count = int64_t(mesh.group(0, c.over, member).size()), block = (size + count - 1) / count;
      auto both = [](int64_t n) { return std::vector<Shape>{{DType::F32, {n, 3}}, {DType::F32, {2, n}}}; };
      std::vector<Shape> wholes = both(size), pieces = both(block);
      auto check = [&](Op op, const std::vector<Shape> &ins, const std::vector<Shape> &outs,
                       const std::vector<int64_t> &together, const std::vector<std::vector<int64_t>> &alone) {
        std::vector<std::vector<std::string>> given(mesh.plan.devices());
        for (uint32_t d = 0; d < mesh.plan.devices(); ++d)
          given[d] = {floats(ins[0], d), floats(ins[1], d, 1)};
        mesh.operands = given;
        mesh.run(op, ins, outs, together, c.over);
        std::vector<std::vector<std::string>> bucket = mesh.results;
        for (size_t b = 0; b < 2; ++b) {
          for (uint32_t d = 0; d < mesh.plan.devices(); ++d)
            mesh.operands[d] = {given[d][b]};
          mesh.run(op, {ins[b]}, {outs[b]}, alone[b], c.over);
          for (uint32_t d = 0; d < mesh.plan.devices(); ++d)
            CHECK(mesh.results[d][0] == bucket[d][b], "%s: device %u, size %d, tensor %d", nameOf(op), d, int(size),
                  int(b));
        }
      };
      check(Op::AllGather, pieces, wholes, {0, size, 1, size}, {{0, size}, {1, size}});
      check(Op::ReduceScatter, wholes, pieces, {0, 0, 1}, {{0, 0}, {0, 1}});
    }
}

void allToAll() {
  for (const Case &c : cases)
    for (int64_t rows : {1, 4, 7})
      for (int64_t size : {1, 5, 25, 26})
        for (bool swapped : {false, true}) { // split rows, join columns; and the other way
          Mesh mesh(c.axes, c.sizes);
          size_t member = 0;
          int64_t count = int64_t(mesh.group(0, c.over, member).size()), columns = (size + count - 1) / count,
                  block = (rows + count - 1) / count;
          auto matrix = [&](int64_t r, int64_t k) {
            return Shape{DType::F32, swapped ? std::vector<int64_t>{k, r} : std::vector<int64_t>{r, k}};
          };
          Shape from = matrix(rows, columns), to = matrix(block, size);
          auto value = [&](const std::string &bytes, const Shape &shape, int64_t r, int64_t k) {
            return at(bytes, uint64_t(swapped ? k * shape.dims[1] + r : r * shape.dims[1] + k));
          };
          for (uint32_t d = 0; d < mesh.plan.devices(); ++d)
            mesh.operands[d] = {floats(from, d)};
          mesh.run(Op::AllToAll, {from}, {to}, {swapped ? 1 : 0, swapped ? 0 : 1, size}, c.over);
          for (uint32_t d = 0; d < mesh.plan.devices(); ++d) {
            std::vector<uint32_t> members = mesh.group(d, c.over, member);
            for (int64_t r = 0; r < block; ++r)
              for (int64_t k = 0; k < size; ++k) {
                int64_t source = int64_t(member) * block + r;
                float expected = source < rows
                                     ? value(mesh.operands[members[size_t(k / columns)]][0], from, source, k % columns)
                                     : 0;
                CHECK(value(mesh.results[d][0], to, r, k) == expected,
                      "all_to_all: device %u, rows %d, size %d, %d, %d", d, int(rows), int(size), int(r), int(k));
              }
          }
        }
}

void ringShift() {
  for (const Case &c : cases)
    for (int64_t size : {0, 1, 5, 1000}) {
      Mesh mesh(c.axes, c.sizes);
      Shape first{DType::F32, {size}}, second{DType::F32, {3, size}};
      for (uint32_t d = 0; d < mesh.plan.devices(); ++d)
        mesh.operands[d] = {floats(first, d), floats(second, d, 1)};
      mesh.run(Op::RingShift, {first, second}, {first, second}, {}, c.over);
      for (uint32_t d = 0; d < mesh.plan.devices(); ++d) {
        size_t member = 0;
        std::vector<uint32_t> members = mesh.group(d, c.over, member);
        uint32_t before = members[(member + members.size() - 1) % members.size()];
        for (size_t b = 0; b < 2; ++b)
          CHECK(mesh.results[d][b] == mesh.operands[before][b], "ring_shift: device %u, size %d, tensor %d", d,
                int(size), int(b));
      }
    }
}

template <class T> void reduces(DType type, int64_t kind, std::vector<T> a, std::vector<T> b, std::vector<T> expected) {
  std::vector<T> out(a.size());
  reduce(type, kind, {reinterpret_cast<char *>(a.data()), reinterpret_cast<char *>(b.data())},
         reinterpret_cast<char *>(out.data()), a.size());
  CHECK(std::memcmp(out.data(), expected.data(), out.size() * sizeof(T)) == 0, "%s, kind %d", nameOf(type), int(kind));
}

void everyTypeReduces() {
  reduces<double>(DType::F64, 0, {1, 1e-16}, {1e-16, 1}, {1 + 1e-16, 1 + 1e-16});
  reduces<int64_t>(DType::I64, 0, {INT64_MAX, -3}, {1, 2}, {INT64_MIN, -1});
  reduces<int64_t>(DType::I64, 1, {-3, 7}, {-4, 9}, {-3, 9});
  reduces<int32_t>(DType::I32, 3, {INT32_MAX, -3}, {2, 5}, {-2, -15});
  reduces<int32_t>(DType::I32, 2, {-3, 7}, {-4, 9}, {-4, 7});
  reduces<int16_t>(DType::I16, 0, {300}, {-500}, {-200});
  reduces<int8_t>(DType::I8, 0, {127}, {1}, {-128});
  reduces<uint8_t>(DType::U8, 1, {200}, {7}, {200});
  reduces<uint8_t>(DType::Bool, 0, {0, 1, 1}, {0, 0, 1}, {0, 1, 1});
  reduces<uint8_t>(DType::Bool, 3, {0, 1, 1}, {0, 0, 1}, {0, 0, 1});
  reduces<uint16_t>(DType::BF16, 0, {0x3f80, 0x7f80}, {0x3f80, 0x3f80}, {0x4000, 0x7f80}); // 1 + 1 = 2, inf + 1 = inf
  reduces<uint16_t>(DType::F16, 0, {0x3c00}, {0x3c00}, {0x4000});
  for (int64_t kind : {1, 2})
    for (bool first : {false, true}) {
      float a = first ? NAN : 1, b = first ? 1 : NAN, out = 0;
      reduce(DType::F32, kind, {reinterpret_cast<char *>(&a), reinterpret_cast<char *>(&b)},
             reinterpret_cast<char *>(&out), 1);
      CHECK(std::isnan(out), "kind %d hides a nan", int(kind));
    }
}

/// A member that never comes is named; one that fails releases the rest at once.
void absentMembers() {
  Plan plan;
  plan.axes = {"a"};
  plan.sizes = {3};
  for (bool fails : {false, true}) {
    Watch watch(3, std::chrono::milliseconds(fails ? 20000 : 200));
    Barrier barrier({0, 1, 2}, watch, 0);
    auto start = std::chrono::steady_clock::now();
    std::vector<std::thread> threads;
    for (uint32_t d : {0u, 2u})
      threads.emplace_back([&, d] {
        try {
          barrier.wait(d);
          CHECK(false, "passed");
        } catch (const Error &error) {
          watch.raise(error);
        } catch (const Aborted &) {
        }
      });
    if (fails)
      watch.raise({Unavailable, "device 1 burns"});
    for (std::thread &thread : threads)
      thread.join();
    double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    CHECK(seconds < 2, "took %g s", seconds);
    CHECK(contains(watch.failure().text, fails ? "device 1 burns" : "waited 200 ms for device 1, which is idle"), "%s",
          watch.failure().text.c_str());
  }
}

} // namespace

int main() {
  allReduce();
  gatherAndScatter();
  bucketsOfPieces();
  allToAll();
  ringShift();
  everyTypeReduces();
  absentMembers();
  return finished("test-collectives");
}
