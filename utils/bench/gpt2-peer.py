"""PyTorch's training step of the GPT-2 that make-gpt2 wrote: the peer of utils/bench/gpt2, which runs this.

usage: gpt2-peer.py MODEL.onnx DATA.npz BATCH STEPS THREADS      prints one line of JSON: losses of the first steps, median times, peak memory
The model is the export's: same weights (read from its file), pre-norm blocks, tanh-gelu, tied head; AdamW and attention are PyTorch's fused ones for CPUs,
the fastest that it has without compiling.
"""
import json, os, resource, sys, time
import numpy as np
import onnx
import torch
from onnx import external_data_helper, numpy_helper
from torch import nn
from torch.nn import functional as F

path, data, batch, steps, threads = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6])
torch.set_num_threads(threads)
if not (torch.backends.mkl.is_available() and torch.backends.mkldnn.is_available()) or torch.get_num_threads() != threads:
    sys.exit(f"the peer is not what the bench states: torch {torch.__version__} lacks MKL or oneDNN, or has {torch.get_num_threads()} threads")
proto = onnx.load(path, load_external_data=False)
file = np.memmap(path + ".data", np.uint8, "r") if os.path.exists(path + ".data") else None


def weight(name):
    tensor = next(t for t in proto.graph.initializer if t.name == name)
    if not external_data_helper.uses_external_data(tensor):
        return nn.Parameter(torch.tensor(numpy_helper.to_array(tensor)))
    where = {e.key: e.value for e in tensor.external_data}
    begin = int(where["offset"])
    return nn.Parameter(torch.from_numpy(file[begin:begin + int(where["length"])].view(np.float32).reshape(list(tensor.dims)).copy()))


class Affine(nn.Module):
    def __init__(self, name):
        super().__init__()
        self.weight, self.bias = weight(name + ".weight"), weight(name + ".bias")


class Linear(Affine):  # weights as GPT-2 keeps them: [in, out]
    def forward(self, x):
        return torch.addmm(self.bias, x.view(-1, x.shape[-1]), self.weight).view(*x.shape[:-1], -1)


class Norm(Affine):
    def forward(self, x):
        return F.layer_norm(x, x.shape[-1:], self.weight, self.bias, 1e-5)


class Block(nn.Module):
    def __init__(self, name, heads):
        super().__init__()
        self.heads = heads
        self.ln_1, self.ln_2 = Norm(name + ".ln_1"), Norm(name + ".ln_2")
        self.c_attn, self.proj = Linear(name + ".attn.c_attn"), Linear(name + ".attn.c_proj")
        self.c_fc, self.c_proj = Linear(name + ".mlp.c_fc"), Linear(name + ".mlp.c_proj")

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = (part.view(b, t, self.heads, c // self.heads).transpose(1, 2) for part in self.c_attn(self.ln_1(x)).split(c, dim=2))
        x = x + self.proj(F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(b, t, c))
        return x + self.c_proj(F.gelu(self.c_fc(self.ln_2(x)), approximate="tanh"))


class GPT2(nn.Module):
    def __init__(self):
        super().__init__()
        names = [t.name for t in proto.graph.initializer]
        layers = sum(name.endswith(".ln_1.weight") for name in names)
        heads = next(numpy_helper.to_array(t) for t in proto.graph.initializer if t.name == "to_heads")[2]
        self.wte, self.wpe = weight("net.lm_head.weight"), weight("embedding_1")
        self.blocks = nn.Sequential(*(Block(f"net.transformer.h.{i}", int(heads)) for i in range(layers)))
        self.ln_f = Norm("net.transformer.ln_f")

    def forward(self, ids):
        return F.linear(self.ln_f(self.blocks(F.embedding(ids, self.wte) + self.wpe)), self.wte)


model = GPT2()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.01, fused=True)
arrays = np.load(data)
ids, label = torch.from_numpy(arrays["input_ids"]), torch.from_numpy(arrays["label"])
losses, wall, cpu = [], [], []
for i in range(steps + 2):
    at = i * batch % (len(ids) - batch + 1) if len(ids) > batch else 0
    x, y = ids[at:at + batch], label[at:at + batch]
    start, used = time.perf_counter(), time.process_time()
    optimizer.zero_grad(set_to_none=True)
    logits = model(x)
    loss = F.cross_entropy(logits.view(-1, logits.shape[-1]), y.reshape(-1))
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
    wall.append(time.perf_counter() - start)
    cpu.append(time.process_time() - used)
median = lambda values: sorted(values[2:])[len(values[2:]) // 2]
print(json.dumps({"losses": losses, "median_us": median(wall) * 1e6, "cpu_us": median(cpu) * 1e6, "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
                  "version": torch.__version__}))
