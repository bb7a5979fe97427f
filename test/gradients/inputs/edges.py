"""Gradients where a derivative jumps, is infinite, or has nothing to sum, by value, in f64: edges.py FOLDER [OP…]

A line for each: operator, inputs, cotangent of output 0, expected gradients by input (None: not looked at). The values are PyTorch's, but ties
share a gradient in all reductions, and a slope that is infinite is 0 (roots and lengths of zero).
"""
import os, subprocess, sys
import numpy as np
import onnx
from onnx import TensorProto as T, helper as h

INF = np.inf
E = lambda *shape: np.zeros(shape)
CASES = [
    ("ReduceMin", [[1, 3, 1]], {}, [1], [[.5, 0, .5]]),
    ("ReduceMax", [[[2, 2], [2, 1]]], {"keepdims": 0}, 3, [[[1, 1], [1, 0]]]),
    ("Min", [[1, 2], [2, 2]], {}, [1, 1], [[1, .5], [0, .5]]),
    ("Max", [[1, 2, 3], [3, 2, 1]], {}, [1, 1, 1], [[0, .5, 1], [1, .5, 0]]),
    ("TopK", [[1, 1, 0], np.array([1])], {"outputs": 2}, [1], [[1, 0, 0]]),
    ("GlobalMaxPool", [[[[1, 3, 3]]]], {}, [[[1]]], [[[[0, .5, .5]]]]),
    ("AveragePool", [[[[1, 2, 3]]]], {"kernel_shape": [2], "pads": [1, 0], "strides": [2]}, [[[1, 1]]], [[[[1, .5, .5]]]]),
    ("AveragePool", [[[[1, 2, 3]]]], {"kernel_shape": [2], "pads": [1, 0], "strides": [2], "count_include_pad": 1}, [[[1, 1]]], [[[[.5, .5, .5]]]]),
    ("LpPool", [[[[0, 0, 0]]]], {"kernel_shape": [3]}, [[[1]]], [[[[0, 0, 0]]]]),
    # Repeated indices, what is overwritten, and products with zeros.
    ("Gather", [[[1], [2], [3]], np.array([1, 1, -1])], {}, [[1], [2], [4]], [[[0], [3], [4]]]),
    ("GatherElements", [[1, 2, 3], np.array([0, 0, 2])], {}, [1, 2, 4], [[3, 0, 4]]),
    ("GatherND", [[1, 2, 3], np.array([[1], [1]])], {}, [1, 2], [[0, 3, 0]]),
    ("ScatterElements", [[1, 2, 3], np.array([1]), [5]], {}, [1, 2, 4], [[1, 0, 4], None, [2]]),
    ("ScatterElements", [[1, 2, 3], np.array([1, 1]), [5, 6]], {"reduction": "add"}, [1, 2, 4], [[1, 2, 4], None, [2, 2]]),
    ("ScatterElements", [[1, 5], np.array([1]), [5]], {"reduction": "max"}, [1, 2], [[1, 1], None, [1]]),
    ("ScatterElements", [[1, 5], np.array([1, 1]), [0, 0]], {"reduction": "min"}, [1, 2], [[1, 0], None, [1, 1]]),
    ("ScatterElements", [[2, 0], np.array([1, 1]), [3, 4]], {"reduction": "mul"}, [1, 2], [[1, 24], None, [0, 0]]),
    ("ScatterElements", [[2, 0], np.array([1, 1]), [3, 0]], {"reduction": "mul"}, [1, 2], [[1, 0], None, [0, 0]]),
    ("ScatterND", [[1, 2, 3], np.array([[1], [1]]), [5, 6]], {"reduction": "add"}, [1, 2, 4], [[1, 2, 4], None, [2, 2]]),
    ("CumProd", [[2, 0, 3], np.array(0)], {"opset": 26}, [1, 1, 1], [[1, 8, 0]]),
    ("ReduceProd", [[0, 0, 3]], {"keepdims": 0}, 1, [[0, 0, 0]]),
    # Infinities in masks, rows of which nothing is left, saturated functions.
    ("Softmax", [[-INF, 0, 0]], {}, [1, 2, 3], [[0, -.25, .25]]),
    ("LogSoftmax", [[-INF, 0, 0]], {}, [0, 1, 3], [[0, -1, 1]]),
    ("ReduceLogSumExp", [[-INF, 0, 0]], {"keepdims": 0}, 2, [[0, 1, 1]]),
    ("ReduceLogSumExp", [[-INF, -INF]], {"keepdims": 0}, 1, [[0, 0]]),
    ("Sigmoid", [[-1000, 1000]], {}, [1, 1], [[0, 0]]),
    ("Softplus", [[-1000, 1000]], {}, [1, 1], [[0, 1]]),
    ("Tanh", [[-1000, 1000]], {}, [1, 1], [[0, 0]]),
    ("Gelu", [[-1000, 0, 1000]], {}, [1, 1, 1], [[0, .5, 1]]),
    ("Gelu", [[-1000, 0, 1000]], {"approximate": "tanh"}, [1, 1, 1], [[0, .5, 1]]),
    ("Mish", [[-1000, 1000]], {}, [1, 1], [[0, 1]]),
    ("Elu", [[-1000, 0, 1000]], {}, [1, 1, 1], [[0, 1, 1]]),
    ("Celu", [[-1000, 0, 1000]], {}, [1, 1, 1], [[0, 1, 1]]),
    ("Selu", [[-1000, 1000]], {"alpha": 2.0, "gamma": 3.0}, [1, 1], [[0, 3]]),
    ("Swish", [[-1000, 0, 1000]], {"opset": 24}, [1, 1, 1], [[0, .5, 1]]),
    ("Det", [[[0, 0], [0, 3]]], {}, 1, [[[3, 0], [0, 0]]]),
    ("RoiAlign", [[[[[1, 2], [3, 4]]]], [[0, 0, 2, 2], [9, 9, 10, 10]], np.array([0, 0])], {"sampling_ratio": 1}, [[[[4]]], [[[9]]]], [[[[[1, 1], [1, 1]]]], E(2, 4)]),
    # Kinks, and roots and lengths of zero.
    ("Abs", [[-1, 0, 2]], {}, [1, 1, 1], [[-1, 0, 1]]),
    ("LeakyRelu", [[-1, 0, 1]], {"alpha": .5}, [1, 1, 1], [[.5, .5, 1]]),
    ("PRelu", [[-1, 0, 1], [.5]], {}, [1, 1, 1], [[.5, .5, 1], [-1]]),
    ("ThresholdedRelu", [[0, 1, 2]], {}, [1, 1, 1], [[0, 0, 1]]),
    ("Shrink", [[-1, .5, 1]], {"lambd": .5}, [1, 1, 1], [[1, 0, 1]]),
    ("Clip", [[-1, 0, .5, 1, 2], 0., 1.], {}, [1] * 5, [[0, 1, 1, 1, 0]]),
    ("HardSigmoid", [[-9, -1, 0, 1, 9]], {"alpha": .5}, [1] * 5, [[0, 0, .5, 0, 0]]),
    ("Sign", [[-1, 0, 1]], {}, [1, 1, 1], [[0, 0, 0]]),
    ("Floor", [[.5, 1]], {}, [1, 1], [[0, 0]]),
    ("Sqrt", [[0, 4]], {}, [1, 1], [[0, .25]]),
    ("ReduceL2", [[0, 0]], {"keepdims": 0}, 1, [[0, 0]]),
    ("ReduceL1", [[-2, 0]], {"keepdims": 0}, 1, [[-1, 0]]),
    ("LpNormalization", [[0, 0]], {}, [1, 2], [[0, 0]]),
    ("Pow", [[0, 0, 0], [0, 1, 2]], {}, [1, 1, 1], [[0, 1, 0], [0, 0, 0]]),
    ("LayerNormalization", [[2, 2, 2], [1, 1, 1], [0, 0, 0]], {"epsilon": .0625}, [1, 2, 3], [[-4, 0, 4], [0, 0, 0], [1, 2, 3]]),
    ("InstanceNormalization", [[[[2, 2]]], [1], [0]], {"epsilon": .0625}, [[[1, 3]]], [[[[-4, 4]]], [0], [4]]),
    # Nothing to sum: empty axes.
    ("ReduceSum", [E(2, 0), np.array([1])], {"keepdims": 0}, [1, 1], [E(2, 0)]),
    ("ReduceProd", [E(2, 0), np.array([1])], {"keepdims": 0}, [1, 1], [E(2, 0)]),
    ("ReduceLogSumExp", [E(2, 0), np.array([1])], {"keepdims": 0}, [1, 1], [E(2, 0)]),
    ("MatMul", [E(2, 0), E(0, 3)], {}, np.ones((2, 3)), [E(2, 0), E(0, 3)]),
    ("MatMul", [E(0, 2), np.ones((2, 3))], {}, E(0, 3), [E(0, 2), E(2, 3)]),
    ("Softmax", [E(2, 0)], {}, E(2, 0), [E(2, 0)]),
    ("Concat", [E(2, 0), np.ones((2, 1))], {"axis": 1}, [[1], [2]], [E(2, 0), [[1], [2]]]),
    ("Gather", [np.ones((3, 2)), np.zeros(0, np.int64)], {}, E(0, 2), [E(3, 2)]),
    ("ScatterElements", [[1, 2], np.zeros(0, np.int64), E(0)], {}, [1, 2], [[1, 2], None, E(0)]),
    ("CumSum", [E(0), np.array(0)], {}, E(0), [E(0)]),
    ("Conv", [E(0, 1, 3), np.ones((1, 1, 2))], {}, E(0, 1, 2), [E(0, 1, 3), E(1, 1, 2)]),
    ("LSTM", [E(0, 2, 3), np.ones((1, 4, 3)), np.ones((1, 4, 1))], {"hidden_size": 1}, E(0, 1, 2, 1), [E(0, 2, 3), E(1, 4, 3), E(1, 4, 1)]),
    # A query that every key is masked for: weights of zero, and no NaN.
    ("Attention", [np.ones((1, 1, 2, 2)), np.ones((1, 1, 2, 2)), np.arange(4.).reshape(1, 1, 2, 2), np.array([[True, True], [False, False]])], {"opset": 24}, np.ones((1, 1, 2, 2)),
     [E(1, 1, 2, 2), None, [[[[.5, .5], [.5, .5]]]]]),
    # Every label ignored: nothing to learn from.
    ("SoftmaxCrossEntropyLoss", [np.ones((2, 2)), np.array([9, 9])], {"ignore_index": 9, "reduction": "sum"}, 1, [E(2, 2)]),
]

# What a Where does not take leaves no trace, though its slope there is infinite or no number: y0 = Where(x0 in its domain, f(x0), 0).
GUARDED = [
    ("Sqrt", [-1, 0, 4], "Greater", 0, [0, 0, .25]), ("Log", [-1, 0, 2], "Greater", 0, [0, 0, .5]), ("Reciprocal", [0, 2], "Greater", 0, [0, -.25]),
    ("Exp", [1000, 0], "Less", 1, [0, 1]), ("Asin", [2, 1, 0], "Less", 1, [0, 0, 1]), ("Acos", [1, 2, 0], "Less", 1, [0, 0, -1]), ("Acosh", [0, 1, 2], "Greater", 1, [0, 0, 3**-.5]),
    ("Atanh", [1, 2, 0], "Less", 1, [0, 0, 1]), ("Cosh", [1000, 0], "Less", 1, [0, 0]), ("Sinh", [1000, 0], "Less", 1, [0, 1]),
]


def guarded(op, xs, compare, bound, wants):
    nodes = [h.make_node(op, ["x0"], ["f"], "f"), h.make_node(compare, ["x0", "b"], ["c"], "c"), h.make_node("Where", ["c", "f", "z"], ["y0"], "w")]
    constants = [h.make_tensor(n, T.DOUBLE, [], [v]) for n, v in (("b", bound), ("z", 0))]
    return [f"Where {op}", [xs], {"nodes": nodes, "constants": constants}, [1] * len(xs), [wants]]


def graph(name, inputs, nodes, cotangent, expected):
    """`nodes`: "y = Op(a, b)", with the constants zero, infinity, half and two."""
    made = []
    for text in nodes:
        out, rest = text.split(" = ")
        op, operands = rest[:-1].split("(")
        made.append(h.make_node(op, operands.split(", "), [out], out, **({"keepdims": 1} if op.startswith("Reduce") else {})))
    constants = [h.make_tensor(n, T.DOUBLE, [], [v]) for n, v in (("zero", 0), ("infinity", INF), ("half", .5), ("two", 2))] + [h.make_tensor("last", T.INT64, [1], [-1])]
    return [name, inputs, {"nodes": made, "constants": constants}, cotangent, expected]


CASES += [guarded(*g) for g in GUARDED] + [
    # x / count of a row that counts nothing, as a quotient and as a product; powers of what is negative.
    graph("guarded quotient", [[1, 2], [0, 4]], ["c = Greater(x1, zero)", "q = Div(x0, x1)", "y0 = Where(c, q, zero)"], [1, 1], [[0, .25], [0, -.125]]),
    graph("guarded product", [[1, 2], [0, 4]], ["c = Greater(x1, zero)", "r = Reciprocal(x1)", "q = Mul(x0, r)", "y0 = Where(c, q, zero)"], [1, 1], [[0, .25], [0, -.125]]),
    graph("guarded power", [[-1, 4]], ["c = Greater(x0, zero)", "p = Pow(x0, half)", "y0 = Where(c, p, zero)"], [1, 1], [[0, .25]]),
    graph("guarded exponent", [[-1, 2], [.5, 2]], ["c = Greater(x0, zero)", "p = Pow(x0, x1)", "y0 = Where(c, p, zero)"], [1, 1], [[0, 4], [0, 4 * np.log(2)]]),
    graph("inverse root", [[0, 4]], ["c = Greater(x0, zero)", "s = Sqrt(x0)", "r = Reciprocal(s)", "y0 = Where(c, r, zero)"], [1, 1], [[0, -.0625]]),
    graph("log of a sum", [[0, 0]], ["s = ReduceSum(x0, last)", "c = Greater(s, zero)", "l = Log(s)", "y0 = Where(c, l, zero)"], [1], [[0, 0]]),
    # A row of which a mask leaves nothing: softmax is no number there, a Where behind it takes zeros, as exports of attention have it.
    graph("masked softmax", [[[1, 2], [3, 4]], np.array([[True, True], [False, False]])], ["n = Neg(infinity)", "m = Where(x1, zero, n)", "s = Add(x0, m)", "p = Softmax(s)", "i = IsNaN(p)", "y0 = Where(i, zero, p)"],
          [[1, 0], [1, 0]], [[[np.exp(1) / (1 + np.exp(1))**2, -np.exp(1) / (1 + np.exp(1))**2], [0, 0]]]),
    graph("masked log-softmax", [[[0, 0], [3, 4]], np.array([[True, True], [False, False]])], ["n = Neg(infinity)", "m = Where(x1, zero, n)", "s = Add(x0, m)", "p = LogSoftmax(s)", "i = IsNaN(p)", "y0 = Where(i, zero, p)"],
          [[1, 0], [1, 0]], [[[.5, -.5], [0, 0]]]),
    graph("masked attention", [[[1, 2], [3, 4]], np.array([[True, True], [False, False]]), [[1, 0], [0, 1]]],
          ["n = Neg(infinity)", "m = Where(x1, zero, n)", "s = Add(x0, m)", "p = Softmax(s)", "i = IsNaN(p)", "w = Where(i, zero, p)", "y0 = MatMul(w, x2)"],
          [[1, 0], [1, 0]], [[[np.exp(1) / (1 + np.exp(1))**2, -np.exp(1) / (1 + np.exp(1))**2], [0, 0]], None, [[1 / (1 + np.exp(1)), 0], [np.exp(1) / (1 + np.exp(1)), 0]]]),
]


def check(folder, op, inputs, attributes, cotangent, expected):
    attributes = dict(attributes)
    opset, outputs = attributes.pop("opset", 20), attributes.pop("outputs", 1)
    arrays = [x if isinstance(x, np.ndarray) else np.array(x, np.float64) for x in inputs]
    names = [f"x{i}" for i in range(len(arrays))]
    kinds = {"f": T.DOUBLE, "i": T.INT64, "b": T.BOOL}
    constants, nodes = attributes.pop("constants", []), attributes.pop("nodes", None)
    graph = h.make_graph(nodes or [h.make_node(op, names, [f"y{i}" for i in range(outputs)], "op", **attributes)], "edge",
                         [h.make_tensor_value_info(n, kinds[a.dtype.kind], a.shape) for n, a in zip(names, arrays)],
                         [h.make_tensor_value_info("y0", T.DOUBLE, None)], constants)
    path = f"{folder}/edge.onnx"
    onnx.save(h.make_model(graph, opset_imports=[h.make_opsetid("", opset)], ir_version=10), path)
    np.savez(f"{folder}/in.npz", **dict(zip(names, arrays)))
    np.savez(f"{folder}/c.npz", y0=np.array(cotangent, np.float64))
    done = subprocess.run(["llcc", "run", path, f"--inputs={folder}/in.npz", f"--outputs={folder}/out.npz", f"--cotangents={folder}/c.npz", f"--gradients={folder}/g.npz"],
                          capture_output=True, text=True)
    if done.returncode:
        return f"exit {done.returncode}: {done.stderr.strip()[:300]}"
    got = np.load(f"{folder}/g.npz")
    for name, want in zip(names, expected):
        if want is not None:
            want = np.array(want, np.float64)
            if got[name].shape != want.shape or not np.allclose(got[name], want, rtol=1e-12, atol=1e-12):
                return f"gradient of {name} is {got[name].tolist()}, expected {want.tolist()}"
    return ""


wrong = count = 0
for case in CASES:
    if sys.argv[2:] and case[0] not in sys.argv[2:]:
        continue
    count += 1
    if problem := check(sys.argv[1], *case):
        wrong += 1
        print(f"{case[0]}({case[1]}) {case[2] if 'nodes' not in case[2] else ''}: {problem}", flush=True)
print(f"{count} edges, {wrong} wrong")
sys.exit(bool(wrong))
