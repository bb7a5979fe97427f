// The optimizer string of the command line, parsed.
#include "passes/train/Optimizer.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>

using namespace llvm;

namespace mlir::llcc {
namespace {

/// A number of an update rule: key in the string, name in llcc.update's hyper, default, and the interval it must lie
/// in.
struct Key {
  StringLiteral key, hyper;
  double value, least, below;
};

constexpr double kInfinity = HUGE_VAL;
constexpr Key kMomentum[] = {{"momentum", "momentum", 0.9, 0, 1},
                             {"nesterov", "nesterov", 0, 0, 2},
                             {"weight_decay", "weight_decay", 0, 0, kInfinity}};
constexpr Key kSgd[] = {{"weight_decay", "weight_decay", 0, 0, kInfinity}};
constexpr Key kAdam[] = {{"beta1", "beta1", 0.9, 0, 1},
                         {"beta2", "beta2", 0.999, 0, 1},
                         {"eps", "epsilon", 1e-8, 0, kInfinity},
                         {"weight_decay", "weight_decay", 0, 0, kInfinity}};
constexpr Key kAdamW[] = {kAdam[0], kAdam[1], kAdam[2], {"weight_decay", "weight_decay", 0.01, 0, kInfinity}};
constexpr Key kAdagrad[] = {{"eps", "epsilon", 1e-10, 0, kInfinity},
                            {"lr_decay", "decay", 0, 0, kInfinity},
                            {"weight_decay", "weight_decay", 0, 0, kInfinity}};
// Keys that an update has only where they are given: what ONNX's own optimizers do otherwise (README.md).
constexpr Key kMomentumMore[] = {{"dampening", "dampening", 0, 0, kInfinity}, {"count", "count", 0, 0, kInfinity}};
constexpr Key kAdamMore[] = {
    {"eps_hat", "epsilon_hat", 0, 0, kInfinity}, {"count", "count", 1, 0, kInfinity}, {"shrink", "shrink", 0, 0, 1}};
constexpr Key kAdagradMore[] = {{"count", "count", 0, 0, kInfinity}};

struct Kind {
  StringLiteral name;
  ArrayRef<Key> keys;
  ArrayRef<StringRef> states;
  ArrayRef<Key> more = {};
};

ArrayRef<Kind> kinds() {
  static const StringRef velocity[] = {"velocity"}, moments[] = {"m", "v"}, squares[] = {"squares"};
  static const Kind table[] = {{"sgd", kSgd, {}},
                               {"momentum", kMomentum, velocity, kMomentumMore},
                               {"adam", kAdam, moments, kAdamMore},
                               {"adamw", kAdamW, moments, kAdamMore},
                               {"adagrad", kAdagrad, squares, kAdagradMore}};
  return table;
}

constexpr StringLiteral kSchedules[] = {"constant", "linear", "cosine"};

std::string number(double value) {
  std::string text;
  raw_string_ostream(text) << format("%g", value);
  return text;
}

/// Reads the value of one key into `optimizer`; returns what is wrong, or nothing.
std::string readValue(const Kind &kind, StringRef key, StringRef value, Optimizer &optimizer) {
  if (key == "schedule") {
    if (!is_contained(kSchedules, value))
      return formatv("schedule=\"{0}\" is not known; schedules: constant, linear, cosine", value);
    optimizer.schedule = value.str();
    return {};
  }
  if (key == "warmup" || key == "steps") {
    int64_t &steps = key == "warmup" ? optimizer.warmup : optimizer.steps;
    if (value.getAsInteger(10, steps) || steps < 0)
      return formatv("{0}=\"{1}\" is not a number of steps (0, 1, 2, ...)", key, value);
    return {};
  }
  double parsed;
  if (value.getAsDouble(parsed) || !std::isfinite(parsed))
    return formatv("{0}=\"{1}\" is not a number", key, value);
  if (key == "lr") {
    if (parsed < 0)
      return formatv("lr={0} is negative", number(parsed));
    optimizer.lr = parsed;
    return {};
  }
  for (const Key &known : concat<const Key>(kind.keys, kind.more)) {
    if (known.key != key)
      continue;
    if (key == "nesterov" && parsed != 0 && parsed != 1)
      return formatv("nesterov={0} is neither 0 nor 1", number(parsed));
    if (parsed < known.least || parsed >= known.below)
      return known.below == kInfinity ? formatv("{0}={1} is negative", key, number(parsed)).str()
                                      : formatv("{0}={1} is not in [0, 1)", key, number(parsed)).str();
    for (auto &[name, value] : optimizer.hyper)
      if (name == known.hyper) {
        value = parsed;
        return {};
      }
    optimizer.hyper.push_back({known.hyper, parsed});
    return {};
  }
  SmallVector<StringRef> keys = {"lr"};
  for (const Key &known : concat<const Key>(kind.keys, kind.more))
    keys.push_back(known.key);
  keys.append({"schedule", "warmup", "steps"});
  return formatv("\"{0}\" is no key of {1}; keys: {2}", key, kind.name, join(keys, ", "));
}

} // namespace

std::optional<Optimizer> parseOptimizer(StringRef text, std::string &error) {
  StringRef name, rest;
  std::tie(name, rest) = text.split(',');
  const Kind *kind = find_if(kinds(), [&](const Kind &k) { return k.name == name.trim(); });
  if (kind == kinds().end()) {
    error = formatv("optimizer \"{0}\" is not known; optimizers: {1}", name,
                    join(map_range(kinds(), [](const Kind &k) { return k.name.str(); }), ", "));
    return std::nullopt;
  }
  Optimizer optimizer;
  optimizer.kind = kind->name.str();
  optimizer.states.assign(kind->states.begin(), kind->states.end());
  for (const Key &key : kind->keys)
    optimizer.hyper.push_back({key.hyper, key.value});

  SmallVector<StringRef> parts, seen;
  rest.split(parts, ',', -1, /*KeepEmpty=*/!rest.empty());
  for (StringRef part : parts) {
    auto [key, value] = part.split('=');
    key = key.trim();
    std::string wrong;
    if (!part.contains('='))
      wrong = formatv("\"{0}\" is not key=value", part);
    else if (is_contained(seen, key))
      wrong = formatv("{0} is given twice", key);
    else
      wrong = readValue(*kind, key, value.trim(), optimizer);
    if (!wrong.empty()) {
      error = formatv("optimizer \"{0}\": {1}", text, wrong);
      return std::nullopt;
    }
    seen.push_back(key);
  }
  auto hyper = [&](StringRef name) {
    for (auto [key, value] : optimizer.hyper)
      if (key == name)
        return value;
    return 0.0;
  };
  auto isGiven = [&](StringRef name) {
    return any_of(optimizer.hyper, [&](auto &entry) { return entry.first == name; });
  };
  if (is_contained({"adam", "adamw"}, optimizer.kind) && isGiven("count") && !isGiven("epsilon_hat")) {
    error = formatv("optimizer \"{0}\": count needs eps_hat", text);
    return std::nullopt;
  }
  if (hyper("nesterov") != 0 && hyper("momentum") == 0) {
    error = formatv("optimizer \"{0}\": nesterov=1 needs momentum above 0", text);
    return std::nullopt;
  }
  return optimizer;
}

} // namespace mlir::llcc
