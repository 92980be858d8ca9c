#!/usr/bin/env python3
"""Writes the small files of this folder with PyTorch itself: python3 make.py (any PyTorch since 1.6, zip format)."""
import json
import math
import pickle
from collections import OrderedDict

import torch
from torch.nn import functional as F

torch.manual_seed(4)
L, H, C, T, V = 1, 2, 4, 4, 5
args = dict(n_layer=L, n_head=H, n_embd=C, block_size=T, bias=True, vocab_size=V, dropout=0.1)


class Block(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.ln_1 = torch.nn.LayerNorm(C)
        self.attn = torch.nn.ModuleDict(dict(c_attn=torch.nn.Linear(C, 3 * C), c_proj=torch.nn.Linear(C, C)))
        self.attn.register_buffer("bias", torch.tril(torch.ones(T, T)).view(1, 1, T, T))
        self.ln_2 = torch.nn.LayerNorm(C)
        self.mlp = torch.nn.ModuleDict(dict(c_fc=torch.nn.Linear(C, 4 * C), c_proj=torch.nn.Linear(4 * C, C)))

    def forward(self, x):
        q, k, v = (m.view(-1, T, H, C // H).transpose(1, 2) for m in self.attn.c_attn(self.ln_1(x)).split(C, 2))
        weights = q @ k.transpose(2, 3) / math.sqrt(C // H)
        weights = weights.masked_fill(self.attn.get_buffer("bias") == 0, -math.inf).softmax(3)
        x = x + self.attn.c_proj((weights @ v).transpose(1, 2).reshape(-1, T, C))
        return x + self.mlp.c_proj(F.gelu(self.mlp.c_fc(self.ln_2(x))))


class Gpt(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.transformer = torch.nn.ModuleDict(dict(
            wte=torch.nn.Embedding(V, C), wpe=torch.nn.Embedding(T, C),
            h=torch.nn.ModuleList([Block() for _ in range(L)]), ln_f=torch.nn.LayerNorm(C)))
        self.lm_head = torch.nn.Linear(C, V, bias=False)
        self.lm_head.weight = self.transformer.wte.weight

    def forward(self, tokens):
        x = self.transformer.wte(tokens) + self.transformer.wpe.weight
        for block in self.transformer.h:
            x = block(x)
        return self.lm_head(self.transformer.ln_f(x))


model = Gpt()
with torch.no_grad():
    for p in model.parameters():
        p.copy_(torch.randn_like(p) * 0.5)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
tokens = torch.tensor([[0, 3, 1, 4], [2, 2, 0, 1]])
F.cross_entropy(model(tokens).view(-1, V), tokens.view(-1)).backward()
optimizer.step()
state = OrderedDict(("_orig_mod." + k, v) for k, v in model.state_dict().items())
torch.save({"model": state, "optimizer": optimizer.state_dict(), "model_args": args, "iter_num": 1,
            "best_val_loss": torch.tensor(1.5), "config": {"dataset": "five", "lr": 1e-3, "big": 1 << 40,
                                                           "negative": -1, "none": None, "betas": (0.9, 0.95)}},
           "ckpt.pt")
with torch.no_grad():
    logits = model.double()(tokens)
json.dump({"tokens": tokens.tolist(), "logits": logits.tolist()}, open("expected.json", "w"))

itos = {0: "\n", 1: " ", 2: "a", 3: "\u00e9", 4: "\u4e16"}
meta = {"vocab_size": V, "itos": itos, "stoi": {c: i for i, c in itos.items()}}
pickle.dump(meta, open("meta.pkl", "wb"), protocol=4)

base = torch.arange(12.0).reshape(3, 4)
torch.save({"rows": base[1:], "same": base, "scalar": torch.tensor(7.5), "empty": torch.zeros(0, 3),
            "f64": torch.tensor([1.5, -2.5], dtype=torch.float64), "f16": torch.tensor([0.5, -2], dtype=torch.float16),
            "bf16": torch.tensor([3, -4], dtype=torch.bfloat16), "i64": torch.tensor([1 << 40]),
            "i32": torch.tensor([-5], dtype=torch.int32), "i8": torch.tensor([-6], dtype=torch.int8),
            "u8": torch.tensor([200], dtype=torch.uint8), "i16": torch.tensor([1], dtype=torch.int16),
            "bool": torch.tensor([True]), "one_row": base.t()[:1].t()[:, :1][:1],
            "parameter": torch.nn.Parameter(torch.tensor([8.0])), "epoch": 3}, "types.pt")
torch.save({"turned": base.t()}, "strided.pt")
