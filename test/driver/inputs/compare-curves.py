#!/usr/bin/env python3
"""Trains with other flags and compares the loss curve with f32's.

usage: compare-curves.py --llcc=PATH --extra='--precision=bf16' [--tolerance=0.02] [--base=FLAGS] oracle FOLDER CASE...
       compare-curves.py --llcc=PATH --extra='--precision=bf16' [--tolerance=0.02] [--base=FLAGS] model MODEL.onnx DATA.npz FLAG...
       compare-curves.py --llcc=PATH --extra='--mesh=data=2' [--tolerance=0.02] [--base=FLAGS] files WANTED.onnx MODEL.onnx DATA.npz FLAG...
oracle: the curve is the one that PyTorch recorded in f64; model: the one that llcc makes with FLAGS and without --extra;
files: that of another file, without --extra.
Every step's loss must be within the tolerance, relative; and the runs must not be the same bit for bit, which would mean
that --extra did nothing (--may-equal: where it need not change any sum). Prints a line a run and 'N close, N apart'; exit status 1 where any is apart.
"""
import argparse, json, os, shlex, subprocess, sys, tempfile


def curve(llcc, model, data, flags):
    with tempfile.TemporaryDirectory() as tmp:
        command = [llcc, "train", model, f"--data={data}", "--no-shuffle", "--quiet", f"--metrics={tmp}/m.jsonl", *flags]
        p = subprocess.run(command, capture_output=True, text=True, cwd=tmp)
        if p.returncode:
            sys.exit(f"exit {p.returncode}: {' '.join(command)}\n{p.stderr}")
        return [r["loss"] for r in map(json.loads, open(f"{tmp}/m.jsonl")) if "loss" in r and "step" in r]


def compare(name, got, want):
    assert len(got) == len(want), (name, len(got), len(want))
    error = max(abs(g - w) / abs(w) for g, w in zip(got, want))
    close = error <= a.tolerance and (a.may_equal or got != want)
    print(f"{'close' if close else 'APART'} {name:32s} {len(got)} losses, first {got[0]:.5g} ({want[0]:.5g}), last {got[-1]:.5g} "
          f"({want[-1]:.5g}), largest difference {error:.2%}", flush=True)
    return close


p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("--llcc", required=True)
p.add_argument("--extra", default="")
p.add_argument("--base", default="")
p.add_argument("--may-equal", action="store_true")
p.add_argument("--tolerance", type=float, default=0.02)
p.add_argument("kind", choices=["oracle", "model", "files"])
p.add_argument("rest", nargs=argparse.REMAINDER)
a = p.parse_args()
extra, base = shlex.split(a.extra), shlex.split(a.base)
results = []
if a.kind == "oracle":
    folder, *cases = a.rest
    for name in cases:
        here = os.path.join(os.path.abspath(folder), name)
        case = json.load(open(here + "/case.json"))
        for run in case["runs"]:
            flags = [f"--label={case['label']}", f"--loss={case['loss']}", f"--optimizer={run['optimizer']}", f"--batch={case['batch']}",
                     f"--steps={case['steps']}", *case["flags"]]
            got = curve(a.llcc, here + "/model.onnx", here + "/data.npz", flags + base + extra)
            results.append(compare(f"{name} {run['optimizer'].split(',')[0]}", got, run["losses_f64"]))
else:
    wanted, model, data, *flags = a.rest if a.kind == "files" else [a.rest[0], *a.rest]
    wanted, model, data = map(os.path.abspath, (wanted, model, data))
    got = curve(a.llcc, model, data, flags + base + extra)
    want = curve(a.llcc, wanted, data, flags + base)
    results.append(compare(os.path.basename(model), got, want))
print(f"{sum(results)} close, {len(results) - sum(results)} apart")
sys.exit(not all(results))
