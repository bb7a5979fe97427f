"""Losses of classes with soft labels, smoothing, an ignored class and weights of the classes, against PyTorch's formulas in numpy (f64).

usage: labels.py FOLDER       makes a linear model, trains it in each way, compares losses of five steps and the evaluation; a line a way
"""
import json, os, subprocess, sys
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

folder = sys.argv[1]
os.makedirs(folder, exist_ok=True)
os.chdir(folder)
rng = np.random.default_rng(1)
N, D, C, LR, STEPS = 12, 5, 4, 0.5, 5
x = rng.standard_normal((N, D)).astype(np.float32)
y = rng.integers(0, C, N)
W0 = rng.standard_normal((D, C)).astype(np.float32)


def model(name, softmax=False):
    nodes = [helper.make_node("MatMul", ["x", "w"], ["z"])] + ([helper.make_node("Softmax", ["z"], ["p"], axis=-1)] if softmax else [])
    out = "p" if softmax else "z"
    graph = helper.make_graph(nodes, name, [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", D])], [helper.make_tensor_value_info(out, TensorProto.FLOAT, ["n", C])], [numpy_helper.from_array(W0, "w")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), name + ".onnx")


def cross_entropy(W, labels, smoothing=0.0, ignore=-100, weights=None):
    """torch.nn.functional.cross_entropy and its gradient by the logits, written out."""
    z = x.astype(np.float64) @ W
    logp = z - z.max(1, keepdims=True)
    logp -= np.log(np.exp(logp).sum(1, keepdims=True))
    w = np.ones(C) if weights is None else np.array(weights)
    if labels.ndim == 2:
        share = (labels * (1 - smoothing) + smoothing / C) * w / N
    else:
        valid = labels != ignore
        hit = np.eye(C)[np.where(valid, labels, 0)] * valid[:, None]
        share = ((1 - smoothing) * hit * w + smoothing / C * w * valid[:, None]) / (hit * w).sum()
    loss = -(share * logp).sum()
    return loss, x.T.astype(np.float64) @ (np.exp(logp) * share.sum(1, keepdims=True) - share)


soft = rng.random((N, C))
soft /= soft.sum(1, keepdims=True)
one_hot = np.eye(C)[y]
ways = [  # name, label array, flags, keys of the formula
    ("classes", y, [], {}),
    ("one-hot", one_hot.astype(np.float32), [], {}),
    ("one-hot-bytes", one_hot.astype(np.uint8), [], {}),
    ("soft", soft.astype(np.float32), [], {}),
    ("soft-smooth", soft.astype(np.float32), ["--label-smoothing=0.2"], {"smoothing": 0.2}),
    ("smooth", y, ["--label-smoothing=0.1"], {"smoothing": 0.1}),
    ("ignored", np.where(y == 1, -100, y), [], {}),
    ("ignore-index", y, ["--ignore-index=2"], {"ignore": 2}),
    ("ignore-smooth", y, ["--ignore-index=0", "--label-smoothing=0.1"], {"ignore": 0, "smoothing": 0.1}),
    ("ignore-far", np.where(y == 3, 255, y), ["--ignore-index=255"], {"ignore": 255}),
    ("weights", y, ["--class-weights=1,2,0.5,0"], {"weights": [1, 2, 0.5, 0]}),
    ("weights-smooth", y, ["--class-weights=1,2,0.5,3", "--label-smoothing=0.3", "--ignore-index=1"], {"weights": [1, 2, 0.5, 3], "smoothing": 0.3, "ignore": 1}),
    ("weights-soft", soft.astype(np.float32), ["--class-weights=1,2,0.5,3"], {"weights": [1, 2, 0.5, 3]}),
    ("softmax-one-hot", one_hot.astype(np.float32), [], {}),
    ("softmax-smooth", y, ["--label-smoothing=0.1"], {"smoothing": 0.1}),
]
extra = sys.argv[2:]
failed = 0
for name, labels, flags, keys in ways:
    model(name, name.startswith("softmax"))
    np.savez(name + ".npz", x=x, label=labels)
    out = subprocess.run(["llcc", "train", name + ".onnx", f"--data={name}.npz", f"--eval={name}.npz", f"--batch={N}", f"--steps={STEPS}", f"--optimizer=sgd,lr={LR}", "--no-shuffle", "--quiet",
                          f"--metrics={name}.jsonl", *flags, *extra], capture_output=True, text=True)
    if out.returncode:
        failed += 1
        print(f"{name}: exit {out.returncode}: {out.stderr.strip()}")
        continue
    rows = [json.loads(line) for line in open(name + ".jsonl")]
    got = [r["loss"] for r in rows if "loss" in r]
    W, want = W0.astype(np.float64), []
    for _ in range(STEPS):
        loss, gradient = cross_entropy(W, labels.astype(np.float64) if labels.ndim == 2 else labels, **keys)
        want.append(loss)
        W = W - LR * gradient
    error = max(abs(a - b) / abs(b) for a, b in zip(got, want))
    plain = {k: v for k, v in keys.items() if k == "ignore"}  # what is measured is the loss without smoothing and weights
    measured = [r for r in rows if "eval_loss" in r][-1]
    wanted = cross_entropy(W, labels.astype(np.float64) if labels.ndim == 2 else labels, **plain)[0]
    z = x @ W
    right = (z.argmax(1) == (labels.argmax(1) if labels.ndim == 2 else labels))
    counted = np.ones(N, bool) if labels.ndim == 2 else (labels != keys.get("ignore", -100))
    bad = len(got) != STEPS or not error < 2e-6 or not abs(measured["eval_loss"] - wanted) < 2e-6 * wanted or abs(measured["accuracy"] - right[counted].mean()) > 1e-6
    failed += bad
    print(f"{name}: losses within {error:.0e}, measured {measured['eval_loss']:.5f} (wanted {wanted:.5f}), accuracy {measured['accuracy']:.3f}", "WRONG" if bad else "")
print(f"{len(ways) - failed} of {len(ways)} ways")
sys.exit(int(failed))
