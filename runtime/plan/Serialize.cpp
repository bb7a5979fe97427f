// Plan to bytes and back: little-endian, fixed widths, every list preceded by its 32-bit length.
#include "runtime/plan/Fields.h"
#include <cstring>

namespace llcc::rt {
namespace {

constexpr char magic[8] = {'l', 'l', 'c', 'c', 'p', 'l', 'a', 'n'};
constexpr uint32_t version = 5;
/// No array of a plan has more elements than this, so that products of sizes never overflow.
constexpr uint64_t maxElements = uint64_t(1) << 56;

class Writer {
public:
  std::string bytes;
  template <class T, std::enable_if_t<std::is_arithmetic_v<T>, int> = 0> void operator()(T value) {
    bytes.append(reinterpret_cast<const char *>(&value), sizeof value);
  }
  void operator()(const std::string &text) {
    (*this)(static_cast<uint32_t>(text.size()));
    bytes += text;
  }
  template <class T> void operator()(const std::vector<T> &values) {
    (*this)(static_cast<uint32_t>(values.size()));
    bytes.append(reinterpret_cast<const char *>(values.data()), values.size() * sizeof(T));
  }
  template <class E> void choice(E value, E) { (*this)(static_cast<uint8_t>(value)); }
  template <class T> void list(std::vector<T> &values) {
    (*this)(static_cast<uint32_t>(values.size()));
    for (T &value : values)
      fields(*this, value);
  }
};

class Reader {
public:
  Reader(const char *data, size_t size) : data(data), size(size) {}
  std::string error;

  void operator()(bool &value) {
    uint8_t byte = 0;
    (*this)(byte);
    if (byte > 1)
      fail("a flag is " + std::to_string(byte));
    value = byte == 1;
  }
  template <class T, std::enable_if_t<std::is_arithmetic_v<T>, int> = 0> void operator()(T &value) {
    if (take(sizeof value))
      std::memcpy(&value, data + at - sizeof value, sizeof value);
  }
  void operator()(std::string &text) {
    if (uint64_t count = length(1))
      text.assign(data + at - count, count);
  }
  template <class T> void operator()(std::vector<T> &values) {
    if (uint64_t count = length(sizeof(T))) {
      values.resize(count);
      std::memcpy(values.data(), data + at - count * sizeof(T), count * sizeof(T));
    }
  }
  template <class E> void choice(E &value, E last) {
    uint8_t byte = 0;
    (*this)(byte);
    if (byte > static_cast<uint8_t>(last))
      return fail("a code is " + std::to_string(byte) + ", the largest known one is " +
                  std::to_string(static_cast<unsigned>(last)));
    value = static_cast<E>(byte);
  }
  template <class T> void list(std::vector<T> &values) {
    // An empty T has no variable part, so its encoding is the least that an entry takes.
    static const uint64_t least = [] {
      Writer writer;
      T empty{};
      fields(writer, empty);
      return writer.bytes.size();
    }();
    uint32_t count = 0;
    (*this)(count);
    if (!error.empty())
      return;
    if (count > (size - at) / least)
      return fail("a list of " + std::to_string(count) + " entries does not fit in the " + std::to_string(size - at) +
                  " bytes that are left");
    values.resize(count);
    for (T &value : values) {
      fields(*this, value);
      if (!error.empty())
        return;
    }
  }
  bool ended() const { return at == size; }
  size_t position() const { return at; }
  void fail(const std::string &what) {
    if (error.empty())
      error = "plan is damaged at byte " + std::to_string(at) + ": " + what;
  }

private:
  bool take(uint64_t count) {
    if (!error.empty())
      return false;
    if (count > size - at) {
      fail("it ends, " + std::to_string(count) + " more bytes are needed");
      return false;
    }
    at += count;
    return true;
  }
  /// Reads a length and takes that many elements; 0 on failure.
  uint64_t length(uint64_t elementSize) {
    uint32_t count = 0;
    (*this)(count);
    return take(count * elementSize) ? count : 0;
  }
  const char *data;
  size_t size, at = 0;
};

bool sane(const Shape &shape) {
  uint64_t count = 1;
  if (shape.dims.size() > 64)
    return false;
  for (int64_t dim : shape.dims) {
    // A zero must not hide a product that overflows, so it counts as one.
    if (dim < 0 || __builtin_mul_overflow(count, static_cast<uint64_t>(dim ? dim : 1), &count) || count > maxElements)
      return false;
  }
  return true;
}

} // namespace

std::string serialize(const Plan &plan) {
  Writer writer;
  writer.bytes.append(magic, sizeof magic);
  writer(version);
  fields(writer, const_cast<Plan &>(plan)); // the writer only reads
  return std::move(writer.bytes);
}

std::string parse(const char *data, size_t size, Plan &plan) {
  plan = Plan();
  Reader reader(data, size);
  char head[sizeof magic] = {};
  for (char &c : head)
    reader(c);
  uint32_t found = 0;
  reader(found);
  if (reader.error.empty() && std::memcmp(head, magic, sizeof magic) != 0)
    reader.fail("it does not begin with \"llccplan\"");
  if (reader.error.empty() && found != version)
    return "plan has format version " + std::to_string(found) + ", this build reads version " +
           std::to_string(version) + "; compile the model again";
  if (reader.error.empty())
    fields(reader, plan);
  if (reader.error.empty() && !reader.ended())
    reader.fail(std::to_string(size - reader.position()) + " bytes follow its end");
  auto check = [&](const Shape &shape, const std::string &owner) {
    if (!sane(shape))
      reader.fail("the shape of " + owner + " has a negative, huge or 65th dimension");
  };
  for (const Variable &v : plan.variables)
    check(v.shape, "variable \"" + v.name + "\"");
  for (const Input &i : plan.inputs)
    check(i.shape, "input \"" + i.name + "\"");
  for (const Output &o : plan.outputs)
    check(o.shape, "output \"" + o.name + "\"");
  for (const Kernel &k : plan.kernels)
    for (const Shape &argument : k.signature)
      check(argument, "an argument of kernel \"" + k.name + "\"");
  for (const Program &p : plan.programs)
    for (size_t b = 0; b < p.buffers.size(); ++b)
      check(p.buffers[b].shape, "buffer " + std::to_string(b));
  return reader.error;
}

} // namespace llcc::rt
