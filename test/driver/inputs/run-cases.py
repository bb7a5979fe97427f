#!/usr/bin/env python3
"""Models and arrays for run.test: elementwise work behind a Reshape whose shape is an input, and how it must end."""
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper as h

folder = sys.argv[1]


def info(name, kind, shape):
    return h.make_tensor_value_info(name, kind, shape)


def save(name, nodes, inputs, outputs, initializers=(), opset=17):
    graph = h.make_graph(nodes, "g", inputs, outputs, list(initializers))
    onnx.save(h.make_model(graph, opset_imports=[h.make_opsetid("", opset)]), f"{folder}/{name}.onnx")


save("shaped",
     [h.make_node("Mul", ["x", "y"], ["z"]), h.make_node("Exp", ["z"], ["o"]), h.make_node("Reshape", ["o", "s"], ["r"])],
     [info("x", T.FLOAT, ["N", 3]), info("y", T.FLOAT, [3]), info("s", T.INT64, ["k"]), info("u", T.FLOAT, [2])],
     [info("r", T.FLOAT, None), info("o", T.FLOAT, None)],
     [h.make_tensor("y", T.FLOAT, [3], [1, 2, 3])])
save("empty", [h.make_node("Neg", ["x"], ["y"])], [info("x", T.FLOAT, [0, "n"])], [info("y", T.FLOAT, [0, "n"])])
save("scalar", [h.make_node("Neg", ["x"], ["y"])], [info("x", T.DOUBLE, [])], [info("y", T.DOUBLE, [])])
save("strings", [h.make_node("Identity", ["x"], ["y"])], [info("x", T.STRING, [1])], [info("y", T.STRING, [1])])
save("pieces", [h.make_node("SplitToSequence", ["x"], ["y"], "cut")], [info("x", T.FLOAT, ["n"])], [h.make_tensor_sequence_value_info("y", T.FLOAT, None)])
save("unknown", [h.make_node("Xyzzy", ["x"], ["y"], "n1")], [info("x", T.FLOAT, [1])], [info("y", T.FLOAT, [1])])

x = np.arange(6, dtype=np.float32).reshape(2, 3) / 5
y = np.array([1, 2, 3], np.float32)
s = np.array([6, 1])
c = np.arange(6, dtype=np.float32).reshape(6, 1)
u = np.ones(2, np.float32)
np.savez(f"{folder}/shaped.npz", x=x, s=s, u=u)
np.savez(f"{folder}/fortran.npz", x=np.asfortranarray(x), s=s, u=u, y=y)
np.savez(f"{folder}/wrong-rank.npz", x=x.reshape(6), s=s, u=u)
np.savez(f"{folder}/more.npz", x=x, s=s, u=u, nobody=u)
np.savez(f"{folder}/cotangent.npz", r=c)
np.savez(f"{folder}/wrong-shape.npz", x=x.reshape(3, 2), s=s, u=u)
np.savez(f"{folder}/wrong-type.npz", x=x.astype(np.float64), s=s, u=u)
np.savez(f"{folder}/missing.npz", x=x, u=u)
np.savez(f"{folder}/wrong-cotangent.npz", r=x)
np.savez(f"{folder}/f4.npz", x=np.ones(1, np.float32))


def run(model, inputs, *more):
    command = ["llcc", "run", f"{folder}/{model}.onnx", f"--inputs={inputs}", f"--outputs={folder}/o.npz", *more]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return dict(np.load(f"{folder}/o.npz"))


e = np.exp(x * y)
for device in "cpu", "reference":
    for data in "shaped", "fortran":  # y comes from its initializer, and from the file
        got = run("shaped", f"{folder}/{data}.npz", f"--cotangents={folder}/cotangent.npz", f"--gradients={folder}/g.npz",
                  f"--device={device}")
        g = dict(np.load(f"{folder}/g.npz"))
        assert sorted(got) == ["o", "r"] and sorted(g) == ["u", "x", "y"]
        cc = c.reshape(2, 3)
        for a, b in ((got["r"], e.reshape(6, 1)), (got["o"], e), (g["x"], cc * e * y), (g["y"], (cc * e * x).sum(0)),
                     (g["u"], 0 * u)):
            assert a.dtype == np.float32 and a.shape == b.shape
            np.testing.assert_allclose(a, b, rtol=1e-6)  # f32: a few units in the last place
    np.savez(f"{folder}/i.npz", x=np.zeros((0, 4), np.float32))
    assert run("empty", f"{folder}/i.npz", f"--device={device}")["y"].shape == (0, 4)
    np.savez(f"{folder}/i.npz", x=np.float64(3))
    got = run("scalar", f"{folder}/i.npz", f"--device={device}")["y"]
    assert got.shape == () and got.dtype == np.float64 and got == -3
print("ok")
