// The collective of ring attention. A file of its own, as few passes know it.
#ifndef LLCC_RING_TD
#define LLCC_RING_TD

include "Ops.td"

def Llcc_RingShiftOp : Llcc_Op<"ring_shift", [Pure]> {
  let summary = "each member of the group hands its tensors to the next one, the last one to the first; several tensors are one bucket";
  let description = [{
    Member i gets what member i-1 has, member 0 what the last one has; so after r shifts member i holds what belongs to member (i-r) mod n.
    (C1) as many results as operands, at least one, types pairwise equal; (C2) axes not empty; (C3) types are local: where a
    piece stands on the ring is no placement.
    Made by llcc-ring-attention, never removed: lower makes it one instruction.
    `%y:2 = llcc.ring_shift %k, %v over ["context"] : tensor<8x16xf32>, tensor<8x16xf32> -> tensor<8x16xf32>, tensor<8x16xf32>`
  }];
  let arguments = (ins Variadic<Llcc_Tensor>:$xs, StrArrayAttr:$axes);
  let results = (outs Variadic<Llcc_Tensor>:$results);
  let assemblyFormat = "$xs `over` $axes attr-dict `:` type($xs) `->` type($results)";
  let hasVerifier = 1;
}

#endif
