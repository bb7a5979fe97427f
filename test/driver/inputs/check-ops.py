"""Checks `llcc ops --json` (stdin) against the operators that utils/make-models has models for, and against the gradient tests' list.

usage: check-ops.py ROOT < ops.json: prints what the table says and the tests do not, or the reverse.
"""
import importlib.machinery, importlib.util, json, re, sys

root = sys.argv[1]
loader = importlib.machinery.SourceFileLoader("models", root + "/utils/make-models")
models = importlib.util.module_from_spec(importlib.util.spec_from_loader("models", loader))
loader.exec_module(models)
table = json.load(sys.stdin)
text = open(root + "/test/gradients/inputs/check-operators.py").read()
reasons = {name: why for (name, since), why in eval(re.search(r"^NOT_DIFFERENTIABLE = (\{.*?^\})", text, re.S | re.M)[1]).items()}
constant = set(reasons)
# What these hold is inlined, and hands gradients on (test/frontends/control-flow.test); updates are written with operators that the models test.
HANDS_ON = {"inlined while importing", "a list of values while importing", "an update, not a layer"}

newest = {}
for row in table:
    op = (row["domain"] + "::" if row["domain"] else "") + row["op"]  # as the models name it
    if op not in newest or row["since"] > newest[op]["since"]:
        newest[op] = row
wrong = []
tested = {entry[1] for entry in models.OPS}
for op in sorted(tested):
    if op not in newest:
        wrong.append(f"{op}: tested, but not in the table")
    elif not newest[op]["measured"]:
        wrong.append(f"{op}: tested, but no sample of `llcc ops` is accepted")
    elif not {"f64"} <= set(newest[op]["types"]) and op not in constant:
        wrong.append(f"{op}: tested in f64, the table says {newest[op]['types']}")
for op, row in sorted(newest.items()):
    if row["gradient"] is True and op not in tested and reasons.get(op) not in HANDS_ON:
        wrong.append(f"{op}: the table promises a gradient, no model of utils/make-models tests it")
    if row["gradient"] is False and op in tested:
        wrong.append(f"{op}: the gradient tests have it, the table says that it has no gradient")
    if not row["measured"] and op != "ai.onnx.preview.training::Gradient":  # which needs a graph around it
        wrong.append(f"{op}: no sample of `llcc ops` is accepted (frontends/onnx/SampleModel.cpp)")
    if row["measured"] and not (row["cpu"] and row["cuda"]):
        wrong.append(f"{op}: lowers for cpu: {row['cpu']}, cuda: {row['cuda']}")
print("\n".join(wrong))
print(f"{len(newest)} operators, {sum(r['measured'] for r in newest.values())} measured, {sum(r['gradient'] is True for r in newest.values())} with gradients, {len(wrong)} wrong")
sys.exit(bool(wrong))
