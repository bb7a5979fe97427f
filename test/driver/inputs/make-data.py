#!/usr/bin/env python3
"""Makes random data for a classifier: an array for each graph input, `label` for its first output.

usage: make-data.py MODEL.onnx DATA.npz [--samples=24]
Integer inputs are below the number of rows of the first table (initializer of rank 2), labels below the output's last size, one for each position.
"""
import sys
import numpy as np
import onnx
from onnx import helper

model, out = sys.argv[1:3]
n = int(sys.argv[3].split("=")[1]) if len(sys.argv) > 3 else 24
graph, rng = onnx.load(model, load_external_data=False).graph, np.random.default_rng(5)
rows = next(t.dims[0] for t in graph.initializer if len(t.dims) == 2)
shape = lambda value: [n] + [d.dim_value for d in value.type.tensor_type.shape.dim[1:]]
arrays = {}
for i in graph.input:
    dtype = helper.tensor_dtype_to_np_dtype(i.type.tensor_type.elem_type)
    arrays[i.name] = rng.integers(0, rows, shape(i)).astype(dtype) if np.issubdtype(dtype, np.integer) else rng.standard_normal(shape(i)).astype(dtype)
*outer, classes = shape(graph.output[0])
np.savez(out, label=rng.integers(0, classes, outer), **arrays)
