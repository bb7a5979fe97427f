#!/usr/bin/env python3
"""Compares what runs wrote.

usage: compare.py weights A.onnx B.onnx [TOLERANCE]      initializers: names and order equal; bits equal, or within a relative tolerance
       compare.py structure A.onnx B.onnx                all but the weights' bytes is the same
       compare.py ort MODEL.onnx DATA.npz OUT.npz JSON   OUT holds what onnxruntime computes (1e-5), JSON (a file) its accuracy
       compare.py gradients BEFORE.onnx AFTER.onnx G.safetensors LR   G has the shapes of the weights and is what they moved by
       compare.py loss JSON WANTED                       JSON has the loss and (where it says one) the accuracy of the file WANTED
       compare.py metrics A.jsonl B.jsonl same|other     losses of the steps
"""
import json, sys
import numpy as np


def weights(path):
    import onnx
    return [(t.name, onnx.numpy_helper.to_array(t)) for t in onnx.load(path).graph.initializer]


def check(good, text):
    if not good:
        sys.exit("compare.py " + " ".join(sys.argv[1:]) + ": " + text)


what, a, b, *rest = sys.argv[1:]
if what == "weights":
    A, B = weights(a), weights(b)
    check([n for n, _ in A] == [n for n, _ in B], "other names")
    for (name, x), (_, y) in zip(A, B):
        if rest:
            error = np.abs(x.astype(float) - y).max() / (np.abs(x).max() + 1e-30)
            check(error <= float(rest[0]), f"{name} differs by {error:.1e}")
        else:
            check(x.tobytes() == y.tobytes(), f"{name} has other bits")
elif what == "structure":
    import onnx
    A, B = (onnx.load(p, load_external_data=False) for p in (a, b))
    changed = 0
    for x, y in zip(A.graph.initializer, B.graph.initializer):
        changed += x.raw_data != y.raw_data
        x.ClearField("raw_data")
        y.ClearField("raw_data")
    check(A.SerializeToString() == B.SerializeToString(), "the files differ in more than weights")
    external = any(t.external_data for t in A.graph.initializer)
    check(changed or external, "no weight changed")
elif what == "ort":
    import onnxruntime
    data, out = np.load(b), np.load(rest[0])
    session = onnxruntime.InferenceSession(a, providers=["CPUExecutionProvider"])
    shape = session.get_inputs()[0].shape
    x = data["x"].reshape([len(data["x"])] + shape[1:])
    fixed = isinstance(shape[0], int)
    wanted = session.run(None, {session.get_inputs()[0].name: x})
    names = [o.name for o in session.get_outputs()]
    check(sorted(out.files) == sorted(names), f"outputs {out.files}, wanted {names}")
    for name, want in zip(names, wanted):
        check(out[name].shape == want.shape and out[name].dtype == want.dtype, f"{name} is {out[name].dtype}{out[name].shape}, wanted {want.dtype}{want.shape}")
        error = np.abs(out[name] - want).max() / np.abs(want).max()
        check(error <= 1e-5, f"{name} differs by {error:.1e}")
    said = json.load(open(rest[1]))
    accuracy = (wanted[0].argmax(1) == data["label"]).mean()
    check(said["samples"] == len(x) and abs(said["accuracy"] - accuracy) < 1e-8, f"accuracy {said}, onnxruntime has {accuracy}")
elif what == "metrics":
    A, B = ([json.loads(line)["loss"] for line in open(p) if '"loss"' in line] for p in (a, b))
    check(len(A) == len(B) and len(A) > 3, f"{len(A)} and {len(B)} steps")
    check((A == B) == (rest[0] == "same"), f"losses {A[:3]} and {B[:3]}")
elif what == "gradients":
    raw = open(rest[0], "rb").read()
    size = int.from_bytes(raw[:8], "little")
    head = json.loads(raw[8:8 + size])
    A, B = weights(a), dict(weights(b))
    check(sorted(head) == sorted(n for n, _ in A), f"gradients of {sorted(head)}")
    for name, x in A:
        begin, end = head[name]["data_offsets"]
        g = np.frombuffer(raw[8 + size:][begin:end], np.float32).reshape(head[name]["shape"])
        check(g.shape == x.shape, f"gradient of {name} is {g.shape}, the weight {x.shape}")
        check(np.abs(g).max() > 1e-4 and np.abs(x - float(rest[1]) * g - B[name]).max() < 1e-6, f"{name} did not move by its gradient")
elif what == "loss":
    said, (loss, accuracy) = json.load(open(a)), map(float, open(b).read().split())
    check(abs(said["loss"] - loss) < 2e-6 and abs(said.get("accuracy", accuracy) - accuracy) < 2e-6, f"{said}, wanted {loss} and {accuracy}")
else:
    sys.exit(__doc__)
