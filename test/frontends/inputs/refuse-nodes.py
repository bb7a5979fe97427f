"""One node that must be refused in each line, with the whole message: refuse-nodes.py FOLDER [OP…].

Inputs: f:2,3 float32 of the graph, d: float64, i: int64, n: int32, b: bool; w:2,3 a stored float32 weight; constants c:1,2 int64, z:3 one
int64 scalar, s:0.5 one float32 scalar, F:1,2 float32, B:1,0 bool, e:0,2 an empty float32 tensor of that shape; - an input left out.
"""
import concurrent.futures, os, subprocess, sys
import numpy as np
import onnx
from onnx import TensorProto as T, helper as h, numpy_helper

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from refused_nodes import CASES  # noqa: E402

GRAPH = {"f": T.FLOAT, "d": T.DOUBLE, "i": T.INT64, "n": T.INT32, "b": T.BOOL}


def numbers(text, kind):
    return [kind(v) for v in text.split(",") if v]


def build(op, inputs, attributes, opset, domain):
    values, stored, names = [], [], []
    for k, token in enumerate(inputs.split()):
        kind, _, text = token.partition(":")
        if kind == "-":
            names.append("")
            continue
        names.append(f"{'w' if kind == 'w' else 'in'}{k}")
        if kind in GRAPH:
            values.append(h.make_tensor_value_info(names[-1], GRAPH[kind], numbers(text, int)))
            continue
        made = {"w": lambda: np.linspace(0.1, 0.7, int(np.prod(numbers(text, int)))).astype(np.float32).reshape(numbers(text, int)), "c": lambda: np.array(numbers(text, int), np.int64),
                "z": lambda: np.array(int(text), np.int64), "s": lambda: np.array(float(text), np.float32), "F": lambda: np.array(numbers(text, float), np.float32),
                "B": lambda: np.array(numbers(text, int), bool), "e": lambda: np.zeros(numbers(text, int), np.float32)}[kind]()
        stored.append(numpy_helper.from_array(made, names[-1]))
    attributes = dict(attributes)
    outputs = [f"y{k}" for k in range(attributes.pop("outputs", 1))]
    node = h.make_node(op, names, outputs, "n", domain=domain, **attributes)
    graph = h.make_graph([node], "refused", values, [h.make_tensor_value_info(o, T.UNDEFINED, None) for o in outputs], stored)
    opsets = [h.make_opsetid("", opset)] + ([h.make_opsetid(domain, 1)] if domain else [])
    return h.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString()


def run(k):
    op, inputs, attributes, message, *rest = CASES[k]
    opset, domain = (rest + [20, ""][len(rest):])[:2]
    path = os.path.join(sys.argv[1], f"{k}.onnx")
    open(path, "wb").write(build(op, inputs, attributes, opset, domain))
    done = subprocess.run(["llcc-import", "--as-written", path], capture_output=True, text=True)
    want = f'{k}.onnx: node "n" ({op}): {message}\n'
    code = 69 if "support" in message.split(";")[0] or "computed from the model's data" in message or "larger windows" in message else 65
    if done.stderr == want and done.returncode in (65, 69):
        return ""
    return f"{op}({inputs}) {attributes}:\n   says {done.returncode} {done.stderr.strip()!r}\n   wants {want.strip()!r}"


chosen = [k for k, case in enumerate(CASES) if not sys.argv[2:] or case[0] in sys.argv[2:]]
with concurrent.futures.ThreadPoolExecutor(2) as pool:
    wrong = [text for text in pool.map(run, chosen) if text]
print("\n".join(wrong))
print(f"{len(chosen)} nodes, {len(wrong)} wrong")
sys.exit(bool(wrong) or not chosen)
