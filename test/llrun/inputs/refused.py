#!/usr/bin/env python3
"""Runs a command that must be refused: exit code and the whole of stderr have to be as said, stdout empty.

usage: refused.py CODE MESSAGE [--absent=PATH]... [--after=TEXT] -- COMMAND...
MESSAGE is one line; {{…}} in it is a regular expression. --absent: must not exist afterwards. --after: other lines (warnings,
the head of a run) may precede the message when they match this regular expression.
"""
import os, re, subprocess, sys

at = sys.argv.index("--")
code, message, *flags = sys.argv[1:at]
run = subprocess.run(sys.argv[at + 1:], capture_output=True, text=True, timeout=120)
absent = [f[len("--absent="):] for f in flags if f.startswith("--absent=")]
after = [f[len("--after="):] for f in flags if f.startswith("--after=")]
pattern = "".join(f"(?:{p[2:-2]})" if p.startswith("{{") else re.escape(p) for p in re.split(r"(\{\{.*?\}\})", message))
lines = run.stderr.splitlines()
while after and len(lines) > 1 and any(re.fullmatch(a, lines[0]) for a in after):
    lines.pop(0)
wrong = []
if run.returncode != int(code):
    wrong.append(f"exit code {run.returncode}, wanted {code}")
if len(lines) != 1 or not re.fullmatch(pattern, lines[0]):
    wrong.append(f"stderr\n  {run.stderr!r}\nwanted\n  {message!r}")
if run.stdout:
    wrong.append(f"stdout is not empty: {run.stdout[:200]!r}")
wrong += [f"{p} exists" for p in absent if os.path.exists(p)]
if wrong:
    sys.exit(" ".join(sys.argv[at + 1:]) + "\n" + "\n".join(wrong))
