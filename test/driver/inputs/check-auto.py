#!/usr/bin/env python3
"""--strategy=auto against an exhaustive search, and its figures against --simulate of the same flags.

usage: check-auto.py LLCC CLUSTERS MODEL.onnx...
"""
import json, re, subprocess, sys

llcc, clusters, models = sys.argv[1], sys.argv[2], sys.argv[3:]


def plans(*flags):
    p = subprocess.run([llcc, *flags, "-o", "auto.llx"], capture_output=True, text=True)
    if p.returncode:
        sys.exit(f"exit {p.returncode}: {' '.join(flags)}\n{p.stderr}")
    rows = re.findall(r"^ +\d +([0-9.e+-]+) s +([0-9.]+) MiB +(.*)$", p.stderr, re.M)
    tried, possible = map(int, re.search(r"auto: (\d+) plans .* (\d+) possible", p.stderr).groups())
    return tried, possible, [(float(s), float(m), f.split()) for s, m, f in rows]


for model in models:
    for cluster in ("eos-h100", "selene-a100"):
        for devices in ("4", "6"):
            base = (model, "--batch=12", f"--devices={devices}", f"--cluster={clusters}/{cluster}.toml")
            tried, possible, fast = plans(*base, "--strategy=auto")
            all_tried, all_possible, full = plans(*base, "--strategy=auto", "--exhaustive")
            print(f"{model} {cluster} {devices} devices: {tried} and {all_tried} plans, best {fast[0][0]:.4g} and {full[0][0]:.4g} s")
            assert all_tried >= tried >= possible and all_possible >= possible, (tried, possible, all_tried, all_possible)
            if fast[0][0] > 1.05 * full[0][0]:
                sys.exit(f"auto chose {fast[0]}, the best is {full[0]}")
            assert [s for s, _, _ in fast] == sorted(s for s, _, _ in fast)
            for seconds, memory, flags in fast[:2]:
                p = subprocess.run([llcc, model, "--batch=12", f"--simulate={clusters}/{cluster}.toml", "--json", *flags], capture_output=True, text=True)
                step = json.loads(p.stdout)["step"]
                assert abs(step - seconds) <= 1e-3 * step, (flags, step, seconds)
