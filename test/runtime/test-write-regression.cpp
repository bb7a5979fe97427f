// Writes a hand-made artifact for the C example: DEVICES devices, weights cut as in ZeRO 3.
#include "test/runtime/Regression.h"
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

using namespace llcc::rt;

int main(int argc, char **argv) {
  if (argc != 4)
    return 64;
  std::ifstream file(argv[2], std::ios::binary);
  std::stringstream code;
  code << file.rdbuf();
  Sizes sizes{12, 5, 3, 2};
  Plan plan = regression(sizes, Layout::Zero3, uint32_t(std::atoi(argv[1])));
  std::string error =
      writeArtifact(argv[3], {{"plan", serialize(plan)}, {"code.cpu", code.str()}, {"model.onnx", modelBytes(sizes)}});
  std::fprintf(stderr, "%s", error.c_str());
  return error.empty() ? 0 : 73;
}
