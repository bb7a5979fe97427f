#!/usr/bin/env python3
"""Changes one byte of an artifact at a time, in the header, each section and between them: llrun must refuse each with 65.

usage: flip-bytes.py ARTIFACT LLRUN
"""
import subprocess, sys

artifact, llrun = sys.argv[1:]
good = open(artifact, "rb").read()
places = sorted({0, 8, 12, 16, 40, 100, len(good) - 1} | {len(good) * i // 20 for i in range(1, 20)})
for at in places:
    open("flipped.llx", "wb").write(good[:at] + bytes([good[at] ^ 0x20]) + good[at + 1:])
    run = subprocess.run([llrun, "inspect", "flipped.llx"], capture_output=True, text=True)
    if run.returncode != 65 or run.stderr.count("\n") != 1 or not run.stderr.startswith("llrun inspect: flipped.llx: ") or run.stdout:
        sys.exit(f"byte {at} of {len(good)} changed: exit code {run.returncode}, wanted 65; stderr {run.stderr!r}")
for size in (0, 7, 20, len(good) // 2, len(good) - 1):
    open("flipped.llx", "wb").write(good[:size])
    run = subprocess.run([llrun, "inspect", "flipped.llx"], capture_output=True, text=True)
    if run.returncode != 65 or run.stderr.count("\n") != 1:
        sys.exit(f"cut to {size} of {len(good)} bytes: exit code {run.returncode}, wanted 65; stderr {run.stderr!r}")
