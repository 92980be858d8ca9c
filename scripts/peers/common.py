"""What the scripts of this folder share: calls of other programs, checks that are counted, contenders in turn."""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HEWN = ROOT / "build/apps/hewn"
SHARED = pathlib.Path(os.environ.get("HEWN_SHARED", ROOT.parent / "shared"))
os.environ.setdefault("HF_HUB_OFFLINE", "1")


def run(*command, text=None):
    """Standard output of a command at the root of the repository, given `text`; ends the script if it fails."""
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=ROOT, input=text, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{done.stderr}\n{' '.join(words)} failed with status {done.returncode}")
    return done.stdout


def lines_of(path):
    """The objects of a file of JSON Lines."""
    return [json.loads(line) for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines()]


def losses_of(run_directory):
    """The training losses of a run's steps."""
    return [line["loss"] for line in lines_of(pathlib.Path(run_directory) / "metrics.jsonl") if "loss" in line]


def same_losses(ours, theirs, steps, what):
    """Prints by how much the losses of these steps differ, after `what`; ends the script if it is more than 1e-4."""
    if len(ours) != steps:
        sys.exit(f"{len(ours)} losses in metrics.jsonl; expected {steps}")
    worst = max(range(steps), key=lambda step: abs(ours[step] - theirs[step]))
    difference = abs(ours[worst] - theirs[worst])
    print(f"{what}: loss {ours[0]:.5f} to {ours[-1]:.5f}; the largest difference is {difference:.2e}, at step {worst}",
          flush=True)
    if not difference <= 1e-4:
        sys.exit(f"Hewn {ours[worst]}, PyTorch {theirs[worst]}: expected at most 1e-4")


class Checks:
    """Prints a line for each comparison and counts those that failed."""

    def __init__(self):
        self.failures = 0

    def say(self, what, ok, figures=""):
        self.failures += not ok
        print(f"  {'ok  ' if ok else 'FAIL'} {what} {figures}".rstrip(), flush=True)

    def end(self):
        """Ends the script: with status 1 if a comparison failed."""
        raise SystemExit(self.failures > 0)


class Measured:
    """A command that has run as a process of its own: its output, its seconds, its largest resident memory."""

    def __init__(self, *command, env=None):
        words = [str(word) for word in command]
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            begin = time.perf_counter()
            process = subprocess.Popen(words, cwd=ROOT, stdout=out, stderr=err, env={**os.environ, **(env or {})})
            _, status, usage = os.wait4(process.pid, 0)
            self.seconds = time.perf_counter() - begin
            self.peak_bytes = usage.ru_maxrss * 1024
            out.seek(0), err.seek(0)
            self.output = out.read()
            if status != 0:
                sys.exit(f"{err.read()}\n{' '.join(words)} failed")

    def json(self):
        """The output's last line that is JSON, or all of it."""
        try:
            return json.loads(self.output)
        except json.JSONDecodeError:
            return json.loads(self.output.strip().splitlines()[-1])


class Timing:
    """Milliseconds and peak memory of one contender over all rounds."""

    def __init__(self):
        self.best, self.medians, self.peak_bytes = float("inf"), [], 0

    def add(self, best, median, peak_bytes):
        self.best = min(self.best, best)
        self.medians.append(median)
        self.peak_bytes = max(self.peak_bytes, peak_bytes)

    @property
    def median(self):
        return statistics.median(self.medians)


def in_turn(contenders, rounds):
    """The timings of contenders {name: function that returns best ms, median ms, peak bytes}, which take turns; each
    round begins with another one."""
    timings = {name: Timing() for name in contenders}
    names = list(contenders)
    for i in range(rounds):
        for name in names[i % len(names):] + names[:i % len(names)]:
            print(f"round {i + 1} of {rounds}: {name}", file=sys.stderr, flush=True)
            timings[name].add(*contenders[name]())
    return timings


def markdown(head, rows):
    """A Markdown table."""
    line = lambda cells: "| " + " | ".join(str(cell) for cell in cells) + " |"
    return "\n".join([line(head), line(["---"] * len(head)), *map(line, rows)])


def counted(n, what):
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def copy_gpt2_tokenizer(folder):
    """Puts GPT-2's vocabulary and merges from HEWN_SHARED beside a model, under their names in Hugging Face's files."""
    source = SHARED / "data/gpt2"
    if not source.exists():
        sys.exit(f"{source} does not exist; HEWN_SHARED must name a directory that holds data/gpt2/encoder.json and "
                 "vocab.bpe")
    for name, known_as in (("encoder.json", "vocab.json"), ("vocab.bpe", "merges.txt")):
        (pathlib.Path(folder) / known_as).write_bytes((source / name).read_bytes())
