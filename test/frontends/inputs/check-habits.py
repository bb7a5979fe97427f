"""Small models with one habit of exporters each; `llcc check --json` must decide as listed: check-habits.py FOLDER [HABIT…]."""
import fnmatch, json, math, os, subprocess, sys
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

F, I = TensorProto.FLOAT, TensorProto.INT64
rng = np.random.default_rng(7)
r = lambda *shape: (rng.standard_normal(shape) * 0.3).astype(np.float32)


def save(folder, name, nodes, inputs, outputs, tensors, opset=20, constants=False, listed=()):
    nodes = [helper.make_node(op, i, o, name=a.pop("name", o[0]), **a) for op, i, o, a in nodes]
    stored = [numpy_helper.from_array(np.asarray(v), k) for k, v in tensors.items()]
    if constants:  # Paddle: no initializer at all
        nodes = [helper.make_node("Constant", [], [t.name], name="const_" + t.name, value=t) for t in stored] + nodes
        stored = []
    values = [helper.make_tensor_value_info(n, t, s) for n, t, s in inputs]
    values += [helper.make_tensor_value_info(n, F, tensors[n].shape) for n in listed]
    graph = helper.make_graph(nodes, name, values, [helper.make_tensor_value_info(n, F, None) for n in outputs], stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
    path = os.path.join(folder, name + ".onnx")
    onnx.save(model, path)
    return path


def habits(folder):
    """(name, path, flags, trained, not trained, ties {copy: (original, transposed)}, splits {name: merged with})"""
    x, ids = [("x", F, ["batch", 4])], [("ids", I, ["batch", 5])]
    gemm = lambda i, w, b, o: ("Gemm", [i, w, b], [o], dict(transB=1))
    yield "names", save(folder, "names", [gemm("x", "val_12", "add_4", "h"), ("Relu", ["h"], ["a"], {}), gemm("a", "onnx::MatMul_296", "zeros_3", "y")], x, ["y"],
                        {"val_12": r(4, 4), "add_4": r(4), "onnx::MatMul_296": r(3, 4), "zeros_3": r(3)}), [], {"val_12", "add_4", "onnx::MatMul_296", "zeros_3"}, set(), {}, {}
    table = r(7, 4)
    for name, other in (("tie-transposed", table.T), ("tie-equal", table)):
        nodes = [("Gather", ["wte", "ids"], ["e"], {})] + ([("MatMul", ["e", "head"], ["y"], {})] if name == "tie-transposed" else
                                                           [("Transpose", ["head"], ["t"], dict(perm=[1, 0])), ("MatMul", ["e", "t"], ["y"], {})])
        path = save(folder, name, nodes, ids, ["y"], {"wte": table, "head": np.ascontiguousarray(other)})
        yield name, path, [], {"wte"}, set(), {"head": ("wte", name == "tie-transposed")}, {}
        yield name + "-untied", path, ["--untie=head"], {"wte", "head"}, set(), {}, {}
    path = save(folder, "apart", [("Gather", ["wte", "ids"], ["e"], {}), ("MatMul", ["e", "head"], ["y"], {})], ids, ["y"], {"wte": table, "head": r(4, 7)})
    yield "apart", path, [], {"wte", "head"}, set(), {}, {}
    yield "apart-tied", path, ["--tie=wte,head"], {"wte"}, set(), {"head": ("wte", True)}, {}
    merged = {"w": r(4, 4), "v": r(3, 4), "zero": np.zeros(4, np.float32), "one": np.ones(4, np.float32)}
    layers = [gemm("x", "w", "zero", "h"), ("LayerNormalization", ["h", "one", "zero"], ["n"], {}), ("LayerNormalization", ["n", "one", "zero"], ["m"], {}), ("MatMul", ["m", "w"], ["y"], {})]
    yield "merged", save(folder, "merged", layers, x, ["y"], {k: merged[k] for k in ("w", "zero", "one")}), [], {"w", "zero", "one", "one:m", "zero:n", "zero:m"}, set(), {}, {"one:m": "one", "zero:n": "zero", "zero:m": "zero"}
    through = [("Identity", ["zero"], ["b2"], {}), gemm("x", "w", "zero", "h"), gemm("h", "w", "b2", "y")]
    yield "merged-identity", save(folder, "merged-identity", through, x, ["y"], {"w": merged["w"], "zero": merged["zero"]}), [], {"w", "zero", "zero:h"}, set(), {}, {"zero:h": "zero"}
    shared = [("Identity", ["w"], ["w2"], {}), ("MatMul", ["x", "w"], ["h"], {}), ("MatMul", ["h", "w2"], ["y"], {})]
    path = save(folder, "shared-layer", shared, x, ["y"], {"w": r(4, 4)})
    yield "shared-layer", path, [], {"w"}, set(), {}, {}
    yield "shared-layer-untied", path, ["--untie=w"], {"w", "w:h"}, set(), {}, {"w:h": "w"}
    yield "positions", save(folder, "positions", [("Gather", ["wte", "ids"], ["e"], {}), ("Add", ["e", "pos"], ["p"], {}), ("MatMul", ["p", "w"], ["y"], {})], ids, ["y"],
                            {"wte": table, "pos": r(1, 5, 4), "w": r(4, 3)}), [], {"wte", "pos", "w"}, set(), {}, {}
    image = [("x", F, ["batch", 3, 8, 8])]
    conv = ("Conv", ["n", "w", "b"], ["c"], {})
    yield "statistics", save(folder, "statistics", [("Sub", ["x", "mean"], ["s"], {}), ("Div", ["s", "std"], ["n"], {}), conv], image, ["c"],
                             {"mean": r(3, 1, 1), "std": r(3, 1, 1) + 1, "w": r(2, 3, 3, 3), "b": r(2)}), [], {"w", "b"}, {"mean", "std"}, {}, {}
    group = [("Reshape", ["x", "to"], ["g"], {}), ("InstanceNormalization", ["g", "ones", "zeros"], ["i"], {}), ("Shape", ["x"], ["s"], {}), ("Reshape", ["i", "s"], ["k"], {}),
             ("Mul", ["k", "gain"], ["m"], {}), ("Add", ["m", "shift"], ["n"], {}), conv]
    yield "group-norm", save(folder, "group-norm", group, [("x", F, [2, 4, 8, 8])], ["c"],
                             {"to": np.array([0, 2, -1]), "ones": np.ones(2, np.float32), "zeros": np.zeros(2, np.float32), "gain": r(4, 1, 1), "shift": r(4, 1, 1), "w": r(2, 4, 3, 3), "b": r(2)}), \
        [], {"gain", "shift", "w", "b"}, {"ones", "zeros"}, {}, {}
    yield "scalar", save(folder, "scalar", [("Mul", ["x", "k"], ["h"], {}), ("MatMul", ["h", "w"], ["y"], {})], x, ["y"], {"k": np.array(0.7978, np.float32), "w": r(4, 3)}), [], {"w"}, {"k"}, {}, {}
    path = os.path.join(folder, "scalar.onnx")
    yield "scalar-trained", path, ["--train=k"], {"w", "k"}, set(), {}, {}
    mask = np.triu(np.full((1, 1, 4, 4), -1e9, np.float32), 1)
    cos = np.cos(np.outer(np.arange(4), [1, 0.1, 0.01, 0.001])).astype(np.float32)
    yield "mask-rotary", save(folder, "mask-rotary", [("Mul", ["q", "cos_12"], ["m"], {}), ("MatMul", ["m", "w"], ["s"], {}), ("Add", ["s", "where_2"], ["t"], {}), ("Softmax", ["t"], ["y"], {})],
                              [("q", F, ["batch", 2, 4, 4])], ["y"], {"cos_12": cos, "where_2": mask, "w": r(4, 4)}), [], {"w"}, {"cos_12", "where_2"}, {}, {}
    n = 32
    basis = np.concatenate([f(2 * np.pi * np.outer(np.arange(n // 2 + 1), np.arange(n)) / n) * np.hanning(n) for f in (np.cos, np.sin)]).astype(np.float32)[:, None]
    yield "stft", save(folder, "stft", [("Conv", ["x", "basis"], ["s"], dict(strides=[8])), ("Mul", ["s", "s"], ["p"], {}), ("Conv", ["p", "w"], ["y"], {})], [("x", F, ["batch", 1, 64])], ["y"],
                       {"basis": basis, "w": r(3, 34, 1)}), [], {"w"}, {"basis"}, {}, {}
    yield "rbf", save(folder, "rbf", [("MatMul", ["x", "w"], ["d"], {}), ("Sub", ["d", "centres"], ["c"], {}), ("Mul", ["c", "c"], ["s"], {}), ("Neg", ["s"], ["g"], {}), ("Exp", ["g"], ["e"], {}), ("MatMul", ["e", "v"], ["y"], {})],
                      x, ["y"], {"w": r(4, 1), "centres": np.linspace(0, 5, 16, dtype=np.float32), "v": r(16, 2)}), [], {"w", "v"}, {"centres"}, {}, {}
    yield "frequencies", save(folder, "frequencies", [("MatMul", ["inv_freq", "x"], ["f"], {}), ("Sin", ["f"], ["s"], {}), ("MatMul", ["w", "s"], ["y"], {})], [("x", F, ["batch", 1, 6])], ["y"],
                              {"inv_freq": (1e4 ** -(np.arange(8, dtype=np.float32) / 8)).reshape(1, 8, 1), "w": r(3, 8)}), [], {"w"}, {"inv_freq"}, {}, {}
    yield "paddle", save(folder, "paddle", [gemm("x", "linear_0.w_0", "linear_0.b_0", "h"), ("Mul", ["h", "one"], ["y"], {})], x, ["y"],
                         {"linear_0.w_0": r(3, 4), "linear_0.b_0": r(3), "one": np.ones(1, np.float32)}, constants=True), [], {"linear_0.w_0", "linear_0.b_0"}, {"one"}, {}, {}
    old = {"w": r(3, 4), "b": r(3), "k": np.array(2.0, np.float32)}
    nodes = [gemm("x", "w", "b", "h"), ("Mul", ["h", "k"], ["y"], {})]
    yield "all-listed", save(folder, "all-listed", nodes, x, ["y"], old, listed=("w", "b", "k")), [], {"w", "b"}, {"k"}, {}, {}
    yield "one-listed", save(folder, "one-listed", nodes, x, ["y"], old, listed=("k",)), [], {"w", "b", "k"}, set(), {}, {}
    two = save(folder, "two-layers", [gemm("x", "fc1.weight", "fc1.bias", "h"), ("Relu", ["h"], ["a"], {}), gemm("a", "fc2.weight", "fc2.bias", "y")], x, ["y"],
               {"fc1.weight": r(4, 4), "fc1.bias": r(4), "fc2.weight": r(3, 4), "fc2.bias": r(3)})
    yield "last-layer", two, ["--train=fc2.*"], {"fc2.weight", "fc2.bias"}, set(), {}, {}
    yield "frozen", two, ["--freeze=fc1.*"], {"fc2.weight", "fc2.bias"}, set(), {}, {}
    yield "biases", two, ["--freeze=*", "--train=*.bias"], {"fc1.bias", "fc2.bias"}, set(), {}, {}
    yield "lora", two, ["--lora=r=2,alpha=4,fc?.weight"], {"fc1.lora_A.weight", "fc1.lora_B.weight", "fc2.lora_A.weight", "fc2.lora_B.weight"}, set(), {}, {}


wrong = count = 0
for name, path, flags, trained, rest, ties, splits in habits(sys.argv[1]):
    if sys.argv[2:] and not any(fnmatch.fnmatch(name, g) for g in sys.argv[2:]):
        continue
    count += 1
    done = subprocess.run(["llcc", "check", "--json", path, *flags], capture_output=True, text=True)
    if done.returncode not in (0, 69):
        wrong += 1
        print(f"{name}: exit {done.returncode}: {done.stderr.strip()}")
        continue
    said = json.loads(done.stdout)
    tensors = {t["name"]: t for t in said["tensors"]}
    found = {n for n, t in tensors.items() if t["trainable"] and "tied_to" not in t}
    tied = {n: (t["tied_to"], t["transposed"]) for n, t in tensors.items() if "tied_to" in t}
    split = {n: t["split_from"] for n, t in tensors.items() if "split_from" in t}
    parameters = {n for n, t in tensors.items() if t["parameter"]}
    problems = [f"trained {sorted(found)}, expected {sorted(trained)}"] * (found != trained) + [f"ties {tied}, expected {ties}"] * (tied != ties) + \
        [f"splits {split}, expected {splits}"] * (split != splits) + [f"parameters: {sorted(parameters & rest)}"] * bool(parameters & rest) + \
        [f"exit {done.returncode}, trainable {said['trainable']}: {said['obstacles']} {said['no_forward']} {said['no_gradient']}"] * (done.returncode != 0 or not said["trainable"]) + \
        [f"no reason for {n}" for n, t in tensors.items() if not t["reason"]]
    wrong += bool(problems)
    print(f"{name}: {'; '.join(problems) or 'as expected'}")
print(f"{count} habits, {wrong} wrong")
sys.exit(wrong != 0)
