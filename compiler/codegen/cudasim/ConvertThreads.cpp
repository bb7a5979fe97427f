// gpu.func → func.func that runs one thread, described by a context that the simulator keeps.
//
// Indices of the thread become loads from the context, barriers and shuffles calls through it, shared memory one more
// argument. Reductions over a warp go through shuffles.
#include "compiler/codegen/cudasim/SimCode.h"
#include "runtime/plan/SimThread.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/GPU/Transforms/Passes.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "llvm/ADT/StringSet.h"

namespace rt = ::llcc::rt;

namespace mlir::llcc {
namespace {

class ThreadConverter {
public:
  explicit ThreadConverter(gpu::GPUFuncOp kernel) : kernel(kernel), builder(kernel.getContext()) {}

  LogicalResult convert(ModuleOp into, std::string &line) {
    Location loc = kernel.getLoc();
    Block &entry = kernel.getBody().front();
    unsigned count = kernel.getNumArguments(); // buffers, coords
    builder.setInsertionPointToStart(&entry);
    auto bytes = MemRefType::get({ShapedType::kDynamic}, builder.getI8Type());
    BlockArgument shared = entry.insertArgument(count - 1, bytes, loc);
    int64_t sharedBytes = placeAttributions(entry, count + 1, shared, loc);
    if (sharedBytes < 0)
      return failure();
    while (entry.getNumArguments() > count + 1)
      entry.eraseArgument(count + 1);
    shared.setType(MemRefType::get({std::max<int64_t>(sharedBytes, 1)}, builder.getI8Type()));
    BlockArgument self = entry.addArgument(builder.getIndexType(), loc);
    entry.addArgument(builder.getIndexType(), loc);
    builder.setInsertionPointToStart(&entry);
    Value number = arith::IndexCastOp::create(builder, loc, builder.getI64Type(), self);
    context = LLVM::IntToPtrOp::create(builder, loc, LLVM::LLVMPointerType::get(builder.getContext()), number);
    if (failed(convertOps()))
      return failure();
    dropMemorySpaces(entry);
    builder.setInsertionPointToEnd(into.getBody());
    auto type = builder.getFunctionType(entry.getArgumentTypes(), {});
    auto function = func::FuncOp::create(builder, loc, kernel.getName(), type);
    function->setAttr("llcc.kernel", builder.getStringAttr("thread"));
    function.getBody().takeBody(kernel.getBody());
    line = kernel.getName().str() + " " + std::to_string(sharedBytes) + " " + (meets ? "1" : "0") + "\n";
    return success();
  }

private:
  /// Gives each workgroup attribution its place in `shared` and each private one a place on the thread's stack. Returns
  /// the bytes of shared memory, -1 after a diagnostic.
  int64_t placeAttributions(Block &entry, unsigned first, Value shared, Location loc) {
    int64_t offset = 0;
    unsigned workgroup = kernel.getNumWorkgroupAttributions();
    for (unsigned i = first; i < entry.getNumArguments(); ++i) {
      auto type = dyn_cast<MemRefType>(entry.getArgument(i).getType());
      if (!type || !type.hasStaticShape() || !type.getLayout().isIdentity() ||
          !type.getElementType().isIntOrIndexOrFloat()) {
        kernel.emitError() << "cudasim: memory of a block or thread is " << entry.getArgument(i).getType()
                           << ", needs a static memref of numbers";
        return -1;
      }
      auto plain = MemRefType::get(type.getShape(), type.getElementType());
      Value place;
      if (i < first + workgroup) {
        offset = (offset + 15) / 16 * 16;
        Value at = arith::ConstantIndexOp::create(builder, loc, offset);
        place = memref::ViewOp::create(builder, loc, plain, shared, at, ValueRange());
        int64_t size = type.getElementType().isIndex() ? 8 : (type.getElementTypeBitWidth() + 7) / 8;
        offset += plain.getNumElements() * size;
      } else {
        place = memref::AllocaOp::create(builder, loc, plain);
      }
      entry.getArgument(i).replaceAllUsesWith(place);
    }
    return offset;
  }

  Value word(Location loc, int64_t number) {
    auto i64 = builder.getI64Type();
    Value at = LLVM::GEPOp::create(builder, loc, context.getType(), i64, context,
                                   ArrayRef<LLVM::GEPArg>{LLVM::GEPArg(int32_t(number))});
    return at;
  }
  Value load(Location loc, int64_t number) {
    return LLVM::LoadOp::create(builder, loc, builder.getI64Type(), word(loc, number));
  }
  Value index(Location loc, int64_t number) {
    return arith::IndexCastOp::create(builder, loc, builder.getIndexType(), load(loc, number));
  }
  Value constant(Location loc, int64_t value) { return arith::ConstantIndexOp::create(builder, loc, value); }
  Value add(Location loc, Value a, Value b) { return arith::AddIOp::create(builder, loc, a, b); }
  Value mul(Location loc, Value a, Value b) { return arith::MulIOp::create(builder, loc, a, b); }

  /// Row-major number of the thread in its block, x fastest: lanes and warps count so.
  Value linear(Location loc) {
    Value number = index(loc, rt::kSimThread + 2);
    for (int64_t dim : {1, 0})
      number = add(loc, mul(loc, number, index(loc, rt::kSimBlockDim + dim)), index(loc, rt::kSimThread + dim));
    return number;
  }

  Value callee(Location loc, int64_t number) {
    return LLVM::LoadOp::create(builder, loc, context.getType(), word(loc, number));
  }

  LogicalResult shuffle(gpu::ShuffleOp op) {
    Location loc = op.getLoc();
    Type type = op.getValue().getType();
    if (!type.isIntOrFloat() || type.getIntOrFloatBitWidth() > 64)
      return op.emitError() << "cudasim: shuffles " << type << ", needs a number of at most 64 bits";
    unsigned bits = type.getIntOrFloatBitWidth();
    Type narrow = builder.getIntegerType(bits), i64 = builder.getI64Type();
    Value value = op.getValue();
    if (!isa<IntegerType>(type))
      value = arith::BitcastOp::create(builder, loc, narrow, value);
    if (bits < 64)
      value = arith::ExtUIOp::create(builder, loc, i64, value);
    Value offset = arith::ExtSIOp::create(builder, loc, i64, op.getOffset());
    Value width = arith::ExtSIOp::create(builder, loc, i64, op.getWidth());
    int64_t number = op.getMode() == gpu::ShuffleMode::XOR    ? 0
                     : op.getMode() == gpu::ShuffleMode::DOWN ? 1
                     : op.getMode() == gpu::ShuffleMode::UP   ? 2
                                                              : 3;
    Value mode = arith::ConstantIntOp::create(builder, loc, i64, number);
    auto signature = LLVM::LLVMFunctionType::get(i64, {context.getType(), i64, i64, i64, i64});
    Value got = LLVM::CallOp::create(builder, loc, signature,
                                     ValueRange{callee(loc, rt::kSimShuffle), context, value, offset, width, mode})
                    .getResult();
    Value there = load(loc, rt::kSimValid);
    if (bits < 64)
      got = arith::TruncIOp::create(builder, loc, narrow, got);
    if (!isa<IntegerType>(type))
      got = arith::BitcastOp::create(builder, loc, type, got);
    Value valid = arith::TruncIOp::create(builder, loc, builder.getI1Type(), there);
    op.replaceAllUsesWith(ValueRange{got, valid});
    op.erase();
    meets = true;
    return success();
  }

  LogicalResult convertOps() {
    SmallVector<Operation *> ops;
    kernel.walk([&](Operation *op) { ops.push_back(op); });
    for (Operation *op : ops) {
      if (op == kernel.getOperation())
        continue;
      Location loc = op->getLoc();
      builder.setInsertionPoint(op);
      auto become = [&](Value value) {
        op->getResult(0).replaceAllUsesWith(value);
        op->erase();
      };
      auto dim = [](auto indexOp) { return int64_t(indexOp.getDimension()); };
      if (auto id = dyn_cast<gpu::ThreadIdOp>(op)) {
        become(index(loc, rt::kSimThread + dim(id)));
      } else if (auto id = dyn_cast<gpu::BlockIdOp>(op)) {
        become(index(loc, rt::kSimBlock + dim(id)));
      } else if (auto size = dyn_cast<gpu::BlockDimOp>(op)) {
        become(index(loc, rt::kSimBlockDim + dim(size)));
      } else if (auto size = dyn_cast<gpu::GridDimOp>(op)) {
        become(index(loc, rt::kSimGridDim + dim(size)));
      } else if (auto id = dyn_cast<gpu::GlobalIdOp>(op)) {
        become(add(loc, mul(loc, index(loc, rt::kSimBlock + dim(id)), index(loc, rt::kSimBlockDim + dim(id))),
                   index(loc, rt::kSimThread + dim(id))));
      } else if (isa<gpu::LaneIdOp>(op)) {
        become(arith::RemUIOp::create(builder, loc, linear(loc), constant(loc, rt::kSimWarp)));
      } else if (isa<gpu::SubgroupIdOp>(op)) {
        become(arith::DivUIOp::create(builder, loc, linear(loc), constant(loc, rt::kSimWarp)));
      } else if (isa<gpu::SubgroupSizeOp>(op)) {
        become(constant(loc, rt::kSimWarp));
      } else if (isa<gpu::NumSubgroupsOp>(op)) {
        Value threads = mul(loc, mul(loc, index(loc, rt::kSimBlockDim), index(loc, rt::kSimBlockDim + 1)),
                            index(loc, rt::kSimBlockDim + 2));
        become(arith::CeilDivUIOp::create(builder, loc, threads, constant(loc, rt::kSimWarp)));
      } else if (isa<gpu::BarrierOp>(op)) {
        auto signature =
            LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(builder.getContext()), {context.getType()});
        LLVM::CallOp::create(builder, loc, signature, ValueRange{callee(loc, rt::kSimBarrier), context});
        op->erase();
        meets = true;
      } else if (auto exchange = dyn_cast<gpu::ShuffleOp>(op)) {
        if (failed(shuffle(exchange)))
          return failure();
      } else if (isa<gpu::ReturnOp>(op)) {
        func::ReturnOp::create(builder, loc);
        op->erase();
      } else if (!known.contains(op->getName().getDialectNamespace())) {
        return kernel.emitError() << "cudasim: kernel " << kernel.getName() << " has '" << op->getName()
                                  << "', which the simulated device does not know";
      }
    }
    return success();
  }

  /// Shared and private memory are memory of the host.
  void dropMemorySpaces(Block &entry) {
    auto plain = [](Value value) {
      if (auto type = dyn_cast<MemRefType>(value.getType()); type && type.getMemorySpace())
        value.setType(MemRefType::get(type.getShape(), type.getElementType(), type.getLayout()));
    };
    kernel.walk([&](Operation *op) {
      for (Value result : op->getResults())
        plain(result);
      for (Region &region : op->getRegions())
        for (Block &block : region)
          for (BlockArgument argument : block.getArguments())
            plain(argument);
    });
  }

  gpu::GPUFuncOp kernel;
  OpBuilder builder;
  Value context;
  bool meets = false;
  const llvm::StringSet<> known{"arith", "math", "scf", "cf", "memref", "llvm", "func", "vector", "ub"};
};

} // namespace

FailureOr<OwningOpRef<ModuleOp>> convertThreads(ModuleOp module, std::string &kernels) {
  MLIRContext *context = module.getContext();
  context->loadDialect<LLVM::LLVMDialect, func::FuncDialect, memref::MemRefDialect, arith::ArithDialect>();
  OwningOpRef<ModuleOp> copy = ModuleOp::create(module.getLoc()), threads = ModuleOp::create(module.getLoc());
  OpBuilder builder = OpBuilder::atBlockBegin(copy->getBody());
  for (auto found : module.getOps<gpu::GPUModuleOp>())
    builder.clone(*found);
  RewritePatternSet patterns(context);
  populateGpuLowerSubgroupReduceToShufflePatterns(patterns, rt::kSimWarp, /*shuffleBitwidth=*/64);
  populateGpuLowerClusteredSubgroupReduceToShufflePatterns(patterns, rt::kSimWarp, /*shuffleBitwidth=*/64);
  GreedyRewriteConfig config;
  config.enableFolding(false).enableConstantCSE(false);
  (void)applyPatternsGreedily(*copy, std::move(patterns), config);
  for (auto gpuModule : copy->getOps<gpu::GPUModuleOp>())
    for (Operation &op : llvm::make_early_inc_range(*gpuModule.getBody())) {
      if (auto kernel = dyn_cast<gpu::GPUFuncOp>(op)) {
        std::string line;
        if (failed(ThreadConverter(kernel).convert(*threads, line)))
          return failure();
        kernels += line;
        continue;
      }
      auto global = dyn_cast<memref::GlobalOp>(op);
      if (!global || (global.getType().getMemorySpace() && !global.getConstant())) {
        op.emitError() << "cudasim: the kernels' module has '" << op.getName()
                       << "' beside functions and constants, which the simulated device does not know";
        return failure();
      }
      op.moveBefore(threads->getBody(), threads->getBody()->begin());
    }
  return threads;
}

} // namespace mlir::llcc
