// Names of CPU targets, and what this machine can run.
#include "compiler/codegen/cpu/CpuTarget.h"

#include "llvm/ADT/StringMap.h"
#include "llvm/TargetParser/Host.h"

using namespace mlir::llcc;

/// The highest level that this machine runs (levels: x86-64 psABI, section 3.1.1).
static std::string hostLevel() {
  llvm::StringMap<bool> has = llvm::sys::getHostCPUFeatures();
  auto all = [&](std::initializer_list<const char *> features) {
    return llvm::all_of(features, [&](const char *feature) { return has.lookup(feature); });
  };
  if (!all({"cx16", "sahf", "popcnt", "sse3", "sse4.1", "sse4.2", "ssse3"}))
    return "x86-64";
  if (!all({"avx", "avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe"}))
    return "x86-64-v2";
  if (!all({"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}))
    return "x86-64-v3";
  return "x86-64-v4";
}

std::string CpuTarget::parse(llvm::StringRef text, CpuTarget &target) {
  llvm::StringRef level = text;
  if (!level.consume_front("cpu") || !(level.empty() || level.consume_front(":")))
    return "target '" + text.str() + "' is no CPU target, needs cpu or cpu:LEVEL";
  if (level.empty() || level == "native") {
    target = {hostLevel(), llvm::sys::getHostCPUName().str()};
    return "";
  }
  for (const char *known : {"x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4"})
    if (level == known) {
      target = {level.str(), ""};
      return "";
    }
  return "target '" + text.str() +
         "' is unknown, needs cpu, cpu:native, cpu:x86-64, cpu:x86-64-v2, cpu:x86-64-v3 or cpu:x86-64-v4";
}
