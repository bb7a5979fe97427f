"""Gradients of one node case: llcc's, in f64, against fourth-order differences of onnx's reference evaluator.

Inputs that the schema tags differentiable become f64; the function is sum(cotangent x output) over the float outputs.
TOLERANCE: the differences (8(f(x+h)-f(x-h)) - (f(x+2h)-f(x-2h)))/12h have an error of h^4 f''''' / 30 + eps f / h, which
at the best of three step sizes is below 1e-9 for the values of these cases; 1e-5 leaves room for badly scaled ones, and a wrong
rule is wrong by far more. Errors are relative to the element, but not to less than a tenth of the input's largest gradient.
At a kink (ties in a maximum, relu at 0) a difference is meaningless: what disagrees is tried again at a point nearby.
"""
import tempfile
import warnings

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx.reference import ReferenceEvaluator

TOLERANCE = 1e-5
ELEMENTS = 6
FLOATS = {T.FLOAT, T.FLOAT16, T.BFLOAT16, T.DOUBLE}


def schemaOf(model):
    node = model.graph.node[0]
    opset = next((o.version for o in model.opset_import if o.domain in (node.domain, node.domain or "ai.onnx")), 1)
    return onnx.defs.get_schema(node.op_type, opset, node.domain)


def formal(list, i):
    """The schema's parameter number i; the last one may be variadic."""
    if i < len(list):
        return list[i]
    return list[-1] if list and list[-1].option == onnx.defs.OpSchema.FormalParameterOption.Variadic else None


def widen(model):
    """The model in f64, and the names of the inputs that it can be differentiated by; none where there is no such."""
    if len(model.graph.node) != 1:
        return None, []
    node, schema = model.graph.node[0], schemaOf(model)
    wide = onnx.ModelProto()
    wide.CopyFrom(model)
    names = []
    inputs = {v.name: v for v in wide.graph.input}
    for i, name in enumerate(node.input):
        parameter = formal(schema.inputs, i)
        if name not in inputs or parameter is None:
            continue
        kind = inputs[name].type.tensor_type
        if kind.elem_type not in FLOATS:
            continue
        if "tensor(double)" not in parameter.types:
            if parameter.differentiation_category == onnx.defs.OpSchema.DifferentiationCategory.Differentiable:
                return None, []
            continue
        kind.elem_type = T.DOUBLE
        if parameter.differentiation_category == onnx.defs.OpSchema.DifferentiationCategory.Differentiable:
            names.append(name)
    if not any(output.type.tensor_type.elem_type in FLOATS for output in wide.graph.output):
        return None, []
    for output in wide.graph.output:
        if output.type.tensor_type.elem_type in FLOATS:
            output.type.tensor_type.elem_type = T.DOUBLE
    for attribute in wide.graph.node[0].attribute:
        if attribute.name in ("to", "dtype", "stash_type", "softmax_precision") and attribute.i in FLOATS:
            attribute.i = T.DOUBLE
    return wide, names


class Case:
    def __init__(self, folder, call, write, read):
        self.model, self.names = widen(onnx.load(folder / "model.onnx"))
        self.call, self.write, self.read = call, write, read
        if not self.names:
            return
        random = np.random.default_rng(7)
        self.inputs = {}
        declared = {v.name: v.type.tensor_type.elem_type for v in self.model.graph.input}
        for name, x in read(folder / "in0.npz").items():
            if x.dtype.kind == "V" and declared[name] == T.DOUBLE:
                kind = onnx.helper.tensor_dtype_to_np_dtype(
                    {v.name: v.type.tensor_type.elem_type for v in onnx.load(folder / "model.onnx").graph.input}[name])
                x = x.view(kind).astype(np.float64)
            self.inputs[name] = x.astype(np.float64) if declared[name] == T.DOUBLE else x
        self.outputs = [o.name for o in self.model.graph.output]
        self.random = random
        self.evaluator = None

    def llcc(self, inputs, cotangents):
        with tempfile.TemporaryDirectory() as at:
            onnx.save(self.model, f"{at}/model.onnx")
            self.write(f"{at}/i.npz", inputs)
            self.write(f"{at}/c.npz", cotangents)
            more = [f"--cotangents={at}/c.npz", f"--gradients={at}/g.npz"] if cotangents else []
            status, text = self.call([f"{at}/model.onnx", f"--inputs={at}/i.npz", f"--outputs={at}/o.npz", *more])
            if status != "passed":
                return status, text, {}, {}
            return status, text, self.read(f"{at}/o.npz"), self.read(f"{at}/g.npz") if cotangents else {}

    def reference(self, inputs):
        if self.evaluator is None:
            self.evaluator = ReferenceEvaluator(self.model)
        return dict(zip(self.outputs, self.evaluator.run(None, inputs)))

    def check(self, inputs):
        """(status, sentence) at one point."""
        status, text, outputs, _ = self.llcc(inputs, {})
        if status != "passed":
            return status, text
        floats = [n for n in self.outputs if outputs[n].dtype == np.float64]
        if not floats:
            return "skipped", "no float output"
        # What is not finite has no gradient: it does not count.
        cotangents = {n: np.where(np.isfinite(outputs[n]), self.random.uniform(0.5, 1.5, outputs[n].shape), 0.0)
                      for n in floats}
        status, text, outputs, gradients = self.llcc(inputs, cotangents)
        if status != "passed":
            return status, text
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                wanted = self.reference(inputs)
                agrees = all(np.allclose(outputs[n], wanted[n], rtol=1e-8, atol=1e-10, equal_nan=True) for n in floats)
        except Exception as error:  # noqa: BLE001: the evaluator has gaps
            agrees, wanted = False, error
        if agrees:
            forward = self.reference
        else:  # some of the evaluator's operators compute in f32, or not at all: llcc's own forward pass then
            forward = lambda x: self.llcc(x, {})[2]  # noqa: E731

        def values(x):
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                y = forward(x)
            return np.concatenate([np.where(cotangents[n] != 0, y[n], 0).reshape(-1) for n in floats])

        weights = np.concatenate([cotangents[n].reshape(-1) for n in floats])

        for name in self.names:
            if name not in inputs:
                continue
            x, gradient = inputs[name], gradients[name]
            if gradient.shape != x.shape or gradient.dtype != x.dtype:
                return "wrong", f"gradient of {name} is {gradient.dtype}{list(gradient.shape)}"
            if np.isnan(gradient).any() and not np.isnan(x).any():
                return "wrong", f"gradient of {name} has NaN"
            scale = max(0.1 * np.abs(gradient).max(initial=0), 1e-6)
            count = min(x.size, ELEMENTS if agrees else 2)
            for at in self.random.choice(x.size, count, replace=False) if x.size else []:
                best, found = np.inf, 0
                for h in (1e-3, 1e-4, 1e-5):
                    f = []
                    for offset in (h, -h, 2 * h, -2 * h):
                        moved = x.copy()
                        moved.reshape(-1)[at] += offset
                        f.append(values({**inputs, name: moved}))
                    # Element by element, so that a large one does not drown the change of a small one.
                    difference = float(weights @ ((8 * (f[0] - f[1]) - (f[2] - f[3])) / (12 * h)))
                    error = abs(difference - gradient.reshape(-1)[at]) / max(abs(gradient.reshape(-1)[at]), scale)
                    if error < best:
                        best, found = error, difference
                    if best <= TOLERANCE:
                        break
                if best > TOLERANCE:
                    return "wrong", (f"gradient of {name} at element {at} is {gradient.reshape(-1)[at]:.9g}, "
                                     f"differences say {found:.9g}")
        return "passed", ""

    def run(self):
        if not self.names:
            return "skipped", "nothing that is differentiable in f64"
        result = self.check(self.inputs)
        if result[0] == "wrong":
            near = {n: x * (1 + 0.01 * self.random.uniform(-1, 1, x.shape)) + 1e-3 * self.random.uniform(-1, 1, x.shape)
                    if n in self.names else x for n, x in self.inputs.items()}
            again = self.check(near)
            return again if again[0] == "passed" else result
        return result
