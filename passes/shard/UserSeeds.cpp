// Parses --shard and seeds by priority.
#include "passes/shard/UserSeeds.h"
#include "llvm/Support/GlobPattern.h"
#include <map>

namespace mlir::llcc {
namespace {

/// One --shard, parsed.
struct UserSeed {
  StringRef text, glob;
  SmallVector<Axes> dims;
  SmallVector<int64_t> open;
  int64_t priority = 0;
};

StringRef nameOf(func::FuncOp func, unsigned arg) {
  for (StringRef key : {"llcc.param", "llcc.input", "llcc.label"})
    if (auto name = func.getArgAttrOfType<StringAttr>(arg, key))
      return name.getValue();
  return {};
}

FailureOr<UserSeed> parse(func::FuncOp func, MeshAttr mesh, StringRef text) {
  UserSeed seed{text, {}, {}, {}};
  auto error = [&]() { return func.emitError() << "--shard=" << text << ": "; };
  size_t colon = text.rfind(":{"), end = text.rfind('}');
  if (colon == StringRef::npos || colon == 0 || end == StringRef::npos || end < colon)
    return error() << "needs GLOB:{D0,D1,…} with a list of mesh axes (joined by *) or ? for each dimension", failure();
  seed.glob = text.take_front(colon);
  if (StringRef rest = text.drop_front(end + 1); !rest.empty()) {
    int64_t number;
    if (!rest.consume_front("p") || rest.getAsInteger(10, number) || number < 0)
      return error() << "\"" << text.drop_front(end + 1) << "\" is no priority, needs p0, p1, …", failure();
    seed.priority = number;
  }
  SmallVector<StringRef> dims;
  StringRef inside = text.slice(colon + 2, end);
  if (!inside.trim().empty() || inside.contains(','))
    inside.split(dims, ',');
  llvm::SmallDenseSet<StringAttr> used;
  for (auto [dim, part] : llvm::enumerate(dims)) {
    StringRef list = part.trim();
    if (list.consume_back("?"))
      seed.open.push_back(dim);
    Axes axes;
    SmallVector<StringRef> names;
    list.split(names, '*', -1, /*KeepEmpty=*/false);
    for (StringRef name : names) {
      auto axis = StringAttr::get(func.getContext(), name.trim());
      if (mesh.getPosition(axis.getValue()) < 0 || axis.getValue() == kPipelineAxis)
        return error() << "'" << axis.getValue() << "' is no axis to cut tensors over, the mesh is " << mesh, failure();
      if (!used.insert(axis).second)
        return error() << "names axis '" << axis.getValue() << "' twice", failure();
      axes.push_back(axis);
    }
    seed.dims.push_back(axes);
  }
  return seed;
}

} // namespace

LogicalResult applyUserSeeds(func::FuncOp func, MeshAttr mesh, ArrayRef<std::string> texts) {
  DenseSet<unsigned> placed;
  Builder b(func.getContext());
  for (StringRef text : texts) {
    FailureOr<UserSeed> seed = parse(func, mesh, text);
    if (failed(seed))
      return failure();
    auto glob = llvm::GlobPattern::create(seed->glob);
    if (!glob)
      return func.emitError() << "--shard=" << text << ": " << llvm::toString(glob.takeError());
    bool any = false;
    for (BlockArgument arg : func.getArguments()) {
      unsigned i = arg.getArgNumber();
      StringRef name = nameOf(func, i);
      if (name.empty() || !glob->match(name))
        continue;
      any = true;
      if (!placed.insert(i).second)
        continue;
      auto type = dyn_cast<RankedTensorType>(arg.getType());
      if (!type || type.getRank() != int64_t(seed->dims.size()))
        return func.emitError() << "--shard=" << text << ": places " << seed->dims.size() << " dimensions, "
                                << describeArgument(func, i) << " has type " << arg.getType();
      if (int64_t(seed->open.size()) == type.getRank() &&
          llvm::all_of(seed->dims, [](auto &axes) { return axes.empty(); }))
        continue; // left to the strategy
      Placement placement{seed->dims, {}};
      func.setArgAttr(i, kShardingAttr, placement.toAttr(func.getContext(), mesh));
      if (!seed->open.empty())
        func.setArgAttr(i, kOpenAttr, b.getI64ArrayAttr(seed->open));
      func.setArgAttr(i, kPriorityAttr, b.getI64IntegerAttr(seed->priority));
    }
    if (!any) {
      auto message = func.emitError() << "--shard=" << text
                                      << ": no parameter, input or label has such a name; there are";
      for (unsigned i = 0, said = 0; i < func.getNumArguments() && said < 8; ++i)
        if (StringRef name = nameOf(func, i); !name.empty())
          message << (said++ ? ", \"" : " \"") << name << "\"";
      return message;
    }
  }
  return success();
}

/// The axes along which the devices that the file names for each part lie. None where it names no devices, other ones
/// than the mesh has, or such as no list of axes gives.
static std::optional<Placement> placementOfDevices(func::FuncOp func, unsigned arg, ArrayRef<int64_t> parts,
                                                   MeshAttr mesh) {
  auto devices = func.getArgAttrOfType<DenseI64ArrayAttr>(arg, "llcc.shard_of_device");
  if (!devices || devices.size() != mesh.getDevices())
    return std::nullopt;
  ArrayRef<int64_t> shard = devices.asArrayRef();
  auto coordinate = [&](int64_t device, StringAttr axis) {
    int64_t inner = 1;
    for (auto [name, size] : llvm::reverse(llvm::zip(mesh.getAxes(), mesh.getSizes()))) {
      if (name == axis)
        return device / inner % size;
      inner *= size;
    }
    return int64_t(0);
  };
  Placement placement = Placement::whole(parts.size());
  int64_t below = 1; // parts of the dimensions behind
  for (int64_t dim = int64_t(parts.size()) - 1; dim >= 0; below *= parts[dim--]) {
    // Minor axes first: each cuts the part that is left by the number of its members.
    int64_t done = 1;
    while (done < parts[dim]) {
      StringAttr next;
      for (StringAttr axis : mesh.getAxes()) {
        int64_t size = mesh.getSize(axis.getValue());
        if (axis.getValue() == kPipelineAxis || size < 2 || placement.cuts(axis) || parts[dim] % (done * size))
          continue;
        bool fits = true;
        for (int64_t d = 0; d < int64_t(shard.size()); ++d)
          fits &= shard[d] < 0 || shard[d] / below % parts[dim] / done % size == coordinate(d, axis);
        if (fits) {
          next = axis;
          break;
        }
      }
      if (!next)
        return std::nullopt;
      placement.dims[dim].insert(placement.dims[dim].begin(), next);
      done *= mesh.getSize(next.getValue());
    }
  }
  return placement;
}

void applyShards(func::FuncOp func, MeshAttr mesh) {
  Builder b(func.getContext());
  for (unsigned i = 0; i < func.getNumArguments(); ++i) {
    auto shards = func.getArgAttrOfType<DenseI64ArrayAttr>(i, "llcc.shards");
    auto type = dyn_cast<RankedTensorType>(func.getArgument(i).getType());
    if (!shards || !type || func.getArgAttr(i, kShardingAttr) || mesh.getDevices() == 1)
      continue;
    // A weight with a dimension for its parts is asked for in the file's shape: its columns are the last dimension.
    SmallVector<int64_t> parts(shards.asArrayRef());
    if (auto file = func.getArgAttrOfType<DenseI64ArrayAttr>(i, "llcc.file_shape"))
      for (auto [dim, size] : llvm::enumerate(file.asArrayRef()))
        if (int64_t(parts.size()) < type.getRank() && type.getDimSize(dim) != size)
          parts.insert(parts.begin() + dim, 1);
    if (int64_t(parts.size()) != type.getRank())
      continue;
    // Tokens go everywhere before experts are cut, as the strategy does it.
    bool first = func.getArgAttr(i, "llcc.batched") || mesh.getSize("expert") == 1;
    if (std::optional<Placement> exact = placementOfDevices(func, i, parts, mesh)) {
      func.setArgAttr(i, kShardingAttr, exact->toAttr(func.getContext(), mesh));
      func.setArgAttr(i, kPriorityAttr, b.getI64IntegerAttr(first ? 0 : 1));
      continue;
    }
    Placement placement = Placement::whole(type.getRank());
    SmallVector<int64_t> open;
    bool batched = bool(func.getArgAttr(i, "llcc.batched"));
    for (auto [dim, count] : llvm::enumerate(parts)) {
      if (count == 1)
        continue;
      SmallVector<StringAttr> axes(mesh.getAxes());
      llvm::stable_sort(axes, [&](StringAttr x, StringAttr y) {
        auto rank = [&](StringAttr axis) { return axis.getValue() == (batched ? "data" : "tensor") ? 0 : 1; };
        return rank(x) < rank(y);
      });
      auto found = llvm::find_if(axes, [&, count = count](StringAttr axis) {
        return axis.getValue() != kPipelineAxis && mesh.getSize(axis.getValue()) == count && !placement.cuts(axis);
      });
      if (found == axes.end()) {
        func.emitWarning() << describeArgument(func, i) << ": the file cuts dimension " << dim << " into " << count
                           << " parts, no axis of the mesh " << mesh << " has that many members; left to the strategy";
        open.push_back(int64_t(dim));
        continue;
      }
      placement.dims[dim].push_back(*found);
    }
    if (!open.empty() && llvm::all_of(placement.dims, [](auto &dims) { return dims.empty(); }))
      continue;
    func.setArgAttr(i, kShardingAttr, placement.toAttr(func.getContext(), mesh));
    func.setArgAttr(i, kPriorityAttr, b.getI64IntegerAttr(first ? 0 : 1));
    if (!open.empty())
      func.setArgAttr(i, kOpenAttr, b.getI64ArrayAttr(open));
  }
}

void seedByPriority(func::FuncOp func, Propagation &propagation, ArrayRef<std::optional<Placement>> seeds) {
  std::map<int64_t, SmallVector<unsigned>> rounds;
  for (unsigned i = 0; i < seeds.size(); ++i)
    if (seeds[i]) {
      auto priority = func.getArgAttrOfType<IntegerAttr>(i, kPriorityAttr);
      rounds[priority ? priority.getInt() : INT64_MAX].push_back(i);
    }
  for (auto &[priority, args] : rounds) {
    for (unsigned i : args) {
      SmallVector<int64_t> open;
      if (auto dims = func.getArgAttrOfType<ArrayAttr>(i, kOpenAttr))
        for (Attribute dim : dims)
          open.push_back(cast<IntegerAttr>(dim).getInt());
      propagation.seed(func.getArgument(i), seeds[i]->dims, /*closed=*/true, open);
    }
    if (priority != INT64_MAX)
      propagation.run();
  }
}

} // namespace mlir::llcc
