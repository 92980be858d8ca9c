"""Dropout, without knowledge of how Hewn draws: the masks are found from gradients, or from the loss, and then must give
Hewn's losses and gradients in PyTorch."""

import itertools

import torch

from truth.program import PLAIN, Batches
from truth.reference import Model, leaves

FORMS = ("fused", "batched", "per_head")
SMALL = {"arch": "gpt", "norm": "layernorm", "norm_eps": 1e-5, "norm_place": "pre", "pos": "learned", "pos_combine": "add",
         "act": "gelu", "residual": True, "window": 0, "bias": True, "tie": False}
RATE = 0.05


def trained(program, moved, name, model, steps, seed, **keys):
    """The run of `steps` steps of plain descent, with all its checkpoints."""
    run = {"tokenizer": "char", "seed": seed}
    plain = {key: value for key, value in model.items() if "dropout" not in key}
    moved(program, name, plain, run, learning_rate=0.05)
    return program.train(f"{name}.run", init_from=name, **model, **PLAIN, **({"batch_size": 1} | keys), seed=seed,
                         learning_rate=RATE, max_iters=steps, eval_interval=1)


def batch_of(program, run, model, seed, step):
    keys = {"block_size": model["block_size"], "batch_size": 1, "stride": 0, "gradient_accumulation_steps": 1, "seed": seed}
    return next(Batches(run.ids((program.folder / "train.txt").read_text()), keys).of_step(step))


def differences_under(masks, model, run, step, batch):
    """How far the loss and the gradients of a step are from PyTorch's under these masks."""
    before, after = run.tensors(step), run.tensors(step + 1)
    w = leaves(before)
    loss = Model(model, w, masks).loss(*batch)
    loss.backward()
    worst = max(((before[name] - after[name]) / RATE - value.grad).abs().max().item() /
                value.grad.abs().max().clamp(min=1e-5).item() for name, value in w.items())
    return {"loss": abs(loss.item() - run.steps[step]["loss"]), "gradient": worst}


class Shares:
    """Shares that are random, and how many standard deviations each is from what is expected."""

    def __init__(self):
        self.found = []

    def add(self, what, events, expected):
        share, deviation = events.double().mean().item(), (expected * (1 - expected) / events.numel()) ** 0.5
        self.found.append((abs(share - expected) / deviation,
                           f"{what}: {share:.4f} of {events.numel()}, expected {expected:.4f}"))

    def kept(self, place, masks, p):
        """Of masks [steps, elements]: 1 - p of them are kept, and successive steps have independent masks."""
        self.add(place, masks, 1 - p)
        self.equal(f"{place}, this step and the next", masks[1:], masks[:-1], p)

    def equal(self, what, a, b, p):
        """Independent masks are equal in (1 - p)^2 + p^2 of their elements."""
        self.add(what, a == b, (1 - p) ** 2 + p * p)

    def judge(self, table, title):
        farthest, what = max(self.found)
        table.say(f"{title}: {len(self.found)} shares, the farthest {farthest:.1f} standard deviations off ({what})",
                  farthest <= 4.5)


def step_by_step(steps, differences_of):
    """The largest differences of all steps."""
    worst = {}
    for step in range(steps):
        for kind, number in differences_of(step).items():
            worst[kind] = max(worst.get(kind, 0), number, key=lambda x: (x != x, x))
    return worst


def masks_in_gradients(run, step):
    """With one position: what a place of dropout drops has no gradient in the bias, or the row of a table, before it."""
    before, after = run.tensors(step), run.tensors(step + 1)
    kept = lambda name: (before[name] != after[name]).double()
    masks = {"embeddings": kept("transformer.wpe.weight")[None]}
    for layer in range(2):
        name = f"transformer.h.{layer}."
        masks["attention", layer] = kept(name + "attn.c_proj.bias")[None, None]
        masks["mlp", layer] = kept(name + "mlp.c_proj.bias")[None, None]
        values = kept(name + "attn.c_attn.bias")[48:].view(4, 6).amax(1)
        masks["weights", layer] = values[None, :, None, None]
    return masks


def places(table, program, seed, written, moved, form, steps=120, p=0.3, q=0.4):
    """All places of dropout of two blocks."""
    model = SMALL | {"n_layer": 2, "n_head": 4, "n_kv_head": 4, "n_embd": 24, "block_size": 1, "attention": form,
                     "dropout": p, "attn_dropout": q}
    written(program, 300, seed)
    run = trained(program, moved, f"places-{form}", model, steps, seed)
    rate = lambda place: q if place[0] == "weights" else p
    found = {}

    def differences(step):
        masks = masks_in_gradients(run, step)
        for place, mask in masks.items():
            found.setdefault(place, []).append(mask.flatten() > 0)
        factors = {place: mask / (1 - rate(place)) for place, mask in masks.items()}
        return differences_under(factors, model, run, step, batch_of(program, run, model, seed, step))

    table.compare(f"{form}: {steps} steps under the masks that their gradients show", step_by_step(steps, differences))
    found, shares = {place: torch.stack(masks) for place, masks in found.items()}, Shares()
    for place, masks in found.items():
        shares.kept(place, masks, rate(place))
    for a, b in itertools.combinations(found, 2):
        if found[a].shape == found[b].shape:
            shares.equal(f"{a} and {b}", found[a], found[b], rate(a))
    shares.judge(table, f"{form}: kept at each place, and equal in two places or steps")


def rows_and_micro_steps(table, program, seed, written, moved, steps=60, p=0.6):
    """A gradient that sums four masked ones is zero where all four masks are."""
    for what, T, keys in (("two rows of two positions", 2, {"batch_size": 2}),
                          ("four micro-steps", 1, {"gradient_accumulation_steps": 4})):
        model = SMALL | {"n_layer": 1, "n_head": 2, "n_kv_head": 2, "n_embd": 24, "block_size": T, "dropout": p,
                         "attn_dropout": 0}
        written(program, 300, seed)
        run = trained(program, moved, what.replace(" ", "-"), model, steps, seed, **keys)
        tensors = [run.tensors(step)["transformer.h.0.mlp.c_proj.bias"] for step in range(steps + 1)]
        shares = Shares()
        shares.add("dropped in all", torch.stack([a == b for a, b in zip(tensors, tensors[1:])]), p ** 4)
        shares.judge(table, what)


def attention_weights(table, program, seed, written, moved, form, steps=30, p=0.4):
    """Two heads of three positions have 2^12 masks. The one whose loss is that of the step must give its gradients."""
    T, H = 3, 2
    model = SMALL | {"n_layer": 1, "n_head": H, "n_kv_head": 1, "n_embd": 16, "block_size": T, "attention": form,
                     "dropout": 0, "attn_dropout": p}
    written(program, 300, seed)
    run = trained(program, moved, f"weights-{form}", model, steps, seed)
    bits = torch.tensor(list(itertools.product((0.0, 1.0), repeat=12)), dtype=torch.float64)
    every = torch.zeros(len(bits), H, T, T, dtype=torch.float64)
    every[:, :, torch.ones(T, T).tril().bool()] = bits.view(-1, H, 6)
    found = []

    def differences(step):
        tokens, targets = batch_of(program, run, model, seed, step)
        copies = [ids.expand(len(bits), -1) for ids in (tokens, targets)]
        losses = Model(model, run.tensors(step), {("weights", 0): every / (1 - p)}).losses(*copies).mean(1)
        nearest = (losses - run.steps[step]["loss"]).abs().argmin()
        found.append(bits[nearest].view(H, 6) > 0)
        masks = {("weights", 0): every[nearest][None] / (1 - p)}
        return differences_under(masks, model, run, step, (tokens, targets))

    table.compare(f"{form}: {steps} steps under the mask of 4096 that their loss shows", step_by_step(steps, differences))
    masks, shares = torch.stack(found), Shares()
    shares.kept("weights", masks.flatten(1), p)
    shares.equal("two heads", masks[:, 0], masks[:, 1], p)
    shares.judge(table, f"{form}: kept of the weights of attention")


def long_blocks(table, program, seed, written, moved):
    """Blocks longer than those of the fused form, which recomputes its mask: that of the explicit form."""
    model = SMALL | {"n_layer": 2, "n_head": 6, "n_kv_head": 2, "n_embd": 36, "block_size": 77, "window": 50}
    written(program, 300, seed)
    moved(program, "long", model, {"tokenizer": "char", "seed": seed}, learning_rate=0.05)
    runs = [program.train(f"long-{form}", init_from="long", **model, attention=form, dropout=0.2, attn_dropout=0.4,
                          batch_size=3, max_iters=5, learning_rate=0.01, seed=seed) for form in ("fused", "batched")]
    differences = {"loss": max(abs(a["loss"] - b["loss"]) for a, b in zip(*(run.steps for run in runs))),
                   "norm": max(abs(a["grad_norm"] - b["grad_norm"]) for a, b in zip(*(run.steps for run in runs)))}
    table.compare("fused and batched: 5 steps of 77 positions, window 50", differences)


def check(table, program, seed, written, moved):
    for form in FORMS:
        places(table, program, seed, written, moved, form)
        attention_weights(table, program, seed, written, moved, form)
    long_blocks(table, program, seed, written, moved)
    rows_and_micro_steps(table, program, seed, written, moved)
