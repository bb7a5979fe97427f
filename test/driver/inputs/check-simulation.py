#!/usr/bin/env python3
"""Simulates a GPT-2 (4 layers, 256 wide, 512 words, 64 tokens) and compares with formulas of reference/parallel.md §7 and with real plans.

usage: check-simulation.py LLCC MODEL.onnx SAME-WITH-WEIGHTS.onnx CLUSTERS
"""
import json, re, subprocess, sys

llcc, model, real, clusters = sys.argv[1:]
LAYERS, WIDTH, WORDS, TOKENS, BATCH = 4, 256, 512, 64, 16


def run(*command):
    p = subprocess.run(command, capture_output=True, text=True)
    if p.returncode:
        sys.exit(f"exit {p.returncode}: {' '.join(command)}\n{p.stderr}")
    return p


def play(*flags, cluster="eos-h100"):
    return json.loads(run(llcc, model, f"--batch={BATCH}", f"--simulate={clusters}/{cluster}.toml", "--json", *flags).stdout)


def near(what, got, want, relative):
    print(f"{what}: {got:.6g}, expected {want:.6g} within {relative:.1%}")
    if not abs(got - want) <= relative * abs(want):
        sys.exit(f"{what} is {got}, expected {want} within {relative:.1%}")


# 72·B·s·l·h²(1 + s/(6h) + V/(12·l·h)) counts forward and backward pass of every product (Narayanan et al. 2021, eq. 3, without recomputation).
one = play()
flops = 72 * BATCH * TOKENS * LAYERS * WIDTH**2 * (1 + TOKENS / (6 * WIDTH) + WORDS / (12 * LAYERS * WIDTH))
near("flops", one["model_flops"], flops, 0.001)
near("flops of the device", one["stages"][0]["flops"], flops, 0.001)
parameters = 4 * (LAYERS * (12 * WIDTH**2 + 13 * WIDTH) + 2 * WIDTH + WORDS * WIDTH + TOKENS * WIDTH)
near("parameters", one["stages"][0]["parameters"], parameters, 0.02)  # the mask is an argument too
assert one["stages"][0]["bubble"] == 0 and one["stages"][0]["sent"] == {}, one
near("state of adam", play("--optimizer=adam")["stages"][0]["state"], 2 * parameters, 0.03)

# An all-reduce of the gradients, 2(n-1)/n of their bytes.
data = play("--strategy=data", "--devices=4")
trained = 4 * (LAYERS * (12 * WIDTH**2 + 13 * WIDTH) + 2 * WIDTH + WORDS * WIDTH + TOKENS * WIDTH)
near("gradients over data", data["stages"][0]["sent"]["data"], 2 * 3 / 4 * trained, 0.01)
near("flops of one of four", data["stages"][0]["flops"], flops / 4, 0.001)

# Messages: one activation down and one gradient up for each microbatch; once a step the tied table and the mask down, the sum of the table's gradient up.
pipe = play("--strategy=pipeline", "--devices=2", "--microbatches=8")
down = 4 * BATCH * TOKENS * WIDTH
table = 4 * WORDS * WIDTH
sent = pipe["stages"][0]["sent"]["pipeline"] + pipe["stages"][1]["sent"]["pipeline"]
near("messages", sent, 2 * down + 2 * table + 4 * TOKENS**2, 1e-6)
# Every device's step ends when the last one's does; a bubble of (p-1)/(m+p-1) where stages cost the same, more where they do not.
for stage in pipe["stages"]:
    near("sum of a stage", stage["compute"] + stage["exposed"] + stage["bubble"] + stage["update"], pipe["step"], 1e-6)
slow = max(pipe["stages"], key=lambda s: s["compute"])
quick = play("--strategy=pipeline", "--devices=2", "--microbatches=16")
assert quick["stages"][0]["bubble"] / quick["step"] < pipe["stages"][0]["bubble"] / pipe["step"], "more microbatches, smaller share of bubbles"

# Memory beside what the plan allocates: the estimate knows nothing of the allocator.
for flags in ([], ["--strategy=tensor", "--devices=2"], ["--strategy=pipeline", "--devices=2", "--microbatches=4"]):
    plan = run(llcc, real, f"--batch={BATCH}", "--explain", "-o", "real.llx", *flags).stderr
    size = {"B": 1, "KiB": 2**10, "MiB": 2**20}
    allocated = max(float(n) * size[u] for n, u in re.findall(r"step_stage\d+ +([0-9.]+) (B|KiB|MiB),", plan))
    played = play(*flags)
    estimate = max(s["parameters"] + s["state"] + s["gradients"] + s["activations"] for s in played["stages"])
    near(f"memory {' '.join(flags)}", estimate, allocated, 0.5)
# Slower links: the same bytes, more time.
slow, fast = play("--strategy=data", "--devices=16", cluster="selene-a100"), play("--strategy=data", "--devices=16")
assert slow["stages"][0]["sent"] == fast["stages"][0]["sent"] and slow["step"] > fast["step"]
print("all as expected")
