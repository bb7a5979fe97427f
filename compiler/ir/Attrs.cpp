// The dialect itself, mesh and sharding attributes.
#include "compiler/ir/Ring.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/TypeSwitch.h"

#include "compiler/ir/Dialect.cpp.inc"
#include "compiler/ir/Enums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "compiler/ir/Attrs.cpp.inc"

using namespace mlir;
using namespace mlir::llcc;

void LlccDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "compiler/ir/Attrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "compiler/ir/Ops.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "compiler/ir/Ring.cpp.inc"
      >();
}

LogicalResult MeshAttr::verify(function_ref<InFlightDiagnostic()> error, ArrayRef<StringAttr> axes,
                               ArrayRef<int64_t> sizes) {
  if (axes.size() != sizes.size())
    return error() << "mesh has " << axes.size() << " axes and " << sizes.size()
                   << " sizes, needs one size for each axis";
  llvm::StringSet<> seen;
  for (auto [axis, size] : llvm::zip(axes, sizes)) {
    if (axis.empty() || !seen.insert(axis.getValue()).second)
      return error() << "mesh axis '" << axis.getValue() << "' is empty or named twice";
    if (size < 1)
      return error() << "mesh axis '" << axis.getValue() << "' has size " << size << ", needs at least 1";
  }
  return success();
}

int64_t MeshAttr::getPosition(StringRef axis) const {
  for (auto [i, name] : llvm::enumerate(getAxes()))
    if (name.getValue() == axis)
      return i;
  return -1;
}

int64_t MeshAttr::getSize(StringRef axis) const {
  int64_t i = getPosition(axis);
  return i < 0 ? 1 : getSizes()[i];
}

int64_t MeshAttr::getSize(ArrayRef<StringAttr> axes) const {
  int64_t n = 1;
  for (StringAttr axis : axes)
    n *= getSize(axis.getValue());
  return n;
}

int64_t MeshAttr::getDevices() const {
  int64_t n = 1;
  for (int64_t size : getSizes())
    n *= size;
  return n;
}

LogicalResult ShardingAttr::verify(function_ref<InFlightDiagnostic()> error, ArrayRef<ArrayAttr> dims,
                                   ArrayRef<StringAttr> partial, ReduceKind, ArrayRef<StringAttr> invariant) {
  llvm::StringSet<> seen;
  auto once = [&](Attribute axis) -> LogicalResult {
    auto name = dyn_cast<StringAttr>(axis);
    if (!name || name.empty())
      return error() << "sharding lists " << axis << ", needs the name of a mesh axis";
    if (!seen.insert(name.getValue()).second)
      return error() << "sharding lists axis '" << name.getValue() << "' twice";
    return success();
  };
  for (ArrayAttr axes : dims)
    for (Attribute axis : axes)
      if (failed(once(axis)))
        return failure();
  for (StringAttr axis : partial)
    if (failed(once(axis)))
      return failure();
  for (StringAttr axis : invariant)
    if (failed(once(axis)))
      return failure();
  return success();
}

LogicalResult ShardingAttr::verifyEncoding(ArrayRef<int64_t> shape, Type,
                                           function_ref<InFlightDiagnostic()> error) const {
  if (shape.size() != getDims().size())
    return error() << "sharding has " << getDims().size() << " dimensions, the tensor has " << shape.size();
  return success();
}

SmallVector<StringAttr> ShardingAttr::getAxes(int64_t dim) const {
  SmallVector<StringAttr> axes;
  for (Attribute axis : getDims()[dim])
    axes.push_back(cast<StringAttr>(axis));
  return axes;
}

bool ShardingAttr::isReplicated() const {
  return !isPartial() && llvm::all_of(getDims(), [](ArrayAttr axes) { return axes.empty(); });
}

int64_t ShardingAttr::getLocalSize(int64_t size, int64_t dim, MeshAttr mesh) const {
  for (StringAttr axis : getAxes(dim)) {
    int64_t members = mesh.getSize(axis.getValue());
    size = (size + members - 1) / members;
  }
  return size;
}

// <[["data"], []], partial = ["tensor"], kind = max, invariant = ["pipeline"]>
void ShardingAttr::print(AsmPrinter &printer) const {
  printer << "<[";
  llvm::interleaveComma(getDims(), printer, [&](ArrayAttr axes) { printer.printAttributeWithoutType(axes); });
  printer << "]";
  auto list = [&](StringRef key, ArrayRef<StringAttr> axes) {
    if (axes.empty())
      return;
    printer << ", " << key << " = [";
    llvm::interleaveComma(axes, printer, [&](StringAttr axis) { printer.printAttributeWithoutType(axis); });
    printer << "]";
  };
  list("partial", getPartial());
  if (getKind() != ReduceKind::Sum)
    printer << ", kind = " << stringifyReduceKind(getKind());
  list("invariant", getInvariant());
  printer << ">";
}

Attribute ShardingAttr::parse(AsmParser &parser, Type) {
  SmallVector<ArrayAttr> dims;
  SmallVector<StringAttr> partial, invariant;
  ReduceKind kind = ReduceKind::Sum;
  SMLoc loc = parser.getCurrentLocation();
  auto axes = [&](SmallVector<StringAttr> &into) {
    return parser.parseCommaSeparatedList(AsmParser::Delimiter::Square,
                                          [&]() { return parser.parseAttribute(into.emplace_back()); });
  };
  if (parser.parseLess() || parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, [&]() -> ParseResult {
        SmallVector<StringAttr> names;
        if (axes(names))
          return failure();
        dims.push_back(ArrayAttr::get(parser.getContext(), SmallVector<Attribute>(names.begin(), names.end())));
        return success();
      }))
    return {};
  while (succeeded(parser.parseOptionalComma())) {
    StringRef key;
    if (parser.parseKeyword(&key) || parser.parseEqual())
      return {};
    if (key == "partial" || key == "invariant") {
      if (axes(key == "partial" ? partial : invariant))
        return {};
    } else if (key == "kind") {
      StringRef word;
      if (parser.parseKeyword(&word))
        return {};
      std::optional<ReduceKind> parsed = symbolizeReduceKind(word);
      if (!parsed)
        return parser.emitError(loc, "unknown reduction '") << word << "', needs sum, max, min or prod", Attribute();
      kind = *parsed;
    } else {
      return parser.emitError(loc, "unknown key '") << key << "' in a sharding, needs partial, kind or invariant",
             Attribute();
    }
  }
  if (parser.parseGreater())
    return {};
  return parser.getChecked<ShardingAttr>(loc, parser.getContext(), dims, partial, kind, invariant);
}
