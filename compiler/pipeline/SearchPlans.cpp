// Enumerates plans for `--strategy=auto` and sorts them by cost.
#include "compiler/pipeline/SearchPlans.h"
#include "compiler/pipeline/Mesh.h"
#include <algorithm>
#include <set>

namespace llcc {

/// Meshes whose other choices are looked at, by time, and by memory where none fits: 4 covers what the second round
/// changes, which is less than the difference between the first and the fifth mesh wherever that was tried.
static constexpr size_t kKept = 4;

std::string PlanTrial::flags() const {
  std::string text = "--mesh=";
  for (auto &[axis, size] : options.mesh)
    text += (text.back() == '=' ? "" : ",") + axis + "=" + std::to_string(size);
  text += " --microbatches=" + std::to_string(options.microbatches);
  bool pipeline =
      std::any_of(options.mesh.begin(), options.mesh.end(), [](auto &axis) { return axis.first == "pipeline"; });
  if (pipeline)
    text += " --schedule=" + options.schedule;
  if (options.chunks > 1)
    text += " --chunks=" + std::to_string(options.chunks);
  if (options.zero)
    text += " --zero=" + std::to_string(options.zero);
  if (options.sequenceParallel)
    text += " --sequence-parallel";
  if (options.recompute != "none")
    text += " --recompute=" + options.recompute;
  return text;
}

namespace {

int64_t sizeOf(const CompileOptions &options, const std::string &axis) {
  for (auto &[name, size] : options.mesh)
    if (name == axis)
      return size;
  return 1;
}

/// Pipeline x data x tensor, in this order: neighbours of the last axis have the fastest links.
std::vector<MeshAxes> factorisations(int64_t devices) {
  std::vector<MeshAxes> meshes;
  for (int64_t pipeline = 1; pipeline <= devices; ++pipeline)
    for (int64_t tensor = 1; devices % pipeline == 0 && tensor <= devices / pipeline; ++tensor) {
      if (devices / pipeline % tensor)
        continue;
      MeshAxes &mesh = meshes.emplace_back();
      for (auto [axis, size] : {std::pair<std::string, int64_t>("pipeline", pipeline),
                                {"data", devices / pipeline / tensor},
                                {"tensor", tensor}})
        if (size > 1)
          mesh.push_back({axis, size});
      if (mesh.empty())
        mesh.push_back({"data", 1});
    }
  return meshes;
}

CompileOptions onMesh(const CompileOptions &asked, const MeshAxes &mesh) {
  CompileOptions plan = asked;
  plan.strategy = "hybrid";
  plan.devices = 0;
  plan.mesh = mesh;
  return plan;
}

/// Meshes and microbatches; everything else as the user asked, or plain.
std::vector<CompileOptions> firstRound(const CompileOptions &asked, const PlanSearch &search) {
  std::vector<CompileOptions> plans;
  std::vector<MeshAxes> meshes = {asked.mesh};
  if (asked.mesh.empty())
    meshes = factorisations(search.devices);
  for (auto &mesh : meshes) {
    CompileOptions plan = onMesh(asked, mesh);
    int64_t stages = sizeOf(plan, "pipeline"), rows = search.batch / sizeOf(plan, "data");
    for (int64_t m = 1; m <= std::max<int64_t>(1, stages > 1 ? 8 * stages : 8); ++m) {
      if (asked.microbatches ? m != asked.microbatches : search.batch % m || m > std::max<int64_t>(1, rows))
        continue;
      if (search.wholeBatch && m > 1 && !asked.microbatches)
        continue;
      plan.microbatches = m;
      plans.push_back(plan);
    }
    if (asked.microbatches > std::max<int64_t>(1, stages > 1 ? 8 * stages : 8)) {
      plan.microbatches = asked.microbatches;
      plans.push_back(plan);
    }
  }
  return plans;
}

/// The other choices for the mesh and microbatches of `base`, without the plain ones, which were tried.
std::vector<CompileOptions> secondRound(const CompileOptions &asked, const CompileOptions &base) {
  std::vector<CompileOptions> plans;
  std::vector<int64_t> zeros = {asked.zero};
  if (!asked.zero && sizeOf(base, "data") > 1)
    zeros = {0, 1, 2, 3};
  std::vector<std::pair<std::string, int64_t>> schedules = {{asked.schedule, asked.chunks}};
  if (asked.schedule == CompileOptions().schedule && !asked.chunks && sizeOf(base, "pipeline") > 1) {
    schedules.push_back({"zb-h1", 0});
    if (base.microbatches % sizeOf(base, "pipeline") == 0)
      schedules.push_back({"interleaved", 2});
  }
  std::vector<bool> sequences = {asked.sequenceParallel};
  if (!asked.sequenceParallel && sizeOf(base, "tensor") > 1)
    sequences = {false, true};
  std::vector<std::string> recomputes = {asked.recompute};
  if (asked.recompute == "none")
    recomputes.push_back("blocks");
  for (int64_t zero : zeros)
    for (auto &[schedule, chunks] : schedules)
      for (bool sequence : sequences)
        for (const std::string &recompute : recomputes) {
          CompileOptions plan = base;
          plan.zero = zero;
          plan.schedule = schedule;
          plan.chunks = chunks;
          plan.sequenceParallel = sequence;
          plan.recompute = recompute;
          if (plan.zero != base.zero || plan.schedule != base.schedule || sequence != base.sequenceParallel ||
              recompute != base.recompute)
            plans.push_back(plan);
        }
  return plans;
}

} // namespace

std::vector<PlanTrial> searchPlans(const CompileOptions &asked, const PlanSearch &search,
                                   const std::function<void(PlanTrial &)> &evaluate, std::vector<PlanTrial> &tried) {
  auto attempt = [&](const CompileOptions &options) {
    tried.push_back({options, 0, 0, ""});
    PlanTrial &trial = tried.back();
    evaluate(trial);
    if (trial.refused.empty() && search.memory && trial.memory > double(search.memory))
      trial.refused = "needs more memory than a device has";
  };
  for (const CompileOptions &options : firstRound(asked, search))
    attempt(options);
  // Of the first round, by place in `tried`: plans that are possible, or would be with less memory.
  std::vector<size_t> byTime;
  for (size_t i = 0; i < tried.size(); ++i)
    if (tried[i].seconds > 0)
      byTime.push_back(i);
  std::vector<size_t> byMemory = byTime;
  std::stable_sort(byTime.begin(), byTime.end(),
                   [&](size_t a, size_t b) { return tried[a].seconds < tried[b].seconds; });
  std::stable_sort(byMemory.begin(), byMemory.end(),
                   [&](size_t a, size_t b) { return tried[a].memory < tried[b].memory; });
  std::set<size_t> kept;
  bool fits = std::any_of(tried.begin(), tried.end(), [](const PlanTrial &trial) { return trial.refused.empty(); });
  for (auto *order : {&byTime, &byMemory})
    for (size_t i = 0; i < order->size() && (search.exhaustive || i < kKept) && (order == &byTime || !fits); ++i)
      kept.insert((*order)[i]);
  for (size_t i : kept) {
    CompileOptions base = tried[i].options;
    for (const CompileOptions &options : secondRound(asked, base))
      attempt(options);
  }
  std::vector<PlanTrial> feasible;
  for (const PlanTrial &trial : tried)
    if (trial.refused.empty())
      feasible.push_back(trial);
  std::stable_sort(feasible.begin(), feasible.end(),
                   [](const PlanTrial &a, const PlanTrial &b) { return a.seconds < b.seconds; });
  return feasible;
}

std::vector<PlanTrial> searchMeshes(const CompileOptions &asked, const PlanSearch &search, size_t most,
                                    const std::function<void(PlanTrial &)> &evaluate, std::vector<PlanTrial> &tried) {
  std::vector<MeshAxes> meshes = factorisations(search.devices);
  auto longest = [](const MeshAxes &mesh) {
    int64_t size = 1;
    for (auto &axis : mesh)
      size = std::max(size, axis.second);
    return size;
  };
  std::stable_sort(meshes.begin(), meshes.end(),
                   [&](const MeshAxes &a, const MeshAxes &b) { return longest(a) < longest(b); });
  std::vector<PlanTrial> possible;
  for (bool mixed : {true, false}) {
    size_t looked = 0;
    for (const MeshAxes &mesh : meshes) {
      if ((mesh.size() > 1) != mixed || looked == most)
        continue;
      ++looked;
      tried.push_back({onMesh(asked, mesh), 0, 0, ""});
      PlanTrial &trial = tried.back();
      int64_t rows = std::max<int64_t>(1, search.batch / sizeOf(trial.options, "data"));
      int64_t m = search.wholeBatch && !asked.microbatches
                      ? 1
                      : microbatchCount(trial.options, search.batch, mesh, trial.refused);
      while (!asked.microbatches && m > 1 && (search.batch % m || m > rows))
        --m;
      trial.options.microbatches = m;
      if (trial.refused.empty() && sizeOf(trial.options, "data") > std::max<int64_t>(1, search.batch / m))
        trial.refused = "a microbatch has " + std::to_string(search.batch / m) + " rows";
      if (trial.refused.empty())
        evaluate(trial);
      if (trial.refused.empty())
        possible.push_back(trial);
    }
    if (!possible.empty())
      break;
  }
  auto over = [&](const PlanTrial &trial) { return search.memory && trial.memory > double(search.memory); };
  std::stable_sort(possible.begin(), possible.end(), [&](const PlanTrial &a, const PlanTrial &b) {
    return over(a) != over(b) ? over(b) : over(a) ? a.memory < b.memory : a.seconds < b.seconds;
  });
  return possible;
}

} // namespace llcc
