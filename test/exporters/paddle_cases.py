#!/usr/bin/env python3
"""Exports small Paddle models with paddle2onnx (weights in Constant nodes) and records what training them must give.

usage: paddle_cases.py OUT [NAME...]      needs paddlepaddle and paddle2onnx.
"""
import os
import sys

import numpy as np
import paddle
import paddle.nn as nn
import paddle.nn.functional as F

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from case_writer import write_case  # noqa: E402


class Net(nn.Layer):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Conv2D(1, 6, 3, 2, 1), nn.Conv2D(6, 6, 3, padding=1, groups=6), nn.Linear(6, 5)

    def forward(self, x):
        x = F.hardswish(self.a(x))
        x = x + F.relu6(self.b(x))
        return self.c(F.adaptive_avg_pool2d(x, 1).flatten(1))


class Recogniser(nn.Layer):
    def __init__(self):
        super().__init__()
        self.a, self.rnn, self.c = nn.Conv2D(1, 4, 3, (2, 1), 1), nn.LSTM(16, 6, direction="bidirect"), nn.Linear(12, 7)

    def forward(self, x):
        y = F.relu(self.a(x)).transpose([0, 3, 1, 2]).flatten(2)
        return self.c(self.rnn(y)[0].mean(1))


class Ernie(nn.Layer):
    def __init__(self):
        super().__init__()
        self.e, self.q, self.n, self.o, self.c = nn.Embedding(20, 8), nn.Linear(8, 24), nn.LayerNorm(8), nn.Linear(8, 8), nn.Linear(8, 5)

    def forward(self, x):
        h = self.e(x)
        q, k, v = self.q(self.n(h)).reshape([0, 6, 3, 2, 4]).transpose([2, 0, 3, 1, 4]).unbind(0)
        a = F.softmax(paddle.matmul(q, k, transpose_y=True) * 0.5, -1)
        h = h + self.o(paddle.matmul(a, v).transpose([0, 2, 1, 3]).reshape([0, 6, 8]))
        return self.c(F.gelu(h).mean(1))


CASES = {
    "mobile": (Net, lambda r: r.standard_normal((24, 1, 10, 10)).astype("f4"), 5),
    "recogniser": (Recogniser, lambda r: r.standard_normal((24, 1, 8, 9)).astype("f4"), 7),
    "ernie": (Ernie, lambda r: r.integers(0, 20, (24, 6)), 5),
}


def train(build, state, x, label, dtype, batch=8, steps=8, lr=0.1):
    paddle.set_default_dtype(dtype)
    model = build()
    model.set_state_dict({k: paddle.to_tensor(v.astype(dtype)) for k, v in state.items()})
    model.train()  # its LSTM keeps what the backward pass needs only then; nothing here drops out
    opt = paddle.optimizer.SGD(lr, parameters=model.parameters())
    losses, first = [], None
    for s in range(steps):
        rows = np.arange(s * batch, (s + 1) * batch) % len(label)
        xb = x[rows].astype(dtype) if x.dtype.kind == "f" else x[rows]
        value = F.cross_entropy(model(paddle.to_tensor(xb)), paddle.to_tensor(label[rows]))
        value.backward()
        losses.append(float(value))
        if first is None:
            first = {k: p.grad.numpy().astype("f8") for k, p in model.named_parameters() if p.grad is not None}
        opt.step()
        opt.clear_grad()
    paddle.set_default_dtype("float32")
    return losses, first


def make(out, name, opset):
    build, data, classes = CASES[name]
    paddle.set_default_dtype("float32")
    paddle.seed(0)
    rng = np.random.default_rng(1)
    model = build()
    state = {k: v.numpy() + rng.standard_normal(v.shape).astype("f4") * 0.02 for k, v in model.state_dict().items()}
    model.set_state_dict(state)
    model.eval()
    x, label = data(rng), rng.integers(0, classes, 24)
    folder = os.path.join(out, f"paddle-{name}-{opset}")
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "model")
    paddle.onnx.export(model, path, input_spec=[paddle.static.InputSpec([-1, *x.shape[1:]], str(x.dtype), "x")], opset_version=opset)
    l64, g64 = train(build, state, x, label, "float64")
    l32, g32 = train(build, state, x, label, "float32")
    big = max(np.linalg.norm(g) for g in g64.values())
    error = max(float(np.linalg.norm(g32[k] - g) / (np.linalg.norm(g) + 1e-6 * big)) for k, g in g64.items())
    done = write_case(folder, path + ".onnx", {"x": x, "label": label}, state, g64, [{"optimizer": "sgd,lr=0.1", "losses_f64": l64, "losses_f32": l32}],
                      source=f"paddle {paddle.__version__}", loss="cross_entropy", batch=8, steps=8, torch_error=error)
    print(f"paddle-{name}: {done['nodes']} nodes, {len(done['trainable'])} matched, missing {done['not_in_file']}, {' '.join(done['ops'])}", flush=True)


if __name__ == "__main__":
    for n in sys.argv[2:] or CASES:
        for opset in (11, 16):
            try:
                make(sys.argv[1], n, opset)
            except Exception as e:  # one model that the exporter refuses does not stop the others
                print(f"paddle-{n}-{opset}: EXPORT FAILED: {type(e).__name__}: {str(e)[:300]}", flush=True)
