"""Models with ONNX's Gradient in the graph, once through `llcc run`: results against formulas, the two models of ONNX's own test suite among them.

usage: gradient-op.py FOLDER
"""
import os, subprocess, sys
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

os.makedirs(sys.argv[1], exist_ok=True)
os.chdir(sys.argv[1])
F, DOMAIN = TensorProto.FLOAT, "ai.onnx.preview.training"
a, b, c = np.float32(1.5), np.float32(2.5), np.float32(-0.5)
x = np.array([[1, -2, 3], [0.5, 4, -1]], np.float32)
w = np.array([[0.5, -1], [2, 0.25], [-0.75, 1]], np.float32)
N = helper.make_node
gradient = lambda inputs, outputs, xs, y, zs=(): N("Gradient", inputs, outputs, domain=DOMAIN, xs=xs, y=y, **({"zs": zs} if zs else {}))
CASES = {  # nodes, inputs, initializers, wanted outputs
    "add": ([N("Add", ["a", "b"], ["y"]), gradient(["a", "b"], ["da", "db"], ["a", "b"], "y")], {"a": a, "b": b}, {}, {"y": a + b, "da": 1, "db": 1}),  # test_gradient_of_add
    "add-mul": ([N("Add", ["a", "b"], ["s"]), N("Mul", ["s", "a"], ["y"]), gradient(["a", "b"], ["da", "db"], ["a", "b"], "y")], {"a": a, "b": b}, {}, {"y": (a + b) * a, "da": 2 * a + b, "db": a}),  # …_of_add_and_mul
    "in-front": ([gradient(["a"], ["da"], ["a"], "y"), N("Exp", ["a"], ["y"])], {"a": a}, {}, {"da": np.exp(a)}),  # order in the file says nothing
    "elsewhere": ([N("Mul", ["a", "a"], ["y"]), gradient(["c"], ["dc"], ["a"], "y")], {"a": a, "c": c}, {}, {"y": a * a, "dc": 2 * c}),
    "second": ([N("Mul", ["a", "a"], ["aa"]), N("Mul", ["aa", "a"], ["y"]), gradient(["a"], ["da"], ["a"], "y"), gradient(["a"], ["dda"], ["a"], "da")], {"a": a}, {}, {"da": 3 * a * a, "dda": 6 * a}),
    "weight": ([N("MatMul", ["x", "w"], ["p"]), N("Relu", ["p"], ["r"]), N("ReduceSum", ["r"], ["y"], keepdims=0), gradient(["w", "x"], ["dw"], ["w"], "y", ["x"])], {"x": x}, {"w": w}, {"dw": x.T @ (x @ w > 0)}),
    "inner": ([N("MatMul", ["x", "w"], ["p"]), N("Mul", ["p", "p"], ["q"]), N("ReduceSum", ["q"], ["y"], keepdims=0), gradient(["p"], ["dp"], ["p"], "y")], {"x": x}, {"w": w}, {"dp": 2 * (x @ w)}),
    "used": ([N("Mul", ["a", "a"], ["y"]), gradient(["a"], ["da"], ["a"], "y"), N("Sub", ["a", "da"], ["z"])], {"a": a}, {}, {"z": a - 2 * a}),
}
failed = 0
for name, (nodes, inputs, stored, want) in CASES.items():
    graph = helper.make_graph(nodes, name, [helper.make_tensor_value_info(k, F, v.shape) for k, v in inputs.items()], [helper.make_tensor_value_info(k, F, np.shape(v)) for k, v in want.items()],
                              [numpy_helper.from_array(v, k) for k, v in stored.items()])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13), helper.make_opsetid(DOMAIN, 1)], ir_version=8), name + ".onnx")
    np.savez(name + "-in.npz", **inputs)
    done = subprocess.run(["llcc", "run", name + ".onnx", f"--inputs={name}-in.npz", f"--outputs={name}-out.npz"], capture_output=True, text=True)
    if done.returncode:
        print(f"{name}: exit {done.returncode}: {done.stderr.strip()}")
        failed += 1
        continue
    got = np.load(name + "-out.npz")
    worst = max(float(np.abs(got[k] - v).max()) for k, v in want.items())
    failed += not worst < 1e-5
    print(f"{name}: within {worst:.0e}", "" if worst < 1e-5 else "WRONG")
for name, nodes in {"bad-y": [gradient(["a"], ["da"], ["a"], "")], "bad-lost": [gradient(["a"], ["da"], ["a"], "lost")], "bad-int": [N("Cast", ["a"], ["i"], to=7), gradient(["a"], ["da"], ["a"], "i")],
                    "bad-z": [N("Mul", ["a", "b"], ["y"]), gradient(["a", "a"], ["da"], ["a"], "y", ["b"])]}.items():
    graph = helper.make_graph(nodes, name, [helper.make_tensor_value_info(k, F, []) for k in "ab"], [helper.make_tensor_value_info("da", F, [])])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13), helper.make_opsetid(DOMAIN, 1)], ir_version=8), name + ".onnx")
np.savez("in.npz", a=a, b=b)
print(f"{len(CASES) - failed} of {len(CASES)} gradients")
sys.exit(int(failed))
