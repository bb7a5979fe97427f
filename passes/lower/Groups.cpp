// Greedy fusion on the graph of groups.
//
// A group starts as one op. Two groups may join where (1) one form covers the ops of both (formOf), (2) the kernel
// keeps at most kMostArguments buffers, and (3) no path leads from one to the other through a third, as the joined
// group would then both come before and after it. Communication keeps its order: the graph has an edge from each send,
// receive and collective to the next.
#include "passes/lower/Groups.h"
#include "compiler/ir/Provenance.h"

#include <functional>

namespace mlir::llcc {

static constexpr size_t kMostArguments = 24;
static constexpr size_t kMostOps = 128;
/// Unrelated updates of parameters up to this size share a launch.
static constexpr int64_t kSmall = 1 << 14;
/// Siblings further apart (in ops) stay apart: a joined kernel computes early what is needed late.
static constexpr int64_t kNear = 64;
static constexpr unsigned kNone = ~0u;

Groups::Groups(func::FuncOp function) : function(function) {
  Block &block = function.getBody().front();
  // Backwards: an op is computed once if it is work or an anchor, or free and read by an anchor (through views).
  DenseSet<Operation *> needed;
  for (Operation &op : llvm::reverse(block)) {
    if (classOf(&op) == OpClass::Free && !needed.contains(&op))
      continue;
    needed.insert(&op);
    if (classOf(&op) != OpClass::Anchor)
      continue;
    for (Value x : op.getOperands()) {
      while (auto view = x.getDefiningOp<ReshapeOp>())
        x = view.getX();
      if (Operation *def = x.getDefiningOp())
        needed.insert(def);
    }
  }
  int64_t at = 0;
  for (Operation &op : block) {
    position[&op] = at++;
    if (!needed.contains(&op))
      continue;
    unsigned id = groups.size();
    owner[&op] = id;
    leader.push_back(id);
    Group &group = groups.emplace_back();
    group.members = {&op};
    group.anchor = classOf(&op) == OpClass::Anchor;
    group.position = position[&op];
    group.recomputed = op.hasAttr("llcc.recomputed");
    group.forward = !group.recomputed && !isBackward(op.getLoc());
    rank.push_back(id), sequence.push_back(id); // the source is in topological order
  }
  std::optional<unsigned> communication, compute;
  for (Operation &op : block) {
    if (!isComputedOnce(&op))
      continue;
    // A parameter is gathered where llcc-hoist-fetches has put it: nothing else holds it back, and early it would only
    // fill the memory.
    if (op.hasAttr("llcc.fetch") && compute)
      addEdge(*compute, owner[&op]);
    if (!isCommunication(&op))
      compute = owner[&op];
    llvm::SmallSetVector<Value, 8> sources;
    sourcesOf(&op, sources);
    for (Value source : sources) {
      consumers[source].push_back(&op);
      if (Operation *def = source.getDefiningOp())
        addEdge(owner[def], owner[&op]);
    }
    if (isCommunication(&op)) {
      if (communication)
        addEdge(*communication, owner[&op]);
      communication = owner[&op];
    }
  }
}

unsigned Groups::find(unsigned id) const {
  while (leader[id] != id)
    id = leader[id] = leader[leader[id]];
  return id;
}

std::optional<unsigned> Groups::groupOf(Operation *op) const {
  auto it = owner.find(op);
  return it == owner.end() ? std::nullopt : std::optional(find(it->second));
}

void Groups::addEdge(unsigned from, unsigned to) {
  if (from == to)
    return;
  groups[from].after.insert(to);
  groups[to].before.insert(from);
}

void Groups::sourcesOf(Operation *op, llvm::SmallSetVector<Value, 8> &sources) const {
  SmallVector<Value> stack(op->operand_begin(), op->operand_end());
  DenseSet<Value> seen;
  while (!stack.empty()) {
    Value x = stack.pop_back_val();
    if (!seen.insert(x).second)
      continue;
    Operation *def = x.getDefiningOp();
    if (!def || isComputedOnce(def))
      sources.insert(x);
    else
      stack.append(def->operand_begin(), def->operand_end());
  }
}

KernelBody Groups::bodyOf(ArrayRef<Operation *> members) const {
  KernelBody body;
  DenseSet<Operation *> inside(members.begin(), members.end()), visited;
  for (Operation *op : members)
    for (Value result : op->getResults()) {
      auto it = consumers.find(result);
      if (it != consumers.end() && llvm::any_of(it->second, [&](Operation *user) { return !inside.contains(user); }))
        body.results.push_back(result);
    }
  // Depth first from the results, operands in order: equal bodies come out equal, wherever their ops stood in the step.
  llvm::SmallSetVector<Value, 16> arguments;
  std::function<void(Operation *)> visit = [&](Operation *op) {
    if (!visited.insert(op).second)
      return;
    for (Value x : op->getOperands()) {
      Operation *root = rootOf(x).getDefiningOp();
      if (root && (inside.contains(root) || !isComputedOnce(root)))
        visit(x.getDefiningOp());
      else
        arguments.insert(x);
    }
    body.ops.push_back(op);
  };
  for (Value result : body.results)
    visit(result.getDefiningOp());
  body.arguments.assign(arguments.begin(), arguments.end());
  return body;
}

static bool isKernel(const KernelBody &body) {
  return body.arguments.size() + body.results.size() <= kMostArguments && body.ops.size() <= 2 * kMostOps &&
         formOf(body.ops, body.results);
}

/// Collects in `forward` what `from` reaches among the groups numbered up to `to`; true where a path leads to `to`
/// through a third.
bool Groups::findForward(unsigned from, unsigned to, DenseSet<unsigned> &forward) const {
  SmallVector<unsigned> stack;
  for (unsigned next : groups[from].after)
    if (next != to)
      stack.push_back(next);
  while (!stack.empty()) {
    unsigned id = stack.pop_back_val();
    if (id == to)
      return true;
    if (rank[id] > rank[to] || !forward.insert(id).second)
      continue;
    stack.append(groups[id].after.begin(), groups[id].after.end());
  }
  return false;
}

/// True where joining would keep more in memory than it saves: `b` has to wait for something made after `a`, and what
/// `a` reads would live on until then. The sum of a bias's gradients over microbatches, for one, must not hold every
/// microbatch's activations.
bool Groups::keepsAlive(unsigned a, unsigned b) {
  auto sourcesOfGroup = [&](unsigned id) {
    llvm::SmallSetVector<Value, 8> sources;
    for (Operation *op : groups[id].members)
      sourcesOf(op, sources);
    sources.remove_if([&](Value x) { return !x.getDefiningOp() || *groupOf(x.getDefiningOp()) == id; });
    return sources;
  };
  int64_t ready = -1;
  for (Value x : sourcesOfGroup(b))
    if (*groupOf(x.getDefiningOp()) != a)
      ready = std::max(ready, position.lookup(x.getDefiningOp()));
  if (ready <= groups[a].position)
    return false;
  int64_t kept = 0, saved = 0;
  for (Value x : sourcesOfGroup(a))
    if (llvm::all_of(consumers[x], [&](Operation *user) {
          unsigned id = *groupOf(user);
          return id == a || (id != b && position.lookup(user) < ready);
        }))
      kept += bytesOf(x);
  for (Value result : bodyOf(groups[a].members).results)
    if (llvm::all_of(consumers[result], [&](Operation *user) {
          unsigned id = *groupOf(user);
          return id == a || id == b;
        }))
      saved += bytesOf(result);
  return kept > saved;
}

/// True where joining would compute again in the forward pass what is to be computed in the backward pass.
bool Groups::wouldHurry(unsigned a, unsigned b) const {
  return (groups[a].recomputed && groups[b].forward) || (groups[a].forward && groups[b].recomputed);
}

bool Groups::tryMerge(unsigned a, unsigned b) {
  if (a == b || wouldHurry(a, b) || groups[a].anchor || groups[b].anchor ||
      groups[a].members.size() + groups[b].members.size() > kMostOps)
    return false;
  if (rank[a] > rank[b])
    std::swap(a, b);
  SmallVector<Operation *> members(groups[a].members);
  members.append(groups[b].members.begin(), groups[b].members.end());
  llvm::sort(members, [&](Operation *x, Operation *y) { return position.lookup(x) < position.lookup(y); });
  if (!isKernel(bodyOf(members)) || keepsAlive(a, b))
    return false;
  DenseSet<unsigned> forward; // numbered between a and b, after a
  if (findForward(a, b, forward))
    return false;
  // Renumber what lies between (Pearce and Kelly 2006): what does not follow a, the joined group, what follows a.
  SmallVector<unsigned> slots, earlier, later;
  for (unsigned number = rank[a]; number <= rank[b]; ++number) {
    unsigned id = sequence[number];
    if (id == kNone)
      continue;
    slots.push_back(number);
    if (id != a && id != b)
      (forward.contains(id) ? later : earlier).push_back(id);
  }
  earlier.push_back(a);
  earlier.append(later);
  for (auto [number, id] : llvm::zip(slots, earlier))
    sequence[number] = id, rank[id] = number;
  sequence[slots.back()] = kNone;

  Group &into = groups[a], &from = groups[b];
  into.members = std::move(members);
  into.position = std::max(into.position, from.position);
  into.forward |= from.forward;
  into.recomputed |= from.recomputed;
  leader[b] = a;
  for (unsigned next : from.after) {
    groups[next].before.remove(b);
    addEdge(a, next);
  }
  for (unsigned prior : from.before) {
    groups[prior].after.remove(b);
    addEdge(prior, a);
  }
  from = Group();
  return true;
}

bool Groups::fuseProducers() {
  bool changed = false;
  for (Operation &op : function.getBody().front()) {
    std::optional<unsigned> consumer = groupOf(&op);
    if (!consumer || groups[*consumer].anchor)
      continue;
    llvm::SmallSetVector<Value, 8> sources;
    sourcesOf(&op, sources);
    SmallVector<Operation *> producers;
    for (Value source : sources)
      if (Operation *def = source.getDefiningOp())
        producers.push_back(def);
    llvm::sort(producers, [&](Operation *x, Operation *y) { return position.lookup(x) > position.lookup(y); });
    for (Operation *producer : producers)
      changed |= tryMerge(*groupOf(producer), *groupOf(&op));
  }
  return changed;
}

/// Kernels that read the same large value close by read it once; updates of small parameters of equal shape share a
/// launch.
void Groups::fuseSiblings() {
  SmallVector<Value> values(function.getArguments());
  for (Operation &op : function.getBody().front())
    if (isComputedOnce(&op))
      values.append(op.result_begin(), op.result_end());
  for (Value value : values) {
    auto it = consumers.find(value);
    if (it == consumers.end() || it->second.size() < 2)
      continue;
    std::optional<unsigned> last;
    for (Operation *user : it->second) {
      unsigned id = *groupOf(user);
      if (groups[id].anchor || (last && find(*last) == id))
        continue;
      if (last && areSiblings(find(*last), id, elementsOf(value)) && tryMerge(find(*last), id))
        continue;
      last = id;
    }
  }
}

bool Groups::areSiblings(unsigned a, unsigned b, int64_t shared) const {
  KernelBody one = bodyOf(groups[a].members), two = bodyOf(groups[b].members);
  std::optional<KernelForm> x = formOf(one.ops, one.results), y = formOf(two.ops, two.results);
  if (!x || !y || x->kind != y->kind || x->space != y->space)
    return false;
  if (shared > 1)
    return 2 * shared >= x->getExtent() * x->cost && std::abs(groups[a].position - groups[b].position) <= kNear;
  auto isUpdate = [&](const KernelBody &body) {
    return llvm::all_of(body.results, [&](Value result) {
      return llvm::any_of(result.getUses(), [&](OpOperand &use) { return isNewValue(use); });
    });
  };
  if (x->kind == KernelForm::Map && x->getExtent() == 1)
    return true;
  return x->getExtent() <= kSmall && isUpdate(one) && isUpdate(two);
}

/// A result that only one other group reads moves there with the op that makes it, if all that the op reads is in
/// memory anyway: it is computed where it is used and never stored. What has to live longer for that must not be more
/// than the result itself.
void Groups::sinkSoleReads() {
  for (Operation &op : llvm::reverse(function.getBody().front())) {
    std::optional<unsigned> from = groupOf(&op);
    if (!from || groups[*from].anchor || groups[*from].members.size() < 2)
      continue;
    llvm::SmallSetVector<unsigned, 2> readers;
    for (Value result : op.getResults())
      for (Operation *user : consumers[result])
        readers.insert(*groupOf(user));
    if (readers.size() != 1 || readers[0] == *from || groups[readers[0]].anchor)
      continue;
    unsigned to = readers[0];
    if (wouldHurry(*from, to))
      continue;
    KernelBody body = bodyOf(groups[*from].members);
    llvm::SmallSetVector<Value, 8> sources;
    sourcesOf(&op, sources);
    if (!llvm::all_of(sources, [&](Value source) {
          Operation *def = source.getDefiningOp();
          return !def || groupOf(def) != from || llvm::is_contained(body.results, source);
        }))
      continue;
    int64_t longer = 0, saved = 0;
    for (Value source : sources)
      if (source.getDefiningOp() && llvm::all_of(consumers[source], [&](Operation *user) {
            return user == &op || groups[*groupOf(user)].position < groups[to].position;
          }))
        longer += bytesOf(source);
    for (Value result : op.getResults())
      saved += bytesOf(result);
    if (longer > saved)
      continue;
    SmallVector<Operation *> rest, more(groups[to].members);
    llvm::copy_if(groups[*from].members, std::back_inserter(rest), [&](Operation *member) { return member != &op; });
    more.insert(llvm::upper_bound(more, &op,
                                  [&](Operation *a, Operation *b) { return position.lookup(a) < position.lookup(b); }),
                &op);
    if (more.size() > kMostOps || !isKernel(bodyOf(rest)) || !isKernel(bodyOf(more)))
      continue;
    groups[*from].members = std::move(rest);
    groups[to].members = std::move(more);
    owner[&op] = to;
    for (Value source : sources)
      if (Operation *def = source.getDefiningOp())
        addEdge(*groupOf(def), to);
  }
}

void Groups::fuse() {
  for (int round = 0; round < 4 && fuseProducers(); ++round)
    ;
  sinkSoleReads();
  fuseSiblings();
}

} // namespace mlir::llcc
