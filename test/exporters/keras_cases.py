#!/usr/bin/env python3
"""Exports small Keras models with tf2onnx and records what training them must give (format: case_writer.py).

usage: keras_cases.py OUT [NAME...]      needs tensorflow, keras and tf2onnx.
"""
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import keras
import numpy as np
import tensorflow as tf
import tf2onnx
from keras import layers as L

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from case_writer import write_case  # noqa: E402


def mlp():
    return keras.Sequential([L.Input((12, 1)), L.Flatten(), L.Dense(16, "relu"), L.Dropout(0.2), L.Dense(5, "softmax")])


def cnn():
    return keras.Sequential([L.Input((12, 12, 3)), L.Conv2D(6, 3, padding="same", activation="relu"), L.MaxPooling2D(), L.DepthwiseConv2D(3), L.LeakyReLU(),
                             L.Conv2D(8, 3, strides=2, padding="same", activation="swish"), L.GlobalAveragePooling2D(), L.Dense(5, "softmax")])


def recurrent(cell):
    return lambda: keras.Sequential([L.Input((7,), dtype="int32"), L.Embedding(20, 8), L.Bidirectional(cell(6)), L.Dense(5)])


def transformer():
    i = L.Input((6,), dtype="int32")
    x = L.Embedding(20, 8)(i)
    x = L.LayerNormalization(epsilon=1e-6)(x + L.MultiHeadAttention(2, 4)(x, x))
    y = L.Dense(8)(L.Dense(16, "tanh")(x))
    x = L.LayerNormalization(epsilon=1e-6)(x + y)
    return keras.Model(i, L.Dense(5)(L.GlobalAveragePooling1D()(x)))


def autoencoder():
    return keras.Sequential([L.Input((8, 8, 1)), L.Conv2D(4, 3, 2, "same", activation="elu"), L.Conv2DTranspose(3, 3, 2, "same", activation="selu"), L.UpSampling2D(interpolation="bilinear"),
                             L.AveragePooling2D(2), L.Conv2D(1, 3, padding="same", activation="sigmoid")])


CASES = {
    "mlp": (mlp, lambda r: (r.standard_normal((24, 12, 1)).astype("f4"), r.integers(0, 5, 24)), "cross_entropy"),
    "cnn": (cnn, lambda r: (r.standard_normal((24, 12, 12, 3)).astype("f4"), r.integers(0, 5, 24)), "cross_entropy"),
    "lstm": (recurrent(L.LSTM), lambda r: (r.integers(0, 20, (24, 7)).astype("i4"), r.integers(0, 5, 24)), "cross_entropy"),
    "gru": (recurrent(L.GRU), lambda r: (r.integers(0, 20, (24, 7)).astype("i4"), r.integers(0, 5, 24)), "cross_entropy"),
    "transformer": (transformer, lambda r: (r.integers(0, 20, (24, 6)).astype("i4"), r.integers(0, 5, 24)), "cross_entropy"),
    "autoencoder": (autoencoder, lambda r: (r.random((24, 8, 8, 1)).astype("f4"), r.random((24, 8, 8, 1)).astype("f4")), "mse"),
}


def train(build, weights, x, label, loss, lr, batch, steps, dtype):
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)  # the policy of the first layer ever made would stay
    model = build()
    model.set_weights([w.astype(dtype) for w in weights])
    probabilities = getattr(model.layers[-1], "activation", None) is keras.activations.softmax
    losses, first = [], None
    for s in range(steps):
        rows = np.arange(s * batch, (s + 1) * batch) % len(label)
        xb = x[rows].astype(dtype) if x.dtype.kind == "f" else x[rows]
        with tf.GradientTape() as tape:
            y = model(xb, training=False)
            if loss == "cross_entropy":
                p = tf.math.log(y) if probabilities else tf.nn.log_softmax(y)
                value = -tf.reduce_mean(tf.gather(p, label[rows], batch_dims=1))
            else:
                value = tf.reduce_mean((y - label[rows].astype(dtype)) ** 2)
        grads = [tf.convert_to_tensor(g) for g in tape.gradient(value, model.trainable_variables)]
        losses.append(float(value))
        if first is None:
            first = {v.path: g.numpy().astype("f8") for v, g in zip(model.trainable_variables, grads)}
        for v, g in zip(model.trainable_variables, grads):
            v.assign_sub(lr * g)
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")
    return losses, first


def make(out, name, opset):
    build, data, loss = CASES[name]
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(1)
    model = build()
    weights = [w + rng.standard_normal(w.shape).astype("f4") * 0.02 for w in model.get_weights()]
    model.set_weights(weights)
    x, label = data(rng)
    folder = os.path.join(out, f"keras-{name}-tf2onnx-{opset}")
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "model.onnx")
    spec = [tf.TensorSpec((None, *x.shape[1:]), x.dtype, name="x")]
    tf2onnx.convert.from_function(tf.function(lambda x: model(x, training=False)), input_signature=spec, opset=opset, output_path=path)
    l64, g64 = train(build, weights, x, label, loss, 0.1, 8, 8, "float64")
    l32, g32 = train(build, weights, x, label, loss, 0.1, 8, 8, "float32")
    key = {v.path: v.path for v in model.trainable_variables}  # unique, as layers of one name have numbers
    parameters = {k: v.numpy() for k, v in zip(key.values(), model.trainable_variables)}
    gradients = dict(zip(key.values(), g64.values()))
    big = max(np.linalg.norm(g) for g in g64.values())
    error = max(float(np.linalg.norm(a - b) / (np.linalg.norm(b) + 1e-6 * big)) for a, b in zip(g32.values(), g64.values()))
    done = write_case(folder, path, {"x": x, "label": label}, parameters, gradients, [{"optimizer": "sgd,lr=0.1", "losses_f64": l64, "losses_f32": l32}],
                      source=f"keras {keras.__version__} tf2onnx {tf2onnx.__version__}", loss=loss, batch=8, steps=8, torch_error=error)
    print(f"keras-{name}: {done['nodes']} nodes, {len(done['trainable'])} matched, missing {len(done['not_in_file'])}, {' '.join(done['ops'])}", flush=True)


if __name__ == "__main__":
    for n in sys.argv[2:] or CASES:
        for opset in (13, 17):
            try:
                make(sys.argv[1], n, opset)
            except Exception as e:  # one model that the exporter refuses does not stop the others
                print(f"keras-{n}-{opset}: EXPORT FAILED: {type(e).__name__}: {str(e)[:300]}", flush=True)
