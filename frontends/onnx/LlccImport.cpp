// llcc-import: imports an ONNX model and prints the IR, for lit tests of the frontend alone.
#include "compiler/ir/LLCC.h"
#include "frontends/onnx/Import.h"
#include "frontends/onnx/OpTable.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Format.h"

namespace cl = llvm::cl;

int main(int argc, char **argv) {
  cl::OptionCategory category("llcc-import");
  cl::opt<std::string> path(cl::Positional, cl::desc("MODEL.onnx"), cl::cat(category));
  cl::opt<int64_t> batch("batch", cl::desc("size of the batch dimension"), cl::cat(category));
  cl::opt<int64_t> parts("microbatches", cl::init(1), cl::desc("parts of a batch, of which one is imported"),
                         cl::cat(category));
  cl::list<std::string> dims("dim", cl::desc("NAME=SIZE: size of a symbolic dimension"), cl::cat(category));
  cl::list<std::string> bind("bind", cl::desc("NAME=VALUE: an input that is a constant"), cl::cat(category));
  cl::list<std::string> freeze("freeze", cl::desc("glob of parameters that are not trained"), cl::cat(category));
  cl::list<std::string> train("train", cl::desc("glob of initializers that are trained"), cl::cat(category));
  cl::opt<std::string> output("output", cl::desc("graph output that comes first"), cl::cat(category));
  cl::opt<std::string> batchNorm("batchnorm", cl::desc("file | train | frozen: whose statistics training uses"),
                                 cl::init("file"), cl::cat(category));
  cl::opt<bool> unbiased("unbiased-variance", cl::desc("running variances take the unbiased one"), cl::cat(category));
  cl::list<std::string> dropouts("dropout", cl::desc("file | nodes | off | P | P@GLOB"), cl::cat(category));
  cl::opt<bool> asWritten("as-written", cl::desc("operators run as the file says, training forms included"),
                          cl::cat(category));
  cl::opt<uint64_t> maxMemory("max-import-mem", cl::desc("bytes that the import may take"), cl::cat(category));
  cl::opt<int64_t> maxSeconds("max-import-seconds", cl::desc("seconds that the import may take"), cl::init(600),
                              cl::cat(category));
  cl::list<std::string> outside("allow-external-data-outside", cl::desc("folder"), cl::cat(category));
  cl::opt<bool> locations("locations", cl::desc("print locations"), cl::cat(category));
  cl::opt<bool> weights("weights",
                        cl::desc("print a line for each parameter: where its bytes lie, and the first of them"),
                        cl::cat(category));
  cl::opt<std::string> sections("sections", cl::desc("folder that gets a file for each section, model.onnx first"),
                                cl::cat(category));
  cl::opt<bool> listOps("list-ops",
                        cl::desc("print the table of operators: a line for each row, name and version since which"),
                        cl::cat(category));
  cl::HideUnrelatedOptions(category);
  cl::ParseCommandLineOptions(argc, argv, "imports an ONNX model and prints the IR\n");

  if (listOps) {
    for (auto &[name, rows] : mlir::llcc::frontend::OpTable::get().rows())
      for (auto &[since, row] : rows)
        llvm::outs() << name.first << (name.first.empty() ? "" : "::") << name.second << ' ' << since << '\n';
    return 0;
  }
  if (path.empty()) {
    llvm::errs() << "llcc-import: needs a model: llcc-import MODEL.onnx\n";
    return 64;
  }
  mlir::llcc::ImportOptions options;
  options.batch = batch;
  options.parts = std::max<int64_t>(1, parts);
  options.output = output;
  options.freeze.assign(freeze.begin(), freeze.end());
  options.train.assign(train.begin(), train.end());
  options.asWritten = asWritten;
  options.maxMemory = maxMemory;
  options.maxSeconds = maxSeconds;
  options.outside.assign(outside.begin(), outside.end());
  options.unbiasedVariance = unbiased;
  options.batchNorm = batchNorm == "train"    ? mlir::llcc::ImportOptions::BatchNorm::Train
                      : batchNorm == "frozen" ? mlir::llcc::ImportOptions::BatchNorm::Frozen
                                              : mlir::llcc::ImportOptions::BatchNorm::File;
  for (const std::string &text : dropouts) {
    std::string error;
    auto wish = mlir::llcc::parseDropout(text, error);
    if (!wish) {
      llvm::errs() << error << '\n';
      return 64;
    }
    options.dropout.push_back(*wish);
  }
  for (llvm::StringRef dim : dims) {
    auto [name, size] = dim.split('=');
    if (name.empty() || size.getAsInteger(10, options.dims[name.str()])) {
      llvm::errs() << "--dim " << dim << ": must be NAME=SIZE\n";
      return 64;
    }
  }
  for (llvm::StringRef binding : bind) {
    auto [name, value] = binding.split('=');
    options.bind[name.str()] = value.str();
  }
  mlir::MLIRContext context;
  mlir::llcc::ImportErrors errors;
  auto imported = mlir::llcc::importOnnx(path, options, &context, errors);
  for (const std::string &message : errors.warnings)
    llvm::errs() << "warning: " << message << '\n';
  if (failed(imported)) {
    for (const std::string &message : errors.messages)
      llvm::errs() << message << '\n';
    return errors.exitCode;
  }
  for (const auto &section : sections.empty() ? std::vector<mlir::llcc::ImportedSection>() : imported->sections) {
    std::error_code code;
    llvm::raw_fd_ostream file(sections + "/" + section.name, code);
    if (code) {
      llvm::errs() << sections << "/" << section.name << ": " << code.message() << '\n';
      return 73;
    }
    file << section.bytes;
  }
  mlir::OpPrintingFlags flags;
  if (locations)
    flags.enableDebugInfo(/*enable=*/true, /*prettyForm=*/false).useLocalScope();
  if (!weights) {
    imported->module->print(llvm::outs(), flags);
    llvm::outs() << '\n';
    return 0;
  }
  for (const auto &w : imported->weights) {
    llvm::outs() << w.param << ": " << w.section << " " << w.bytes << " bytes at " << w.offset << ":";
    for (const auto &section : imported->sections)
      if (section.name == w.section && w.offset + w.bytes <= section.bytes.size())
        for (unsigned char c : llvm::StringRef(section.bytes).substr(w.offset, std::min<uint64_t>(w.bytes, 8)))
          llvm::outs() << ' ' << llvm::format_hex_no_prefix(c, 2);
    llvm::outs() << '\n';
  }
  return 0;
}
