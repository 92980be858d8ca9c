"""Trains the same model on the same pairs of answers with `hewn finetune prefer` and with PyTorch and compares the losses
of all steps, and the validation at the end: GPT-2 in transformers, AdamW in torch, direct preference optimisation as its
paper defines it (Rafailov et al. 2023, equation 7), with a second, frozen model as the reference.

    build/peers/bin/pip install transformers
    build/peers/bin/python scripts/peers/compare_preference.py [--steps 20] [--label_smoothing 0.1] [--hewn build/apps/hewn]

The rows are made up. Exits with 1 if a figure differs by more than 1e-4.
"""

import argparse
import copy
import json
import pathlib
import random
import sys
import tempfile

from common import HEWN, losses_of, run, same_losses
from compare_finetune import batch

RATE, WEIGHT_DECAY, CLIP = 1e-3, 0.1, 1.0
ANSWERS = ("chosen", "rejected")


def make_rows(path, count, seed):
    """Prompts with answers of very different lengths."""
    draw = random.Random(seed)
    words = "the fox saw a bird and a bear who lived by the river near an old tree".split()
    text = lambda longest: " ".join(draw.choice(words) for _ in range(draw.randint(1, longest)))
    rows = [{"prompt": f"{number}: {text(20)}", "chosen": text(40) + " yes", "rejected": text(40) + " no"}
            for number in range(count)]
    path.write_text(json.dumps(rows))


def losses_of_hewn(args, folder):
    (folder / "text.txt").write_text(run(args.hewn, "data", "corpus", "--tales=2000"))
    run(args.hewn, "train", f"--dataset={folder}/text.txt", "--tokenizer=bpe", "--vocab_size=500", "--n_layer=2",
        "--n_head=2", "--n_embd=64", "--block_size=256", "--batch_size=4", "--max_iters=30", "--bias=true",
        "--learning_rate=1e-3", f"--out_dir={folder}/base")
    call = [args.hewn, "finetune", "prefer", f"--data={folder}/rows.json", f"--val={folder}/val.json",
            "--split=100/0/0", f"--init_from={folder}/base", f"--out_dir={folder}/run", f"--seed={args.seed}",
            f"--beta={args.beta}", f"--label_smoothing={args.label_smoothing}", f"--batch_size={args.batch_size}",
            f"--gradient_accumulation_steps={args.accumulate}", f"--max_iters={args.steps}",
            f"--learning_rate={RATE}", "--schedule=constant", "--warmup_iters=0", f"--weight_decay={WEIGHT_DECAY}",
            "--beta1=0.9", "--beta2=0.95", f"--grad_clip={CLIP}", "--dropout=0", "--log_interval=1"]
    show = ["--show=1000000", "--json"]
    rows = json.loads(run(*call, *show))
    val = json.loads(run(*call, *show, f"--data={folder}/val.json", f"--val={folder}/rows.json"))
    run(*call)
    run(args.hewn, "export", f"{folder}/base", "--format=hf", f"--out={folder}/hf")
    score = json.loads((folder / "run/evaluation.json").read_text())["validation"]
    return rows, val, losses_of(folder / "run"), score


def in_torch(args, folder, rows, val):
    import torch
    import transformers
    torch.set_num_threads(1)  # the rows are short
    model = transformers.GPT2LMHeadModel.from_pretrained(f"{folder}/hf", attn_implementation="eager").train()
    reference = copy.deepcopy(model).eval().requires_grad_(False)

    def log_probability(of, answer):
        """Of the targets of one answer, without padding."""
        tokens, targets = torch.tensor([answer["tokens"]]), torch.tensor(answer["targets"])
        logs = torch.log_softmax(of(tokens).logits[0], dim=-1)
        counted = targets != -100
        return logs[counted].gather(1, targets[counted].unsqueeze(1)).sum()

    with torch.no_grad():
        for pair in rows + val:
            pair["reference"] = [log_probability(reference, pair[name]) for name in ANSWERS]

    def margin(pair):
        chosen, rejected = (log_probability(model, pair[name]) - of_reference
                            for name, of_reference in zip(ANSWERS, pair["reference"]))
        return args.beta * (chosen - rejected)

    def loss_of(m):
        log_sigmoid = torch.nn.functional.logsigmoid
        return -(1 - args.label_smoothing) * log_sigmoid(m) - args.label_smoothing * log_sigmoid(-m)

    matrices = [p for p in model.parameters() if p.dim() >= 2]
    others = [p for p in model.parameters() if p.dim() < 2]
    optimizer = torch.optim.AdamW([{"params": matrices, "weight_decay": WEIGHT_DECAY},
                                   {"params": others, "weight_decay": 0.0}], lr=RATE, betas=(0.9, 0.95), eps=1e-8)
    length = lambda pair: max(len(pair[name]["tokens"]) for name in ANSWERS)
    losses = []
    for step in range(args.steps):
        pairs = [pair for m in range(args.accumulate)
                 for pair in batch(step * args.accumulate + m, rows, args.batch_size, args.seed, length)]
        total = 0.0
        for pair in pairs:
            loss = loss_of(margin(pair)) / len(pairs)
            loss.backward()
            total += loss.item()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(total)
    with torch.no_grad():
        margins = torch.stack([margin(pair) for pair in val])
    return losses, {"loss": loss_of(margins).mean().item(), "margin": margins.mean().item(),
                    "accuracy": (margins > 0).float().mean().item()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--beta", type=float, default=0.1)
    parser.add_argument("--label_smoothing", type=float, default=0.0)
    parser.add_argument("--batch_size", type=int, default=4)
    parser.add_argument("--accumulate", type=int, default=3, help="micro-batches per step, of unequal length")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--hewn", default=HEWN)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        make_rows(folder / "rows.json", 94, 3)  # the last batch of an epoch is smaller
        make_rows(folder / "val.json", 20, 4)
        rows, val, ours, score = losses_of_hewn(args, folder)
        theirs, expected = in_torch(args, folder, rows, val)
    same_losses(ours, theirs, args.steps, f"{args.steps} steps on {len(rows)} pairs")
    score["accuracy"] = score["accuracy"]["value"]
    apart = {key: abs(score[key] - value) for key, value in expected.items()}
    print(f"validation on {len(val)} pairs: " + ", ".join(f"{key} {score[key]:.5f}, apart {apart[key]:.2e}"
                                                          for key in apart))
    if not all(value <= 1e-4 for value in apart.values()):
        sys.exit(f"Hewn {score}, PyTorch {expected}: expected at most 1e-4")


if __name__ == "__main__":
    main()
