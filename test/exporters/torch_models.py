"""The model families that torch_cases.py exports: each small, each with something that real exports of its family have."""
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


def images(c, h, w, n=24, classes=5):
    return lambda r: ({"x": r.standard_normal((n, c, h, w)).astype(np.float32)}, r.integers(0, classes, n))


def tokens(t, vocab, n=24, classes=5):
    return lambda r: ({"ids": r.integers(0, vocab, (n, t))}, r.integers(0, classes, n))


def language(t, vocab, n=24):
    return lambda r: ({"ids": r.integers(0, vocab, (n, t))}, r.integers(0, vocab, (n, t)))


class SqueezeExcite(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.a, self.b = nn.Conv2d(c, c // 4, 1), nn.Conv2d(c // 4, c, 1)

    def forward(self, x):
        return x * F.hardsigmoid(self.b(F.relu(self.a(F.adaptive_avg_pool2d(x, 1)))))


class MobileNet(nn.Module):
    """Depthwise convolutions, squeeze and excitation, hard swish, BatchNorm in inference mode."""
    def __init__(self, norm=True):
        super().__init__()
        n = (lambda c: nn.BatchNorm2d(c)) if norm else (lambda c: nn.Identity())
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), n(8), nn.Hardswish())
        self.block = nn.Sequential(nn.Conv2d(8, 16, 1), n(16), nn.ReLU6(), nn.Conv2d(16, 16, 3, 1, 1, groups=16), n(16), SqueezeExcite(16), nn.Hardswish(), nn.Conv2d(16, 8, 1), n(8))
        self.head = nn.Linear(8, 5)

    def forward(self, x):
        x = self.stem(x)
        x = x + self.block(x)
        return self.head(x.mean([2, 3]))


class ConvNeXt(nn.Module):
    def __init__(self, c=12):
        super().__init__()
        self.stem = nn.Conv2d(3, c, 4, 4)
        self.dw, self.norm = nn.Conv2d(c, c, 7, padding=3, groups=c), nn.LayerNorm(c, eps=1e-6)
        self.a, self.b, self.gamma = nn.Linear(c, 4 * c), nn.Linear(4 * c, c), nn.Parameter(torch.full((c,), 0.1))
        self.last, self.head = nn.LayerNorm(c), nn.Linear(c, 5)

    def forward(self, x):
        x = self.stem(x)
        y = self.norm(self.dw(x).permute(0, 2, 3, 1))
        x = x + (self.gamma * self.b(F.gelu(self.a(y)))).permute(0, 3, 1, 2)
        return self.head(self.last(x.mean([-2, -1])))


class ShuffleNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.a, self.b, self.c = nn.Conv2d(3, 16, 3, 1, 1), nn.Conv2d(8, 8, 1), nn.Conv2d(8, 8, 3, 1, 1, groups=8), nn.Conv2d(8, 8, 1)
        self.head = nn.Linear(16, 5)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.stem(x)), 3, 2, 1)
        l, r = x.chunk(2, 1)
        x = torch.cat([l, F.relu(self.c(self.b(F.relu(self.a(r)))))], 1)
        n, c, h, w = x.shape
        x = x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)
        return self.head(F.adaptive_avg_pool2d(x, 1).flatten(1))


class DenseNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 8, 3, padding=1)
        self.layers = nn.ModuleList([nn.Conv2d(8 + 4 * i, 4, 3, padding=1) for i in range(3)])
        self.transition, self.head = nn.Conv2d(20, 10, 1), nn.Linear(10, 5)

    def forward(self, x):
        x = self.stem(x)
        for l in self.layers:
            x = torch.cat([x, l(F.relu(x))], 1)
        x = F.avg_pool2d(self.transition(F.elu(x)), 2)
        return self.head(x.amax([2, 3]))


class Segmentation(nn.Module):
    """Dilated convolutions, pyramid pooling, bilinear upsampling."""
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 8, 3, padding=2, dilation=2), nn.Conv2d(8, 8, 1)
        self.out = nn.Conv2d(24, 1, 1)

    def forward(self, x):
        a = F.relu(self.a(x))
        b = F.leaky_relu(self.b(a), 0.1)
        p = F.interpolate(self.c(F.adaptive_avg_pool2d(a, 1)), size=a.shape[-2:], mode="bilinear", align_corners=False)
        return F.interpolate(self.out(torch.cat([a, b, p], 1)), scale_factor=2, mode="bilinear", align_corners=False)


class Diffusion(nn.Module):
    """GroupNorm, SiLU, attention over pixels, sinusoidal time embedding, nearest upsampling, skip."""
    def __init__(self, c=16):
        super().__init__()
        self.inp, self.norm, self.q = nn.Conv2d(1, c, 3, padding=1), nn.GroupNorm(4, c), nn.Conv2d(c, 3 * c, 1)
        self.time, self.down, self.up = nn.Linear(16, c), nn.Conv2d(c, c, 3, 2, 1), nn.Conv2d(c, c, 3, padding=1)
        self.out = nn.Conv2d(2 * c, 1, 3, padding=1)

    def forward(self, x, t):
        f = torch.exp(-torch.arange(8, device=t.device, dtype=x.dtype) * 0.5)
        a = t[:, None] * f[None]
        e = self.time(torch.cat([a.sin(), a.cos()], -1))
        h = F.silu(self.norm(self.inp(x))) + e[:, :, None, None]
        d = self.down(h)
        q, k, v = self.q(d).flatten(2).transpose(1, 2).chunk(3, -1)
        d = d + F.scaled_dot_product_attention(q[:, None], k[:, None], v[:, None])[:, 0].transpose(1, 2).reshape(d.shape)
        u = self.up(F.interpolate(d, scale_factor=2.0, mode="nearest"))
        return self.out(torch.cat([u, h], 1))


class SuperResolution(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.p, self.b = nn.Conv2d(1, 8, 5, padding=2), nn.PReLU(8), nn.Conv2d(8, 4, 3, padding=1, padding_mode="reflect")

    def forward(self, x):
        return F.pixel_shuffle(self.b(self.p(self.a(x))), 2)


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc, self.a, self.b = nn.Linear(8, 32), nn.ConvTranspose2d(8, 6, 4, 2, 1), nn.ConvTranspose2d(6, 1, 3, 2, 1, output_padding=1)
        self.n = nn.InstanceNorm2d(6, affine=True)

    def forward(self, z):
        return torch.tanh(self.b(F.relu(self.n(self.a(self.fc(z).view(-1, 8, 2, 2))))))


class Crnn(nn.Module):
    """Convolutions, then a bidirectional GRU over the width: the text recogniser."""
    def __init__(self, rnn=nn.GRU):
        super().__init__()
        self.conv, self.rnn, self.head = nn.Conv2d(1, 6, 3, (2, 1), 1), rnn(24, 10, bidirectional=True, batch_first=True), nn.Linear(20, 7)

    def forward(self, x):
        y = F.relu(self.conv(x)).permute(0, 3, 1, 2).flatten(2)
        return self.head(self.rnn(y)[0])


class LanguageModel(nn.Module):
    def __init__(self, rnn):
        super().__init__()
        self.e, self.rnn, self.head = nn.Embedding(31, 12), rnn(12, 16, num_layers=2, batch_first=True), nn.Linear(16, 31)

    def forward(self, ids):
        return self.head(self.rnn(self.e(ids))[0])


class Encoder(nn.Module):
    """torch's own TransformerEncoder with a padding mask, mean pooling."""
    def __init__(self, norm_first=False, activation="relu"):
        super().__init__()
        self.e, self.pos = nn.Embedding(40, 16, padding_idx=0), nn.Parameter(torch.zeros(1, 10, 16))
        layer = nn.TransformerEncoderLayer(16, 2, 32, 0.0, activation, batch_first=True, norm_first=norm_first)
        self.enc, self.head = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), nn.Linear(16, 5)

    def forward(self, ids):
        mask = ids == 0
        h = self.enc(self.e(ids) + self.pos, src_key_padding_mask=mask)
        keep = (~mask).unsqueeze(-1).to(h.dtype)
        return self.head((h * keep).sum(1) / keep.sum(1).clamp(min=1))


class Translator(nn.Module):
    def __init__(self):
        super().__init__()
        self.s, self.t = nn.Embedding(23, 16), nn.Embedding(23, 16)
        self.core = nn.Transformer(16, 2, 1, 1, 32, 0.0, batch_first=True)
        self.head = nn.Linear(16, 23, bias=False)

    def forward(self, src, tgt):
        m = nn.Transformer.generate_square_subsequent_mask(tgt.shape[1], device=tgt.device).to(self.s.weight.dtype)
        return self.head(self.core(self.s(src), self.t(tgt), tgt_mask=m))


class RmsNorm(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(d))

    def forward(self, x):
        return self.weight * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)


class Decoder(nn.Module):
    """Rotary positions, grouped queries, SwiGLU, RMS norms, tied head: today's decoder."""
    def __init__(self, d=16, heads=4, kv=2, tie=True, rms=RmsNorm):
        super().__init__()
        self.h, self.kv, self.e = heads, kv, nn.Embedding(37, d)
        self.q, self.k, self.v, self.o = nn.Linear(d, d, False), nn.Linear(d, d * kv // heads, False), nn.Linear(d, d * kv // heads, False), nn.Linear(d, d, False)
        self.n1, self.n2, self.n3 = rms(d), rms(d), rms(d)
        self.g, self.u, self.w = nn.Linear(d, 2 * d, False), nn.Linear(d, 2 * d, False), nn.Linear(2 * d, d, False)
        self.head = nn.Linear(d, 37, False)
        if tie:
            self.head.weight = self.e.weight

    def rotate(self, x):
        t, d = x.shape[-2], x.shape[-1]
        a = torch.arange(t, dtype=x.dtype)[:, None] * 10000 ** (-torch.arange(0, d, 2, dtype=x.dtype) / d)[None]
        a = torch.cat([a, a], -1)
        half = torch.cat([-x[..., d // 2:], x[..., : d // 2]], -1)
        return x * a.cos() + half * a.sin()

    def forward(self, ids):
        x = self.e(ids)
        b, t, d = x.shape
        y = self.n1(x)
        q = self.rotate(self.q(y).view(b, t, self.h, -1).transpose(1, 2))
        k = self.rotate(self.k(y).view(b, t, self.kv, -1).transpose(1, 2))
        v = self.v(y).view(b, t, self.kv, -1).transpose(1, 2)
        k, v = k.repeat_interleave(self.h // self.kv, 1), v.repeat_interleave(self.h // self.kv, 1)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(b, t, d)
        x = x + self.o(y)
        y = self.n2(x)
        x = x + self.w(F.silu(self.g(y)) * self.u(y))
        return self.head(self.n3(x))


class Swin(nn.Module):
    """Window partition, cyclic shift by roll, relative position bias by gather."""
    def __init__(self, c=8):
        super().__init__()
        self.patch, self.norm, self.qkv, self.proj = nn.Conv2d(3, c, 2, 2), nn.LayerNorm(c), nn.Linear(c, 3 * c), nn.Linear(c, c)
        # Exporters fold the gather of the table into a constant, which is not trained: it is none here either.
        self.table, self.head = nn.Parameter(torch.randn(9, 2) * 0.02, requires_grad=False), nn.Linear(c, 5)
        y, x = torch.meshgrid(torch.arange(2), torch.arange(2), indexing="ij")
        y, x = y.flatten(), x.flatten()
        self.register_buffer("index", (y[:, None] - y[None] + 1) * 3 + (x[:, None] - x[None] + 1))

    def forward(self, x):
        x = self.patch(x).permute(0, 2, 3, 1)
        b, h, w, c = x.shape
        y = torch.roll(self.norm(x), (-1, -1), (1, 2))
        y = y.view(b, h // 2, 2, w // 2, 2, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, 4, c)
        q, k, v = self.qkv(y).view(-1, 4, 3, 2, c // 2).permute(2, 0, 3, 1, 4).unbind(0)
        a = q @ k.transpose(-2, -1) * (c // 2) ** -0.5 + self.table[self.index.view(-1)].view(4, 4, 2).permute(2, 0, 1)[None]
        y = self.proj((a.softmax(-1) @ v).transpose(1, 2).reshape(-1, 4, c))
        y = y.view(b, h // 2, w // 2, 2, 2, c).permute(0, 1, 3, 2, 4, 5).reshape(b, h, w, c)
        x = x + torch.roll(y, (1, 1), (1, 2))
        return self.head(x.mean((1, 2)))


class Mixer(nn.Module):
    def __init__(self):
        super().__init__()
        self.n1, self.n2 = nn.LayerNorm(12), nn.LayerNorm(12)
        self.t1, self.t2, self.c1, self.c2 = nn.Linear(6, 16), nn.Linear(16, 6), nn.Linear(12, 24), nn.Linear(24, 12)
        self.head = nn.Linear(12, 5)

    def forward(self, x):
        x = x + self.t2(F.gelu(self.t1(self.n1(x).transpose(1, 2)), approximate="tanh")).transpose(1, 2)
        x = x + self.c2(F.mish(self.c1(self.n2(x))))
        return self.head(x.max(1)[0])


class Recommender(nn.Module):
    """DLRM: several id inputs, dense features, pairwise dot products of which the lower triangle is taken."""
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Embedding(11, 8), nn.Embedding(13, 8), nn.Embedding(17, 8)
        self.dense, self.top = nn.Linear(4, 8), nn.Linear(8 + 6, 1)

    def forward(self, user, item, shop, dense):
        d = F.softplus(self.dense(dense))
        z = torch.stack([d, self.a(user), self.b(item), self.c(shop)], 1)
        p = torch.einsum("bik,bjk->bij", z, z)
        i, j = torch.tril_indices(4, 4, -1)
        return self.top(torch.cat([d, p[:, i, j]], 1)).squeeze(-1)


class GraphNet(nn.Module):
    """Message passing on a fixed graph: gather of sources, index_add at targets, repeated indices."""
    def __init__(self):
        super().__init__()
        self.a, self.b, self.head = nn.Linear(6, 8), nn.Linear(16, 8), nn.Linear(8, 5)
        self.register_buffer("src", torch.tensor([0, 1, 2, 3, 3, 4, 5, 1]))
        self.register_buffer("dst", torch.tensor([1, 2, 1, 0, 4, 5, 5, 5]))

    def forward(self, x):
        h = torch.tanh(self.a(x))
        m = torch.zeros_like(h).index_add(1, self.dst, h[:, self.src])
        h = F.selu(self.b(torch.cat([h, m], -1)))
        return self.head(h.logsumexp(1))


class TemporalConv(nn.Module):
    """Causal 1-D convolutions with left padding and a gated unit, as in WaveNet."""
    def __init__(self):
        super().__init__()
        self.inp, self.g, self.out = nn.Conv1d(3, 8, 1), nn.ModuleList([nn.Conv1d(8, 16, 2, dilation=2 ** i) for i in range(3)]), nn.Conv1d(8, 2, 1)

    def forward(self, x):
        x = self.inp(x)
        for i, c in enumerate(self.g):
            y = c(F.pad(x, (2 ** i, 0)))
            x = x + F.glu(y, 1)
        return self.out(x)


class StateSpace(nn.Module):
    """A selective scan written with cumulative sums, as Mamba-like nets are exported."""
    def __init__(self):
        super().__init__()
        self.inp, self.dt, self.out = nn.Linear(4, 8), nn.Linear(4, 8), nn.Linear(8, 3)
        self.a = nn.Parameter(torch.full((8,), -0.5))

    def forward(self, x):
        u, dt = self.inp(x), F.softplus(self.dt(x))
        p = torch.cumsum(dt * self.a, 1)
        return self.out(torch.exp(p) * torch.cumsum(u * dt * torch.exp(-p), 1))


class MaskedAttention(nn.Module):
    """Boolean mask as an input; where with -inf; log softmax head trained with its loss on logits of several steps."""
    def __init__(self):
        super().__init__()
        self.e, self.att, self.head = nn.Linear(6, 8), nn.MultiheadAttention(8, 2, batch_first=True), nn.Linear(8, 5)

    def forward(self, x, mask):
        h = self.e(x)
        y, _ = self.att(h, h, h, key_padding_mask=mask, need_weights=False)
        return self.head((h + y)[:, 0])


class Volume(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.head = nn.Conv3d(1, 4, 3, 1, 1), nn.Conv3d(4, 6, 3, 2, 1), nn.Linear(6, 5)

    def forward(self, x):
        x = F.max_pool3d(F.celu(self.a(x)), 2)
        return self.head(F.adaptive_avg_pool3d(F.softsign(self.b(x)), 1).flatten(1))


class TopExperts(nn.Module):
    """Dense mixture with top-2 gates, renormalised and scattered back."""
    def __init__(self):
        super().__init__()
        self.gate, self.w1, self.w2, self.head = nn.Linear(8, 4, False), nn.Parameter(torch.randn(4, 8, 12) * 0.3), nn.Parameter(torch.randn(4, 12, 8) * 0.3), nn.Linear(8, 5)

    def forward(self, x):
        p = self.gate(x).softmax(-1)
        v, i = p.topk(2, -1)
        g = torch.zeros_like(p).scatter(-1, i, v / v.sum(-1, keepdim=True))
        h = torch.einsum("bd,edh->beh", x, self.w1).relu()
        return self.head(x + torch.einsum("beh,ehd,be->bd", h, self.w2, g))


def mixed(r):
    n = 24
    x = {"user": r.integers(0, 11, n), "item": r.integers(0, 13, n).astype(np.int32), "shop": r.integers(0, 17, n), "dense": r.standard_normal((n, 4)).astype(np.float32)}
    return x, r.integers(0, 2, n).astype(np.float32)


def padded(r):
    ids = r.integers(1, 40, (24, 10))
    for row, length in zip(ids, r.integers(3, 11, 24)):
        row[length:] = 0
    return {"ids": ids}, r.integers(0, 5, 24)


def masked(r):
    mask = r.random((24, 7)) < 0.3
    mask[:, 0] = False
    return {"x": r.standard_normal((24, 7, 6)).astype(np.float32), "mask": mask}, r.integers(0, 5, 24)


def regression(shape_in, shape_out, name="x"):
    return lambda r: ({name: r.standard_normal((24, *shape_in)).astype(np.float32)}, r.standard_normal((24, *shape_out)).astype(np.float32))


CASES = {
    "mobilenet": dict(model=MobileNet, data=images(3, 16, 16), loss="cross_entropy", fuse=True, exporters=["dynamo-20", "dynamo-18"]),
    "mobilenet-plain": dict(model=lambda: MobileNet(False), data=images(3, 16, 16), loss="cross_entropy", exporters=["dynamo-20", "legacy-13"]),
    "convnext": dict(model=ConvNeXt, data=images(3, 16, 16), loss="cross_entropy"),
    "shufflenet": dict(model=ShuffleNet, data=images(3, 12, 12), loss="cross_entropy"),
    "densenet": dict(model=DenseNet, data=images(1, 8, 8), loss="cross_entropy", exporters=["dynamo-20", "legacy-9", "legacy-11"]),
    "segmentation": dict(model=Segmentation, data=regression((3, 16, 16), (1, 16, 16)), loss="mse"),
    "diffusion": dict(model=Diffusion, data=lambda r: ({"x": r.standard_normal((24, 1, 8, 8)).astype(np.float32), "t": r.random(24).astype(np.float32) * 10}, r.standard_normal((24, 1, 8, 8)).astype(np.float32)), loss="mse"),
    "superres": dict(model=SuperResolution, data=regression((1, 8, 8), (1, 16, 16)), loss="l1"),
    "generator": dict(model=Generator, data=regression((8,), (1, 8, 8), "z"), loss="mse"),
    "crnn-gru": dict(model=Crnn, data=lambda r: ({"x": r.standard_normal((24, 1, 8, 9)).astype(np.float32)}, r.integers(0, 7, (24, 9))), loss="cross_entropy"),
    "crnn-lstm": dict(model=lambda: Crnn(nn.LSTM), data=lambda r: ({"x": r.standard_normal((24, 1, 8, 9)).astype(np.float32)}, r.integers(0, 7, (24, 9))), loss="cross_entropy"),
    "lm-rnn": dict(model=lambda: LanguageModel(nn.RNN), data=language(6, 31), loss="cross_entropy"),
    "lm-gru": dict(model=lambda: LanguageModel(nn.GRU), data=language(6, 31), loss="cross_entropy"),
    "encoder": dict(model=Encoder, data=padded, loss="cross_entropy"),
    "encoder-prenorm": dict(model=lambda: Encoder(True, "gelu"), data=padded, loss="cross_entropy"),
    "translator": dict(model=Translator, data=lambda r: ({"src": r.integers(0, 23, (24, 7)), "tgt": r.integers(0, 23, (24, 6))}, r.integers(0, 23, (24, 6))), loss="cross_entropy"),
    "decoder": dict(model=Decoder, data=language(9, 37), loss="cross_entropy"),
    "decoder-rms": dict(model=lambda: Decoder(tie=False, rms=nn.RMSNorm), data=language(9, 37), loss="cross_entropy"),
    "swin": dict(model=Swin, data=images(3, 8, 8), loss="cross_entropy"),
    "mixer": dict(model=Mixer, data=lambda r: ({"x": r.standard_normal((24, 6, 12)).astype(np.float32)}, r.integers(0, 5, 24)), loss="cross_entropy"),
    "recommender": dict(model=Recommender, data=mixed, loss="bce_logits"),
    "graphnet": dict(model=GraphNet, data=lambda r: ({"x": r.standard_normal((24, 6, 6)).astype(np.float32)}, r.integers(0, 5, 24)), loss="cross_entropy"),
    "temporal": dict(model=TemporalConv, data=regression((3, 12), (2, 12)), loss="mse"),
    "statespace": dict(model=StateSpace, data=regression((6, 4), (6, 3)), loss="mse"),
    "masked": dict(model=MaskedAttention, data=masked, loss="cross_entropy"),
    "volume": dict(model=Volume, data=lambda r: ({"x": r.standard_normal((24, 1, 8, 8, 8)).astype(np.float32)}, r.integers(0, 5, 24)), loss="cross_entropy"),
    "experts": dict(model=TopExperts, data=lambda r: ({"x": r.standard_normal((24, 8)).astype(np.float32)}, r.integers(0, 5, 24)), loss="cross_entropy"),
}
