#!/usr/bin/env python3
"""Checks that recurrent networks trained by Hewn are those of PyTorch: losses and gradients in float64.

    python scripts/peers/check_recurrent.py build/apps/hewn

For torch.nn.RNN and torch.nn.LSTM, one and two layers, with and without biases and a tied head: trains two steps of
plain gradient descent on a text of one window, so that the second step's gradient is the difference of two checkpoints,
and compares loss and every gradient with a PyTorch model of the first checkpoint's weights. Hewn's matrices are PyTorch's
transposed; PyTorch's second bias is zero and its gradient that of the first. Prints a line per model; exits 1 if one
differs by more than 1e-10, relative to the largest element of a gradient. Needs torch and safetensors.
"""

import argparse
import json
import pathlib
import random
import subprocess
import sys
import tempfile

import torch
from safetensors.torch import load_file

T, C = 24, 12

parser = argparse.ArgumentParser()
parser.add_argument("hewn")
hewn = parser.parse_args().hewn


def trained(directory, arch, layers, bias, tie):
    """The weights after one and two steps, and the loss of the second step."""
    text = directory / "text.txt"
    keys = {
        "dataset": text, "val": text, "tokenizer": "byte", "out_dir": directory / "run", "arch": arch, "n_layer": layers,
        "n_embd": C, "block_size": T, "bias": bias, "tie": tie, "dtype": "f64", "batch_size": 2, "max_iters": 2,
        "optimizer": "sgd", "beta1": 0, "grad_clip": 0, "weight_decay": 0, "learning_rate": 1, "min_lr": 1,
        "schedule": "constant", "warmup_iters": 0, "eval_interval": 1, "eval_iters": 1, "log_interval": 1}
    done = subprocess.run([hewn, "train", "--quiet", *(f"--{key}={value}" for key, value in keys.items())],
                          capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    weights = [load_file(directory / "run" / "checkpoints" / f"step-00000{n}" / "model.safetensors") for n in (1, 2)]
    metrics = [json.loads(line) for line in (directory / "run" / "metrics.jsonl").read_text().splitlines()]
    return weights, next(line["loss"] for line in metrics if line["step"] == 2 and "loss" in line)


def module_of(arch, layers, bias, weights):
    make = torch.nn.LSTM if arch == "lstm" else torch.nn.RNN
    module = make(C, C, num_layers=layers, bias=bias, batch_first=True).double()
    with torch.no_grad():
        for layer in range(layers):
            getattr(module, f"weight_ih_l{layer}").copy_(weights[f"layers.{layer}.input.weight"].T)
            getattr(module, f"weight_hh_l{layer}").copy_(weights[f"layers.{layer}.recurrent.weight"].T)
            if bias:
                getattr(module, f"bias_ih_l{layer}").copy_(weights[f"layers.{layer}.input.bias"])
                getattr(module, f"bias_hh_l{layer}").zero_()
    return module


def difference(arch, layers, bias, tie):
    """The largest relative difference of the loss and of the gradients."""
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        draw = random.Random(layers)
        text = bytes(draw.randrange(97, 123) for _ in range(T + 1))
        (directory / "text.txt").write_bytes(text)
        (before, after), loss = trained(directory, arch, layers, bias, tie)
    module = module_of(arch, layers, bias, before)
    table = before["wte.weight"].clone().requires_grad_()
    head = table if tie else before["lm_head.weight"].clone().requires_grad_()
    ids = torch.tensor(list(text))
    y, _ = module(table[ids[None, :-1]])
    ours = torch.nn.functional.cross_entropy((y @ head.T)[0], ids[1:])
    ours.backward()
    gradients = {"wte.weight": table.grad}
    if not tie:
        gradients["lm_head.weight"] = head.grad
    for layer in range(layers):
        gradients[f"layers.{layer}.input.weight"] = getattr(module, f"weight_ih_l{layer}").grad.T
        gradients[f"layers.{layer}.recurrent.weight"] = getattr(module, f"weight_hh_l{layer}").grad.T
        if bias:
            gradients[f"layers.{layer}.input.bias"] = getattr(module, f"bias_ih_l{layer}").grad
    assert gradients.keys() == before.keys(), (gradients.keys(), before.keys())
    worst = abs(loss - ours.item())
    for key, gradient in gradients.items():
        step = before[key] - after[key]
        worst = max(worst, ((step - gradient).abs().max() / gradient.abs().max()).item())
    return worst


failures = 0
for arch in ("rnn", "lstm"):
    for layers in (1, 2):
        for bias in (True, False):
            for tie in (True, False):
                worst = difference(arch, layers, bias, tie)
                good = worst <= 1e-10
                failures += not good
                print(f"{'ok  ' if good else 'FAIL'} {arch}, {layers} layers, bias={bias}, tie={tie}: {worst:.1e}", flush=True)
sys.exit(1 if failures else 0)
