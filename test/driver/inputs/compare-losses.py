"""usage: compare-losses.py A.jsonl B.jsonl TOLERANCE      losses of all steps agree, relative"""
import json, sys

a, b = ([json.loads(line)["loss"] for line in open(p) if '"loss"' in line] for p in sys.argv[1:3])
worst = max(abs(p - q) / abs(q) for p, q in zip(a, b))
print(f"{len(a)} losses within {worst:.0e}")
sys.exit(not (len(a) == len(b) > 1 and worst <= float(sys.argv[3])))
