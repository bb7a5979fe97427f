// Measures the support table on models of one node each, and prints it.
#include "compiler/pipeline/SupportTable.h"
#include "compiler/ir/LLCC.h"
#include "compiler/pipeline/Diagnostics.h"
#include "compiler/pipeline/Pipeline.h"
#include "frontends/onnx/Import.h"
#include "frontends/onnx/SampleModel.h"
#include "passes/shard/Rules.h"
#include "passes/train/Gradients.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/GlobPattern.h"
#include "llvm/Support/JSON.h"
#include <sys/mman.h>
#include <unistd.h>

using namespace mlir;
using namespace mlir::llcc;
using frontend::OpRange;

namespace {

/// A file without a name that holds a model; the importer reads it through /proc.
class ModelFile {
public:
  explicit ModelFile(const std::string &bytes) : fd(memfd_create("sample.onnx", MFD_CLOEXEC)) {
    for (size_t at = 0; fd >= 0 && at < bytes.size();) {
      ssize_t wrote = write(fd, bytes.data() + at, bytes.size() - at);
      if (wrote <= 0)
        break;
      at += size_t(wrote);
    }
  }
  ModelFile(const ModelFile &) = delete;
  ~ModelFile() { close(fd); }
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd); }

private:
  int fd;
};

/// Is the first result computed from a trainable parameter through floats alone? What only compares or rounds floats to
/// integers (Bernoulli) has no gradient to promise.
bool reachesResult(func::FuncOp forward) {
  llvm::SmallPtrSet<Value, 16> reached;
  for (BlockArgument argument : forward.getArguments())
    if (forward.getArgAttr(argument.getArgNumber(), "llcc.trainable"))
      reached.insert(argument);
  for (Operation &op : forward.getBody().front())
    if (llvm::any_of(op.getOperands(), [&](Value v) { return reached.contains(v); }))
      for (Value result : op.getResults())
        if (isa<FloatType>(getElementTypeOrSelf(result)))
          reached.insert(result);
  return reached.contains(forward.getBody().front().getTerminator()->getOperand(0));
}

bool usesType(StringRef spec) {
  SmallVector<StringRef> tokens;
  spec.split('|').first.trim().split(tokens, ' ', -1, /*KeepEmpty=*/false);
  auto begins = [&](StringRef kinds) {
    return llvm::any_of(tokens, [&](StringRef token) { return kinds.contains(token.front()); });
  };
  return begins("xpkq") || !begins("u");
}

struct Row {
  OpRange range;
  std::string sample; ///< the line that the node was made from; empty: no sample was accepted
  std::vector<std::string> types;
  enum { Yes, No, None } gradient = None; ///< None: its result holds no floats, or does not depend on floats
  bool cpu = false, cuda = false;
  std::string sharding;
};

class Measurer {
public:
  Measurer() : diagnostics(&context, "sample", &said) {
    context.disableMultithreading();
    DialectRegistry registry;
    registry.insert<LlccDialect, arith::ArithDialect, math::MathDialect, func::FuncDialect>();
    context.appendDialectRegistry(registry);
  }

  Row measure(const OpRange &range) {
    Row row;
    row.range = range;
    for (const std::string &spec : frontend::sampleSpecs(range.op)) {
      bool typed = usesType(spec); // else its data is u8, whatever the type is
      for (auto [type, name] : typed ? frontend::sampleTypes() : frontend::sampleTypes().take_front())
        if (OwningOpRef<ModuleOp> module = import(range, spec, type)) {
          row.types.push_back(typed ? name.str() : "u8");
          if (row.sample.empty()) {
            row.sample = spec;
            examine(*module, row);
            row.cpu = lowers(row, type, "cpu");
            row.cuda = lowers(row, type, "cuda:sm_90");
          }
        }
      if (!row.sample.empty())
        break;
    }
    return row;
  }

private:
  OwningOpRef<ModuleOp> import(const OpRange &range, const std::string &spec, int32_t type) {
    ModelFile file(frontend::sampleModel(range.domain, range.op, range.until, spec, type));
    ImportOptions options;
    options.train = {"in*"};
    ImportErrors errors;
    FailureOr<ImportedModel> imported = importOnnx(file.path(), options, &context, errors);
    if (failed(imported)) { // without floats there is nothing to train
      options.train.clear();
      errors = {};
      imported = importOnnx(file.path(), options, &context, errors);
    }
    return failed(imported) ? OwningOpRef<ModuleOp>() : std::move(imported->module);
  }

  void examine(ModuleOp module, Row &row) {
    auto forward = module.lookupSymbol<func::FuncOp>("forward");
    auto type = forward.getNumResults() ? dyn_cast<RankedTensorType>(forward.getResultTypes()[0]) : RankedTensorType();
    bool trains = false;
    for (unsigned i = 0; i < forward.getNumArguments(); ++i)
      trains |= bool(forward.getArgAttr(i, "llcc.trainable"));
    if (type && isa<FloatType>(type.getElementType()) && trains && reachesResult(forward))
      row.gradient = opsWithoutGradient(forward).empty() ? Row::Yes : Row::No;
    llvm::MapVector<StringRef, std::string> rules;
    forward.walk([&](Operation *op) {
      if (op->getNumResults() != 1 || op->getNumOperands() == 0 || isFree(op))
        return;
      ShardingRule rule = getShardingRule(op);
      int64_t pass = 0, reduce = 0;
      for (const Factor &factor : rule.factors)
        ++(factor.reduces ? reduce : pass);
      StringRef name = op->getName().getStringRef();
      std::string text = !pass && !reduce ? "whole" : std::to_string(pass) + " pass";
      if (reduce)
        text += " " + std::to_string(reduce) + " reduce";
      rules.insert({name, text});
    });
    for (auto &[name, text] : rules)
      row.sharding += (row.sharding.empty() ? "" : ", ") + name.str() + " (" + text + ")";
  }

  /// Does a training step with the node in it become a plan? What is only folded lies behind no parameter.
  bool lowers(const Row &row, int32_t type, const char *target) {
    return lowers(row, type, target, "in*", "mse") || lowers(row, type, target, "in*", "output") ||
           (row.gradient != Row::Yes && lowers(row, type, target, "in_gain", "mse"));
  }
  bool lowers(const Row &row, int32_t type, const char *target, const char *trained, const char *loss) {
    const OpRange &range = row.range;
    ModelFile file(frontend::sampleModel(range.domain, range.op, range.until, row.sample, type,
                                         /*wrapped=*/row.gradient != Row::Yes));
    ::llcc::CompileOptions options;
    options.model = file.path();
    options.train = {trained};
    options.loss = loss;
    options.target = target;
    std::string ignored;
    options.said = &ignored;
    ::llcc::StepMemory memory;
    return ::llcc::measure(options, memory) == 0;
  }

  MLIRContext context;
  std::string text;
  llvm::raw_string_ostream said{text};
  UserDiagnostics diagnostics;
};

std::string opsets(const OpRange &range) {
  return range.since == range.until ? std::to_string(range.since)
                                    : std::to_string(range.since) + "-" + std::to_string(range.until);
}

std::vector<std::string> cells(const Row &row) {
  std::string name = row.range.domain.empty() ? row.range.op : row.range.domain + ":" + row.range.op;
  std::string targets = row.cpu && row.cuda ? "cpu cuda" : row.cpu ? "cpu" : row.cuda ? "cuda" : "-";
  return {name,
          opsets(row.range),
          row.sample.empty() ? "not measured" : llvm::join(row.types, " "),
          row.sample.empty() ? "for constants, or in forms that the samples lack" : "yes",
          row.gradient == Row::Yes  ? "yes"
          : row.gradient == Row::No ? "no"
                                    : "-",
          targets,
          row.sharding.empty() ? "-" : row.sharding};
}

const std::vector<std::string> kHeads = {"operator", "opsets",  "element types", "forward",
                                         "gradient", "targets", "sharding rules"};

void printText(ArrayRef<Row> rows, raw_ostream &out) {
  std::vector<std::vector<std::string>> table = {kHeads};
  for (const Row &row : rows)
    table.push_back(cells(row));
  std::vector<size_t> widths(kHeads.size());
  for (const auto &line : table)
    for (size_t i = 0; i < line.size(); ++i)
      widths[i] = std::max(widths[i], line[i].size());
  for (const auto &line : table) {
    std::string text;
    for (size_t i = 0; i < line.size(); ++i)
      text += i + 1 < line.size() ? line[i] + std::string(widths[i] - line[i].size() + 2, ' ') : line[i];
    out << text << "\n";
  }
}

void printMarkdown(ArrayRef<Row> rows, raw_ostream &out) {
  out << "| " << llvm::join(kHeads, " | ") << " |\n|";
  for (size_t i = 0; i < kHeads.size(); ++i)
    out << "---|";
  out << "\n";
  for (const Row &row : rows)
    out << "| " << llvm::join(cells(row), " | ") << " |\n";
}

void printJson(ArrayRef<Row> rows, raw_ostream &out) {
  llvm::json::Array list;
  for (const Row &row : rows) {
    llvm::json::Object o{{"domain", row.range.domain},
                         {"op", row.range.op},
                         {"since", row.range.since},
                         {"until", row.range.until},
                         {"measured", !row.sample.empty()},
                         {"sample", row.sample},
                         {"cpu", row.cpu},
                         {"cuda", row.cuda},
                         {"sharding", row.sharding}};
    o["types"] = llvm::json::Array(row.types);
    if (row.gradient == Row::None)
      o["gradient"] = nullptr;
    else
      o["gradient"] = row.gradient == Row::Yes;
    list.push_back(std::move(o));
  }
  out << llvm::formatv("{0:2}", llvm::json::Value(std::move(list))) << "\n";
}

} // namespace

int ::llcc::printSupport(const SupportOptions &options) {
  std::vector<Row> rows;
  Measurer measurer;
  auto pattern = llvm::GlobPattern::create(options.only.empty() ? "*" : options.only);
  if (!pattern) {
    llvm::errs() << "llcc ops: " << options.only << ": " << llvm::toString(pattern.takeError()) << "\n";
    return ExitUsage;
  }
  for (const OpRange &range : frontend::opRanges())
    if (pattern->match(range.op))
      rows.push_back(measurer.measure(range));
  if (rows.empty()) {
    llvm::errs() << "llcc ops: no operator matches " << options.only << "\n";
    return ExitUnsupported;
  }
  if (options.form == SupportOptions::Form::Json)
    printJson(rows, llvm::outs());
  else if (options.form == SupportOptions::Form::Markdown)
    printMarkdown(rows, llvm::outs());
  else
    printText(rows, llvm::outs());
  llvm::outs().flush();
  return ExitOk;
}
