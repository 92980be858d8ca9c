"""Runs of Hewn: how they are started, the batches they draw, and what their files say."""

import json
import os
import pathlib
import subprocess
import sys

import torch
from safetensors.torch import load_file

# What makes a step one of plain gradient descent, w - lr gradient.
PLAIN = {"optimizer": "sgd", "beta1": 0, "grad_clip": 0, "weight_decay": 0, "schedule": "constant", "warmup_iters": 0}
# Keys of docs/cli.md that are not the model's and that every run here has.
COMMON = {"dtype": "f64", "eval_iters": 1, "log_interval": 1, "keep": 1000, "threads": 1}
# Threads that wait must not keep the cores from others.
ENVIRONMENT = {**os.environ, "OMP_WAIT_POLICY": "passive"}


class Program:
    """A built `hewn`, and a folder for its runs."""

    def __init__(self, path, folder):
        self.path, self.folder = str(pathlib.Path(path).resolve()), pathlib.Path(folder)

    def __call__(self, *words):
        done = subprocess.run([self.path, *map(str, words)], capture_output=True, cwd=self.folder,
                              env=ENVIRONMENT)
        if done.returncode:
            sys.exit(f"{done.stderr.decode(errors='replace')}\nhewn {' '.join(map(str, words))} "
                     f"failed with status {done.returncode}")
        return done.stdout.decode(errors="replace")

    def train(self, name, **keys):
        """A new run of this name, which trains on train.txt."""
        shown = {key: str(value).lower() if isinstance(value, bool) else value for key, value in (COMMON | keys).items()}
        self("train", "--quiet", f"--out_dir={name}", "--dataset=train.txt", "--val=val.txt",
             *(f"--{key}={value}" for key, value in shown.items()))
        return Run(self.folder / name)


class Run:
    """The directory of a run."""

    def __init__(self, path):
        self.path = path
        lines = [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
        self.steps = [line for line in lines if "loss" in line]

    def tensors(self, step, file="model"):
        return load_file(self.path / f"checkpoints/step-{step:06}" / f"{file}.safetensors")

    def ids(self, text):
        """The tokens of a text of ASCII characters, for tokenizer=byte or char."""
        told = json.loads((self.path / "tokenizer.json").read_text())
        if told["kind"] == "byte":
            return torch.tensor(list(text.encode()))
        return torch.tensor([told["vocab"].index(character) for character in text])


def philox(counter, key):
    """Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011): four words of 32 bits."""
    word = 0xFFFFFFFF
    for _ in range(10):
        a, b = 0xD2511F53 * counter[0], 0xCD9E8D57 * counter[2]
        counter = (b >> 32 ^ counter[1] ^ key[0], b & word, a >> 32 ^ counter[3] ^ key[1], a & word)
        key = (key[0] + 0x9E3779B9 & word, key[1] + 0xBB67AE85 & word)
    return counter


def random_windows(seed, index, batch_size, count):
    """The windows of batch number `index` of a run with windows at random positions. This must know how Hewn draws: words
    of Philox, two for each window, made numbers below `count` by Lemire's method."""
    seed ^= int.from_bytes(b"tales!\0\0", "big")
    halves = lambda number: (number & 0xFFFFFFFF, number >> 32)
    words = (word for block in range(1 << 32) for word in philox(halves(block) + halves(index), halves(seed)))
    windows = []
    while len(windows) < batch_size:
        product = (next(words) | next(words) << 32) * count
        if product % (1 << 64) >= (1 << 64) % count:
            windows.append(product >> 64)
    return windows


class Batches:
    """The micro-batches of each step of a run: tokens and targets, both [B, T]."""

    def __init__(self, ids, keys):
        self.ids, self.T, self.keys = ids, keys["block_size"], keys

    def windows(self, index):
        B, stride = self.keys["batch_size"], self.keys["stride"]
        if not stride:
            return random_windows(self.keys["seed"], index, B, len(self.ids) - self.T)
        # Shuffled. A step is an epoch here, see `text_length`; the order within it does not matter.
        first = index % self.keys["gradient_accumulation_steps"] * B
        return [stride * (first + row) for row in range(B)]

    def of_step(self, step):
        micro_steps = self.keys["gradient_accumulation_steps"]
        for m in range(micro_steps):
            begins = self.windows(step * micro_steps + m)
            rows = torch.stack([self.ids[begin:begin + self.T + 1] for begin in begins])
            yield rows[:, :-1], rows[:, 1:]


def text_length(keys):
    """How long the text must be: with a stride, so that the windows of an epoch are those of one step."""
    windows = keys["batch_size"] * keys["gradient_accumulation_steps"]
    return keys["block_size"] + 1 + (windows - 1) * keys["stride"] if keys["stride"] else keys["block_size"] + 150
