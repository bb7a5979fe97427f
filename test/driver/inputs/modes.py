"""Batch normalisation and dropout from the command line, against numpy and onnxruntime.

usage: modes.py data FOLDER                          writes FOLDER/data.npz, samples for the models batchnorm-net-* and dropout-net
       modes.py statistics SAVED DATA BATCH STEPS    running statistics of SAVED (trained with lr=0: weights stand still) are those of the batches
       modes.py losses A B …                         metrics files have the same losses up to f32 rounding
       modes.py differ A B                           … have not
       modes.py inference SAVED DATA OUT             onnxruntime computes from SAVED what `llrun infer` wrote to OUT
"""
import json
import sys
import numpy as np
import onnx
from onnx import numpy_helper

command, *args = sys.argv[1:]


def losses(path):
    lines = list(map(json.loads, open(path)))
    found = [line[key] for key in ("loss", "eval_loss") for line in lines if key in line]
    assert found and np.all(np.isfinite(found)), found
    return np.array(found)


if command == "data":
    rng = np.random.default_rng(5)
    label = rng.integers(0, 5, 24)
    np.savez(args[0] + "/data.npz", x=(rng.standard_normal((24, 3, 6)) + label[:, None, None] * 0.3).astype(np.float32), label=label)
    x = rng.standard_normal((24, 6)).astype(np.float32)
    np.savez(args[0] + "/classes.npz", x=x, label=label)
    np.savez(args[0] + "/bits.npz", x=x, label=(rng.random((24, 5)) < 0.4).astype(np.float32))
    np.savez(args[0] + "/target.npz", x=x, target=np.eye(5, dtype=np.float32)[label])
    np.savez(args[0] + "/flat.npz", x=(rng.standard_normal((24, 6)) + label[:, None]).astype(np.float32), label=label)
elif command == "statistics":
    saved, data, batch, steps = onnx.load(args[0]), np.load(args[1])["x"].astype(np.float64), int(args[2]), int(args[3])
    unbiased = "torch" in args
    weights = {t.name: numpy_helper.to_array(t).astype(np.float64) for t in saved.graph.initializer}
    norms = [n for n in saved.graph.node if n.op_type == "BatchNormalization"]
    assert all(len(n.output) == 1 and not any(a.name == "training_mode" and a.i for a in n.attribute) for n in norms), norms
    alias = {n.output[0]: n.input[0] for n in saved.graph.node if n.op_type == "Identity"}
    mean, var = [[np.full(4, float(v)) for _ in norms] for v in (0, 1)]
    for step in range(steps):
        x = data[(np.arange(batch) + step * batch) % len(data)]
        for i, name in enumerate(("c1", "c2")):
            w = weights[name + ".weight"]
            padded = np.pad(x, ((0, 0), (0, 0), (1, 1)))
            x = np.stack([np.einsum("ncl,ocl->no", padded[:, :, j:j + 3], w) for j in range(6)], 2)
            m, v = x.mean((0, 2)), x.var((0, 2))
            n = x.shape[0] * x.shape[2]
            mean[i] = 0.75 * mean[i] + 0.25 * m
            var[i] = 0.75 * var[i] + 0.25 * v * (n / (n - 1) if unbiased else 1)
            x = np.maximum((x - m[:, None]) / np.sqrt(v[:, None] + 1e-5), 0)
    for n, m, v in zip(norms, mean, var):
        for name, want in ((n.input[3], m), (n.input[4], v)):
            got = weights[alias.get(name, name)]
            assert np.allclose(got, want, rtol=1e-4, atol=1e-6), (name, got, want)
    assert len({alias.get(i, i) for n in norms for i in n.input[3:]}) == 4, "statistics are still shared"
    print("statistics agree")
elif command in ("losses", "differ"):
    first = losses(args[0])
    for other in map(losses, args[1:]):
        error = np.max(np.abs(first - other) / np.abs(first))
        assert len(first) == len(other) and (error < 1e-5) == (command == "losses"), (error, first, other)
    print("losses", "agree" if command == "losses" else "differ")
elif command == "inference":
    import onnxruntime
    x = np.load(args[1])["x"]
    want = onnxruntime.InferenceSession(args[0]).run(None, {"x": x})[0]
    got = np.load(args[2])["logits"]
    assert np.allclose(got, want, rtol=1e-4, atol=1e-5), np.abs(got - want).max()
    print("outputs agree")
