// Collectives of the same kind over the same group ⇒ buckets: one llcc.all_reduce, llcc.reduce_scatter or
// llcc.all_gather of several tensors, up to `bytes` each.
//
//   %a = all_reduce %x over ["data"]     ⇒   %r:2 = all_reduce %x, %y over ["data"]
//   %b = all_reduce %y over ["data"]
//
// A collective costs some microseconds to start, however small it is: the gradients of a data-parallel model are
// hundreds of small tensors. It stands before llcc-split-pipeline, which takes from a bucket what its stage needs.
//
// Why no cycle can arise: level(op) = the largest number of such collectives on a path of operands that ends before op.
// Buckets join only ops of one level, and every path from one to another raises the level.
#include "compiler/ir/LLCC.h"
#include "compiler/ir/Provenance.h"
#include "mlir/Analysis/TopologicalSortUtils.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/shard/Buckets.h"
#include "passes/shard/Passes.h"
#include "passes/shard/Placement.h"
#include "llvm/ADT/MapVector.h"

namespace mlir::llcc {
#define GEN_PASS_DEF_INSERTBUCKETSPASS
#include "passes/shard/Passes.h.inc"

namespace {

/// Bytes that a member holds of `type`.
int64_t localBytes(RankedTensorType type, MeshAttr mesh) {
  int64_t bytes = std::max(1u, type.getElementTypeBitWidth() / 8);
  auto sharding = dyn_cast_or_null<ShardingAttr>(type.getEncoding());
  for (auto [dim, size] : llvm::enumerate(type.getShape()))
    bytes *= sharding && mesh ? sharding.getLocalSize(size, dim, mesh) : size;
  return bytes;
}

struct InsertBucketsPass : impl::InsertBucketsPassBase<InsertBucketsPass> {
  using InsertBucketsPassBase::InsertBucketsPassBase;

  /// Collectives that may go together: level, op, reduction, axes, element type, fetch; in @gradients also the pass and
  /// the ONNX node, as llcc-split-pipeline runs those apart.
  using Key = std::tuple<int64_t, TypeID, Attribute, Attribute, Type, Attribute, int64_t, StringRef>;

  void join(ArrayRef<Operation *> ops) {
    if (ops.size() < 2)
      return;
    SmallVector<Value> operands, results;
    SmallVector<BucketPart> parts;
    SmallVector<Location> locs;
    for (Operation *op : ops) {
      llvm::append_range(operands, op->getOperands());
      llvm::append_range(results, op->getResults());
      llvm::append_range(parts, partsOf(op));
      locs.push_back(op->getLoc());
    }
    OpBuilder b(ops.back());
    Operation *bucket = createBucket(b, b.getFusedLoc(locs), parts, operands);
    for (auto [old, fresh] : llvm::zip(results, bucket->getResults()))
      old.replaceAllUsesWith(fresh);
    for (Operation *op : ops)
      op->erase();
  }

  void runOnBlock(Block &block, MeshAttr mesh, bool byNode) {
    DenseMap<Operation *, int64_t> level;
    llvm::MapVector<Key, SmallVector<Operation *>> groups;
    for (Operation &op : block) {
      int64_t at = 0;
      op.walk([&](Operation *inner) {
        for (Value operand : inner->getOperands())
          if (Operation *def = operand.getDefiningOp())
            at = std::max(at, level.lookup(def) + isBucket(def));
      });
      level[&op] = at;
      if (isBucket(&op) && op.getNumOperands())
        groups[{at, op.getName().getTypeID(), op.getAttr("kind"), op.getAttr("axes"),
                cast<RankedTensorType>(op.getOperand(0).getType()).getElementType(), op.getAttr(kFetchAttr),
                int64_t(byNode && isBackward(op.getLoc())), byNode ? nodeOf(op.getLoc()) : StringRef()}]
            .push_back(&op);
    }
    for (auto &[key, ops] : groups) {
      SmallVector<Operation *> bucket;
      int64_t filled = 0;
      for (Operation *op : ops) {
        int64_t more = 0;
        for (auto [x, y] : llvm::zip(op->getOperandTypes(), op->getResultTypes())) // a gather's result is the larger
          more += std::max(localBytes(cast<RankedTensorType>(x), mesh), localBytes(cast<RankedTensorType>(y), mesh));
        if (filled + more > bytes) {
          join(bucket);
          bucket.clear();
          filled = 0;
        }
        bucket.push_back(op);
        filled += more;
      }
      join(bucket);
    }
    sortTopologically(&block); // users of early members may stand before the bucket
  }

  void runOnOperation() override {
    auto mesh = getOperation()->getAttrOfType<MeshAttr>("llcc.mesh");
    for (auto func : getOperation().getOps<func::FuncOp>())
      for (Block &block : func.getBody())
        runOnBlock(block, mesh, func.getName() == "gradients");
  }
};
} // namespace
} // namespace mlir::llcc
