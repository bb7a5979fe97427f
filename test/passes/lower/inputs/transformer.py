"""Prints @forward of a decoder-only transformer with tied embeddings.
usage: transformer.py BATCH LENGTH CHANNELS HEADS LAYERS VOCABULARY AXES SIZES, e.g. … '"data", "tensor"' '2, 2'"""
import sys

B, T, C, H, L, V = map(int, sys.argv[1:7])
D = C // H


def t(*shape, e="f32"):
    return "tensor<" + "".join(f"{d}x" for d in shape) + e + ">"


X, HEADS, SCORES = t(B, T, C), t(B, H, T, D), t(B, H, T, T)
params, body = [("wte", (V, C)), ("wpe", (T, C))], []


def emit(text, node):
    body.append(f'%v{len(body)} = {text} loc("{node}")')
    return f"%v{len(body) - 1}"


def param(name, *shape):
    params.append((name, shape))
    return "%" + name


def layer_norm(x, node):
    s, b = param(node + "_s", C), param(node + "_b", C)
    return emit(f"llcc.layer_norm {x}, {s}, {b} axis 2 epsilon 1.0e-5 : {X}, {t(C)}, {t(C)} -> {X}", node)


def linear(x, i, o, node):
    w, b = param(node + "_w", i, o), param(node + "_b", o)
    y = emit(f"llcc.dot {x}, {w} batch [] x [] contract [2] x [0] : {t(B, T, i)}, {t(i, o)} -> {t(B, T, o)}", node)
    bias = emit(f"llcc.broadcast {b} dims [2] : {t(o)} -> {t(B, T, o)}", node)
    return emit(f"arith.addf {y}, {bias} : {t(B, T, o)}", node)


def attention(h, layer):
    node = f"attn{layer}"
    qkv = []
    for part in "qkv":
        y = linear(h, C, C, f"{part}{layer}")
        y = emit(f"llcc.reshape {y} : {X} -> {t(B, T, H, D)}", node)
        qkv.append(emit(f"llcc.transpose {y} perm [0, 2, 1, 3] : {t(B, T, H, D)} -> {HEADS}", node))
    q, k, v = qkv
    s = emit(f"llcc.dot {q}, {k} batch [0, 1] x [0, 1] contract [3] x [3] : {HEADS}, {HEADS} -> {SCORES}", node)
    scale = emit(f"arith.constant dense<{D ** -0.5}> : {SCORES}", node)
    s = emit(f"arith.mulf {s}, {scale} : {SCORES}", node)
    i, j = (emit(f"llcc.iota dim {d} : {t(B, H, T, T, e='i32')}", node) for d in (2, 3))
    seen = emit(f"arith.cmpi sge, {i}, {j} : {t(B, H, T, T, e='i32')}", node)
    never = emit(f"arith.constant dense<-1.0e9> : {SCORES}", node)
    s = emit(f"arith.select {seen}, {s}, {never} : {t(B, H, T, T, e='i1')}, {SCORES}", node)
    p = emit(f"llcc.softmax {s} axis 3 : {SCORES}", node)
    o = emit(f"llcc.dot {p}, {v} batch [0, 1] x [0, 1] contract [3] x [2] : {SCORES}, {HEADS} -> {HEADS}", node)
    o = emit(f"llcc.transpose {o} perm [0, 2, 1, 3] : {HEADS} -> {t(B, T, H, D)}", node)
    return linear(emit(f"llcc.reshape {o} : {t(B, T, H, D)} -> {X}", node), C, C, f"proj{layer}")


IDS = t(B, T, e="i64")
token = emit(f"llcc.gather %wte, %ids axis 0 : {t(V, C)}, {IDS} -> {X}", "embed")
place = emit(f"llcc.broadcast %wpe dims [1, 2] : {t(T, C)} -> {X}", "embed")
x = emit(f"arith.addf {token}, {place} : {X}", "embed")
for layer in range(L):
    x = emit(f"arith.addf {x}, {attention(layer_norm(x, f'ln1_{layer}'), layer)} : {X}", f"res1_{layer}")
    h = linear(layer_norm(x, f"ln2_{layer}"), C, 4 * C, f"fc{layer}")
    h = emit(f"llcc.gelu {h} tanh : {t(B, T, 4 * C)}", f"gelu{layer}")
    x = emit(f"arith.addf {x}, {linear(h, 4 * C, C, f'out{layer}')} : {X}", f"res2_{layer}")
x = layer_norm(x, "lnf")
y = emit(f"llcc.dot {x}, %wte batch [] x [] contract [2] x [1] : {X}, {t(V, C)} -> {t(B, T, V)}", "lm_head")

arguments = [f'%ids: {IDS} {{llcc.input = "ids", llcc.batched, llcc.classes = {V} : i64}}']
arguments += [f'%{p}: {t(*s)} {{llcc.param = "{p}", llcc.trainable}}' for p, s in params]
print(f'module attributes {{llcc.model = "transformer.onnx", llcc.batch = {B} : i64, llcc.mesh = #llcc.mesh<[{sys.argv[7]}], [{sys.argv[8]}]>}} {{')
print(f'func.func @forward({", ".join(arguments)}) -> ({t(B, T, V)} {{llcc.output = "logits"}}) {{')
print("\n".join(body))
print(f"return {y} : {t(B, T, V)}\n}}\n}}")
