"""Operators of ai.onnx.ml against ONNX Runtime: classical.py values FOLDER; classical.py trained MODEL.onnx TRAINED.onnx METRICS.jsonl: what a pipeline's file holds after training."""
import json, subprocess, sys
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto as T, helper as h

NAN = float("nan")
X = np.array([[1, -2, 0], [NAN, 0.5, 4], [0, 0, 0], [3, 2.5, -1]], np.float32)
FULL = np.nan_to_num(X, nan=-7)
CASES = {
    "scaler": ("Scaler", dict(offset=[1.0, -2.0, 0.5], scale=[0.5, 2.0, 4.0]), [FULL]), "scaler-one": ("Scaler", dict(offset=[0.5], scale=[2.0]), [FULL]),
    "scaler-ints": ("Scaler", dict(offset=[0.5], scale=[2.0]), [np.array([[1, 2], [-3, 4]])]), "max": ("Normalizer", dict(norm="MAX"), [np.abs(FULL)]), "l1": ("Normalizer", dict(norm="L1"), [FULL]),
    "l2": ("Normalizer", dict(norm="L2"), [FULL]), "imputer": ("Imputer", dict(imputed_value_floats=[9.0, 8.0, 7.0], replaced_value_float=NAN), [X]),
    "imputer-zero": ("Imputer", dict(imputed_value_floats=[5.0], replaced_value_float=0.0), [FULL]), "binarizer": ("Binarizer", dict(threshold=0.5), [FULL]),
    "join": ("FeatureVectorizer", dict(inputdimensions=[3, 2]), [FULL, FULL[:, :2]]), "pick": ("ArrayFeatureExtractor", {}, [FULL, np.array([[2, 0]])]), "pick-row": ("ArrayFeatureExtractor", {}, [np.array([5.0, 6, 7], np.float32), np.array([[2, 0, 1]])]),
}


def session(model):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def values(folder):
    wrong = 0
    for name, (op, attributes, arrays) in CASES.items():
        feed = {f"x{i}": a for i, a in enumerate(arrays)}
        infos = [h.make_tensor_value_info(n, h.np_dtype_to_tensor_dtype(a.dtype), a.shape) for n, a in feed.items()]
        graph = h.make_graph([h.make_node(op, list(feed), ["y"], "n", domain="ai.onnx.ml", **attributes)], name, infos, [h.make_tensor_value_info("y", T.FLOAT, None)])
        path = f"{folder}/{name}.onnx"
        onnx.save(h.make_model(graph, opset_imports=[h.make_opsetid("", 20), h.make_opsetid("ai.onnx.ml", 3)], ir_version=9), path)
        np.savez(f"{folder}/in.npz", **feed)
        done = subprocess.run(["llcc", "run", path, f"--inputs={folder}/in.npz", f"--outputs={folder}/out.npz"], capture_output=True, text=True)
        want = session(path).run(None, feed)[0]
        got = np.load(f"{folder}/out.npz")["y"] if done.returncode == 0 else None
        if got is None or got.shape != want.shape or not np.allclose(got, want, rtol=1e-6, atol=1e-7):
            wrong += 1
            print(f"{name}: exit {done.returncode} {done.stderr.strip()}: {got}, ONNX Runtime has {want}")
    print(f"{len(CASES)} operators, {wrong} wrong")
    sys.exit(bool(wrong))


def trained(before, after, metrics):
    one, two = onnx.load(before), onnx.load(after)
    assert [n.op_type for n in one.graph.node] == [n.op_type for n in two.graph.node]
    data = np.load("data.npz")
    labels, rows = session(after).run(None, {"x": data["x"]})
    classes = sorted(rows[0])
    shares = np.array([[row[k] for k in classes] for row in rows])
    assert (labels == np.array(classes)[shares.argmax(1)]).all()
    first = session(before).run(None, {"x": data["x"]})[1]
    loss = lambda rows: -np.log([row[classes[i]] for row, i in zip(rows, data["label"])]).mean()
    losses = [json.loads(line)["loss"] for line in open(metrics)]
    assert abs(losses[0] - loss(first)) < 1e-6 * losses[0], (losses[0], loss(first))
    print(f"loss {loss(first):.4f} -> {loss(rows):.4f}")
    assert loss(rows) < 0.7 * loss(first)


if sys.argv[1] == "data":
    rng = np.random.default_rng(5)
    x = (rng.standard_normal((32, 4)) * [2, .5, 1, .25] + [1, -2, .5, 0]).astype(np.float32)
    np.savez("data.npz", x=x, label=x[:, :3].argmax(1))
else:
    {"values": values, "trained": trained}[sys.argv[1]](*sys.argv[2:])
