// What ptxas says of each kernel, as a table for people.
//
//   ptxas info    : Compiling entry function 'k0' for 'sm_90'
//   ptxas info    : Function properties for k0
//       0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
//   ptxas info    : Used 16 registers, used 0 barriers
// =>
//   kernel  registers  stack  spill stores  spill loads  shared
//   k0             16      0             0            0       0
#include "compiler/codegen/cuda/Cubin.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"

/// The number before `unit` in `text`, 0 where it is not said.
static uint64_t before(llvm::StringRef text, llvm::StringRef unit) {
  size_t at = text.find(unit);
  if (at == llvm::StringRef::npos)
    return 0;
  llvm::StringRef number = text.take_front(at).rtrim();
  number = number.take_back(number.size() - number.find_last_not_of("0123456789") - 1);
  uint64_t value = 0;
  number.getAsInteger(10, value);
  return value;
}

std::string mlir::llcc::resourceTable(llvm::StringRef log) {
  std::string text, kernel;
  llvm::raw_string_ostream table(text);
  const char *row = "{0,-12}{1,10}{2,8}{3,14}{4,13}{5,8}\n";
  table << llvm::formatv(row, "kernel", "registers", "stack", "spill stores", "spill loads", "shared");
  uint64_t stack = 0, stores = 0, loads = 0;
  for (llvm::StringRef line : llvm::split(log, '\n')) {
    if (size_t at = line.find("entry function '"); at != llvm::StringRef::npos)
      kernel = line.substr(at + 16).take_until([](char c) { return c == '\''; }).str();
    if (line.contains("bytes stack frame")) {
      stack = before(line, "bytes stack frame");
      stores = before(line, "bytes spill stores");
      loads = before(line, "bytes spill loads");
    }
    if (line.contains("Used ") && line.contains(" registers")) {
      table << llvm::formatv(row, kernel, before(line, "registers"), stack, stores, loads, before(line, "bytes smem"));
      stack = stores = loads = 0;
    }
  }
  return text;
}
