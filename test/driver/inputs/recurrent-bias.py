"""Trains LSTM, GRU and RNN whose B has a recurrent half of zeros; which half moves must be as listed: recurrent-bias.py FOLDER."""
import json, os, subprocess, sys
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

folder, F = sys.argv[1], TensorProto.FLOAT
rng = np.random.default_rng(5)
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


def make(name, op, bias, producer="pytorch", through=False, **attributes):
    n, (i, u, d) = GATES[op], (2, 3, bias.shape[0])
    tensors = {"W": rng.standard_normal((d, n * u, i)), "R": rng.standard_normal((d, n * u, u)), "B": bias, "w": rng.standard_normal((d * u, 2))}
    read = "B2" if through else "B"
    nodes = [helper.make_node("Transpose", ["x"], ["t"], perm=[1, 0, 2])] + [helper.make_node("Identity", ["B"], ["B2"])] * through + \
        [helper.make_node(op, ["t", "W", "R", read], ["", "h"], name="cell", hidden_size=u, **({"direction": "bidirectional"} if d == 2 else {}), **attributes),
         helper.make_node("Transpose", ["h"], ["s"], perm=[1, 0, 2]), helper.make_node("Flatten", ["s"], ["f"], axis=1), helper.make_node("MatMul", ["f", "w"], ["y"])]
    graph = helper.make_graph(nodes, name, [helper.make_tensor_value_info("x", F, ["batch", 5, i])], [helper.make_tensor_value_info("y", F, ["batch", 2])],
                              [numpy_helper.from_array(v.astype(np.float32), k) for k, v in tensors.items()])
    path = os.path.join(folder, name + ".onnx")
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name=producer), path)
    return path


def train(path, *flags):
    """Gradient of B, and B after three steps of AdamW (weight decay too must leave zeros alone)."""
    saved, gradients = path.replace(".onnx", ".trained"), path.replace(".onnx", ".safetensors")
    subprocess.run(["llcc", "train", path, f"--data={folder}/data.npz", "--label=label", "--loss=cross_entropy", "--batch=4", "--steps=3", "--no-shuffle",
                    "--optimizer=adamw,lr=0.01", f"--save-gradients={gradients}", f"--save={saved}.onnx", "--quiet", *flags], check=True)
    raw = open(gradients, "rb").read()
    size = int.from_bytes(raw[:8], "little")
    at = json.loads(raw[8:8 + size])["B"]
    begin, end = at["data_offsets"]
    gradient = np.frombuffer(raw[8 + size + begin:8 + size + end], {"F32": "<f4", "F64": "<f8"}[at["dtype"]]).reshape(at["shape"])
    model = onnx.load(saved + ".onnx")
    return gradient, next(numpy_helper.to_array(t) for t in model.graph.initializer if t.name == "B")


np.savez(os.path.join(folder, "data.npz"), x=rng.standard_normal((12, 5, 2)).astype(np.float32), label=rng.integers(0, 2, 12))
wrong = count = 0


def expect(name, path, inputs, recurrent, *flags):
    """`inputs`, `recurrent`: which half of B is trained."""
    global wrong, count
    gradient, after = train(path, *flags)
    before = next(numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer if t.name == "B")
    half = before.shape[1] // 2
    found = [bool(np.any(gradient[:, s] != 0)) and bool(np.any(after[:, s] != before[:, s])) for s in (slice(half), slice(half, None))]
    still = [bool(np.all(gradient[:, s] == 0)) and bool(np.all(after[:, s] == 0)) for s in (slice(half), slice(half, None))]
    good = found == [inputs, recurrent] and (recurrent or still[1]) and gradient.shape == before.shape
    reason = next(t["reason"] for t in json.loads(subprocess.run(["llcc", "check", "--json", path, *flags], capture_output=True, text=True).stdout)["tensors"] if t["name"] == "B")
    good &= ("recurrent half is zero and stays so" in reason) == (not recurrent)
    count += 1
    wrong += not good
    print(f"{name}: moves {found}; {reason}: {'as expected' if good else 'WRONG'}")
    return gradient


for op, attributes in (("LSTM", {}), ("GRU", {}), ("GRU", {"linear_before_reset": 1}), ("RNN", {})):
    n, label = GATES[op] * 3, op + "-linear" * bool(attributes)
    for d in (1, 2):
        given = rng.standard_normal((d, n)) * 0.1
        one = np.concatenate([given, np.zeros((d, n))], 1)
        path = make(f"{label}-{d}", op, one, **attributes)
        g = expect(f"{label} {d} one bias", path, True, False)
        both = expect(f"{label} {d} named by --train", path, True, True, "--train=B", "--train=W", "--train=R", "--train=w")
        # The gradient of the half that is left is that of a model with two biases.
        assert np.allclose(g[:, :n], both[:, :n], rtol=1e-5, atol=1e-8) and np.any(both[:, n:] != 0), label
    expect(f"{label} fresh", make(f"{label}-fresh", op, np.zeros((1, 2 * n)), **attributes), True, True)
    expect(f"{label} fresh, of tf2onnx", make(f"{label}-tf", op, np.zeros((1, 2 * n)), "tf2onnx", **attributes), True, bool(attributes))
    expect(f"{label} two biases", make(f"{label}-two", op, rng.standard_normal((1, 2 * n)), **attributes), True, True)
    expect(f"{label} through Identity", make(f"{label}-id", op, np.concatenate([np.ones((1, n)), np.zeros((1, n))], 1), through=True, **attributes), True, False)
print(f"{count} models, {wrong} wrong")
sys.exit(wrong != 0)
