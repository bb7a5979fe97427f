// Low-rank adaptation (LoRA): which weights get adapters, of which rank, and what the adapters begin with.
#ifndef LLCC_FRONTENDS_ONNX_ADAPTERS_H
#define LLCC_FRONTENDS_ONNX_ADAPTERS_H

#include "frontends/onnx/Parameters.h"

namespace mlir::llcc::frontend {

/// W + scale · B·A (Hu et al., arXiv 2106.09685), A [rank, in], B [out, rank]; for a weight that the file holds as
/// [in, out] (MatMul) W + scale · (B·A)ᵀ.
struct Adapter {
  int64_t rank = 8;
  double scale = 1; ///< alpha / rank
  bool inFirst = false;
  std::string nameA, nameB;   ///< as PEFT calls them: "fc1.lora_A.weight"
  ConstantPtr firstA, firstB; ///< uniform in ±1/sqrt(in), zeros
};

/// Reads --lora=r=8,alpha=16,GLOB, chooses the weights, and freezes every other parameter. `graph` says in which order
/// a weight holds its dimensions. What is wrong is said in `errors`.
std::map<const Initializer *, Adapter> chooseAdapters(std::vector<Initializer> &tensors,
                                                      const ::onnx::GraphProto &graph, const ImportOptions &options,
                                                      StringRef file, ImportErrors &errors);

} // namespace mlir::llcc::frontend

#endif
