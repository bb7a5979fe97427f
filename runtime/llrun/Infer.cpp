// `llrun infer` and `llrun export`.
#include "runtime/data/Failure.h"
#include "runtime/llrun/Commands.h"
#include "runtime/llrun/Evaluate.h"
#include <cstdio>

namespace llcc::rt {

int infer(const std::string &path, const std::string &data, const std::string &label, const std::string &out,
          uint32_t threads, bool certified) {
  Opened opened(path, certified);
  needWritable("--out", out);
  Arrays arrays = readData(data, true);
  std::string name = label;
  for (const Input &input : opened.plan.inputs)
    if (input.label && name.empty())
      name = input.name;
  if (!label.empty() && !arrays.count(label))
    throw Failure{65, data + ": has no array \"" + label + "\", it has " + nameList(arrays)};
  bool measured = arrays.count(name);
  Feeder feeder(opened.plan, std::move(arrays), data, name, measured);
  opened.start(threads, 0);
  if (!out.empty()) {
    writeNpz(out, inferAll(opened, feeder));
    fprintf(stderr, "wrote %s: %lld samples\n", out.c_str(), (long long)feeder.samples());
  }
  if (measured) {
    Evaluation e = evaluate(opened, feeder);
    if (e.accuracy >= 0)
      printf("{\"samples\":%lld,\"loss\":%.9g,\"accuracy\":%.9g}\n", (long long)e.samples, e.loss, e.accuracy);
    else
      printf("{\"samples\":%lld,\"loss\":%.9g}\n", (long long)e.samples, e.loss);
  }
  return 0;
}

int exportModel(const std::string &path, const std::string &out) {
  auto ends = [&](const std::string &suffix) {
    return out.size() > suffix.size() && out.compare(out.size() - suffix.size(), suffix.size(), suffix) == 0;
  };
  if (!ends(".onnx") && !ends(".llx"))
    throw Failure{64, "--out=" + out + ": needs a name that ends in .onnx or .llx"};
  Opened opened(path);
  needWritable("--out", out);
  opened.start(1, 0);
  check(llcc_rt_save(opened.session, out.c_str()));
  fprintf(stderr, "wrote %s\n", out.c_str());
  return 0;
}

} // namespace llcc::rt
