#!/usr/bin/env python3
"""Files of bf16, f16 and f64.

usage: half-model.py convert IN.onnx OUT.onnx float16|bfloat16|double [typed]   float32 everywhere becomes the type; with
                                                  `typed` initializers are in int32_data (double_data), not raw_data
       half-model.py tokens OUT.npz               ids and labels for the transformer of make-models
       half-model.py saved MODEL.onnx TRAINED.onnx CHECKPOINT    the trained file has the model's types, and its bits are the
                                                  checkpoint's f32 values rounded to nearest even
"""
import glob, json, struct, sys
import ml_dtypes
import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

TYPES = {"float16": (TensorProto.FLOAT16, np.float16), "bfloat16": (TensorProto.BFLOAT16, ml_dtypes.bfloat16), "double": (TensorProto.DOUBLE, np.float64)}


def convert(source, target, name, typed):
    model = onnx.load(source)
    kind, dtype = TYPES[name]
    for t in model.graph.initializer:
        if t.data_type != TensorProto.FLOAT:
            continue
        most = float(ml_dtypes.finfo(dtype).max)  # masks hold the lowest number of their type
        values = np.clip(numpy_helper.to_array(t), -most, most).astype(dtype)
        raw = values.tobytes()
        t.ClearField("raw_data"), t.ClearField("float_data")
        t.data_type = kind
        if not typed:
            t.raw_data = raw
        elif name == "double":
            t.double_data.extend(values.ravel().tolist())
        else:
            t.int32_data.extend(int(b) for b in np.frombuffer(raw, np.uint16))
    for value in [*model.graph.input, *model.graph.output, *model.graph.value_info]:
        if value.type.tensor_type.elem_type == TensorProto.FLOAT:
            value.type.tensor_type.elem_type = kind
    onnx.save(model, target)


def safetensors(path):
    raw = open(path, "rb").read()
    n = struct.unpack("<Q", raw[:8])[0]
    head = json.loads(raw[8 : 8 + n])
    assert all(v["dtype"] in ("F32", "F64") for k, v in head.items() if k != "__metadata__"), head
    at = lambda v: raw[8 + n + v["data_offsets"][0] : 8 + n + v["data_offsets"][1]]
    return {k: np.frombuffer(at(v), "<f4" if v["dtype"] == "F32" else "<f8") for k, v in head.items() if k != "__metadata__"}


def saved(model, trained, checkpoint):
    before, after = ({t.name: t for t in onnx.load(path).graph.initializer} for path in (model, trained))
    state = safetensors(sorted(glob.glob(checkpoint + "/step-*"))[-1] + "/state.safetensors")
    changed = 0
    assert before.keys() == after.keys()
    for name, t in after.items():
        assert t.data_type == before[name].data_type and list(t.dims) == list(before[name].dims), name
        values, old = numpy_helper.to_array(t), numpy_helper.to_array(before[name])
        master = state["param/" + name]
        assert values.tobytes() == master.astype(values.dtype).tobytes(), name
        if values.dtype.itemsize == 2:
            assert np.any(master != values.ravel().astype(np.float32)), name + ": the master has no more bits than the file"
        changed += values.tobytes() != old.tobytes()
    print(f"{len(after)} parameters, {changed} changed")


def tokens(path):
    ids = np.random.default_rng(0).integers(0, 31, (64, 12))
    np.savez(path, ids=ids, label=(ids * 7 + 3) % 31)


if sys.argv[1] == "tokens":
    tokens(sys.argv[2])
elif sys.argv[1] == "convert":
    convert(*sys.argv[2:5], "typed" in sys.argv[5:])
else:
    saved(*sys.argv[2:5])
