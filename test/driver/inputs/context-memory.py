"""Bytes that a device needs for a step under context parallelism over 1, 2, 4 and 8 devices.

usage: context-memory.py LLCC MODEL FLAG…     a line for each number of devices, then what is wrong: from 2 on, twice the devices must need at most 0.6
of the memory, 2 of them at most half of one; the largest tensor, a block's scores, must be a quarter (exit status 1)
"""
import math, re, subprocess, sys


def program(devices):
    flags = ["--strategy=single"] if devices == 1 else ["--strategy=context", f"--devices={devices}"]
    done = subprocess.run([*sys.argv[1:], *flags, "--stop-after=lower"], capture_output=True, text=True, check=True)
    arena = int(re.search(r'llcc.program @step_stage0 "step" stage 0 arena (\d+)', done.stdout)[1])
    step = done.stdout[done.stdout.index("llcc.program @step_stage0"):].split("\n  }")[0]
    sizes = [math.prod(map(int, shape.split("x"))) for shape in re.findall(r"= llcc.buffer .* : memref<([0-9x]+)xf32>", step)]
    return arena, max(sizes)


arenas, sizes, wrong = {}, {}, []
for devices in (1, 2, 4, 8):
    arenas[devices], sizes[devices] = program(devices)
    print(f"{devices} devices: {arenas[devices]} bytes on each, largest tensor {sizes[devices]} elements")
    before = arenas.get(devices // 2)
    if before and arenas[devices] > (0.5 if devices == 2 else 0.6) * before:
        wrong.append(f"{devices} devices need {arenas[devices] / before:.2f} of what {devices // 2} need")
    if before and sizes[devices] * 4 > sizes[devices // 2]:
        wrong.append(f"{devices} devices hold a tensor of {sizes[devices]} elements, {devices // 2} one of {sizes[devices // 2]}")
print(*wrong, f"{len(wrong)} wrong", sep="\n")
sys.exit(bool(wrong))
