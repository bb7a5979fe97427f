// `llcc ops`: which operators llcc takes, in which opsets, element types, with which gradients and sharding rules.
#ifndef LLCC_COMPILER_PIPELINE_SUPPORTTABLE_H
#define LLCC_COMPILER_PIPELINE_SUPPORTTABLE_H

#include <string>

namespace llcc {

struct SupportOptions {
  enum class Form { Text, Markdown, Json } form = Form::Text;
  std::string only; ///< a glob of operator names; empty: all
};

/// Prints the table to stdout. Nothing in it is written by hand: rows are those of the importer's table; the rest is
/// measured by importing a model of one node for each row and element type, and asking the gradient table, the sharding
/// rules and the lowering of each target about what came out. Returns an ExitCode.
int printSupport(const SupportOptions &options);

} // namespace llcc

#endif
