#!/usr/bin/env python3
"""Interrupts `llrun train m.llx --data=small.npz` in the current folder and looks at what is left.

usage: faults.py kill | interrupt | term | twice | full DEVICE-FOLDER
kill       kill -9 at 8 moments while a checkpoint is written each step: the folder always resumes, to the bits of a whole run
interrupt  one SIGINT: ends after the step with 130, checkpoint and --save written
term       one SIGTERM: the same with 75, as a scheduler may start it again
twice      a second SIGINT ends at once with 130
full       --checkpoint and --save on a full disk: 74 or 73, the older checkpoint stays whole, nothing half written
"""
import json, os, shutil, signal, subprocess, sys, time

TRAIN = ["llrun", "train", "m.llx", "--data=small.npz", "--seed=3"]


def start(*flags):
    return subprocess.Popen(TRAIN + list(flags), stderr=subprocess.PIPE, text=True)


def run(*flags):
    p = start(*flags)
    return p.returncode if p.wait() is None else p.wait(), p.stderr.read()


def check(good, text):
    if not good:
        sys.exit(f"faults.py {sys.argv[1]}: {text}")


def until(condition):
    end = time.time() + 30
    while not condition():
        check(time.time() < end, "nothing happened in 30 s")
        time.sleep(0.002)


def lines(path):
    return open(path).read().count("\n") if os.path.exists(path) else 0


if sys.argv[1] == "kill":
    code, text = run("--steps=300", "--save=whole.llx", "--quiet")
    check(code == 0, text)
    shutil.rmtree("k", ignore_errors=True)
    for i in range(8):
        p = start("--steps=300", "--checkpoint=k", "--checkpoint-every=1", "--resume=auto", "--metrics=k.jsonl", "--quiet")
        goal = lines("k.jsonl") + 3
        until(lambda: lines("k.jsonl") >= goal or p.poll() is not None)
        time.sleep(0.0013 * i)
        p.kill()
        p.wait()
        text = p.stderr.read()
        check("damaged" not in text and "warning" not in text, text)
        check(any(os.path.exists(f"k/{f}/manifest.json") for f in os.listdir("k") if ".tmp" not in f), f"nothing whole in {os.listdir('k')}")
    code, text = run("--steps=300", "--checkpoint=k", "--checkpoint-every=100", "--resume=auto", "--save=killed.llx", "--quiet")
    check(code == 0 and "resumed from k/step-" in text, text)
    check(open("whole.llx", "rb").read() == open("killed.llx", "rb").read(), "other bits than the whole run")
    check(not [f for f in os.listdir("k") if ".tmp" in f], f"left behind: {os.listdir('k')}")
elif sys.argv[1] in ("interrupt", "term"):
    shutil.rmtree("i", ignore_errors=True)
    if os.path.exists("i.jsonl"):
        os.remove("i.jsonl")
    p = start("--steps=100000000", "--checkpoint=i", "--save=i.onnx", "--metrics=i.jsonl")
    until(lambda: lines("i.jsonl") > 5)
    p.send_signal(signal.SIGINT if sys.argv[1] == "interrupt" else signal.SIGTERM)
    check(p.wait(30) == (130 if sys.argv[1] == "interrupt" else 75), f"exit code {p.returncode}")
    step = lines("i.jsonl")
    text = p.stderr.read()
    check(os.path.exists("i.onnx") and os.path.exists(f"i/step-{step:08}/manifest.json"), f"{os.listdir('i')} after step {step}")
    check(text.endswith(f"wrote i.onnx\ninterrupted after step {step}; go on with --resume=i/step-{step:08}\n"), text)
elif sys.argv[1] == "twice":
    p = start("--steps=100000000", "--metrics=t.jsonl")
    until(lambda: lines("t.jsonl") > 5)
    os.kill(p.pid, signal.SIGSTOP)  # both arrive before the step ends
    p.send_signal(signal.SIGINT)
    p.send_signal(signal.SIGTERM)
    os.kill(p.pid, signal.SIGCONT)
    check(p.wait(30) in (130, 143), f"exit code {p.returncode}")
    check("interrupted after" not in p.stderr.read(), "it went on after the second signal")
elif sys.argv[1] == "full":
    disk = sys.argv[2]
    code, text = run("--steps=2", f"--checkpoint={disk}/c", "--checkpoint-every=1", "--quiet")
    check(code == 0 and len(os.listdir(disk + "/c")) == 2, f"{code} {text}")
    before = {f: open(f"{disk}/c/step-00000002/{f}", "rb").read() for f in os.listdir(disk + "/c/step-00000002")}
    file = os.open(disk + "/fill", os.O_WRONLY | os.O_CREAT)
    try:
        while os.write(file, b"x" * 4096):
            pass
    except OSError:
        os.close(file)
    for flags, what in (([f"--checkpoint={disk}/c", "--resume=auto", "--steps=4"], f"{disk}/c/step-00000004"), ([f"--save={disk}/full.onnx", "--steps=1"], f"{disk}/full.onnx")):
        code, text = run("--quiet", *flags)
        last = text.splitlines()[-1]
        check(code in (73, 74) and last.startswith(f"llrun train: {what}") and ("No space left" in last or "disk is full" in last) and "free" in last, f"exit code {code}: {text}")
    check(sorted(os.listdir(disk)) == ["c", "fill"], f"left behind: {os.listdir(disk)}")
    check(sorted(os.listdir(disk + "/c")) == ["step-00000001", "step-00000002"], f"left behind: {os.listdir(disk + '/c')}")
    check(all(open(f"{disk}/c/step-00000002/{f}", "rb").read() == b for f, b in before.items()), "the older checkpoint changed")
else:
    sys.exit(__doc__)
