// Locations as provenance: `loc("fc1")` forward, `loc("grad"("fc1"))` backward.
#include "compiler/ir/Provenance.h"
#include "mlir/IR/BuiltinAttributes.h"

namespace mlir::llcc {

static constexpr StringLiteral kGrad = "grad";

Location nodeLoc(MLIRContext *context, StringRef name) { return NameLoc::get(StringAttr::get(context, name)); }

Location gradLoc(Location forward) {
  return isBackward(forward) ? forward : NameLoc::get(StringAttr::get(forward.getContext(), kGrad), forward);
}

StringRef nodeOf(Location loc) {
  if (auto name = dyn_cast<NameLoc>(loc)) {
    if (name.getName() == kGrad && !isa<UnknownLoc>(name.getChildLoc()))
      return nodeOf(name.getChildLoc());
    return name.getName();
  }
  if (auto fused = dyn_cast<FusedLoc>(loc)) {
    for (Location part : fused.getLocations())
      if (StringRef node = nodeOf(part); !node.empty())
        return node;
  }
  if (auto call = dyn_cast<CallSiteLoc>(loc))
    return nodeOf(call.getCallee());
  return {};
}

bool isBackward(Location loc) {
  if (auto name = dyn_cast<NameLoc>(loc))
    return name.getName() == kGrad || isBackward(name.getChildLoc());
  if (auto fused = dyn_cast<FusedLoc>(loc)) {
    for (Location part : fused.getLocations())
      if (isBackward(part))
        return true;
  }
  if (auto call = dyn_cast<CallSiteLoc>(loc))
    return isBackward(call.getCallee());
  return false;
}

} // namespace mlir::llcc
