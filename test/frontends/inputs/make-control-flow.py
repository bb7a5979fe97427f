"""Models with If, Loop, Scan, sequences, optionals and functions, good ones and bad ones.

usage: make-control-flow.py FOLDER
Good models (flow-*) hold their inputs' values in FOLDER/NAME.npz and are compared with ONNX Runtime by compare-flow.py.
"""
import os
import sys

import numpy as np
import onnx
from onnx import TensorProto as T, helper as h, numpy_helper as nh

folder = sys.argv[1]
os.makedirs(folder, exist_ok=True)
F, I, B = T.FLOAT, T.INT64, T.BOOL


def value(name, kind=F, shape=None):
    return h.make_tensor_value_info(name, kind, shape)


def tensor(name, array):
    return nh.from_array(np.asarray(array), name)


def graph(nodes, inputs, outputs, tensors=(), name="body"):
    return h.make_graph(nodes, name, inputs, outputs, list(tensors))


def save(name, nodes, inputs, outputs, tensors=(), opset=18, functions=(), imports=(), **feeds):
    model = h.make_model(graph(nodes, inputs, outputs, tensors, "main"), opset_imports=[h.make_opsetid("", opset), *imports], ir_version=10,
                         functions=list(functions))
    onnx.save(model, f"{folder}/{name}.onnx")
    np.savez(f"{folder}/{name}.npz", **feeds)


x = np.random.default_rng(1).standard_normal((3, 4)).astype(np.float32)
w = np.random.default_rng(2).standard_normal((4, 4)).astype(np.float32) * 0.5
X, Y = value("x", F, [3, 4]), value("y", F, [3, 4])
node = h.make_node

# --- If --------------------------------------------------------------------------------------------------------------------------
rates = [node("Equal", ["sr", "wide"], ["is_wide"], "compare"),
         node("If", ["is_wide"], ["y"], "choose",
              then_branch=graph([node("MatMul", ["x", "w"], ["t"], "mul16")], [], [value("t")], [tensor("w", w)]),
              else_branch=graph([node("MatMul", ["x", "w"], ["e0"], "mul8"), node("Relu", ["e0"], ["e"], "relu8")], [], [value("e")], [tensor("w", w.T)]))]
for sr in (16000, 8000):
    save(f"flow-bind-{sr}", rates, [X, value("sr", I, [])], [Y], [tensor("wide", np.int64(16000))], x=x, sr=np.int64(sr))

nested = node("If", ["yes"], ["y"], "outer",
              then_branch=graph([node("If", ["no"], ["inner"], "inner",
                                      then_branch=graph([node("Neg", ["doubled"], ["n"], "negate")], [], [value("n")]),
                                      else_branch=graph([node("Sub", ["doubled", "x"], ["s"], "subtract")], [], [value("s")]))], [], [value("inner")]),
              else_branch=graph([node("Exp", ["doubled"], ["u"], "never")], [], [value("u")]))
save("flow-nested", [node("Add", ["x", "x"], ["doubled"], "double"), nested], [X], [Y], [tensor("yes", True), tensor("no", False)], x=x)

# --- Loop, Scan ---------------------------------------------------------------------------------------------------------------------
turn = [node("MatMul", ["h", "w"], ["hw"], "step"), node("Tanh", ["hw"], ["h2"], "bend"), node("Identity", ["go"], ["go2"]),
        node("ReduceSum", ["h2", "one"], ["sum"], "total", keepdims=0)]
body = graph(turn, [value("i", I, []), value("go", B, []), value("h")], [value("go2", B, []), value("h2"), value("sum")])
save("flow-loop", [node("Loop", ["three", "", "x"], ["last", "sums"], "loop", body=body), node("Transpose", ["sums"], ["st"]),
                   node("MatMul", ["st", "sums"], ["square"]), node("MatMul", ["square", "last"], ["y"])], [X], [Y],
     [tensor("three", np.int64(3)), tensor("w", w), tensor("one", np.array([1]))], x=x)
# As Keras writes its GRU: the loop carries weights that it never changes; and what a turn computes of constants has one name in all turns.
cell = [node("MatMul", ["h", "wi"], ["hw"], "step"), node("Split", ["bi"], ["b0", "b1"], num_outputs=2), node("Squeeze", ["b1", "first"], ["b"]), node("Add", ["hw", "b"], ["hb"]),
        node("Transpose", ["fixed"], ["turned"]), node("Mul", ["hb", "turned"], ["h2"], "scale"), node("Identity", ["go"], ["go2"]), node("Identity", ["bi"], ["bo"])]
carrying = graph(cell, [value("i", I, []), value("go", B, []), value("h"), value("wi"), value("bi")], [value("go2", B, []), value("h2"), value("wi"), value("bo")])
save("flow-loop-carried", [node("Loop", ["three", "", "x", "w", "bias"], ["y", "w_last", "bias_last"], "loop", body=carrying)], [X], [Y],
     [tensor("three", np.int64(3)), tensor("w", w), tensor("bias", w[:2] * 3), tensor("fixed", x.T * 2), tensor("first", np.array([0]))], x=x)
until = graph([node("Add", ["i", "offset"], ["j"]), node("Less", ["j", "four"], ["go2"]), node("Mul", ["h", "x"], ["h2"], "power")],
              [value("i", I, []), value("go", B, []), value("h")], [value("go2", B, []), value("h2")])
save("flow-until", [node("Loop", ["", "yes", "x"], ["y"], "loop", body=until)], [X], [Y],
     [tensor("yes", True), tensor("offset", np.int64(1)), tensor("four", np.int64(4))], x=x)
none = graph([node("Identity", ["go"], ["go2"]), node("Identity", ["h"], ["h2"]), node("Identity", ["h"], ["out"])],
             [value("i", I, []), value("go", B, []), value("h", F, [3, 4])], [value("go2", B, []), value("h2", F, [3, 4]), value("out", F, [3, 4])])
save("flow-no-turn", [node("Loop", ["zero", "", "x"], ["kept", "none"], "loop", body=none), node("ReduceSum", ["none"], ["nothing"], keepdims=0),
                      node("Add", ["kept", "nothing"], ["y"])], [X], [Y], [tensor("zero", np.int64(0))], x=x)
scan = graph([node("Add", ["s", "row"], ["s2"], "sum"), node("Mul", ["s2", "gain"], ["out"], "scale")], [value("s"), value("row")], [value("s2"), value("out")])
for name, attributes in {"flow-scan": {}, "flow-scan-axes": dict(scan_input_axes=[-1], scan_output_axes=[1], scan_input_directions=[1], scan_output_directions=[1])}.items():
    size = 3 if attributes else 4
    save(name, [node("Scan", ["start", "x"], ["last", "y"], "scan", body=scan, num_scan_inputs=1, **attributes)], [X], [Y, value("last")],
         [tensor("start", np.ones(size, np.float32)), tensor("gain", np.linspace(0.5, 2, size, dtype=np.float32))], x=x)

# --- sequences, optionals -------------------------------------------------------------------------------------------------------------
save("flow-sequence", [node("SplitToSequence", ["x", "two"], ["parts"], axis=1), node("SequenceLength", ["parts"], ["n"]), node("SequenceAt", ["parts", "last"], ["b"]),
                       node("SequenceErase", ["parts", "last"], ["a"]), node("SequenceInsert", ["a", "b", "front"], ["ba"]), node("Cast", ["n"], ["nf"], to=F),
                       node("ConcatFromSequence", ["ba"], ["c"], axis=1), node("Mul", ["c", "nf"], ["y"])], [X], [Y],
     [tensor("two", np.int64(2)), tensor("last", np.int64(-1)), tensor("front", np.int64(0))], x=x)
save("flow-sequence-loop", [node("SequenceEmpty", [], ["empty"]), node("Loop", ["three", "", "empty"], ["rows"], "loop", body=graph(
    [node("Identity", ["go"], ["go2"]), node("Gather", ["x", "i"], ["row"]), node("SequenceInsert", ["list", "row"], ["longer"])],
    [value("i", I, []), value("go", B, []), h.make_tensor_sequence_value_info("list", F, None)],
    [value("go2", B, []), h.make_tensor_sequence_value_info("longer", F, None)])), node("ConcatFromSequence", ["rows"], ["y"], axis=0, new_axis=1)], [X], [Y],
     [tensor("three", np.int64(3))], x=x)
optional = h.make_optional_type_proto(h.make_tensor_type_proto(F, [3, 4]))
save("flow-optional", [node("Optional", ["x"], ["maybe"]), node("OptionalHasElement", ["maybe"], ["there"]),
                       node("If", ["there"], ["y"], "choose", then_branch=graph([node("OptionalGetElement", ["maybe"], ["v"])], [], [value("v")]),
                            else_branch=graph([node("Neg", ["x"], ["n"])], [], [value("n")]))], [X], [Y], x=x)

# --- functions ------------------------------------------------------------------------------------------------------------------------
pkg = h.make_opsetid("pkg.layers", 1)
linear = h.make_function("pkg.layers", "linear", ["a", "weight", "bias"], ["r"], [node("Gemm", ["a", "weight", "bias"], ["r"], "gemm")], [h.make_opsetid("", 18)])
for attribute, ref in (("transB", "trans"), ("alpha", "scale")):
    a = linear.node[0].attribute.add()
    a.name, a.ref_attr_name, a.type = attribute, ref, onnx.AttributeProto.INT if attribute == "transB" else onnx.AttributeProto.FLOAT
linear.attribute.append("trans")
linear.attribute_proto.append(h.make_attribute("scale", 1.0))
block = h.make_function("pkg.layers", "block", ["a", "w1", "w2"], ["out", "a2"], [
    node("linear", ["a", "w1"], ["t"], "first", domain="pkg.layers", trans=1), node("Relu", ["t"], ["u"], "act"),
    node("linear", ["u", "w2"], ["out"], "second", domain="pkg.layers", trans=0, scale=2.0), node("Identity", ["t"], ["a2"])], [h.make_opsetid("", 18), pkg])
save("flow-function", [node("block", ["x", "w1", "w2"], ["h", ""], "block1", domain="pkg.layers"), node("block", ["h", "w1", "w2"], ["g", "t"], "block2", domain="pkg.layers"),
                       node("Add", ["g", "t"], ["y"])], [X], [Y], [tensor("w1", w), tensor("w2", w * 2)], functions=[linear, block], imports=[pkg], x=x)
old = h.make_function("pkg.layers", "old", ["a"], ["r"], [node("Squeeze", ["a"], ["s"], axes=[0]), node("Unsqueeze", ["s"], ["r"], axes=[1])], [h.make_opsetid("", 11)])
save("function-opset", [node("Reshape", ["x", "shape"], ["x3"]), node("old", ["x3"], ["o"], "call", domain="pkg.layers"), node("Reshape", ["o", "back"], ["y"])], [X], [Y],
     [tensor("shape", np.array([1, 3, 4])), tensor("back", np.array([3, 4]))], functions=[old], imports=[pkg])

save("untaken", [node("If", ["no"], ["y"], "choose", then_branch=graph([node("Unknown", ["x"], ["u"], "never")], [], [value("u")]),
                      else_branch=graph([node("Neg", ["x"], ["n"], "negate")], [], [value("n")]))], [X], [Y], [tensor("no", False)])

# --- bad ones ---------------------------------------------------------------------------------------------------------------------------
circle = h.make_function("pkg.layers", "circle", ["a"], ["r"], [node("circle", ["a"], ["r"], domain="pkg.layers")], [h.make_opsetid("", 18), pkg])
save("bad-circle", [node("circle", ["x"], ["y"], "call", domain="pkg.layers")], [X], [Y], functions=[circle], imports=[pkg])
double = [h.make_function("pkg.layers", f"d{i}", ["a"], ["r"], [node(f"d{i + 1}", ["a"], ["b"], domain="pkg.layers"), node(f"d{i + 1}", ["b"], ["r"], domain="pkg.layers")],
                          [h.make_opsetid("", 18), pkg]) for i in range(30)]
leaf = h.make_function("pkg.layers", "d30", ["a"], ["r"], [node("Relu", ["a"], ["r"])], [h.make_opsetid("", 18)])
save("bad-doubling", [node("d0", ["x"], ["y"], "call", domain="pkg.layers")], [X], [Y], functions=[*double, leaf], imports=[pkg])
branches = dict(then_branch=graph([node("Relu", ["x"], ["t"])], [], [value("t")]), else_branch=graph([node("Neg", ["x"], ["e"])], [], [value("e")]))
save("bad-if-input", [node("Greater", ["limit", "zero"], ["c"]), node("If", ["c"], ["y"], "choose", **branches)], [X, value("limit", F, [])], [Y], [tensor("zero", np.float32(0))])
save("bad-if-shape", [node("If", ["c"], ["y"], "choose", **branches)], [X], [Y], [tensor("c", np.array([True, False]))])
save("bad-trip-count", [node("Loop", ["n", "", "x"], ["y"], "loop", body=until)], [X, value("n", I, [])], [Y], [tensor("offset", np.int64(1)), tensor("four", np.int64(4))])
endless = graph([node("Identity", ["go"], ["go2"]), node("Relu", ["h"], ["h2"])], [value("i", I, []), value("go", B, []), value("h")], [value("go2", B, []), value("h2")])
save("bad-endless", [node("Loop", ["", "yes", "x"], ["y"], "loop", body=endless)], [X], [Y], [tensor("yes", True)])
moving = graph([node("ReduceSum", ["h"], ["total"], keepdims=0), node("Greater", ["total", "zero"], ["go2"]), node("Relu", ["h"], ["h2"])],
               [value("i", I, []), value("go", B, []), value("h")], [value("go2", B, []), value("h2")])
save("bad-condition", [node("Loop", ["three", "", "x"], ["y"], "loop", body=moving)], [X], [Y], [tensor("three", np.int64(3)), tensor("zero", np.float32(0))])
save("bad-unknown-in-branch", [node("If", ["c"], ["y"], "choose", then_branch=graph([node("Unknown", ["x"], ["t"], "odd")], [], [value("t")]), else_branch=branches["else_branch"])],
     [X], [Y], [tensor("c", True)])
save("bad-undefined-in-branch", [node("If", ["c"], ["y"], "choose", then_branch=graph([node("Relu", ["nobody"], ["t"], "odd")], [], [value("t")]), else_branch=branches["else_branch"])],
     [X], [Y], [tensor("c", True)])
save("bad-body-inputs", [node("Loop", ["three", "", "x", "x"], ["y", "z"], "loop", body=endless)], [X], [Y], [tensor("three", np.int64(3))])
save("bad-sequence-output", [node("SequenceConstruct", ["x", "x"], ["y"])], [X], [h.make_tensor_sequence_value_info("y", F, None)])
save("bad-sequence-at", [node("SequenceConstruct", ["x", "x"], ["s"]), node("SequenceAt", ["s", "two"], ["y"], "at")], [X], [Y], [tensor("two", np.int64(2))])
save("bad-no-sequence", [node("SequenceLength", ["x"], ["n"], "length"), node("Cast", ["n"], ["f"], to=F), node("Mul", ["x", "f"], ["y"])], [X], [Y])
save("bad-sequence-add", [node("SequenceConstruct", ["x", "x"], ["s"]), node("Add", ["s", "x"], ["y"], "add")], [X], [Y])
save("bad-optional", [node("Optional", [], ["o"], type=h.make_tensor_type_proto(F, [3, 4])), node("OptionalGetElement", ["o"], ["y"], "get")], [X], [Y])
