"""Times a training step of Hewn and of PyTorch (eager and compiled) in turn, so that all see the same machine.

    build/peers/bin/python scripts/peers/compare_step.py --config baby-gpt-cpu --threads 2 --rounds 5

Needs a built `hewn` and the environment of scripts/peers/setup.sh; give it a quiet machine.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
# The same model and batch as in torch_step.py.
HEWN_SHAPES = {
    "baby-gpt-cpu": ["configs/baby-gpt-cpu.toml", "--vocab_size=65"],
    "gpt2": ["configs/gpt2-124m.toml", "--vocab_size=50257", "--block_size=64", "--batch_size=4",
             "--gradient_accumulation_steps=1"],
}
REPEATS = {"baby-gpt-cpu": 200, "gpt2": 10}


def run(command):
    """Its standard output as JSON, and the most memory it held, in bytes."""
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = process.stdout.read(), process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(err.decode() + f"\n{' '.join(command)} failed")
    return json.loads(out), usage.ru_maxrss * 1024


def hewn(args):
    result, peak = run([args.hewn, "bench", "train", *HEWN_SHAPES[args.config], f"--threads={args.threads}",
                        f"--repeat={REPEATS[args.config]}", "--json"])
    return "Hewn", result[0]["best_ms"], result[0]["median_ms"], peak


def torch(args, mode):
    seconds = {"baby-gpt-cpu": 5, "gpt2": 10}[args.config]
    result, peak = run([sys.executable, str(HERE / "torch_step.py"), "--config", args.config, "--mode", mode,
                        "--threads", str(args.threads), "--seconds", str(seconds)])
    return result["peer"], result["best_ms"], result["median_ms"], peak


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", choices=HEWN_SHAPES, default="baby-gpt-cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--hewn", default=str(ROOT / "build/apps/hewn"))
    args = parser.parse_args()

    best, medians, peaks = {}, {}, {}
    for _ in range(args.rounds):
        for measure in (lambda: hewn(args), lambda: torch(args, "eager"), lambda: torch(args, "compile")):
            name, least, median, peak = measure()
            best[name] = min(least, best.get(name, least))
            medians.setdefault(name, []).append(median)
            peaks[name] = max(peak, peaks.get(name, 0))
    print(f"{args.config}, {args.threads} threads, {args.rounds} rounds in turn")
    print(f"{'':28} {'best ms':>9} {'median ms':>10} {'peak MB':>8}   Hewn takes (of the best)")
    for name in best:
        print(f"{name:28} {best[name]:9.2f} {statistics.median(medians[name]):10.2f} {peaks[name] / 1e6:8.0f}"
              f"   {100 * best['Hewn'] / best[name]:.0f}%")


if __name__ == "__main__":
    main()
