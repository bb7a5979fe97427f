// The file of metrics: JSON lines, one a step.
#include "runtime/llrun/Metrics.h"
#include "runtime/data/Failure.h"
#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

namespace llcc::rt {

Metrics::Metrics(const std::string &path, int64_t first) : path(path) {
  if (path.empty())
    return;
  if (first > 1 && !access(path.c_str(), F_OK))
    keepBefore(first);
  file = fopen(path.c_str(), first > 1 ? "a" : "w");
  if (!file)
    throw Failure{73, path + ": cannot create: " + strerror(errno)};
}

Metrics::~Metrics() {
  if (file)
    fclose(file);
}

void Metrics::step(int64_t step, double loss, double lr, double norm, double rate) {
  if (!file)
    return;
  int n = fprintf(file, "{\"step\":%lld,\"loss\":%.17g,\"lr\":%.9g,\"samples_per_s\":%.6g", (long long)step, loss, lr,
                  rate);
  if (std::isfinite(norm))
    fprintf(file, ",\"grad_norm\":%.9g", norm);
  written(n < 0 || fputs("}\n", file) < 0);
}

void Metrics::evaluation(int64_t step, int64_t epoch, const Evaluation &e) {
  if (!file)
    return;
  int n = fprintf(file, "{\"step\":%lld,\"epoch\":%lld,\"eval_loss\":%.9g", (long long)step, (long long)epoch, e.loss);
  if (e.accuracy >= 0)
    fprintf(file, ",\"accuracy\":%.9g", e.accuracy);
  written(n < 0 || fputs("}\n", file) < 0);
}

void Metrics::keepBefore(int64_t first) {
  std::string all = readFile(path), kept;
  const std::string head = "{\"step\":";
  for (size_t at = 0; at < all.size();) {
    size_t end = std::min(all.find('\n', at), all.size() - 1) + 1;
    std::string line = all.substr(at, end - at);
    if (line.back() == '\n' && (line.rfind(head, 0) || std::atoll(line.c_str() + head.size()) < first))
      kept += line;
    at = end;
  }
  if (kept.size() < all.size())
    writeFile(path, kept.data(), kept.size());
}

void Metrics::written(bool bad) {
  if ((bad || fflush(file)) && !warned) {
    warned = true;
    fprintf(stderr, "warning: %s: cannot write: %s; training goes on\n", path.c_str(), strerror(errno));
  }
}

} // namespace llcc::rt
