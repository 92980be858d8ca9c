"""Labels the messages of the SMS set with a classifier of GPT-2 124M's shape, in Hewn and in PyTorch with transformers
in alternation, and times the steps of Hewn's fine-tuning by what trains.

    build/peers/bin/pip install transformers
    HEWN_SHARED=DIR build/peers/bin/python scripts/peers/compare_classify.py --rounds 3
    HEWN_SHARED=DIR build/peers/bin/python scripts/peers/compare_classify.py --quick        # to try the script

Both programs read texts in batches of like length; of PyTorch's batch sizes the fastest counts. Times are those of
labelling all texts: PyTorch's without importing Python's modules and opening the model, Hewn's those of the whole
program less those of a call with one text, and, beside both, whole processes. Exits 1 if a label differs whose
probabilities are more than 1e-3 apart, or a probability by more than 1e-4. Run it on a quiet machine.
"""

import argparse
import json
import pathlib
import sys
import tempfile

from common import HEWN, ROOT, SHARED, Measured, counted, in_turn, lines_of, markdown, run

SMS = SHARED / "data/sms-spam/SMSSpamCollection.tsv"
TRAINS = {"all": [], "LoRA": ["--train=lora"], "last two blocks": ["--train=last:2"], "head": ["--train=head"]}


def make(args, folder):
    messages = [line.split("\t", 1)[1] for line in SMS.read_text(encoding="utf-8").splitlines()]
    texts = folder / "texts.txt"
    texts.write_text("\n".join(messages[:args.rows]) + "\n", encoding="utf-8")
    (folder / "one.txt").write_text(messages[0] + "\n", encoding="utf-8")
    size = ["--layers=2", "--heads=2", "--width=64"] if args.quick else []
    run(sys.executable, ROOT / "scripts/peers/torch_classify.py", "make", folder / "model", f"--texts={texts}", *size)
    return texts


class Sides:
    """Both programs on the same texts. The answers of the last call of each are kept."""

    def __init__(self, args, folder):
        self.args, self.folder, self.texts = args, folder, make(args, folder)
        self.whole, self.ours, self.peer = {}, None, None

    def measured(self, name, process, seconds):
        self.whole.setdefault(name, []).append(process.seconds)
        return seconds * 1e3, seconds * 1e3, process.peak_bytes

    def hewn(self):
        call = [self.args.hewn, "classify", self.folder / "model"]
        threads = f"--threads={self.args.threads}"
        process = Measured(*call, self.texts, threads, "--json")
        self.ours = [json.loads(line) for line in process.output.splitlines()]
        start = Measured(*call, self.folder / "one.txt", threads).seconds
        return self.measured("Hewn", process, process.seconds - start)

    def torch(self, name, batch_size):
        process = Measured(sys.executable, ROOT / "scripts/peers/torch_classify.py", "label", self.folder / "model",
                           f"--texts={self.texts}", f"--batch_size={batch_size}", f"--threads={self.args.threads}")
        self.peer = process.json()
        return self.measured(name, process, self.peer["label_s"])

    def compare(self):
        rows = [(list(mine["probabilities"].values()), theirs)
                for mine, theirs in zip(self.ours, self.peer["probabilities"], strict=True)]
        gap = max(abs(a - b) for mine, theirs in rows for a, b in zip(mine, theirs))
        differing = sum((mine[0] > mine[1]) != (theirs[0] > theirs[1]) for mine, theirs in rows
                        if abs(theirs[0] - theirs[1]) > 1e-3)
        spam = sum(theirs[1] > theirs[0] for _, theirs in rows)
        print(f"\n{len(rows)} texts, {spam} of them spam by the model; {differing} labels differ, probabilities by "
              f"{gap:.1e} at most")
        return differing == 0 and gap <= 1e-4


def compare_labelling(args, folder):
    sides = Sides(args, folder)
    contenders = {"Hewn": sides.hewn}
    for size in args.batch_sizes:
        name = f"PyTorch, batches of {size}"
        contenders[name] = lambda name=name, size=size: sides.torch(name, size)
    timings = in_turn(contenders, args.rounds)
    same = sides.compare()
    print(f"{counted(args.threads, 'thread')}, {counted(args.rounds, 'round')} in turn; PyTorch {sides.peer['torch']}, "
          f"transformers {sides.peer['transformers']}\n")
    rate = lambda milliseconds: f"{args.rows / milliseconds * 1e3:.1f}"
    print(markdown(["program", "rows/s, best", "median", "whole process, s", "peak MB", "Hewn is faster by"],
                   [[name, rate(t.best), rate(t.median), f"{min(sides.whole[name]):.1f}", f"{t.peak_bytes / 1e6:.0f}",
                     f"{t.best / timings['Hewn'].best:.2f}"] for name, t in timings.items()]))
    return same


def compare_steps(args, folder):
    """Steps of fine-tuning on the same rows in the same order, by what trains."""
    steps = 6 if args.quick else 8

    def step_times(name):
        out = folder / f"tuned-{name.replace(' ', '-')}"
        process = Measured(args.hewn, "finetune", "classify", f"--data={SMS}", "--label=1", "--text=2",
                           "--split=100/0/0", f"--init_from={folder / 'model'}", f"--out_dir={out}", "--force",
                           "--batch_size=8", f"--max_iters={steps}", "--log_interval=1", "--max_length=128",
                           f"--threads={args.threads}", *TRAINS[name])
        seconds = [line["seconds"] for line in lines_of(out / "metrics.jsonl") if "loss" in line]
        times = [(b - a) * 1e3 for a, b in zip(seconds, seconds[1:])]  # the first step warms up
        mean = sum(times) / len(times)
        return mean, mean, process.peak_bytes

    timings = in_turn({name: lambda name=name: step_times(name) for name in TRAINS}, args.rounds)
    full = timings["all"].best
    print("\nSteps of `hewn finetune classify`, 8 rows each:\n")
    print(markdown(["train", "best mean ms", "median", "peak MB", "of the full step"],
                   [[name, f"{t.best:.1f}", f"{t.median:.1f}", f"{t.peak_bytes / 1e6:.0f}", f"{t.best / full:.2f}"]
                    for name, t in timings.items()]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--batch_sizes", type=int, nargs="+", default=[8, 16, 32, 64])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--hewn", default=HEWN)
    args = parser.parse_args()
    if args.quick:
        args.rows, args.batch_sizes, args.rounds = 100, [16], 2
    with tempfile.TemporaryDirectory() as name:
        same = compare_labelling(args, pathlib.Path(name))
        compare_steps(args, pathlib.Path(name))
    raise SystemExit(not same)


if __name__ == "__main__":
    main()
