// Changes an ONNX file field by field: the file is a tree of fields, which is taken apart, changed, and written again.
#include "MutateWire.h"
#include "frontends/onnx/Wire.h"
#include <random>
#include <vector>

using mlir::llcc::frontend::WireField;
using mlir::llcc::frontend::WireReader;

namespace {

struct Field {
  uint32_t number;
  WireField::Type type;
  uint64_t value;
  std::string bytes;
  std::vector<Field> inner; ///< of a message
};

/// Fields of `message`, or nothing where it is none; any text can look like one, which does no harm.
std::vector<Field> parse(llvm::StringRef message, unsigned depth) {
  std::vector<Field> fields;
  WireReader reader(message);
  WireField field;
  while (reader.next(field)) {
    if (field.number > 64 || fields.size() > 4096)
      return {};
    fields.push_back({field.number, field.type, field.value, field.bytes.str(), {}});
    if (field.type == WireField::Bytes && depth > 0 && field.bytes.size() > 1)
      fields.back().inner = parse(field.bytes, depth - 1);
  }
  return *reader.error ? std::vector<Field>() : fields;
}

void putNumber(uint64_t value, std::string &out) {
  for (; value > 127; value >>= 7)
    out += char(value | 128);
  out += char(value);
}

void write(const std::vector<Field> &fields, std::string &out) {
  for (const Field &f : fields) {
    putNumber(uint64_t(f.number) << 3 | f.type, out);
    if (f.type == WireField::Varint) {
      putNumber(f.value, out);
      continue;
    }
    std::string bytes = f.inner.empty() ? f.bytes : std::string();
    write(f.inner, bytes);
    if (f.type == WireField::Bytes)
      putNumber(bytes.size(), out);
    out += bytes;
  }
}

void collect(std::vector<Field> &fields, std::vector<std::pair<std::vector<Field> *, size_t>> &all) {
  for (size_t i = 0; i < fields.size(); ++i) {
    all.push_back({&fields, i});
    collect(fields[i].inner, all);
  }
}

class Mutation {
public:
  explicit Mutation(uint64_t seed) : random(seed) {}

  void apply(std::vector<Field> &fields) {
    std::vector<std::pair<std::vector<Field> *, size_t>> all;
    collect(fields, all);
    if (all.empty())
      return;
    auto [list, at] = all[below(all.size())];
    auto [otherList, otherAt] = all[below(all.size())];
    Field other = (*otherList)[otherAt];
    Field &field = (*list)[at];
    switch (below(8)) {
    case 0:
      list->erase(list->begin() + at);
      return;
    case 1: {
      Field copy = field;
      list->insert(list->begin() + below(list->size() + 1), std::move(copy));
      return;
    }
    case 2: // what is elsewhere, under this number: names that meet, messages of another kind
      other.number = field.number;
      field = std::move(other);
      return;
    case 3: // what is elsewhere, beside this: graphs in graphs, inputs too many
      list->insert(list->begin() + at, std::move(other));
      return;
    case 4:
      field.number = uint32_t(1 + below(26));
      return;
    default:
      damage(field);
    }
  }

  uint64_t below(uint64_t n) { return random() % n; }

private:
  /// Another value of the same kind.
  void damage(Field &field) {
    static const uint64_t numbers[] = {0,
                                       1,
                                       2,
                                       3,
                                       7,
                                       ~uint64_t(0),
                                       ~uint64_t(1),
                                       63,
                                       64,
                                       127,
                                       1 << 16,
                                       1 << 24,
                                       1u << 31,
                                       uint64_t(1) << 32,
                                       1ull << 40,
                                       1ull << 62,
                                       1ull << 63,
                                       ~(1ull << 63)};
    uint64_t number = below(3) ? numbers[below(std::size(numbers))] : field.value + below(5) - 2;
    if (field.type == WireField::Varint) {
      field.value = number;
      return;
    }
    if (!field.inner.empty()) {
      apply(field.inner);
      return;
    }
    if (field.bytes.empty()) {
      field.bytes = "x";
      return;
    }
    size_t at = below(field.bytes.size());
    switch (below(3)) {
    case 0:
      field.bytes[at] = char(below(256));
      break;
    case 1: // an element of raw data
      for (size_t i = 0, n = below(2) ? 8 : 4; i < n && at / n * n + i < field.bytes.size(); ++i)
        field.bytes[at / n * n + i] = char(number >> 8 * i);
      break;
    default:
      if (field.type == WireField::Bytes)
        field.bytes.resize(below(2) ? at : field.bytes.size() + 1 + below(8));
    }
  }

  std::mt19937_64 random;
};

} // namespace

std::string mutateWire(llvm::StringRef model, uint64_t seed) {
  std::vector<Field> fields = parse(model, /*depth=*/12);
  Mutation mutation(seed);
  for (uint64_t i = 0, n = 1 + mutation.below(4); i < n; ++i)
    mutation.apply(fields);
  std::string bytes;
  write(fields, bytes);
  return bytes;
}
