// The collective of ring attention.
#ifndef LLCC_COMPILER_IR_RING_H
#define LLCC_COMPILER_IR_RING_H

#include "compiler/ir/LLCC.h"

#define GET_OP_CLASSES
#include "compiler/ir/Ring.h.inc"

#endif
