"""One network in the forms in which exporters write it: every form trains to the same losses, and is saved with the same trained outputs.

usage: export-habits.py FOLDER [FLAG…]      a line a form
The network: z = mask * relu(x w1 + b1) w2 + b2, loss mean((z - label)^2); mask is a table of ones and zeros that is no parameter.
"""
import json, os, subprocess, sys
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

F, I32, I64, BOOL = TensorProto.FLOAT, TensorProto.INT32, TensorProto.INT64, TensorProto.BOOL
rng = np.random.default_rng(2)
N, D, H, C, STEPS = 8, 5, 7, 3, 4
x = rng.standard_normal((N, D)).astype(np.float32)
label = rng.standard_normal((N, C)).astype(np.float32)
w1, b1, w2, b2 = (rng.standard_normal(s).astype(np.float32) for s in ((D, H), (H,), (H, C), (C,)))
mask = (rng.random((1, H)) > 0.3).astype(np.float32)
node = helper.make_node
MIDDLE = [node("MatMul", ["x", "w1"], ["p"]), node("Add", ["p", "b1"], ["q"]), node("Relu", ["q"], ["r"])]
END = [node("MatMul", ["s", "w2"], ["t"]), node("Add", ["t", "b2"], ["z"])]
STORED = {"w1": w1, "b1": b1, "w2": w2, "b2": b2}
MASKED = [node("Where", ["keep", "r", "zero"], ["s"])]
KEEP, ZERO = {"keep": mask > 0}, {"zero": np.zeros((), np.float32)}


def value(name, kind, shape):
    return helper.make_tensor_value_info(name, kind, shape)


def typed(array, name):
    """Elements in the typed field, as old exporters wrote them."""
    return helper.make_tensor(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape, array.flatten().tolist())


def make(nodes, stored, inputs=(), outputs=(), opset=17, ir=8, tensors=None, initializers_are_inputs=False):
    inputs = [value("x", F, ["n", D]), *inputs]
    if initializers_are_inputs:
        inputs += [value(k, helper.np_dtype_to_tensor_dtype(v.dtype), v.shape) for k, v in stored.items()]
    graph = helper.make_graph(nodes, "net", inputs, [value("z", F, ["n", C]), *outputs], tensors or [numpy_helper.from_array(v, k) for k, v in stored.items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir)


def constants(stored):
    return [node("Constant", [], [k], value=numpy_helper.from_array(v, k + "_value")) for k, v in stored.items()]


def external(name):
    """Weights in two files beside the model, one with a gap in front, in folders."""
    model = make(MIDDLE + MASKED + END, {**STORED, **KEEP, **ZERO})
    os.makedirs("parts", exist_ok=True)
    places = {"w1": ("first.bin", 0), "b1": ("first.bin", 4096), "w2": ("parts/second.bin", 64), "keep": ("parts/second.bin", 0)}
    files = {f: bytearray(b"\xaa" * 8192) for f, _ in places.values()}
    for t in model.graph.initializer:
        if t.name in places:
            file, offset = places[t.name]
            files[file][offset:offset + len(t.raw_data)] = t.raw_data
            t.data_location = TensorProto.EXTERNAL
            for k, v in (("location", file), ("offset", offset), ("length", len(t.raw_data))):
                t.external_data.add(key=k, value=str(v))
            t.ClearField("raw_data")
    for file, data in files.items():
        open(file, "wb").write(data)
    return model


def old_form(opset):
    """The mask as Pad, Slice, Unsqueeze, Clip and Softmax of that opset make it."""
    ints = lambda k, v: {k: np.array(v, np.int64)}
    nodes, stored = [], {"m": mask[0], **STORED}
    if opset < 13:
        nodes += [node("Unsqueeze", ["m"], ["m2"], axes=[0])]
    else:
        nodes += [node("Unsqueeze", ["m", "zero_axis"], ["m2"])]
        stored |= ints("zero_axis", [0])
    if opset < 11:
        nodes += [node("Pad", ["m2"], ["m3"], pads=[0, 2, 0, 0]), node("Clip", ["m3"], ["m4"], min=0.0, max=1.0)]
    else:
        nodes += [node("Pad", ["m2", "pads"], ["m3"]), node("Clip", ["m3", "lo", "hi"], ["m4"])]
        stored |= ints("pads", [0, 2, 0, 0]) | {"lo": np.float32(0), "hi": np.float32(1)}
    if opset < 10:
        nodes += [node("Slice", ["m4"], ["m5"], starts=[2], ends=[99], axes=[1])]
    else:
        nodes += [node("Slice", ["m4", "from", "to", "axis"], ["m5"])]
        stored |= ints("from", [2]) | ints("to", [99]) | ints("axis", [1])
    return make(MIDDLE + nodes + [node("Mul", ["r", "m5"], ["s"])] + END, stored, opset=opset, ir={9: 4, 10: 5, 11: 6, 12: 7}.get(opset, 8))


branch = lambda name, op: helper.make_graph([node(op, ["r"] if op == "Identity" else ["r", "r"], ["branch_" + name])], name, [], [value("branch_" + name, F, ["n", H])])
half = lambda kind, array: helper.make_tensor("", kind, array.shape, array.astype(np.float32).flatten().tolist())
FORMS = {  # name: model, more data, flags, tolerance
    "plain": lambda: make(MIDDLE + MASKED + END, {**STORED, **KEEP, **ZERO}),
    "constants": lambda: make(constants({**STORED, **KEEP, **ZERO}) + MIDDLE + MASKED + END, {}),
    "typed-fields": lambda: make(MIDDLE + [node("Mul", ["r", "factor"], ["s"])] + END, {}, tensors=[typed(v, k) for k, v in STORED.items()] + [typed(np.repeat(mask, 1, 0).reshape(1, H), "factor")]),
    "listed-inputs": lambda: make(MIDDLE + MASKED + END, {**STORED, **KEEP, **ZERO}, ir=3, initializers_are_inputs=True, opset=9),
    "external-files": lambda: external("external-files"),
    "dead-input": lambda: make(MIDDLE + MASKED + END, {**STORED, **KEEP, **ZERO}, [value("unused", F, ["n", 2]), value("also", I64, [3])]),
    "dead-nodes": lambda: make(MIDDLE + [node("Sin", ["r"], ["lost"]), node("Foo", ["lost"], ["more"], domain="nobody.knows")] + MASKED + END, {**STORED, **KEEP, **ZERO, "dead": w1}),
    "bool-input": lambda: make(MIDDLE + MASKED + END, {**STORED, **ZERO}, [value("keep", BOOL, ["n", H])]),
    "int32-input": lambda: make(MIDDLE + [node("Gather", ["table", "id"], ["g"], axis=0), node("Mul", ["r", "g"], ["s"])] + END, {**STORED, "table": np.concatenate([np.full_like(mask, 9), mask])}, [value("id", I32, ["n"])]),
    "initializer-output": lambda: make(MIDDLE + MASKED + END, {**STORED, **KEEP, **ZERO}, outputs=[value("w1", F, [D, H]), value("keep", BOOL, [1, H])]),
    "input-output": lambda: make(MIDDLE + MASKED + END, {**STORED, **KEEP, **ZERO}, outputs=[value("x", F, ["n", D])]),
    "identity-weights": lambda: make([node("Identity", ["w1_stored"], ["w1"]), node("Transpose", ["w2_turned"], ["w2"], perm=[1, 0])] + MIDDLE + MASKED + END, {"w1_stored": w1, "w2_turned": w2.T.copy(), "b1": b1, "b2": b2, **KEEP, **ZERO}),
    "names": lambda: rename(make(MIDDLE + MASKED + END, {**STORED, **KEEP, **ZERO})),
    "if-bound": lambda: make(MIDDLE + [node("Equal", ["rate", "low"], ["is_low"]), node("If", ["is_low"], ["u"], then_branch=branch("then", "Identity"), else_branch=branch("else", "Add")), node("Where", ["keep", "u", "zero"], ["s"])] + END,
                             {**STORED, **KEEP, **ZERO, "low": np.int64(8000)}, [value("rate", I64, [])]),
    "half-weights": lambda: make([node("Cast", ["w1_half"], ["w1"], to=F), node("Cast", ["w2_half"], ["w2"], to=F)] + MIDDLE + MASKED + END, {},
                                 tensors=[numpy_helper.from_array(w1.astype(np.float16), "w1_half"), numpy_helper.from_array(w2.astype(np.float16), "w2_half")] + [numpy_helper.from_array(v, k) for k, v in {"b1": b1, "b2": b2, **KEEP, **ZERO}.items()]),
    **{f"opset-{k}": (lambda k=k: old_form(k)) for k in (9, 10, 11, 12, 13)},
}
DATA = {"dead-input": {"unused": rng.standard_normal((N, 2)).astype(np.float32), "also": np.arange(3)}, "bool-input": {"keep": np.repeat(mask > 0, N, 0)}, "int32-input": {"id": np.ones(N, np.int32)}}
FLAGS = {"if-bound": ["--bind=rate=8000"], "int32-input": ["--freeze=table"], "typed-fields": ["--freeze=factor"], **{f"opset-{k}": ["--freeze=m"] for k in (9, 10, 11, 12, 13)}}
TOLERANCE = {"half-weights": 2e-2}
KNOWN = {"if-bound": {"rate": np.array(8000)}}


def rename(model):
    names = {"w1": "StatefulPartitionedCall/net;dense/MatMul:0", "b1": "onnx::Add_12", "w2": "a b.c[0]*?", "p": "/p:1"}
    for n in model.graph.node:
        for field in (n.input, n.output):
            for i, name in enumerate(field):
                field[i] = names.get(name, name)
    for t in model.graph.initializer:
        t.name = names.get(t.name, t.name)
    return model


os.makedirs(sys.argv[1], exist_ok=True)
os.chdir(sys.argv[1])
wanted = outputs = None
failed = 0
options = onnxruntime.SessionOptions()
options.log_severity_level = 3
for name, form in FORMS.items():
    onnx.save(form(), name + ".onnx")
    data = DATA.get(name, {})
    np.savez(name + ".npz", x=x, label=label, **data)
    os.makedirs("saved", exist_ok=True)
    done = subprocess.run(["llcc", "train", name + ".onnx", f"--data={name}.npz", "--loss=mse", "--optimizer=adam,lr=0.05", f"--batch={N}", f"--steps={STEPS}", "--no-shuffle", "--quiet", f"--metrics={name}.jsonl",
                           f"--save=saved/{name}.onnx", *FLAGS.get(name, []), *sys.argv[2:]], capture_output=True, text=True)
    if done.returncode:
        failed += 1
        print(f"{name}: exit {done.returncode}: {done.stderr.strip()}")
        continue
    got = [json.loads(line)["loss"] for line in open(name + ".jsonl") if '"loss"' in line]
    session = onnxruntime.InferenceSession(f"saved/{name}.onnx", options, providers=["CPUExecutionProvider"]) if name != "dead-nodes" else None
    feed = {i.name: {"x": x, **data, **KNOWN.get(name, {})}[i.name] for i in session.get_inputs() if i.name in {"x": x, **data, **KNOWN.get(name, {})}} if session else None
    z = session.run(["z"], feed)[0] if session else outputs
    if wanted is None:
        wanted, outputs = got, z
    allowed = TOLERANCE.get(name, 2e-6)
    error = max(abs(a - b) / abs(b) for a, b in zip(got, wanted))
    moved = float(np.abs(z - outputs).max() / np.abs(outputs).max())
    bad = len(got) != STEPS or error > allowed or moved > 10 * allowed
    failed += bad
    print(f"{name}: losses within {error:.0e}, saved outputs within {moved:.0e}", "WRONG" if bad else "")
print(f"{len(FORMS) - failed} of {len(FORMS)} forms")
sys.exit(int(failed))
