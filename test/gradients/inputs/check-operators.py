"""Gradients of imported operators against finite differences in f64, and that no row of the frontend's table is without.

usage: check-operators.py FOLDER --part=I/N    every N-th of the models train-* in FOLDER (utils/make-models); a line for each
       check-operators.py FOLDER --table       only compares the models with `llcc-import --list-ops`
Exit status 1 where a gradient is wrong, a model is refused, or a row of the table has no model.
"""
import argparse, concurrent.futures, glob, os, re, subprocess, sys
import onnx

# Rows whose result does not depend on the values of a float input, and why.
NOT_DIFFERENTIABLE = {
    **{(name, 7): "its result is boolean" for name in ("And", "Equal", "Greater", "Less", "Or", "Xor")},
    **{(name, 12): "its result is boolean" for name in ("GreaterOrEqual", "LessOrEqual")},
    **{(name, 1): "its result is positions" for name in ("ArgMax", "ArgMin")},
    ("EyeLike", 9): "reads sizes, not values",
    ("NonMaxSuppression", 10): "its result is positions",
    ("Unique", 11): "folded while importing, from constants",
    ("Range", 11): "folded while importing, from constants",
    **{(f"ai.onnx.preview.training::{name}", 1): "an update, not a layer" for name in ("Adagrad", "Adam", "Momentum")},
    ("ai.onnx.preview.training::Gradient", 1): "a gradient itself: test/frontends and test/driver have it",
    ("BitCast", 26): "its result is the bits",
    ("Constant", 1): "has no input",
    ("Bernoulli", 15): "its result is a choice",
    ("Multinomial", 7): "its result is a choice",
    **{("Random" + name, 1): "reads a shape, not values" for name in ("Normal", "NormalLike", "Uniform", "UniformLike")},
    ("ConstantOfShape", 9): "its input is a shape",
    **{(name, 18): "computes with integers" for name in ("BitwiseAnd", "BitwiseNot", "BitwiseOr", "BitwiseXor")},
    **{(name, 17): "folded while importing, from constants" for name in ("BlackmanWindow", "HammingWindow", "HannWindow", "MelWeightMatrix")},
    ("BitShift", 11): "computes with integers",
    ("IsInf", 10): "its result is boolean",
    ("IsNaN", 9): "its result is boolean",
    ("Not", 1): "its result is boolean",
    ("Shape", 1): "reads sizes, not values",
    ("Size", 1): "reads sizes, not values",
    # What these hold is inlined: test/frontends/control-flow*.test runs them against ONNX Runtime.
    **{(name, since): "inlined while importing" for name, since in (("If", 1), ("Loop", 1), ("Scan", 8), ("Scan", 9))},
    **{(name, 11): "a list of values while importing" for name in ("ConcatFromSequence", "SequenceAt", "SequenceConstruct", "SequenceEmpty", "SequenceErase",
       "SequenceInsert", "SequenceLength", "SplitToSequence")},
    **{(name, since): "a list of values while importing" for name, since in (("SequenceMap", 17), ("Optional", 15), ("OptionalGetElement", 15), ("OptionalHasElement", 15))},
    **{(name, since): "rounds to integers: its gradient is zero" for name, since in (("ConvInteger", 10), ("DynamicQuantizeLinear", 11),
       ("MatMulInteger", 10), ("QLinearConv", 10), ("QLinearMatMul", 10), ("QuantizeLinear", 10))},
}
PASSES = ["--llcc-verify-import", "--llcc-attach-loss=loss=mse", "--llcc-split-modes", "--llcc-differentiate", "--llcc-attach-optimizer", "--llcc-decompose",
          "--canonicalize", "--cse", "--llcc-verify-train"]


def table():
    rows = [line.split() for line in subprocess.run(["llcc-import", "--list-ops"], capture_output=True, text=True, check=True).stdout.splitlines()]
    return {(name, int(since)) for name, since in rows}


def row_of(path, rows):
    """The row that reads the operator under test: the newest one not above the model's opset."""
    model = onnx.load(path)
    op = next("::".join(filter(None, (n.domain, n.op_type))) for n in model.graph.node if n.name == "op")
    return op, max((since for name, since in rows if name == op and since <= model.opset_import[0].version), default=None)


def check(path):
    """The last line of the check, and whether it is what a right gradient prints for all float inputs of the operator."""
    text = b""
    # Named, as what looks like a parameter is the importer's judgement; c: constants that the operator takes.
    graph = onnx.load(path).graph
    statistics = {name for n in graph.node if n.op_type == "BatchNormalization" for name in n.input[3:]}
    params = [t.name for t in graph.initializer
              if t.data_type in (onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE) and not t.name.startswith("c") and t.name not in statistics]
    for command in (["llcc-import", path, *(f"--train={name}" for name in params)], ["llcc-opt", *PASSES, "-"], ["llcc-interpret", "--check-gradients", "-"]):
        done = subprocess.run(command, input=text, capture_output=True)
        if done.returncode:
            return f"{command[0]} fails: {done.stderr.decode().strip()[:500]}", False
        text = done.stdout
    said = text.decode().strip()
    match = re.fullmatch(r"gradients: (\d+) elements of (\d+) params, max relative error (\S+)", said)
    if not match or int(match[1]) < 1 or not float(match[3]) <= 1e-6:
        return said, False
    return (said, True) if int(match[2]) == len(params) else (f"{said}; there are {len(params)} float parameters", False)


parser = argparse.ArgumentParser()
parser.add_argument("folder")
parser.add_argument("--part", default="1/1")
parser.add_argument("--table", action="store_true")
args = parser.parse_args()
models = sorted(glob.glob(os.path.join(args.folder, "train-*.onnx")))
wrong = 0
if args.table:
    rows = table()
    checked = {row_of(path, rows) for path in models}
    for name, since in sorted(rows):
        reason = NOT_DIFFERENTIABLE.get((name, since))
        good = ((name, since) in checked) != bool(reason)
        wrong += not good
        print(f"{name} since {since}: " + (f"no gradient: {reason}" if reason and good else "checked" if good else
              "is checked, but listed as not differentiable" if reason else "has no model train-* in utils/make-models"))
    for name, since in sorted(set(NOT_DIFFERENTIABLE) - rows):
        wrong += 1
        print(f"{name} since {since}: listed as not differentiable, but not in the table")
    print(f"{len(rows)} rows, {wrong} wrong")
else:
    part, parts = map(int, args.part.split("/"))
    models = models[part - 1::parts]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for path, (said, good) in zip(models, pool.map(check, models)):
            wrong += not good
            print(f"{os.path.basename(path).removesuffix('.onnx')}: {said if good else 'WRONG: ' + said}", flush=True)
    print(f"{len(models)} models, {wrong} wrong")
sys.exit(wrong != 0 or not models)
