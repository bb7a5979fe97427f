#!/usr/bin/env python3
"""Makes mixtures of experts with top-2 routing in the forms that exporters write, and data for them; the same bytes every time.

usage: make-experts.py FOLDER [--experts=4] [--width=8] [--hidden=12] [--tokens=6]
dense.onnx     every expert computes every token, weights [experts, in, out]; what counts is scattered into the gates
soft.onnx      the same with gates for all experts, and the sum in one Einsum of three operands
dispatch.onnx  tokens are sent to a place of their experts' capacity and back, by one-hot tensors (GShard); what finds no place is dropped
apart.onnx     a weight and a MatMul for each expert
balanced.onnx  dense, with a loss in the graph: squared error and 0.1 times the load-balancing loss of Switch Transformers
Inputs x [batch, tokens, width], output y [batch, tokens, 5]; data.npz has x and label (class numbers), balanced.npz x and t.
"""
import argparse, os
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CLASSES = 5


class Model:
    def __init__(self, a, seed):
        self.a, self.nodes, self.tensors, self.rng, self.inputs = a, [], [], np.random.default_rng(seed), [("x", [a.tokens, a.width])]

    def node(self, op, inputs, *outputs, **attributes):
        self.nodes.append(helper.make_node(op, inputs, list(outputs), name=outputs[0], **attributes))
        return outputs[0]

    def weight(self, name, *shape):
        bound = 1 / np.sqrt(shape[-2] if len(shape) > 1 else shape[0])
        return self.constant(name, self.rng.uniform(-bound, bound, shape).astype(np.float32))

    def constant(self, name, values):
        if name not in [t.name for t in self.tensors]:
            self.tensors.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def ints(self, *values):
        return self.constant("i_" + "_".join(map(str, values)).replace("-", "m"), np.array(values, np.int64))

    def router(self, top=True):
        """Gates [batch, tokens, experts], and the numbers of the two chosen [batch, tokens, 2]."""
        p = self.node("Softmax", [self.node("MatMul", ["x", self.weight("router", self.a.width, self.a.experts)], "scores")], "p", axis=-1)
        if not top:
            return p, None
        self.node("TopK", [p, self.ints(2)], "top", "chosen", axis=-1)
        share = self.node("Div", ["top", self.node("ReduceSum", ["top", self.ints(-1)], "top_sum")], "share")
        zeros = self.node("ConstantOfShape", [self.node("Shape", [p], "p_shape")], "zeros", value=numpy_helper.from_array(np.zeros(1, np.float32)))
        return self.node("ScatterElements", [zeros, "chosen", share], "gates", axis=-1), "chosen"

    def activate(self, h, name):
        return self.node("Mul", [h, self.node("Sigmoid", [h], name + "_sigmoid")], name)

    def hidden(self, x, equation):
        a = self.a
        h = self.node("Einsum", [x, self.weight("up", a.experts, a.width, a.hidden)], "h", equation=equation)
        return h

    def finish(self, y, output="y"):
        y = self.node("Add", ["x", y], "residual")
        return self.node("MatMul", [y, self.weight("head", self.a.width, CLASSES)], output)

    def save(self, path, output=("y", None)):
        f32 = TensorProto.FLOAT
        inputs = [helper.make_tensor_value_info(n, f32, ["batch", *s]) for n, s in self.inputs]
        name, shape = output
        graph = helper.make_graph(self.nodes, "experts", inputs, [helper.make_tensor_value_info(name, f32, ["batch", self.a.tokens, CLASSES] if shape is None else shape)], self.tensors)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
        onnx.checker.check_model(model, full_check=True)
        onnx.save(model, path)


def dense(m):
    a = m.a
    gates, chosen = m.router()
    h = m.node("Add", [m.hidden("x", "bsd,edf->bsef"), m.weight("up_bias", a.experts, a.hidden)], "h_bias")
    y = m.node("Einsum", [m.activate(h, "act"), m.weight("down", a.experts, a.hidden, a.width)], "each", equation="bsef,efd->bsed")
    y = m.node("Mul", [y, m.node("Unsqueeze", [gates, m.ints(-1)], "gates_1")], "weighted")
    return m.node("ReduceSum", [y, m.ints(2)], "mixed", keepdims=0), gates


def soft(m):
    gates, _ = m.router(top=False)
    h = m.activate(m.hidden("x", "bsd,edf->bsef"), "act")
    return m.node("Einsum", [h, m.weight("down", m.a.experts, m.a.hidden, m.a.width), gates], "mixed", equation="bsef,efd,bse->bsd")


def dispatch(m):
    a, capacity = m.a, 3
    gates, chosen = m.router()
    values = m.constant("off_on", np.array([0, 1], np.float32))
    hot = m.node("OneHot", [chosen, m.constant("count", np.array(a.experts)), values], "hot")  # [batch, tokens, 2, experts]
    mask = m.node("ReduceSum", [hot, m.ints(2)], "mask", keepdims=0)
    place = m.node("CumSum", [mask, m.constant("one", np.array(1))], "place", exclusive=1)
    slots = m.constant("slots", np.arange(capacity, dtype=np.float32))
    at = m.node("Equal", [m.node("Unsqueeze", [place, m.ints(-1)], "place_1"), slots], "at")
    at = m.node("Mul", [m.node("Cast", [at], "at_float", to=TensorProto.FLOAT), m.node("Unsqueeze", [mask, m.ints(-1)], "mask_1")], "sent")
    back = m.node("Mul", [at, m.node("Unsqueeze", [gates, m.ints(-1)], "gates_1")], "back")
    x = m.node("Einsum", ["x", at], "dispatched", equation="bsd,bsec->becd")
    h = m.activate(m.hidden(x, "becd,edf->becf"), "act")
    y = m.node("Einsum", [h, m.weight("down", a.experts, a.hidden, a.width)], "each", equation="becf,efd->becd")
    return m.node("Einsum", [y, back], "mixed", equation="becd,bsec->bsd")


def apart(m):
    a = m.a
    gates, _ = m.router()
    total = None
    for e in range(a.experts):
        h = m.node("MatMul", ["x", m.weight(f"experts.{e}.up", a.width, a.hidden)], f"h.{e}")
        h = m.activate(m.node("Add", [h, m.weight(f"experts.{e}.bias", a.hidden)], f"h_bias.{e}"), f"act.{e}")
        y = m.node("MatMul", [h, m.weight(f"experts.{e}.down", a.hidden, a.width)], f"each.{e}")
        gate = m.node("Slice", [gates, m.ints(e), m.ints(e + 1), m.ints(-1)], f"gate.{e}")
        y = m.node("Mul", [y, gate], f"weighted.{e}")
        total = m.node("Add", [total, y], f"sum.{e}") if total else y
    return total


def balanced(m):
    a = m.a
    y, gates = dense(m)
    m.finish(y)
    m.inputs.append(("t", [a.tokens, CLASSES]))
    d = m.node("Sub", ["y", "t"], "d")
    error = m.node("ReduceMean", [m.node("Mul", [d, d], "d2")], "error", keepdims=0)
    used = m.node("Cast", [m.node("Greater", [gates, m.constant("zero", np.float32(0))], "used")], "used_float", to=TensorProto.FLOAT)
    f = m.node("ReduceMean", [used, m.ints(0, 1)], "fraction", keepdims=0)
    p = m.node("ReduceMean", ["p", m.ints(0, 1)], "probability", keepdims=0)
    balance = m.node("ReduceSum", [m.node("Mul", [f, p], "fp")], "balance", keepdims=0)
    m.node("Add", [error, m.node("Mul", [balance, m.constant("weight", np.float32(0.1 * a.experts))], "balance_weighted")], "loss")


p = argparse.ArgumentParser()
p.add_argument("folder")
for name, value in (("experts", 4), ("width", 8), ("hidden", 12), ("tokens", 6)):
    p.add_argument("--" + name, type=int, default=value)
a = p.parse_args()
os.makedirs(a.folder, exist_ok=True)
for i, make in enumerate((dense, soft, dispatch, apart, balanced)):
    m = Model(a, i)
    made = make(m)
    if make is balanced:
        m.save(f"{a.folder}/balanced.onnx", ("loss", []))
    else:
        m.finish(made[0] if make is dense else made)
        m.save(f"{a.folder}/{make.__name__}.onnx")
rng, n = np.random.default_rng(7), 48
x = rng.standard_normal((n, a.tokens, a.width)).astype(np.float32)
np.savez(f"{a.folder}/data.npz", x=x, label=rng.integers(0, CLASSES, (n, a.tokens)))
np.savez(f"{a.folder}/balanced.npz", x=x, t=rng.standard_normal((n, a.tokens, CLASSES)).astype(np.float32))
