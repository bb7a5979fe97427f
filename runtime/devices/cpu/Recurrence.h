// The loop over the steps of an LSTM, GRU or RNN, forward and backward: one instruction, whatever the number of steps.
#ifndef LLCC_RUNTIME_DEVICES_CPU_RECURRENCE_H
#define LLCC_RUNTIME_DEVICES_CPU_RECURRENCE_H

#include "runtime/collectives/Communicator.h"

namespace llcc::rt {

/// Work of a Recurrence or RecurrenceGrad. Threads take sequences each; a product is one call of oneDNN for each step,
/// or plain loops where `reference` says so and for f64.
Work recurrence(const Program &program, const Instr &instr, const std::vector<char *> &ins,
                const std::vector<char *> &outs, int threads, bool reference);

} // namespace llcc::rt

#endif
