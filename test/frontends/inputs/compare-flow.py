"""Compares `llcc run` with ONNX Runtime (onnx's own evaluator knows no trip count without a condition, no optional, no way back) on the models flow-* of a folder and the inputs beside them.

usage: compare-flow.py FOLDER
"""
import glob
import os
import subprocess
import sys

import numpy as np
import onnxruntime

wrong = compared = 0
for path in sorted(glob.glob(sys.argv[1] + "/flow-*.onnx")):
    stem = path.removesuffix(".onnx")
    feeds = dict(np.load(stem + ".npz"))
    done = subprocess.run(["llcc", "run", path, f"--inputs={stem}.npz", f"--outputs={stem}.out.npz"], capture_output=True, text=True)
    compared += 1
    if done.returncode:
        print(f"{os.path.basename(stem)}: exit {done.returncode}: {done.stderr.strip()}")
        wrong += 1
        continue
    got, session = np.load(stem + ".out.npz"), onnxruntime.InferenceSession(path)
    want = dict(zip([o.name for o in session.get_outputs()], session.run(None, feeds)))
    error = max(np.max(np.abs(got[name] - want[name]), initial=0) if got[name].shape == want[name].shape else np.inf for name in want)
    print(f"{os.path.basename(stem)}: {'equal' if error <= 2e-5 else f'differs by {error:.3g}'}")
    wrong += error > 2e-5
print(f"{compared} compared, {wrong} differ")
sys.exit(wrong != 0 or compared == 0)
