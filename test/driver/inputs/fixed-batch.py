#!/usr/bin/env python3
"""Makes a classifier whose batch of 8 is written into the shape of a Reshape, and data for it.

usage: fixed-batch.py MODEL.onnx DATA.npz
"""
import sys
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

rng = np.random.default_rng(0)
weights = {"fc1": rng.standard_normal((6, 12)), "fc2": rng.standard_normal((6, 3))}
tensors = [numpy_helper.from_array(w.astype(np.float32), name) for name, w in weights.items()]
tensors.append(numpy_helper.from_array(np.array([8, 2, -1], np.int64), "shape"))
nodes = [helper.make_node("MatMul", ["x", "fc1"], ["a"], "first"), helper.make_node("Tanh", ["a"], ["b"], "act"),
         helper.make_node("Reshape", ["b", "shape"], ["c"], "pairs"), helper.make_node("ReduceMean", ["c"], ["d"], "mean", axes=[1], keepdims=0),
         helper.make_node("MatMul", ["d", "fc2"], ["y"], "second")]
value = lambda name, *shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
graph = helper.make_graph(nodes, "fixed", [value("x", 8, 6)], [value("y", 8, 3)], tensors)
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), sys.argv[1])
np.savez(sys.argv[2], x=rng.standard_normal((16, 6)).astype(np.float32), label=rng.integers(0, 3, 16))
