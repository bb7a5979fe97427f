"""What a layer adds to the memory of a device, under tensor parallelism with and without sequence parallelism.

usage: layer-memory.py LLCC MAKE-GPT2 FOLDER     compiles a GPT-2 of 2 and of 6 layers and takes a quarter of the difference, less a layer's
parameters and their gradients. Korthikanti et al. 2022, table 2: of s b h bytes a layer keeps 34 + 5 a s / h on one device,
10 + 24/t + 5 a s / (h t) with tensor parallelism, (34 + 5 a s / h) / t with sequence parallelism as well. Sizes are such that the scores hardly
count. We keep less than they of what is not cut (a norm's input, its gain and what dropout leaves are one kernel), so the first two are not theirs to the digit;
1/t of one device is, and fails where a gathered activation is kept. Exit status 1 where sequence parallelism keeps more than 1.05/t of one device, or
tensor parallelism alone not visibly more.
"""
import re, subprocess, sys

llcc, make, folder = sys.argv[1:]
width, tokens, batch, t = 128, 32, 32, 4


def arena(layers, flags):
    model = f"{folder}/gpt2-{layers}.onnx"
    subprocess.run([sys.executable, make, model, f"--layers={layers}", f"--width={width}", "--heads=4", "--vocabulary=64", f"--context={tokens}"], check=True)
    done = subprocess.run([llcc, model, f"--batch={batch}", "--label=label", "--stop-after=lower", *flags], capture_output=True, text=True, check=True)
    return int(re.search(r'llcc.program @step_stage0 "step" stage 0 arena (\d+)', done.stdout)[1])


def layer(members, *flags):
    parameters = 2 * 4 * 12 * width * width / members
    return (arena(6, flags) - arena(2, flags)) / 4 - parameters


unit = tokens * batch * width * 4
one, tensor = layer(1), layer(t, "--strategy=tensor", f"--devices={t}")
sequence = layer(t, "--strategy=tensor", f"--devices={t}", "--sequence-parallel")
print(f"a layer keeps {one / unit:.1f} s b h numbers on one device, {tensor / unit:.1f} with tensor={t}, {sequence / unit:.1f} with sequences cut as well")
print(f"of one device: tensor {tensor / one:.2f}, sequence {sequence / one:.2f}; 1/{t} is {1 / t:.2f}")
sys.exit(sequence > 1.05 / t * one or tensor < 1.25 / t * one)
