// Stops every device before it changes weights when the step's loss is not finite.
#include "runtime/core/LossGate.h"
#include "runtime/collectives/local/Barrier.h"
#include <cmath>

namespace llcc::rt {

std::string nonFiniteLoss(int64_t step, double loss) {
  return "step " + std::to_string(step) + ": the loss is " + (std::isnan(loss) ? "nan" : loss < 0 ? "-inf" : "inf");
}

static std::string stoppedBefore(int64_t step, double loss) {
  return nonFiniteLoss(step, loss) + ", weights are as before the step; lower the learning rate or check the data";
}

void LossGate::begin(int64_t number) {
  step = number;
  sum = 0;
  left = posts;
  open.store(posts == 0);
}

void LossGate::post(double loss, bool closes) {
  sum += loss;
  if (--left > 0)
    return;
  if (tell)
    tell(sum);
  if (closes && !std::isfinite(sum))
    throw Error{Data, stoppedBefore(step, sum)};
  open.store(1, std::memory_order_release);
  wakeAll(open);
}

void LossGate::join(std::function<void(double)> toOthers, std::function<double()> fromPoster) {
  tell = std::move(toOthers);
  hear = std::move(fromPoster);
}

void LossGate::finish() {
  if (!hear || open.load())
    return;
  sum = hear();
  open.store(1);
}

void LossGate::wait(uint32_t device) {
  if (hear) {
    finish();
    if (!std::isfinite(sum))
      throw Error{Data, stoppedBefore(step, sum)};
    return;
  }
  auto end = std::chrono::steady_clock::now() + watch.timeout;
  while (open.load(std::memory_order_acquire) == 0) {
    watch.check();
    sleepOn(open, 0);
    if (std::chrono::steady_clock::now() > end)
      watch.timedOut(device, poster);
  }
}

} // namespace llcc::rt
