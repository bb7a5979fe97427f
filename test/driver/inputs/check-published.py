#!/usr/bin/env python3
"""What pipelines and ZeRO-3 cost by the literature, in plans of eight equal layers tanh(x·W), no biases.

usage: check-published.py LLCC FOLDER
Messages of 2·b·h bytes in bf16 (b·s·h: here the rows of x) a boundary and microbatch, up and down; at most p - s microbatches alive on stage s with 1F1B and all of them with GPipe, in *planned*
memory; ZeRO-3 gathers two layers at most at a time; all-gathers and the reductions of gradients start while there is compute to hide them.
"""
import re, subprocess, sys
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

llcc, folder = sys.argv[1:]
LAYERS, WIDTH, ROWS = 8, 64, 16  # rows of a microbatch


def model(path):
    rng = np.random.default_rng(1)
    nodes, weights, x = [], [], "x"
    for i in range(LAYERS):
        weights.append(numpy_helper.from_array((rng.standard_normal((WIDTH, WIDTH)) / 8).astype(np.float32), f"w{i}"))
        nodes += [helper.make_node("MatMul", [x, f"w{i}"], [f"d{i}"], f"fc{i}"), helper.make_node("Tanh", [f"d{i}"], [f"h{i}"], f"act{i}")]
        x = f"h{i}"
    shape = ["batch", WIDTH]
    graph = helper.make_graph(nodes, "stack", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)], [helper.make_tensor_value_info(x, TensorProto.FLOAT, shape)], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def lowered(*flags, name="stack"):
    p = subprocess.run([llcc, f"{folder}/{name}.onnx", "--loss=mse", "--stop-after=lower", *flags], capture_output=True, text=True)
    assert p.returncode == 0, p.stderr
    return p.stdout


def temporaries(text):
    return [int(re.search(r"temporaries = (\d+)", m)[1]) for m in re.findall(r'llcc\.program @step_stage\d+ "step" stage \d+ arena \d+ attributes \{llcc\.memory = \{([^}]*)\}', text)]


def pipeline(schedule, microbatches, stages=4, *flags):
    return lowered("--strategy=pipeline", f"--devices={stages}", f"--schedule={schedule}", f"--microbatches={microbatches}", f"--batch={ROWS * microbatches}", *flags)


def equal(what, got, want):
    print(f"{what}: {got}, published {want}")
    assert got == want, what


model(f"{folder}/stack.onnx")

# A boundary and microbatch: one activation down, one gradient up.
for precision, width in (("bf16", 2), ("f32", 4)):
    for m in (4, 8):
        text = pipeline("1f1b", m, 4, f"--precision={precision}")
        sent = re.findall(r'llcc\.exec "Send" ins\([^:]*: memref<([^>]*)>', text)
        size = {"bf16": 2, "f32": 4}
        moved = sum(np.prod([int(d) for d in t.split("x")[:-1]]) * size[t.split("x")[-1]] for t in sent)
        equal(f"{precision}, {m} microbatches: bytes of messages", int(moved), 3 * m * 2 * width * ROWS * WIDTH)
        equal(f"{precision}, {m} microbatches: messages", len(sent), 3 * m * 2)

# What a microbatch keeps on a stage of two layers: what came in, both tanh, and the slope of the first, which is computed beside it.
early = {m: temporaries(pipeline("1f1b", m)) for m in (4, 5, 8)}
all_at_once = {m: temporaries(pipeline("gpipe", m)) for m in (7, 8)}
print("temporaries, 1f1b", early, "gpipe", all_at_once)
for s in (1, 2):  # stages 0 and 3 have the input and the loss beside
    kept = all_at_once[8][s] - all_at_once[7][s]
    assert 3 * 4 * ROWS * WIDTH <= kept <= 4 * 4 * ROWS * WIDTH, kept
    equal(f"1f1b, stage {s}: bytes of microbatches 5 to 8", early[8][s] - early[5][s], 0)
    # beside the microbatches: the sums of both gradients, and one that is to be added
    gradient = 4 * WIDTH * WIDTH
    equal(f"1f1b, stage {s}: microbatches in flight", (early[8][s] - 3 * gradient) / kept, 4 - s)
    equal(f"gpipe, stage {s}: microbatches in flight", (all_at_once[8][s] - 2 * gradient) / kept, 8)
equal("1f1b: stage 1 keeps one microbatch more than stage 2", early[8][1] - early[8][2], kept)


# ZeRO-3: instructions in list order; how many gathered weights are alive at each.
def instructions(text):
    program = text[text.index("llcc.program @step_stage0"):]
    program = program[:program.index("\n  }")]
    for op, ins, outs, stream, waits in re.findall(r'llcc\.exec "(\w+)"[^\n]*? ins\(([^)]*)\) outs\(([^)]*)\) stream (\d) waits \[([^\]]*)\]', program):
        names = [re.findall(r"%[\w#]+", side.split(":")[0]) for side in (ins, outs)]
        yield op, *names, int(stream), [int(w) for w in waits.split(",") if w.strip()]


text = lowered("--strategy=data", "--devices=2", "--zero=3", f"--batch={2 * ROWS}")
plan = list(instructions(text))
gathers = [(i, out) for i, (op, ins, outs, stream, waits) in enumerate(plan) if op == "AllGather" for out in outs]
# Forward all of them, backward all but the first: nobody asks for the gradient of x. With the reduction, 3Ψ less one layer.
equal("layers gathered in a step", len(gathers), 2 * LAYERS - 1)
scattered = sum(len(ins) for op, ins, *_ in plan if op == "ReduceScatter")
equal("gradients reduced in a step", scattered, LAYERS)
# An all-gather begins before the compute of the layer ahead of it: some matrix product stands between it and its reader; all but the first.
late = []
alive = []
for i, out in gathers:
    readers = [k for k, (op, ins, *_) in enumerate(plan) if k > i and out in ins]
    assert readers, out
    between = [k for k in range(i + 1, readers[0]) if plan[k][0] == "Matmul"]
    late.append(len(between))
    alive.append((i, readers[-1]))
print("products between a gather and its reader:", late)
assert late[0] == 0 and all(1 <= n <= 3 for n in late[1:]), late
most = max(sum(a <= k <= b for a, b in alive) for k in range(len(plan)))
equal("layers whole at a time", most, 2)


# Gradients of 72 MiB in buckets of 25: each reduction is issued where its last gradient is made, and nothing waits for any of them before the last product.
def reductions(kind, *flags):
    plan = list(instructions(lowered("--batch=4", *flags, name="wide")))
    products = [i for i, (op, *_) in enumerate(plan) if op == "Matmul"]
    reduces = [i for i, (op, ins, *_) in enumerate(plan) if op == kind and len(ins) > 1]  # not the loss
    waits = [i for i, (op, ins, outs, stream, waits) in enumerate(plan) if stream == 0 and any(w >= reduces[0] for w in waits)]
    behind = [sum(k > i for k in products) for i in reduces]
    print(f"{kind}: buckets at {reduces} of {len(plan)} instructions, products behind each {behind}; compute waits first at {waits[:1]}")
    equal(f"{kind}: buckets", len(reduces), 4)
    assert behind == sorted(behind, reverse=True) and behind[0] >= 10 and behind[2] >= 2, behind
    assert all(w > products[-1] for w in waits), "compute waits for a reduction while there is backward pass left"


WIDTH = 1536
model(f"{folder}/wide.onnx")
reductions("AllReduce", "--strategy=data", "--devices=2")
reductions("ReduceScatter", "--strategy=data", "--devices=2", "--zero=1")
print("ok")
