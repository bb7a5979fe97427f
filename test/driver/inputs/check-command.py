"""Runs the command that `llcc check` suggests, on one batch that is repeated, and sees the loss fall.

usage: check-command.py MODEL.onnx…    data: data.npz beside the model (oracle cases, with the flags of case.json), else made from what check says
Only FILE.npz and the length of training (eight steps, the same batch) are put into the command; a line for each model.
"""
import json, os, shlex, subprocess, sys, tempfile
import numpy as np

TYPES = {"float32": np.float32, "float64": np.float64, "float16": np.float16, "int64": np.int64, "int32": np.int32, "bool": bool}


def made(entry, random):
    """Integers are classes or ids: 0 and 1 are valid wherever there are two."""
    kind, shape = TYPES[entry["type"]], entry["shape"]
    return random.standard_normal(shape).astype(kind) if np.dtype(kind).kind == "f" else random.integers(0, 2, shape).astype(kind)


def check(path, folder):
    beside, flags = os.path.join(os.path.dirname(path), "data.npz"), []
    case = os.path.join(os.path.dirname(path), "case.json")
    if os.path.exists(case):
        flags = json.load(open(case))["flags"]
    done = subprocess.run(["llcc", "check", "--json", path, *flags], capture_output=True, text=True)
    if done.returncode:
        return f"check: exit {done.returncode}: {done.stderr.strip()[-300:]}"
    said = json.loads(done.stdout)
    random, batch = np.random.default_rng(1), said["batch"]
    stored = dict(np.load(beside)) if os.path.exists(case) else {}
    arrays = {}
    for entry in said["data"]:
        # What check cannot know from the file: whether scores are of classes or of labels. Its command is right for what it says.
        if not stored or stored[entry["name"]].dtype.kind != np.dtype(TYPES[entry["type"]]).kind:
            arrays[entry["name"]] = made(entry, random)
            continue
        value = stored[entry["name"]][:8]
        arrays[entry["name"]] = np.concatenate([value] * -(-batch // len(value)))[:batch]
    np.savez(f"{folder}/data.npz", **arrays)
    words = shlex.split(said["command"])
    if words[:2] != ["llcc", "train"] or "--epochs=10" not in words or "--data=FILE.npz" not in words:
        return f"the command is {said['command']}"
    words = [{"--data=FILE.npz": f"--data={folder}/data.npz", "--epochs=10": "--steps=8"}.get(w, w) for w in words]
    words = [f"--save={folder}/trained.onnx" if w.startswith("--save=") else w for w in words]
    done = subprocess.run([*words, "--no-shuffle", f"--metrics={folder}/m.jsonl", "--quiet"], capture_output=True, text=True)
    if done.returncode:
        return f"{said['command']}: exit {done.returncode}: {done.stderr.strip()[-300:]}"
    losses = [r["loss"] for r in map(json.loads, open(f"{folder}/m.jsonl")) if "loss" in r and "step" in r]
    if len(losses) != 8 or not np.all(np.isfinite(losses)) or not losses[-1] < losses[0]:
        return f"{said['command']}: losses {losses}"
    return "" if os.path.getsize(f"{folder}/trained.onnx") else "nothing was saved"


wrong = 0
for path in sys.argv[1:]:
    with tempfile.TemporaryDirectory() as folder:
        problem = check(path, folder)
    wrong += bool(problem)
    name = os.path.basename(path) if os.path.basename(path) != "model.onnx" else os.path.basename(os.path.dirname(path))
    print(f"{name.removesuffix('.onnx')}: {'WRONG: ' + problem if problem else 'trains'}", flush=True)
print(f"{len(sys.argv) - 1} commands, {wrong} wrong")
sys.exit(wrong != 0)
