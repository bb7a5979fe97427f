// Plans with one mistake each: every one that computes something else, or may, is refused with a reason.
//
// usage: test-mutants [--list] MODEL.llx…
// Whether a mutant is one is not a matter of opinion: it is executed on terms, at three paces of its streams
// (mutants/Machine.h), and counts only if something that is seen differs from the sound plan. The verifier shares no
// code with that.
#include "runtime/plan/Artifact.h"
#include "runtime/plan/Meaning.h"
#include "test/runtime/Check.h"
#include "test/runtime/mutants/Machine.h"
#include "test/runtime/mutants/Mutations.h"
#include <cstring>
#include <set>

using namespace llcc::rt;

namespace {

constexpr Pace kPaces[] = {Pace::List, Pace::Compute, Pace::Transfer};

struct Count {
  size_t tried = 0, equal = 0, proof = 0, certificate = 0, alive = 0;
};

void mutate(const std::string &path, std::map<std::string, Count> &counts, bool list) {
  Artifact artifact;
  std::string error = artifact.open(path);
  CHECK(error.empty(), "%s", error.c_str());
  if (!error.empty())
    return;
  std::string_view bytes = artifact.section("plan");
  Plan plan;
  error = parse(bytes.data(), bytes.size(), plan);
  CHECK(error.empty() && verify(plan).empty(), "%s: %s", path.c_str(),
        error.empty() ? verify(plan)[0].c_str() : error.c_str());
  const auto certified = meaningsOf(plan);
  const Seen sound = execute(plan, Pace::List);
  for (Pace pace : kPaces)
    CHECK(execute(plan, pace) == sound && !sound.count("stopped"), "%s: the plan itself depends on its streams' pace",
          path.c_str());
  std::set<std::string> known = {std::string(bytes)};
  std::mt19937 random(1);
  for (const Mutation &mutation : mutations()) {
    Count &count = counts[mutation.name];
    for (int attempt = 0, made = 0; attempt < 60 && made < 12; ++attempt) {
      Plan mutant = plan;
      if (!mutation.change(mutant, random))
        continue;
      std::string text = serialize(mutant);
      if (!known.insert(text).second)
        continue;
      ++made;
      ++count.tried;
      Plan read;
      error = parse(text.data(), text.size(), read);
      if (error.empty()) {
        // A mutant whose tables make no sense (a view of nothing, an operand that is not there) cannot run at all.
        std::vector<std::string> violations = verify(read);
        bool different = false;
        std::string seen;
        bool runs = true;
        for (const Program &program : read.programs)
          for (const Instr &instr : program.instrs)
            for (const auto *operands : {&instr.ins, &instr.outs})
              for (uint32_t b : *operands)
                runs &= b < program.buffers.size();
        for (Pace pace : kPaces)
          if (runs && !different) {
            Seen now = execute(read, pace);
            different = now != sound;
          }
        if (!different) {
          ++count.equal;
          continue;
        }
        error = violations.empty() ? "" : violations[0];
      }
      if (!error.empty()) {
        ++count.proof;
      } else if (error = differenceOf(certified, meaningsOf(read)); !error.empty()) {
        ++count.certificate;
        error = "certificate: " + error;
      } else {
        ++count.alive;
        error = "SURVIVES";
      }
      if (list || error == "SURVIVES")
        std::printf("%s: %s: %s\n", path.c_str(), mutation.name.c_str(), error.c_str());
    }
  }
}

} // namespace

int main(int argc, char **argv) {
  std::map<std::string, Count> counts;
  bool list = argc > 1 && !std::strcmp(argv[1], "--list");
  for (int i = 1 + list; i < argc; ++i)
    mutate(argv[i], counts, list);
  Count all;
  std::printf("%-28s %8s %8s %12s %9s\n", "kind", "mutants", "proof", "certificate", "survive");
  for (auto &[name, c] : counts) {
    std::printf("%-28s %8zu %8zu %12zu %9zu\n", name.c_str(), c.tried - c.equal, c.proof, c.certificate, c.alive);
    all.tried += c.tried;
    all.equal += c.equal;
    all.proof += c.proof;
    all.certificate += c.certificate;
    all.alive += c.alive;
  }
  std::printf("%zu mutants, %zu refused by proof, %zu by the certificate, %zu survive (%zu changes computed the same "
              "and do not count)\n",
              all.tried - all.equal, all.proof, all.certificate, all.alive, all.equal);
  CHECK(all.tried - all.equal >= 200, "only %zu mutants", all.tried - all.equal);
  CHECK(all.alive == 0, "%zu mutants survive", all.alive);
  return finished("test-mutants");
}
