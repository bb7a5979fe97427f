"""Compares the first bytes of each parameter, as llcc-import --weights prints them, with the model's: check-weights.py MODEL LINES."""
import sys
import onnx
from onnx import numpy_helper

want = {t.name: numpy_helper.to_array(t).tobytes() for t in onnx.load(sys.argv[1]).graph.initializer}
lines = open(sys.argv[2]).read().splitlines()
for line in lines:
    name, _, size, _, _, _, *head = line.split()
    data = want[name.rstrip(":")]
    assert int(size) == len(data) and bytes(int(h, 16) for h in head) == data[:8], line
assert len(lines) == len(want), (len(lines), len(want))
