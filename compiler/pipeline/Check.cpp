// `llcc check`: imports with assumed sizes where none are given, goes on behind what is refused, asks the gradient
// table about every op between the parameters and the loss, and takes memory from the real plan.
#include "compiler/ir/LLCC.h"
#include "compiler/ir/Provenance.h"
#include "compiler/pipeline/CheckReport.h"
#include "compiler/pipeline/Diagnostics.h"
#include "passes/train/Gradients.h"
#include "passes/train/Loss.h"
#include "passes/train/Passes.h"
#include "passes/train/Signature.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include <set>

using namespace mlir;
using namespace mlir::llcc;
using ::llcc::CompileOptions;

namespace {

/// One try: the module (possibly with stand-ins), or none.
struct Try {
  ImportReport report;
  ImportErrors errors;
  OwningOpRef<ModuleOp> module;
};

Try importOnce(const CompileOptions &options, int64_t assumed, MLIRContext &context) {
  Try t;
  ImportOptions wanted = importOptionsOf(options);
  wanted.report = &t.report;
  wanted.assumedSize = assumed;
  FailureOr<ImportedModel> imported = importOnnx(options.model, wanted, &context, t.errors);
  if (succeeded(imported))
    t.module = std::move(imported->module);
  return t;
}

/// Sizes that nobody gave are assumed; the first one that the whole model accepts counts.
Try importWithSomeSize(const CompileOptions &options, MLIRContext &context) {
  Try first = importOnce(options, 16, context);
  auto assumes = [](const Try &t) {
    return llvm::any_of(t.report.dimensions, [](const auto &d) { return d.placeholder && !d.batch; });
  };
  if (first.errors.empty() || !assumes(first))
    return first;
  for (int64_t size : {32, 64, 128, 224, 8, 1})
    if (Try next = importOnce(options, size, context); next.errors.messages.size() < first.errors.messages.size()) {
      first = std::move(next);
      if (first.errors.empty())
        break;
    }
  return first;
}

/// numpy's name, for people who make data files.
std::string numpyName(Type type) {
  if (auto integer = dyn_cast<IntegerType>(type))
    return integer.getWidth() == 1 ? "bool" : "int" + std::to_string(integer.getWidth());
  return type.isBF16() ? "bfloat16" : "float" + std::to_string(type.getIntOrFloatBitWidth());
}

class Checker {
public:
  Checker(const ::llcc::CheckOptions &options) : options(options.compile) {}

  int run(CheckReport &report) {
    context.disableMultithreading();
    DialectRegistry registry;
    registry.insert<LlccDialect, arith::ArithDialect, math::MathDialect, func::FuncDialect>();
    context.appendDialectRegistry(registry);
    std::string ignored;
    llvm::raw_string_ostream said(ignored);
    UserDiagnostics diagnostics(&context, options.model, &said);

    Try t = importWithSomeSize(options, context);
    report.model = options.model;
    report.import = std::move(t.report);
    report.refused = t.errors.problems;
    if (int code = t.errors.exitCode; code && code != ::llcc::ExitUnsupported) {
      for (const std::string &message : t.errors.messages)
        llvm::errs() << message << "\n";
      return code;
    }
    for (const std::string &message : t.errors.warnings)
      llvm::errs() << "warning: " << message << "\n";
    if (llvm::none_of(report.import.tensors, [](const auto &p) { return p.trainable; }))
      report.obstacles.push_back("no stored tensor is a trainable parameter; name some with --train=GLOB");
    if (t.module) {
      chooseLoss(*t.module, report);
      examineGradients(*t.module, report, ignored);
    }
    if (report.trainable()) {
      CompileOptions compile = options;
      compile.output = report.output;
      compile.loss = report.loss;
      for (const auto &d : report.import.dimensions)
        if (!d.batch)
          compile.dims.insert({d.symbol, d.size});
      std::string sentences;
      compile.said = &sentences;
      report.measured = ::llcc::measure(compile, report.memory) == 0;
      if (!report.measured)
        report.obstacles.push_back(sentences.substr(0, sentences.find_last_not_of('\n') + 1));
    }
    if (report.trainable())
      suggest(report);
    return report.trainable() ? ::llcc::ExitOk : ::llcc::ExitUnsupported;
  }

private:
  /// The output that is trained and a loss that fits its last operator and shape.
  void chooseLoss(ModuleOp module, CheckReport &report) {
    auto forward = module.lookupSymbol<func::FuncOp>("forward");
    Type trained;
    for (unsigned i = 0; i < forward.getNumResults(); ++i) {
      auto name = forward.getResultAttrOfType<StringAttr>(i, kOutput);
      auto type = dyn_cast<RankedTensorType>(forward.getResultTypes()[i]);
      if (!name || !type)
        continue;
      for (auto &output : report.import.outputs)
        if (output.name == name.getValue()) {
          output.shape.assign(type.getShape().begin(), type.getShape().end());
          output.type = numpyName(type.getElementType());
        }
      if (!trained && isa<FloatType>(type.getElementType())) {
        report.output = name.str();
        trained = type;
      } else {
        report.heads.push_back(name.str());
      }
    }
    if (!trained) {
      report.obstacles.push_back("no output holds floats, so none can be trained");
      return;
    }
    std::string op;
    for (const auto &output : report.import.outputs)
      if (output.name == report.output)
        op = output.op;
    auto shape = cast<RankedTensorType>(trained).getShape();
    int64_t elements = cast<RankedTensorType>(trained).getNumElements();
    if (!options.loss.empty()) {
      report.loss = options.loss;
      report.lossReason = "as asked";
    } else if (elements == 1 && shape.size() <= 1) {
      report.loss = report.output;
      report.lossReason = "the output has one element: it is the loss";
    } else if (op == "LogSoftmax") {
      report.loss = "nll";
      report.lossReason = "the output holds log-probabilities";
    } else if (shape.size() < 2 || (shape.size() == 2 && shape[1] == 1)) {
      report.loss = op == "Sigmoid" ? "bce" : "mse";
      report.lossReason = "the output holds one number a sample";
    } else if (op == "Sigmoid") {
      report.loss = "bce";
      report.lossReason = "the output holds a probability for each label";
    } else if (shape.size() >= 4 && op != "Softmax" && shape[1] == 1) {
      report.loss = "mse";
      report.lossReason = "the output is an image of one channel";
    } else {
      report.loss = "cross_entropy";
      report.lossReason = "the output holds a score for each class";
    }
    if (report.loss == "bce" && llvm::none_of(losses(), [](const Loss &l) { return l.name == "bce"; }))
      report.loss = "bce_logits";
  }

  void examineGradients(ModuleOp module, CheckReport &report, const std::string &said) {
    if (report.loss.empty())
      return;
    AttachLossPassOptions loss;
    loss.loss = report.loss;
    loss.label = options.label;
    loss.output = report.output;
    if (report.loss == report.output)
      loss.output = "";
    PassManager pm(&context);
    pm.enableVerifier(false);
    pm.addPass(createAttachLossPass(loss));
    pm.addPass(createSplitModesPass()); // what evaluation alone computes needs no gradient
    if (failed(pm.run(module))) {
      report.obstacles.push_back(said.substr(0, said.find_last_not_of('\n') + 1));
      return;
    }
    auto gradients = module.lookupSymbol<func::FuncOp>("gradients");
    for (unsigned i = 0; i < gradients.getNumArguments(); ++i) {
      auto type = cast<RankedTensorType>(gradients.getArgumentTypes()[i]);
      StringRef name = argName(gradients, i, kInput);
      if (name.empty())
        name = argName(gradients, i, kLabel);
      if (!name.empty())
        report.data.push_back({name.str(), numpyName(type.getElementType()), std::vector<int64_t>(type.getShape())});
    }
    std::set<std::string> refused;
    for (const auto &problem : report.refused)
      refused.insert(problem.node);
    for (Operation *op : opsWithoutGradient(gradients)) {
      std::string node = nodeOf(op->getLoc()).str(), onnx;
      if (refused.count(node)) // its forward is missing already
        continue;
      for (const auto &live : report.import.live)
        if (live.name == node)
          onnx = live.op;
      std::string why = ("no gradient rule for " + op->getName().getStringRef()).str();
      if (llvm::none_of(report.noGradient, [&](const auto &n) { return n.node == node && n.why == why; }))
        report.noGradient.push_back({node, onnx, why});
    }
  }

  void suggest(CheckReport &report) {
    std::string &c = report.command;
    auto shell = [](const std::string &text) {
      bool plain =
          !text.empty() && text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                                  "_-./:=,+@%") == std::string::npos;
      std::string quoted = "'";
      for (char ch : text)
        quoted += ch == '\'' ? "'\\''" : std::string(1, ch);
      return plain ? text : quoted + "'";
    };
    c = "llcc train " + shell(options.model) + " --data=FILE.npz";
    std::set<std::string> given;
    bool symbolicBatch = false;
    for (const auto &d : report.import.dimensions) {
      symbolicBatch |= d.batch;
      if (!d.batch && given.insert(d.symbol).second)
        c += " --dim " + shell(d.symbol + "=" + std::to_string(d.size));
    }
    if (symbolicBatch)
      c += " --batch=" + std::to_string(report.import.batch);
    auto repeat = [&](const char *flag, const std::vector<std::string> &values) {
      for (const std::string &value : values)
        c += std::string(" ") + flag + "=" + shell(value);
    };
    repeat("--allow-external-data-outside", options.outside);
    repeat("--train", options.train);
    repeat("--freeze", options.freeze);
    repeat("--tie", options.tie);
    repeat("--untie", options.untie);
    repeat("--lora", options.lora);
    for (const auto &[name, value] : options.bind)
      c += " --bind " + shell(name + "=" + value);
    if (options.batchNorm != CompileOptions().batchNorm)
      c += " --batchnorm=" + shell(options.batchNorm);
    if (options.dropout != CompileOptions().dropout)
      repeat("--dropout", options.dropout);
    if (!report.heads.empty() && report.loss != report.output)
      c += " --output=" + shell(report.output);
    c += " --loss=" + shell(report.loss);
    if (report.loss != report.output)
      c += " --label=" + shell(options.label);
    c += " --optimizer=" + shell(options.optimizer) + " --epochs=10 --save=trained.onnx";
  }

  const CompileOptions &options;
  MLIRContext context;
};

} // namespace

int ::llcc::check(const CheckOptions &options) {
  CheckReport report;
  int code = Checker(options).run(report);
  if (code != ExitOk && code != ExitUnsupported)
    return code;
  if (options.json)
    printJson(report, llvm::outs());
  else
    printReport(report, llvm::outs());
  llvm::outs().flush();
  return code;
}
