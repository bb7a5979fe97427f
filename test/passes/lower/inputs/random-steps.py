"""Random step functions through fusing and planning: kernels compute what the ops computed (llcc-interpret, in f64), the plan verifies
(llcc-verify-lower), and running it symbolically, bytes and all, shows the same captures and parameters as the function did."""
import random
import re
import subprocess
import sys

DEVICES = 2


class Step:
    """A random function over values {name: shape}; `lines` is its body."""

    def __init__(self, seed):
        self.r = random.Random(seed)
        self.lines, self.values, self.count = [], {}, 0
        self.inputs, self.params, self.flags = {}, {}, {}
        b, c = self.r.choice([2, 4, 6]), self.r.choice([3, 4, 8])
        for i, shape in enumerate([(b, c), (b, 4, c), (b, 2, 6, 6), (b,)]):
            self.inputs[f"%x{i}"] = shape
        for i, shape in enumerate([(c,), (c, c), (c, 5), (4, c), (b, c)]):
            self.params[f"%p{i}"] = shape
        self.values.update(self.inputs), self.values.update(self.params)
        for _ in range(self.r.randint(12, 40)):
            self.op()
        self.finish()

    @staticmethod
    def type(shape, element="f32"):
        return "tensor<" + "".join(f"{d}x" for d in shape) + element + ">"

    def emit(self, text, shape, element="f32"):
        name = f"%v{self.count}"
        self.count += 1
        self.lines.append(f"{name} = {text} loc(\"n{self.count % 7}\")")
        if element == "f32":
            self.values[name] = tuple(shape)
        return name

    def constant(self, value, shape):
        return self.emit(f"arith.constant dense<{value!r}> : {self.type(shape)}", shape)

    def binary(self, op, a, b):
        return self.emit(f"{op} {a}, {b} : {self.type(self.values[a])}", self.values[a])

    def unary(self, op, a):
        return self.emit(f"{op} {a} : {self.type(self.values[a])}", self.values[a])

    def broadcast(self, a, dims, shape):
        return self.emit(f"llcc.broadcast {a} dims {list(dims)} : {self.type(self.values[a])} -> {self.type(shape)}", shape)

    def reduce(self, kind, a, dims):
        shape = self.values[a]
        kept = [d for i, d in enumerate(shape) if i not in dims]
        return self.emit(f"llcc.reduce <{kind}> {a} dims {list(dims)} : {self.type(shape)} -> {self.type(kept)}", kept)

    def reshape(self, a, shape):
        return self.emit(f"llcc.reshape {a} : {self.type(self.values[a])} -> {self.type(shape)}", shape)

    def pick(self, test=lambda s: True):
        names = [n for n, s in self.values.items() if test(s)]
        weights = [1 + i for i in range(len(names))]  # recent ones more often: longer chains
        return self.r.choices(names, weights)[0] if names else None

    def op(self):
        getattr(self, self.r.choice([m for m in dir(self) if m.startswith("make_")]))()

    def make_elementwise(self):
        a = self.pick()
        b = self.pick(lambda s: s == self.values[a])
        v = self.binary(self.r.choice(["arith.addf", "arith.mulf", "arith.subf", "arith.maximumf"]), a, b)
        if self.r.random() < 0.5:
            self.unary("math.tanh", v)

    make_elementwise2 = make_elementwise

    def make_unary(self):
        self.unary(self.r.choice(["math.tanh", "math.sin", "arith.negf", "math.exp2"]), self.unary("math.sin", self.pick()))

    def make_relu(self):
        a = self.pick()
        shape = self.values[a]
        for _ in range(2):  # forward, then a mask from the operand as backward passes have it
            zero = self.constant(0.0, shape)
            c = self.emit(f"arith.cmpf ugt, {a}, {zero} : {self.type(shape)}", shape, "i1")
            b = self.pick(lambda s: s == shape)
            self.emit(f"arith.select {c}, {b if _ else a}, {zero} : {self.type(shape, 'i1')}, {self.type(shape)}", shape)

    def make_bias(self):
        a = self.pick(lambda s: len(s) >= 1)
        shape = self.values[a]
        i = self.r.randrange(len(shape))
        b = self.pick(lambda s: s == (shape[i],)) or self.reduce("max", a, [d for d in range(len(shape)) if d != i])
        self.binary("arith.addf", a, self.broadcast(b, [i], shape))

    def make_softmax(self):
        a = self.pick(lambda s: len(s) >= 2)
        shape, k = self.values[a], self.r.randint(1, len(self.values[a]) - 1)
        rows, dims = list(range(k)), list(range(k, len(shape)))
        e = self.unary("math.exp", self.binary("arith.subf", a, self.broadcast(self.reduce("max", a, dims), rows, shape)))
        self.binary("arith.divf", e, self.broadcast(self.reduce("sum", e, dims), rows, shape))

    def make_reduce(self):
        a = self.pick(lambda s: len(s) >= 1)
        rank = len(self.values[a])
        dims = sorted(self.r.sample(range(rank), self.r.randint(1, rank)))
        self.unary("math.tanh", self.reduce(self.r.choice(["sum", "max", "min"]), a, dims))

    make_reduce2 = make_reduce

    def make_transpose(self):
        a = self.pick(lambda s: len(s) >= 2)
        perm = list(range(len(self.values[a])))
        self.r.shuffle(perm)
        shape = [self.values[a][p] for p in perm]
        self.emit(f"llcc.transpose {a} perm {perm} : {self.type(self.values[a])} -> {self.type(shape)}", shape)

    def make_reshape(self):
        a = self.pick(lambda s: len(s) >= 2)
        s = self.values[a]
        self.reshape(a, self.r.choice([(s[0] * s[1],) + s[2:], s[:1] + (1,) + s[1:], s[:-2] + (s[-2] * s[-1],)]))

    def make_slice(self):
        a = self.pick(lambda s: len(s) >= 1 and s[-1] >= 3)
        if a:
            s = self.values[a]
            starts, strides = [0] * len(s), [1] * len(s)
            starts[-1], n = self.r.randint(0, 1), s[-1] - 1
            shape = s[:-1] + (n,)
            self.emit(f"llcc.slice {a} starts {starts} strides {strides} : {self.type(s)} -> {self.type(shape)}", shape)

    def make_pad(self):
        a = self.pick(lambda s: len(s) >= 1)
        s = self.values[a]
        lo, hi, inner = ([self.r.randint(0, 1) for _ in s] for _ in range(3))
        shape = [l + n + (n - 1) * i + h for l, n, i, h in zip(lo, s, inner, hi)]
        if max(shape) < 20:
            self.emit(f"llcc.pad {a} lo {lo} hi {hi} interior {inner} : {self.type(s)} -> {self.type(shape)}", shape)

    def make_concat(self):
        a = self.pick(lambda s: len(s) >= 1)
        s = self.values[a]
        xs = [self.pick(lambda t: t == s) for _ in range(self.r.choice([2, 3, 20]))]
        d = self.r.randrange(len(s))
        shape = s[:d] + (s[d] * len(xs),) + s[d + 1:]
        v = self.emit(f"llcc.concat {', '.join(xs)} dim {d} : {', '.join([self.type(s)] * len(xs))} -> {self.type(shape)}", shape)
        self.reduce("sum", v, [d])

    def make_gather(self):
        a = self.pick(lambda s: len(s) >= 1)
        s = self.values[a]
        axis = self.r.randrange(len(s))
        n = self.r.randint(1, 4)
        i = self.emit(f"llcc.iota dim 0 : {self.type((n,), 'i64')}", (n,), "i64")
        shape = s[:axis] + (n,) + s[axis + 1:]
        g = self.emit(f"llcc.gather {a}, {i} axis {axis} : {self.type(s)}, {self.type((n,), 'i64')} -> {self.type(shape)}", shape)
        self.emit(f"llcc.scatter_add {g}, {i} axis {axis} : {self.type(shape)}, {self.type((n,), 'i64')} -> {self.type(s[:axis] + (6,) + s[axis + 1:])}",
                  s[:axis] + (6,) + s[axis + 1:])

    def make_dot(self):
        a = self.pick(lambda s: len(s) in (2, 3))
        s = self.values[a]
        k = self.r.randrange(len(s))
        b = self.pick(lambda t: len(t) == 2 and s[k] in t) or a
        t = self.values[b]
        if s[k] not in t:
            return
        j = self.r.choice([i for i, n in enumerate(t) if n == s[k]])
        shape = s[:k] + s[k + 1:] + t[:j] + t[j + 1:]
        v = self.emit(f"llcc.dot {a}, {b} batch [] x [] contract [{k}] x [{j}] : {self.type(s)}, {self.type(t)} -> {self.type(shape)}", shape)
        self.unary("math.sin", v)

    make_dot2 = make_dot

    def make_attention(self):
        q = self.pick(lambda s: len(s) == 3 and s[2] % 2 == 0)
        if not q:
            return
        b, t, c = self.values[q]
        h = self.reshape(q, (b, t, 2, c // 2))
        perm = [0, 2, 1, 3]
        shape = (b, 2, t, c // 2)
        m = self.emit(f"llcc.transpose {h} perm {perm} : {self.type(self.values[h])} -> {self.type(shape)}", shape)
        s = self.emit(f"llcc.dot {m}, {m} batch [0, 1] x [0, 1] contract [3] x [3] : {self.type(shape)}, {self.type(shape)} -> {self.type((b, 2, t, t))}",
                      (b, 2, t, t))
        o = self.emit(f"llcc.dot {s}, {m} batch [0, 1] x [0, 1] contract [3] x [2] : {self.type((b, 2, t, t))}, {self.type(shape)} -> {self.type(shape)}", shape)
        w = self.emit(f"llcc.transpose {o} perm {perm} : {self.type(shape)} -> {self.type((b, t, 2, c // 2))}", (b, t, 2, c // 2))
        self.unary("math.sin", self.reshape(w, (b, t, c)))

    def make_pool(self):
        a = self.pick(lambda s: len(s) == 4 and s[2] >= 2 and s[3] >= 2)
        if a:
            s = self.values[a]
            shape = s[:2] + ((s[2] - 2) // 2 + 1, (s[3] - 2) // 2 + 1)
            window = "{window = array<i64: 2, 2>, strides = array<i64: 2, 2>, pads_lo = array<i64: 0, 0>, pads_hi = array<i64: 0, 0>, dilations = array<i64: 1, 1>}"
            y = self.emit(f"llcc.max_pool {a} {window} : {self.type(s)} -> {self.type(shape)}", shape)
            self.emit(f"llcc.max_pool_grad {a}, {self.unary('math.sin', y)} {window} : {self.type(s)}, {self.type(shape)} -> {self.type(s)}", s)

    def make_conv(self):
        a = self.pick(lambda s: len(s) == 4 and s[2] >= 2 and s[3] >= 2)
        w = self.pick(lambda s: len(s) == 2)
        if a:
            s, c = self.values[a], self.values[w]
            k = self.broadcast(self.reduce("max", w, [0, 1]), [], (3, s[1], 2, 2))
            shape = (s[0], 3, s[2] - 1, s[3] - 1)
            attrs = "{groups = 1 : i64, strides = array<i64: 1, 1>, pads_lo = array<i64: 0, 0>, pads_hi = array<i64: 0, 0>, dilations = array<i64: 1, 1>}"
            y = self.emit(f"llcc.conv {a}, {k} {attrs} : {self.type(s)}, {self.type(self.values[k])} -> {self.type(shape)}", shape)
            self.unary("math.sin", y)

    def make_all_reduce(self):
        xs = [self.pick() for _ in range(self.r.randint(1, 3))]
        types = ", ".join(self.type(self.values[x]) for x in xs)
        if len(xs) == 1:
            self.emit(f"llcc.all_reduce <max> {xs[0]} over [\"data\"] : {types} -> {types}", self.values[xs[0]])
            return
        name = f"%v{self.count}"
        self.count += 1
        self.lines.append(f"{name}:{len(xs)} = llcc.all_reduce <max> {', '.join(xs)} over [\"data\"] : {types} -> {types}")
        for i, x in enumerate(xs):
            self.values[f"{name}#{i}"] = self.values[x]

    def make_scatter_gather(self):
        a = self.pick(lambda s: len(s) >= 1 and s[0] % DEVICES == 0)
        if a:
            s = self.values[a]
            part = (s[0] // DEVICES,) + s[1:]
            p = self.emit(f"llcc.reduce_scatter <max> {a} dim 0 over [\"data\"] : {self.type(s)} -> {self.type(part)}", part)
            q = self.unary("math.sin", p)
            self.emit(f"llcc.all_gather {q} dim 0 size {s[0]} over [\"data\"] : {self.type(part)} -> {self.type(s)}", s)

    def make_capture(self):
        a = self.pick()
        self.lines.append(f"llcc.capture \"gradient\" \"c{len(self.lines)}\" {a} : {self.type(self.values[a])}")

    def finish(self):
        self.results = []
        self.values["%lr"] = ()
        for p, shape in self.params.items():
            g = self.pick(lambda s: s == shape) if self.r.random() < 0.9 else p
            if g != p and self.r.random() < 0.15:
                self.results.append(g)  # handed on unchanged, perhaps from another parameter
                continue
            new = self.binary("arith.subf", p, self.binary("arith.mulf", self.broadcast("%lr", [], shape), g))
            if self.r.random() < 0.4:  # the old value is read after the new one is there
                self.lines.append(f"llcc.capture \"gradient\" \"old{p[1:]}\" {self.binary('arith.mulf', p, new)} : {self.type(shape)}")
            if self.r.random() < 0.3:  # ...by a library call
                dims, t = list(range(len(shape))), self.type(shape)
                self.emit(f"llcc.dot {p}, {new} batch [] x [] contract {dims} x {dims} : {t}, {t} -> tensor<f32>", ())
            self.results.append(new)
        live = [self.pick() for _ in range(self.r.randint(1, 12))]
        for i, v in enumerate(live):
            self.lines.append(f"llcc.capture \"loss\" \"l{i}\" {v} : {self.type(self.values[v])}")

    def text(self, executable):
        arguments = {**{n: (s, f'llcc.input = "{n[1:]}", llcc.batched') for n, s in self.inputs.items()},
                     **{n: (s, f'llcc.param = "{n[1:]}", llcc.trainable') for n, s in self.params.items()}, "%lr": ((), 'llcc.scalar = "lr"')}
        types = [self.type(s) for s in self.params.values()]
        ret = f"return {', '.join(self.results)} : {', '.join(types)}"
        module = f'module attributes {{llcc.mesh = #llcc.mesh<["data"], [{DEVICES}]>}} {{\n'
        if not executable:
            head = ", ".join(f"{n}: {self.type(s)} {{{a}}}" for n, (s, a) in arguments.items())
            tail = ", ".join(f'{t} {{llcc.param = "{n[1:]}"}}' for n, t in zip(self.params, types))
            return module + f"func.func @step_stage0({head}) -> ({tail}) {{\n" + "\n".join(self.lines) + f"\n{ret}\n}}\n}}\n"
        # Without arguments: made from iota, opaque to fusing behind a dot.
        make = []
        for i, (n, (s, _)) in enumerate(arguments.items()):
            count = 1
            for d in s:
                count *= d
            t, m = self.type((count,)), self.type((count, 1))
            j = n[1:]
            make += [f"%i{j} = llcc.iota dim 0 : {self.type((count,), 'i64')}", f"%f{j} = arith.sitofp %i{j} : {self.type((count,), 'i64')} to {t}",
                     f"%s{j} = arith.constant dense<{0.7 + i}> : {t}", f"%m{j} = arith.mulf %f{j}, %s{j} : {t}", f"%a{j} = arith.addf %m{j}, %s{j} : {t}",
                     f"%z{j} = math.sin %a{j} : {t}", f"%r{j} = llcc.reshape %z{j} : {t} -> {m}", f"%o{j} = arith.constant dense<0.5> : {self.type((1, 1))}",
                     f"%d{j} = llcc.dot %r{j}, %o{j} batch [] x [] contract [1] x [0] : {m}, {self.type((1, 1))} -> {m}",
                     f"{n} = llcc.reshape %d{j} : {m} -> {self.type(s)}"]
        return module + f"func.func @main() -> ({', '.join(types)}) {{\n" + "\n".join(make + self.lines) + f"\n{ret}\n}}\n}}\n"


def run(command, text):
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{done.stderr[:1000]}")
    return done.stdout


def numbers(text):
    """Lines in any order (captures may move), each as its label and numbers."""
    result = {}
    for line in text.splitlines():
        label, _, values = line.partition(": ")
        result[label] = [float(x) for x in re.findall(r"-?(?:nan|inf|\d+\.?\d*(?:e[+-]?\d+)?)", values.split("=")[-1])]
    return result


def near(a, b):
    return a == b or a != a and b != b or abs(a - b) <= 1e-6 * max(1, abs(a), abs(b))


def symbols_of_function(text):
    """What the fused function captures and returns, as terms over arguments."""
    head, body = re.search(r"func.func @step_stage0\((.*?)\) -> .*?\{\n(.*?)\n  \}", text, re.S).groups()
    value = {n: ("arg", name) for n, name in re.findall(r"(%arg\d+): tensor<[^>]*> \{[^}]*?llcc\.(?:input|param|scalar) = \"(\w+)\"", head)}
    shown = {}
    for line in body.splitlines():
        line = line.strip()
        if m := re.match(r"return (.*?) :", line):
            return shown, [value[v] for v in m[1].split(", ")]
        if m := re.match(r'llcc.capture "\w+" "(\w+)" (%[\w#]+)', line):
            shown[m[1]] = value[m[2]]
            continue
        m = re.match(r"(%\w+)(?::(\d+))? = (call @\w+|llcc\.\w+)(.*?) : ", line)
        operands = [value[v] for v in re.findall(r"%[\w#]+", m[4])]
        if m[3] == "llcc.reshape":
            value[m[1]] = operands[0]
            continue
        name = {"dot": "Matmul", "conv": "Conv", "all_reduce": "AllReduce", "all_gather": "AllGather", "reduce_scatter": "ReduceScatter"}.get(m[3][5:], m[3][5:])
        term = lambda i: hash((name, tuple(operands), i))
        if m[2]:
            value.update({f"{m[1]}#{i}": term(i) for i in range(int(m[2]))})
        else:
            value[m[1]] = term(0)


def symbols_of_program(text):
    """The same from the program, by running it on an arena of terms."""
    sizes = {"f32": 4, "i64": 8, "i1": 1, "f64": 8}
    arena, buffers, params, shown = {}, {}, {}, {}

    def lines(buffer):
        return range(buffer["at"] // 64, (buffer["at"] + max(buffer["bytes"], 1) - 1) // 64 + 1)

    def write(buffer, term):
        for i, line in enumerate(lines(buffer)):
            arena[line] = (term, i)

    def read(buffer):
        terms = {arena.get(line, (None,))[0] if arena.get(line, (None, None))[1] == i else "torn" for i, line in enumerate(lines(buffer))}
        if len(terms) != 1:
            raise RuntimeError(f"buffer at {buffer['at']} is torn: {terms}")
        return terms.pop()

    for line in text.splitlines():
        if m := re.match(r'\s*(%\w+) = llcc.buffer "(\w+)" "(\w*)" at (\d+).*: memref<(.*)>', line):
            *dims, element = m[5].split("x")
            bytes = sizes[element]
            for d in dims:
                bytes *= int(d)
            buffers[m[1]] = {"at": int(m[4]), "bytes": bytes, "name": m[3]}
            if m[2] == "param":
                write(buffers[m[1]], ("arg", m[3]))
                params[m[3]] = buffers[m[1]]
        elif m := re.match(r'\s*llcc.exec "(\w+)" (?:@(\w+) )?ins\((.*?)\) outs\((.*?)\) stream', line):
            ins, outs = ([buffers[v] for v in re.findall(r"%\w+", part.split(" :")[0])] for part in (m[3], m[4]))
            op, terms = m[1], tuple(read(b) for b in ins)
            if op in ("Feed", "FeedScalar"):
                write(outs[0], ("arg", outs[0]["name"]))
            elif op == "Copy":
                write(outs[0], terms[0])
            elif op == "Capture":
                shown[re.search(r'name = "(\w+)"', line)[1]] = terms[0]
            else:
                name = "@" + m[2] if op == "Launch" else op
                for i, out in enumerate(outs):
                    write(out, hash((name, terms, i)))
    return shown, {name: read(buffer) for name, buffer in params.items()}


def check(seed):
    step = Step(seed)
    plain, fused = step.text(True), run(["llcc-opt", "--llcc-fuse-kernels"], step.text(True))
    interpret = ["llcc-interpret", "--devices", "--exact", "-"]
    want, have = numbers(run(interpret, plain)), numbers(run(interpret, fused))
    if want.keys() != have.keys():
        raise RuntimeError(f"shows {sorted(have)}, needs {sorted(want)}")
    for label in want:
        if len(want[label]) != len(have[label]) or not all(map(near, want[label], have[label])):
            raise RuntimeError(f"{label}: fused {have[label]}, needs {want[label]}")
    fused = run(["llcc-opt", "--llcc-fuse-kernels"], step.text(False))
    planned = run(["llcc-opt", "--llcc-plan-memory", "--llcc-verify-lower", "--llcc-convert-kernels-to-loops", "--llcc-verify-lower"], fused)
    shown, results = symbols_of_function(fused)
    ran, params = symbols_of_program(planned)
    if shown != ran:
        raise RuntimeError(f"captures differ: {[n for n in shown if shown[n] != ran.get(n)]}")
    wrong = [n for n, term in zip(step.params, results) if params[n[1:]] != term]
    if wrong:
        raise RuntimeError(f"parameters differ: {wrong}")
    return len(step.lines), fused.count("call @"), planned.count('"Copy"')


if __name__ == "__main__":
    first, last = int(sys.argv[1]), int(sys.argv[2])
    ops = calls = copies = 0
    for seed in range(first, last):
        try:
            o, c, k = check(seed)
        except Exception as error:
            print(f"seed {seed}: {error}")
            sys.exit(1)
        ops, calls, copies = ops + o, calls + c, copies + k
    print(f"{last - first} steps: {ops} ops in {calls} launches, {copies} copies")
