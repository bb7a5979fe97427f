// What a user asks the compiler for: one struct, filled by the command line, passed down. Free of MLIR.
#ifndef LLCC_COMPILER_PIPELINE_COMPILEOPTIONS_H
#define LLCC_COMPILER_PIPELINE_COMPILEOPTIONS_H

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace llcc {

/// The five stages, in order; Emit is the whole way.
enum class Stage { Import, Train, Shard, Lower, Emit };

/// Exit codes of sysexits that the compiler uses (reference/reliability.md R6).
enum ExitCode : int {
  ExitOk = 0,
  ExitUsage = 64,
  ExitBadModel = 65,
  ExitNoInput = 66,
  ExitUnsupported = 69,
  ExitBug = 70,
  ExitCantCreate = 73,
  ExitIo = 74,
  ExitRefused = 77,
  ExitConfig = 78
};

/// Which choices the user made, so that what a model says itself takes the others.
struct GivenFlags {
  bool loss = false, optimizer = false, label = false, output = false, parameters = false, ignoreIndex = false;
};

struct CompileOptions {
  std::string model;    ///< path of the ONNX file
  std::string artifact; ///< path of the .llx to write
  Stage stopAfter = Stage::Emit;
  std::string dump; ///< folder for the IR after each stage; empty: none
  bool explain = false;
  std::string planHtml; ///< page that draws the plan; empty: none
  bool announce = true; ///< say on stderr what was written, and what to do next

  int64_t batch = 0; ///< samples of one step, over all devices and microbatches; 0: the file's, else 64
  std::map<std::string, int64_t> dims;     ///< sizes of symbolic dimensions
  std::map<std::string, std::string> bind; ///< inputs that are constants
  std::string output;                      ///< output that is trained; empty: the first
  uint64_t importMemory = 0;               ///< bytes that the import may take; 0: the machine's memory
  int64_t importSeconds = 600;             ///< that the import may take
  std::vector<std::string> outside;        ///< folders in which external data may lie beside the model's own
  std::vector<std::string> train, freeze;  ///< globs over parameter names

  std::string batchNorm = "file";         ///< file | train | frozen: whose statistics normalise in training
  std::string batchNormVariance = "onnx"; ///< onnx | torch: population or unbiased variance goes into the running one

  std::vector<std::string> dropout; ///< file | nodes | off | P | P@GLOB, later ones overrule earlier ones

  std::string loss = "cross_entropy", label = "label", optimizer = "sgd,lr=0.01";
  std::string labels = "auto";                ///< of losses of classes: classes | probabilities | auto (by labelSize)
  int64_t labelSize = 0;                      ///< numbers that the labels of one sample have in the data; 0: not known
  int64_t ignoreIndex = -100;                 ///< class number that does not count
  double labelSmoothing = 0;                  ///< share of each label that is spread over all classes
  std::vector<double> classWeights;           ///< one for each class; empty: all 1
  std::string algorithmLoss;                  ///< value of the model's training algorithm that is the loss; empty: none
  std::set<std::string> trainOnly;            ///< initializers that it trains
  std::map<std::string, std::string> initial; ///< initializer -> bytes to begin with
  double clip = 0;                            ///< largest global gradient norm; 0: no clipping

  std::string precision = "f32";  ///< f32 | bf16 | f16: what activations and operands of contractions are
  double lossScale = 65536;       ///< where values are f16: what the gradients are scaled by at first
  int64_t lossScaleGrowth = 2000; ///< …and the good steps after which the scale is doubled

  std::string strategy = "single"; ///< single | data | tensor | context | expert | pipeline | hybrid | auto
  int64_t devices = 0;             ///< 0: product of the mesh, or 1
  std::vector<std::pair<std::string, int64_t>> mesh; ///< explicit axes
  std::string schedule = "1f1b";                     ///< gpipe | 1f1b | interleaved | zb-h1 | FILE.csv
  int64_t chunks = 0;                                ///< pieces of the model on each stage; 0: as the schedule says
  std::vector<std::string> shard;                    ///< "GLOB:{?,tensor}p1": the user's placements
  int64_t zero = 0;                   ///< ZeRO: 1 state, 2 and gradients, 3 and parameters are cut over data
  bool sequenceParallel = false;      ///< activations between tensor-parallel blocks are cut as well
  std::string deterministic = "plan"; ///< plan | strategy: what gives the same bits again
  std::string recompute = "none";     ///< none | blocks | auto: forward values in the backward pass
  int64_t microbatches = 0;           ///< 0: chosen
  uint64_t memory = 0;                ///< bytes a device may use; 0: no limit
  std::string cluster;                ///< cluster file that auto chooses for; empty: the target's
  bool exhaustive = false;            ///< auto tries every plan
  bool noWeights = false;             ///< external data is neither read nor packed
  std::string simulate;               ///< cluster file: the step is played on it, nothing is written
  bool json = false;                  ///< …and said for programs
  std::string target = "cpu";         ///< cpu[:x86-64-v3] | cuda[:sm_90]
  std::string command;                ///< the command line, for the artifact
  std::vector<std::string> tie;       ///< "A,B": parameters that are one
  std::vector<std::string> untie;     ///< globs of parameters that are several, though equal
  std::vector<std::string> lora;      ///< "r=8,alpha=16,GLOB": weights that get low-rank adapters
  uint64_t seed = 0;                  ///< of what is drawn while compiling (first values of adapters)
  std::string *said = nullptr;        ///< gets what people are told, instead of stderr
};

} // namespace llcc

#endif
