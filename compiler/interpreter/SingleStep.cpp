// The training step on one device: @gradients for each microbatch, sums, @update.
#include "compiler/interpreter/SingleStep.h"
#include "compiler/interpreter/RandomTensors.h"
#include "llvm/ADT/StringSwitch.h"

namespace mlir::llcc {

std::optional<VariableName> argumentRole(func::FuncOp function, unsigned i) {
  for (StringRef role : {"llcc.input", "llcc.label", "llcc.param", "llcc.state", "llcc.gradient", "llcc.scalar"})
    if (StringRef name = argumentName(function, i, role); !name.empty())
      return VariableName{role, name.str()};
  return std::nullopt;
}

std::optional<VariableName> resultRole(func::FuncOp function, unsigned i) {
  for (StringRef role : {"llcc.param", "llcc.state", "llcc.gradient"})
    if (StringRef name = resultName(function, i, role); !name.empty())
      return VariableName{role, name.str()};
  return std::nullopt;
}

std::optional<double> scalarValue(StringRef name, double lr, int64_t step, int64_t microbatch) {
  return llvm::StringSwitch<std::optional<double>>(name)
      .Case("lr", lr)
      .Case("step", double(step))
      .Case("seed", 12345)
      .Case("microbatch", double(microbatch))
      .Default(std::nullopt);
}

std::string describe(const VariableName &name) { return (name.first.drop_front(5) + " '" + name.second + "'").str(); }

static LogicalResult refuseArgument(func::FuncOp function, unsigned i) {
  return function.emitError()
         << "argument " << i
         << " has none of llcc.input, llcc.label, llcc.param, llcc.state, llcc.gradient, llcc.scalar";
}

LogicalResult SingleStep::create(ModuleOp module, uint64_t seed) {
  random.seed(seed);
  gradients = module.lookupSymbol<func::FuncOp>("gradients");
  update = module.lookupSymbol<func::FuncOp>("update");
  if (!gradients || !update)
    return module.emitError("the single-device module needs @gradients and @update, as after the train stage");
  if (auto attr = module->getAttrOfType<IntegerAttr>("llcc.microbatches"))
    microbatches = attr.getInt();
  if (microbatches < 1)
    return module.emitError() << "llcc.microbatches is " << microbatches << ", needs at least 1";
  for (func::FuncOp function : {gradients, update})
    for (unsigned i = 0; i < function.getNumArguments(); ++i) {
      auto type = dyn_cast<RankedTensorType>(function.getArgument(i).getType());
      std::optional<VariableName> name = argumentRole(function, i);
      if (!type || !name)
        return refuseArgument(function, i);
      if (name->first == "llcc.param" && !variables.count(*name))
        variables.emplace(*name, randomArgument(function, i, type, random));
      if (name->first == "llcc.state") {
        Tensor state(type);
        if (auto init = function.getArgAttrOfType<FloatAttr>(i, "llcc.init"))
          for (double &value : state.reals)
            value = init.getValueAsDouble();
        variables.emplace(*name, std::move(state));
      }
    }
  return success();
}

Variables SingleStep::draw() {
  Variables data;
  for (unsigned i = 0; i < gradients.getNumArguments(); ++i)
    if (auto name = argumentRole(gradients, i); name->first == "llcc.input" || name->first == "llcc.label")
      data.emplace(*name,
                   randomArgument(gradients, i, cast<RankedTensorType>(gradients.getArgument(i).getType()), random));
  return data;
}

FailureOr<std::vector<Tensor>> SingleStep::bind(func::FuncOp function, int64_t step, double lr, int64_t microbatch,
                                                const Variables &more) {
  std::vector<Tensor> arguments;
  for (unsigned i = 0; i < function.getNumArguments(); ++i) {
    std::optional<VariableName> name = argumentRole(function, i);
    auto scalar = name->first == "llcc.scalar" ? scalarValue(name->second, lr, step, microbatch) : std::nullopt;
    if (scalar) {
      arguments.emplace_back(function.getArgument(i).getType());
      arguments.back().set(0, *scalar);
      continue;
    }
    auto it = more.find(*name);
    if (it == more.end() && (it = variables.find(*name)) == variables.end())
      return function.emitError() << "argument " << i << " (" << describe(*name) << ") has no value here";
    arguments.push_back(it->second);
  }
  return arguments;
}

LogicalResult SingleStep::run(int64_t step, double lr, ArrayRef<Variables> data) {
  RunOptions exact;
  exact.exact = true;
  Variables sums;
  loss = 0;
  for (auto [k, microbatch] : llvm::enumerate(data)) {
    FailureOr<std::vector<Tensor>> arguments = bind(gradients, step, lr, int64_t(k), microbatch);
    FailureOr<Outcome> outcome =
        failed(arguments) ? FailureOr<Outcome>(failure()) : runOne(gradients, std::move(*arguments), exact);
    if (failed(outcome))
      return failure();
    for (unsigned i = 0; i < gradients.getNumResults(); ++i) {
      const Tensor &x = outcome->results[i];
      if (gradients.getResultAttr(i, "llcc.loss"))
        loss += x.at(0);
      std::optional<VariableName> name = resultRole(gradients, i);
      if (!name)
        continue;
      auto [it, isNew] = sums.try_emplace(*name, x);
      for (size_t at = 0; !isNew && at < x.reals.size(); ++at)
        it->second.reals[at] += x.reals[at];
    }
  }
  FailureOr<std::vector<Tensor>> arguments = bind(update, step, lr, 0, sums);
  FailureOr<Outcome> outcome =
      failed(arguments) ? FailureOr<Outcome>(failure()) : runOne(update, std::move(*arguments), exact);
  if (failed(outcome))
    return failure();
  previous = variables;
  captures = std::move(outcome->captures);
  for (unsigned i = 0; i < update.getNumResults(); ++i)
    if (std::optional<VariableName> name = resultRole(update, i))
      variables[*name] = outcome->results[i];
  return success();
}

} // namespace mlir::llcc
