"""Trains a model on one device and under other strategies, and compares the losses of every step.

usage: train-transformer.py MODEL.onnx TOLERANCE [--steps=5] [--batch=4] [--base=FLAGS] --flags=FLAGS…     --base: flags of both; prints a line for each; exit status 1 where one differs
"""
import argparse, json, os, subprocess, sys, tempfile
import numpy as np
import onnx

parser = argparse.ArgumentParser()
parser.add_argument("model")
parser.add_argument("tolerance", type=float)
parser.add_argument("--steps", type=int, default=5)
parser.add_argument("--batch", type=int, default=4)
parser.add_argument("--base", default="")
parser.add_argument("--flags", action="append", default=[])
args = parser.parse_args()


def losses(data, flags, folder):
    metrics = os.path.join(folder, "metrics")
    command = ["llcc", "train", args.model, "--data=" + data, f"--steps={args.steps}", f"--batch={args.batch}", "--no-shuffle", "--quiet",
               "--optimizer=adam,lr=0.01", "--metrics=" + metrics, *args.base.split(), *flags.split()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if done.returncode:
        print(f"{flags}: exit {done.returncode}: {done.stderr.strip()[:1500]}")
        return None
    return np.array([r["loss"] for r in map(json.loads, open(metrics)) if "step" in r and "loss" in r])


wrong = 0
with tempfile.TemporaryDirectory() as tmp:
    graph = onnx.load(args.model).graph
    positions, vocabulary = (d.dim_value for d in graph.output[0].type.tensor_type.shape.dim[1:])
    rng, samples, data = np.random.default_rng(3), args.batch * args.steps, os.path.join(tmp, "data.npz")
    ids = rng.integers(0, vocabulary, (samples, positions + 1))
    np.savez(data, ids=ids[:, :-1], label=ids[:, 1:])
    single = losses(data, "--strategy=single", tmp)
    if single is None or len(single) != args.steps or not np.all(np.isfinite(single)) or abs(single[0] - single[-1]) < 1e-3:
        sys.exit(f"single: losses {single}, needs {args.steps} that change")
    print("single:", " ".join(f"{loss:.6f}" for loss in single))
    for flags in args.flags:
        got = losses(data, flags, tmp)
        error = np.inf if got is None or len(got) != len(single) else float(np.max(np.abs(got - single) / np.abs(single)))
        wrong += not error <= args.tolerance
        print(f"{flags}: {'equal' if error <= args.tolerance else 'DIFFERS'}, {error:.1e} relative")
print(f"{len(args.flags)} strategies, {wrong} differ")
sys.exit(wrong != 0 or not args.flags)
