"""Random user placements on every argument of @gradients: the sharded step must compute what the single-device step does.

usage: random-placements.py FIRST COUNT OUTDIR MODEL.mlir...   (modules after the train stage; MESH stands for the mesh)
Prints each seed that fails, with its mesh; exits 1 if one does. The same seed gives the same placements.
"""
import os, random, re, subprocess, sys

PASSES = ["--llcc-propagate-sharding", "--llcc-insert-reshards", "--llcc-verify-placement", "--llcc-plan-reshards",
          "--llcc-verify-placement", "--llcc-convert-to-spmd", "--llcc-split-pipeline"]


def place(text, draw):
    """`text` with a mesh, and with `llcc.sharding` on six in ten arguments of @gradients."""
    axes = draw.choice([["data"], ["data", "tensor"], ["a", "b", "c"]])
    sizes = [draw.choice([2, 2, 3]) for _ in axes]
    mesh = "[" + ", ".join(f'"{a}"' for a in axes) + f"], {sizes}"
    whole = text.replace("MESH", mesh)

    def seed(match):
        shape = match.group(1).split("x")[:-1]
        rank = len(shape)
        if rank == 0 or draw.random() < 0.4:
            return match.group(0)
        dims = [[] for _ in range(rank)]
        for axis in draw.sample(axes, len(axes)):
            if draw.random() < 0.6:
                dim = draw.randrange(rank)
                # A cut dimension of size 1 looks whole to the comparison of captures, which goes by shapes.
                if shape[dim] != "1":
                    dims[dim].append(f'"{axis}"')
        lists = ", ".join("[" + ", ".join(d) + "]" for d in dims)
        return f"tensor<{match.group(1)}> {{llcc.sharding = #llcc.sharding<[{lists}]>, "

    begin = whole.index("func.func @gradients")
    end = whole.index("->", begin)
    return mesh, whole, whole[:begin] + re.sub(r"tensor<([0-9a-z]+)> \{", seed, whole[begin:end]) + whole[end:]


def main():
    first, count, out, models = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:]
    os.makedirs(out, exist_ok=True)
    failed = 0
    for seed in range(first, first + count):
        draw = random.Random(seed)
        model = draw.choice(models)
        mesh, whole, placed = place(open(model).read(), draw)
        paths = [os.path.join(out, f"{seed}.{name}.mlir") for name in ("whole", "placed", "step")]
        for path, text in zip(paths, (whole, placed)):
            open(path, "w").write(text)
        strategy = draw.choice(["--llcc-seed-sharding", "--llcc-seed-sharding=strategy=single"])
        for command in (["llcc-opt", strategy, *PASSES, paths[1], "-o", paths[2]],
                        ["llcc-interpret", f"--compare={paths[0]}", paths[2]]):
            run = subprocess.run(command, capture_output=True, text=True)
            if run.returncode or (command[0] == "llcc-interpret" and "agree" not in run.stdout):
                failed += 1
                print(f"seed {seed}, {os.path.basename(model)} on {mesh}: {' '.join(command)}: {(run.stdout + run.stderr)[:400]}")
                break
    print(f"{count} placements, {failed} wrong")
    return failed > 0


sys.exit(main())
