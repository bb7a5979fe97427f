"""Writes models whose external data lies outside of their folder: make-outside.py FOLDER makes m/*.onnx, store/ and store-2/ in it."""
import os, sys
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

root, F = os.path.abspath(sys.argv[1]), TensorProto.FLOAT
for folder in ("m", "store", "store-2"):
    os.makedirs(os.path.join(root, folder), exist_ok=True)
os.chdir(os.path.join(root, "m"))
rng = np.random.default_rng(3)


def save(name, *locations):
    """y = x · w0 · w1 …, wi in locations[i]."""
    tensors, nodes = [], []
    for i, location in enumerate(locations):
        value = rng.standard_normal((4, 4)).astype(np.float32)
        t = TensorProto(name=f"w{i}", data_type=F, dims=[4, 4], data_location=TensorProto.EXTERNAL)
        t.external_data.add(key="location", value=location)
        if not os.path.lexists(location):
            value.tofile(location)
        tensors.append(t)
        nodes.append(helper.make_node("MatMul", [f"h{i}" if i else "x", f"w{i}"], [f"h{i + 1}"], name=f"fc{i}"))
    x = helper.make_tensor_value_info("x", F, ["batch", 4])
    y = helper.make_tensor_value_info(f"h{len(locations)}", F, ["batch", 4])
    onnx.save(helper.make_model(helper.make_graph(nodes, name, [x], [y], tensors), opset_imports=[helper.make_opsetid("", 20)], ir_version=9), name + ".onnx")


rng.standard_normal((4, 4)).astype(np.float32).tofile("../store/blob")
os.symlink("../store/blob", "link.bin")                # the cache of Hugging Face
os.link("../store/blob", "hard.bin")                   # container layers
os.symlink(os.path.join(root, "store"), "linked")
save("all", "../store/w.bin", os.path.join(root, "store", "sub-w.bin"), "link.bin", "hard.bin", "linked/x.bin", "./own.bin", "../store-2/../store/w.bin")
save("prefix", "../store-2/w.bin")                     # store-2 begins as store does
os.symlink("../store-2/w.bin", "../store/leaves.bin")  # from the allowed folder out again
save("leaves", "../store/leaves.bin")
os.mkfifo("../store/pipe")
save("pipe", "../store/pipe")
os.mkdir("../store/folder.bin")
save("folder", "../store/folder.bin")
save("gone", "../store/gone.bin")
os.remove("../store/gone.bin")
np.savez("data.npz", x=rng.standard_normal((8, 4)).astype(np.float32), label=rng.standard_normal((8, 4)).astype(np.float32))
