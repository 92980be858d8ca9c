"""Fine-tunes the same model on the same rows with Hewn and with PyTorch and compares the losses of all steps: GPT-2 in
transformers, AdamW in torch, micro-batches of unequal length weighted by their targets; once with all parameters, and
once with LoRA on all linear layers, in PyTorch by PEFT, which begins with the adapter that Hewn began with.

    build/peers/bin/pip install transformers peft
    build/peers/bin/python scripts/peers/compare_finetune.py [--data FILE.json] [--steps 50] [--hewn build/apps/hewn]

The order of the rows follows from the seed by the rule of train/tasks/row_batches.h, which is implemented here again.
Without --data, the rows are made up. Exits with 1 if a loss differs by more than 1e-4.
"""

import argparse
import json
import pathlib
import random
import sys
import tempfile

from common import HEWN, losses_of, run, same_losses

MASK32, MASK64 = 2**32 - 1, 2**64 - 1
RATE, WEIGHT_DECAY, CLIP = 1e-3, 0.1, 1.0


# ---- the order of rows ----

def philox(counter, key):
    """Philox 4x32-10 (Salmon et al. 2011)."""
    a, b, c, d = counter
    k, m = key
    for _ in range(10):
        low, high = 0xD2511F53 * a, 0xCD9E8D57 * c
        a, b, c, d = (high >> 32) ^ b ^ k, high & MASK32, (low >> 32) ^ d ^ m, low & MASK32
        k, m = (k + 0x9E3779B9) & MASK32, (m + 0xBB67AE85) & MASK32
    return a, b, c, d


def shuffled(i, n, seed, epoch):
    half = max(1, ((n - 1).bit_length() + 1) // 2)
    mask, key = (1 << half) - 1, (seed ^ 0x74616C6573210000) & MASK64
    x = i
    while True:
        left, right = x >> half, x & mask
        for turn in range(6):
            word = philox((right, turn, epoch & MASK32, epoch >> 32), (key & MASK32, key >> 32))[0]
            left, right = right, left ^ (word & mask)
        x = left << half | right
        if x < n:
            return x


def batch(index, rows, size, seed, length=lambda row: len(row["tokens"])):
    """The rows of a batch: an epoch is a permutation, whose pieces of 32 batches are sorted by length."""
    count = -(-len(rows) // size)
    epoch, within = divmod(index, count)
    place = shuffled(within, count, seed ^ 0x6261746368657300, epoch)
    first = place // 32 * 32 * size
    piece = [shuffled(i, len(rows), seed, epoch) for i in range(first, min(first + 32 * size, len(rows)))]
    piece.sort(key=lambda number: length(rows[number]))
    begin = place % 32 * size
    return [rows[number] for number in piece[begin:begin + size]]


# ---- both sides ----

def make_rows(path):
    """Instructions of very different lengths."""
    draw = random.Random(3)
    words = "the fox saw a bird and a bear who lived by the river near an old tree".split()
    text = lambda longest: " ".join(draw.choice(words) for _ in range(draw.randint(1, longest)))
    path.write_text(json.dumps([{"instruction": text(30), "input": text(8) if draw.random() < 0.5 else "",
                                 "output": text(40)} for _ in range(150)]))


def make_base(args, folder):
    """A model that has learned a little, as a run and as a model of transformers."""
    (folder / "text.txt").write_text(run(args.hewn, "data", "corpus", "--tales=2000"))
    run(args.hewn, "train", f"--dataset={folder}/text.txt", "--tokenizer=bpe", "--vocab_size=500", "--n_layer=2",
        "--n_head=2", "--n_embd=64", "--block_size=256", "--batch_size=4", "--max_iters=30", "--bias=true",
        "--learning_rate=1e-3", f"--out_dir={folder}/base")
    run(args.hewn, "export", f"{folder}/base", "--format=hf", f"--out={folder}/hf")


def losses_of_hewn(args, folder, train):
    """The rows as tokens, and the losses. All checkpoints are kept: the first one holds the adapter as it begins."""
    call = [args.hewn, "finetune", "instruct", f"--data={args.data}", "--split=100/0/0", f"--init_from={folder}/base",
            f"--out_dir={folder}/{train}", f"--seed={args.seed}", f"--batch_size={args.batch_size}",
            f"--gradient_accumulation_steps={args.accumulate}", f"--max_iters={args.steps}", f"--learning_rate={RATE}",
            "--schedule=constant", "--warmup_iters=0", f"--weight_decay={WEIGHT_DECAY}", "--beta1=0.9", "--beta2=0.95",
            f"--grad_clip={CLIP}", "--dropout=0", "--log_interval=1", "--keep=1000", f"--train={train}"]
    if train == "lora":
        call += ["--lora_rank=4", "--lora_alpha=12"]
    rows = json.loads(run(*call, "--show=1000000", "--json"))
    run(*call)
    return rows, losses_of(folder / train)


def model_of_torch(folder, train):
    import transformers
    model = transformers.GPT2LMHeadModel.from_pretrained(f"{folder}/hf", attn_implementation="eager")
    if train == "lora":
        from peft import PeftModel
        model = PeftModel.from_pretrained(model, folder / train / "checkpoints/step-000000", is_trainable=True)
    return model.train()


def losses_of_torch(args, folder, train, rows):
    import torch
    torch.set_num_threads(args.threads)
    model = model_of_torch(folder, train)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW([{"params": [p for p in trained if p.dim() >= 2], "weight_decay": WEIGHT_DECAY},
                                   {"params": [p for p in trained if p.dim() < 2], "weight_decay": 0.0}],
                                  lr=RATE, betas=(0.9, 0.95), eps=1e-8)
    losses = []
    for step in range(args.steps):
        micro = [batch(step * args.accumulate + m, rows, args.batch_size, args.seed) for m in range(args.accumulate)]
        counted = sum(target != -100 for some in micro for row in some for target in row["targets"])
        total = 0.0
        for some in micro:
            longest = max(len(row["tokens"]) for row in some)
            pad = lambda row, name, fill: row[name] + [fill] * (longest - len(row["tokens"]))
            tokens = torch.tensor([pad(row, "tokens", 0) for row in some])
            targets = torch.tensor([pad(row, "targets", -100) for row in some])
            logits = model(input_ids=tokens).logits
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-100,
                                                     reduction="sum") / counted
            loss.backward()
            total += loss.item()
        torch.nn.utils.clip_grad_norm_(trained, CLIP)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(total)
    return losses, sum(p.numel() for p in trained)


def compare(args, folder, train):
    """Ends the script if the losses differ."""
    rows, ours = losses_of_hewn(args, folder, train)
    theirs, trained = losses_of_torch(args, folder, train, rows)
    same_losses(ours, theirs, args.steps,
                f"train={train}: {trained} numbers train, {args.steps} steps on {len(rows)} rows")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data")
    parser.add_argument("--train", nargs="+", choices=["all", "lora"], default=["all", "lora"])
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--batch_size", type=int, default=4)
    parser.add_argument("--accumulate", type=int, default=3, help="micro-batches per step, of unequal length")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2, help="of PyTorch")
    parser.add_argument("--hewn", default=HEWN)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        if args.data is None:
            args.data = folder / "rows.json"
            make_rows(args.data)
        make_base(args, folder)
        for train in args.train:
            compare(args, folder, train)


if __name__ == "__main__":
    main()
