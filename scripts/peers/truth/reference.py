"""A plain PyTorch model of every variant of `hewn train`: written from the formulas of docs/backprop.md, docs/cli.md and
the papers, of PyTorch's own operations, so that a mistake of Hewn is not repeated here. Weights are a dictionary with the
names of Hewn's files; a configuration is a dictionary with the keys of docs/cli.md.
"""

import torch
import torch.nn.functional as F

ACTIVATIONS = {"gelu": lambda x: F.gelu(x, approximate="tanh"), "gelu_erf": F.gelu, "relu": F.relu, "silu": F.silu}


def sinusoids(length, width, scale):
    """PE(t, 2i) = sin(t / 10000^(2i / width)), PE(t, 2i + 1) = cos of the same (Vaswani et al. 2017, section 3.5)."""
    t = torch.arange(length, dtype=torch.float64)[:, None]
    angles = t / 10000 ** (torch.arange(0, width, 2, dtype=torch.float64) / width)
    both = torch.stack((angles.sin(), angles.cos()), -1).flatten(1)
    return scale * both[:, :width]


def rotated(x, base, interleaved):
    """Rotary positions of [..., T, D]: pair i of position t is multiplied, as a complex number, by e^(i t base^(-2i/D))."""
    T, D = x.shape[-2:]
    angles = torch.outer(torch.arange(T, dtype=torch.float64), base ** (-torch.arange(0, D, 2, dtype=torch.float64) / D))
    turn = torch.polar(torch.ones_like(angles), angles)
    if interleaved:
        return torch.view_as_real(torch.view_as_complex(x.unflatten(-1, (-1, 2)).contiguous()) * turn).flatten(-2)
    y = torch.complex(x[..., : D // 2], x[..., D // 2:]) * turn
    return torch.cat((y.real, y.imag), -1)


class Model:
    """`masks` maps a place of dropout to the factors there, 0 or 1 / (1 - p): "embeddings" [B, T, C], and for layer l
    ("weights", l) [B, H, T, T], ("attention", l) and ("mlp", l) [B, T, C]."""

    def __init__(self, config, weights, masks=None):
        self.c, self.w, self.masks = config, weights, masks or {}

    def dropped(self, x, place):
        return x * self.masks[place] if place in self.masks else x

    def linear(self, x, name):
        y = x @ self.w[name + ".weight"]
        return y + self.w[name + ".bias"] if name + ".bias" in self.w else y

    def norm(self, x, name):
        weight, eps = self.w[name + ".weight"], self.c["norm_eps"]
        if self.c["norm"] == "rmsnorm":
            return F.rms_norm(x, weight.shape, weight, eps)
        return F.layer_norm(x, weight.shape, weight, self.w.get(name + ".bias"), eps)

    def embedded(self, ids):
        """[B, T] -> [B, T, C]"""
        x = self.w["transformer.wte.weight"][ids]
        T = ids.shape[1]
        if self.c["pos"] == "learned":
            places = self.w["transformer.wpe.weight"][:T]
        elif self.c["pos"] == "sin":
            places = sinusoids(T, x.shape[2], self.c["pos_scale"])
        else:
            return x
        if self.c["pos_combine"] == "concat":
            return torch.cat((x, places.expand(len(ids), -1, -1)), 2)
        return x + places

    def attention(self, x, layer):
        H, Hkv, C = self.c["n_head"], self.c["n_kv_head"], self.c["n_embd"]
        D, T = C // H, x.shape[1]
        packed = self.linear(x, f"transformer.h.{layer}.attn.c_attn")
        q, k, v = (part.unflatten(-1, (-1, D)).transpose(1, 2) for part in packed.split((C, Hkv * D, Hkv * D), -1))
        if self.c["pos"] == "rope":
            q, k = (rotated(part, self.c["rope_theta"], self.c["rope_pairs"] == "interleaved") for part in (q, k))
        k, v = (part.repeat_interleave(H // Hkv, 1) for part in (k, v))
        distance = torch.arange(T)[:, None] - torch.arange(T)
        sees = (distance >= 0) & (distance < (self.c["window"] or T))
        if ("weights", layer) in self.masks:
            scores = (q @ k.transpose(-1, -2) / D ** 0.5).masked_fill(~sees, -torch.inf)
            y = (scores.softmax(-1) * self.masks["weights", layer]) @ v
        else:
            y = F.scaled_dot_product_attention(q, k, v, attn_mask=sees)
        y = self.linear(y.transpose(1, 2).flatten(2), f"transformer.h.{layer}.attn.c_proj")
        return self.dropped(y, ("attention", layer))

    def mlp(self, x, layer):
        x = self.linear(x, f"transformer.h.{layer}.mlp.c_fc")
        if self.c["act"] == "swiglu":
            gate, up = x.chunk(2, -1)
            x = F.silu(gate) * up
        else:
            x = ACTIVATIONS[self.c["act"]](x)
        return self.dropped(self.linear(x, f"transformer.h.{layer}.mlp.c_proj"), ("mlp", layer))

    def block(self, x, layer):
        ahead = self.c["norm_place"] == "pre"
        for branch, norm in ((self.attention, "ln_1"), (self.mlp, "ln_2")):
            name = f"transformer.h.{layer}.{norm}"
            y = branch(self.norm(x, name) if ahead else x, layer)
            if self.c["residual"]:
                y = x + y
            x = y if ahead else self.norm(y, name)
        return x

    def logits(self, ids):
        """[B, T] -> [B, T, V]"""
        if self.c["arch"] == "bigram":
            return self.w["table.weight"][ids]
        if self.c["arch"] == "bigram_linear":
            return F.linear(self.w["wte.weight"][ids], self.w["lm_head.weight"], self.w.get("lm_head.bias"))
        x = self.dropped(self.embedded(ids), "embeddings")
        for layer in range(self.c["n_layer"]):
            x = self.block(x, layer)
        if self.c["norm_place"] == "pre":
            x = self.norm(x, "transformer.ln_f")
        return x @ self.w["transformer.wte.weight" if self.c["tie"] else "lm_head.weight"].T

    def losses(self, ids, targets):
        """-log P of each target: [B, T]"""
        return F.cross_entropy(self.logits(ids).flatten(0, 1), targets.flatten(), reduction="none").view(targets.shape)

    def loss(self, ids, targets):
        return self.losses(ids, targets).mean()


def leaves(weights, trains=lambda name: True):
    """Copies of weights, of which those that train collect gradients."""
    return {name: value.clone().requires_grad_(trains(name)) for name, value in weights.items()}
