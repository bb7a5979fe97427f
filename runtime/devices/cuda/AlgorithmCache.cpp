// Which algorithm a product takes, kept in a file.
#include "runtime/devices/cuda/Blas.h"
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace llcc::rt {
namespace {
constexpr size_t kWords = sizeof(cublasLtMatmulAlgo_t) / sizeof(uint64_t);
} // namespace

AlgorithmCache::AlgorithmCache(std::string path) : file(std::move(path)) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    size_t equal = line.find(" = ");
    if (equal == std::string::npos)
      continue;
    std::istringstream words(line.substr(equal + 3));
    words >> std::hex;
    uint64_t value[kWords];
    size_t count = 0;
    while (count < kWords && words >> value[count])
      ++count;
    if (count != kWords)
      continue;
    cublasLtMatmulAlgo_t algorithm;
    std::memcpy(&algorithm, value, sizeof algorithm);
    known[line.substr(0, equal)] = algorithm;
  }
}

bool AlgorithmCache::find(const std::string &key, cublasLtMatmulAlgo_t &algorithm) {
  std::lock_guard<std::mutex> lock(mutex);
  auto entry = known.find(key);
  if (entry == known.end())
    return false;
  algorithm = entry->second;
  return true;
}

void AlgorithmCache::add(const std::string &key, const cublasLtMatmulAlgo_t &algorithm) {
  std::lock_guard<std::mutex> lock(mutex);
  known[key] = algorithm;
  if (file.empty())
    return;
  // A line is one write, so processes that measure at the same time do not mix theirs. A cache that cannot be written
  // is no reason to fail.
  uint64_t value[kWords];
  std::memcpy(value, &algorithm, sizeof algorithm);
  std::ostringstream line;
  line << key << " =" << std::hex;
  for (uint64_t word : value)
    line << ' ' << word;
  line << '\n';
  std::ofstream(file, std::ios::app) << line.str() << std::flush;
}

std::string AlgorithmCache::fileFor(const std::string &gpu, size_t version) {
  std::string folder;
  if (const char *own = std::getenv("LLCC_CACHE"))
    folder = own;
  else if (const char *xdg = std::getenv("XDG_CACHE_HOME"); xdg && *xdg)
    folder = std::string(xdg) + "/llcc";
  else if (const char *home = std::getenv("HOME"); home && *home)
    folder = std::string(home) + "/.cache/llcc";
  if (folder.empty())
    return "";
  std::string name = gpu;
  for (char &c : name)
    c = std::isalnum(static_cast<unsigned char>(c)) ? c : '-';
  std::error_code ignored;
  std::filesystem::create_directories(folder, ignored);
  return folder + "/cublaslt-" + name + "-" + std::to_string(version) + ".txt";
}

} // namespace llcc::rt
