#!/usr/bin/env python3
"""Recomputation: same bits as without, less memory as planned, and --memory kept.

usage: check-recompute.py MODEL.onnx DATA.npz
"""
import re, subprocess, sys, tempfile

model, data = sys.argv[1:]


def run(*command, code=0):
    p = subprocess.run(command, capture_output=True, text=True)
    assert p.returncode == code, (command, p.returncode, p.stderr)
    return p


def lowered(*flags):
    """Arena and temporaries of each step program."""
    text = run("llcc", model, "--batch=8", "--stop-after=lower", *flags).stdout
    programs = re.findall(r"llcc\.program @step_stage\d+ \"step\" stage \d+ arena (\d+) attributes \{llcc\.memory = \{([^}]*)\}", text)
    assert programs, "no program in the lowered module"
    return [(int(arena), int(re.search(r"temporaries = (\d+)", memory)[1])) for arena, memory in programs]


def trained(*flags, mode="plan"):
    """What a run of two steps leaves: losses and all parameters."""
    with tempfile.TemporaryDirectory() as tmp:
        run("llcc", "train", model, f"--data={data}", "--batch=8", "--steps=2", "--no-shuffle", "--optimizer=adamw,lr=0.01", "--quiet", f"--deterministic={mode}",
            f"--metrics={tmp}/m.jsonl", f"--save={tmp}/p.safetensors", *flags)
        losses = re.findall(r'"loss":([^,}]*)', open(f"{tmp}/m.jsonl").read())
        return losses, open(f"{tmp}/p.safetensors", "rb").read()


none, blocks = lowered(), lowered("--recompute=blocks")
saved = 1 - blocks[0][1] / none[0][1]
print(f"temporaries: {none[0][1]} without, {blocks[0][1]} with blocks: {100 * saved:.0f} % less; arena {none[0][0]} and {blocks[0][0]}")
assert saved >= 0.4, "blocks save less than 40 % of activations"

reference = trained()
assert trained("--recompute=blocks") == reference, "blocks change bits"
assert trained("--recompute=blocks", mode="strategy") == trained(mode="strategy"), "blocks change bits where every strategy gives the same"
for flags in (["--strategy=pipeline", "--devices=2", "--microbatches=4"],
              ["--strategy=pipeline", "--devices=2", "--microbatches=4", "--schedule=interleaved"],
              ["--strategy=pipeline", "--devices=3", "--microbatches=4", "--schedule=zb-h1"],
              ["--strategy=data", "--devices=2"], ["--strategy=data", "--devices=2", "--zero=3"], ["--strategy=tensor", "--devices=2"],
              ["--strategy=tensor", "--devices=2", "--sequence-parallel"], ["--precision=bf16"]):
    plain, again = lowered(*flags), lowered("--recompute=blocks", *flags)
    assert all(b[1] < a[1] for a, b in zip(plain, again)), (flags, plain, again)
    assert trained("--recompute=blocks", *flags) == trained(*flags), f"{flags}: blocks change bits"

# auto: nothing where all fits; else the plan keeps what it is given, with as little as fits.
least = blocks[0][0]
assert lowered("--recompute=auto", f"--memory={none[0][0]}") == none, "recomputes though all fits"
before = none[0][0]
for share in (0.9, 0.5, 0.1):
    memory = int(least + share * (none[0][0] - least))
    flags = ["--recompute=auto", f"--memory={memory}"]
    arena = lowered(*flags)[0][0]
    assert least <= arena <= memory, (share, least, arena, memory)
    assert arena <= before
    before = arena
    assert trained(*flags) == reference, f"auto at {memory} changes bits"
    said = run("llcc", model, "--batch=8", "--explain", "-o", "/dev/null", *flags).stderr
    level, of = map(int, re.search(r"recompute: stage 0 computes (\d+) of (\d+) kinds of values again", said).groups())
    assert 0 < level < of, (level, of)
    print(f"auto, {memory} bytes: {arena}, level {level} of {of}")
print("ok")
