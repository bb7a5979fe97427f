"""Makes models of old opsets with operators that read differently since, each before a MatMul whose weight int8 holds exactly; or compares them with their quantized form.

usage: old-opsets.py make FOLDER       writes NAME-OPSET.onnx and NAME-OPSET.npz (array x)
       old-opsets.py compare FOLDER    NAME-OPSET-q.onnx gives in ONNX Runtime what NAME-OPSET.onnx gives, to 1e-5
"""
import glob, os, sys
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

F = TensorProto.FLOAT
# name: oldest and newest opset of the old form, nodes from x [2, 3, 4, 6] to y, further initializers
CASES = {
    "squeeze": (7, 12, lambda n: [n("Unsqueeze", ["x"], ["u"], axes=[0, 2]), n("Squeeze", ["u"], ["y"], axes=[0, 2])], {}),
    "split": (7, 12, lambda n: [n("Split", ["x"], ["a", "b"], axis=3, split=[2, 4]), n("Concat", ["b", "a"], ["y"], axis=3)], {}),
    "split-even": (7, 12, lambda n: [n("Split", ["x"], ["a", "b"], axis=2), n("Concat", ["b", "a"], ["y"], axis=2)], {}),
    "reduce": (7, 12, lambda n: [n("ReduceSum", ["x"], ["r"], axes=[1], keepdims=1), n("Add", ["x", "r"], ["y"])], {}),
    "reduce-all": (7, 12, lambda n: [n("ReduceSum", ["x"], ["r"], keepdims=1), n("Add", ["x", "r"], ["y"])], {}),
    "softmax": (7, 12, lambda n: [n("Softmax", ["x"], ["y"], axis=2)], {}),
    "softmax-default": (7, 12, lambda n: [n("Softmax", ["x"], ["y"])], {}),
    "log-softmax-last": (11, 12, lambda n: [n("LogSoftmax", ["x"], ["y"], axis=-1)], {}),
    "dropout": (7, 11, lambda n: [n("Dropout", ["x"], ["y"], ratio=0.3)], {}),
    "clip": (7, 10, lambda n: [n("Clip", ["x"], ["y"], min=-0.5, max=0.25)], {}),
    "clip-below": (7, 10, lambda n: [n("Clip", ["x"], ["y"], max=0.25)], {}),
    "pad": (7, 10, lambda n: [n("Pad", ["x"], ["y"], pads=[0, 0, 1, 0, 0, 0, 0, 0], value=0.5)], {}),
    "slice": (7, 9, lambda n: [n("Slice", ["x"], ["y"], starts=[0, 1], ends=[1, 3])], {}),
    "topk": (7, 9, lambda n: [n("TopK", ["x"], ["y", "i"], k=6, axis=3)], {}),
    "upsample-7": (7, 8, lambda n: [n("Upsample", ["x"], ["y"], mode="nearest", scales=[1.0, 1.0, 2.0, 1.0])], {}),
    "upsample-9": (9, 9, lambda n: [n("Upsample", ["x", "s"], ["y"], mode="linear")], {"s": np.array([1, 1, 2, 1], np.float32)}),
    "resize-10": (10, 10, lambda n: [n("Resize", ["x", "s"], ["y"], mode="nearest")], {"s": np.array([1, 1, 3, 1], np.float32)}),
    "scatter": (9, 10, lambda n: [n("Scatter", ["x", "i", "u"], ["y"], axis=0)], {"i": np.array([[[[1, 0]]]], np.int64), "u": np.array([[[[5, 6]]]], np.float32)}),
    "batchnorm": (7, 8, lambda n: [n("BatchNormalization", ["x", "g", "b", "m", "v"], ["y"], spatial=1)],
                  {"g": np.array([1, 2, 3], np.float32), "b": np.array([0, 1, 2], np.float32), "m": np.array([0, 1, 0], np.float32), "v": np.array([1, 2, 1], np.float32)}),
}
rng = np.random.default_rng(0)
weight = rng.integers(-127, 128, (6, 5)).astype(np.float32) / 64
weight[0] = 127 / 64


def make(folder):
    os.makedirs(folder, exist_ok=True)
    for name, (oldest, newest, nodes, stored) in CASES.items():
        for opset in sorted({oldest, newest}):
            made = nodes(helper.make_node) + [helper.make_node("MatMul", ["y", "w"], ["z"])]
            stored = {**stored, "w": weight}
            inputs = [helper.make_tensor_value_info("x", F, [2, 3, 4, 6])]
            version = 3 if opset < 9 else 4 if opset < 10 else 6
            if version == 3:  # initializers were inputs
                inputs += [helper.make_tensor_value_info(k, F, v.shape) for k, v in stored.items()]
            graph = helper.make_graph(made, name, inputs, [helper.make_tensor_value_info("z", F, ["a", "b", "c", "d"])], [numpy_helper.from_array(v, k) for k, v in stored.items()])
            model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=version)
            onnx.checker.check_model(model)
            onnx.save(model, f"{folder}/{name}-{opset}.onnx")
            np.savez(f"{folder}/{name}-{opset}.npz", x=rng.standard_normal((2, 3, 4, 6)).astype(np.float32))
    for name, node, opset, stored in (("ancient", helper.make_node("Relu", ["x"], ["y"]), 6, {}), ("mask", helper.make_node("Dropout", ["x"], ["y", "k"], ratio=0.5), 7, {}),
                              ("spatial", helper.make_node("BatchNormalization", ["x", "s", "s", "s", "s"], ["y"], spatial=0), 8, {"s": np.ones((3, 4, 6), np.float32)}),
                              ("nothing", helper.make_node("Relu", ["x"], ["y"]), 20, {}), ("infinite", helper.make_node("MatMul", ["x", "i"], ["y"]), 20, {"i": np.full((6, 6), np.inf, np.float32)})):
        nodes = [node] + ([] if name == "nothing" else [helper.make_node("MatMul", ["y", "w"], ["z"], name="last")])
        graph = helper.make_graph(nodes, name, [helper.make_tensor_value_info("x", F, [2, 3, 4, 6])], [helper.make_tensor_value_info("y" if name == "nothing" else "z", F, ["a", "b", "c", "d"])],
                                  [numpy_helper.from_array(weight, "w")] + [numpy_helper.from_array(v, k) for k, v in stored.items()])
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=6), f"{folder}/bad-{name}.onnx")


def compare(folder):
    good = bad = 0
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL  # else it rounds what MatMul reads beside int8 weights
    for path in sorted(glob.glob(f"{folder}/*-q.onnx")):
        model = path[:-7] + ".onnx"
        onnx.checker.check_model(path, full_check=True)
        feed = {"x": np.load(model[:-5] + ".npz")["x"]}
        a, b = (onnxruntime.InferenceSession(p, options, providers=["CPUExecutionProvider"]).run(None, feed)[0] for p in (model, path))
        error = float(np.abs(a - b).max() / np.abs(a).max()) if a.shape == b.shape else 1.0
        good += error <= 1e-5
        bad += error > 1e-5
        if error > 1e-5:
            print(f"{os.path.basename(path)}: differs by {error:.1e}")
    print(f"{good} raised models compute the same, {bad} do not")
    return bad


sys.exit(compare(sys.argv[2]) if sys.argv[1] == "compare" else make(sys.argv[2]))
