"""Operators through the whole tool chain in f64 (llcc, llrun train, llrun infer), against onnx's reference evaluator: outputs, loss,
and gradients as fourth-order differences of the loss. Models of one batch and opset are joined side by side into one model, as
compiling takes longest: their outputs are the columns of `out`.

usage: train-operators.py FOLDER --part=I/N [--group=N] [--only=GLOB] [--flags=FLAGS]…     flags of llcc, one string a strategy
"""
import argparse, fnmatch, glob, json, math, os, struct, subprocess, sys, tempfile
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

from onnx.reference.ops.op_affine_grid import construct_original_grid
from onnx.reference.ops.op_grid_sample import GridSample as OnnxGridSample

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../frontends/inputs"))
from recurrent import RECURRENT  # noqa: E402

# What the evaluator lacks, reads otherwise than the standard or computes in f32; test/frontends compares their values with ONNX Runtime's.
UNREAD = {"convtranspose-groups", "convtranspose-shape-cut", "globallppool", "globallppool-3", "groupnorm", "groupnorm-channels", "hardmax-flat", "lppool-1",
          "lppool-pads", "lrn", "mvn", "mvn-axes", "simplifiedlayernorm", "causal-conv", "linear-attention", "resize-crop", "resize-cubic-antialias", "resize-cubic-outside", "deformconv",
          "deformconv-all",
          # and what infers otherwise than it trains: test/driver/batchnorm.test
          "batchnorm-training", "batchnorm-training-flat"}
DTYPES = {TensorProto.FLOAT: np.float32, TensorProto.DOUBLE: np.float64, TensorProto.INT64: np.int64}


def shape_of(value):
    return [d.dim_value for d in value.type.tensor_type.shape.dim]


class Erf(OpRun):  # onnx's rounds to f32
    op_domain = ""

    def _run(self, x):
        return (np.vectorize(math.erf, otypes=[np.float64])(x),)


class Gelu(OpRun):  # onnx's has constants of f32; formulas of the operator's text
    op_domain = ""

    def _run(self, x, approximate=None):
        if approximate == "tanh":
            return (0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),)
        return (0.5 * x * (1 + np.vectorize(math.erf, otypes=[np.float64])(x / math.sqrt(2))),)


class GridSample(OnnxGridSample):  # onnx's has coordinates of f32
    op_domain = ""

    def _gs_denormalize_coordinates(self, n, dims, align_corners):
        return np.array([self._gs_denormalize(n=v, length=d, align_corners=align_corners) for v, d in zip(n, dims)])


class AffineGrid(OpRun):  # onnx's rounds to f32
    op_domain = ""

    def _run(self, theta, size, align_corners=None):
        return (np.einsum("nij,...j->n...i", theta, construct_original_grid([int(s) for s in size[2:]], align_corners)),)


class Model:
    """One model train-NAME with random inputs and the values and gradients it must give."""

    def __init__(self, path, rng):
        self.name = os.path.basename(path).removesuffix(".onnx").removeprefix("train-")
        self.proto = onnx.load(path)
        graph = self.proto.graph
        self.opset = self.proto.opset_import[0].version
        self.batch = shape_of(graph.input[0])[0]
        self.feeds, self.params = {}, {}
        for x in graph.input:
            shape, dtype = shape_of(x), DTYPES[x.type.tensor_type.elem_type]
            assert shape[0] == self.batch, (path, x.name)
            self.feeds[x.name] = (rng.integers(0, 3, shape) if dtype == np.int64 else rng.uniform(-1, 1, shape)).astype(dtype)
        statistics = {name for n in graph.node if n.op_type == "BatchNormalization" for name in n.input[3:]}
        for t in graph.initializer:
            if t.data_type in (TensorProto.FLOAT, TensorProto.DOUBLE) and not t.name.startswith("c") and t.name not in statistics:
                self.params[t.name] = numpy_helper.to_array(t).copy()
        free = onnx.ModelProto()  # parameters are inputs, so that differences can be taken
        free.CopyFrom(self.proto)
        kept = [t for t in free.graph.initializer if t.name not in self.params]
        for name, value in self.params.items():
            free.graph.input.append(helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape))
        del free.graph.initializer[:]
        free.graph.initializer.extend(kept)
        self.single = any(n.op_type in ("Cast", "CastLike") for n in graph.node)  # computes in f32: neither as exact nor smooth
        old = self.opset < 13 and any(n.op_type.endswith("Softmax") for n in graph.node)  # the evaluator reads them as if they were new
        try:
            if old:
                raise NotImplementedError
            evaluator = ReferenceEvaluator(free, new_ops=[AffineGrid, Erf, Gelu, GridSample, *RECURRENT])
            self.run = lambda feeds: evaluator.run(None, feeds)[0]
            self.columns()
        except Exception:  # it lacks old operators, indices of a part, negative pads
            free.graph.output[0].type.CopyFrom(helper.make_tensor_type_proto(graph.output[0].type.tensor_type.elem_type, None))
            session = onnxruntime.InferenceSession(free.SerializeToString())
            known = {i.name for i in session.get_inputs()}
            self.run = lambda feeds: session.run(None, {k: v for k, v in feeds.items() if k in known})[0]
        self.out = self.columns()
        self.label = rng.uniform(-1, 1, self.out.shape)

    def columns(self):
        return np.asarray(self.run({**self.feeds, **self.params}), np.float64).reshape(self.batch, -1)

    def squares(self):
        return float(np.sum((self.columns() - self.label) ** 2))

    def differs(self, name, gradient, weight):
        """Largest error of a gradient of weight * squares, relative to the element or a tenth of the largest one."""
        value, worst = self.params[name], 0.0
        scale = max(0.1 * float(np.max(np.abs(gradient), initial=0)), 1e-4)
        rng = np.random.default_rng(0)
        indices = range(value.size) if value.size <= 10 else rng.choice(value.size, 10, replace=False)
        for at in indices:
            old, best = value.flat[at], np.inf
            for h in (1e-1,) if self.single else (1e-3, 1e-4, 1e-5):  # smaller steps where one straddles a kink
                f = []
                for offset in (h, -h, 2 * h, -2 * h):
                    value.flat[at] = old + offset
                    f.append(self.squares())
                value.flat[at] = old
                difference = weight * (8 * (f[0] - f[1]) - (f[2] - f[3])) / (12 * h)
                best = min(best, abs(difference - gradient.flat[at]) / max(abs(gradient.flat[at]), scale))
                if best < 1e-7:
                    break
            worst = max(worst, best)
        return worst


def joinable(model):
    """Models of one batch can be parts of one; onnx's evaluator has the standard's operators alone."""
    return len({shape_of(x)[0] for x in model.graph.input}) == 1 and not any(n.domain for n in model.graph.node)


def joined(models):
    nodes, inputs, tensors, parts = [], [], [], []
    for m in models:
        prefix = lambda name: f"{m.name}/{name}" if name else ""
        for n in m.proto.graph.node:
            copy = onnx.NodeProto()
            copy.CopyFrom(n)
            copy.name, copy.input[:], copy.output[:] = prefix(n.name), [prefix(i) for i in n.input], [prefix(o) for o in n.output]
            nodes.append(copy)
        for source, target in ((m.proto.graph.initializer, tensors), (m.proto.graph.input, inputs)):
            for t in source:
                copy = type(t)()
                copy.CopyFrom(t)
                copy.name = prefix(t.name)
                target.append(copy)
        y = prefix(m.proto.graph.output[0].name)
        if m.single:
            nodes.append(helper.make_node("Cast", [y], [y + "/double"], to=TensorProto.DOUBLE))
            y += "/double"
        nodes.append(helper.make_node("Reshape", [y, "rows"], [prefix("columns")]))
        parts.append(prefix("columns"))
    tensors.append(numpy_helper.from_array(np.array([0, -1], np.int64), "rows"))
    nodes.append(helper.make_node("Concat", parts, ["out"], axis=1))
    out = helper.make_tensor_value_info("out", TensorProto.DOUBLE, None)
    graph = helper.make_graph(nodes, "operators", inputs, [out], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", models[0].opset)], ir_version=9)


def safetensors(path):
    raw = open(path, "rb").read()
    n = struct.unpack("<Q", raw[:8])[0]
    return {k: np.frombuffer(raw[8 + n + v["data_offsets"][0]: 8 + n + v["data_offsets"][1]], {"F32": "<f4", "F64": "<f8"}[v["dtype"]]).reshape(v["shape"])
            for k, v in json.loads(raw[8:8 + n]).items() if k != "__metadata__"}


def relative(got, want):
    if got.shape != want.shape:
        return np.inf
    error = np.abs(got - want) / np.maximum(1, np.abs(want))
    return float(np.max(np.where(np.isnan(error), np.inf, error), initial=0))


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    return None if done.returncode == 0 else f"{command[0]} {command[1]}: exit {done.returncode}: {done.stderr.strip()[:600]}"


def check(models, flags):
    """Sentences on what is wrong."""
    wrong = []
    with tempfile.TemporaryDirectory() as tmp:
        at = lambda name: os.path.join(tmp, name)
        onnx.save(joined(models), at("model.onnx"))
        feeds = {f"{m.name}/{k}": v for m in models for k, v in m.feeds.items()}
        label = np.concatenate([m.label for m in models], axis=1)
        np.savez(at("data.npz"), label=label, **feeds)
        train = [f"--train={m.name}/{p}" for m in models for p in m.params]
        for command in (["llcc", at("model.onnx"), "-o", at("model.llx"), "--loss=mse", "--optimizer=sgd,lr=0", *train, *flags.split()],
                        ["llrun", "train", at("model.llx"), "--data=" + at("data.npz"), "--steps=1", "--no-shuffle", "--quiet",
                         "--metrics=" + at("metrics"), "--save-gradients=" + at("gradients")],
                        ["llrun", "infer", at("model.llx"), "--data=" + at("data.npz"), "--out=" + at("out.npz")]):
            if said := run(*command):
                return [said]
        loss = json.loads(open(at("metrics")).readline())["loss"]
        out, gradients = np.load(at("out.npz"))["out"], safetensors(at("gradients"))
        want = sum(m.squares() for m in models) / label.size
        first = 0
        for m in models:
            width = m.out.shape[1]
            error = relative(out[:, first:first + width], m.out)
            first += width
            if not error <= (1e-6 if m.single else 1e-9):
                wrong.append(f"{m.name}: outputs differ by {error:.3g}")
            for p in m.params:
                g = gradients.get(f"{m.name}/{p}")
                if g is None or g.shape != m.params[p].shape:
                    wrong.append(f"{m.name}: no gradient of {p}")
                    continue
                error = m.differs(p, g.copy(), 1 / label.size)
                if not error <= (1e-4 if m.single else 1e-6):
                    wrong.append(f"{m.name}: gradient of {p} differs by {error:.3g}")
        if not abs(loss - want) <= (1e-6 if any(m.single for m in models) else 1e-12) * abs(want):
            wrong.append(f"loss {loss!r}, wanted {want!r}")
    return wrong


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--part", default="1/1")
    parser.add_argument("--group", type=int, default=40)
    parser.add_argument("--only", default="*")
    parser.add_argument("--flags", action="append", default=[])
    args = parser.parse_args()
    rng = np.random.default_rng(11)
    part, parts = map(int, args.part.split("/"))
    kinds = {}
    for path in sorted(glob.glob(os.path.join(args.folder, "train-*.onnx")))[part - 1::parts]:
        name = os.path.basename(path).removeprefix("train-").removesuffix(".onnx")
        if fnmatch.fnmatch(name, args.only) and name not in UNREAD and joinable(onnx.load(path)):
            m = Model(path, rng)
            kinds.setdefault((m.opset, m.batch), []).append(m)
    count = bad = 0
    for kind, models in sorted(kinds.items()):
        for i in range(0, len(models), args.group):
            group = models[i:i + args.group]
            for flags in args.flags or [""]:
                wrong = check(group, flags)
                count += 1
                bad += bool(wrong)
                print(f"opset {kind[0]}, batch {kind[1]}, {flags}: {', '.join(m.name for m in group)}: {'; '.join(wrong) or 'equal'}", flush=True)
    print(f"{count} runs, {bad} wrong")
    sys.exit(bad != 0 or count == 0)
