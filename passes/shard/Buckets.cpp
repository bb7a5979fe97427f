// Joining collectives into one, and taking what a stage needs out of it.
#include "passes/shard/Buckets.h"

namespace mlir::llcc {

bool isBucket(Operation *op) { return isa<AllReduceOp, AllGatherOp, ReduceScatterOp>(op); }

SmallVector<BucketPart> partsOf(Operation *op) {
  SmallVector<BucketPart> parts;
  for (unsigned i = 0; i < op->getNumResults(); ++i)
    parts.push_back({op, i});
  return parts;
}

Operation *createBucket(OpBuilder &builder, Location loc, ArrayRef<BucketPart> parts, ValueRange operands) {
  Operation *first = parts[0].op;
  OperationState state(loc, first->getName());
  state.addOperands(operands);
  for (const BucketPart &part : parts)
    state.addTypes(part.op->getResult(part.index).getType());
  NamedAttrList attrs(first->getAttrDictionary());
  for (StringRef list : {"dims", "sizes"}) { // one number for each tensor
    if (!isa_and_nonnull<DenseI64ArrayAttr>(attrs.get(list)))
      continue;
    SmallVector<int64_t> numbers;
    for (const BucketPart &part : parts)
      numbers.push_back(part.op->getAttrOfType<DenseI64ArrayAttr>(list)[part.index]);
    attrs.set(list, builder.getDenseI64ArrayAttr(numbers));
  }
  state.addAttributes(attrs.getAttrs());
  return builder.create(state);
}

} // namespace mlir::llcc
