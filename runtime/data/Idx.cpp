// MNIST's idx files, and folders of them; gzip through zlib.
#include "runtime/data/Array.h"
#include "runtime/data/Failure.h"
#include <algorithm>
#include <cstring>
#include <unistd.h>
#include <zlib.h>

namespace llcc::rt {

Array readIdx(const std::string &path) {
  gzFile file = gzopen(path.c_str(), "rb");
  if (!file)
    throw Failure{66, path + ": no such file, or it cannot be read"};
  std::vector<unsigned char> bytes;
  unsigned char chunk[1 << 16];
  int n;
  while ((n = gzread(file, chunk, sizeof chunk)) > 0)
    bytes.insert(bytes.end(), chunk, chunk + n);
  int status = Z_OK;
  gzerror(file, &status);
  gzclose(file);
  if (n < 0 || status == Z_BUF_ERROR || status == Z_DATA_ERROR)
    throw Failure{65, path + ": gzip stream is damaged or cut off"};
  struct {
    int code;
    DType type;
  } types[] = {{8, DType::U8}, {9, DType::I8}, {11, DType::I16}, {12, DType::I32}, {13, DType::F32}, {14, DType::F64}};
  auto known = bytes.size() < 4
                   ? std::end(types)
                   : std::find_if(std::begin(types), std::end(types), [&](auto &t) { return t.code == bytes[2]; });
  if (bytes.size() < 4 || bytes[0] || bytes[1] || known == std::end(types))
    throw Failure{65, path + ": is not an idx file, its magic number is wrong"};
  size_t rank = bytes[3], start = 4 + 4 * rank;
  if (bytes.size() < start)
    throw Failure{65, path + ": idx header is cut off"};
  Array array;
  array.shape.type = known->type;
  uint64_t count = 1;
  for (size_t i = 0; i < rank; ++i) {
    const unsigned char *at = &bytes[4 + 4 * i];
    uint32_t dim = uint32_t(at[0]) << 24 | at[1] << 16 | at[2] << 8 | at[3];
    array.shape.dims.push_back(dim);
    if (__builtin_mul_overflow(count, uint64_t(dim), &count))
      throw Failure{65, path + ": idx header says shape " + format(array.shape.dims) + ", more than can be addressed"};
  }
  uint64_t width = sizeOf(known->type);
  if (count > bytes.size() || count * width != bytes.size() - start)
    throw Failure{65, path + ": idx header says shape " + format(array.shape.dims) + ", the file has " +
                          std::to_string(bytes.size() - start) + " bytes of values"};
  array.bytes.assign(bytes.begin() + start, bytes.end());
  for (uint64_t i = 0; width > 1 && i < count; ++i)
    std::reverse(array.bytes.begin() + i * width, array.bytes.begin() + (i + 1) * width);
  return array;
}

static std::string findIdx(const std::string &folder, const std::string &stem) {
  for (const char *dash : {"-", "."})
    for (const char *end : {"-ubyte.gz", "-ubyte", ".gz", ""}) {
      std::string name = stem;
      name.replace(name.find("-idx"), 1, dash);
      std::string path = folder + "/" + name + end;
      if (!access(path.c_str(), R_OK))
        return path;
    }
  throw Failure{66, folder + ": has no file " + stem + "-ubyte(.gz), needs MNIST's idx files"};
}

Arrays readData(const std::string &path, bool test) {
  if (isFolder(path)) {
    std::string set = test ? "t10k" : "train";
    Arrays arrays;
    Array images = readIdx(findIdx(path, set + "-images-idx3"));
    Array pixels;
    pixels.shape = {DType::F32, images.shape.dims};
    if (images.shape.type != DType::U8)
      throw Failure{65, path + ": images are " + std::string(nameOf(images.shape.type)) + ", needs u8"};
    pixels.bytes.resize(images.bytes.size() * 4);
    for (size_t i = 0; i < images.bytes.size(); ++i) {
      float value = uint8_t(images.bytes[i]) / 255.0f;
      memcpy(&pixels.bytes[4 * i], &value, 4);
    }
    arrays["x"] = std::move(pixels);
    arrays["label"] = convert(readIdx(findIdx(path, set + "-labels-idx1")), DType::I64, "label");
    return arrays;
  }
  auto ends = [&](const std::string &suffix) {
    return path.size() >= suffix.size() && path.substr(path.size() - suffix.size()) == suffix;
  };
  if (ends(".safetensors"))
    return readSafeTensors(path);
  if (ends(".npz"))
    return readNpz(path);
  if (access(path.c_str(), R_OK))
    throw Failure{66, path + ": no such file, or it cannot be read"};
  throw Failure{65, path + ": is not .npz, .safetensors or a folder with idx files"};
}

} // namespace llcc::rt
