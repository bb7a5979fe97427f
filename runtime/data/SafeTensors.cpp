// safetensors: read with every rule of the format checked, written sorted and padded.
#include "runtime/data/Array.h"
#include "runtime/data/Failure.h"
#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

namespace llcc::rt {

using Json = nlohmann::json;

namespace {
struct SafeType {
  const char *name;
  DType type;
};
const SafeType kTypes[] = {{"F32", DType::F32}, {"F64", DType::F64},  {"BF16", DType::BF16}, {"F16", DType::F16},
                           {"I8", DType::I8},   {"U8", DType::U8},    {"I16", DType::I16},   {"I32", DType::I32},
                           {"I64", DType::I64}, {"BOOL", DType::Bool}};
} // namespace

Arrays readSafeTensors(const std::string &path, std::map<std::string, std::string> *metadata) {
  std::string file = readFile(path);
  auto bad = [&](const std::string &text) { return Failure{65, path + ": " + text}; };
  if (file.size() < 8)
    throw bad("is " + std::to_string(file.size()) + " bytes long, a safetensors header needs 8");
  if (file.rfind("version https://git-lfs", 0) == 0)
    throw bad("is a Git LFS pointer, not the file itself; run git lfs pull");
  uint64_t length = 0;
  for (int i = 7; i >= 0; --i)
    length = length << 8 | uint8_t(file[size_t(i)]);
  if (length > 100000000 || length > file.size() - 8)
    throw bad("header says " + std::to_string(length) + " bytes, the file has " + std::to_string(file.size() - 8));
  if (!length || file[8] != '{')
    throw bad("header does not start with {");
  std::string text = file.substr(8, length);
  // Duplicate keys would make readers disagree, so they are refused while parsing.
  std::vector<std::set<std::string>> keys;
  bool twice = false, deep = false;
  std::string duplicate;
  Json header = Json::parse(
      text,
      [&](int depth, Json::parse_event_t event, Json &parsed) {
        deep = deep || depth > 4;
        if (event == Json::parse_event_t::object_start)
          keys.emplace_back();
        else if (event == Json::parse_event_t::object_end && !keys.empty())
          keys.pop_back();
        else if (event == Json::parse_event_t::key && !keys.empty() &&
                 !keys.back().insert(parsed.get<std::string>()).second) {
          twice = true;
          duplicate = parsed.get<std::string>();
        }
        return !deep;
      },
      false);
  if (header.is_discarded() || !header.is_object() || deep)
    throw bad("header is not valid JSON of a safetensors file");
  if (twice)
    throw bad("header names \"" + duplicate + "\" twice");
  struct Piece {
    uint64_t begin, end;
    std::string name;
  };
  std::vector<Piece> pieces;
  Arrays arrays;
  uint64_t bytes = file.size() - 8 - length;
  for (auto &item : header.items()) {
    const std::string &name = item.key();
    const Json &value = item.value();
    if (name == "__metadata__") {
      if (!value.is_object())
        throw bad("__metadata__ is not a map of strings");
      for (auto &[key, entry] : value.items()) {
        if (!entry.is_string())
          throw bad("__metadata__ entry \"" + key + "\" is not a string");
        if (metadata)
          (*metadata)[key] = entry.get<std::string>();
      }
      continue;
    }
    std::string what = "tensor \"" + name + "\"";
    if (!value.is_object() || !value.contains("dtype") || !value.contains("shape") || !value.contains("data_offsets") ||
        !value["dtype"].is_string() || !value["shape"].is_array() || !value["data_offsets"].is_array() ||
        value["data_offsets"].size() != 2)
      throw bad(what + " needs dtype, shape and two data_offsets");
    Array array;
    auto type = std::find_if(std::begin(kTypes), std::end(kTypes), [&](auto &t) { return value["dtype"] == t.name; });
    if (type == std::end(kTypes))
      throw bad(what + " has the unsupported dtype " + value["dtype"].get<std::string>());
    array.shape.type = type->type;
    uint64_t want = sizeOf(type->type);
    for (auto &dim : value["shape"]) {
      if (!dim.is_number_unsigned() || dim.get<uint64_t>() > (uint64_t(1) << 48) ||
          __builtin_mul_overflow(want, dim.get<uint64_t>(), &want))
        throw bad(what + " has the shape " + value["shape"].dump());
      array.shape.dims.push_back(dim.get<int64_t>());
    }
    const Json &offsets = value["data_offsets"];
    if (!offsets[0].is_number_unsigned() || !offsets[1].is_number_unsigned())
      throw bad(what + " has offsets that are not numbers");
    uint64_t begin = offsets[0], end = offsets[1];
    if (begin > end || end > bytes || end - begin != want)
      throw bad(what + " has bytes " + std::to_string(begin) + " to " + std::to_string(end) + ", needs " +
                std::to_string(want) + " of the " + std::to_string(bytes) + " in the file");
    array.bytes.assign(file.begin() + int64_t(8 + length + begin), file.begin() + int64_t(8 + length + end));
    pieces.push_back({begin, end, name});
    arrays[name] = std::move(array);
  }
  std::sort(pieces.begin(), pieces.end(),
            [](auto &a, auto &b) { return std::pair(a.begin, a.end) < std::pair(b.begin, b.end); });
  uint64_t at = 0;
  for (auto &piece : pieces) {
    if (piece.begin != at)
      throw bad("tensor \"" + piece.name + "\" starts at byte " + std::to_string(piece.begin) +
                ", the one before ends at " + std::to_string(at));
    at = piece.end;
  }
  if (at != bytes)
    throw bad("tensors end at byte " + std::to_string(at) + ", the file at " + std::to_string(bytes));
  return arrays;
}

std::string toSafeTensors(const Arrays &arrays, const std::map<std::string, std::string> &metadata) {
  Json header = Json::object();
  if (!metadata.empty())
    header["__metadata__"] = metadata;
  uint64_t at = 0;
  for (auto &entry : arrays) {
    const Array &array = entry.second;
    auto type = std::find_if(std::begin(kTypes), std::end(kTypes), [&](auto &t) { return t.type == array.shape.type; });
    header[entry.first] = {
        {"dtype", type->name}, {"shape", array.shape.dims}, {"data_offsets", {at, at + array.bytes.size()}}};
    at += array.bytes.size();
  }
  std::string text = header.dump(-1, ' ', false, Json::error_handler_t::replace);
  text.append((8 - text.size() % 8) % 8, ' ');
  std::string file(8, '\0');
  for (int i = 0; i < 8; ++i)
    file[size_t(i)] = char(text.size() >> (8 * i));
  file += text;
  file.reserve(file.size() + at);
  for (auto &[name, array] : arrays)
    file.append(array.bytes.data(), array.bytes.size());
  return file;
}

} // namespace llcc::rt
