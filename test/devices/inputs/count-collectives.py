"""Counts the collectives of a step: reads what `llcc … --stop-after=shard` prints.

usage: count-collectives.py [--shape=4x12x16] < shard.mlir     a line for each op and axes: how many collectives, tensors, and bytes of the whole
tensors (the operand of a reduction, the result of a gather), as a ring sends (n-1)/n of them; with --shape only tensors of this local shape
(of the whole tensor), which tells activations from parameters
"""
import argparse, re, sys
from collections import Counter

parser = argparse.ArgumentParser()
parser.add_argument("--shape")
args = parser.parse_args()
widths = {"f32": 4, "f64": 8, "bf16": 2, "f16": 2, "i64": 8, "i32": 4, "i1": 1}


def size(text):
    *dims, element = text.split("x")
    n = widths[element]
    for dim in dims:
        n *= int(dim)
    return n


calls, tensors, moved = Counter(), Counter(), Counter()
for line in sys.stdin:
    m = re.search(r'llcc\.(all_reduce|reduce_scatter|all_gather|all_to_all) .*? over \[([^]]*)\].* : (.*?) -> (.*)', line)
    if not m:
        continue
    op, axes = m[1], m[2].replace('"', "").replace(", ", "*")
    whole = re.findall(r"tensor<([^>]*)>", m[4] if op == "all_gather" else m[3])
    if args.shape:
        whole = [t for t in whole if t.rsplit("x", 1)[0] == args.shape]
    if whole:
        calls[op, axes] += 1
        tensors[op, axes] += len(whole)
        moved[op, axes] += sum(map(size, whole))
for op, axes in sorted(calls):
    print(f"{op} over {axes}: {calls[op, axes]} collectives, {tensors[op, axes]} tensors, {moved[op, axes]} bytes")
