#!/usr/bin/env python3
"""Network namespaces as hosts: two of them joined by a pair of virtual links, two ranks in each; needs root.

usage: hosts.py ARTIFACT      in a folder with small.npz: four ranks train to the bytes of four threads; then the link is cut in the middle of a run:
                              both sides name ranks of the other within 10 s and end with 69
"""
import os, shutil, subprocess, sys, time

artifact = sys.argv[1]
os.environ["NO_PROGRESS"] = "1"
names = [f"llcc{os.getpid()}a", f"llcc{os.getpid()}b"]


def sh(*command):
    subprocess.run(command, check=True, capture_output=True)


def check(good, text):
    if not good:
        raise SystemExit(f"hosts.py: {text}")


def start(*flags):
    processes = []
    for rank in range(4):
        env = dict(os.environ, RANK=str(rank), WORLD_SIZE="4", MASTER_ADDR="10.77.0.1", MASTER_PORT="29500")
        command = ["ip", "netns", "exec", names[rank // 2], "llrun", "train", artifact, "--data=small.npz", *flags]
        processes.append(subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True))
    return processes


try:
    for i, name in enumerate(names):
        sh("ip", "netns", "add", name)
    # An interface's name has at most 15 bytes.
    links = [f"v{os.getpid()}{c}"[-15:] for c in "ab"]
    sh("ip", "link", "add", links[0], "type", "veth", "peer", "name", links[1])
    for i, name in enumerate(names):
        sh("ip", "link", "set", links[i], "netns", name)
        sh("ip", "-n", name, "addr", "add", f"10.77.0.{i + 1}/24", "dev", links[i])
        for link in (links[i], "lo"):
            sh("ip", "-n", name, "link", "set", link, "up")
    processes = start("--steps=7", "--save=hosts.onnx", "--quiet")
    results = [p.communicate(timeout=60)[1] for p in processes]
    check(all(p.returncode == 0 for p in processes), str(results))
    sh("llrun", "train", artifact, "--data=small.npz", "--steps=7", "--save=threads.onnx", "--quiet")
    check(open("hosts.onnx", "rb").read() == open("threads.onnx", "rb").read(), "other bytes than threads")
    print("two hosts, the same bytes")
    if os.path.exists("cut.jsonl"):
        os.remove("cut.jsonl")
    processes = start("--steps=100000000", "--metrics=cut.jsonl", "--quiet")
    end = time.time() + 60
    while not os.path.exists("cut.jsonl") or open("cut.jsonl").read().count("\n") < 4:
        check(time.time() < end, "no steps in 60 s")
        time.sleep(0.01)
    cut = time.time()
    sh("ip", "-n", names[1], "link", "set", links[1], "down")
    for rank, p in enumerate(processes):
        text = p.communicate(timeout=max(0.1, cut + 10 - time.time()))[1]
        named = [f"rank {r} (host" in text and "is gone: no sign of life for 8.0 s, it is stopped or cut off from the network" in text for r in ((2, 3) if rank < 2 else (0, 1))]
        check(p.returncode == 69 and any(named), f"rank {rank} ended with {p.returncode}: {text}")
    print("a cut link is named on both sides")
finally:
    for name in names:
        subprocess.run(["ip", "netns", "del", name], capture_output=True)
