"""Graphs that must be refused, with everything that llcc-import then says: refuse-graphs.py FOLDER [NAME…]. What one node needs alone is in refused_nodes.py."""
import os, subprocess, sys
import numpy as np
import onnx
from onnx import TensorProto as T, helper as h, numpy_helper as nh

folder, wrong, count = sys.argv[1], 0, 0
node = h.make_node
V = lambda name, kind=T.FLOAT, shape=(2, 3): h.make_tensor_value_info(name, kind, shape)
X, Y = V("x"), V("y", shape=None)
C = lambda name, value: nh.from_array(np.asarray(value), name)
body = lambda nodes, inputs, outputs, name="body": h.make_graph(nodes, name, [V(i, shape=None) for i in inputs], [V(o, shape=None) for o in outputs])


def refuse(name, wants, nodes, inputs=(X,), outputs=(Y,), tensors=(), opset=20, flags=(), change=None):
    global wrong, count
    if sys.argv[2:] and name not in sys.argv[2:]:
        return
    count += 1
    model = h.make_model(h.make_graph(nodes, "main", list(inputs), list(outputs), list(tensors)), ir_version=10,
                         opset_imports=[h.make_opsetid("", opset), h.make_opsetid("ai.onnx.preview", 1)])
    if change:
        change(model)
    path = os.path.join(folder, "m.onnx")
    open(path, "wb").write(model.SerializeToString())
    done = subprocess.run(["llcc-import", path, *flags], capture_output=True, text=True)
    want = [line.replace("@", "m.onnx: ", 1) for line in wants]
    if done.stderr.splitlines() != want or (done.returncode not in (65, 69)) != all(w.startswith("warning") for w in want):
        wrong += 1
        print(f"{name}: exit {done.returncode}\n   says {done.stderr.splitlines()}\n  wants {want}")


relu = [node("Relu", ["x"], ["y"], "r")]
# The file as a whole.
refuse("no-opset", ["@names no opset version of the ONNX domain; export it again"], relu, change=lambda m: m.opset_import.pop(0))
refuse("sparse", ["@has sparse initializers, which are not supported; make them dense"], relu, change=lambda m: m.graph.sparse_initializer.add())
refuse("input-twice", ['@input "x" is listed twice'], relu, inputs=(X, X))
refuse("stored-twice", ['@initializer "w" is stored twice'], [node("Add", ["x", "w"], ["y"], "a")], tensors=[C("w", np.ones(3, np.float32))] * 2)
refuse("no-shape", ['@input "x" has no shape; export the model with its input shapes'], relu, inputs=(V("x", shape=None),))


def segments(m):
    m.graph.initializer[0].segment.begin = 0


def short(m):
    m.graph.initializer[0].CopyFrom(onnx.TensorProto(name="w", data_type=T.FLOAT, dims=[3], float_data=[1, 2]))


add = [node("Add", ["x", "w"], ["y"], "a")]
refuse("segments", ['@initializer "w" is stored in segments, which is not supported; save the model again with onnx.save'], add, tensors=[C("w", np.ones(3, np.float32))], change=segments)
refuse("short", ['@initializer "w" has 2 elements of data, its dimensions 3 need 3'], add, tensors=[C("w", np.ones(3, np.float32))], change=short)
# Values of inputs.
sr = [node("Mul", ["x", "s"], ["y"], "m")]
refuse("bind-two-sizes", ['@--bind s=1,2,3,4: two dimensions of the input have no size; give --dim NAME=SIZE'], sr, inputs=(X, V("s", T.FLOAT, ["a", "b"])), flags=["--bind=s=1,2,3,4"])
refuse("bind-large", ['@--bind s=1: the input is 16777217, more than 2^24 elements'], sr, inputs=(X, V("s", T.FLOAT, [16777217])), flags=["--bind=s=1"])
# What the binder says.
refuse("attribute-of-function", ['@node "r" (Elu): attribute "alpha" refers to a function\'s attribute outside of a function'], [node("Elu", ["x"], ["y"], "r")],
       change=lambda m: m.graph.node[0].attribute.add(name="alpha", ref_attr_name="a", type=onnx.AttributeProto.FLOAT))
refuse("second-output", ['@node "r" (Relu): output 1 ("z") is not supported; only the first output is'], [node("Relu", ["x"], ["y0", "z"], "r"), node("Add", ["y0", "z"], ["y"], "a")])
refuse("axes-matrix", ['@node "u" (Unsqueeze): input axes has shape 1x1, it must have one dimension'], [node("Unsqueeze", ["x", "axes"], ["y"], "u")], tensors=[C("axes", np.array([[0]]))])
refuse("big-constant", ['@node "c" (Constant): a constant of 16777217 elements is too large; store it as an initializer'],
       [node("Constant", [], ["k"], "c", value=C("k", np.zeros(16777217, np.int8))), node("Cast", ["k"], ["f"], "f", to=1), node("ReduceSum", ["f"], ["s"], "s"), node("Add", ["x", "s"], ["y"], "a")])
refuse("float8", ['@node "r" (Abs): input X has element type f8E4M3FN, which is not supported here'], [node("Cast", ["x"], ["n"], "c", to=T.FLOAT8E4M3FN), node("Abs", ["n"], ["y"], "r")])
# Branches and loops.
yes = C("yes", True)
branch = lambda outputs: body([node("Neg", ["x"], [o], o) for o in outputs], [], outputs)
refuse("if-outputs", ['@node "if" (If): the branch taken gives 2 outputs, the node has 1'], [node("If", ["yes"], ["y"], "if", then_branch=branch(["a", "b"]), else_branch=branch(["a", "b"]))], tensors=[yes])
refuse("if-of-parameter", ['@node "if" (If): its condition "c" is computed from the model\'s parameters; it must be known while importing'],
       [node("MatMul", ["x", "w"], ["h"], "mm"), node("ReduceSum", ["w"], ["s"], "s", keepdims=0), node("Cast", ["s"], ["c"], "c", to=T.BOOL), node("If", ["c"], ["t"], "if", then_branch=branch(["a"]), else_branch=branch(["a"])), node("MatMul", ["t", "w"], ["y"], "mm2")],
       tensors=[C("w", np.random.default_rng(0).standard_normal((3, 3)).astype(np.float32))])
still = body([], ["i", "go", "s"], ["go", "s"])
refuse("loop-endless", ['@node "l" (Loop): makes more than 65536 turns; loops are unrolled'], [node("Loop", ["", "yes", "k"], ["s"], "l", body=still), node("Add", ["x", "s"], ["y"], "a")], tensors=[yes, C("k", np.float32(1))])
collect = body([node("Identity", ["go"], ["go2"], "g"), node("Neg", ["s"], ["s2"], "n"), node("Neg", ["s"], ["e"], "n2")], ["i", "go", "s"], ["go2", "s2", "e"])
refuse("loop-no-turn", ['@node "l" (Loop): makes no turn, and its graph does not say the shape of "e"'], [node("Loop", ["none", "", "x"], ["s", "y"], "l", body=collect)], tensors=[C("none", np.array(0))],
       change=lambda m: m.graph.node[0].attribute[0].g.output[2].type.tensor_type.ClearField("shape"))
strange = body([node("Identity", ["go"], ["go2"], "g"), node("Identity", ["s"], ["s2"], "n"), node("SequenceConstruct", ["s"], ["e"], "q")], ["i", "go", "s"], ["go2", "s2", "e"])
refuse("loop-collects-sequences", ['@node "l" (Loop): output "e" of its graph is no tensor'], [node("Loop", ["two", "", "x"], ["s", "y"], "l", body=strange)], tensors=[C("two", np.array(2))])
grow = body([node("Identity", ["go"], ["go2"], "g"), node("Concat", ["s", "s"], ["s2"], "n", axis=0), node("Identity", ["s"], ["e"], "q")], ["i", "go", "s"], ["go2", "s2", "e"])
refuse("loop-grows", ['@node "l" (Loop): joins tensors that do not fit: 2x3 and 4x3'], [node("Loop", ["two", "", "x"], ["s", "y"], "l", body=grow)], tensors=[C("two", np.array(2))])
scan = body([node("Add", ["s", "e"], ["s2"], "a"), node("Neg", ["e"], ["o"], "n")], ["s", "e"], ["s2", "o"])
state = C("s0", np.zeros(3, np.float32))
refuse("scan-inputs", ['@node "s" (Scan): has 2 inputs, of which num_scan_inputs = 3 are cut, and its graph 2 outputs'], [node("Scan", ["s0", "x"], ["z", "y"], "s", body=scan, num_scan_inputs=3)], tensors=[state])
refuse("scan-axes", ['@node "s" (Scan): scan axes and directions need one entry for each of 1 inputs and 1 outputs'], [node("Scan", ["s0", "x"], ["z", "y"], "s", body=scan, num_scan_inputs=1, scan_input_axes=[0, 1])], tensors=[state])
two = body([node("Add", ["e", "f"], ["o"], "n")], ["e", "f"], ["o"])
refuse("scan-steps", ['@node "s" (Scan): scan inputs have 2 and 4 steps'], [node("Scan", ["x", "w"], ["y"], "s", body=two, num_scan_inputs=2)], tensors=[C("w", np.ones((4, 3), np.float32))])
refuse("scan-sequence", ['@node "s" (Scan): scan input 0 is no tensor'], [node("SequenceConstruct", ["x"], ["q"], "q"), node("Scan", ["s0", "q"], ["z", "y"], "s", body=scan, num_scan_inputs=1)], tensors=[state])
refuse("scan-long", ['@node "s" (Scan): makes 65537 turns, more than 65536; loops are unrolled'], [node("Scan", ["s0", "x"], ["z", "y"], "s", body=scan, num_scan_inputs=1)], inputs=[V("x", shape=[65537, 3])], tensors=[state])
old = lambda **a: [node("Scan", a.pop("inputs", ["", "s0", "x"]), ["z", "y"], "s", body=scan, **{"num_scan_inputs": 1, **a})]
batched = dict(inputs=[V("x", shape=[2, 4, 3])], tensors=[C("s0", np.zeros((2, 3), np.float32)), C("lengths", np.array([4, 4]))], opset=8)
refuse("old-scan-inputs", ['@node "s" (Scan): has 3 inputs, of which num_scan_inputs = 4 are cut, and its graph 2 outputs'], old(num_scan_inputs=4), **batched)
refuse("old-scan-lengths", ['@node "s" (Scan): sequence_lens is not supported; export the model with opset 9 or newer'], old(inputs=["lengths", "s0", "x"]), **batched)
refuse("old-scan-batch", ['@node "s" (Scan): input 2 does not have the batch and steps of the others in front'], old(), **{**batched, "inputs": [V("x", shape=[3, 4, 3])]})
# Sequences.
seq = lambda op, inputs, **a: [node("SequenceConstruct", ["x", "x"], ["q"], "q"), node(op, inputs, ["r"], "n", **a), node("ConcatFromSequence", ["r"], ["y"], "c", axis=0)]
refuse("erase-empty", ['@node "n" (SequenceErase): erases from an empty sequence'], [node("SequenceEmpty", [], ["q"], "q"), node("SequenceErase", ["q"], ["r"], "n"), node("ConcatFromSequence", ["r"], ["y"], "c", axis=0)])
refuse("join-empty", ['@node "c" (ConcatFromSequence): joins an empty sequence, whose shape is not known'], [node("SequenceEmpty", [], ["q"], "q"), node("ConcatFromSequence", ["q"], ["y"], "c", axis=0)])
refuse("split-sequence", ['@node "n" (SplitToSequence): input "q" is no tensor'], seq("SplitToSequence", ["q"]))
refuse("split-chunks", ['@node "n" (SplitToSequence): splits into chunks of 0'], seq("SplitToSequence", ["x", "k"]), tensors=[C("k", np.array(0))])
refuse("split-sizes", ['@node "n" (SplitToSequence): the sizes of its parts do not add up to 2'], seq("SplitToSequence", ["x", "k"]), tensors=[C("k", np.array([1, 2]))])
refuse("join-sequences", ['@node "c" (ConcatFromSequence): joins a sequence of what are no tensors'], [node("SequenceConstruct", ["x"], ["q"], "q"), node("SequenceConstruct", ["q"], ["p"], "p"), node("ConcatFromSequence", ["p"], ["y"], "c", axis=0)])
refuse("join-shapes", ['@node "c" (ConcatFromSequence): joins tensors that do not fit: 2x3 and 3'], [node("SequenceConstruct", ["x", "k"], ["q"], "q"), node("ConcatFromSequence", ["q"], ["y"], "c", axis=0)], tensors=[C("k", np.zeros(3, np.float32))])
pair = body([node("Add", ["a", "b"], ["s"], "a")], ["a", "b"], ["s"])
refuse("map-lengths", ['@node "n" (SequenceMap): its sequences have different lengths'], [node("SequenceConstruct", ["x"], ["p"], "p"), *seq("SequenceMap", ["q", "p"], body=pair)])
refuse("map-inputs", ['@node "n" (SequenceMap): its graph "body" has 2 inputs, it is given 1'], seq("SequenceMap", ["q"], body=pair))
# FlexAttention's graphs.
heads = [V(n, shape=[2, 2, 3, 4]) for n in "qkv"]
flex = lambda graph: [node("FlexAttention", ["q", "k", "v"], ["y"], "f", domain="ai.onnx.preview", score_mod=graph)]
refuse("flex-outputs", ['@node "f" (FlexAttention): its graph score_mod has 2 outputs, it must have one'], flex(body([node("Neg", ["s"], [o], o) for o in "ab"], ["s"], ["a", "b"])), inputs=heads)
refuse("flex-sequence", ['@node "f" (FlexAttention): its graph score_mod gives no tensor'], flex(body([node("SequenceConstruct", ["s"], ["a"], "a")], ["s"], ["a"])), inputs=heads)
refuse("flex-type", ['@node "f" (FlexAttention): its graph score_mod makes 2x2x3x3 of scores of 2x2x3x3, or another element type'], flex(body([node("Cast", ["s"], ["a"], "a", to=T.DOUBLE)], ["s"], ["a"])), inputs=heads)
# Inputs that are no tensors, operators of no row: what to do stands in the sentence.
several = h.make_tensor_sequence_value_info("s", T.FLOAT, None)
maybe = h.make_value_info("o", h.make_optional_type_proto(h.make_tensor_type_proto(T.FLOAT, None)))
named = h.make_value_info("d", h.make_map_type_proto(T.INT64, h.make_tensor_type_proto(T.FLOAT, None)))
refuse("sequence-input", ['@input "s" (read by node "at" (SequenceAt)) is a sequence, which is not supported; export the model with an input for each element'], [node("SequenceAt", ["s", "k"], ["y"], "at")], inputs=(several,), tensors=[C("k", np.array(0))])
refuse("optional-input", ['@input "o" (read by node "get" (OptionalGetElement)) is optional, which is not supported; export the model with the value itself, or without it'], [node("OptionalGetElement", ["o"], ["y"], "get")], inputs=(maybe,))
refuse("map-input", ['@input "d" is a map, which is not supported; export the model with an input for each element'], relu, inputs=(X, named))
ml = lambda op: [node(op, ["x"], ["y"], "m", domain="ai.onnx.ml")]
ml_opset = lambda m: m.opset_import.append(h.make_opsetid("ai.onnx.ml", 5))
refuse("trees", ['@operator "ai.onnx.ml:TreeEnsemble" is not supported: node "m"; it has no gradient to learn by, fit it with the library that made it'], ml("TreeEnsemble"), change=ml_opset)
refuse("features", ['@operator "ai.onnx.ml:CategoryMapper" is not supported: node "m"; export the model with ONNX\'s own operators (as a neural network), or cut it before this node (onnx.utils.extract_model)'], ml("CategoryMapper"), change=ml_opset)
refuse("custom", ['@operator "com.example:Magic" is not supported: node "m"; export the model without operators of com.example'], [node("Magic", ["x"], ["y"], "m", domain="com.example")], change=lambda m: m.opset_import.append(h.make_opsetid("com.example", 1)))
# Others that need more than one node, or a flag.
refuse("gather-nd", ['@node "g" (GatherND): data is 2x3, indices are 2x4 with batch_dims 0, they do not fit'], [node("GatherND", ["x", "i"], ["y"], "g")], tensors=[C("i", np.zeros((2, 4), np.int64))])
refuse("range", ['@node "r" (Range): its inputs are computed from the model\'s data; they must be constants'], [node("ReduceSum", ["x"], ["s"], "s", keepdims=0), node("Range", ["s", "l", "l"], ["y"], "r")], tensors=[C("l", np.float32(2))])
refuse("write-indices", ['@node "t" (TensorScatter): write_indices is 3, it must hold 2 integers'], [node("TensorScatter", ["x", "u", "i"], ["y"], "t")], inputs=[V("x", shape=[2, 5, 3])], opset=24,
       tensors=[C("u", np.ones((2, 2, 3), np.float32)), C("i", np.array([1, 2, 3]))])
refuse("no-w", ['@node "c" (QLinearConv): input w (number 3) is missing'], [node("Cast", ["x"], ["n"], "n", to=T.UINT8), node("QLinearConv", ["n", "s", "z", "", "s", "z", "s", "z"], ["q"], "c"), node("Cast", ["q"], ["y"], "y", to=1)],
       inputs=[V("x", shape=[1, 1, 4, 4])], tensors=[C("s", np.float32(1)), C("z", np.uint8(0))])
refuse("no-zero-point", ['@node "c" (QLinearMatMul): y_scale or y_zero_point is missing'], [node("Cast", ["x"], ["n"], "n", to=T.UINT8), node("QLinearMatMul", ["n", "s", "z", "n", "s", "z", "s", ""], ["q"], "c"), node("Cast", ["q"], ["y"], "y", to=1)],
       inputs=[V("x", shape=[3, 3])], tensors=[C("s", np.float32(1)), C("z", np.uint8(0))])
refuse("computed-statistics", [f'warning: @node "b" (BatchNormalization): input_{n} is no initializer of the model, so it keeps its value: inference will not see what training saw' for n in ("mean", "var")],
       [node("Mul", ["m", "m"], ["v2"], "mul"), node("BatchNormalization", ["x", "g", "g", "v2", "v2"], ["y"], "b")], inputs=[V("x", shape=[4, 3, 2])], tensors=[C("g", np.float32([1, 2, 3])), C("m", np.float32([1, 2, 3]))], flags=["--batchnorm=train"])
print(f"{count} graphs, {wrong} wrong")
sys.exit(bool(wrong) or not count)
