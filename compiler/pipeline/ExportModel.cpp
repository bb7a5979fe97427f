// Models in other forms, on the frontend's side.
#include "compiler/pipeline/ExportModel.h"
#include "compiler/ir/LLCC.h"
#include "frontends/onnx/InputArrays.h"
#include "frontends/onnx/ModelFile.h"
#include "frontends/onnx/export/Quantize.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mlir::llcc;

static int say(const ImportErrors &errors) {
  for (const std::string &message : errors.messages)
    llvm::errs() << message << "\n";
  return errors.exitCode ? errors.exitCode : int(::llcc::ExitBug);
}

static QuantizeOptions optionsOf(const ::llcc::QuantizeRequest &request) {
  QuantizeOptions options;
  options.activations = request.activations == "uint8"   ? QuantizeOptions::Activations::UInt8
                        : request.activations == "float" ? QuantizeOptions::Activations::Float
                                                         : QuantizeOptions::Activations::Int8;
  options.keep = request.keep;
  return options;
}

int ::llcc::prepareQuantize(const QuantizeRequest &request, std::vector<GraphInput> &inputs,
                            std::vector<std::string> &values) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  ImportErrors errors;
  auto found = valuesToMeasure(request.model, optionsOf(request), &context, errors);
  ::onnx::ModelProto model;
  if (failed(found) || failed(frontend::readModel(request.model, model, frontend::memoryLimit({}), errors)))
    return say(errors);
  values = std::move(*found);
  llvm::StringSet<> stored;
  for (const auto &tensor : model.graph().initializer())
    stored.insert(tensor.name());
  for (const auto &input : model.graph().input()) {
    if (stored.contains(input.name()))
      continue;
    GraphInput g;
    g.name = input.name();
    g.descr = frontend::numpyDescr(input.type().tensor_type().elem_type()).str();
    for (const auto &dim : input.type().tensor_type().shape().dim())
      g.dims.push_back(dim.has_dim_value() ? dim.dim_value() : -1);
    inputs.push_back(std::move(g));
  }
  return ExitOk;
}

static std::string bytesText(uint64_t bytes) {
  std::string text;
  llvm::raw_string_ostream out(text);
  if (bytes < 1024)
    out << bytes << " B";
  else if (bytes < 1024 * 1024)
    out << llvm::format("%.1f KiB", double(bytes) / 1024);
  else
    out << llvm::format("%.1f MiB", double(bytes) / 1024 / 1024);
  return text;
}

int ::llcc::writeQuantizedModel(const QuantizeRequest &request) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  ImportErrors errors;
  QuantizeSummary summary;
  if (failed(writeQuantized(request.model, request.out, optionsOf(request), request.ranges, &context, errors, summary)))
    return say(errors);
  for (const std::string &why : summary.why)
    llvm::errs() << "kept in floats, " << why << "\n";
  llvm::errs() << "wrote " << request.out << ": " << summary.quantized << " of " << summary.quantized + summary.kept
               << " contractions in int8, their weights " << bytesText(summary.bytesBefore) << " -> "
               << bytesText(summary.bytesAfter);
  if (summary.opset != summary.opsetBefore)
    llvm::errs() << ", opset " << summary.opsetBefore << " -> " << summary.opset;
  llvm::errs() << "\n";
  return ExitOk;
}
