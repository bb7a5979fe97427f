"""LSTM, GRU and RNN in numpy with everything that ONNX allows, for onnx's reference evaluator, whose own ones ignore lengths, functions and clipping."""
import numpy as np
from onnx.reference.op_run import OpRun

FUNCTIONS = {  # name -> function(x, alpha, beta), which of them it takes, their defaults
    "sigmoid": (lambda x, a, b: 1 / (1 + np.exp(-x)), "", ()),
    "tanh": (lambda x, a, b: np.tanh(x), "", ()),
    "relu": (lambda x, a, b: np.maximum(x, 0), "", ()),
    "affine": (lambda x, a, b: a * x + b, "ab", (1, 0)),
    "leakyrelu": (lambda x, a, b: np.where(x < 0, a * x, x), "a", (0.01,)),
    "thresholdedrelu": (lambda x, a, b: np.where(x > a, x, 0), "a", (1,)),
    "scaledtanh": (lambda x, a, b: a * np.tanh(b * x), "ab", (1, 1)),
    "hardsigmoid": (lambda x, a, b: np.clip(a * x + b, 0, 1), "ab", (0.2, 0.5)),
    "elu": (lambda x, a, b: np.where(x < 0, a * np.expm1(x), x), "a", (1,)),
    "softsign": (lambda x, a, b: x / (1 + np.abs(x)), "", ()),
    "softplus": (lambda x, a, b: np.log1p(np.exp(x)), "", ()),
}


def functions(names, alphas, betas, clip):
    alphas, betas, made = list(alphas or []), list(betas or []), []
    for name in names:
        f, takes, defaults = FUNCTIONS[name.lower()]
        given = {"a": alphas, "b": betas}
        a, b = ([given[k].pop(0) if given[k] else default for k, default in zip(takes, defaults)] + [0, 0])[:2]
        bound = (lambda x: np.clip(x, -clip, clip)) if clip else (lambda x: x)
        made.append(lambda x, f=f, a=a, b=b, bound=bound: f(bound(x), a, b))
    return made


def lstm(x, w, r, wb, rb, h, c, p, f, o):
    i, out, forget, cell = np.split(w @ x + r @ h + wb + rb, 4)
    pi, po, pf = np.split(p, 3)
    i = f[0](i + pi * c)
    forget = 1 - i if o.get("input_forget") else f[0](forget + pf * c)
    c = forget * c + i * f[1](cell)
    return f[0](out + po * c) * f[2](c), c


def gru(x, w, r, wb, rb, h, c, p, f, o):
    (wz, wr, wh), (rz, rr, rh), (bz, br, bh), (cz, cr, ch) = (np.split(v, 3) for v in (w, r, wb, rb))
    z, reset = f[0](wz @ x + rz @ h + bz + cz), f[0](wr @ x + rr @ h + br + cr)
    inner = reset * (rh @ h + ch) if o.get("linear_before_reset") else rh @ (reset * h) + ch
    return (1 - z) * f[1](wh @ x + inner + bh) + z * h, c


def rnn(x, w, r, wb, rb, h, c, p, f, o):
    return f[0](w @ x + r @ h + wb + rb), c


def run(step, gates, defaults, x, w, r, b, lengths, h0, c0, p, o):
    directions, units = w.shape[0], r.shape[2]
    if o.get("layout"):
        x = x.swapaxes(0, 1)
        h0, c0 = (None if v is None else v.swapaxes(0, 1) for v in (h0, c0))
    steps, batch, _ = x.shape
    zeros = np.zeros((directions, batch, units), x.dtype)
    b = np.zeros((directions, 2 * gates * units), x.dtype) if b is None else b
    p = np.zeros((directions, 3 * units), x.dtype) if p is None else p
    h0, c0 = zeros if h0 is None else h0, zeros if c0 is None else c0
    lengths = np.full(batch, steps) if lengths is None else lengths
    f = functions(o.get("activations") or defaults * directions, o.get("activation_alpha"), o.get("activation_beta"), o.get("clip"))
    y, last_h, last_c = np.zeros((steps, directions, batch, units), x.dtype), h0.copy(), c0.copy()
    for d in range(directions):
        backwards = d == 1 or o.get("direction") == "reverse"
        for n in range(batch):
            length = min(steps, lengths[n])
            h, c = h0[d, n], c0[d, n]
            for t in reversed(range(length)) if backwards else range(length):
                h, c = step(x[t, n], w[d], r[d], b[d, :gates * units], b[d, gates * units:], h, c, p[d], f[d * len(defaults):], o)
                y[t, d, n] = h
            last_h[d, n], last_c[d, n] = h, c
    if o.get("layout"):
        return y.transpose(2, 0, 1, 3), last_h.swapaxes(0, 1), last_c.swapaxes(0, 1)
    return y, last_h, last_c


class LSTM(OpRun):
    op_domain = ""

    def _run(self, X, W, R, B=None, sequence_lens=None, initial_h=None, initial_c=None, P=None, **options):
        results = run(lstm, 4, ["Sigmoid", "Tanh", "Tanh"], X, W, R, B, sequence_lens, initial_h, initial_c, P, options)
        return results[:len(self.onnx_node.output)]


class GRU(OpRun):
    op_domain = ""

    def _run(self, X, W, R, B=None, sequence_lens=None, initial_h=None, **options):
        return run(gru, 3, ["Sigmoid", "Tanh"], X, W, R, B, sequence_lens, initial_h, None, None, options)[:len(self.onnx_node.output)]


class RNN(OpRun):
    op_domain = ""

    def _run(self, X, W, R, B=None, sequence_lens=None, initial_h=None, **options):
        return run(rnn, 1, ["Tanh"], X, W, R, B, sequence_lens, initial_h, None, None, options)[:len(self.onnx_node.output)]


RECURRENT = [LSTM, GRU, RNN]
