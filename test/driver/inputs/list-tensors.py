"""Prints name, type and shape of each tensor of a safetensors file, then what its metadata say of adapters: list-tensors.py FILE."""
import json, struct, sys

raw = open(sys.argv[1], "rb").read()
head = json.loads(raw[8:8 + struct.unpack("<Q", raw[:8])[0]])
for name in sorted(set(head) - {"__metadata__"}):
    print(name, head[name]["dtype"], head[name]["shape"])
for key, text in sorted(head.get("__metadata__", {}).items()):
    if key.startswith("lora:"):
        print(key, text)
