"""Trains models and compares the saved file with the user's: same nodes, names, metadata, files; the outputs of ONNX Runtime and of llcc agree.

usage: round-trip.py FOLDER MODEL.onnx… [-- FLAG…]      prints a line a model
"""
import os, subprocess, sys
import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper

KINDS = {onnx.TensorProto.FLOAT: np.float32, onnx.TensorProto.DOUBLE: np.float64, onnx.TensorProto.INT64: np.int64, onnx.TensorProto.INT32: np.int32}


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: exit {done.returncode}: {done.stderr}")
    return done


def strip(node):
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    del copy.input[:]
    return copy.SerializeToString(deterministic=True)


def compare(folder, path, flags):
    name = os.path.basename(path)[:-5]
    user = onnx.load(path, load_external_data=False)
    stored = {t.name for t in user.graph.initializer}
    rng, samples, batch = np.random.default_rng(3), 8, 4
    data = {}
    for value in user.graph.input:
        if value.name in stored:
            continue
        kind = KINDS[value.type.tensor_type.elem_type]
        shape = [samples] + [d.dim_value or 4 for d in value.type.tensor_type.shape.dim[1:]]
        data[value.name] = rng.integers(0, 3, shape) if kind in (np.int64, np.int32) else rng.standard_normal(shape).astype(kind)
    batched = [v for v in user.graph.input if v.name in data]
    if batched[0].type.tensor_type.shape.dim[0].dim_value:
        batch = batched[0].type.tensor_type.shape.dim[0].dim_value
    first = {k: v[:batch] for k, v in data.items()}
    before = onnxruntime.InferenceSession(path).run(None, first)[0]
    np.savez(f"{folder}/{name}-data.npz", **data, label=rng.standard_normal((samples,) + before.shape[1:]).astype(before.dtype))
    out = f"{folder}/{name}-saved"
    os.makedirs(out, exist_ok=True)
    run("llcc", "train", path, f"--data={folder}/{name}-data.npz", "--loss=mse", f"--batch={batch}", "--steps=3", "--optimizer=adamw,lr=0.01", "--no-shuffle", f"--save={out}/{name}.onnx", "--quiet", *flags)
    saved = onnx.load(f"{out}/{name}.onnx", load_external_data=False)
    wrong = []
    if [strip(n) for n in saved.graph.node] != [strip(n) for n in user.graph.node]:
        wrong.append("the nodes differ")
    for what in ("producer_name", "ir_version", "doc_string", "metadata_props", "opset_import"):
        if getattr(saved, what) != getattr(user, what):
            wrong.append(f"{what} differs")
    if list(saved.graph.input) != list(user.graph.input) or list(saved.graph.output) != list(user.graph.output):
        wrong.append("inputs or outputs differ")
    names = [t.name for t in user.graph.initializer]
    if [t.name for t in saved.graph.initializer][:len(names)] != names:
        wrong.append("initializers have other names")
    places = lambda m: {t.name: [(e.key, e.value) for e in t.external_data] for t in m.graph.initializer if t.external_data and t.name in names}
    if places(saved) != places(user):
        wrong.append("external data lies elsewhere")
    one = {t.name: numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer}
    two = {t.name: numpy_helper.to_array(t) for t in onnx.load(f"{out}/{name}.onnx").graph.initializer}
    changed = [k for k in one if not np.array_equal(one[k], two[k])]
    if not changed:
        wrong.append("nothing was trained")
    for a in one:
        for b in one:
            if a < b and one[a].ndim == 2 and one[a].size > 1 and one[a].shape == one[b].T.shape and np.array_equal(one[a], one[b].T) and one[a].std() > 0:
                if not np.array_equal(two[a], two[b].T):
                    wrong.append(f"{a} and {b} were one parameter and are two now")
    theirs = onnxruntime.InferenceSession(f"{out}/{name}.onnx").run(None, first)[0]
    np.savez(f"{folder}/{name}-in.npz", **first)
    run("llcc", "run", f"{out}/{name}.onnx", f"--inputs={folder}/{name}-in.npz", f"--outputs={folder}/{name}-out.npz")
    ours = np.load(f"{folder}/{name}-out.npz")[saved.graph.output[0].name]
    scale = max(1e-6, float(np.abs(theirs).max()))
    if float(np.abs(ours - theirs).max()) > 1e-4 * scale:
        wrong.append(f"ONNX Runtime's outputs differ by {np.abs(ours - theirs).max():.1e}")
    if float(np.abs(before - theirs).max()) < 1e-5 * scale:
        wrong.append("the outputs did not change")
    extra = [t.name for t in saved.graph.initializer][len(names):]
    print(f"{name}: {'; '.join(wrong) or 'the same file, trained'}; {len(changed)} changed{', new: ' + ', '.join(extra) if extra else ''}")
    return not wrong


arguments = sys.argv[1:]
flags = arguments[arguments.index("--") + 1:] if "--" in arguments else []
models = arguments[1:arguments.index("--")] if "--" in arguments else arguments[1:]
good = sum([compare(arguments[0], m, flags) for m in models])
print(f"{good} of {len(models)} round trips")
sys.exit(good != len(models))
