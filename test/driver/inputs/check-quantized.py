"""Compares a quantized model with the float one in ONNX Runtime, and looks at how it is quantized.

usage: check-quantized.py FLOAT.onnx QUANTIZED.onnx DATA (npz or a folder of MNIST idx files) [SAMPLES]
Checks: onnx.checker takes it; each DequantizeLinear of a weight reproduces the float weight to half a step of its channel's scale, the scale being the largest
magnitude of that channel / 127 along the axis that the contraction does not sum over; the nodes are those of the float model but for the added pairs.
Prints accuracy (labels of classes) or relative output error, of both, for FileCheck and for people.
"""
import gzip, os, sys
import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper


def load(path, samples):
    if os.path.isdir(path):
        raw = lambda name, head: np.frombuffer(gzip.open(f"{path}/{name}.gz").read()[head:], np.uint8)
        return {"x": raw("t10k-images-idx3-ubyte", 16).reshape(-1, 784)[:samples].astype(np.float32) / 255, "label": raw("t10k-labels-idx1-ubyte", 8)[:samples]}
    return {k: v[:samples] for k, v in np.load(path).items()}


def outputs(model, data):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    feed, n = {}, len(next(iter(data.values())))
    for i in session.get_inputs():
        x = data[i.name] if i.name in data else data["x"]
        feed[i.name] = x.reshape([len(x)] + [d for d in i.shape[1:]])
    fixed = session.get_inputs()[0].shape[0]
    step = fixed if isinstance(fixed, int) else n
    return np.concatenate([session.run(None, {k: v[i:i + step] for k, v in feed.items()})[0] for i in range(0, n - n % step, step)])


float_path, path, data_path, *rest = sys.argv[1:]
data = load(data_path, int(rest[0]) if rest else 1000)
onnx.checker.check_model(path, full_check=True)
one, two = onnx.load(float_path), onnx.load(path)
before, after = ({t.name: numpy_helper.to_array(t) for t in m.graph.initializer} for m in (one, two))
before.update({n.output[0]: numpy_helper.to_array(n.attribute[0].t) for n in one.graph.node if n.op_type == "Constant" and n.attribute[0].name == "value"})
opset = next(o.version for o in two.opset_import if not o.domain)
weights = pairs = biases = 0
wrong = []
readers = {i: n for n in two.graph.node for i in n.input}
for node in two.graph.node:
    if node.op_type == "QuantizeLinear":
        pairs += 1
    if node.op_type != "DequantizeLinear" or node.input[0] not in after:
        continue
    q, scale = after[node.input[0]], after[node.input[1]]
    w, axis = before[node.input[0].removesuffix("_quantized").rsplit("_quantized_", 1)[0]], onnx.helper.get_node_attr_value(node, "axis")
    shape = [1] * w.ndim
    shape[axis] = -1
    back = q.astype(np.float64) * scale.reshape(shape)
    if q.dtype == np.int32:
        biases += 1
    else:
        weights += 1
        others = tuple(d for d in range(w.ndim) if d != axis)
        largest = np.abs(w).max(axis=others)
        if not np.allclose(scale[largest > 0] * 127, largest[largest > 0], rtol=1e-6):
            wrong.append(f"{node.output[0]}: scales are not those of axis {axis}")
        reader = readers[node.output[0]]
        if reader.op_type == "Transpose":
            axis, reader = list(reader.attribute[0].ints).index(axis), readers[reader.output[0]]
        sums = {"Conv": lambda: 1, "ConvTranspose": lambda: 0, "MatMul": lambda: w.ndim - 2, "Gemm": lambda: 1 if any(a.name == "transB" and a.i for a in reader.attribute) else 0}[reader.op_type]()
        if axis == sums:
            wrong.append(f"{node.output[0]}: {reader.op_type} sums over axis {axis}, which has the scales")
    if (np.abs(back - w) > 0.5001 * np.broadcast_to(scale.reshape(shape), w.shape)).any():
        wrong.append(f"{node.output[0]}: differs from the float weight by more than half a step")
kinds = lambda m: sorted(n.op_type for n in m.graph.node if n.op_type not in ("QuantizeLinear", "DequantizeLinear", "Constant"))
if kinds(one) != kinds(two) and opset == next(o.version for o in one.opset_import if not o.domain):
    wrong.append("the nodes differ in more than QuantizeLinear and DequantizeLinear")
a, b = outputs(float_path, data), outputs(path, data)
error = float(np.abs(a - b).max() / np.abs(a).max())
text = f"{os.path.basename(path)}: opset {opset}, {weights} weights, {pairs} activations, {biases} biases; outputs differ by {error:.3f} of the largest"
label = data.get("label")
if label is not None and label.ndim == a.ndim - 1:
    label = label[:len(a)].astype(np.int64)
    def measure(logits):
        logits = logits.astype(np.float64) if logits.ndim <= 3 else np.moveaxis(logits.astype(np.float64), 1, -1)  # images: [N, C, H, W]
        logp = logits - logits.max(-1, keepdims=True)
        logp -= np.log(np.exp(logp).sum(-1, keepdims=True))
        return (logits.argmax(-1) == label).mean(), -np.take_along_axis(logp, label[..., None], -1).mean()
    (accuracy, loss), (accuracy8, loss8) = measure(a), measure(b)
    text += f"; accuracy {accuracy:.4f} -> {accuracy8:.4f}, loss {loss:.4f} -> {loss8:.4f}"
    if accuracy - accuracy8 > 0.01:
        wrong.append("accuracy is lost")
    if loss8 > loss * 1.03 + 0.01:
        wrong.append("loss is lost")
print(text, *wrong, sep="; " if wrong else "")
sys.exit(bool(wrong))
