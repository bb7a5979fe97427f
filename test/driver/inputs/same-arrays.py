#!/usr/bin/env python3
"""Compares two files of arrays (safetensors, or the initializers of ONNX models): names, shapes, and values within a tolerance relative to each array's largest.

usage: same-arrays.py A B TOLERANCE
"""
import json, struct, sys
import numpy as np


def arrays(path):
    if path.endswith(".onnx"):
        import onnx
        from onnx import numpy_helper
        return {t.name: numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer}
    raw = open(path, "rb").read()
    n = struct.unpack("<Q", raw[:8])[0]
    head = {k: v for k, v in json.loads(raw[8 : 8 + n]).items() if k != "__metadata__"}
    kinds = {"F32": "<f4", "F64": "<f8", "I64": "<i8"}
    return {k: np.frombuffer(raw[8 + n + v["data_offsets"][0] : 8 + n + v["data_offsets"][1]], kinds[v["dtype"]]).reshape(v["shape"]) for k, v in head.items()}


a, b, tolerance = arrays(sys.argv[1]), arrays(sys.argv[2]), float(sys.argv[3])
if not a or sorted(a) != sorted(b):
    sys.exit(f"other names: {sorted(set(a) ^ set(b))}")
for name in sorted(a):
    if a[name].shape != b[name].shape:
        sys.exit(f"{name} is {a[name].shape} and {b[name].shape}")
    if not a[name].size or a[name].dtype.kind != "f":
        continue
    error = np.abs(a[name].astype(np.float64) - b[name]).max() / (np.abs(a[name].astype(np.float64)).max() + 1e-30)
    print(name, a[name].shape, f"{error:.1e}")
    if not error <= tolerance:
        sys.exit(f"{name} differs by {error:.1e}, {tolerance:.1e} allowed")
print(len(a), "arrays agree")
