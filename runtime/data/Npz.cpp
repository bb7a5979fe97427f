// NumPy archives: npy members in a zip file, through libzip.
#include "runtime/data/Array.h"
#include "runtime/data/Failure.h"
#include <cstring>
#include <memory>
#include <unistd.h>
#include <zip.h>

namespace llcc::rt {

namespace {
struct NpyType {
  const char *descr;
  DType type;
};
// Little-endian types that arrays of models and labels have. numpy has no bf16: it is |V2 (two raw bytes), as ml_dtypes
// writes it.
const NpyType kTypes[] = {{"<f4", DType::F32},  {"<f8", DType::F64}, {"<f2", DType::F16}, {"|i1", DType::I8},
                          {"|u1", DType::U8},   {"<i2", DType::I16}, {"<i4", DType::I32}, {"<i8", DType::I64},
                          {"|b1", DType::Bool}, {"|V2", DType::BF16}};

// The value after 'key': in the header's Python dictionary, up to the next top-level comma.
std::string field(const std::string &header, const std::string &key, const std::string &what) {
  size_t at = header.find("'" + key + "'");
  if (at == std::string::npos || (at = header.find(':', at)) == std::string::npos)
    throw Failure{65, what + ": npy header has no field " + key};
  ++at;
  int depth = 0;
  size_t end = at;
  for (; end < header.size(); ++end) {
    char c = header[end];
    depth += c == '(' || c == '[';
    if (c == ')' || c == ']')
      --depth;
    if ((c == ',' || c == '}') && depth <= 0)
      break;
  }
  std::string value = header.substr(at, end - at);
  value.erase(0, value.find_first_not_of(' '));
  value.erase(value.find_last_not_of(' ') + 1);
  return value;
}

// Bytes of one element of a numpy type ("<f4", "<U5"); 0 where it is none of a fixed size.
uint64_t itemSize(const std::string &descr) {
  if (descr.size() < 3 || descr.size() > 8 || descr.find_first_not_of("0123456789", 2) != std::string::npos)
    return 0;
  return std::stoull(descr.substr(2)) * (descr[1] == 'U' ? 4 : 1);
}

// numpy saves a transposed array column by column.
void makeRowMajor(RawArray &array, uint64_t width) {
  std::string rows(array.bytes.size(), '\0');
  std::vector<int64_t> index(array.dims.size(), 0);
  for (uint64_t to = 0; to < rows.size(); to += width) {
    uint64_t from = 0;
    for (size_t d = array.dims.size(); d-- > 0;)
      from = from * uint64_t(array.dims[d]) + uint64_t(index[d]);
    memcpy(&rows[to], &array.bytes[from * width], width);
    for (size_t d = array.dims.size(); d-- > 0 && ++index[d] == array.dims[d];)
      index[d] = 0;
  }
  array.bytes = std::move(rows);
}

RawArray parseNpy(const char *data, size_t size, const std::string &what) {
  if (size < 10 || memcmp(data, "\x93NUMPY", 6))
    throw Failure{65, what + ": is not an npy array"};
  int version = data[6];
  size_t start = version == 1 ? 10 : 12, length = 0;
  if (size < start)
    throw Failure{65, what + ": npy header is cut off"};
  for (size_t i = start; i-- > 8;)
    length = length << 8 | uint8_t(data[i]);
  if (version < 1 || version > 3 || length > size - start)
    throw Failure{65, what + ": npy header says version " + std::to_string(version) + " and " + std::to_string(length) +
                          " bytes, the file has " + std::to_string(size - start)};
  std::string header(data + start, length), descr = field(header, "descr", what);
  uint64_t width = descr.size() > 2 && descr[0] == '\'' ? itemSize(descr.substr(1, descr.size() - 2)) : 0;
  if (!width)
    throw Failure{65, what + ": element type " + descr + " is not supported" +
                          (descr.find('O') != std::string::npos ? " (object arrays would run code)" : "") +
                          ", needs numbers or booleans"};
  RawArray array;
  array.descr = descr.substr(1, descr.size() - 2);
  std::string shape = field(header, "shape", what);
  uint64_t elements = 1;
  for (size_t at = 0; at < shape.size();) {
    size_t digit = shape.find_first_of("-0123456789", at);
    if (digit == std::string::npos)
      break;
    size_t end = shape.find_first_not_of("-0123456789", digit);
    std::string number = shape.substr(digit, end - digit);
    if (number.size() > 18 || number[0] == '-')
      throw Failure{65, what + ": npy header says shape " + shape};
    int64_t dim = std::stoll(number);
    array.dims.push_back(dim);
    if (__builtin_mul_overflow(elements, uint64_t(dim), &elements))
      throw Failure{65, what + ": npy header says shape " + shape + ", more than can be addressed"};
    at = end == std::string::npos ? shape.size() : end;
  }
  uint64_t bytes = 0, have = size - start - length;
  if (__builtin_mul_overflow(elements, width, &bytes) || bytes != have)
    throw Failure{65, what + ": npy header says shape " + shape + " of " + descr + ", the file has " +
                          std::to_string(have) + " bytes of values"};
  array.bytes.assign(data + start + length, data + size);
  if (field(header, "fortran_order", what) != "False")
    makeRowMajor(array, width);
  return array;
}

Array typed(RawArray raw, const std::string &what) {
  for (const NpyType &type : kTypes)
    if (raw.descr == type.descr) {
      Array array;
      array.shape = {type.type, std::move(raw.dims)};
      array.bytes.assign(raw.bytes.begin(), raw.bytes.end());
      return array;
    }
  throw Failure{65, what + ": element type '" + raw.descr +
                        "' is not supported, needs f2, f4, f8, i1, i2, i4, i8, u1 or b1, little-endian"};
}

std::string npyHeader(const std::string &descr, const std::vector<int64_t> &dims) {
  std::string text = "{'descr': '" + descr + "', 'fortran_order': False, 'shape': (";
  for (int64_t dim : dims)
    text += std::to_string(dim) + ",";
  text += "), }";
  while ((10 + text.size() + 1) % 64)
    text += ' ';
  text += '\n';
  std::string header("\x93NUMPY\x01\x00", 8);
  header += char(text.size() & 255);
  header += char(text.size() >> 8);
  return header + text;
}
} // namespace

Arrays readNpz(const std::string &path) {
  Arrays arrays;
  for (auto &[name, raw] : readRawNpz(path))
    arrays[name] = typed(std::move(raw), path + ": array \"" + name + "\"");
  if (arrays.empty())
    throw Failure{65, path + ": holds no arrays"};
  return arrays;
}

RawArrays readRawNpz(const std::string &path, const std::string &only) {
  int error = 0;
  if (access(path.c_str(), R_OK))
    throw Failure{66, path + ": no such file, or it cannot be read"};
  std::unique_ptr<zip_t, void (*)(zip_t *)> archive(zip_open(path.c_str(), ZIP_RDONLY, &error),
                                                    [](zip_t *z) { zip_discard(z); });
  if (!archive)
    throw Failure{65, path + ": is not a zip archive, or is cut off (npz files are zip archives)"};
  RawArrays arrays;
  for (zip_int64_t i = 0, n = zip_get_num_entries(archive.get(), 0); i < n; ++i) {
    zip_stat_t info;
    if (zip_stat_index(archive.get(), zip_uint64_t(i), 0, &info) || !(info.valid & ZIP_STAT_SIZE))
      throw Failure{65, path + ": entry " + std::to_string(i) + " of the archive is damaged"};
    std::string name = info.name;
    if (name.size() > 4 && name.substr(name.size() - 4) == ".npy")
      name.resize(name.size() - 4);
    if (!only.empty() && name != only)
      continue;
    std::string what = path + ": array \"" + name + "\"";
    // A deflated byte yields at most 1032 bytes: a header that promises more lies.
    if (info.size / 1100 > info.comp_size + 64)
      throw Failure{65, what + ": archive says " + std::to_string(info.size) + " bytes come from " +
                            std::to_string(info.comp_size)};
    std::unique_ptr<zip_file_t, int (*)(zip_file_t *)> file(zip_fopen_index(archive.get(), zip_uint64_t(i), 0),
                                                            zip_fclose);
    std::vector<char> bytes(info.size);
    if (!file || zip_fread(file.get(), bytes.data(), info.size) != zip_int64_t(info.size))
      throw Failure{65, what + ": cannot be unpacked, the archive is damaged"};
    // Reading past the end makes libzip check the CRC.
    char past;
    if (zip_fread(file.get(), &past, 1) != 0)
      throw Failure{65, what + ": checksum of the archive does not match"};
    arrays[name] = parseNpy(bytes.data(), bytes.size(), what);
  }
  return arrays;
}

void writeNpz(const std::string &path, const Arrays &arrays) {
  RawArrays raw;
  for (auto &[name, array] : arrays) {
    const char *descr = nullptr;
    for (const NpyType &type : kTypes)
      if (type.type == array.shape.type)
        descr = type.descr;
    if (!descr)
      throw Failure{70, std::string("npy has no element type ") + nameOf(array.shape.type)};
    raw[name] = {descr, array.shape.dims, std::string(array.bytes.begin(), array.bytes.end())};
  }
  writeRawNpz(path, raw);
}

void writeRawNpz(const std::string &path, const RawArrays &arrays) {
  if (arrays.empty()) { // libzip writes no file without members: this is the end record of an empty archive
    std::string end("PK\5\6", 4);
    end.resize(22);
    return writeFile(path, end.data(), end.size());
  }
  std::string temporary = path + ".tmp-" + std::to_string(getpid());
  int error = 0;
  zip_t *archive = zip_open(temporary.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &error);
  if (!archive)
    throw Failure{73, path + ": cannot create: " + strerror(error == ZIP_ER_OPEN ? errno : error)};
  std::vector<std::string> members;
  members.reserve(arrays.size());
  bool good = true;
  for (auto &[name, array] : arrays) {
    members.push_back(npyHeader(array.descr, array.dims));
    members.back() += array.bytes;
    zip_source_t *source = zip_source_buffer(archive, members.back().data(), members.back().size(), 0);
    good = good && source &&
           zip_file_add(archive, (name + ".npy").c_str(), source, ZIP_FL_OVERWRITE | ZIP_FL_ENC_UTF_8) >= 0;
  }
  if (!good || zip_close(archive)) {
    std::string why = zip_strerror(archive);
    zip_discard(archive);
    unlink(temporary.c_str());
    throw Failure{74, path + ": cannot write: " + why};
  }
  if (rename(temporary.c_str(), path.c_str())) {
    int code = errno;
    unlink(temporary.c_str());
    throw Failure{74, path + ": cannot write: " + strerror(code)};
  }
}

} // namespace llcc::rt
