// Plans with one mistake each, executed on simulated GPUs: what is wrong shows as another result, or as a refusal,
// under some order of streams.
//
// usage: test-sim-mutants [--list] MODEL.llx…    artifacts for cudasim
// A sound plan gives the same bits in every order, with and without graphs. Whether a mutant is wrong is judged on
// terms
// (../mutants/Machine.h), as in test-mutants; the verifier is not asked.
#include "runtime/core/Session.h"
#include "test/runtime/Check.h"
#include "test/runtime/mutants/Machine.h"
#include "test/runtime/mutants/Mutations.h"
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <set>

using namespace llcc::rt;

namespace {

constexpr int kSeeds = 6, kSteps = 4, kMost = 6;

/// An input of the plan with drawn values, all microbatches.
struct Given {
  std::vector<char> bytes;
  llcc_rt_tensor tensor{};
  std::vector<int64_t> dims;
};

std::vector<Given> draw(const Plan &plan) {
  std::mt19937 random(7);
  std::vector<Given> all(plan.inputs.size());
  for (size_t i = 0; i < all.size(); ++i) {
    const Input &input = plan.inputs[i];
    Shape shape = input.shape;
    if (input.batched && !shape.dims.empty())
      shape.dims[0] *= plan.microbatches;
    all[i].bytes.resize(shape.bytes());
    all[i].dims = shape.dims;
    for (uint64_t e = 0; e < shape.elements(); ++e) {
      char *at = all[i].bytes.data() + e * sizeOf(shape.type);
      auto put = [&](auto value) { std::memcpy(at, &value, sizeof value); };
      auto number = static_cast<int64_t>(random() % static_cast<uint64_t>(input.classes > 0 ? input.classes : 4));
      if (shape.type == DType::F32)
        put(static_cast<float>(random() % 2000) / 1000.0f - 1.0f);
      else if (shape.type == DType::F64)
        put(static_cast<double>(random() % 2000) / 1000.0 - 1.0);
      else if (shape.type == DType::I64)
        put(number);
      else if (shape.type == DType::I32)
        put(static_cast<int32_t>(number));
      else
        put(static_cast<uint8_t>(number & 1));
    }
    all[i].tensor.name = input.name.c_str();
    all[i].tensor.data = all[i].bytes.data();
    all[i].tensor.bytes = all[i].bytes.size();
    all[i].tensor.dtype = static_cast<llcc_rt_dtype>(shape.type);
    all[i].tensor.dims = all[i].dims.data();
    all[i].tensor.rank = static_cast<uint32_t>(all[i].dims.size());
  }
  return all;
}

/// Losses and final weights of some steps, as bits; or why there are none. `seed` -1: list order.
std::string run(const std::shared_ptr<Module> &module, const std::vector<Given> &given, int seed, bool graphs = true) {
  if (seed < 0)
    unsetenv("LLCC_CUDASIM_SEED");
  else
    setenv("LLCC_CUDASIM_SEED", std::to_string(seed).c_str(), 1);
  setenv("LLCC_GRAPH", graphs ? "1" : "0", 1);
  try {
    llcc_rt_options options{};
    options.threads = 1;
    Session session(module, options, nullptr);
    std::vector<llcc_rt_tensor> tensors;
    for (const Given &g : given)
      tensors.push_back(g.tensor);
    std::string seen;
    for (int step = 0; step < kSteps; ++step) {
      llcc_rt_step_result result{};
      session.train(tensors.data(), tensors.size(), 0.1, result, nullptr, 0);
      seen.append(reinterpret_cast<const char *>(&result.loss), sizeof result.loss);
      seen.append(reinterpret_cast<const char *>(&result.grad_norm), sizeof result.grad_norm);
    }
    for (size_t v = 0; v < module->plan.variables.size(); ++v) {
      std::string bytes(module->plan.variables[v].shape.bytes(), 0);
      session.get(v, bytes.data());
      seen += bytes;
    }
    return seen;
  } catch (const Error &error) {
    return "refused: " + error.text;
  }
}

/// Gives a buffer the place of another that is written while it is still needed.
bool moveOnto(Plan &plan, std::mt19937 &random) {
  Program &program = plan.programs[random() % plan.programs.size()];
  std::vector<std::pair<size_t, size_t>> lives(program.buffers.size(), {SIZE_MAX, 0});
  for (size_t i = 0; i < program.instrs.size(); ++i)
    for (const auto *list : {&program.instrs[i].ins, &program.instrs[i].outs})
      for (uint32_t b : *list)
        lives[b] = {std::min(lives[b].first, i), i};
  std::vector<std::pair<uint32_t, uint32_t>> pairs;
  for (uint32_t a = 0; a < program.buffers.size(); ++a)
    for (uint32_t b = 0; b < program.buffers.size(); ++b) {
      const Buffer &x = program.buffers[a], &y = program.buffers[b];
      if (x.space == Buffer::Space::Temp && y.space == Buffer::Space::Temp && x.viewOf < 0 && y.viewOf < 0 &&
          x.offset != y.offset && lives[a].first > lives[b].first && lives[a].first < lives[b].second &&
          y.offset + x.shape.bytes() <= program.arenaBytes && x.shape.bytes() > 0)
        pairs.push_back({a, b});
    }
  if (pairs.empty())
    return false;
  auto [a, b] = pairs[random() % pairs.size()];
  program.buffers[a].offset = program.buffers[b].offset;
  for (Buffer &view : program.buffers)
    if (view.viewOf == static_cast<int64_t>(a))
      view.offset = program.buffers[a].offset;
  return true;
}

/// Kernels get addresses without sizes, so a mutant must stay in its memory and keep each operand's size.
bool staysInside(const Plan &plan) {
  for (const Program &program : plan.programs)
    for (const Buffer &buffer : program.buffers)
      if (buffer.offset + buffer.shape.bytes() > program.arenaBytes)
        return false;
  return true;
}

struct Count {
  int wrong = 0, inListOrder = 0, bySeed = 0, missed = 0, harmless = 0;
};

void mutate(const std::string &path, std::map<std::string, Count> &counts, bool list) {
  auto module = std::make_shared<Module>(path);
  Plan &plan = module->plan;
  plan.programs.erase(std::remove_if(plan.programs.begin(), plan.programs.end(),
                                     [](const Program &p) { return p.kind == Program::Kind::Infer; }),
                      plan.programs.end());
  const Plan sound = plan;
  std::vector<Given> given = draw(sound);
  const std::string expected = run(module, given, -1);
  CHECK(expected.compare(0, 8, "refused:") != 0, "%s: %s", path.c_str(), expected.c_str());
  CHECK(run(module, given, -1, false) == expected, "%s: another result without graphs", path.c_str());
  for (int seed = 0; seed < kSeeds; ++seed)
    for (bool graphs : {true, false})
      CHECK(run(module, given, seed, graphs) == expected, "%s: another result with seed %d", path.c_str(), seed);
  const Seen terms = execute(sound, Pace::List);

  std::vector<Mutation> kinds = {{"move onto a live buffer", moveOnto}};
  const std::set<std::string> wanted = {"drop a wait",        "wait for an earlier one", "other stream",
                                        "run later",          "drop a collective",       "swap two collectives",
                                        "drop an instruction"};
  for (const Mutation &mutation : mutations())
    if (wanted.count(mutation.name))
      kinds.push_back(mutation);
  std::mt19937 random(1);
  std::set<std::string> known = {serialize(sound)};
  for (const Mutation &kind : kinds) {
    Count &count = counts[kind.name];
    for (int attempt = 0, made = 0; attempt < 60 && made < kMost; ++attempt) {
      Plan mutant = sound;
      if (!kind.change(mutant, random) || !staysInside(mutant) || !known.insert(serialize(mutant)).second)
        continue;
      ++made;
      bool different = false;
      for (Pace pace : {Pace::List, Pace::Compute, Pace::Transfer})
        different |= execute(mutant, pace) != terms;
      plan = mutant;
      const std::string inOrder = run(module, given, -1);
      bool first = inOrder != expected;
      int found = -1;
      for (int seed = 0; seed < kSeeds && !first && found < 0; ++seed)
        if (run(module, given, seed) != expected)
          found = seed;
      CHECK(different || (!first && found < 0), "%s: %s: the simulation sees what terms do not", path.c_str(),
            kind.name.c_str());
      if (!different) {
        ++count.harmless;
        continue;
      }
      ++count.wrong;
      ++(first ? count.inListOrder : found >= 0 ? count.bySeed : count.missed);
      if (list)
        std::printf("%s: %s: %s\n", path.c_str(), kind.name.c_str(),
                    first        ? (inOrder.compare(0, 8, "refused:") ? "in list order" : inOrder.c_str())
                    : found >= 0 ? ("seed " + std::to_string(found)).c_str()
                                 : "missed");
    }
  }
  plan = sound;
}

} // namespace

int main(int argc, char **argv) {
  std::map<std::string, Count> counts;
  bool list = argc > 1 && !std::strcmp(argv[1], "--list");
  for (int i = 1 + list; i < argc; ++i)
    mutate(argv[i], counts, list);
  Count all;
  std::printf("%-26s %6s %14s %8s %7s %9s\n", "kind", "wrong", "in list order", "by seed", "missed", "harmless");
  for (auto &[name, c] : counts) {
    std::printf("%-26s %6d %14d %8d %7d %9d\n", name.c_str(), c.wrong, c.inListOrder, c.bySeed, c.missed, c.harmless);
    all.wrong += c.wrong;
    all.inListOrder += c.inListOrder;
    all.bySeed += c.bySeed;
    all.missed += c.missed;
    all.harmless += c.harmless;
  }
  std::printf("%d wrong plans: %d show in list order, %d under one of %d seeds, %d are missed\n", all.wrong,
              all.inListOrder, all.bySeed, kSeeds, all.missed);
  CHECK(all.wrong >= 80, "only %d wrong plans", all.wrong);
  // What is missed computes with equal numbers by chance, or differs only in an order that no event decides.
  CHECK(all.missed * 20 <= all.wrong, "%d are missed", all.missed);
  return finished("test-sim-mutants");
}
