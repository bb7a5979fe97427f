// Gradients against finite differences: fourth-order central differences of the loss in f64,
// (8(f(x+h) - f(x-h)) - (f(x+2h) - f(x-2h))) / 12h, whose error is h^4/30 f^(5) + rounding/h.
// A step that straddles a kink (relu, max) gives a wrong difference, so smaller steps are tried before an error is
// believed: a wrong gradient agrees with none of them.
#include "compiler/interpreter/CheckGradients.h"
#include "compiler/interpreter/Interpreter.h"
#include "compiler/interpreter/RandomTensors.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>

namespace mlir::llcc {

static FailureOr<double> lossAt(func::FuncOp function, const std::vector<Tensor> &arguments) {
  RunOptions options;
  options.exact = options.onlyFirstResult = true;
  FailureOr<Outcome> outcome = runOne(function, arguments, options);
  if (failed(outcome))
    return failure();
  return outcome->results[0].at(0);
}

// Relative error of `gradient` (element `at` of argument `param`) against differences of step sizes 1e-3 .. 1e-5;
// `scale` is the size below which a gradient is compared absolutely.
static FailureOr<double> errorAt(func::FuncOp function, std::vector<Tensor> &arguments, unsigned param, int64_t at,
                                 double gradient, double scale, double tolerance) {
  double &x = arguments[param].reals[at], old = x, best = INFINITY;
  for (double h : {1e-3, 1e-4, 1e-5}) {
    double f[4];
    const double offsets[4] = {h, -h, 2 * h, -2 * h};
    for (int i = 0; i < 4; ++i) {
      x = old + offsets[i];
      FailureOr<double> loss = lossAt(function, arguments);
      x = old;
      if (failed(loss))
        return failure();
      f[i] = *loss;
    }
    double difference = (8 * (f[0] - f[1]) - (f[2] - f[3])) / (12 * h);
    double error = std::fabs(difference - gradient) / std::max(std::fabs(gradient), scale);
    best = std::isnan(error) ? best : std::min(best, error);
    if (best <= tolerance)
      break;
  }
  return best;
}

LogicalResult checkGradients(ModuleOp module, const CheckGradientsOptions &options, llvm::raw_ostream &out) {
  auto function = module.lookupSymbol<func::FuncOp>("gradients");
  if (!function)
    return module.emitError(
        "module has no function @gradients; --check-gradients needs a module after the train stage");
  if (function.getNumResults() == 0)
    return function.emitError("@gradients has no results, needs the loss and the gradients");
  std::mt19937_64 random(options.seed);
  double worst = 0;
  int64_t checked = 0, params = 0;
  bool good = true;
  for (int64_t point = 0; point < options.points; ++point) {
    std::vector<Tensor> arguments;
    llvm::StringMap<unsigned> argumentOf;
    for (unsigned i = 0; i < function.getNumArguments(); ++i) {
      auto type = dyn_cast<RankedTensorType>(function.getArgument(i).getType());
      if (!type)
        return function.emitError() << "argument " << i << " is no tensor";
      arguments.push_back(randomArgument(function, i, type, random));
      if (StringRef name = argumentName(function, i, "llcc.param"); !name.empty())
        argumentOf[name] = i;
    }
    RunOptions exact;
    exact.exact = true;
    FailureOr<Outcome> outcome = runOne(function, arguments, exact);
    if (failed(outcome))
      return failure();
    double loss = outcome->results[0].at(0);
    if (outcome->results[0].size() != 1 || !std::isfinite(loss))
      return function.emitError() << "the loss is " << print(outcome->results[0]) << ", needs one finite number";
    for (unsigned i = 1; i < function.getNumResults(); ++i) {
      StringRef name = resultName(function, i, "llcc.gradient");
      if (name.empty())
        continue;
      auto it = argumentOf.find(name);
      if (it == argumentOf.end())
        return function.emitError() << "result " << i << " is the gradient of '" << name
                                    << "', no argument is this param";
      if (function.getArgAttr(it->second, "llcc.decay")) // a running statistic, no gradient
        continue;
      const Tensor &gradient = outcome->results[i];
      if (gradient.shape != arguments[it->second].shape)
        return function.emitError() << "gradient of '" << name << "' has " << gradient.size()
                                    << " elements in another shape, the param has " << arguments[it->second].size();
      double largest = 0;
      for (double g : gradient.reals)
        largest = std::max(largest, std::fabs(g));
      double scale = std::max(0.1 * largest, 1e-4 * std::max(1.0, std::fabs(loss)));
      int64_t n = gradient.size(), samples = std::min(n, options.elements), worstAt = -1;
      double worstHere = -1;
      for (int64_t s = 0; s < samples; ++s) {
        int64_t at = samples == n ? s : int64_t(random() % uint64_t(n));
        FailureOr<double> error =
            errorAt(function, arguments, it->second, at, gradient.reals[at], scale, options.tolerance);
        if (failed(error))
          return failure();
        if (*error > worstHere)
          worstHere = *error, worstAt = at;
        ++checked;
      }
      params += point == 0;
      worst = std::max(worst, worstHere);
      if (worstHere > options.tolerance) {
        good = false;
        std::string text;
        llvm::raw_string_ostream(text) << llvm::format("%.3g", worstHere) << ", larger than "
                                       << llvm::format("%.3g", options.tolerance);
        function.emitError() << "gradient of '" << name << "' differs from finite differences by " << text
                             << " (relative) at element " << worstAt << " of " << n;
      }
    }
  }
  if (params == 0)
    return function.emitError("@gradients has no result with llcc.gradient, so there is nothing to check");
  out << "gradients: " << checked << " elements of " << params << " params, max relative error "
      << llvm::format("%.3g", worst) << "\n";
  return success(good);
}

} // namespace mlir::llcc
