// llcc.program, kernels and the tables of a lowered module → the runtime's plan. Nothing is decided here, only written
// down.
#include "compiler/codegen/Codegen.h"
#include "compiler/ir/LLCC.h"
#include "compiler/ir/Provenance.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "llvm/ADT/StringSwitch.h"
#include <set>

using namespace mlir;
using namespace mlir::llcc;
namespace rt = ::llcc::rt;

namespace {
class PlanBuilder {
public:
  PlanBuilder(ModuleOp module, const PackageInfo &info) : module(module), info(info) {}

  FailureOr<rt::Plan> build() {
    header();
    if (failed(tables()))
      return failure();
    for (auto kernel : module.getOps<func::FuncOp>())
      if (kernel->hasAttr("llcc.kernel"))
        if (failed(addKernel(kernel)) || failed(addSignature(kernel)))
          return failure();
    for (auto kernels : module.getOps<gpu::GPUModuleOp>())
      for (auto kernel : kernels.getOps<gpu::GPUFuncOp>())
        if (failed(addKernel(kernel)))
          return failure();
    for (auto program : module.getOps<ProgramOp>())
      if (failed(add(program)))
        return failure();
    return std::move(plan);
  }

private:
  static InFlightDiagnostic bug(Operation *op) { return op->emitError("bug in llcc: "); }

  template <typename T> static T get(DictionaryAttr dictionary, StringRef key) {
    return dyn_cast_or_null<T>(dictionary.get(key));
  }
  static std::string text(DictionaryAttr dictionary, StringRef key) {
    auto attr = get<StringAttr>(dictionary, key);
    return attr ? attr.str() : "";
  }
  static bool flag(DictionaryAttr dictionary, StringRef key) {
    Attribute attr = dictionary.get(key);
    auto value = dyn_cast_or_null<BoolAttr>(attr);
    return value ? value.getValue() : bool(attr);
  }
  static int64_t number(DictionaryAttr dictionary, StringRef key, int64_t otherwise) {
    auto attr = get<IntegerAttr>(dictionary, key);
    return attr ? attr.getInt() : otherwise;
  }

  void header() {
    plan.model = info.model;
    if (auto name = module->getAttrOfType<StringAttr>("llcc.model"); name && plan.model.empty())
      plan.model = name.str();
    plan.target = info.target;
    plan.strategy = info.strategy;
    plan.loss = info.loss;
    plan.optimizer = info.optimizer;
    plan.schedule = info.schedule;
    plan.command = info.command;
    plan.learningRate = info.learningRate;
    plan.lrSchedule = info.lrSchedule;
    plan.warmupSteps = info.warmupSteps;
    plan.totalSteps = info.totalSteps;
    plan.classification = info.classification;
    if ((mesh = module->getAttrOfType<MeshAttr>("llcc.mesh")))
      for (auto [axis, size] : llvm::zip(mesh.getAxes(), mesh.getSizes())) {
        plan.axes.push_back(axis.str());
        plan.sizes.push_back(uint32_t(size));
      }
    if (auto microbatches = module->getAttrOfType<IntegerAttr>("llcc.microbatches"))
      plan.microbatches = microbatches.getInt();
    plan.deterministic = module->hasAttr("llcc.deterministic");
  }

  /// The plan's name of an element type.
  static std::optional<rt::DType> dtypeOf(Type element) {
    if (element.isF32())
      return rt::DType::F32;
    if (element.isF64())
      return rt::DType::F64;
    if (element.isBF16())
      return rt::DType::BF16;
    if (element.isF16())
      return rt::DType::F16;
    if (element.isUnsignedInteger(8))
      return rt::DType::U8;
    auto integer = dyn_cast<IntegerType>(element);
    if (!integer || integer.isUnsigned())
      return std::nullopt;
    switch (integer.getWidth()) {
    case 1:
      return rt::DType::Bool;
    case 8:
      return rt::DType::I8;
    case 16:
      return rt::DType::I16;
    case 32:
      return rt::DType::I32;
    case 64:
      return rt::DType::I64;
    }
    return std::nullopt;
  }

  FailureOr<rt::Shape> shapeOf(Type type, Operation *at) {
    auto shaped = dyn_cast_or_null<ShapedType>(type);
    rt::Shape shape;
    if (!shaped || !shaped.hasStaticShape())
      return bug(at) << "type " << type << " has no static shape", failure();
    shape.dims.assign(shaped.getShape().begin(), shaped.getShape().end());
    Type element = shaped.getElementType();
    std::optional<rt::DType> dtype = dtypeOf(element);
    if (!dtype)
      return bug(at) << "the plan has no element type " << element, failure();
    shape.type = *dtype;
    return shape;
  }

  FailureOr<rt::Sharding> shardingOf(DictionaryAttr entry, size_t rank) {
    rt::Sharding sharding;
    sharding.dims.resize(rank);
    auto placement = get<ShardingAttr>(entry, "placement");
    if (!placement)
      return sharding;
    if (placement.getDims().size() != rank)
      return bug(module) << "\"" << text(entry, "name") << "\" of rank " << rank << " has placement " << placement,
             failure();
    for (size_t i = 0; i < rank; ++i)
      for (StringAttr axis : placement.getAxes(i)) {
        int64_t position = mesh ? mesh.getPosition(axis.getValue()) : -1;
        if (position < 0)
          return bug(module) << "\"" << text(entry, "name") << "\" is cut over axis " << axis
                             << ", which the mesh lacks",
                 failure();
        sharding.dims[i].push_back(uint32_t(position));
      }
    return sharding;
  }

  /// Calls `add(entry, logical shape, sharding)` for each entry of module attribute `name`.
  LogicalResult entries(StringRef name, function_ref<LogicalResult(DictionaryAttr, rt::Shape, rt::Sharding)> add) {
    auto list = module->getAttrOfType<ArrayAttr>(name);
    if (!list)
      return bug(module) << "the lowered module has no " << name, failure();
    for (auto entry : list.getAsRange<DictionaryAttr>()) {
      auto type = get<TypeAttr>(entry, "type");
      FailureOr<rt::Shape> shape = shapeOf(type ? type.getValue() : Type(), module);
      if (failed(shape))
        return failure();
      FailureOr<rt::Sharding> sharding = shardingOf(entry, shape->dims.size());
      if (failed(sharding) || failed(add(entry, std::move(*shape), std::move(*sharding))))
        return failure();
    }
    return success();
  }

  LogicalResult tables() {
    LogicalResult variables =
        entries("llcc.variables", [&](DictionaryAttr entry, rt::Shape shape, rt::Sharding sharding) {
          rt::Variable v;
          v.name = text(entry, "name");
          v.role = text(entry, "role") == "state" ? rt::Variable::Role::State : rt::Variable::Role::Param;
          v.shape = std::move(shape);
          v.sharding = std::move(sharding);
          v.stage = uint32_t(number(entry, "stage", 0));
          if (auto dims = get<DenseI64ArrayAttr>(entry, "file_shape"))
            v.fileDims.assign(dims.asArrayRef().begin(), dims.asArrayRef().end());
          v.trainable = flag(entry, "trainable");
          if (auto init = get<FloatAttr>(entry, "init"))
            v.init = init.getValueAsDouble();
          if (v.role == rt::Variable::Role::Param) {
            auto place = info.weights.find(v.name);
            if (place == info.weights.end())
              return bug(module) << "parameter \"" << v.name << "\" has no bytes in the model", failure();
            v.section = place->second.section;
            v.offset = place->second.offset;
            auto stored = get<TypeAttr>(entry, "stored");
            v.stored = stored ? dtypeOf(stored.getValue()).value_or(v.shape.type) : v.shape.type;
            v.copies = place->second.copies;
            v.mergeLeft = place->second.mergeLeft;
            v.mergeRight = place->second.mergeRight;
            v.mergeScale = place->second.mergeScale;
            v.mergeTransposed = place->second.mergeTransposed;
          }
          index["variable:" + v.name] = uint32_t(plan.variables.size());
          plan.variables.push_back(std::move(v));
          return success();
        });
    // A moment is written as its parameter is.
    for (rt::Variable &v : plan.variables)
      if (auto param = index.find("variable:" + v.name.substr(v.name.find(':') + 1));
          v.role == rt::Variable::Role::State && v.name.find(':') != std::string::npos && param != index.end() &&
          plan.variables[param->second].shape.dims == v.shape.dims)
        v.fileDims = plan.variables[param->second].fileDims;
    LogicalResult inputs = entries("llcc.inputs", [&](DictionaryAttr entry, rt::Shape shape, rt::Sharding sharding) {
      rt::Input input;
      input.name = text(entry, "name");
      input.shape = std::move(shape);
      input.sharding = std::move(sharding);
      input.label = flag(entry, "label");
      input.batched = flag(entry, "batched");
      input.classes = number(entry, "classes", -1);
      input.ignore = number(entry, "ignore", -100);
      if (input.batched && !input.shape.dims.empty())
        plan.batch = input.shape.dims[0] * plan.microbatches;
      index["input:" + input.name] = uint32_t(plan.inputs.size());
      plan.inputs.push_back(std::move(input));
      return success();
    });
    LogicalResult outputs = entries("llcc.outputs", [&](DictionaryAttr entry, rt::Shape shape, rt::Sharding) {
      index["output:" + text(entry, "name")] = uint32_t(plan.outputs.size());
      plan.outputs.push_back({text(entry, "name"), std::move(shape)});
      return success();
    });
    if (plan.batch == 0)
      plan.batch = info.batch;
    if (info.batch && plan.batch != info.batch)
      return bug(module) << "the inputs hold " << plan.batch << " samples a step, the batch is " << info.batch,
             failure();
    return success(succeeded(variables) && succeeded(inputs) && succeeded(outputs));
  }

  /// `op`: func.func (cpu) or gpu.func (cuda: with its launch geometry).
  LogicalResult addKernel(Operation *op) {
    rt::Kernel kernel;
    kernel.name = SymbolTable::getSymbolName(op).str();
    auto count = [&](StringRef name) {
      auto attr = op->getAttrOfType<IntegerAttr>(name);
      return attr ? uint32_t(attr.getInt()) : 0;
    };
    kernel.ins = count("llcc.ins");
    kernel.outs = count("llcc.outs");
    if (auto line = op->getAttrOfType<StringAttr>("llcc.text"))
      kernel.text = line.str();
    for (auto [name, to] : {std::pair("llcc.grid", &kernel.grid), std::pair("llcc.block", &kernel.block)})
      if (auto sizes = op->getAttrOfType<DenseI64ArrayAttr>(name))
        to->assign(sizes.asArrayRef().begin(), sizes.asArrayRef().end());
    auto reads = op->getAttrOfType<ArrayAttr>("llcc.reads"), looks = op->getAttrOfType<ArrayAttr>("llcc.looks");
    auto none = ArrayAttr::get(op->getContext(), {});
    for (auto [ins, over] : llvm::zip(reads ? reads : none, looks ? looks : none)) {
      rt::Kernel::Dependence &dependence = kernel.dependences.emplace_back();
      for (int64_t argument : cast<DenseI64ArrayAttr>(ins).asArrayRef())
        dependence.ins.push_back(uint32_t(argument));
      for (Attribute axis : cast<ArrayAttr>(over))
        if (int64_t position = mesh ? mesh.getPosition(cast<StringAttr>(axis).getValue()) : -1; position >= 0)
          dependence.coords.push_back(uint32_t(position));
    }
    plan.kernels.push_back(std::move(kernel));
    return success();
  }

  /// What the code itself says of the kernel just added: sizes of its arguments, and which coordinates it looks at. The
  /// arguments end with coords, begin and end.
  LogicalResult addSignature(func::FuncOp op) {
    rt::Kernel &kernel = plan.kernels.back();
    if (op.isDeclaration() || op.getNumArguments() < 3)
      return success();
    unsigned count = op.getNumArguments() - 3;
    for (unsigned i = 0; i < count; ++i) {
      FailureOr<rt::Shape> shape = shapeOf(op.getArgumentTypes()[i], op);
      if (failed(shape))
        return failure();
      kernel.signature.push_back(std::move(*shape));
    }
    std::set<uint32_t> axes;
    for (Operation *user : op.getArgument(count).getUsers()) {
      std::optional<int64_t> axis;
      if (auto load = dyn_cast<memref::LoadOp>(user))
        axis = getConstantIntValue(load.getIndices()[0]);
      for (size_t a = 0; a < plan.axes.size(); ++a)
        if (!axis || *axis == int64_t(a)) // an index that is not known may be any
          axes.insert(uint32_t(a));
    }
    kernel.coords.assign(axes.begin(), axes.end());
    return success();
  }

  FailureOr<rt::Buffer> bufferOf(BufferOp op) {
    rt::Buffer buffer;
    FailureOr<rt::Shape> shape = shapeOf(op.getType(), op);
    if (failed(shape))
      return failure();
    buffer.shape = std::move(*shape);
    buffer.offset = uint64_t(op.getOffset());
    if (auto root = op->getAttrOfType<IntegerAttr>("llcc.view"))
      buffer.viewOf = root.getInt();
    StringRef space = op.getSpace();
    using Space = rt::Buffer::Space;
    if (space == "temp" || space == "gradient")
      return buffer;
    if (space == "scalar") {
      buffer.space = Space::Scalar;
      buffer.index =
          llvm::StringSwitch<uint32_t>(op.getName()).Case("lr", 0).Case("step", 1).Case("seed", 2).Default(3);
      if (buffer.index == 3)
        return bug(op) << "scalar is \"" << op.getName() << "\", needs lr, step or seed", failure();
      return buffer;
    }
    std::string table = space == "input" || space == "output" ? space.str() : "variable";
    buffer.space = space == "param"    ? Space::Param
                   : space == "state"  ? Space::State
                   : space == "input"  ? Space::Input
                   : space == "output" ? Space::Output
                                       : Space::Temp;
    if (buffer.space == Space::Temp)
      return bug(op) << "buffer space is \"" << space << "\"", failure();
    auto found = index.find(table + ":" + op.getName().str());
    if (found == index.end())
      return bug(op) << "no " << table << " is called \"" << op.getName() << "\"", failure();
    buffer.index = found->second;
    return buffer;
  }

  /// "all_reduce" → "allreduce": programs spell operations as the enum does (AllReduce).
  static std::string joined(StringRef snake) {
    std::string name = snake.str();
    llvm::erase(name, '_');
    return name;
  }

  FailureOr<rt::Instr> instrOf(ExecOp op, const DenseMap<Value, uint32_t> &numbers) {
    rt::Instr instr;
    bool known = false;
    for (int i = 0; i <= int(rt::kLastOp); ++i)
      if (op.getOp().equals_insensitive(joined(rt::nameOf(rt::Op(i))))) {
        instr.op = rt::Op(i);
        known = true;
      }
    if (!known)
      return bug(op) << "the plan has no operation \"" << op.getOp() << "\"", failure();
    instr.stream = uint8_t(op.getStream());
    for (auto [values, to] : {std::pair(op.getIns(), &instr.ins), std::pair(op.getOuts(), &instr.outs)})
      for (Value value : values) {
        auto number = numbers.find(value);
        if (number == numbers.end())
          return bug(op) << "an operand is no llcc.buffer", failure();
        to->push_back(number->second);
      }
    for (int64_t wait : op.getWaits())
      instr.waits.push_back(uint32_t(wait));
    DictionaryAttr args = op.getArgs();
    if (auto ints = get<DenseI64ArrayAttr>(args, "ints"))
      instr.ints.assign(ints.asArrayRef().begin(), ints.asArrayRef().end());
    if (auto reals = get<DenseF64ArrayAttr>(args, "reals"))
      instr.reals.assign(reals.asArrayRef().begin(), reals.asArrayRef().end());
    if (auto axes = get<DenseI64ArrayAttr>(args, "axes"))
      instr.axes.assign(axes.asArrayRef().begin(), axes.asArrayRef().end());
    if (op.getKernel())
      instr.kernel = op.getKernel()->str();
    instr.name = text(args, "name");
    instr.node = args.get("node") ? text(args, "node") : nodeOf(op.getLoc()).str();
    return instr;
  }

  LogicalResult add(ProgramOp op) {
    rt::Program program;
    program.kind = op.getKind() == "infer" ? rt::Program::Kind::Infer : rt::Program::Kind::Step;
    program.stage = uint32_t(op.getStage());
    program.arenaBytes = uint64_t(op.getArenaBytes());
    DenseMap<Value, uint32_t> numbers;
    for (Operation &inner : op.getBody().front()) {
      if (auto buffer = dyn_cast<BufferOp>(inner)) {
        FailureOr<rt::Buffer> built = bufferOf(buffer);
        if (failed(built))
          return failure();
        numbers[buffer] = uint32_t(program.buffers.size());
        program.buffers.push_back(std::move(*built));
      } else if (auto exec = dyn_cast<ExecOp>(inner)) {
        FailureOr<rt::Instr> built = instrOf(exec, numbers);
        if (failed(built))
          return failure();
        program.instrs.push_back(std::move(*built));
      } else {
        return bug(&inner) << "'" << inner.getName() << "' in a program, needs llcc.buffer or llcc.exec", failure();
      }
    }
    plan.programs.push_back(std::move(program));
    return success();
  }

  ModuleOp module;
  const PackageInfo &info;
  MeshAttr mesh;
  rt::Plan plan;
  std::map<std::string, uint32_t> index; // "variable:NAME" → its number
};
} // namespace

FailureOr<rt::Plan> mlir::llcc::buildPlan(ModuleOp lowered, const PackageInfo &info) {
  return PlanBuilder(lowered, info).build();
}
