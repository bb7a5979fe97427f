#!/usr/bin/env python3
"""Exports scikit-learn models with skl2onnx and records what training them must give, computed with torch.

usage: sklearn_cases.py OUT      needs scikit-learn, skl2onnx and torch.
"""
import os
import sys
import warnings

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.neural_network import MLPClassifier, MLPRegressor
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from case_writer import write_case  # noqa: E402


def forward(x, weights, act):
    for i, (w, b) in enumerate(weights):
        x = x @ w + b
        if i + 1 < len(weights):
            x = act(x)
    return x


def train(weights, act, loss, x, label, dtype, batch=8, steps=8, lr=0.1):
    ps = [[torch.tensor(v, dtype=dtype, requires_grad=True) for v in pair] for pair in weights]
    losses, first = [], None
    for s in range(steps):
        rows = np.arange(s * batch, (s + 1) * batch) % len(label)
        y = forward(torch.tensor(x[rows], dtype=dtype), ps, act)
        value = F.cross_entropy(y, torch.tensor(label[rows])) if loss == "cross_entropy" else F.mse_loss(y, torch.tensor(label[rows], dtype=dtype))
        grads = torch.autograd.grad(value, [v for p in ps for v in p])
        losses.append(float(value))
        if first is None:
            first = [g.double().numpy() for g in grads]
        with torch.no_grad():
            for v, g in zip([v for p in ps for v in p], grads):
                v -= lr * g
    return losses, first


def main(out):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((24, 6)).astype("f4")
    classes, target = rng.integers(0, 3, 24), rng.standard_normal((24, 2)).astype("f4")
    classes[:3] = [0, 1, 2]
    jobs = {"mlp-classifier": (MLPClassifier(hidden_layer_sizes=(10,), activation="tanh", max_iter=5), classes, "cross_entropy", torch.tanh, ["--output=probabilities"]),
            "mlp-regressor": (MLPRegressor(hidden_layer_sizes=(10, 7), activation="relu", max_iter=5), target, "mse", torch.relu, [])}
    for name, (model, label, loss, act, flags) in jobs.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(x, label)
        weights = [(w.astype("f4"), b.astype("f4")) for w, b in zip(model.coefs_, model.intercepts_)]
        for opset in (15, 21):
            folder = os.path.join(out, f"sklearn-{name}-{opset}")
            os.makedirs(folder, exist_ok=True)
            path = os.path.join(folder, "model.onnx")
            options = {id(model): {"zipmap": False}} if "classifier" in name else None
            with open(path, "wb") as f:
                f.write(convert_sklearn(model, initial_types=[("x", FloatTensorType([None, 6]))], target_opset=opset, options=options).SerializeToString())
            l64, g64 = train(weights, act, loss, x, label, torch.float64)
            l32, g32 = train(weights, act, loss, x, label, torch.float32)
            error = max(float(np.linalg.norm(a - b) / np.linalg.norm(b)) for a, b in zip(g32, g64))
            names = [f"{k}{i}" for i in range(len(weights)) for k in ("coefficient", "intercept")]
            values = dict(zip(names, [v for p in weights for v in p]))
            done = write_case(folder, path, {"x": x, "label": label}, values, dict(zip(names, g64)), [{"optimizer": "sgd,lr=0.1", "losses_f64": l64, "losses_f32": l32}],
                              source="skl2onnx", loss=loss, batch=8, steps=8, flags=flags, torch_error=error)
            print(f"sklearn-{name}-{opset}: {len(done['trainable'])} matched, missing {done['not_in_file']}, {' '.join(done['ops'])}")


if __name__ == "__main__":
    main(sys.argv[1])
