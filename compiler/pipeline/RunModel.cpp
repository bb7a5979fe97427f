// `llcc run`, up to the artifact: import → differentiate → lower → emit. The same passes and kernels as training, with
// a forward program alone.
#include "compiler/pipeline/RunModel.h"
#include "compiler/codegen/Codegen.h"
#include "compiler/interpreter/Interpreter.h"
#include "compiler/ir/LLCC.h"
#include "compiler/pipeline/Diagnostics.h"
#include "frontends/onnx/Import.h"
#include "passes/lower/Passes.h"
#include "passes/train/Passes.h"
#include "passes/train/Signature.h"
#include "passes/verify/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace mlir::llcc;
using ::llcc::NamedArray;
using ::llcc::RunProgram;
using ::llcc::RunRequest;
using ::llcc::RunTensor;

namespace {

bool isFloatDescr(StringRef descr) { return StringRef("f2 f4 f8 V2").contains(descr.drop_front()); }

uint64_t widthOf(Type element) { return std::max(8u, element.getIntOrFloatBitWidth()) / 8; }

/// Bytes of one array ⇔ tensor of the interpreter.
Tensor tensorOfBytes(RankedTensorType type, StringRef bytes) {
  Tensor tensor(type);
  Type element = type.getElementType();
  uint64_t width = widthOf(element);
  for (int64_t i = 0; i < tensor.size(); ++i) {
    uint64_t bits = 0;
    memcpy(&bits, bytes.data() + i * width, width);
    if (auto real = dyn_cast<FloatType>(element)) {
      APFloat value(real.getFloatSemantics(), APInt(real.getWidth(), bits));
      bool lost;
      value.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &lost);
      tensor.reals[i] = value.convertToDouble();
    } else {
      tensor.ints[i] = element.isInteger(1) ? bits != 0 : llvm::SignExtend64(bits, width * 8);
    }
  }
  return tensor;
}

std::string bytesOf(const Tensor &tensor) {
  uint64_t width = widthOf(tensor.element);
  std::string bytes;
  for (int64_t i = 0; i < tensor.size(); ++i) {
    uint64_t bits;
    if (auto real = dyn_cast<FloatType>(tensor.element)) {
      APFloat value(tensor.reals[i]);
      bool lost;
      value.convert(real.getFloatSemantics(), APFloat::rmNearestTiesToEven, &lost);
      bits = value.bitcastToAPInt().getZExtValue();
    } else {
      bits = uint64_t(tensor.ints[i]);
    }
    bytes.append(reinterpret_cast<const char *>(&bits), width);
  }
  return bytes;
}

/// One `llcc run` on its way.
class Run {
public:
  Run(const RunRequest &request, RunProgram &program)
      : request(request), program(program), diagnostics(&context, request.model) {
    context.disableMultithreading();
    context.printOpOnDiagnostic(false);
    DialectRegistry registry;
    registry.insert<LlccDialect, arith::ArithDialect, math::MathDialect, func::FuncDialect>();
    context.appendDialectRegistry(registry);
  }
  int run();

private:
  int fail(int code, const Twine &text) {
    llvm::errs() << "llcc run: " << text << "\n";
    return code;
  }
  int import();
  int checkCotangents();
  int runPasses(StringRef stage, llvm::function_ref<void(PassManager &)> add);
  int listTensors();
  int interpret();
  int emit();
  const NamedArray *arrayOf(StringRef input) const {
    for (const NamedArray &array : request.inputs)
      if (array.name == input)
        return &array;
    return nullptr;
  }

  const RunRequest &request;
  RunProgram &program;
  MLIRContext context;
  UserDiagnostics diagnostics;
  ImportedModel imported;
  OwningOpRef<ModuleOp> module;
  std::set<std::string> known;
  std::vector<std::string> seeds; ///< outputs that have a cotangent
};
} // namespace

// A handler that needs a value (a shape, axes) says so and fails; then the import is tried again with that input as a
// constant. Inputs that nobody needs so stay arguments: what computes with them is compiled code.
int Run::import() {
  ImportOptions wanted;
  wanted.arrays.emplace();
  wanted.asWritten = true;
  wanted.watch = request.watch;
  wanted.seed = request.seed;
  for (const NamedArray &array : request.inputs)
    (*wanted.arrays)[array.name] = {array.descr, array.shape, array.bytes};
  for (;;) {
    ImportErrors errors;
    FailureOr<ImportedModel> model = importOnnx(request.model, wanted, &context, errors);
    size_t before = wanted.known.size();
    if (failed(model))
      wanted.known.insert(errors.wanted.begin(), errors.wanted.end());
    if (wanted.known.size() > before)
      continue;
    for (const std::string &message : errors.warnings)
      llvm::errs() << "warning: " << message << "\n";
    for (const std::string &message : errors.messages)
      llvm::errs() << message << "\n";
    if (failed(model))
      return errors.exitCode ? errors.exitCode
                             : fail(::llcc::ExitBug, "bug in llcc: the importer failed without saying why");
    imported = std::move(*model);
    module = std::move(imported.module);
    known = wanted.known;
    program.bound.assign(known.begin(), known.end());
    return 0;
  }
}

int Run::checkCotangents() {
  func::FuncOp forward = module->lookupSymbol<func::FuncOp>("forward");
  for (const NamedArray &array : request.cotangents) {
    auto declared = llvm::find_if(imported.outputs, [&](auto &output) { return output.name == array.name; });
    if (declared == imported.outputs.end())
      return fail(::llcc::ExitBadModel, "the cotangents name \"" + array.name + "\", which is no output of the model");
    if (!isFloatDescr(declared->descr))
      continue; // integers have none
    if (array.descr != declared->descr)
      return fail(::llcc::ExitBadModel,
                  "the cotangent of \"" + array.name + "\" is " + array.descr + ", the output is " + declared->descr);
    for (unsigned i = 0; i < forward.getNumResults(); ++i) {
      if (forward.getResultAttrOfType<StringAttr>(i, kOutput).getValue() != array.name)
        continue;
      auto type = cast<RankedTensorType>(forward.getResultTypes()[i]);
      if (type.getShape() != ArrayRef<int64_t>(array.shape))
        return fail(::llcc::ExitBadModel,
                    "the cotangent of \"" + array.name + "\" has another shape than the output, " +
                        llvm::join(llvm::map_range(type.getShape(), [](int64_t n) { return std::to_string(n); }), "x"));
    }
    seeds.push_back(array.name);
  }
  return 0;
}

int Run::runPasses(StringRef stage, llvm::function_ref<void(PassManager &)> add) {
  PassManager pm(&context);
  add(pm);
  unsigned before = diagnostics.errors();
  if (failed(pm.run(*module)))
    return diagnostics.errors() == before ? fail(::llcc::ExitBug, "bug in llcc: stage " + stage +
                                                                      " failed without saying why; please report the "
                                                                      "model and this command: " +
                                                                      request.command)
                                          : ::llcc::ExitBug;
  if (request.dump.empty())
    return 0;
  SmallString<128> path(request.dump);
  std::error_code error = llvm::sys::fs::create_directories(path);
  llvm::sys::path::append(path, stage + ".mlir");
  if (!error) {
    llvm::raw_fd_ostream file(path, error);
    if (!error)
      module->print(file);
  }
  return error ? fail(::llcc::ExitCantCreate, "cannot write " + path + ": " + error.message()) : 0;
}

static std::optional<::llcc::rt::DType> runtimeType(Type element) {
  using ::llcc::rt::DType;
  if (element.isF32())
    return DType::F32;
  if (element.isF64())
    return DType::F64;
  if (element.isBF16())
    return DType::BF16;
  if (element.isF16())
    return DType::F16;
  switch (element.getIntOrFloatBitWidth()) {
  case 1:
    return DType::Bool;
  case 8:
    return DType::I8;
  case 16:
    return DType::I16;
  case 32:
    return DType::I32;
  case 64:
    return DType::I64;
  }
  return std::nullopt;
}

// What goes in and comes out, after the passes: the function says names and shapes, the file says element types.
int Run::listTensors() {
  func::FuncOp forward = module->lookupSymbol<func::FuncOp>("forward");
  auto tensor = [&](StringRef internal, RankedTensorType type) {
    RunTensor t;
    t.internal = internal;
    t.array.shape.assign(type.getShape().begin(), type.getShape().end());
    t.type = *runtimeType(type.getElementType());
    return t;
  };
  auto text = [](const Twine &prefix, ArrayRef<DeclaredTensor> list, StringRef internal) -> const DeclaredTensor * {
    for (const DeclaredTensor &declared : list)
      if ((prefix + declared.name).str() == internal)
        return &declared;
    return nullptr;
  };
  for (unsigned i = 0; i < forward.getNumArguments(); ++i) {
    StringRef name = argName(forward, i, kInput);
    if (name.empty())
      continue;
    RunTensor t = tensor(name, cast<RankedTensorType>(forward.getArgumentTypes()[i]));
    const NamedArray *array = arrayOf(name);
    for (const NamedArray &cotangent : request.cotangents)
      if (!array && cotangentName(cotangent.name) == name)
        array = &cotangent;
    if (array)
      t.array = *array;
    else
      t.array.bytes = imported.defaults.at(name.str()).bytes;
    program.inputs.push_back(std::move(t));
  }
  for (unsigned i = 0; i < forward.getNumResults(); ++i) {
    auto internal = forward.getResultAttrOfType<StringAttr>(i, kOutput).getValue();
    auto type = cast<RankedTensorType>(forward.getResultTypes()[i]);
    RunTensor t = tensor(internal, type);
    const DeclaredTensor *output = text("", imported.outputs, internal);
    const DeclaredTensor *input = output ? nullptr : text("gradient:", imported.inputs, internal);
    const DeclaredTensor *declared = output ? output : input;
    t.array.name = declared->name;
    t.array.descr = declared->descr;
    unsigned width = 0;
    if (StringRef(declared->descr).drop_front(2).getAsInteger(10, width) || width != widthOf(type.getElementType()) ||
        isFloatDescr(declared->descr) != isa<FloatType>(type.getElementType())) {
      std::string is;
      llvm::raw_string_ostream(is) << type.getElementType();
      return fail(::llcc::ExitBadModel,
                  "output \"" + declared->name + "\" is declared as " + declared->descr + ", its node makes " + is);
    }
    (output ? program.outputs : program.gradients).push_back(std::move(t));
  }
  if (!request.gradients)
    return 0;
  // Inputs that the program does not take: they are constants of it, or nothing reads them.
  for (const DeclaredTensor &input : imported.inputs) {
    const NamedArray *array = arrayOf(input.name);
    bool done = llvm::any_of(program.gradients, [&](const RunTensor &t) { return t.array.name == input.name; });
    if (done || !isFloatDescr(input.descr) || (!array && !imported.defaults.count(input.name)))
      continue;
    if (known.count(input.name) && !input.isData)
      return fail(::llcc::ExitUnsupported, "the value of input \"" + input.name +
                                               "\" must be known while compiling, so there is no gradient by it");
    RunTensor t;
    t.known = true;
    if (array)
      t.array = *array;
    else
      t.array.shape = imported.defaults.at(input.name).shape, t.array.bytes = imported.defaults.at(input.name).bytes;
    t.array.name = input.name;
    t.array.descr = input.descr;
    t.array.bytes.assign(t.array.bytes.size(), '\0');
    program.gradients.push_back(std::move(t));
  }
  return 0;
}

int Run::interpret() {
  func::FuncOp forward = module->lookupSymbol<func::FuncOp>("forward");
  std::vector<Tensor> arguments;
  for (unsigned i = 0; i < forward.getNumArguments(); ++i) {
    auto type = cast<RankedTensorType>(forward.getArgumentTypes()[i]);
    StringRef bytes;
    if (StringRef input = argName(forward, i, kInput); !input.empty()) {
      for (const RunTensor &t : program.inputs)
        if (t.internal == input)
          bytes = t.array.bytes;
    } else {
      StringRef param = argName(forward, i, kParam);
      for (const WeightBytes &w : imported.weights)
        for (const ImportedSection &section : imported.sections)
          if (w.param == param && section.name == w.section)
            bytes = StringRef(section.bytes).substr(w.offset, w.bytes);
    }
    arguments.push_back(tensorOfBytes(type, bytes));
  }
  FailureOr<Outcome> outcome = runOne(forward, std::move(arguments));
  if (failed(outcome))
    return ::llcc::ExitBug;
  for (unsigned i = 0; i < forward.getNumResults(); ++i) {
    auto internal = forward.getResultAttrOfType<StringAttr>(i, kOutput).getValue();
    for (auto *list : {&program.outputs, &program.gradients})
      for (RunTensor &t : *list)
        if (t.internal == internal) {
          t.array.bytes = bytesOf(outcome->results[i]);
          t.known = true;
        }
  }
  return 0;
}

int Run::emit() {
  PackageInfo info;
  info.model = llvm::sys::path::filename(request.model);
  info.target = request.target;
  info.strategy = "single";
  info.command = request.command;
  info.batch = 1;
  for (ImportedSection &section : imported.sections)
    info.sections.push_back({section.name, "", section.bytes});
  for (const WeightBytes &weight : imported.weights)
    info.weights[weight.param] = {weight.section, weight.offset};
  program.compiled = true;
  return emitArtifact(*module, info, request.artifact);
}

int Run::run() {
  if (int code = import())
    return code;
  if (int code = request.gradients ? checkCotangents() : 0)
    return code;
  // The one way in which it fails on a sound module: an op without a gradient, which is said.
  if (runPasses("0-gradients", [](PassManager &pm) { pm.addPass(createExpandGradientsPass()); }))
    return ::llcc::ExitUnsupported;
  if (int code = runPasses("1-import", [](PassManager &pm) { pm.addPass(createVerifyImportPass()); }))
    return code;
  bool differentiable = request.gradients && llvm::any_of(imported.inputs, [](const DeclaredTensor &input) {
                          return input.argument && isFloatDescr(input.descr);
                        });
  if (differentiable) {
    AttachCotangentsPassOptions attach;
    attach.names.assign(seeds.begin(), seeds.end());
    int code = runPasses("2-gradients", [&](PassManager &pm) {
      pm.addPass(createAttachCotangentsPass(attach));
      pm.addPass(createDifferentiatePass());
      pm.addPass(createJoinGradientsPass());
    });
    if (code) // the one way in which these fail on a sound module: an op without a gradient, which is said
      return ::llcc::ExitUnsupported;
  }
  if (int code = listTensors())
    return code;
  if (request.reference)
    return interpret();
  (*module)->setAttr("llcc.mesh", MeshAttr::get(&context, {StringAttr::get(&context, "data")}, {1}));
  if (int code = runPasses("3-decompose", [&](PassManager &pm) {
        pm.addPass(createDecomposePass());
        pm.addPass(createCanonicalizerPass());
        pm.addPass(createCSEPass());
      }))
    return code;
  if (int code = runPasses("4-lower", [&](PassManager &pm) {
        pm.addPass(createFuseKernelsPass());
        pm.addPass(createPlanMemoryPass());
        pm.addPass(createVerifyLowerPass());
        pm.addPass(createConvertKernelsToLoopsPass());
      }))
    return code;
  return emit();
}

int ::llcc::prepareRun(const RunRequest &request, RunProgram &program) { return Run(request, program).run(); }
