"""Every strategy on every model of the oracle, in the real runtime, against the losses and gradients that PyTorch recorded.

usage: matrix.py CHECK.py LLCC [--all] [--row=GLOB…] [--jobs=1]     CHECK.py: ../shared/oracle/check.py
Without --all each row runs a few cases, chosen so that together they meet each row and each kind of model once. A row is a name, flags and what its
cases are; a refusal that is meant stands in REFUSED, with words that its message must have. Exit status 1 where anything else fails.
"""
import argparse, fnmatch, os, subprocess, sys

TRANSFORMERS = ["gpt2", "gpt2-fresh", "gpt-legacy", "gpt-legacy-training", "llama", "bert-classifier", "vit-mnist", "t5", "moe"]
PICTURES = ["lenet-mnist", "resnet-mnist-eval-export", "resnet-mnist-folded", "resnet-mnist-training", "unet", "vit-mnist"]
MLPS = ["mlp-mnist", "mlp-mnist-legacy", "mlp-mnist-opset11"]
ALL = TRANSFORMERS + MLPS + ["lenet-mnist", "lstm", "multilabel-bce", "regression-mse", "resnet-mnist-eval-export", "resnet-mnist-folded",
                             "resnet-mnist-training", "unet"]
TABLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../devices/inputs/own.csv")  # both ways mixed, two stages
ROWS = [  # name, flags, all cases, cases of the short run
    ("data-3", "--strategy=data --devices=3", ALL, ["gpt2", "unet"]),
    ("tensor-2", "--strategy=tensor --devices=2", ALL, ["llama"]),
    ("tensor-3", "--strategy=tensor --devices=3", ALL, ["t5"]),
    ("sequence-4", "--strategy=tensor --devices=4 --sequence-parallel", ALL, ["gpt2", "vit-mnist", "mlp-mnist"]),
    ("zero-1", "--strategy=data --devices=4 --zero=1", ALL, ["lenet-mnist"]),
    ("zero-2", "--strategy=data --devices=4 --zero=2", ALL, ["bert-classifier"]),
    ("zero-3", "--strategy=data --devices=4 --zero=3", ALL, ["gpt2-fresh", "resnet-mnist-folded"]),
    ("gpipe-2", "--strategy=pipeline --devices=2 --schedule=gpipe", ALL, ["lstm"]),
    ("1f1b-2", "--strategy=pipeline --devices=2 --schedule=1f1b", ALL, ["resnet-mnist-training"]),
    ("zero-bubble-2", "--strategy=pipeline --devices=2 --schedule=zb-h1", ALL, ["gpt2"]),
    ("interleaved-2x2", "--strategy=pipeline --devices=2 --schedule=interleaved --chunks=2", ALL, ["bert-classifier"]),
    ("csv-2", f"--strategy=pipeline --devices=2 --microbatches=2 --schedule={TABLE}", ALL, ["t5"]),
    ("pipeline-3", "--strategy=pipeline --devices=3", ALL, ["multilabel-bce", "regression-mse"]),
    ("pipeline-4", "--strategy=pipeline --devices=4", ALL, ["gpt-legacy-training", "mlp-mnist-opset11"]),
    ("hybrid-8", "--mesh=data=2,tensor=2,pipeline=2", ALL, ["moe"]),
    ("hybrid-8-zero-3", "--mesh=data=2,tensor=2,pipeline=2 --zero=3", ALL, ["gpt-legacy"]),
    ("hybrid-8-sequence", "--mesh=data=2,tensor=2,pipeline=2 --zero=2 --sequence-parallel", TRANSFORMERS, ["llama"]),
    ("context-2", "--strategy=context --devices=2", TRANSFORMERS, ["gpt-legacy-training"]),
    ("context-3", "--strategy=context --devices=3", ALL, ["bert-classifier", "mlp-mnist"]),
    ("context-4", "--strategy=context --devices=4", TRANSFORMERS, ["vit-mnist"]),
    ("context-data", "--mesh=data=2,context=2 --zero=3", TRANSFORMERS, ["t5"]),
    ("context-tensor", "--mesh=context=2,tensor=3", TRANSFORMERS, ["gpt2"]),
    ("context-pipeline", "--mesh=context=2,pipeline=2", TRANSFORMERS, ["llama"]),
    ("spatial-2", "--strategy=spatial --devices=2", ALL, ["unet", "mlp-mnist"]),
    ("spatial-data", "--mesh=data=3,spatial=2", PICTURES, ["resnet-mnist-training"]),
    ("expert-2", "--strategy=expert --devices=2", ["moe", "mlp-mnist"], ["moe"]),
    ("expert-3", "--strategy=expert --devices=3", ["moe", "gpt2"], ["moe", "gpt2"]),
    ("expert-data", "--mesh=data=2,expert=2 --zero=2", ["moe"], []),
    ("expert-tensor", "--mesh=expert=2,tensor=2", ["moe"], []),
    ("expert-pipeline", "--mesh=pipeline=2,expert=2", ["moe"], []),
    ("hybrid-4", "--strategy=hybrid --devices=4", ALL, ["lenet-mnist"]),
    ("mlp-25", "--mesh=data=5,tensor=5", MLPS, ["mlp-mnist"]),
]
NO_TOKENS = "context parallelism cuts sequences of tokens over mesh axis 'context', the model has none"
NO_PICTURES = "spatial parallelism cuts pictures over mesh axis 'spatial', no input of the batch goes into a convolution"
REFUSED = {("context-3", case): NO_TOKENS for case in ALL if case not in TRANSFORMERS}  # (row, case): words of the message
REFUSED |= {("spatial-2", case): NO_PICTURES for case in ALL if case not in PICTURES}
REFUSED |= {(row, case): "mesh axis 'expert' finds no stack of experts" for row, case in (("expert-2", "mlp-mnist"), ("expert-3", "gpt2"))}
SMALL = ["mlp-mnist", "mlp-mnist-legacy", "mlp-mnist-opset11", "multilabel-bce", "regression-mse"]  # of three layers
REFUSED |= {(row, case): "nodes that can be cut, a pipeline of" for row in ("pipeline-4", "interleaved-2x2") for case in SMALL}
REFUSED[("csv-2", "t5")] = "exit 65"  # its batch is written into a Reshape: no microbatches (the last line that check.py shows is a warning)

parser = argparse.ArgumentParser()
parser.add_argument("check")
parser.add_argument("llcc")
parser.add_argument("--all", action="store_true")
parser.add_argument("--row", action="append", default=[])
parser.add_argument("--jobs", default="1")
args = parser.parse_args()

wrong = count = 0
for name, flags, every, few in ROWS:
    if args.row and not any(fnmatch.fnmatch(name, glob) for glob in args.row):
        continue
    cases = every if args.all else few
    if not cases:
        continue
    done = subprocess.run([sys.executable, args.check, "--llcc=" + args.llcc, "--jobs=" + args.jobs, "--extra=" + flags, *cases], capture_output=True, text=True)
    seen = 0
    for line in done.stdout.splitlines():
        verdict, *rest = line.split()
        if verdict not in ("ok", "FAIL"):
            continue
        seen += 1
        words = REFUSED.get((name, rest[0]))
        good = words in line if words else verdict == "ok"
        if not good:
            print(f"{name}: {line}", flush=True)
            wrong += 1
    if seen != len(cases):
        print(f"{name}: {len(cases) - seen} cases have no verdict: {done.stderr.strip()[-500:]}")
        wrong += 1
    count += seen
    print(f"{name}: {seen} cases", flush=True)
print(f"{count} runs, {wrong} wrong")
sys.exit(wrong != 0 or count == 0)
