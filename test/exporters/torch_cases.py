#!/usr/bin/env python3
"""Exports small models of many families with PyTorch's new and old exporter and records what training them must give.

usage: torch_cases.py OUT [NAME...]     needs torch, onnx and onnxscript (README.md says how to install them; no test needs this).
Each case runs in f64 (the truth) and in f32 (the noise of one framework), as ../../utils/../shared/oracle does.
"""
import argparse
import copy
import os
import sys
import warnings

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from case_writer import write_case  # noqa: E402
from torch_models import CASES  # noqa: E402

LOSSES = {
    "cross_entropy": lambda y, t: F.cross_entropy(y.reshape(-1, y.shape[-1]) if y.dim() == 3 else y, t.reshape(-1) if y.dim() == 3 else t),
    "mse": F.mse_loss, "l1": F.l1_loss, "bce_logits": F.binary_cross_entropy_with_logits,
}


def optimizer(text, parameters):
    kind, *rest = text.split(",")
    o = {k: float(v) for k, v in (r.split("=") for r in rest)}
    if kind == "sgd":
        return torch.optim.SGD(parameters, lr=o["lr"])
    if kind == "momentum":
        return torch.optim.SGD(parameters, lr=o["lr"], momentum=o["momentum"])
    if kind == "adamw":
        return torch.optim.AdamW(parameters, lr=o["lr"])
    if kind == "adam":
        return torch.optim.Adam(parameters, lr=o["lr"])
    raise ValueError(text)


def fuse_norms(model):
    """Folds each BatchNorm into the convolution before it, as the exporters do: what is trained is the folded model."""
    for child in model.children():
        fuse_norms(child)
    names = list(model._modules)
    for a, b in zip(names, names[1:]):
        if isinstance(model._modules[a], nn.Conv2d) and isinstance(model._modules[b], nn.BatchNorm2d):
            model._modules[a] = torch.nn.utils.fusion.fuse_conv_bn_eval(model._modules[a].eval(), model._modules[b].eval())
            model._modules[b] = nn.Identity()


def train(model, inputs, label, loss, text, batch, steps, dtype):
    model = copy.deepcopy(model).to(dtype)
    opt = optimizer(text, model.parameters())
    losses, first = [], None
    n = len(label)
    for step in range(steps):
        rows = np.arange(step * batch, (step + 1) * batch) % n
        x = [torch.from_numpy(v[rows]).to(dtype) if v.dtype.kind == "f" else torch.from_numpy(v[rows]) for v in inputs.values()]
        t = torch.from_numpy(label[rows])
        t = t.to(dtype) if label.dtype.kind == "f" else t.long()
        y = model(*x)
        y = y[0] if isinstance(y, (tuple, list)) else y
        value = LOSSES[loss](y, t)
        opt.zero_grad()
        value.backward()
        losses.append(float(value))
        if first is None:
            first = {k: p.grad.detach().double().numpy().copy() for k, p in model.named_parameters() if p.grad is not None}
        opt.step()
    return losses, first


def make(out, name, case, exporter):
    torch.manual_seed(0)
    rng = np.random.default_rng(1)
    model = case["model"]()
    with torch.no_grad():  # nothing equal by chance: every parameter can be found by value
        for p in model.parameters():
            p.add_(torch.randn_like(p) * 0.02)
    model.train(case.get("train", False))
    if case.get("fuse"):
        fuse_norms(model)
    inputs, label = case["data"](rng)
    batch, steps, loss = case.get("batch", 8), case.get("steps", 8), case["loss"]
    folder = os.path.join(out, f"{name}-{exporter}")
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "model.onnx")
    example = tuple(torch.from_numpy(v[:batch]) for v in inputs.values())
    kind, opset = exporter.split("-")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if kind == "dynamo":
            shapes = None if case.get("static") else tuple({0: torch.export.Dim("batch", min=1)} for _ in example)
            torch.onnx.export(copy.deepcopy(model), example, path, dynamo=True, opset_version=int(opset), input_names=list(inputs), output_names=["out"],
                              dynamic_shapes=shapes, external_data=False, verbose=False)
        else:
            axes = None if case.get("static") else {k: {0: "batch"} for k in inputs}
            torch.onnx.export(copy.deepcopy(model), example, path, dynamo=False, opset_version=int(opset), input_names=list(inputs), output_names=["out"], dynamic_axes=axes)
    runs, first64, error = [], None, 0.0
    for text in case.get("optimizers", ["sgd,lr=0.05", "adamw,lr=0.001"]):
        l64, g64 = train(model, inputs, label, loss, text, batch, steps, torch.float64)
        l32, g32 = train(model, inputs, label, loss, text, batch, steps, torch.float32)
        runs.append({"optimizer": text, "losses_f64": l64, "losses_f32": l32})
        if first64 is None:
            first64 = g64
            big = max(np.linalg.norm(g) for g in g64.values())
            error = max(float(np.linalg.norm(g32[k] - g) / (np.linalg.norm(g) + 1e-6 * big)) for k, g in g64.items())
    parameters = {k: p.detach().numpy() for k, p in model.named_parameters()}
    done = write_case(folder, path, {**inputs, "label": label}, parameters, first64, runs,
                      source=f"torch {torch.__version__} {exporter}", loss=loss, batch=batch, steps=steps, flags=case.get("flags", []), torch_error=error)
    print(f"{name}-{exporter}: {done['nodes']} nodes, {len(done['trainable'])} matched, missing {len(done['not_in_file'])}, {' '.join(done['ops'])}", flush=True)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("out")
    p.add_argument("names", nargs="*")
    a = p.parse_args()
    for name, case in CASES.items():
        if a.names and name not in a.names:
            continue
        for exporter in case.get("exporters", ["dynamo-20", "dynamo-23", "legacy-17"]):
            if os.path.exists(os.path.join(a.out, f"{name}-{exporter}", "case.json")):
                continue
            try:
                make(a.out, name, case, exporter)
            except Exception as e:  # one model that an exporter refuses does not stop the others
                print(f"{name}-{exporter}: EXPORT FAILED: {type(e).__name__}: {str(e)[:200]}", flush=True)


if __name__ == "__main__":
    main()
