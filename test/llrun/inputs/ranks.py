#!/usr/bin/env python3
"""Runs `llrun train` as several processes in the current folder and looks at what they say and leave.

usage: ranks.py same N ARTIFACT [--mpi] [--trace]  N processes leave the bytes of one process with N threads: model, checkpoint, gradients, metrics
       ranks.py kill N ARTIFACT                kill -9 of a random rank at random moments: every other rank names it within 10 s and ends with 69
       ranks.py early N ARTIFACT               kill -9 of a random rank while ranks start: all others end with 69 within 15 s
       ranks.py disk N ARTIFACT FOLDER         rank 0 cannot write its checkpoint, the disk is full: all ranks say so
       ranks.py stop N ARTIFACT                SIGSTOP of a rank: named within --timeout and a heartbeat
       ranks.py stuck N ARTIFACT               a rank that is alive and does not move on (LLCC_FAULT=sleep) is named with its instruction
       ranks.py term N ARTIFACT [--mpi]        SIGTERM of one rank: all end with 75 after the same step, with a checkpoint
       ranks.py refused N ARTIFACT CASE        what is wrong at the start reaches every rank; prints the lines of all ranks
       ranks.py port N ARTIFACT                rank 0 finds its port taken
       ranks.py strangers N ARTIFACT           noise at the port of rank 0 does no harm
Exit status 1 with a sentence where it is not so.
"""
import os, random, re, shutil, signal, socket, subprocess, sys, threading, time

mode, count, artifact = sys.argv[1], int(sys.argv[2]), sys.argv[3]
mpi = "--mpi" in sys.argv
os.environ["NO_PROGRESS"] = "1"
for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "LLCC_JOB_TOKEN", "LLCC_FAULT"):
    os.environ.pop(name, None)


def check(good, text):
    if not good:
        sys.exit(f"ranks.py {mode}: {text}")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def start(flags, change=None, ranks=None, port=None, size=None):
    """`change(rank, flags, environment)` may differ a rank."""
    port = port or free_port()
    processes = []
    for rank in ranks if ranks is not None else range(count):
        own, env = list(flags), dict(os.environ, RANK=str(rank), WORLD_SIZE=str(size or count), MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
        if change:
            change(rank, own, env)
        processes.append(subprocess.Popen(["llrun", "train", artifact, *([] if any(f.startswith("--data") for f in own) else ["--data=small.npz"]), *own], env=env, stderr=subprocess.PIPE, text=True))
    return processes


def ends(processes, limit=60):
    """Exit codes and texts; a process that does not end fails the test."""
    result = []
    deadline = time.time() + limit
    for rank, p in enumerate(processes):
        try:
            text = p.communicate(timeout=max(0.1, deadline - time.time()))[1]
        except subprocess.TimeoutExpired:
            for q in processes:
                q.kill()
            check(False, f"process {rank} still runs after {limit} s")
        result.append((p.returncode, text.strip()))
    return result


def steps_done(path="metrics.jsonl"):
    return open(path).read().count("\n") if os.path.exists(path) else 0


def until(condition, what):
    end = time.time() + 60
    while not condition():
        check(time.time() < end, what + " did not happen in 60 s")
        time.sleep(0.005)


def running():
    """A long run that has done some steps."""
    if os.path.exists("metrics.jsonl"):
        os.remove("metrics.jsonl")
    processes = start(["--steps=100000000", "--metrics=metrics.jsonl", "--quiet", *running.flags], running.change)
    until(lambda: steps_done() > 3 or any(p.poll() is not None for p in processes), "training")
    return processes


running.flags, running.change = ["--timeout=5"], None

if mode == "same":
    def flags(name):
        for left in (f"{name}.onnx", f"{name}.jsonl", f"{name}.grad.safetensors"):
            if os.path.exists(left):
                os.remove(left)
        shutil.rmtree(name, ignore_errors=True)
        return ["--steps=7", "--seed=3", f"--save={name}.onnx", f"--metrics={name}.jsonl", f"--checkpoint={name}", f"--save-gradients={name}.grad.safetensors", "--eval=other.npz", *([f"--trace={name}.json"] if "--trace" in sys.argv else [])]
    one = subprocess.run(["llrun", "train", artifact, "--data=small.npz", *flags("one")], capture_output=True, text=True)
    check(one.returncode == 0, one.stderr)
    if mpi:
        many = subprocess.run(["mpirun", "--allow-run-as-root", "--oversubscribe", "-np", str(count), "llrun", "train", artifact, "--data=small.npz", *flags("many")], capture_output=True, text=True)
        check(many.returncode == 0, many.stderr)
        text = many.stderr
    else:
        results = ends(start(flags("many")))
        check(all(code == 0 for code, _ in results), str(results))
        check(all(not text for _, text in results[1:]), f"only rank 0 prints: {results}")
        text = results[0][1]
    check("a process each" in text and "a process each" not in one.stderr, text)
    shown = lambda t: re.findall(r"loss \S+", t)
    check(shown(text) == shown(one.stderr), text)
    state = lambda name: open(f"{name}/step-00000007/state.safetensors", "rb").read()
    check(state("one") == state("many"), "the checkpoints differ")
    for end in (".onnx", ".grad.safetensors"):
        check(open("one" + end, "rb").read() == open("many" + end, "rb").read(), f"one{end} and many{end} differ")
    metrics = lambda name: re.sub(r'"samples_per_s":[^,}]*', "", open(name + ".jsonl").read())
    check(metrics("one") == metrics("many"), metrics("one") + metrics("many"))
    print(f"{count} processes, the same bytes")
elif mode == "kill":
    for turn in range(4):
        processes = running()
        time.sleep(random.random() * 0.3)
        victim = random.randrange(count) if turn else 0
        processes[victim].kill()
        t0 = time.time()
        results = ends(processes, 10)
        for rank, (code, text) in enumerate(results):
            if rank != victim:
                check(code == 69 and f": rank {victim} (host {socket.gethostname()}, pid {processes[victim].pid}) is gone: its process has ended" in text, f"rank {rank} ended with {code}: {text}")
                check(text.count("\n") == 0, text)
    print(f"{count} processes, 4 kills: named by all others")
elif mode == "early":
    for turn in range(8):
        processes = start(["--steps=100000000", "--quiet", "--timeout=4"])
        time.sleep(random.random() * 0.5)
        victim = random.randrange(count)
        processes[victim].kill()
        for rank, (code, text) in enumerate(ends(processes, 15)):
            named = any(words in text for words in (f"rank {victim} (host", f"rank {victim} has not come", f"reached rank {victim} at", f"no rank {victim} of this job", "has not come to", "while ranks were gathering"))
            check(rank == victim or (code == 69 and named), f"rank {rank} ended with {code}, rank {victim} was killed: {text}")
    print("8 kills while ranks start: all others end and say so")
elif mode == "disk":
    disk = sys.argv[4]
    with open(disk + "/fill", "wb", 0) as file:
        try:
            while file.write(b"x" * 4096):
                pass
        except OSError:
            pass
    results = ends(start(["--steps=3", "--quiet", f"--checkpoint={disk}/c"]), 30)
    check(all(code == results[0][0] and code in (73, 74) for code, _ in results), str(results))
    check(f"{disk}/c" in results[0][1] and all(results[0][1].split("]: ", 1)[1] in text and " rank 0 (host " in text and ") failed: " in text for _, text in results[1:]), str(results))
    print("a full disk of rank 0 is said by all")
elif mode == "stop":
    running.flags = ["--timeout=2"]
    processes = running()
    victim = processes[1]
    victim.send_signal(signal.SIGSTOP)
    results = ends(processes[:1] + processes[2:], 10)
    for code, text in results:
        check(code == 69 and f": rank 1 (host {socket.gethostname()}, pid {victim.pid}) is gone: no sign of life for 2.0 s, it is stopped or cut off from the network" in text, text)
    victim.send_signal(signal.SIGCONT)
    (code, text), = ends([victim], 10)
    check(code == 69 and "rank 1" in text, f"the stopped rank, woken, ended with {code}: {text}")
    print("a stopped rank is named by all others")
elif mode == "stuck":
    running.flags = ["--timeout=2"]
    running.change = lambda rank, flags, env: env.update(LLCC_FAULT="sleep:600000ms@device1:step5")
    processes = running()
    results = ends(processes[:1] + processes[2:], 20)
    for code, text in results:
        check(code == 69 and f"step 5: rank 1 (host {socket.gethostname()}, pid {processes[1].pid}) has stood still for 2.0 s at instruction 0 (" in text and "; all others wait for it" in text, text)
    (code, text), = ends([processes[1]], 10)
    check(code == 69, f"the rank that stood still ended with {code}: {text}")
    print("a rank that stands still is named with its instruction")
elif mode == "term":
    shutil.rmtree("t", ignore_errors=True)
    running.flags = ["--checkpoint=t", "--checkpoint-every=1000000"]
    processes = running()
    processes[-1].send_signal(signal.SIGTERM)
    results = ends(processes, 30)
    check(all(code == 75 for code, _ in results), str(results))
    text = results[0][1]
    step = int(re.search(r"interrupted after step (\d+); go on with --resume=t/step-", text)[1])
    check(os.listdir("t") == [f"step-{step:08}"], f"{text}: {os.listdir('t')}")
    check(steps_done() == step, f"{steps_done()} lines of metrics, {step} steps")
    results = ends(start([f"--steps={step + 3}", "--checkpoint=t", "--resume", "--quiet"]))
    check(all(code == 0 for code, _ in results) and f"step {step}" in results[0][1], str(results))
    print("SIGTERM of one rank ends all with 75 and a checkpoint")
elif mode == "refused":
    case = sys.argv[4]
    flags, change, ranks, size = ["--steps=3", "--quiet"], None, None, None

    def only(rank, *more):
        def change(r, own, env):
            if r == rank:
                own += more
        return change
    if case == "seed":
        change = only(1, "--seed=5")
    elif case == "data":
        change = only(1, "--data=other.npz")
    elif case == "no-data":
        change = only(1, "--data=nope.npz")
    elif case == "missing":
        ranks, flags = [0, 1], flags + ["--timeout=1"]
    elif case == "no-root":
        ranks, flags = [1], flags + ["--timeout=1"]
    elif case == "twice":
        ranks = [0, 1, 1] + list(range(3, count))
        flags += ["--timeout=5"]
    elif case == "size":
        flags += ["--timeout=5"]  # a rank that comes after rank 0 has given up waits for it
        def change(r, own, env):
            if r == 1:
                env["WORLD_SIZE"] = str(count + 1)
    elif case == "too-few":
        size, ranks = count - 1, range(count - 1)
    elif case == "token":
        def change(r, own, env):
            env["LLCC_JOB_TOKEN"] = "a" if r else "b"
            own.append("--timeout=2")
    elif case == "token-long":
        ranks = [0]
        change = lambda r, own, env: env.update(LLCC_JOB_TOKEN="x" * 65)
    elif case == "rank":
        ranks = [count]
    elif case == "no-size":
        ranks = [0]
        change = lambda r, own, env: (env.pop("WORLD_SIZE"), own.append("--network=tcp"))
    elif case == "no-address":
        ranks = [0]
        change = lambda r, own, env: env.pop("MASTER_ADDR")
    elif case == "address":
        ranks = [0]
        change = lambda r, own, env: env.update(MASTER_ADDR="no-such-host.invalid")
    elif case == "not-here":
        ranks = [0]
        change = lambda r, own, env: env.update(MASTER_ADDR="192.0.2.1")
    elif case == "full":
        flags = ["--steps=3", "--quiet", "--save=/dev/full/x.onnx"]
    else:
        sys.exit(f"ranks.py: no case {case}")
    port = free_port()
    for code, text in ends(start(flags, change, ranks, port, size)):
        print(code, re.sub(r"\(host [^,]*, pid \d+\)", "(host H, pid P)", text).replace(str(port), "PORT").replace(socket.gethostname(), "H"))
elif mode == "port":
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        for code, text in ends(start(["--steps=1"], ranks=[0], port=s.getsockname()[1])):
            print(code, text.replace(str(s.getsockname()[1]), "PORT"))
elif mode == "strangers":
    port = free_port()
    silent, over = [], False

    def noise():
        for i in range(100):
            try:
                s = socket.create_connection(("127.0.0.1", port), 1)
                if i % 3 == 0:
                    s.sendall(os.urandom(10000))
                elif i % 3 == 1:
                    s.sendall(b"LLCC")  # a good start, then silence
                silent.append(s)
            except OSError:
                time.sleep(0.01)
    first = start(["--steps=3", "--quiet"], ranks=[0], port=port)
    noise()
    results = ends(first + start(["--steps=3", "--quiet"], ranks=range(1, count), port=port), 60)
    check(all(code == 0 for code, _ in results), str(results))
    check(results[0][1].count("warning: 127.0.0.1:") == 1 and "is no rank of this job; it was sent away" in results[0][1], results[0][1])
    print("100 strangers, the job goes on")
else:
    sys.exit(__doc__)
