// The thread of one device.
#include "runtime/core/Worker.h"
#include <exception>
#include <new>

namespace llcc::rt {

Worker::~Worker() {
  {
    std::lock_guard<std::mutex> lock(mutex);
    leaving = true;
  }
  change.notify_all();
  thread.join();
}

void Worker::start(std::function<void()> next) {
  {
    std::lock_guard<std::mutex> lock(mutex);
    job = std::move(next);
    busy = true;
  }
  change.notify_all();
}

bool Worker::wait(std::chrono::milliseconds patience) {
  std::unique_lock<std::mutex> lock(mutex);
  std::chrono::steady_clock::time_point end{};
  while (busy) {
    change.wait_for(lock, std::chrono::milliseconds(50));
    if (!busy || !watch.aborted())
      continue;
    auto now = std::chrono::steady_clock::now();
    if (end == std::chrono::steady_clock::time_point{})
      end = now + patience;
    else if (now > end)
      return false;
  }
  return true;
}

void Worker::serve() {
  std::unique_lock<std::mutex> lock(mutex);
  while (true) {
    change.wait(lock, [&] { return busy || leaving; });
    if (!busy)
      return;
    lock.unlock();
    perform();
    lock.lock();
    busy = false;
    lock.unlock(); // else who wakes would wait for the lock
    change.notify_all();
    lock.lock();
  }
}

void Worker::perform() {
  std::string self = "device " + std::to_string(device);
  try {
    job();
  } catch (const Aborted &) {
  } catch (const Error &failure) {
    watch.raise(failure);
  } catch (const std::bad_alloc &) {
    watch.raise({Unavailable, self + " has no memory left"});
  } catch (const std::exception &error) {
    watch.raise({Software, self + " failed: " + error.what()});
  }
}

} // namespace llcc::rt
