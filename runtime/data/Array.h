// Named host arrays, and the files that hold them.
#ifndef LLCC_RUNTIME_DATA_ARRAY_H
#define LLCC_RUNTIME_DATA_ARRAY_H

#include "runtime/plan/Plan.h"
#include <map>
#include <string>
#include <vector>

namespace llcc::rt {

/// A row-major array in host memory.
struct Array {
  Shape shape;
  std::vector<char> bytes;
  int64_t rows() const { return shape.dims.empty() ? 1 : shape.dims[0]; }
};
using Arrays = std::map<std::string, Array>;

/// "[64, 784]".
std::string format(const std::vector<int64_t> &dims);

/// "x [100, 784], label [100]".
std::string nameList(const Arrays &arrays);

/// .npz, plain or compressed. Throws Failure (65 naming the array and field, 66 where there is no file). Object arrays
/// are refused: reading them would run code.
Arrays readNpz(const std::string &path);
/// Compressed; written whole or not at all.
void writeNpz(const std::string &path, const Arrays &arrays);

/// The same for any element type, as numpy names it ("<u2", "|V2"): for files whose types the model decides.
struct RawArray {
  std::string descr;
  std::vector<int64_t> dims;
  std::string bytes; ///< row-major
};
using RawArrays = std::map<std::string, RawArray>;
/// `only`: the array of this name alone, if it is there; empty: all.
RawArrays readRawNpz(const std::string &path, const std::string &only = "");
void writeRawNpz(const std::string &path, const RawArrays &arrays);

/// safetensors: every rule of the format is checked (reference/reliability.md §3.4). f32 f64 bf16 f16 i8..i64 u8 bool.
Arrays readSafeTensors(const std::string &path, std::map<std::string, std::string> *metadata = nullptr);
std::string toSafeTensors(const Arrays &arrays, const std::map<std::string, std::string> &metadata = {});

/// One idx file (MNIST), plain or gzip; u8, i8, i16, i32, f32, f64; big-endian by the format.
Array readIdx(const std::string &path);

/// An .npz or .safetensors file, or a folder with MNIST's four idx files: then `x` holds pixels as f32 in [0, 1] and
/// `label` class numbers as i64, of the training set or (test = true) of the test set.
Arrays readData(const std::string &path, bool test = false);
/// True where `path` is a folder (of idx files).
bool isFolder(const std::string &path);

/// The same values with another element type; throws Failure 65 where a value does not fit (integers) or a float would
/// become an integer.
Array convert(const Array &array, DType type, const std::string &name);

/// Whole file contents. Throws Failure 66/74.
std::string readFile(const std::string &path);
/// Refuses an output that cannot be written, before any work is done: its folder is missing or closed, or it is a
/// folder itself. Throws Failure 73 naming `flag`. An empty path is no output.
void needWritable(const std::string &flag, const std::string &path);
/// Temporary file beside `path`, fsync, rename: whole or not at all. Throws Failure 73/74 with path, bytes needed and
/// free.
void writeFile(const std::string &path, const char *data, size_t size);

} // namespace llcc::rt

#endif
