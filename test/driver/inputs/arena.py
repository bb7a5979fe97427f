#!/usr/bin/env python3
"""Bytes that a device needs for a step in f32 and in bf16: usage: arena.py LLCC MODEL FLAG..."""
import re, subprocess, sys


def need(precision):
    p = subprocess.run([*sys.argv[1:], f"--precision={precision}", "--stop-after=lower"], capture_output=True, text=True, check=True)
    return int(re.search(r'llcc.program @step_stage0 "step" stage 0 arena (\d+)', p.stdout)[1])


wide, narrow = need("f32"), need("bf16")
print(f"step program: {wide} bytes in f32, {narrow} in bf16, {narrow / wide:.2f} of it")
sys.exit(narrow > 0.85 * wide)
