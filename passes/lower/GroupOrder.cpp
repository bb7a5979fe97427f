// In which order groups run.
#include "passes/lower/Groups.h"

#include <queue>

namespace mlir::llcc {

bool Groups::reaches(unsigned from, unsigned to) const {
  SmallVector<unsigned> stack = {from};
  DenseSet<unsigned> seen;
  while (!stack.empty()) {
    unsigned id = stack.pop_back_val();
    if (id == to)
      return true;
    if (seen.insert(id).second)
      stack.append(groups[id].after.begin(), groups[id].after.end());
  }
  return false;
}

/// The use that returns the new value of a parameter or of a state.
bool Groups::isNewValue(OpOperand &use) const {
  return isa<func::ReturnOp>(use.getOwner()) && (function.getResultAttr(use.getOperandNumber(), "llcc.param") ||
                                                 function.getResultAttr(use.getOperandNumber(), "llcc.state"));
}

ArrayRef<unsigned> Groups::readersOf(Value value) {
  auto [it, isNew] = readers.try_emplace(value);
  if (isNew) {
    llvm::SmallSetVector<unsigned, 8> ids;
    auto at = consumers.find(value);
    if (at != consumers.end())
      for (Operation *user : at->second)
        ids.insert(*groupOf(user));
    it->second.assign(ids.begin(), ids.end());
  }
  return it->second;
}

SmallVector<unsigned> Groups::order() {
  // A group that makes the new value of a parameter comes after the other readers of the old one, unless they depend on
  // it.
  auto ret = cast<func::ReturnOp>(function.getBody().front().getTerminator());
  DenseMap<StringRef, BlockArgument> parameters;
  for (BlockArgument argument : function.getArguments())
    for (StringRef key : {"llcc.param", "llcc.state"})
      if (auto name = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), key))
        parameters[name.getValue()] = argument;
  for (auto [i, value] : llvm::enumerate(ret.getOperands())) {
    Operation *def = value.getDefiningOp();
    std::optional<unsigned> writer = def ? groupOf(def) : std::nullopt;
    if (!writer)
      continue;
    for (StringRef key : {"llcc.param", "llcc.state"})
      if (auto name = function.getResultAttrOfType<StringAttr>(i, key))
        if (BlockArgument argument = parameters.lookup(name.getValue()))
          for (unsigned reader : readersOf(argument))
            if (reader != *writer && reader != *groupOf(ret) && !reaches(*writer, reader))
              addEdge(reader, *writer);
  }
  return sorted();
}

/// Kernels that end the life of as many bytes as they begin (sums of gradients, updates) and captures run as soon as
/// they can, unless they would have to wait for communication; everything else in the order of the source.
SmallVector<unsigned> Groups::sorted() {
  size_t count = groups.size();
  SmallVector<SmallVector<Value>> reads(count);
  DenseMap<Value, unsigned> left; // value -> groups that have yet to read it
  for (unsigned id = 0; id < count; ++id) {
    llvm::SmallSetVector<Value, 8> sources;
    for (Operation *op : groups[id].members)
      sourcesOf(op, sources);
    for (Value source : sources)
      if (Operation *def = source.getDefiningOp(); def && *groupOf(def) != id) {
        reads[id].push_back(source);
        ++left[source];
      }
  }
  auto frees = [&](unsigned id) {
    Operation *op = groups[id].members.front();
    if ((groups[id].anchor && !isa<CaptureOp>(op)) || groups[id].recomputed)
      return false;
    int64_t balance = 0;
    for (Value x : reads[id]) {
      if (isCommunication(x.getDefiningOp()))
        return false;
      if (left[x] == 1)
        balance += bytesOf(x);
    }
    if (groups[id].anchor)
      return true;
    // The new value of a parameter or of a state needs no room, also where more is computed from it (Adam's moments); a
    // scalar needs little.
    for (Value result : bodyOf(groups[id].members).results)
      if (elementsOf(result) > 1 && llvm::none_of(result.getUses(), [&](OpOperand &use) { return isNewValue(use); }))
        balance -= bytesOf(result);
    return balance >= 0;
  };

  SmallVector<unsigned> waiting(count), order;
  SmallVector<char> done(count, false);
  using Item = std::pair<int64_t, unsigned>;
  std::priority_queue<Item, std::vector<Item>, std::greater<Item>> ready;
  auto push = [&](unsigned id) { ready.push({frees(id) ? -1 : groups[id].position, id}); };
  for (unsigned id = 0; id < count; ++id) {
    waiting[id] = groups[id].before.size();
    if (!groups[id].members.empty() && !waiting[id])
      push(id);
  }
  while (!ready.empty()) {
    unsigned id = ready.top().second;
    ready.pop();
    if (done[id])
      continue;
    done[id] = true;
    order.push_back(id);
    for (Value x : reads[id])
      if (--left[x] == 1)
        for (unsigned reader : readersOf(x))
          if (!done[reader] && !waiting[reader] && frees(reader))
            ready.push({-1, reader});
    for (unsigned next : groups[id].after)
      if (--waiting[next] == 0)
        push(next);
  }
  return order;
}

} // namespace mlir::llcc
