#!/usr/bin/env python3
"""Programs x strategies, executed: losses, first gradients and trained weights under a strategy against those of one device.

usage: equal.py --llcc=PATH [--steps=3] [--tolerance=2e-5] [--jobs=2] [--flags=…] [--at-least=N] MODEL.onnx:DATA.npz[:FLAG…] … -- FLAGS…
Each model runs once on one device and once with each of the FLAGS (an argument each, words split as a shell does). Losses are compared relatively,
gradients and weights by their largest difference against the largest number of the tensor on one device (weights: of its change, so that a wrong
gradient is not hidden behind a small learning rate). FLAGS that begin with NAME,NAME:: run for these models only. A run that is the same bit for bit is
counted too: where nothing is summed in another order it has to be. Prints a line for what differs and 'N runs equal, M differ'; exit status 1
where any differs, or there are fewer than N.
"""
import argparse, json, os, shlex, subprocess, sys, tempfile
from concurrent.futures import ThreadPoolExecutor
import numpy as np
import onnx
from onnx import numpy_helper

split = sys.argv.index("--")
p = argparse.ArgumentParser()
p.add_argument("--llcc", required=True)
p.add_argument("--steps", type=int, default=3)
p.add_argument("--tolerance", type=float, default=2e-5)
p.add_argument("--jobs", type=int, default=2)
p.add_argument("--at-least", type=int, default=1)
p.add_argument("--flags", default="")
p.add_argument("models", nargs="+")
a = p.parse_args(sys.argv[1:split])
strategies = sys.argv[split + 1:]


def safetensors(path):
    raw = open(path, "rb").read()
    size = int.from_bytes(raw[:8], "little")
    types = {"F32": np.float32, "F64": np.float64, "F16": np.float16, "I64": np.int64}
    return {name: np.frombuffer(raw[8 + size:][slice(*entry["data_offsets"])], types[entry["dtype"]]).reshape(entry["shape"])
            for name, entry in json.loads(raw[8:8 + size]).items() if name != "__metadata__"}


def weights(path):
    return {t.name: numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer if t.data_type in (1, 11)}


def train(model, data, own, flags):
    """losses, gradients, weights; or a sentence."""
    with tempfile.TemporaryDirectory() as tmp:
        command = [a.llcc, "train", model, "--data=" + data, "--no-shuffle", "--quiet", f"--steps={a.steps}", f"--metrics={tmp}/m.jsonl", f"--save={tmp}/trained.onnx",
                   f"--save-gradients={tmp}/g.safetensors", "--optimizer=adam,lr=0.01", *shlex.split(a.flags), *own, *shlex.split(flags)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp, timeout=300)
        if done.returncode:
            return f"exit {done.returncode}: {done.stderr.strip()[-600:]}"
        losses = [r["loss"] for r in map(json.loads, open(f"{tmp}/m.jsonl")) if "step" in r and "loss" in r]
        return losses, safetensors(f"{tmp}/g.safetensors"), weights(f"{tmp}/trained.onnx")


def compare(want, got, first):
    if isinstance(got, str):
        return got
    if len(want[0]) != a.steps or len(got[0]) != a.steps or not np.all(np.isfinite(want[0])):
        return f"losses {got[0]}, one device {want[0]}"
    error = max(abs(g - w) / abs(w) for g, w in zip(got[0], want[0]))
    if error > a.tolerance:
        return f"losses differ by {error:.1e}: {got[0]}, one device {want[0]}"
    for kind, have, need in (("gradient", got[1], want[1]), ("weight", got[2], want[2])):
        if have.keys() != need.keys() or not need:
            return f"{kind}s of {sorted(have)}, one device has {sorted(need)}"
        for name in need:
            if have[name].shape != need[name].shape:
                return f'{kind} "{name}" has the shape {have[name].shape}, one device {need[name].shape}'
            scale = np.max(np.abs(need[name] - (first[name] if kind == "weight" else 0)), initial=0)
            error = np.max(np.abs(have[name] - need[name]), initial=0)
            # Adam divides by the gradient's size: what is nothing but rounding in a gradient is a whole step in a weight.
            allowed = (a.tolerance if kind == "gradient" else 1e-2) * scale + 1e-7
            if not error <= allowed:
                return f'{kind} "{name}" differs by {error:.2e} of {scale:.2e}'
    return None


runs, singles = [], {}
with ThreadPoolExecutor(a.jobs) as pool:
    models = []
    for text in a.models:
        model, data, *own = text.split(":")
        models.append((os.path.splitext(os.path.basename(model))[0], os.path.abspath(model), os.path.abspath(data), own))
    singles = {m[0]: pool.submit(train, m[1], m[2], m[3], "") for m in models}
    for name, model, data, own in models:
        for flags in strategies:
            only, _, rest = flags.rpartition("::")
            if not only or name in only.split(","):
                runs.append((name, rest, model, pool.submit(train, model, data, own, rest)))
    wrong = same = 0
    for name, flags, model, future in runs:
        want, got = singles[name].result(), future.result()
        problem = "one device: " + want if isinstance(want, str) else compare(want, got, weights(model))
        same += not isinstance(want, str) and got[0] == want[0]
        if problem:
            wrong += 1
            print(f"DIFFERS {name} {flags}: {problem}", flush=True)
print(f"{len(models)} programs, {len(strategies)} strategies: {len(runs) - wrong} runs equal, {wrong} differ ({same} with the very losses of one device)")
sys.exit(wrong != 0 or len(runs) < a.at_least)
