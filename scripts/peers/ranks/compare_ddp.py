"""Compares training with several processes with PyTorch's DistributedDataParallel over Gloo.

    build/peers/bin/pip install transformers
    build/peers/bin/python scripts/peers/ranks/compare_ddp.py --losses             # 50 losses on the same weights and batches
    build/peers/bin/python scripts/peers/ranks/compare_ddp.py --rounds 3           # time of a step of GPT-2 124M, in turn

Losses: a small model begins in Hewn, is exported for transformers, and takes 50 steps of 8 micro-steps on both sides, with
AdamW and clipping; exits with 1 if a loss differs by more than 1e-4. Times: 4 x 64 tokens, 8 micro-steps in a step, random
weights and tokens, the moments divided among the processes on both sides. Needs a built `hewn`; time it on a quiet
machine.
"""

import argparse
import pathlib
import random
import struct
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from common import HEWN, ROOT, Measured, counted, in_turn, losses_of, markdown, run, same_losses

SHAPE = ["--n_layer=12", "--n_head=12", "--n_embd=768", "--vocab_size=50257", "--bias=true", "--dropout=0",
         "--block_size=64", "--batch_size=4"]


def compare_losses(args):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        draw, ids = random.Random(5), [0]
        for _ in range(60000):  # each token follows from the last one, mostly
            ids.append((7 * ids[-1] + 3) % 500 if draw.random() < 0.7 else draw.randrange(500))
        for part, some in (("train", ids[:-2000]), ("val", ids[-2000:])):
            (folder / f"{part}.bin").write_bytes(struct.pack(f"<{len(some)}H", *some))
        common = [f"--dataset={folder}", "--bias=true", "--dropout=0", "--batch_size=4", "--seed=7", "--eval_iters=1"]
        run(args.hewn, "train", *common, "--n_layer=2", "--n_head=2", "--n_embd=64", "--block_size=64", "--max_iters=0",
            f"--out_dir={folder}/base")
        run(args.hewn, "export", f"{folder}/base", "--format=hf", f"--out={folder}/hf")
        run(args.hewn, "train", *common, f"--init_from={folder}/base", f"--out_dir={folder}/run", "--stride=64",
            f"--max_iters={args.steps}", f"--gradient_accumulation_steps={args.micro_steps}", f"--ranks={args.ranks}",
            "--learning_rate=1e-3", "--schedule=constant", "--warmup_iters=0", "--weight_decay=0.1", "--beta1=0.9",
            "--beta2=0.95", "--grad_clip=1", "--log_interval=1")
        ours = losses_of(folder / "run")
        theirs = Measured(sys.executable, ROOT / "scripts/peers/ranks/torch_ddp.py", f"--ranks={args.ranks}",
                          f"--micro_steps={args.micro_steps}", f"--model={folder}/hf", f"--data={folder}/train.bin",
                          f"--steps={args.steps}").json()["losses"]
    same_losses(ours, theirs, args.steps,
                f"{args.steps} steps of {args.micro_steps} micro-steps on {args.ranks} ranks")


def hewn(args):
    process = Measured(args.hewn, "bench", "train", *SHAPE, f"--gradient_accumulation_steps={args.micro_steps}",
                       f"--ranks={args.ranks}", f"--threads={args.threads}", f"--repeat={args.repeat}", "--json")
    result = process.json()[-1]
    return result["best_ms"], result["median_ms"], process.peak_bytes


def torch(args, mode, seen):
    process = Measured(sys.executable, ROOT / "scripts/peers/ranks/torch_ddp.py", f"--ranks={args.ranks}",
                       f"--threads={args.threads}", f"--micro_steps={args.micro_steps}", f"--mode={mode}",
                       f"--seconds={args.seconds}")
    seen.update(process.json())
    return seen["best_ms"], seen["median_ms"], seen["peak_bytes"]


def compare_times(args):
    seen = {}
    contenders = {"Hewn": lambda: hewn(args)}
    for mode in ("eager", "compile"):
        contenders[f"PyTorch, {mode}"] = lambda mode=mode: torch(args, mode, seen)
    timings = in_turn(contenders, args.rounds)
    ours = timings["Hewn"]
    print(f"\n{counted(args.ranks, 'rank')} with {counted(args.threads, 'thread')}, {args.micro_steps} micro-steps, "
          f"{counted(args.rounds, 'round')} in turn; {seen['peer'].split(',')[0]}\n")
    print(markdown(["step", "best ms", "median ms", "beside Hewn, best", "median"],
                   [[name, f"{t.best:.0f}", f"{t.median:.0f}", f"{t.best / ours.best:.2f}",
                     f"{t.median / ours.median:.2f}"] for name, t in timings.items()]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--losses", action="store_true")
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1, help="of each process")
    parser.add_argument("--micro_steps", type=int, default=8)
    parser.add_argument("--steps", type=int, default=50, help="whose losses are compared")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repeat", type=int, default=5, help="steps of Hewn in each round")
    parser.add_argument("--seconds", type=float, default=30, help="seconds to measure PyTorch, in each round")
    parser.add_argument("--hewn", default=HEWN)
    args = parser.parse_args()
    (compare_losses if args.losses else compare_times)(args)


if __name__ == "__main__":
    main()
