// Reads an ONNX model into the IR that compiler/ir/README.md describes under "after import".
#ifndef LLCC_FRONTENDS_ONNX_IMPORT_H
#define LLCC_FRONTENDS_ONNX_IMPORT_H

#include "frontends/onnx/Report.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/Twine.h"
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace mlir::llcc {

/// What is wrong with a model, everything at once; one sentence each, with ONNX names.
struct ImportErrors {
  /// The value is the exit code of sysexits; the driver leaves with the gravest one.
  enum Kind { Bad = 65, Missing = 66, Unsupported = 69, Escape = 77 };
  std::vector<std::string> messages;
  /// What may not be meant, but does not stop the import.
  std::vector<std::string> warnings;
  /// The same, taken apart: `node` and `op` are empty where no node is to blame; `what` is the sentence without them.
  struct Problem {
    Kind kind;
    std::string node, op, what;
  };
  std::vector<Problem> problems;
  /// 0 while nothing is wrong. Grave before mild: Escape, Missing, Bad, Unsupported.
  int exitCode = 0;
  /// Inputs whose values the refused nodes would have had to know (shapes, axes): see ImportOptions::known.
  std::set<std::string> wanted;

  void add(Kind kind, const Twine &message);
  void add(Kind kind, const Twine &message, StringRef node, StringRef op, const Twine &what);
  void warn(const Twine &message) { warnings.push_back(message.str()); }
  bool empty() const { return messages.empty(); }
};

/// The array that `llcc run` is given for a graph input: row-major, little-endian, as numpy writes it.
struct InputArray {
  std::string descr; ///< numpy's name of the element type, "<f4"; "|V2" for types that numpy lacks
  std::vector<int64_t> shape;
  std::string bytes;
};
using InputArrays = std::map<std::string, InputArray>;

struct ImportOptions {
  std::map<std::string, int64_t> dims; ///< symbolic dimension -> size (--dim NAME=SIZE)
  std::map<std::string, std::string>
      bind;                        ///< inputs that are constants (--bind NAME=VALUE): a number, or some, by commas
  int64_t batch = 0;               ///< size of the batch dimension that the user asked for; 0: none
  int64_t parts = 1;               ///< microbatches of a step: the graph is imported at the batch divided by this
  int64_t defaultBatch = 64;       ///< …where neither the user nor the file says one
  std::vector<std::string> freeze; ///< globs of parameters that are not trained; one that matches none is a warning
  std::vector<std::string>
      train; ///< globs of initializers that are trained, whatever their role looks like; wins over freeze
  /// Whose statistics normalise in a training step: as the file's node says, those of the batch (and the running ones
  /// are updated), or always the file's.
  enum class BatchNorm { File, Train, Frozen } batchNorm = BatchNorm::File;
  /// Running variances take the unbiased variance of the batch (PyTorch), not the population's (ONNX).
  bool unbiasedVariance = false;
  /// Which values a training step drops, later ones overrule earlier ones: see frontends/README.md.
  struct Dropout {
    enum Kind { File, Nodes, Off, Ratio } kind = File;
    double ratio = 0;
    std::string
        glob; ///< Ratio: over names of values and nodes; empty: all Dropout nodes, or where the architecture says
  };
  std::vector<Dropout> dropout;
  /// Operators run as the file says, training forms included, and nothing is made for training (llcc run).
  bool asWritten = false;
  std::vector<std::string> tie;   ///< "A,B": parameters that are one, whatever their values
  std::vector<std::string> untie; ///< globs of parameters that are several, though their values are equal
  std::vector<std::string> lora;  ///< "r=8,alpha=16,GLOB": matching weights get low-rank adapters, the rest is frozen
  uint64_t seed = 0;              ///< of the adapters' first values
  ImportReport *report = nullptr; ///< filled where given; then the import goes on behind what is refused, as far as the
                                  ///< shapes are known, and sizes that nobody gave are assumed
  int64_t assumedSize = 16;       ///< …these, where `report` is given
  /// Bytes that an import may take (the parsed model; constants that are computed); 0: the machine's memory.
  uint64_t maxMemory = 0;
  int64_t maxSeconds = 600;         ///< that an import may take
  std::vector<std::string> outside; ///< folders in which external data may lie beside the model's own
  /// A value of the model's training algorithm (TrainingInfoProto): the algorithm's nodes that it needs run behind the
  /// graph's, and it is the first output. Empty: there is no algorithm. A saved model has them where they were.
  std::string algorithmLoss;
  std::set<std::string> trainOnly; ///< initializers that are trained, by name, whatever their role; empty: by role
  std::map<std::string, std::string> initial; ///< initializer -> bytes that it begins with, instead of the file's
  std::string output; ///< graph output that comes first (the one that is trained); empty: the file's first
  /// The inputs' arrays say their shapes: then there is no batch, an array takes the place of an initializer of its
  /// name, and nothing is a trained parameter.
  std::optional<InputArrays> arrays;
  bool withoutWeights = false;    ///< files of external data may be missing: sizes are all that is asked for
  std::vector<std::string> watch; ///< float values of the graph that become outputs, behind the file's (calibration)
  std::set<std::string> known;    ///< inputs that are no arguments of @forward but the constants that `arrays` holds
};

/// Reads `file`, `nodes`, `off`, `P` or `P@GLOB`, P a probability; else says in `error` what is wrong.
std::optional<ImportOptions::Dropout> parseDropout(StringRef text, std::string &error);

/// Bytes that travel with the model into the artifact.
struct ImportedSection {
  std::string name; ///< "model.onnx", "file:LOCATION" (external data), "constants" (big computed constants)
  StringRef bytes;
  std::shared_ptr<const void> owner; ///< of the bytes: a string, or a mapped file
};

/// Where the initial value of a parameter of `@forward` lies: dense, row-major, little-endian.
struct WeightBytes {
  std::string param;
  std::string section;
  uint64_t offset = 0;
  uint64_t bytes = 0;
  /// The file holds the parameter more than once: these are written back too.
  struct Copy {
    std::string name, section;
    uint64_t offset = 0;
    bool transposed = false; ///< the copy holds the transpose of the (two-dimensional) parameter
  };
  std::vector<Copy> copies;
  /// Low-rank adaptation: saved as value + mergeScale · mergeLeft · mergeRight, transposed where mergeTransposed.
  std::string mergeLeft, mergeRight;
  double mergeScale = 0;
  bool mergeTransposed = false;
};

/// How the ONNX file declares an input or output: the IR has no signs, the file has.
struct DeclaredTensor {
  std::string name;
  int32_t type = 0;     ///< of onnx.TensorProto.DataType
  std::string descr;    ///< numpy's name of that type
  bool argument = true; ///< inputs: @forward takes it; false where nothing reads it or it is in ImportOptions::known
  bool isData = false;  ///< inputs: read only where no gradient goes: sizes, bounds, indices
};

struct ImportedModel {
  OwningOpRef<ModuleOp> module;
  std::vector<ImportedSection> sections;       ///< the first is "model.onnx"
  std::vector<WeightBytes> weights;            ///< one for each llcc.param argument, in their order
  std::vector<DeclaredTensor> inputs, outputs; ///< of the graph, with ImportOptions::arrays only
  InputArrays defaults; ///< with ImportOptions::arrays: inputs without an array, whose initializer stands in for it
};

/// Imports the model at `path`. `context` must have the llcc, arith, math and func dialects loaded or loadable.
/// On failure `errors` says everything that is wrong; with a report, success beside errors means that the module has
/// stand-ins (builtin.unrealized_conversion_cast) for refused nodes. Nothing a file contains makes it crash.
FailureOr<ImportedModel> importOnnx(StringRef path, const ImportOptions &options, MLIRContext *context,
                                    ImportErrors &errors);

} // namespace mlir::llcc

#endif
