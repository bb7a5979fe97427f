"""Models that say themselves how they are trained (TrainingInfoProto), and what training them must give: the formulas of ONNX's operators in numpy (f64).

usage: training-info.py run FOLDER [FLAG…]    trains each model without --loss and --optimizer; losses of six steps agree to 2e-6
       training-info.py bad FOLDER            writes models whose algorithms cannot be taken over, bad-NAME.onnx, and data.npz
       training-info.py check MODEL           the algorithm that llcc wrote: onnx.checker takes graph and algorithm together, bindings name what is there
"""
import json, os, subprocess, sys
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

F, I = TensorProto.FLOAT, TensorProto.INT64
DOMAIN = "ai.onnx.preview.training"
rng = np.random.default_rng(5)
N, D, C, STEPS = 8, 6, 3, 6
x = rng.standard_normal((N, D)).astype(np.float32)
y = rng.integers(0, C, N)
t = rng.standard_normal((N, C)).astype(np.float32)
W0, B0 = rng.standard_normal((D, C)).astype(np.float32), rng.standard_normal(C).astype(np.float32)


def graph(extra=(), outputs=("z",)):
    nodes = [helper.make_node("Gemm", ["x", "w", "b"], ["z"])] + list(extra)
    shapes = {"z": ["n", C], "loss": []}
    return helper.make_graph(nodes, "net", [helper.make_tensor_value_info("x", F, ["n", D])], [helper.make_tensor_value_info(o, F, shapes[o]) for o in outputs],
                             [numpy_helper.from_array(W0, "w"), numpy_helper.from_array(B0, "b")])


def gradient(xs=("w", "b"), y="loss", inputs=None, outputs=None):
    return helper.make_node("Gradient", inputs or list(xs) + ["x", "label"], outputs or [n + "_g" for n in xs], domain=DOMAIN, xs=list(xs), zs=["x", "label"], y=y)


SCE = [helper.make_node("SoftmaxCrossEntropyLoss", ["z", "label"], ["loss"], reduction="mean")]
MSE = [helper.make_node("Sub", ["z", "label"], ["d"]), helper.make_node("Mul", ["d", "d"], ["dd"]), helper.make_node("ReduceMean", ["dd"], ["loss"], keepdims=0)]
CUBIC = [helper.make_node("Sub", ["z", "label"], ["d"]), helper.make_node("Abs", ["d"], ["a"]), helper.make_node("Pow", ["a", "three"], ["p"]), helper.make_node("Mul", ["p", "scales"], ["q"]),
         helper.make_node("ReduceMean", ["q"], ["loss"], keepdims=0)]
SCALES = np.array([1.0, 0.5, 2.0], np.float32)
COUNT = [helper.make_node("Add", ["T", "one"], ["T_new"])]


def model(name, loss, updates, bindings, states=(), rate=0.25, first=0, labels=True, net=None, more=(), initialization=None, initial=(), times=1):
    algorithm = helper.make_graph(list(loss) + list(updates), "training",
                                  [helper.make_tensor_value_info("label", I, ["n"]) if labels is True else helper.make_tensor_value_info("label", F, ["n", C])] if labels else [],
                                  [helper.make_tensor_value_info("loss", F, [])],
                                  [numpy_helper.from_array(np.float32(rate), "R"), numpy_helper.from_array(np.int64(first), "T"), numpy_helper.from_array(np.int64(1), "one"),
                                   *[numpy_helper.from_array(np.zeros_like(W0 if s.startswith("w") else B0), s) for s in states], *more])
    made = helper.make_model(net or graph(), opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid(DOMAIN, 1)], ir_version=8)
    for _ in range(times):
        made.training_info.add(algorithm=algorithm, initialization=initialization, update_binding=[onnx.StringStringEntryProto(key=k, value=v) for k, v in bindings.items()],
                               initialization_binding=[onnx.StringStringEntryProto(key=k, value=v) for k, v in initial])
    onnx.save(made, name + ".onnx")


def losses(kind, W, B):
    """Loss and its gradients by W and B."""
    z = x.astype(np.float64) @ W + B
    if kind == "sce":
        logp = z - z.max(1, keepdims=True)
        logp -= np.log(np.exp(logp).sum(1, keepdims=True))
        value, slope = -logp[np.arange(N), y].mean(), (np.exp(logp) - np.eye(C)[y]) / N
    elif kind == "mse":
        value, slope = ((z - t) ** 2).mean(), 2 * (z - t) / (N * C)
    else:
        d = z - t
        value, slope = (np.abs(d) ** 3 * SCALES).mean(), 3 * d * np.abs(d) * SCALES / (N * C)
    return value, x.T.astype(np.float64) @ slope, slope.sum(0)


def step(rule, X, G, S, R, T, k):
    """ONNX's reference formulas (Operators.md, ai.onnx.preview.training)."""
    f = lambda key, otherwise=0.0: float(np.float32(k.get(key, otherwise)))
    G = f("norm_coefficient") * X + G
    if rule == "sgd":
        return X - R * G, S
    if rule == "Momentum":
        V = f("alpha") * S[0] + (f("beta") if T > 0 else 1.0) * G
        return X - R * (G + f("alpha") * V if k["mode"] == "nesterov" else V), [V]
    if rule == "Adagrad":
        H = S[0] + G * G
        return X - R / (1 + T * f("decay_factor")) * G / (np.sqrt(H) + f("epsilon", 1e-6)), [H]
    a, b = f("alpha", 0.9), f("beta", 0.999)
    V, H = a * S[0] + (1 - a) * G, b * S[1] + (1 - b) * G * G
    rate = R * np.sqrt(1 - b**T) / (1 - a**T) if T > 0 else R
    return (1 - f("norm_coefficient_post")) * (X - rate * V / (np.sqrt(H) + f("epsilon", 1e-6))), [V, H]


def update(rule, states, keys):
    """The update node, its bindings and state names."""
    if rule == "sgd":
        nodes = [n for p in "wb" for n in (helper.make_node("Mul", ["R", p + "_g"], [p + "_s"]), helper.make_node("Sub", [p, p + "_s"], [p + "_new"]))]
        return nodes, {"w": "w_new", "b": "b_new"}, []
    names = [p + s for s in states for p in "wb"]
    node = helper.make_node(rule, ["R", "T", "w", "b", "w_g", "b_g"] + names, ["w_new", "b_new"] + [n + "_new" for n in names], domain=DOMAIN, **keys)
    return COUNT + [node], {"w": "w_new", "b": "b_new", "T": "T_new", **{n: n + "_new" for n in names}}, names


WAYS = [  # name, loss, rule, states, keys, T at first
    ("sgd", "sce", "sgd", [], {}, 0),
    ("momentum", "sce", "Momentum", ["V"], dict(alpha=0.9, beta=1.0, mode="standard", norm_coefficient=0.0), 0),
    ("damped", "mse", "Momentum", ["V"], dict(alpha=0.8, beta=0.5, mode="nesterov", norm_coefficient=0.01), 0),
    ("damped-late", "mse", "Momentum", ["V"], dict(alpha=0.8, beta=0.5, mode="standard", norm_coefficient=0.0), 3),
    ("adagrad", "sce", "Adagrad", ["H"], dict(decay_factor=0.1, epsilon=1e-3, norm_coefficient=0.05), 0),
    ("adam", "sce", "Adam", ["V", "H"], dict(alpha=0.8, beta=0.95, epsilon=1e-2, norm_coefficient=0.01, norm_coefficient_post=0.02), 0),
    ("adam-one", "sce", "Adam", ["V", "H"], dict(), 1),
    ("cubic", "cubic", "sgd", [], {}, 0),
]


def build(name, kind, rule, states, keys, first, **more):
    nodes, bindings, names = update(rule, states, keys)
    loss = {"sce": SCE, "mse": MSE, "cubic": CUBIC}[kind]
    stored = [numpy_helper.from_array(np.float32(3), "three"), numpy_helper.from_array(SCALES, "scales")] if kind == "cubic" else []
    rate = 0.25 if kind != "cubic" else 0.02
    model(name, loss, [gradient()] + nodes, bindings, names, rate=rate, first=first, labels=True if kind == "sce" else "values", more=stored, **more)
    np.savez(name + ".npz", x=x, label=y if kind == "sce" else t)
    return rate


def expect(kind, rule, states, keys, first, rate, W=W0, B=B0):
    W, B, S, want = W.astype(np.float64), B.astype(np.float64), {p: [0.0] * len(states) for p in "wb"}, []
    for k in range(STEPS):
        value, gw, gb = losses(kind, W, B)
        want.append(value)
        W, S["w"] = step(rule, W, gw, S["w"], rate, first + k, keys)
        B, S["b"] = step(rule, B, gb, S["b"], rate, first + k, keys)
    return want


def train(name, *flags, data=None):
    out = subprocess.run(["llcc", "train", name + ".onnx", f"--data={data or name}.npz", f"--batch={N}", f"--steps={STEPS}", "--no-shuffle", "--quiet", f"--metrics={name}.jsonl", *flags], capture_output=True, text=True)
    if out.returncode:
        sys.exit(f"{name}: exit {out.returncode}: {out.stderr}")
    return [json.loads(line)["loss"] for line in open(name + ".jsonl") if '"loss"' in line], out.stderr


def run(flags):
    failed = 0
    for name, kind, rule, states, keys, first in WAYS:
        rate = build(name, kind, rule, states, keys, first)
        onnx.checker.check_model(name + ".onnx")
        got, said = train(name, f"--save={name}-saved.onnx", *flags)
        want = expect(kind, rule, states, keys, first, rate)
        error = max(abs(a - b) / abs(b) for a, b in zip(got, want)) if len(got) == STEPS else 1
        one, two = onnx.load(name + ".onnx"), onnx.load(name + "-saved.onnx")
        same = one.training_info == two.training_info and one.graph.node == two.graph.node and one.graph.input == two.graph.input and one.graph.output == two.graph.output
        print(f"{name}: losses within {error:.0e}, {'the rest of the file unchanged' if same else 'THE FILE CHANGED'}; {said.splitlines()[0]}")
        failed += not (error < 2e-6 and same)
    # Initial values: known ones, drawn ones, and none on request.
    W1, B1 = np.linspace(-1, 1, D * C, dtype=np.float32).reshape(D, C), np.full(C, 0.5, np.float32)
    fixed = helper.make_graph([helper.make_node("Constant", [], ["iw"], value=numpy_helper.from_array(W1)), helper.make_node("ConstantOfShape", ["s"], ["ib"], value=numpy_helper.from_array(B1[:1]))], "first", [],
                              [helper.make_tensor_value_info("iw", F, [D, C]), helper.make_tensor_value_info("ib", F, [C])], [numpy_helper.from_array(np.array([C], np.int64), "s")])
    rate = build("fixed", *WAYS[1][1:], initialization=fixed, initial=[("w", "iw"), ("b", "ib")])
    got, said = train("fixed", *flags)
    error = max(abs(a - b) / abs(b) for a, b in zip(got, expect(*WAYS[1][1:], rate, W1, B1)))
    kept = max(abs(a - b) / abs(b) for a, b in zip(train("fixed", "--keep-weights", *flags)[0], expect(*WAYS[1][1:], rate)))
    print(f"initialized: losses within {error:.0e}, kept within {kept:.0e}; {said.splitlines()[1]}")
    failed += not (error < 2e-6 and kept < 2e-6)
    drawn = helper.make_graph([helper.make_node("RandomNormal", [], ["iw"], shape=[D, C], mean=1.0, scale=0.1)], "first", [], [helper.make_tensor_value_info("iw", F, [D, C])])
    build("drawn", *WAYS[0][1:], initialization=drawn, initial=[("w", "iw")])
    first = [train("drawn", f"--seed={s}", "--lr=0", f"--save=drawn-{i}.onnx", *flags)[0][0] for i, s in enumerate((1, 2, 1))]
    values = numpy_helper.to_array(next(i for i in onnx.load("drawn-0.onnx").graph.initializer if i.name == "w"))
    good = first[0] == first[2] != first[1] and abs(values.mean() - 1) < 0.1 and 0.03 < values.std() < 0.2
    print(f"drawn: mean {values.mean():.2f}, deviation {values.std():.2f}, {'a function of the seed' if good else 'WRONG'}")
    failed += not good
    # The graph computes the loss.
    nodes, bindings, names = update("sgd", [], {})
    net = graph([helper.make_node("Mul", ["z", "z"], ["zz"]), helper.make_node("ReduceMean", ["zz"], ["loss"], keepdims=0)], ("z", "loss"))
    model("inside", [], [helper.make_node("Gradient", ["w", "b", "x"], ["w_g", "b_g"], domain=DOMAIN, xs=["w", "b"], zs=["x"], y="loss")] + nodes, bindings, labels=False, net=net)
    np.savez("inside.npz", x=x)
    np.savez("few.npz", x=x[:5])
    got, said = train("inside", "--eval=inside.npz", *flags)
    measured = [json.loads(line)["eval_loss"] for line in open("inside.jsonl") if "eval_loss" in line][-1]
    good = abs(got[0] - ((x @ W0 + B0) ** 2).mean()) < 1e-5 and measured < got[-1] < got[0]
    print(f"inside: {got[0]:.4f} -> {got[-1]:.4f}, measured {measured:.4f}{'' if good else ' WRONG'}; {said.splitlines()[0]}")
    failed += not good
    print(f"{len(WAYS) + 3 - failed} of {len(WAYS) + 3} trainings")
    return failed


def bad():
    nodes, bindings, names = update("Momentum", ["V"], dict(alpha=0.9, beta=1.0, mode="standard", norm_coefficient=0.0))
    np.savez("data.npz", x=x, label=y)
    model("good", SCE, [gradient()] + nodes, bindings, names)
    model("bad-no-y", SCE, [helper.make_node("Gradient", ["w", "b"], ["w_g", "b_g"], domain=DOMAIN, xs=["w", "b"])] + nodes, bindings, names)
    model("bad-two", SCE + [helper.make_node("ReduceMean", ["z"], ["other"])], [gradient(["w"]), gradient(["b"], "other")] + nodes, bindings, names)
    model("bad-point", SCE, [gradient(inputs=["w", "b_g2", "x", "label"])] + nodes, bindings, names)
    model("bad-none", SCE, [helper.make_node("Identity", ["w"], ["w_g"]), helper.make_node("Identity", ["b"], ["b_g"])] + nodes, bindings, names)
    model("bad-state", SCE, [gradient()] + nodes, {k: v for k, v in bindings.items() if k != "wV"}, names)
    model("bad-update", SCE, [gradient(), helper.make_node("Add", ["w", "w_g"], ["w_new"])], {"w": "w_new"}, names)
    plain, plain_bindings, _ = update("sgd", [], {})
    model("bad-rules", SCE, [gradient(), helper.make_node("Mul", ["one_f", "b_g"], ["s"]), helper.make_node("Sub", ["b", "s"], ["b_new"])] + plain[:2], plain_bindings, more=[numpy_helper.from_array(np.float32(1), "one_f")])
    model("bad-rate", SCE, [gradient(), helper.make_node("Mul", ["R", "loss"], ["R2"])] + [helper.make_node(n.op_type, ["R2" if i == "R" else i for i in n.input], n.output) for n in plain], plain_bindings)
    model("bad-change", SCE, [gradient()] + plain + [helper.make_node("Add", ["c", "c"], ["c_new"])], {**plain_bindings, "c": "c_new"}, more=[numpy_helper.from_array(np.float32(1), "c")])
    model("bad-count", SCE, [gradient()] + nodes[1:], {k: v for k, v in bindings.items() if k != "T"}, names)
    model("bad-nothing", SCE, [gradient(y="lost")] + nodes, bindings, names)
    model("bad-inner", SCE, [gradient(y="h")] + nodes, bindings, names, net=graph([helper.make_node("ReduceMean", ["z"], ["h"])]))
    model("bad-unread", SCE, [gradient(["w", "b", "u"])] + plain + [helper.make_node("Mul", ["R", "u_g"], ["us"]), helper.make_node("Sub", ["u", "us"], ["u_new"])], {**plain_bindings, "u": "u_new"},
          more=[numpy_helper.from_array(np.float32(1), "u")])
    first = helper.make_graph([helper.make_node("Constant", [], ["iw"], value=numpy_helper.from_array(W0))], "first", [], [helper.make_tensor_value_info("iw", F, [D, C])])
    model("bad-initial", SCE, [gradient()] + nodes, bindings, names, initialization=first, initial=[("q", "iw")])
    model("bad-initial-value", SCE, [gradient()] + nodes, bindings, names, initialization=first, initial=[("w", "iv")])
    warm = numpy_helper.from_array(W0, "wV")
    model("warm", SCE, [gradient()] + nodes, bindings, [n for n in names if n != "wV"], more=[warm])
    model("twice", SCE, [gradient()] + nodes, bindings, names, times=2)


def check(path):
    made = onnx.load(path)
    onnx.checker.check_model(path)
    info, = made.training_info
    whole = onnx.ModelProto()
    whole.CopyFrom(made)
    whole.ClearField("training_info")
    whole.graph.node.extend(info.algorithm.node)
    whole.graph.initializer.extend(info.algorithm.initializer)
    whole.graph.input.extend(info.algorithm.input)
    whole.graph.output.extend(info.algorithm.output)
    onnx.checker.check_model(whole)
    stored = {t.name for t in whole.graph.initializer}
    made_here = {o for n in info.algorithm.node for o in n.output}
    for pair in info.update_binding:
        if pair.key not in stored or pair.value not in made_here:
            sys.exit(f"binding {pair.key} -> {pair.value} names what is not there")
    print(f"{os.path.basename(path)}: {', '.join(sorted({n.op_type for n in info.algorithm.node}))}; {len(info.update_binding)} bindings")


what, where, *flags = sys.argv[1:]
if what == "check":
    check(where)
else:
    os.makedirs(where, exist_ok=True)
    os.chdir(where)
    sys.exit(int(run(flags)) if what == "run" else bad())
