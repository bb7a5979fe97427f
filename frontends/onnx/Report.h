// What the importer saw and decided, for `llcc check`: plain data, no ONNX and no MLIR types in it.
#ifndef LLCC_FRONTENDS_ONNX_REPORT_H
#define LLCC_FRONTENDS_ONNX_REPORT_H

#include <cstdint>
#include <string>
#include <vector>

namespace mlir::llcc {

struct ImportReport {
  /// A float tensor that is stored in the model: every one of them, with the decision and its reason.
  struct Tensor {
    std::string name, type; ///< type: "float32", …
    std::vector<int64_t> shape;
    bool parameter = false, trainable = false;
    std::string role;        ///< "weight", "bias or summand", "scale", "scalar", "mask", …
    std::string reason;      ///< one clause: which node reads it, and what that means
    std::string tiedTo;      ///< it is a copy of this parameter, and is written back with it
    bool transposed = false; ///< …as its transpose
    std::string splitFrom;   ///< it was merged with this tensor in the file; saved as an initializer of its own
    bool restored = false;   ///< a bias of zeros that the exporter had removed
  };
  /// A dimension of an input without a number in the file.
  struct Dimension {
    std::string symbol, input;
    int64_t axis = 0, size = 0;
    bool batch = false;
    bool placeholder = false; ///< neither a flag nor the file says the size; `size` was assumed
  };
  struct Value {
    std::string name, type;
    std::vector<int64_t> shape;
    bool batched = false;
    std::string op, node; ///< outputs: what computes it
  };
  struct Node {
    std::string name, op;
  };
  /// A node that behaves as for inference, though a training run would have it otherwise.
  struct Mode {
    std::string node, op, what, remedy;
  };

  std::string producer;
  int64_t opset = 0, irVersion = 0, batch = 0;
  int64_t nodes = 0, deadNodes = 0;
  std::vector<Tensor> tensors;
  std::vector<Dimension> dimensions;
  std::vector<Value> inputs, outputs;
  std::vector<Node> live;        ///< the nodes that an output depends on
  std::vector<Node> notExamined; ///< behind a refused node whose results have no known shape
  std::vector<Mode> modes;
};

} // namespace mlir::llcc

#endif
