// How `--simulate` says what it found.
#ifndef LLCC_COMPILER_PIPELINE_SIMULATIONREPORT_H
#define LLCC_COMPILER_PIPELINE_SIMULATIONREPORT_H

#include "passes/shard/Simulate.h"

namespace mlir::llcc {

/// A block of `key: value` lines and a table of stages, for people and for programs.
void printSimulation(const Simulation &simulation, const Cluster &cluster, StringRef plan, raw_ostream &out);
/// The kernels and collectives that take longest on the slowest stage (--explain).
void printDearest(const Simulation &simulation, raw_ostream &out);
/// The same as one JSON object in a line.
void printSimulationJson(const Simulation &simulation, const Cluster &cluster, StringRef plan, raw_ostream &out);

} // namespace mlir::llcc

#endif
