"""check-trace.py TRACE.json PLAN.txt FIRST LAST [NODE] [--processes]: each device ran each instruction of its step program, as `inspect --full`
lists it, once in each of the steps FIRST to LAST, one after the other; NODE is one of the nodes."""
import json, re, sys

trace, plan, first, last = json.load(open(sys.argv[1], encoding="utf-8")), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
programs, listing = {}, None
for line in open(plan, encoding="utf-8"):
    if head := re.match(r"(\w+) program, stage (\d+)", line):
        listing = programs.setdefault(int(head[2]), []) if head[1] == "step" else None
    elif listing is not None and (instr := re.match(r" +(\d+) s\d+ (\w+) ", line)):
        assert int(instr[1]) == len(listing), line
        listing.append(instr[2])
events = [e for e in trace["traceEvents"] if e["ph"] == "X"]
meta = [e for e in trace["traceEvents"] if e["ph"] == "M"]
names = {e["pid"]: e["args"]["name"] for e in meta if e["name"] == "process_name"}
processes = "--processes" in sys.argv
if processes:
    sys.argv.remove("--processes")
assert programs and set(names) == set(programs), names
assert all(re.fullmatch(rf"rank {d} \(host .+, pid \d+\)" if processes else f"device {d}", name) for d, name in names.items()), names
assert {(e["pid"], e["tid"]): e["args"]["name"] for e in meta if e["name"] == "thread_name"} == {(d, s): n for d in programs for s, n in enumerate(("compute", "communication"))}
assert {e["pid"] for e in events} == set(programs)
moves = ("all_reduce", "all_gather", "reduce_scatter", "all_to_all", "send", "recv")
assert all(e["cat"] in moves for e in events if e["tid"] == 1) and any(e["tid"] == 1 for e in events) == (len(programs) > 1)
for device, ops in programs.items():
    mine = [e for e in events if e["pid"] == device]
    got = [(e["args"]["step"], e["args"]["instruction"], e["cat"]) for e in mine]
    want = [(step, i, op) for step in range(first, last + 1) for i, op in enumerate(ops)]
    assert got == want, (device, got[:3], want[:3], len(got), len(want))
    for a, b in zip(mine, mine[1:]):  # 0.002: three digits are printed
        assert a["dur"] >= 0 and a["ts"] + a["dur"] <= b["ts"] + 0.002, (a, b)
    assert all("kernel" in e["args"] for e in mine if e["cat"] == "launch")
assert any("node" in e["args"] for e in events if e["cat"] == "matmul")
if len(sys.argv) > 5:
    assert sys.argv[5] in {e["args"].get("node") for e in events}, {e["args"].get("node") for e in events}
