"""Trains oracle cases for three steps and compares the saved model with the exporter's file, byte by byte where nothing may change.

usage: round-trip-oracle.py ORACLE-FOLDER WORK-FOLDER [CASE…] [-- FLAG…]      prints a line a case
What must be equal: nodes (in inference form; inputs renamed only to initializers that are new), names, opsets, metadata, inputs and outputs, the place of external
data, and every byte that is not a trained parameter, a copy of one, or a running statistic. The outputs of ONNX Runtime and of `llcc run` on the saved model agree
within 2e-5 of the largest output (5e-4 behind BatchNormalization's division by small variances).
"""
import json, os, subprocess, sys
import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: exit {done.returncode}: {done.stderr}")


def strip(node, stored, brought_back=()):
    """The node without what saving may change: names of initializers, biases that the exporter had taken away, and the training forms of two operators."""
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    while copy.input and copy.input[-1] in brought_back:
        copy.input.pop()
    for i, name in enumerate(copy.input):
        if name in stored:
            copy.input[i] = "(initializer)"
    if copy.op_type == "BatchNormalization":
        for attribute in [a for a in copy.attribute if a.name == "training_mode"]:
            copy.attribute.remove(attribute)
        del copy.output[1:]
    if copy.op_type == "Dropout":
        del copy.input[2:]
    return copy.SerializeToString(deterministic=True)


def compare(oracle, work, name, flags):
    case = json.load(open(f"{oracle}/{name}/case.json"))
    path, data, out = f"{oracle}/{name}/model.onnx", f"{oracle}/{name}/data.npz", f"{work}/{name}"
    os.makedirs(out, exist_ok=True)
    run("llcc", "train", path, f"--data={data}", f"--loss={case['loss']}", f"--batch={case['batch']}", "--steps=3", "--optimizer=adamw,lr=0.003", "--no-shuffle",
        f"--save={out}/saved.onnx", "--quiet", *case["flags"], *flags)
    user, saved = (onnx.load(p, load_external_data=False) for p in (path, f"{out}/saved.onnx"))
    names = [t.name for t in user.graph.initializer]
    stored = set(names) | {t.name for t in saved.graph.initializer}
    wrong, brought_back = [], set()
    for a, b in zip(user.graph.node, saved.graph.node):
        brought_back |= set(b.input[len(a.input):]) & stored - set(names)
    if [strip(n, stored, brought_back) for n in saved.graph.node] != [strip(n, stored) for n in user.graph.node]:
        wrong.append("the nodes differ")
    for what in ("ir_version", "producer_name", "producer_version", "domain", "model_version", "doc_string", "metadata_props", "opset_import", "functions", "training_info"):
        if getattr(saved, what) != getattr(user, what):
            wrong.append(f"{what} differs")
    for what in ("name", "doc_string", "input", "output", "value_info", "metadata_props", "quantization_annotation"):
        if getattr(saved.graph, what) != getattr(user.graph, what):
            wrong.append(f"graph.{what} differs")
    if [t.name for t in saved.graph.initializer][:len(names)] != names:
        wrong.append("initializers have other names")
    places = lambda m: {t.name: (t.data_type, list(t.dims), [(e.key, e.value) for e in t.external_data]) for t in m.graph.initializer if t.name in names}
    if places(saved) != places(user):
        wrong.append("types, shapes or places of external data differ")
    one, two = ({t.name: numpy_helper.to_array(t) for t in onnx.load(p).graph.initializer} for p in (path, f"{out}/saved.onnx"))
    renamed = {}  # new initializer -> the merged one that stood there
    for a, b in zip(user.graph.node, saved.graph.node):
        renamed.update({new: old for old, new in zip(a.input, b.input) if old != new and new in two})
    statistics = {i for n in user.graph.node if n.op_type == "BatchNormalization" for i in n.input[3:5]}
    views = {o: n.input[0] for n in user.graph.node if n.op_type in ("CastLike", "Reshape", "Expand", "Identity") for o in n.output}
    while statistics & set(views):
        statistics = {views.get(s, s) for s in statistics}
    copies = case["tied_copies"]
    trained = set(case["trainable"]) | set(case["also_trainable"]) | set(copies) | statistics | set(renamed) | set(renamed.values())
    trained |= brought_back
    changed = {k for k in two if k in brought_back or not np.array_equal(two[k], one[renamed.get(k, k)])}
    if case["not_in_file"]:  # the case lists what the framework had: what is trained is packed or merged in the file
        trained |= {k for k in changed if k in one and one[k].dtype == np.float32 and one[k].size > 1}
    if changed - trained:
        wrong.append(f"changed though not trained: {sorted(changed - trained)[:3]}")
    still = {k for k in case["trainable"] if k in one and k not in changed and k not in renamed.values()}
    if still:
        wrong.append(f"not trained: {sorted(still)[:3]}")
    for copy, original in copies.items():
        if not np.array_equal(two[copy], two[original].T) and not np.array_equal(two[copy], two[original]):
            wrong.append(f"{copy} does not follow {original}")
    files = {e.value for t in user.graph.initializer for e in t.external_data if e.key == "location"}
    for file in files:  # bytes between and behind the trained tensors are the user's
        before, after = (np.fromfile(f"{folder}/{file}", np.uint8) for folder in (f"{oracle}/{name}", out))
        if before.size != after.size:
            wrong.append(f"{file} has {after.size} bytes, it had {before.size}")
            continue
        free = np.ones(before.size, bool)
        for t in user.graph.initializer:
            place = {e.key: e.value for e in t.external_data}
            if place.get("location") == file and t.name in changed:
                free[int(place.get("offset", 0)):][:int(place["length"])] = False
        if not np.array_equal(before[free], after[free]):
            wrong.append(f"bytes of {file} that belong to no trained tensor differ")
    arrays, k = np.load(data), case["batch"]
    feed = {i.name: arrays[i.name][:k] for i in user.graph.input if i.name in arrays.files}
    theirs = onnxruntime.InferenceSession(f"{out}/saved.onnx", providers=["CPUExecutionProvider"]).run(None, feed)
    np.savez(f"{out}/in.npz", **feed)
    run("llcc", "run", f"{out}/saved.onnx", f"--inputs={out}/in.npz", f"--outputs={out}/out.npz")
    ours, worst = np.load(f"{out}/out.npz"), 0.0
    for output, want in zip(saved.graph.output, theirs):
        worst = max(worst, float(np.abs(ours[output.name] - want).max() / (np.abs(want).max() + 1e-30)))
    if not worst <= (5e-4 if statistics else 2e-5):
        wrong.append(f"ONNX Runtime's outputs differ by {worst:.1e}")
    onnx.checker.check_model(f"{out}/saved.onnx")
    extra = [t.name for t in saved.graph.initializer][len(names):]
    print(f"{name}: {'; '.join(wrong) or 'the same file, trained'}; {len(changed)} changed, {len(extra)} new, outputs within {worst:.0e}", flush=True)
    return not wrong


arguments = sys.argv[1:]
flags = arguments[arguments.index("--") + 1:] if "--" in arguments else []
oracle, work, *cases = arguments[:arguments.index("--")] if "--" in arguments else arguments
cases = cases or sorted(d for d in os.listdir(oracle) if os.path.exists(f"{oracle}/{d}/case.json"))
good = sum([compare(oracle, work, c, flags) for c in cases])
print(f"{good} of {len(cases)} round trips")
sys.exit(good != len(cases))
