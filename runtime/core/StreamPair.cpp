// Two streams of one device at once.
#include "runtime/core/StreamPair.h"
#include <exception>

namespace llcc::rt {

bool StreamPair::helps(const Program &program) {
  for (const Instr &instr : program.instrs)
    if (instr.stream == 1)
      return true;
  return false;
}

StreamPair::StreamPair(const Program &program, Watch &watch)
    : program(program), watch(watch), awaited(program.instrs.size(), false) {
  for (size_t i = 0; i < program.instrs.size(); ++i) {
    lists[program.instrs[i].stream == 1].push_back(i);
    for (uint32_t other : program.instrs[i].waits)
      awaited[other] = true;
  }
  thread = std::thread([this] { serve(); });
}

StreamPair::~StreamPair() {
  {
    std::lock_guard<std::mutex> lock(mutex);
    leaving = true;
  }
  change.notify_all();
  thread.join();
}

/// Sleeps until `test` holds, or throws Aborted when a device, this one or another, has failed.
template <typename Test> void StreamPair::await(Test test) {
  std::unique_lock<std::mutex> lock(mutex);
  while (!test()) {
    if (failed)
      throw Aborted{};
    change.wait_for(lock, std::chrono::milliseconds(50));
    watch.check();
  }
}

void StreamPair::ended(uint8_t stream, size_t instr) {
  {
    std::lock_guard<std::mutex> lock(mutex);
    done[stream] = instr + 1;
  }
  change.notify_all();
}

/// The caller's thread waits for the loss, the other one for the caller's.
void StreamPair::openGate() {
  (*gate)();
  {
    std::lock_guard<std::mutex> lock(mutex);
    open = true;
  }
  change.notify_all();
}

void StreamPair::runStream(uint8_t stream) {
  bool through = false; // the gate
  for (size_t i : lists[stream]) {
    // A device that wakes after the session has failed must not touch the host's arrays any more.
    watch.check();
    if (!through && i >= commit) {
      if (stream == 0)
        openGate();
      else
        await([&] { return open; });
      through = true;
    }
    for (uint32_t other : program.instrs[i].waits) // of the other stream: instructions end in order there
      await([&] { return done[1 - stream] > other; });
    (*instruction)(i);
    if (awaited[i])
      ended(stream, i);
  }
  if (stream == 0 && !through)
    openGate();
}

/// One stream; what it throws goes to the watch, and ends the other stream.
void StreamPair::guarded(uint8_t stream) {
  try {
    runStream(stream);
    return;
  } catch (const Error &error) {
    watch.raise(error);
  } catch (const Aborted &) {
  } catch (const std::exception &error) {
    watch.raise({Software, error.what()});
  }
  {
    std::lock_guard<std::mutex> lock(mutex);
    failed = true;
  }
  change.notify_all();
}

void StreamPair::run(size_t commitPoint, const std::function<void()> &gateWork,
                     const std::function<void(size_t)> &work) {
  {
    std::lock_guard<std::mutex> lock(mutex);
    commit = commitPoint;
    gate = &gateWork;
    instruction = &work;
    done[0] = done[1] = 0;
    open = failed = false;
    busy = true;
  }
  change.notify_all();
  guarded(0);
  std::unique_lock<std::mutex> lock(mutex);
  change.wait(lock, [&] { return !busy; });
  if (failed)
    throw Aborted{}; // the watch knows why
}

void StreamPair::serve() {
  std::unique_lock<std::mutex> lock(mutex);
  while (true) {
    change.wait(lock, [&] { return busy || leaving; });
    if (!busy)
      return;
    lock.unlock();
    guarded(1);
    lock.lock();
    busy = false;
    change.notify_all();
  }
}

} // namespace llcc::rt
