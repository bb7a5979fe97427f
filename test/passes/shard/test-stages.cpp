// Prints how lists of nodes are cut into pipeline stages.
#include "passes/shard/Stages.h"
#include <cstdio>

using namespace mlir::llcc;

static void cut(const char *title, std::vector<double> costs, std::vector<bool> wanted, std::vector<double> crossing,
                size_t parts) {
  llvm::SmallVector<bool> parameters(wanted.begin(), wanted.end());
  std::printf("%s:", title);
  for (size_t begin : balancedCut(costs, parameters, crossing, parts))
    std::printf(" %zu", begin);
  std::printf("\n");
}

int main() {
  cut("equal", {1, 1, 1, 1, 1, 1}, {1, 1, 1, 1, 1, 1}, {1, 1, 1, 1, 1, 1}, 3);
  cut("one heavy", {10, 1, 1, 1, 1}, {1, 1, 1, 1, 1}, {1, 1, 1, 1, 1}, 2);
  cut("of equal cuts the later", {5, 0, 5}, {1, 0, 1}, {1, 1, 1}, 2);
  cut("of nearly equal cuts the narrow one", {100, 5, 95, 5}, {1, 1, 1, 1}, {9, 1, 3, 9}, 2);
  cut("balance goes before width", {100, 50, 100, 5}, {1, 1, 1, 1}, {9, 9, 9, 1}, 2);
  cut("a parameter for each stage", {9, 9, 1, 1, 1}, {1, 0, 0, 0, 1}, {1, 1, 1, 1, 1}, 2);
  cut("fewer parameters than stages", {9, 9, 1}, {1, 0, 0}, {1, 1, 1}, 3);
}
