"""Kernels of random step functions (those of the lower tests), executed against the interpreter: random-kernels.py FIRST LAST."""
import importlib.util
import os
import subprocess
import sys

path = os.path.join(os.path.dirname(__file__), "../../passes/lower/inputs/random-steps.py")
spec = importlib.util.spec_from_file_location("steps", path)
steps = importlib.util.module_from_spec(spec)
spec.loader.exec_module(steps)

kernels = 0
for seed in range(int(sys.argv[1]), int(sys.argv[2])):
    # f64, as chains of sines and powers of two amplify the rounding of f32 beyond any tolerance that could still find a fault.
    text = steps.Step(seed).text(False).replace("f32", "f64")
    fused = steps.run(["llcc-opt", "--llcc-fuse-kernels"], text)
    for target in [], ["--gpu"]:
        done = subprocess.run(["llcc-kernel-test", "--tolerance=1e-9", f"--seed={seed}", "-", *target], input=fused, capture_output=True, text=True)
        if done.returncode:
            wrong = [line for line in done.stdout.splitlines() if not line.endswith(" ok")]
            print(f"seed {seed} {target}: exit {done.returncode}", *wrong, done.stderr[:2000], sep="\n")
            sys.exit(1)
        kernels += done.stdout.count("device 0")
print(f"{kernels} kernels ok")
