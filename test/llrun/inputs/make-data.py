#!/usr/bin/env python3
"""Small data files from digits-train.npz of the folder, good and damaged ones.

usage: make-data.py FOLDER
"""
import gzip, json, os, struct, sys
import numpy as np

os.chdir(sys.argv[1])
digits = np.load("digits-train.npz")
x, label = digits["x"][:200], digits["label"][:200]
np.savez("small.npz", x=x, label=label)
np.savez("other.npz", x=digits["x"][200:277], label=digits["label"][200:277])  # 77: no multiple of a batch


def variant(name, **arrays):
    np.savez(name + ".npz", **{k: v for k, v in {"x": x, "label": label, **arrays}.items() if v is not None})


outside = label.copy()
outside[57] = 10
negative = label.copy()
negative[3] = -1
variant("outside", label=outside)
variant("negative", label=negative)
variant("no-label", label=None)
variant("no-x", x=None, y=x, z=x)
variant("few", x=x[:10], label=label[:10])
variant("empty", x=x[:0], label=label[:0])
variant("lengths", label=label[:100])
variant("shape", x=x[:, :63])
variant("object", x=np.array([{"a": 1}] * 200, object))
variant("big-endian", x=x.astype(">f4"))
variant("float-label", label=label.astype(np.float32))
variant("nan", x=x * np.float32("nan"))
raw = open("small.npz", "rb").read()
open("cut.npz", "wb").write(raw[:-100])
open("flipped.npz", "wb").write(raw[:20000] + bytes([raw[20000] ^ 1]) + raw[20001:])
open("text.npz", "w").write("no archive")
open("data.txt", "w").write("no data")


def safetensors(name, arrays, change=lambda header: header, cut=None):
    header, blob = {}, b""
    for key, array in arrays.items():
        kind = {"float32": "F32", "int64": "I64"}[str(array.dtype)]
        header[key] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [len(blob), len(blob) + array.nbytes]}
        blob += array.tobytes()
    text = json.dumps(change(header)).encode()
    open(name + ".safetensors", "wb").write((struct.pack("<Q", len(text)) + text + blob)[:cut])


def with_shape(header):
    header["x"]["shape"] = [2**40, 2**40]
    return header


def with_type(header):
    header["x"]["dtype"] = "F4"
    return header


arrays = {"x": x, "label": label}
safetensors("small", arrays)
safetensors("cut", arrays, cut=-10)
safetensors("shape", arrays, with_shape)
safetensors("type", arrays, with_type)
open("header.safetensors", "wb").write(struct.pack("<Q", 1 << 40) + b"{}")


def idx(path, array, code=8, dims=None):
    data = struct.pack(">BBBB", 0, 0, code, array.ndim) + struct.pack(f">{array.ndim}I", *(dims or array.shape)) + array.tobytes()
    (gzip.open if path.endswith(".gz") else open)(path, "wb").write(data)


pixels = np.round(x * 255).astype(np.uint8).reshape(-1, 8, 8)
for folder, end in (("idx-plain", ""), ("idx-gz", ".gz"), ("idx-cut", ".gz"), ("idx-magic", ""), ("idx-dims", "")):
    os.makedirs(folder, exist_ok=True)
    for part, a, b in (("train", 0, 150), ("t10k", 150, 200)):
        idx(f"{folder}/{part}-images-idx3-ubyte{end}", pixels[a:b], dims=(2**31, 2**31, 4) if folder == "idx-dims" else None)
        idx(f"{folder}/{part}-labels-idx1-ubyte{end}", label[a:b].astype(np.uint8))
raw = open("idx-cut/train-images-idx3-ubyte.gz", "rb").read()
open("idx-cut/train-images-idx3-ubyte.gz", "wb").write(raw[:len(raw) // 2])
open("idx-magic/train-images-idx3-ubyte", "r+b").write(b"\1\0\x08\3")
np.savez("pixels.npz", x=(pixels[:150] / np.float32(255)).astype(np.float32), label=label[:150])
