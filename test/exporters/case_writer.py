"""Writes one exporter case: model.onnx, data.npz, gradients.safetensors and case.json in the format that ../shared/oracle/check.py reads.

Initializers are matched with the framework's parameters by value (also up to a transpose), since exporters rename them.
"""
import json
import os

import numpy as np
import onnx
from onnx import numpy_helper


def write_safetensors(path, arrays):
    import struct
    head, at, parts = {}, 0, []
    for name, value in arrays.items():
        raw = np.ascontiguousarray(value.astype("<f8")).tobytes()
        head[name] = {"dtype": "F64", "shape": list(value.shape), "data_offsets": [at, at + len(raw)]}
        at += len(raw)
        parts.append(raw)
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(parts))


def float_constants(model):
    """Name -> array of each float initializer and Constant node of the main graph."""
    found = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant":
            for a in node.attribute:
                if a.name == "value":
                    found[node.output[0]] = numpy_helper.to_array(a.t)
    return {k: v for k, v in found.items() if v.dtype.kind == "f" or v.dtype.name == "bfloat16"}


def match(model, parameters):
    """(parameter -> [(initializer, permutation)]) by value; parameters: name -> float32 array."""
    constants = float_constants(model)
    matched = {}
    for name, value in parameters.items():
        hits = []
        for other, data in constants.items():
            if data.size != value.size:
                continue
            if np.array_equal(data.ravel(), value.ravel()):
                hits.append((other, None))
            elif value.ndim == 2 and np.array_equal(data.reshape(-1), value.T.reshape(-1)):
                hits.append((other, (1, 0)))
            elif value.ndim >= 3 and value.shape[::-1] != value.shape:
                import itertools
                for perm in itertools.permutations(range(value.ndim)):
                    if np.array_equal(data.reshape(-1), value.transpose(perm).reshape(-1)):
                        hits.append((other, perm))
                        break
        matched[name] = hits
    return constants, matched


def write_case(folder, model_path, data, parameters, gradients, runs, *, source, loss, batch, steps, flags=(), torch_error=1e-6):
    """parameters, gradients: framework name -> array (f32 values before training, f64 gradients of the first batch)."""
    model = onnx.load(model_path)
    constants, matched = match(model, parameters)
    rows, copies, missing = {}, [], []
    for name, hits in matched.items():
        if not hits or name not in gradients:
            missing.append(name)
            continue
        first = True
        for other, perm in hits:
            g = gradients[name] if perm is None else gradients[name].transpose(perm)
            if first:
                rows[other] = g.reshape(constants[other].shape)
            else:
                copies.append(other)
            first = False
    np.savez_compressed(os.path.join(folder, "data.npz"), **data)
    write_safetensors(os.path.join(folder, "gradients.safetensors"), rows)
    case = {
        "model": "model.onnx", "source": source, "opset": {o.domain or "ai.onnx": o.version for o in model.opset_import},
        "nodes": len(model.graph.node), "ops": sorted({n.op_type for n in model.graph.node}),
        "inputs": [i.name for i in model.graph.input], "output": model.graph.output[0].name, "data": "data.npz", "label": "label",
        "loss": loss, "batch": batch, "steps": steps, "flags": list(flags), "dims": {}, "runs": runs, "gradients": "gradients.safetensors",
        "trainable": sorted(rows), "also_trainable": [], "tied_copies": copies, "not_in_file": missing,
        "gradient_rel_error_of_torch_f32": torch_error,
    }
    with open(os.path.join(folder, "case.json"), "w") as f:
        json.dump(case, f, indent=1)
    return case
