#!/usr/bin/env python3
"""Checkpoints between meshes, in a folder with small.npz and digits.onnx.

usage: elastic.py pairs          a checkpoint of every mesh is loaded by every other: the weights arrive bit for bit, and three steps more end where
                                 a run of one device ends that was never interrupted (within 1e-5)
       elastic.py kills N        N processes, 15 times a random one is killed at a random moment: a whole checkpoint is always there, at most two steps
                                 old, and the run ends with the bits of one that was never killed
"""
import os, random, shutil, signal, subprocess, sys, time
import numpy as np
import onnx
from onnx import numpy_helper

os.environ["NO_PROGRESS"] = "1"
MESHES = {"single": (1, []), "data4": (4, ["--strategy=data", "--devices=4"]), "zero4": (4, ["--strategy=data", "--devices=4", "--zero=1"]),
          "tensor2": (2, ["--strategy=tensor", "--devices=2"]), "pipeline2": (2, ["--strategy=pipeline", "--devices=2", "--microbatches=2"]),
          "hybrid8": (8, ["--mesh=data=2,tensor=2,pipeline=2", "--microbatches=2"])}


def check(good, text):
    if not good:
        sys.exit(f"elastic.py {sys.argv[1]}: {text}")


def ranks(count, *flags):
    import socket
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    env = dict(os.environ, WORLD_SIZE=str(count), MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    return [subprocess.Popen(["llrun", "train", *flags], env=dict(env, RANK=str(r)), stderr=subprocess.PIPE, text=True) for r in range(count)]


def train(name, *flags, processes=False):
    command = [f"{name}.llx", "--data=small.npz", "--seed=3", "--quiet", *flags]
    if processes:
        running = ranks(MESHES[name][0], *command)
        texts = [p.communicate(timeout=120)[1] for p in running]
        check(all(p.returncode == 0 for p in running), f"{name}: {texts}")
    else:
        done = subprocess.run(["llrun", "train", *command], capture_output=True, text=True)
        check(done.returncode == 0, f"{name}: {done.stderr}")


def weights(path):
    return {t.name: numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer}


if sys.argv[1] == "pairs":
    for name, (_, flags) in MESHES.items():
        subprocess.run(["llcc", "digits.onnx", "--batch=32", "--optimizer=adam,lr=0.003", *flags, "-o", f"{name}.llx"], check=True, capture_output=True)
        shutil.rmtree(f"of-{name}", ignore_errors=True)
        train(name, "--steps=6", f"--checkpoint=of-{name}", f"--save={name}.onnx", processes=name in ("zero4", "hybrid8"))
    train("single", "--steps=9", "--save=whole.onnx")
    whole, pairs, worst = weights("whole.onnx"), 0, 0.0
    for source in MESHES:
        for target in MESHES:
            # Half of the pairs change between threads and processes as well.
            processes = target != "single" and pairs % 2 == 1
            resume = f"--resume=of-{source}/step-00000006"
            train(target, resume, "--steps=6", "--save=loaded.onnx", processes=processes)
            check(open("loaded.onnx", "rb").read() == open(f"{source}.onnx", "rb").read(), f"{source} to {target}: the weights changed on the way")
            train(target, resume, "--steps=9", "--save=resumed.onnx", processes=processes)
            for name, value in weights("resumed.onnx").items():
                gap = float(np.max(np.abs(value - whole[name]))) if value.dtype.kind == "f" else 0.0
                worst = max(worst, gap)
                check(gap <= 1e-5, f"{source} to {target}: {name} is {gap} away from a run of one device")
            pairs += 1
    print(f"{pairs} ordered pairs, largest difference {worst:.1e}")
elif sys.argv[1] == "kills":
    count = int(sys.argv[2])
    MESHES["killed"] = (count, [])
    subprocess.run(["llcc", "digits.onnx", "--batch=32", "--optimizer=adam,lr=0.003", "--strategy=data", f"--devices={count}", "-o", "killed.llx"], check=True, capture_output=True)
    train("killed", "--steps=400", "--save=never.llx")
    shutil.rmtree("k", ignore_errors=True)
    lines = lambda: open("k.jsonl").read().count("\n") if os.path.exists("k.jsonl") else 0
    newest = lambda: max([int(f[5:]) for f in os.listdir("k") if ".tmp" not in f and os.path.exists(f"k/{f}/manifest.json")] or [0]) if os.path.isdir("k") else 0
    if os.path.exists("k.jsonl"):
        os.remove("k.jsonl")
    random.seed()
    worst = 0
    for turn in range(15):
        before, done = newest(), lines()
        running = ranks(count, "killed.llx", "--data=small.npz", "--seed=3", "--quiet", "--steps=400", "--checkpoint=k", "--checkpoint-every=2", "--resume", "--metrics=k.jsonl")
        end = time.time() + 60
        while lines() <= done and all(p.poll() is None for p in running) and time.time() < end:
            time.sleep(0.002)
        time.sleep(random.random() * 0.08)
        victim = random.randrange(count)
        running[victim].kill()
        texts = [p.communicate(timeout=20)[1] for p in running]
        check(all(p.returncode in (69, 0) for r, p in enumerate(running) if r != victim), f"{[p.returncode for p in running]} {texts}")
        check(not any("damaged" in t for t in texts), str(texts))
        after, steps = newest(), lines()
        worst = max(worst, steps - after)
        check(after >= before and after >= steps - 2, f"kill {turn}: step {steps} was done, the newest checkpoint is of step {after}")
    train("killed", "--steps=400", "--checkpoint=k", "--checkpoint-every=100", "--resume", "--save=k.llx", processes=True)
    check(open("never.llx", "rb").read() == open("k.llx", "rb").read(), "other bits than the run that was never killed")
    print(f"15 kills, at most {worst} steps lost, the same bits")
else:
    sys.exit(__doc__)
