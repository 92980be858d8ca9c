"""Times a training step of Hewn and of its peers in alternation, so that all run under the same conditions: PyTorch
(eager and compiled), and llm.c's CPU program if scripts/peers/setup.sh was given its source.

    build/peers/bin/python scripts/peers/compare_step.py --config baby-gpt-cpu --threads 2 --rounds 5
    build/peers/bin/python scripts/peers/compare_step.py --config gpt2 --dtype bf16

Configurations: baby-gpt-cpu and baby-gpt are nanoGPT's recipes for Tiny Shakespeare, on a CPU and on a GPU (the
latter with 12 rows); gpt2 is GPT-2 124M on 4 rows of 64 tokens, gpt2-1024 on one row of 1024. bf16 is mixed
precision: autocast in PyTorch. Needs a built `hewn` and the environment of setup.sh; run it on a quiet machine.
"""

import argparse
import os
import pathlib
import re
import signal
import statistics
import subprocess
import sys

from common import HEWN, ROOT, Measured, counted

GPT2 = ["configs/gpt2-124m.toml", "--vocab_size=50257", "--gradient_accumulation_steps=1"]
# The same models and batches as in torch_step.py: their options, and the number of steps per round.
HEWN_SHAPES = {
    "baby-gpt-cpu": (["configs/baby-gpt-cpu.toml", "--vocab_size=65"], 200),
    "baby-gpt": (["--vocab_size=65", "--n_layer=6", "--n_head=6", "--n_embd=384", "--block_size=256",
                  "--batch_size=12"], 10),
    "gpt2": (GPT2 + ["--block_size=64", "--batch_size=4"], 10),
    "gpt2-1024": (GPT2 + ["--block_size=1024", "--batch_size=1"], 4),
}
LLMC = {"gpt2": ("llmc-4x64", 5), "gpt2-1024": ("llmc-1x1024", 3)}  # the program, and its steps per round


def hewn(args):
    shape, repeat = HEWN_SHAPES[args.config]
    process = Measured(args.hewn, "bench", "train", *shape, f"--dtype={args.dtype}", f"--threads={args.threads}",
                       f"--repeat={repeat}", "--json")
    result = process.json()[0]
    return "Hewn", result["best_ms"], result["median_ms"], process.peak_bytes


def torch(args, mode):
    seconds = 5 if args.config == "baby-gpt-cpu" else 10
    process = Measured(sys.executable, ROOT / "scripts/peers/torch_step.py", "--config", args.config, "--mode", mode,
                       "--threads", args.threads, "--dtype", args.dtype, "--seconds", seconds)
    result = process.json()
    return result["peer"], result["best_ms"], result["median_ms"], process.peak_bytes


def make_llmc_files(folder):
    """Writes random weights and tokens in the formats read by llm.c's train_gpt2.c."""
    import numpy
    layers, width, vocabulary, context = 12, 768, 50304, 1024
    parameters = (vocabulary + context + 2) * width + layers * (12 * width * width + 13 * width)
    data = folder / "dev/data/tinyshakespeare"
    data.mkdir(parents=True, exist_ok=True)
    rng = numpy.random.default_rng(1)
    header = numpy.zeros(256, numpy.int32)
    header[:2] = 20240520, 1
    header[2] = 32768
    for part in ("train", "val"):
        with open(data / f"tiny_shakespeare_{part}.bin", "wb") as f:
            f.write(header.tobytes() + rng.integers(0, 50257, header[2]).astype(numpy.uint16).tobytes())
    header[:8] = 20240326, 3, context, 50257, layers, 12, width, vocabulary
    with open(folder / "gpt2_124M.bin", "wb") as f:
        f.write(header.tobytes() + (rng.standard_normal(parameters, numpy.float32) * 0.02).tobytes())


def llmc(args):
    name, steps = LLMC[args.config]
    folder = pathlib.Path(sys.prefix)
    if not (folder / "gpt2_124M.bin").exists():
        make_llmc_files(folder)
    process = subprocess.Popen(["stdbuf", "-oL", str(folder / name)], cwd=folder, stdout=subprocess.PIPE, text=True,
                               env=dict(os.environ, OMP_NUM_THREADS=str(args.threads)))
    times = []
    for line in process.stdout:  # the first step also allocates
        if found := re.match(r"step \d+: .*took ([\d.]+) ms", line):
            times.append(float(found[1]))
        if len(times) > steps:
            process.send_signal(signal.SIGTERM)
            break
    _, _, usage = os.wait4(process.pid, 0)
    if len(times) < 2:
        sys.exit(f"{folder / name} took no steps")
    return "llm.c", min(times[1:]), statistics.median(times[1:]), usage.ru_maxrss * 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", choices=HEWN_SHAPES, default="baby-gpt-cpu")
    parser.add_argument("--dtype", choices=["f32", "bf16"], default="f32")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--hewn", default=HEWN)
    args = parser.parse_args()

    best, medians, peaks = {}, {}, {}
    contenders = [lambda: hewn(args), lambda: torch(args, "eager"), lambda: torch(args, "compile")]
    if args.dtype == "f32" and args.config in LLMC and os.path.exists(f"{sys.prefix}/{LLMC[args.config][0]}"):
        contenders.append(lambda: llmc(args))
    for _ in range(args.rounds):
        for measure in contenders:
            name, least, median, peak = measure()
            best[name] = min(least, best.get(name, least))
            medians.setdefault(name, []).append(median)
            peaks[name] = max(peak, peaks.get(name, 0))
    print(f"{args.config}, {args.dtype}, {counted(args.threads, 'thread')}, {counted(args.rounds, 'round')} in turn")
    print(f"{'':28} {'best ms':>9} {'median ms':>10} {'peak MB':>8}   Hewn takes (of the best)")
    for name in best:
        print(f"{name:28} {best[name]:9.2f} {statistics.median(medians[name]):10.2f} {peaks[name] / 1e6:8.0f}"
              f"   {100 * best['Hewn'] / best[name]:.0f}%")


if __name__ == "__main__":
    main()
