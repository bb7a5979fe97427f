"""Compares what operators that draw random numbers give in the interpreter with Philox in numpy, and with the distributions they stand for.

usage: compare-random.py MODEL   (utils/make-models random)
"""
import subprocess
import sys
import numpy as np


def philox(index, stream, seed=0, step=0):
    """Word 0 of Philox 4x32-10 (Salmon et al., SC 2011)."""
    mask = np.uint64(0xFFFFFFFF)
    index = np.asarray(index, np.uint64)
    c = [index & mask, index >> np.uint64(32), np.full_like(index, stream & 0xFFFFFFFF), np.full_like(index, step)]
    key = (seed + (stream >> 32)) & (2**64 - 1)
    k0, k1 = key & 0xFFFFFFFF, key >> 32
    for _ in range(10):
        a, b = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        c = [(b >> np.uint64(32)) ^ c[1] ^ np.uint64(k0), b & mask, (a >> np.uint64(32)) ^ c[3] ^ np.uint64(k1), a & mask]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return c[0]


def uniform(shape, stream, digits=24, draws=1, draw=0):
    n = int(np.prod(shape))
    return (philox(np.arange(n) * draws + draw, stream) >> np.uint64(32 - digits)).astype(np.float64).reshape(shape) / 2.0**digits


def normal(shape, stream, digits=24):
    u, v = (uniform(shape, stream, digits, 2, i) for i in range(2))
    return np.sqrt(-2 * np.log(1 - u)) * np.cos(2 * np.pi * v)


text = subprocess.run(["llcc-import", sys.argv[1]], capture_output=True, text=True, check=True).stdout
logits = np.log(np.array([[0.5, 0.125, 0.375], [0.125, 0.75, 0.125]])).tolist()
text = text.replace('%arg0: tensor<2x3xf32> {llcc.param = "logits"}', "").replace(" {\n    ", f" {{\n    %arg0 = arith.constant dense<{logits}> : tensor<2x3xf32>\n    ", 1)
printed = subprocess.run(["llcc-interpret", "--function=forward", "-"], input=text, capture_output=True, text=True, check=True).stdout
got = [np.array([float(v) for v in line.split("[")[1].rstrip("]").split(",")]) for line in printed.splitlines() if line.startswith("result")]
fives = int(np.float32(2.5).view(np.uint32)) << 32
draws = uniform((2, 400), 5)
want = [uniform((3, 4), 0) * 8 - 2, normal((2, 500), 1, 32) * 3 + 1, uniform((5, 7), 2 | fives), normal((5, 7), 3), uniform((30, 20), 4) < 0.25,
        (draws[:, :, None] >= np.cumsum([[0.5, 0.125, 0.375], [0.125, 0.75, 0.125]], 1)[:, None, :2]).sum(2)]
for name, g, w in zip(("uniform", "normal", "uniform like", "normal like", "bernoulli", "multinomial"), got, want):
    assert g.size == w.size, (name, g.size, w.size)
    error = np.max(np.abs(g - w.ravel()))
    assert error < 2e-5, (name, error)
    print(name, "as Philox in numpy")
u, n, ul, nl, b, m = got
assert abs(n.mean() - 1) < 0.3 and abs(n.std() - 3) < 0.2, (n.mean(), n.std())
assert abs(b.mean() - 0.25) < 0.06, b.mean()
shares = np.stack([np.bincount(row.astype(int), minlength=3) / 400 for row in m.reshape(2, 400)])
assert np.abs(shares - [[0.5, 0.125, 0.375], [0.125, 0.75, 0.125]]).max() < 0.08, shares
print("distributions fit")
