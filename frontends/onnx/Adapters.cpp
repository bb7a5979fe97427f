// Which weights get low-rank adapters. Their first values depend on the seed, the weight's name and the place alone, so
// they are the same under every strategy.
#include "frontends/onnx/Adapters.h"
#include "frontends/onnx/Binder.h"
#include "llvm/Support/GlobPattern.h"
#include <cmath>

namespace mlir::llcc::frontend {

namespace {

struct Wish {
  int64_t rank = 8;
  double alpha = -1; ///< negative: the rank, so that the scale is 1
  std::string glob;
};

std::optional<Wish> parseWish(const std::string &text, ImportErrors &errors) {
  Wish wish;
  SmallVector<StringRef> parts;
  StringRef(text).split(parts, ',', -1, /*KeepEmpty=*/false);
  bool good = true;
  for (StringRef part : parts) {
    if (part.consume_front("r="))
      good &= !part.getAsInteger(10, wish.rank) && wish.rank >= 1 && wish.rank <= 65536;
    else if (part.consume_front("alpha="))
      good &= !part.getAsDouble(wish.alpha) && std::isfinite(wish.alpha) && wish.alpha > 0;
    else
      wish.glob += (wish.glob.empty() ? "" : ",") + part.str();
  }
  if (!good || wish.glob.empty()) {
    errors.add(ImportErrors::Bad, "--lora=" + text +
                                      ": needs a rank of at least 1, a positive alpha and a pattern of weights, as in "
                                      "--lora=r=8,alpha=16,*.weight");
    return std::nullopt;
  }
  return wish;
}

/// Uniform in [0, 1): splitmix64 of a counter (Steele, Lea, Flood 2014).
double uniformAt(uint64_t seed, uint64_t i) {
  uint64_t z = seed + (i + 1) * 0x9E3779B97F4A7C15ull;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return double((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

uint64_t hashName(StringRef name) { // FNV-1a: the same on every machine
  uint64_t hash = 0xCBF29CE484222325ull;
  for (unsigned char c : name)
    hash = (hash ^ c) * 0x100000001B3ull;
  return hash;
}

/// Gemm with transB holds [out, in]; MatMul and plain Gemm [in, out].
bool holdsInFirst(const ::onnx::GraphProto &graph, StringRef name) {
  for (const auto &node : graph.node())
    if (node.op_type() == "Gemm" && node.input_size() > 1 && node.input(1) == name)
      return llvm::none_of(node.attribute(), [](const auto &a) { return a.name() == "transB" && a.i(); });
  for (const auto &node : graph.node())
    if ((node.op_type() == "Transpose" || node.op_type() == "Gather") && node.input_size() && node.input(0) == name)
      return false;
  return true;
}

Adapter makeAdapter(const Initializer &t, const Wish &wish, const ::onnx::GraphProto &graph, uint64_t seed) {
  Adapter a;
  a.rank = wish.rank;
  a.scale = wish.alpha < 0 ? 1 : wish.alpha / double(wish.rank);
  a.inFirst = holdsInFirst(graph, t.name);
  StringRef stem = t.name;
  stem.consume_back(".weight");
  a.nameA = (stem + ".lora_A.weight").str();
  a.nameB = (stem + ".lora_B.weight").str();
  int64_t in = t.payload.shape[a.inFirst ? 0 : 1], out = t.payload.shape[a.inFirst ? 1 : 0];
  auto make = [&](int64_t rows, int64_t columns, bool random) {
    auto c = std::make_shared<Constant>();
    c->type = t.payload.type;
    c->shape = {rows, columns};
    double bound = 1 / std::sqrt(double(in)); // kaiming_uniform with a = sqrt(5), as PEFT begins
    for (int64_t i = 0; i < rows * columns; ++i)
      c->reals.push_back(random ? (2 * uniformAt(seed ^ hashName(t.name), uint64_t(i)) - 1) * bound : 0.0);
    c->round();
    return c;
  };
  a.firstA = make(a.rank, in, true);
  a.firstB = make(out, a.rank, false);
  return a;
}

} // namespace

std::map<const Initializer *, Adapter> chooseAdapters(std::vector<Initializer> &tensors,
                                                      const ::onnx::GraphProto &graph, const ImportOptions &options,
                                                      StringRef file, ImportErrors &errors) {
  std::map<const Initializer *, Adapter> adapters;
  if (options.lora.empty())
    return adapters;
  for (const std::string &text : options.lora) {
    std::optional<Wish> wish = parseWish(text, errors);
    if (!wish)
      continue;
    auto pattern = llvm::GlobPattern::create(wish->glob);
    if (!pattern) {
      errors.add(ImportErrors::Bad, "--lora=" + text + ": " + llvm::toString(pattern.takeError()));
      continue;
    }
    bool matched = false, any = false;
    for (Initializer &t : tensors) {
      if (!t.parameter || !pattern->match(t.name))
        continue;
      any = true;
      if (t.payload.shape.size() != 2 || t.tiedTo || t.payload.elements == 0)
        continue; // biases, gains, windows: `*` means the matrices among them
      matched = true;
      adapters[&t] = makeAdapter(t, *wish, graph, options.seed);
    }
    if (!matched)
      errors.add(ImportErrors::Bad, file + ": --lora=" + text +
                                        (any ? std::string(" names no parameter of two dimensions, which adapters need")
                                             : " matches no parameter" + nearNames(tensors, wish->glob)));
  }
  for (Initializer &t : tensors)
    t.trainable = false;
  return adapters;
}

} // namespace mlir::llcc::frontend
