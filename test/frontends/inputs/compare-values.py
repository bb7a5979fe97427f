"""Runs each model of a folder in the interpreter, as imported, and in onnx's reference evaluator (old opsets: ONNX Runtime), on the same random inputs.

usage: compare-values.py FOLDER GLOB… [--batch=N]   prints a line for each model; exit status 1 where one differs
"""
import argparse, fnmatch, os, re, subprocess, sys, tempfile
import numpy as np
import onnx
import onnxruntime
from onnx.reference import ReferenceEvaluator

from recurrent import RECURRENT

parser = argparse.ArgumentParser()
parser.add_argument("folder")
parser.add_argument("globs", nargs="+")
parser.add_argument("--batch", type=int, default=2)
args = parser.parse_args()
# What the reference evaluator lacks or reads otherwise than the standard (groups, old axis rules, f64): ONNX Runtime's f32 is compared.
BY_RUNTIME = {"op-" + name for name in ("convtranspose-groups", "convtranspose-shape-cut", "globallppool", "globallppool-3", "hardmax-flat", "lppool-1",
                                        "lppool-pads", "mvn", "mvn-axes", "simplifiedlayernorm")}
NUMPY_OF = {"f64": np.float64, "f32": np.float32, "i64": np.int64, "i32": np.int32, "i1": np.bool_}


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr}")
    return done.stdout


def literal(a):
    if a.ndim == 0:
        if a.dtype.kind == "f" and not np.isfinite(a):  # MLIR writes what is no number as bits
            return hex(int(a.view(f"u{a.itemsize}")))
        return repr(a.item()).lower()
    return "[" + ", ".join(literal(x) for x in a) + "]"


def arguments(text):
    """The arguments of @forward: (value, shape, element type, attributes)."""
    head = text[text.index("@forward(") + 9: text.index(" {\n    ")]
    for value, type_, attributes in re.findall(r"(%arg\d+): tensor<([^>]*)> \{([^}]*)\}", head):
        *shape, element = type_.split("x")
        yield value, [int(d) for d in shape], element, dict(re.findall(r'(llcc\.\w+) = ("[^"]*"|\d+)', attributes))


def narrow(model):
    """The model in f32: what ONNX Runtime has its fused operators for."""
    for t in model.graph.initializer:
        if t.data_type == onnx.TensorProto.DOUBLE:
            t.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(t).astype(np.float32), t.name))
    for v in [*model.graph.input, *model.graph.output]:
        if v.type.tensor_type.elem_type == onnx.TensorProto.DOUBLE:
            v.type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    return model


def check(path):
    model = onnx.load(path)
    rng = np.random.default_rng(7)
    symbolic = any(d.dim_param for i in model.graph.input for d in i.type.tensor_type.shape.dim)
    batch = [f"--batch={args.batch}"] if symbolic else []
    with tempfile.TemporaryDirectory() as folder:
        places = run("llcc-import", path, "--as-written", *batch, "--weights", "--sections=" + folder)
        weights = {}
        for line in places.splitlines():
            name, section, size, offset = re.match(r"(.*): (\S+) (\d+) bytes at (\d+):", line).groups()
            with open(os.path.join(folder, section), "rb") as file:
                weights[name] = file.read()[int(offset):int(offset) + int(size)]
        onnx.load(folder + "/model.onnx", load_external_data=False)
    text = run("llcc-import", path, "--as-written", *batch)
    feeds, constants = {}, []
    for value, shape, element, attributes in arguments(text):
        if "llcc.param" in attributes:
            array = np.frombuffer(weights[attributes["llcc.param"].strip('"')], NUMPY_OF[element]).reshape(shape)
        else:
            name = attributes["llcc.input"].strip('"')
            if element.startswith("i"):
                array = rng.integers(0, int(attributes.get("llcc.classes", 3)), shape).astype(np.int64 if element == "i64" else np.int32)
            else:  # names that begin with p must be positive
                array = (rng.uniform(0.3, 2, shape) if name[0] == "p" else rng.standard_normal(shape)).astype(np.float64 if element == "f64" else np.float32)
            feeds[name] = array
        assert list(array.shape) == shape, (path, value, array.shape, shape)
        kind = "x".join([*map(str, shape), element])
        constants.append(f"    {value} = arith.constant dense<{literal(array)}> : tensor<{kind}>")
    results = re.search(r"return .* : (.*)\n", text).group(1)
    body = text[text.index(" {\n    ", text.index("@forward")) + 3:]
    module = f"module {{\n  func.func @main() -> ({results}) {{\n" + "\n".join(constants) + "\n" + body
    with tempfile.NamedTemporaryFile("w", suffix=".mlir") as file:
        file.write(module)
        file.flush()
        printed = run("llcc-interpret", file.name)
    old = model.opset_import[0].version < 13 and any(n.op_type.endswith(("Softmax", "Hardmax")) for n in model.graph.node)  # the evaluator reads them as if they were new
    if os.path.basename(path).removesuffix(".onnx") in BY_RUNTIME or any(n.domain == "com.microsoft" for n in model.graph.node):
        feeds = {name: a.astype(np.float32) if a.dtype == np.float64 else a for name, a in feeds.items()}
        want = onnxruntime.InferenceSession(narrow(model).SerializeToString()).run(None, feeds)
        old = False
    elif model.graph.node[-1].op_type == "ZipMap":  # what its dictionaries hold is its input (test/driver/classical.test has real ones)
        want = list(feeds.values())
    else:
        try:
            want = None if old else ReferenceEvaluator(model, new_ops=RECURRENT).run(None, feeds)
        except Exception:  # it lacks old operators, indices of a part, negative pads
            want = None
    if want is None:
        want = onnxruntime.InferenceSession(path).run(None, feeds)
    got = [np.array([float(v) for v in line.split("[")[1].rstrip("]\n").split(",")]) if "[" in line else np.array([float(line.split(": ")[1])])
           for line in printed.splitlines() if line.startswith("result")]
    assert len(got) == len(want), (path, len(got), len(want))
    tolerance = 1e-4 if want[0].dtype == np.float32 else 1e-6  # the interpreter prints six digits or more
    for i, (g, w) in enumerate(zip(got, want)):
        w = np.asarray(w, np.float64)
        shape = results.split("<")[i + 1].split(">")[0].split("x")[:-1]
        if [int(d) for d in shape] != list(w.shape):
            return f"shape {shape}, the reference has {list(w.shape)}"
        error = np.max(np.abs(g - w.ravel()) / np.maximum(1, np.abs(w.ravel())), initial=0)
        if not error <= tolerance:
            return f"values differ by {error:.3g}"
    return None


wrong = compared = 0
for name in sorted(os.listdir(args.folder)):
    path = os.path.join(args.folder, name)
    path = path + "/model.onnx" if os.path.isdir(path) else path
    stem = name.removesuffix(".onnx")
    if not path.endswith(".onnx") or not any(fnmatch.fnmatch(stem, g) for g in args.globs):
        continue
    problem = check(path)
    compared += 1
    wrong += problem is not None
    print(f"{stem}: {problem or 'equal'}")
print(f"{compared} compared, {wrong} differ")
sys.exit(wrong != 0 or compared == 0)
