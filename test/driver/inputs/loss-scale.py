#!/usr/bin/env python3
"""Reads the loss scale's state in the newest checkpoint: usage: loss-scale.py CHECKPOINT FIRST"""
import glob, json, struct, sys
import numpy as np

raw = open(sorted(glob.glob(sys.argv[1] + "/step-*"))[-1] + "/state.safetensors", "rb").read()
n = struct.unpack("<Q", raw[:8])[0]
head = json.loads(raw[8 : 8 + n])
value = lambda name: float(np.frombuffer(raw[8 + n : ][head["state/" + name]["data_offsets"][0] :][:4], "<f4")[0])
scale, good, skipped = value("loss_scale"), value("loss_scale.good"), value("loss_scale.skipped")
changes = np.log2(scale / float(sys.argv[2]))
assert changes == round(changes) and skipped >= 1 and 0 <= good < 4, (scale, good, skipped)
assert changes > -skipped, "it was never doubled"
print(f"skipped steps: {skipped:.0f}, scale was halved and doubled: {scale}")
