#!/usr/bin/env python3
"""Round trip of plans through ONNX's annotations: the annotated file makes the plan that it was written from.

usage: same-plan.py --llcc=PATH MODEL.onnx... -- FLAGS...
For each model and FLAGS (an argument each): `llcc export --annotate`; onnx's checker takes the file; its specs are sound (as many groups of devices as
parts, no device twice); and the program after the shard stage is that of MODEL.onnx with the same flags, letter by letter. FLAGS that begin with
NAME,NAME:: are for these models only. Prints 'N plans come back, M do not'; exit status 1 where any does not.
"""
import os, re, shlex, subprocess, sys, tempfile
import onnx

split = sys.argv.index("--")
llcc, models = sys.argv[1].split("=", 1)[1], sys.argv[2:split]
same = other = 0


def plan(model, flags, cwd):
    done = subprocess.run([llcc, model, "--stop-after=shard", *flags], capture_output=True, text=True, cwd=cwd)
    return done.stderr if done.returncode else re.sub(r", }", "}", re.sub(r"llcc\.shard(s|_of_device) = array<[^>]*>(, )?", "", done.stdout))


def unsound(path):
    model = onnx.load(path)
    onnx.checker.check_model(model)
    if model.ir_version < 11 or len(model.configuration) != 1:
        return f"IR version {model.ir_version}, {len(model.configuration)} configurations"
    devices, specs = model.configuration[0].num_devices, 0
    for node in model.graph.node:
        for config in node.device_configurations:
            for spec in config.sharding_spec:
                specs += 1
                parts = 1
                for dim in spec.sharded_dim:
                    parts *= dim.simple_sharding[0].num_shards
                groups = {entry.key: list(entry.value) for entry in spec.index_to_device_group_map}
                held = [d for key in spec.device for d in groups.get(key, [key])]
                if len(spec.device) != parts or len(set(held)) != len(held) or not all(0 <= d < devices for d in held):
                    return f"{node.name}: {spec.tensor_name}: {parts} parts on {held}"
    return None if specs else "no spec"


for text in sys.argv[split + 1:]:
    only, _, flags = text.rpartition("::")
    for model in models:
        if only and os.path.splitext(os.path.basename(model))[0] not in only.split(","):
            continue
        with tempfile.TemporaryDirectory() as tmp:
            out = os.path.join(tmp, os.path.basename(model))
            words = shlex.split(flags)
            done = subprocess.run([llcc, "export", model, "--annotate", "-o", out, *words], capture_output=True, text=True)
            why = done.stderr if done.returncode else unsound(out)
            if not why:
                want, got = plan(os.path.abspath(model), words, tmp), plan(out, words, tmp)
                why = None if want == got and "@step_stage0" in want else "another plan: " + next((b for a, b in zip(want.splitlines(), got.splitlines()) if a != b), got)[:400]
        same, other = same + (not why), other + bool(why)
        if why:
            print(f"OTHER {model} {flags}: {why}", flush=True)
print(f"{same} plans come back, {other} do not")
sys.exit(other != 0 or same == 0)
