#!/usr/bin/env python3
"""Checks what Hewn computes beside PyTorch, in float64: whole models, training, generation, dropout.

    python scripts/peers/check_truth.py [build/apps/hewn] [--seed=N] [--configs=30] [--curves=8] [--only=WHAT] [--keep=DIR]

The model of scripts/peers/truth/reference.py is written for this check from the documented formulas, in PyTorch's own
operations. Every configuration begins from weights that a few coarse steps have moved away from 0 and 1, so that each
bias and each norm counts. WHAT is one of:

  gradients   30 configurations drawn by seed, with every value of every key: loss, norm and all gradients of a step of
              plain descent, and the scores of `hewn eval` on a text, with and without a stride
  curves      8 of them for 300 steps: loss, learning rate and gradient norm of each step, weights and moments at the end
  generation  texts of three and a half blocks, with caches: every token's probability, and greedy choices, are those of
              a model that reads the context anew
  dropout     the masks, found from gradients and losses: their share of kept elements, their scale, that no two places,
              rows or steps share one, and the gradients under them

Prints a line for each comparison, and the largest differences; exits 1 if one exceeds 1e-9: absolute for losses, and
relative to the largest element of its tensor for gradients and weights. Needs torch and safetensors.
"""

import argparse
import json
import pathlib
import random
import sys
import tempfile

import torch

from common import HEWN, Checks, markdown
from truth import dropout, generation
from truth.configurations import configurations, described, missing
from truth.program import PLAIN, Batches, Program, text_length
from truth.reference import Model, leaves

TOLERANCE = 1e-9
LETTERS = "abcdefghij "


class Table(Checks):
    """The comparisons of one part, and the largest difference of each kind."""

    def __init__(self):
        super().__init__()
        self.largest = {}

    def compare(self, what, differences):
        """Prints and judges differences {kind: number}; NaN fails."""
        for kind, number in differences.items():
            self.largest[kind] = max(self.largest.get(kind, 0), number, key=lambda x: (x != x, x))
        self.say(what, all(number <= TOLERANCE for number in differences.values()),
                 ": " + ", ".join(f"{kind} {number:.1e}" for kind, number in differences.items()))


def apart(a, b):
    """The largest difference of two tensors, relative to the largest element of b."""
    return ((a - b).abs().max() / b.abs().max().clamp(min=1e-5)).item()


def written(program, length, seed):
    """Writes train.txt of this length, and val.txt of the letters that are in it; returns both."""
    draw = random.Random(seed)
    text = "".join(draw.choices(LETTERS, range(1, len(LETTERS) + 1), k=length))
    val = "".join(draw.choices(sorted(set(text)), k=231))
    (program.folder / "train.txt").write_text(text)
    (program.folder / "val.txt").write_text(val)
    return text, val


def moved(program, name, model, run, **keys):
    """A run whose weights have left their initial values."""
    keys = PLAIN | {"optimizer": "adam", "beta1": 0.9, "learning_rate": 0.1, "max_iters": 8, "eval_interval": 8,
                    "tokenizer": run["tokenizer"], "batch_size": 2, "seed": run["seed"]} | keys
    return program.train(name, **model, **keys)


def gradient_of(model, weights, batches, trains):
    """Loss and gradients of a step: of the mean over the targets of all micro-batches, which have equally many."""
    w = leaves(weights, trains)
    losses = [Model(model, w).loss(*batch) for batch in batches]
    loss = torch.stack(losses).mean()
    loss.backward()
    return loss.item(), {name: value.grad for name, value in w.items() if value.requires_grad}


def trained_part(model, train):
    """Whether a parameter trains with `train`, by name."""
    if train == "all":
        return lambda name: True
    last = int(train.removeprefix("last:")) if train != "head" else 0
    parts = ["lm_head."] + [f"transformer.h.{layer}." for layer in range(model["n_layer"] - last, model["n_layer"])]
    return lambda name: name.startswith(tuple(parts + ["transformer.ln_f."] * (last > 0)))


def scores(program, name, model, weights, ids):
    """How far the losses of `hewn eval` are from those of the model: windows side by side, and overlapping ones."""
    T, worst = model["block_size"], 0
    for stride in (0, max(1, T // 3)):
        told = json.loads(program("eval", name, "--val=val.txt", "--json", *([f"--stride={stride}"] if stride else [])))
        losses, scored = [], 1
        for begin in range(0, len(ids) - 1, stride or T):
            end = min(begin + T, len(ids) - 1)
            if stride == 0 and end < begin + T:
                break
            row = Model(model, weights).losses(ids[None, begin:end], ids[None, begin + 1:end + 1])[0]
            losses.append(row[max(0, scored - begin - 1):])
            scored = end + 1
            if end == len(ids) - 1:
                break
        losses = torch.cat(losses)
        if told["tokens"] != len(losses):
            return float("nan")
        worst = max(worst, abs(told["loss"] - losses.mean().item()))
    return worst


def check_gradients(table, program, i, model, run):
    """One step of plain gradient descent, and the scores before it."""
    text, val = written(program, text_length(model | run), run["seed"])
    before = moved(program, f"g{i}", model, run)
    kept = ("batch_size", "gradient_accumulation_steps", "train", "recompute", "stride", "threads", "seed")
    keys = {key: run[key] for key in kept} | ({"epochs": 1} if run["stride"] else {})
    after = program.train(f"g{i}.step", init_from=f"g{i}", **model, **PLAIN, **keys, learning_rate=1, max_iters=1,
                          eval_interval=1)
    w, moved_to = after.tensors(0), after.tensors(1)
    trains = trained_part(model, run["train"])
    loss, gradients = gradient_of(model, w, Batches(before.ids(text), model | run).of_step(0), trains)
    norm = torch.stack([g.norm() for g in gradients.values()]).norm().item()
    told = after.steps[0]
    differences = {"loss": abs(told["loss"] - loss), "norm": abs(told["grad_norm"] - norm) / max(1, norm),
                   "gradient": max(apart(w[name] - moved_to[name], g) for name, g in gradients.items()),
                   "eval": scores(program, f"g{i}", model, before.tensors(8), before.ids(val))}
    fixed = [name for name in w if not trains(name) and not torch.equal(w[name], moved_to[name])]
    start = before.tensors(8)
    if norm < 1e-3:
        differences["gradients that vanish"] = float("nan")
    if fixed or w.keys() != start.keys() or any(not torch.equal(w[name], start[name]) for name in w):
        differences["weights that must not change"] = float("nan")
    note = "" if run["train"] == "all" else f" train={run['train']}"
    table.compare(f"{i:2} {described(model)}{note}", differences)


def learning_rate(keys, step):
    """docs/cli.md: linear warm-up, then the decay to min_lr."""
    peak, least, warm, last = keys["learning_rate"], keys["min_lr"], keys["warmup_iters"], keys["max_iters"]
    if step < warm:
        return peak * (step + 1) / (warm + 1)
    part = torch.tensor((step - warm) / (last - warm), dtype=torch.float64)
    shape = {"cosine": (1 + torch.cos(torch.pi * part)) / 2, "linear": 1 - part, "constant": 1 + 0 * part}
    return least + (peak - least) * shape[keys["schedule"]].item() if keys["schedule"] != "constant" else peak


def optimizer_for(keys, w):
    """PyTorch's optimizer with these keys; matrices decay."""
    decay = lambda decays: dict(params=[p for p in w.values() if p.requires_grad and (p.dim() > 1) == decays],
                                weight_decay=keys["weight_decay"] if decays else 0)
    groups = [group for group in (decay(True), decay(False)) if group["params"]]
    if keys["optimizer"] == "sgd":
        return torch.optim.SGD(groups, lr=1, momentum=keys["beta1"])
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[keys["optimizer"]]
    return kind(groups, lr=1, betas=(keys["beta1"], keys["beta2"]))


def moments_apart(optimizer, w, moments):
    """How far the moments at the end are from PyTorch's."""
    worst = 0
    for name, value in w.items():
        state = optimizer.state.get(value, {})
        for ours, theirs in (("m", "exp_avg"), ("v", "exp_avg_sq"), ("m", "momentum_buffer")):
            if state.get(theirs) is not None:
                worst = max(worst, apart(moments[f"{ours}.{name}"], state[theirs]))
    return worst


def check_curve(table, program, i, model, run):
    """300 steps, from the same weights and with the same batches."""
    steps = 300
    text, _ = written(program, text_length(model | run), run["seed"])
    start = moved(program, f"c{i}", model, run, learning_rate=0.03)
    rate = 0.03 if run["optimizer"] == "sgd" else 3e-3
    keys = run | {"learning_rate": rate, "min_lr": rate / 10, "max_iters": steps, "eval_interval": steps}
    given = {key: value for key, value in keys.items() if key != "tokenizer"} | ({"epochs": steps} if run["stride"] else {})
    ours = program.train(f"c{i}.run", init_from=f"c{i}", **model, **given)
    w = leaves(start.tensors(8), trained_part(model, run["train"]))
    optimizer, batches = optimizer_for(keys, w), Batches(start.ids(text), model | run)
    differences = {"loss": 0, "rate": 0, "norm": 0}
    for step, told in enumerate(ours.steps):
        optimizer.zero_grad()
        loss = torch.stack([Model(model, w).loss(*batch) for batch in batches.of_step(step)]).mean()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_([p for p in w.values() if p.requires_grad],
                                              keys["grad_clip"] or float("inf")).item()
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(keys, step)
        optimizer.step()
        for kind, a, b in (("loss", told["loss"], loss.item()), ("norm", told["grad_norm"], norm),
                           ("rate", told["learning_rate"] / rate, learning_rate(keys, step) / rate)):
            differences[kind] = max(differences[kind], abs(a - b), key=lambda x: (x != x, x))
    end, moments = ours.tensors(steps), ours.tensors(steps, "optimizer")
    differences["weights"] = max(apart(end[name], value.detach()) for name, value in w.items())
    differences["moments"] = moments_apart(optimizer, w, moments)
    if len(ours.steps) != steps:
        differences["steps"] = float("nan")
    how = f"{keys['optimizer']} {keys['schedule']} clip={keys['grad_clip']} loss {ours.steps[-1]['loss']:.3f}"
    table.compare(f"{i:2} {described(model)}; {how}", differences)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("hewn", nargs="?", default=HEWN)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--configs", type=int, default=30)
    parser.add_argument("--curves", type=int, default=8)
    parser.add_argument("--only", choices=["gradients", "curves", "generation", "dropout"])
    parser.add_argument("--keep", help="a new directory for the runs, which stay there")
    args = parser.parse_args()
    torch.set_num_threads(1)
    chosen = configurations(args.configs, args.seed)
    if args.configs >= 30 and missing(chosen):
        sys.exit("these values do not occur: " + ", ".join(missing(chosen)) + "; choose another --seed")
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(args.keep or temporary)
        folder.mkdir(parents=True, exist_ok=True)
        program = Program(args.hewn, folder)
        parts = {
            "gradients": lambda table: [check_gradients(table, program, i, *pair) for i, pair in enumerate(chosen)],
            "curves": lambda table: [check_curve(table, program, i, *pair) for i, pair in enumerate(chosen[:args.curves])],
            "generation": lambda table: generation.check(table, program, chosen, written, moved),
            "dropout": lambda table: dropout.check(table, program, args.seed, written, moved),
        }
        rows, failures = [], 0
        for part, check in parts.items():
            if args.only in (None, part):
                print(part, flush=True)
                table = Table()
                check(table)
                failures += table.failures
                rows += [[part, kind, f"{number:.1e}"] for kind, number in table.largest.items()]
    print("\nThe largest differences:\n" + markdown(["part", "what", "difference"], rows))
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
