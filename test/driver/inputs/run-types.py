#!/usr/bin/env python3
"""Element types of ONNX through `llcc run`: signs of integers, all codes of narrow floats, bit casts, both executions."""
import subprocess
import sys

import ml_dtypes
import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper as h

folder = sys.argv[1]


def run(nodes, inputs, outputs, arrays, device):
    infos = [[h.make_tensor_value_info(n, t, None) for n, t in list.items()] for list in (inputs, outputs)]
    onnx.save(h.make_model(h.make_graph(nodes, "g", *infos), opset_imports=[h.make_opsetid("", 26)]), f"{folder}/m.onnx")
    np.savez(f"{folder}/i.npz", **arrays)
    command = ["llcc", "run", f"{folder}/m.onnx", f"--inputs={folder}/i.npz", f"--outputs={folder}/o.npz",
               f"--device={device}"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    got = dict(np.load(f"{folder}/o.npz"))
    return {n: got[n].view(h.tensor_dtype_to_np_dtype(t)) if got[n].dtype.kind == "V" else got[n]
            for n, t in outputs.items()}


def same(got, want):
    assert got.dtype == want.dtype, (got.dtype, want.dtype)
    np.testing.assert_array_equal(got.astype(np.float64), want.astype(np.float64))


for device in "cpu", "reference":
    # Values beyond the signed range: a signed reading shows in each of these.
    for kind in np.uint8, np.uint16, np.uint32, np.uint64, np.int8, np.int32, np.int64:
        onnxType = h.np_dtype_to_tensor_dtype(np.dtype(kind))
        top = np.iinfo(kind).max
        x = np.array([top, top - 1, 3, 200 % top, 7], kind)
        y = np.array([2, 3, top, 100, 7], kind)
        nodes = [h.make_node(op, ["x", "y"], [op]) for op in ("Add", "Sub", "Mul", "Div", "Max", "Min", "Less", "Greater",
                                                              "LessOrEqual", "GreaterOrEqual", "Equal")]
        nodes += [h.make_node("Cast", ["x"], ["float"], to=T.DOUBLE), h.make_node("Cast", ["x"], ["wide"], to=T.INT64),
                  h.make_node("Cast", ["x"], ["byte"], to=T.UINT8)]
        kinds = {**{op.output[0]: onnxType for op in nodes[:6]}, **{op.output[0]: T.BOOL for op in nodes[6:11]},
                 "float": T.DOUBLE, "wide": T.INT64, "byte": T.UINT8}
        got = run(nodes, {"x": onnxType, "y": onnxType}, kinds, {"x": x, "y": y}, device)
        with np.errstate(over="ignore"):
            for name, want in (("Add", x + y), ("Sub", x - y), ("Mul", x * y), ("Div", x // y), ("Max", np.maximum(x, y)),
                               ("Min", np.minimum(x, y)), ("Less", x < y), ("Greater", x > y), ("LessOrEqual", x <= y),
                               ("GreaterOrEqual", x >= y), ("Equal", x == y), ("float", x.astype(np.float64)),
                               ("wide", x.astype(np.int64)), ("byte", x.astype(np.uint8))):
                same(got[name], want)

    # All codes of each narrow float, there and back; ties, underflow and overflow on the way down.
    edges = np.array([0, -0.0, np.nan, np.inf, -np.inf, 1e9, -1e9, 1e-9, 448, 464, 465, 480, 57344, 61440, 61441, 5.0, 6.0,
                      2**-9, 2**-10, 1.5 * 2**-10, 2**-17, 0.75 * 2**-16, 1.0625, 1.1875, 0.25, 0.75, 1e-40], np.float32)
    line = np.concatenate([edges, np.linspace(-500, 500, 333, dtype=np.float32)])
    for kind, narrow in ((T.FLOAT8E4M3FN, ml_dtypes.float8_e4m3fn), (T.FLOAT8E4M3FNUZ, ml_dtypes.float8_e4m3fnuz),
                         (T.FLOAT8E5M2, ml_dtypes.float8_e5m2), (T.FLOAT8E5M2FNUZ, ml_dtypes.float8_e5m2fnuz),
                         (T.FLOAT4E2M1, ml_dtypes.float4_e2m1fn)):
        codes = np.arange(16 if kind == T.FLOAT4E2M1 else 256, dtype=np.uint8)
        got = run([h.make_node("Cast", ["x"], ["y"], to=T.FLOAT)], {"x": kind}, {"y": T.FLOAT}, {"x": codes}, device)
        same(got["y"], codes.view(narrow).astype(np.float32))
        got = run([h.make_node("Cast", ["x"], ["y"], to=kind, saturate=0)], {"x": T.FLOAT}, {"y": kind}, {"x": line}, device)
        same(got["y"], line.astype(narrow))
    ints = np.array([-9, -8, -1, 0, 7, 8, 15, 16], np.float32)
    for kind, narrow in ((T.INT4, ml_dtypes.int4), (T.UINT4, ml_dtypes.uint4), (T.INT2, ml_dtypes.int2),
                         (T.UINT2, ml_dtypes.uint2)):
        got = run([h.make_node("Cast", ["x"], ["y"], to=kind)], {"x": T.FLOAT}, {"y": kind}, {"x": ints}, device)
        same(got["y"], ints.astype(np.int64).astype(narrow))
    x = np.array([1, -2.5, 3.75], np.float32)
    got = run([h.make_node("BitCast", ["x"], ["y"], to=T.UINT32), h.make_node("BitCast", ["y"], ["z"], to=T.FLOAT)],
              {"x": T.FLOAT}, {"y": T.UINT32, "z": T.FLOAT}, {"x": x}, device)
    same(got["y"], x.view(np.uint32))
    same(got["z"], x)
print("ok")
