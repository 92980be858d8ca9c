"""Times a step of LoRA in Hewn and in PyTorch with PEFT and transformers, eager and compiled, in alternation, beside
Hewn's full step, that of the last two blocks, and that of a classifier's head.

    build/peers/bin/pip install transformers peft
    build/peers/bin/python scripts/peers/compare_lora.py --rounds 3           # GPT-2 124M, 4 x 64 and 1 x 1024 tokens
    build/peers/bin/python scripts/peers/compare_lora.py --quick              # a tiny model, to try the script

Rank 8 on all linear layers of the blocks, float32, random weights and tokens, and the same parameters on both sides,
which is checked. Memory is the largest resident memory of each process. Prints two Markdown tables per shape: the
contenders, and Hewn's memory beside what `hewn plan` predicts. Needs a built `hewn`; run it on a quiet machine.
"""

import argparse
import json
import sys

from common import HEWN, ROOT, Measured, counted, in_turn, markdown, run

GPT2 = dict(n_layer=12, n_head=12, n_embd=768, vocab_size=50257)
TINY = dict(n_layer=2, n_head=2, n_embd=64, vocab_size=500)
# What Hewn trains. A language model's head is the table of embeddings, whose gradient needs the whole backward pass; a
# classifier's has weights of its own, where the backward pass ends.
WAYS = {
    "LoRA": ["--train=lora", "--lora_rank=8"],
    "all": [],
    "last two blocks": ["--train=last:2"],
    "classifier, all": ["--n_labels=2"],
    "classifier, head": ["--n_labels=2", "--train=head"],
}


def keys_of(args, shape, way):
    batch, block = shape
    model = TINY if args.quick else GPT2
    return ["--bias=true", "--dropout=0", f"--block_size={block}", f"--batch_size={batch}", "--grad_clip=1",
            *(f"--{key}={value}" for key, value in model.items()), *WAYS[way]]


def hewn(args, shape, way):
    process = Measured(args.hewn, "bench", "train", *keys_of(args, shape, way), f"--threads={args.threads}",
                       f"--repeat={args.steps[shape]}", "--json")
    result = process.json()[0]
    return result["best_ms"], result["median_ms"], process.peak_bytes


def torch(args, shape, mode, seen):
    batch, block = shape
    size = TINY if args.quick else GPT2
    process = Measured(
        sys.executable, ROOT / "scripts/peers/torch_lora.py", f"--batch={batch}", f"--block={block}",
        f"--layers={size['n_layer']}", f"--heads={size['n_head']}", f"--width={size['n_embd']}",
        f"--vocab={size['vocab_size']}", f"--mode={mode}", f"--threads={args.threads}", f"--seconds={args.seconds}")
    seen.update(process.json())
    return seen["best_ms"], seen["median_ms"], process.peak_bytes


def planned(args, shape, way):
    return json.loads(run(args.hewn, "plan", *keys_of(args, shape, way), f"--threads={args.threads}", "--json"))


def compare(args, shape):
    peer = {}
    contenders = {f"Hewn, {way}": lambda way=way: hewn(args, shape, way) for way in WAYS}
    for mode in ("eager",) if args.quick else ("eager", "compile"):
        contenders[f"PyTorch, LoRA, {mode}"] = lambda mode=mode: torch(args, shape, mode, peer)
    timings = in_turn(contenders, args.rounds)
    plans = {way: planned(args, shape, way) for way in WAYS}
    if plans["LoRA"]["trained_parameters"] != peer["trained"]:
        sys.exit(f"Hewn trains {plans['LoRA']['trained_parameters']} parameters, PEFT {peer['trained']}")

    ours, full = timings["Hewn, LoRA"], timings["Hewn, all"]
    share = lambda x, y: f"{x / y:.2f}"
    rows = []
    for name, t in timings.items():
        base = timings["Hewn, classifier, all"] if "classifier" in name else full
        versus = [share(t.best, base.best), ""] if name.startswith("Hewn") else ["", share(ours.best, t.best)]
        rows.append([name, f"{t.best:.1f}", f"{t.median:.1f}", f"{t.peak_bytes / 1e6:.0f}", *versus,
                     "" if name.startswith("Hewn") else share(ours.peak_bytes, t.peak_bytes)])
    print(f"\n{shape[0]} x {shape[1]} tokens, {counted(args.threads, 'thread')}, {counted(args.rounds, 'round')} in "
          f"turn; PyTorch {peer['torch']}, PEFT {peer['peft']}, transformers {peer['transformers']}\n")
    print(markdown(["step", "best ms", "median ms", "peak MB", "of Hewn's full step", "Hewn's LoRA takes, time",
                    "memory"], rows))
    print("\n" + markdown(
        ["Hewn trains", "numbers that train", "planned MB", "weights and what trains, MB", "the rest, MB"],
        [[way, f"{plan['trained_parameters']:,}", f"{plan['peak_bytes'] / 1e6:.0f}",
          f"{(4 * plan['parameters'] + 12 * plan['trained_parameters']) / 1e6:.0f}",
          f"{(plan['peak_bytes'] - 4 * plan['parameters'] - 12 * plan['trained_parameters']) / 1e6:.0f}"]
         for way, plan in plans.items()]), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--shapes", default="4x64,1x1024", help="rows x tokens of a batch")
    parser.add_argument("--seconds", type=float, default=10, help="seconds to measure PyTorch, in each round")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--hewn", default=HEWN)
    args = parser.parse_args()
    shapes = [tuple(int(n) for n in shape.split("x")) for shape in args.shapes.split(",")]
    args.steps = {(batch, block): max(4, 2560 // (batch * block)) for batch, block in shapes}
    if args.quick:
        args.rounds, args.seconds = 2, 0.2
    for shape in args.steps:
        compare(args, shape)


if __name__ == "__main__":
    main()
