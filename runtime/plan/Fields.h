// The fields of each structure of a plan in the order in which they are stored; writer, reader and size counter walk
// the same list.
#ifndef LLCC_RUNTIME_PLAN_FIELDS_H
#define LLCC_RUNTIME_PLAN_FIELDS_H

#include "runtime/plan/Plan.h"

namespace llcc::rt {

template <class A> void fields(A &a, Shape &s) {
  a.choice(s.type, DType::Bool);
  a(s.dims);
}
template <class A> void fields(A &a, Sharding &s) { a.list(s.dims); }
template <class A> void fields(A &a, std::vector<uint32_t> &v) { a(v); }
template <class A> void fields(A &a, std::string &s) { a(s); }
template <class A> void fields(A &a, Variable::Copy &c) {
  a(c.section);
  a(c.offset);
  a(c.transposed);
}
template <class A> void fields(A &a, Variable &v) {
  a.choice(v.role, Variable::Role::State);
  a(v.name);
  fields(a, v.shape);
  a(v.fileDims);
  fields(a, v.sharding);
  a(v.stage);
  a(v.trainable);
  a(v.section);
  a(v.offset);
  a.choice(v.stored, DType::Bool);
  a(v.init);
  a.list(v.copies);
  a(v.mergeLeft);
  a(v.mergeRight);
  a(v.mergeScale);
  a(v.mergeTransposed);
}
template <class A> void fields(A &a, Input &i) {
  a(i.name);
  fields(a, i.shape);
  fields(a, i.sharding);
  a(i.label);
  a(i.batched);
  a(i.classes);
  a(i.ignore);
}
template <class A> void fields(A &a, Output &o) {
  a(o.name);
  fields(a, o.shape);
}
template <class A> void fields(A &a, Buffer &b) {
  a.choice(b.space, Buffer::Space::Output);
  fields(a, b.shape);
  a(b.offset);
  a(b.index);
  a(b.viewOf);
}
template <class A> void fields(A &a, Instr &i) {
  a.choice(i.op, kLastOp);
  a(i.stream);
  a(i.ins);
  a(i.outs);
  a(i.waits);
  a(i.ints);
  a(i.reals);
  a(i.axes);
  a(i.kernel);
  a(i.name);
  a(i.node);
}
template <class A> void fields(A &a, Program &p) {
  a.choice(p.kind, Program::Kind::Infer);
  a(p.stage);
  a(p.arenaBytes);
  a.list(p.buffers);
  a.list(p.instrs);
}
template <class A> void fields(A &a, Kernel::Dependence &d) {
  a(d.ins);
  a(d.coords);
}
template <class A> void fields(A &a, Kernel &k) {
  a(k.name);
  a(k.ins);
  a(k.outs);
  a.list(k.signature);
  a(k.coords);
  a.list(k.dependences);
  a(k.grid);
  a(k.block);
  a(k.text);
}
template <class A> void fields(A &a, Plan &p) {
  a(p.model);
  a(p.target);
  a(p.strategy);
  a(p.loss);
  a(p.optimizer);
  a(p.schedule);
  a(p.command);
  a.list(p.axes);
  a(p.sizes);
  a(p.batch);
  a(p.microbatches);
  a(p.deterministic);
  a(p.learningRate);
  a(p.lrSchedule);
  a(p.warmupSteps);
  a(p.totalSteps);
  a(p.classification);
  a.list(p.variables);
  a.list(p.inputs);
  a.list(p.outputs);
  a.list(p.kernels);
  a.list(p.programs);
}

} // namespace llcc::rt

#endif
