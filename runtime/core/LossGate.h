// Stops every device before it changes weights when the step's loss is not finite.
#ifndef LLCC_RUNTIME_CORE_LOSSGATE_H
#define LLCC_RUNTIME_CORE_LOSSGATE_H

#include "runtime/core/Watch.h"
#include <functional>

namespace llcc::rt {

/// One device posts the loss of each microbatch; with the last one the sum is known, and either all devices pass the
/// gate or none: if it is not finite the session aborts, and a device that waits anywhere, here or for a peer, leaves.
class LossGate {
public:
  /// `posts`: loss captures of one step; 0 leaves the gate open. `poster`: the device that posts.
  LossGate(const Watch &watch, size_t posts, uint32_t poster) : watch(watch), posts(posts), poster(poster) {}
  /// Before each step, when all devices are idle.
  void begin(int64_t step);
  /// Throws Error if the loss is known now and not finite (and `closes`); the caller's device raises it for all.
  void post(double loss, bool closes);
  /// Throws Aborted, or Error when the watch's time is over.
  void wait(uint32_t device);
  /// Joins devices of other processes: `tell` sends the sum from the poster's process to all, `hear` receives it in the
  /// others. Empty functions: all devices are here.
  void join(std::function<void(double)> tell, std::function<double()> hear);
  /// After the step, when the devices are idle: in a process that has not heard the loss yet, hears it.
  void finish();
  double loss() const { return sum; }
  uint32_t from() const { return poster; }
  bool expectsLoss() const { return posts > 0; }

private:
  const Watch &watch;
  size_t posts, left = 0;
  uint32_t poster;
  int64_t step = 0;
  double sum = 0;
  std::atomic<uint32_t> open{0};
  std::function<void(double)> tell;
  std::function<double()> hear;
};

/// "step 7: the loss is nan".
std::string nonFiniteLoss(int64_t step, double loss);

} // namespace llcc::rt

#endif
