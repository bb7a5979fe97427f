// Names of CUDA targets.
#include "compiler/codegen/cuda/CudaTarget.h"

using namespace mlir::llcc;

// bf16 is native from sm_80 on, so older ones are left out. The PTX version is the lowest that knows the architecture,
// or 8.0, so that old drivers can assemble the text as well (PTX ISA, "Release Notes").
std::string CudaTarget::parse(llvm::StringRef text, CudaTarget &target) {
  static constexpr struct {
    const char *chip, *ptx;
  } known[] = {{"sm_80", "+ptx80"},  {"sm_86", "+ptx80"},  {"sm_87", "+ptx80"},
               {"sm_89", "+ptx80"},  {"sm_90", "+ptx80"},  {"sm_90a", "+ptx80"},
               {"sm_100", "+ptx86"}, {"sm_103", "+ptx88"}, {"sm_120", "+ptx87"}};
  llvm::StringRef chip = text;
  if (chip == "cuda") {
    target = {};
    return "";
  }
  if (chip.consume_front("cuda:"))
    for (auto &entry : known)
      if (chip == entry.chip) {
        target = {entry.chip, entry.ptx};
        return "";
      }
  std::string list;
  for (auto &entry : known)
    list += std::string(list.empty() ? "" : ", ") + entry.chip;
  return "target '" + text.str() + "' is unknown, needs cuda or cuda:ARCH with ARCH one of " + list;
}
