// The numbers of a product or a convolution, by name.
#include "runtime/plan/Contraction.h"

namespace llcc::rt {

ConvShape::ConvShape(const Instr &instr, const Shape &x, const Shape &w, const Shape &y)
    : batch(x.dims[0]), channels(x.dims[1]), filters(y.dims[1]), groups(instr.ints[1]) {
  size_t rank = static_cast<size_t>(instr.ints[0]);
  for (size_t d = 0; d < 3; ++d) {
    bool real = d + rank >= 3;
    size_t i = real ? d + rank - 3 : 0;
    const int64_t *at = &instr.ints[2 + i];
    in[d] = real ? x.dims[2 + i] : 1;
    kernel[d] = real ? w.dims[2 + i] : 1;
    out[d] = real ? y.dims[2 + i] : 1;
    stride[d] = real ? at[0] : 1;
    pad[d] = real ? at[rank] : 0;
    dilation[d] = real ? at[3 * rank] : 1;
  }
}

} // namespace llcc::rt
