// Changes an ONNX file field by field, so that it stays protobuf: damage that reaches the handlers behind the parser.
#ifndef LLCC_TEST_FRONTENDS_MUTATEWIRE_H
#define LLCC_TEST_FRONTENDS_MUTATEWIRE_H

#include "llvm/ADT/StringRef.h"
#include <string>

/// `model` (bytes of a ModelProto, or anything) with one to four fields changed, dropped, copied, or moved to another
/// place; the lengths of the messages around them are right again. The same `seed` gives the same bytes.
std::string mutateWire(llvm::StringRef model, uint64_t seed);

#endif
