#!/usr/bin/env python3
"""Writes the small directory of this folder with TensorFlow itself, in the layout of OpenAI's GPT-2: python3 make.py"""
import json
import os

import numpy as np
import tensorflow.compat.v1 as tf

tf.disable_eager_execution()
rng = np.random.default_rng(3)
L, H, C, T = 2, 2, 4, 6

# A vocabulary as GPT-2's: bytes as visible characters, some merges, the end of a text.
visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
others = [b for b in range(256) if b not in visible]
symbols = [chr(b) for b in visible] + [chr(256 + i) for i in range(len(others))]
merges = [("t", "h"), ("th", "e"), ("\u0120", "the")]
tokens = symbols + [a + b for a, b in merges] + ["<|endoftext|>"]
V = len(tokens)
json.dump({token: i for i, token in enumerate(tokens)}, open("encoder.json", "w"))
open("vocab.bpe", "w", encoding="utf-8").write("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))
json.dump({"n_vocab": V, "n_ctx": T, "n_embd": C, "n_head": H, "n_layer": L}, open("hparams.json", "w"))

shapes = {"model/wte": [V, C], "model/wpe": [T, C], "model/ln_f/g": [C], "model/ln_f/b": [C]}
for i in range(L):
    for name, n_in, n_out in [("attn/c_attn", C, 3 * C), ("attn/c_proj", C, C), ("mlp/c_fc", C, 4 * C),
                              ("mlp/c_proj", 4 * C, C)]:
        shapes[f"model/h{i}/{name}/w"] = [1, n_in, n_out]
        shapes[f"model/h{i}/{name}/b"] = [n_out]
    for name in ("ln_1", "ln_2"):
        shapes[f"model/h{i}/{name}/g"] = shapes[f"model/h{i}/{name}/b"] = [C]
w = {name: rng.normal(0, 0.5, shape).astype(np.float32) for name, shape in shapes.items()}
variables = [tf.get_variable(name, initializer=value) for name, value in w.items()]
step = tf.get_variable("global_step", initializer=np.int64(7))
with tf.Session() as session:
    session.run(tf.global_variables_initializer())
    tf.train.Saver().save(session, "./model.ckpt", write_meta_graph=False)
os.remove("checkpoint")


def norm(x, name):
    x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    return x * w[name + "/g"] + w[name + "/b"]


def linear(x, name):
    return x @ w[name + "/w"][0] + w[name + "/b"]


def forward(ids):
    x = w["model/wte"][ids] + w["model/wpe"][:len(ids)]
    for i in range(L):
        block = f"model/h{i}/"
        q, k, v = np.split(linear(norm(x, block + "ln_1"), block + "attn/c_attn"), 3, -1)
        heads = []
        for h in range(H):
            s = slice(h * C // H, (h + 1) * C // H)
            scores = np.where(np.tri(len(ids)), q[:, s] @ k[:, s].T / np.sqrt(C // H), -np.inf)
            p = np.exp(scores - scores.max(-1, keepdims=True))
            heads.append(p / p.sum(-1, keepdims=True) @ v[:, s])
        x = x + linear(np.concatenate(heads, -1), block + "attn/c_proj")
        m = linear(norm(x, block + "ln_2"), block + "mlp/c_fc")
        m = 0.5 * m * (1 + np.tanh(np.sqrt(2 / np.pi) * (m + 0.044715 * m ** 3)))
        x = x + linear(m, block + "mlp/c_proj")
    return norm(x, "model/ln_f") @ w["model/wte"].T


w = {name: value.astype(np.float64) for name, value in w.items()}
ids = [5, 258, 200, 83, 259, 0]
json.dump({"tokens": ids, "last_logits": forward(ids)[-1].tolist(), "text": " the",
           "ids": [tokens.index("\u0120the")]}, open("expected.json", "w"))
