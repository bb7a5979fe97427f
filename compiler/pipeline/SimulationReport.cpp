// Prints a simulated step.
#include "compiler/pipeline/SimulationReport.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"

namespace mlir::llcc {

static double bytesSent(const StageCost &stage) {
  double sum = 0;
  for (auto &[axes, bytes] : stage.sent)
    sum += bytes;
  return sum;
}

void printSimulation(const Simulation &s, const Cluster &cluster, StringRef plan, raw_ostream &out) {
  auto number = [](const char *form, double value) { return llvm::format(form, value); };
  constexpr double giga = 1024.0 * 1024 * 1024;
  const StageCost &slow = s.stages[s.slowest()], &large = s.stages[s.largest()];
  double rate = s.modelFlops / s.step / double(s.devices), flops = 0;
  for (const StageCost &stage : s.stages)
    flops += stage.flops * double(s.devices / int64_t(s.stages.size()));
  out << "cluster: " << cluster.name << ", a device " << number("%.3g", cluster.flops) << " FLOP/s, "
      << number("%.3g", cluster.memoryBandwidth) << " B/s";
  for (const Cluster::Link &link : cluster.links)
    out << "; " << link.name << (link.devices ? " between " + std::to_string(link.devices) : "") << " "
        << number("%.3g", link.bandwidth) << " B/s";
  out << "\nplan: " << plan << "\n";
  out << "step: " << number("%.4g", s.step) << " s = compute " << number("%.4g", slow.compute)
      << " + exposed communication " << number("%.4g", slow.exposed) << " + bubble " << number("%.4g", slow.bubble)
      << " + update " << number("%.4g", slow.update) << " (stage " << s.slowest() << ", which works longest)\n";
  out << "throughput: " << number("%.4g", s.samples / s.step) << " samples/s; " << number("%.4g", rate)
      << " FLOP/s a device, " << number("%.1f", 100 * rate / cluster.flops) << " % of peak";
  if (flops > 1.001 * s.modelFlops)
    out << " (" << number("%.1f", 100 * flops / s.step / double(s.devices) / cluster.flops)
        << " % with what is recomputed)";
  out << "\ncommunication of a device: ";
  llvm::interleaveComma(
      slow.sent, out, [&](auto &entry) { out << entry.first << " " << number("%.3f", entry.second / giga) << " GiB"; });
  out << (slow.sent.empty() ? "none" : "") << "; " << number("%.4g", slow.hidden) << " s hidden behind kernels\n";
  out << "memory: " << number("%.2f", large.memory() / giga) << " GiB = parameters "
      << number("%.2f", large.parameters / giga) << " + state " << number("%.2f", large.state / giga) << " + gradients "
      << number("%.2f", large.gradients / giga) << " + activations " << number("%.2f", large.activations / giga)
      << " (stage " << s.largest() << ")";
  if (cluster.memory)
    out << (large.memory() > double(cluster.memory) ? "; does not fit, a device has " : "; a device has ")
        << number("%.2f", double(cluster.memory) / giga) << " GiB";
  out << "\nstage  compute s  exposed s   bubble s   update s   sent GiB  memory GiB\n";
  for (auto [i, stage] : llvm::enumerate(s.stages))
    out << llvm::format("%5zu %10.4g %10.4g %10.4g %10.4g %10.3f %11.2f\n", i, stage.compute, stage.exposed,
                        stage.bubble, stage.update, bytesSent(stage) / giga, stage.memory() / giga);
}

void printDearest(const Simulation &s, raw_ostream &out) {
  std::vector<std::pair<double, StringRef>> ops;
  for (auto &[op, seconds] : s.stages[s.slowest()].dearest)
    ops.push_back({-seconds, op});
  llvm::sort(ops);
  out << "what takes longest on stage " << s.slowest() << ", seconds a step\n";
  for (auto &[seconds, op] : ArrayRef(ops).take_front(20))
    out << llvm::format("  %10.4g  ", -seconds) << op << "\n";
}

void printSimulationJson(const Simulation &s, const Cluster &cluster, StringRef plan, raw_ostream &out) {
  llvm::json::Array stages;
  for (const StageCost &stage : s.stages) {
    llvm::json::Object sent;
    for (auto &[axes, bytes] : stage.sent)
      sent[axes] = bytes;
    stages.push_back(llvm::json::Object{{"compute", stage.compute},
                                        {"exposed", stage.exposed},
                                        {"bubble", stage.bubble},
                                        {"update", stage.update},
                                        {"hidden", stage.hidden},
                                        {"flops", stage.flops},
                                        {"sent", std::move(sent)},
                                        {"parameters", stage.parameters},
                                        {"state", stage.state},
                                        {"gradients", stage.gradients},
                                        {"activations", stage.activations}});
  }
  out << llvm::json::Value(llvm::json::Object{{"cluster", cluster.name},
                                              {"plan", plan},
                                              {"step", s.step},
                                              {"devices", s.devices},
                                              {"microbatches", s.microbatches},
                                              {"samples", s.samples},
                                              {"model_flops", s.modelFlops},
                                              {"peak_flops", cluster.flops},
                                              {"stages", std::move(stages)}})
      << "\n";
}

} // namespace mlir::llcc
