// Opens artifacts for the commands of llrun.
#include "runtime/llrun/Opened.h"
#include "runtime/certificate/Certificate.h"
#include "runtime/data/Failure.h"
#include <cstdio>

namespace llcc::rt {

void check(int code) {
  if (code)
    throw Failure{code, llcc_rt_last_error()};
}

Opened::Opened(const std::string &path, bool certified) : path(path) {
  check(llcc_rt_module_load(path.c_str(), &module));
  std::string error = artifact.open(path);
  std::string_view bytes = artifact.section("plan");
  if (error.empty())
    error = parse(bytes.data(), bytes.size(), plan);
  if (!error.empty())
    throw Failure{65, error};
  checkCertificate(path, artifact, plan, certified);
}

Opened::~Opened() {
  llcc_rt_session_free(session);
  llcc_rt_module_free(module);
}

void Opened::start(uint32_t threads, uint64_t memory, uint32_t timeout, llcc_rt_world *world) {
  llcc_rt_options options{};
  options.size = sizeof options;
  options.threads = threads;
  options.memory_limit = memory;
  options.timeout_ms = timeout * 1000;
  options.world = world;
  check(llcc_rt_session_create(module, &options, &session));
}

void saveTrace(llcc_rt_session *session, const std::string &path, bool says) {
  check(llcc_rt_trace_save(session, path.c_str()));
  if (!says)
    return;
  int64_t step = 0, communication = 0, hidden = 0;
  check(llcc_rt_session_info(session, "trace_step", &step));
  check(llcc_rt_session_info(session, "trace_communication", &communication));
  check(llcc_rt_session_info(session, "trace_hidden", &hidden));
  fprintf(stderr,
          "wrote %s: a step takes a device %.3f ms, %.3f ms of it in communication (waiting for others included), ",
          path.c_str(), double(step) * 1e-6, double(communication) * 1e-6);
  fprintf(stderr, "%.0f %% of that hidden behind compute\n",
          communication ? 100.0 * double(hidden) / double(communication) : 0.0);
}

std::string bytesText(uint64_t bytes) {
  const char *units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = double(bytes);
  int unit = 0;
  for (; value >= 1024 && unit < 4; ++unit)
    value /= 1024;
  char text[32];
  snprintf(text, sizeof text, unit ? "%.2f %s" : "%.0f %s", value, units[unit]);
  return text;
}

} // namespace llcc::rt
