// Binds the arrays of a data file to the inputs of a plan and cuts batches out of them.
#ifndef LLCC_RUNTIME_DATA_FEEDER_H
#define LLCC_RUNTIME_DATA_FEEDER_H

#include "runtime/data/Array.h"
#include "runtime/llcc_rt.h"

namespace llcc::rt {

/// The samples of one file, checked against the plan: every input has its array, shapes fit, class numbers lie in
/// range.
class Feeder {
public:
  /// `path` only for messages; `label`: array that holds the labels (empty: as the plan names it). `needLabel` false
  /// for inference. Throws Failure 65.
  Feeder(const Plan &plan, Arrays arrays, const std::string &path, const std::string &label, bool needLabel);

  int64_t samples() const { return count; }
  /// Forgets the arrays of inputs that `needed`, by number in the plan, says false for; batches come without them.
  void keep(const Plan &plan, const std::vector<bool> &needed);
  /// Lines "array x=[100, 784] with hash …" of what training reads, to compare between processes.
  std::string facts() const;
  /// The order of samples is a function of (seed, epoch) alone: independent of devices, resumable at any step.
  void shuffle(uint64_t seed) {
    shuffled = true;
    this->seed = seed;
  }
  /// `rows` samples from position `start` of the endless sequence of epochs; valid until the next call.
  const std::vector<llcc_rt_tensor> &batch(int64_t start, int64_t rows);
  /// Samples [first, first + rows) in file order, without wrapping; fewer at the end.
  const std::vector<llcc_rt_tensor> &slice(int64_t first, int64_t rows);
  /// The label array (of the plan's label input), converted; nullptr where there is none.
  const Array *labels() const;

private:
  struct Bound {
    std::string name; ///< input of the plan
    bool batched, label;
    Array array;               ///< converted to the plan's type
    std::vector<int64_t> dims; ///< shape of a batch, dims[0] set for each
    std::vector<char> rows;
  };
  const std::vector<llcc_rt_tensor> &gather(const std::vector<int64_t> &samples);
  void order(int64_t epoch);
  void checkClasses(const Input &input, const Bound &bound, const std::string &path) const;

  std::vector<Bound> inputs;
  std::vector<llcc_rt_tensor> tensors;
  std::vector<int64_t> permutation, indices;
  int64_t count = 0, orderedEpoch = -1;
  bool shuffled = false;
  uint64_t seed = 0;
};

} // namespace llcc::rt

#endif
