#!/usr/bin/env python3
"""Models whose classes are in another dimension than the last, or beside positions: y = x * w, w = 1.

usage: make-class-models.py FOLDER
image.onnx   logits [batch, 3, 4, 5], labels [batch, 4, 5]: classes in dimension 1
text.onnx    logits [batch, 4, 3], labels [batch, 4]: classes in the last dimension of rank 3
data files image.npz, text.npz; image.txt, text.txt: loss and accuracy as numpy computes them
"""
import os, sys
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

os.makedirs(sys.argv[1], exist_ok=True)
os.chdir(sys.argv[1])
rng = np.random.default_rng(5)
for name, shape, dim in (("image", [3, 4, 5], 1), ("text", [4, 3], 2)):
    info = lambda n: helper.make_tensor_value_info(n, TensorProto.FLOAT, ["batch"] + shape)
    weight = np.ones([1] + [3 if i + 1 == dim else 1 for i in range(len(shape))], np.float32)
    graph = helper.make_graph([helper.make_node("Mul", ["x", "w"], ["y"], "scale")], name, [info("x")], [info("y")], [numpy_helper.from_array(weight, "w")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9), name + ".onnx")
    x = rng.standard_normal([10] + shape).astype(np.float32)
    label = rng.integers(0, 3, [10] + [s for i, s in enumerate(shape) if i + 1 != dim])
    np.savez(name + ".npz", x=x, label=label)
    z = np.moveaxis(x.astype(float), dim, -1)
    picked = np.take_along_axis(z, label[..., None], -1)[..., 0]
    loss = (np.log(np.exp(z).sum(-1)) - picked).mean()
    open(name + ".txt", "w").write(f"{loss:.6f} {(z.argmax(-1) == label).mean():.6f}")
