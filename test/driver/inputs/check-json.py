"""Checks that stdin is the JSON of `llcc check` for the model mlp, key by key as compiler/driver/README.md lists them."""
import json, os, re, sys

said = json.load(sys.stdin)
readme = open(os.path.join(os.path.dirname(__file__), "../../../compiler/driver/README.md")).read()
listed = set(re.findall(r"^\| `(\w+)` \|", readme, re.M))
assert set(said) == listed, (set(said) ^ listed)
assert said["schema"] == 1 and said["trainable"] is True and said["no_forward"] == said["no_gradient"] == said["obstacles"] == []
assert [t["name"] for t in said["tensors"]] == ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"]
assert said["memory"]["parameters"] >= 4 * 101770 and said["memory"]["total"] > said["memory"]["parameters"]
assert said["dimensions"] == [{"symbol": "batch", "input": "x", "axis": 0, "size": 64, "batch": True, "must_bind": False, "flag": "--batch=N"}]
