#!/usr/bin/env python3
"""Trains with --deterministic=strategy under several strategies: losses and trained models must be the same bits.

usage: same-bits.py --llcc=PATH [--steps=3] [--only=PLAN,...] oracle FOLDER CASE...
       same-bits.py --llcc=PATH [--steps=3] [--only=PLAN,...] model MODEL.onnx DATA.npz FLAG...
Prints a line a case and 'N same, N other'; exit status 1 where any is other, or where a strategy without the flag gives the same bits everywhere
(then the check would show nothing).
"""
import argparse, hashlib, json, os, shlex, subprocess, sys, tempfile

PLANS = {"data": "--strategy=data --devices=4", "data3": "--strategy=data --devices=3", "tensor": "--strategy=tensor --devices=2", "tensor3": "--strategy=tensor --devices=3",
         "pipeline": "--strategy=pipeline --devices=2", "hybrid": "--mesh=data=2,tensor=2,pipeline=2"}
ANY = list(PLANS)
PLANS |= {"context3": "--strategy=context --devices=3", "context-hybrid": "--mesh=data=2,context=2"}  # for models with tokens: by --only


def train(model, data, flags, plan, mode="strategy"):
    with tempfile.TemporaryDirectory() as tmp:
        command = [a.llcc, "train", model, f"--data={data}", "--no-shuffle", "--quiet", f"--metrics={tmp}/m.jsonl", f"--save={tmp}/m.onnx", f"--steps={a.steps}", f"--deterministic={mode}", *flags,
                   *shlex.split(plan)]
        p = subprocess.run(command, capture_output=True, text=True, cwd=tmp)
        if p.returncode:
            return f"exit {p.returncode}: {(p.stderr.strip().splitlines() or [''])[-1][:150]}"
        losses = [r["loss"] for r in map(json.loads, open(f"{tmp}/m.jsonl")) if "loss" in r and "step" in r]
        bits = hashlib.sha256()
        for name in sorted(os.listdir(tmp)):
            if name.startswith("m.onnx"):
                bits.update(open(f"{tmp}/{name}", "rb").read())
        return losses, bits.hexdigest()


p = argparse.ArgumentParser()
p.add_argument("--llcc", required=True)
p.add_argument("--steps", type=int, default=3)
p.add_argument("--only", default=",".join(ANY))
p.add_argument("kind", choices=["oracle", "model"])
a, rest = p.parse_known_args()
cases = []
if a.kind == "oracle":
    for name in rest[1:] or sorted(d for d in os.listdir(rest[0]) if os.path.exists(f"{rest[0]}/{d}/case.json")):
        case = json.load(open(f"{rest[0]}/{name}/case.json"))
        cases.append((name, f"{rest[0]}/{name}/model.onnx", f"{rest[0]}/{name}/data.npz",
                      [f"--label={case['label']}", f"--loss={case['loss']}", f"--optimizer={case['runs'][-1]['optimizer']}", f"--batch={case['batch']}", *case["flags"]]))
else:
    cases.append((rest[0], os.path.abspath(rest[0]), os.path.abspath(rest[1]), rest[2:]))
same = other = 0
for name, model, data, flags in cases:
    want = train(model, data, flags, "")
    got = {plan: train(model, data, flags, PLANS[plan]) for plan in a.only.split(",")}
    wrong = {plan: result if isinstance(result, str) else "losses" if result[0] != want[0] else "weights" for plan, result in got.items() if result != want}
    ok = not wrong and not isinstance(want, str)
    same, other = same + ok, other + (not ok)
    print("same " if ok else "OTHER", name, ", ".join(f"{plan}: {why}" for plan, why in wrong.items()) if wrong else want if isinstance(want, str) else "", flush=True)
if a.kind == "model" and not other and all(train(*cases[0][1:], PLANS[plan], "plan") == want for plan in a.only.split(",")):
    sys.exit("without --deterministic=strategy the bits are the same too: nothing was shown")
print(f"{same} same, {other} other")
sys.exit(other != 0)
