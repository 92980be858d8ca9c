#!/usr/bin/env python3
"""Repeats the measurements of docs/performance/, and writes them between the pages' markers; also the rungs of kernels.md.

    scripts/figures.py                      # everything; an hour and a half, mostly for the peers
    scripts/figures.py kernels ladders      # only these blocks
    PEERS=build/peers/bin/python scripts/figures.py training gemm attention      # with the peers, see scripts/peers/
    SHAKESPEARE=tinyshakespeare.txt scripts/figures.py losses                    # with the text of that name

Needs a built `hewn`. Blocks: kernels, ladders, rungs (measures nothing), gemm, attention, training, sampling, idle,
losses, size. The block `idle` runs two busy loops for half of its time. Run nothing else meanwhile. At the end,
scripts/ratios.py summarises the tables in docs/performance.md.
"""

import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

import ratios

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGES = [*sorted((ROOT / "docs/performance").glob("*.md")), ROOT / "docs/kernels.md"]
HEWN = "build/apps/hewn"
PEERS = os.environ.get("PEERS", "build/peers/bin/python")
SHAKESPEARE = os.environ.get("SHAKESPEARE", "tinyshakespeare.txt")
BABY = ["configs/baby-gpt-cpu.toml", "--vocab_size=65"]
GPT2 = ["configs/gpt2-124m.toml", "--vocab_size=50257", "--block_size=64", "--batch_size=4",
        "--gradient_accumulation_steps=1"]
GPT2_SHAPE = ["--n_layer=12", "--n_head=12", "--n_embd=768", "--vocab_size=50257", "--block_size=256"]
GPT2_SAMPLE = [*GPT2_SHAPE, "--max_new_tokens=200"]


def run(*command, env=None):
    """Standard output of `command`, run at the root of the repository; ends the script if it fails."""
    print("  " + " ".join(command), file=sys.stderr)
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True, env=env).stdout


def table(head, rows):
    line = lambda cells: "| " + " | ".join(str(c) for c in cells) + " |"
    return "\n".join([line(head), line(["---"] * len(head)), *map(line, rows)])


def significant(x):
    """Three digits, or all digits before the point: 0.0231, 23.1, 4,861."""
    return f"{x:,.0f}" if x >= 99.95 else f"{x:#.3g}"


def bench(*args, env=None):
    return json.loads(run(HEWN, "bench", *args, "--json", env=env))


def measured_rows(results, *columns):
    cells = {
        "op": lambda r: r["op"], "shape": lambda r: r["shape"], "threads": lambda r: r["threads"],
        "rung": lambda r: r["rung"], "cache": lambda r: r["cache"],
        "spread %": lambda r: f"{r['spread_percent']:.0f}", "best ms": lambda r: significant(r["best_ms"]),
        "median ms": lambda r: significant(r["median_ms"]), "GFLOP/s": lambda r: significant(r["gflops"]),
        "GB/s": lambda r: significant(r["gbps"]), "% of the roofline": lambda r: f"{r['roof_percent']:.0f}",
    }
    return table(columns, [[cells[c](r) for c in columns] for r in results])


def kernels():
    shapes = [("matmul", "256x2304x768"), ("matmul", "768x512x128"), ("attention", "4x12x64x64x64"),
              ("attention", "1x12x1024x1024x64"), ("softmax", "3072x256"), ("layernorm", "256x768"),
              ("activation.forward", "786432 gelu_tanh"), ("cross_entropy", "256x50257")]
    results = []
    for op, shape in shapes:
        results += bench("kernels", f"--op={op}", f"--shape={shape}", "--threads=1,2", "--repeat=20")
    return measured_rows(results, "op", "shape", "threads", "cache", "best ms", "median ms", "spread %",
                         "GFLOP/s", "GB/s", "% of the roofline")


def ladders():
    shapes = [("matmul", "256x768x768"), ("attention", "1x4x512x512x64"), ("softmax", "3072x256"),
              ("layernorm", "4096x768"), ("activation.forward", "786432 gelu_tanh"), ("cross_entropy", "256x50257"),
              ("optimizer", "adamw 38597376")]
    results = []
    for op, shape in shapes:
        results += bench("kernels", f"--op={op}", f"--shape={shape}", "--ladder", "--threads=1,2", "--cache=warm")
    rows = {}
    for r in results:
        rows.setdefault((r["op"], r["shape"], r["rung"]), {})[r["threads"]] = r
    cells = lambda by: [significant(by[1]["best_ms"]), significant(by[2]["best_ms"]), significant(by[1]["gflops"]),
                        significant(by[1]["gbps"]), f"{by[1]['roof_percent']:.0f}"]
    return table(["op", "shape", "rung", "ms, 1 thread", "2 threads", "GFLOP/s", "GB/s", "% of the roofline"],
                 [[*key, *cells(by)] for key, by in rows.items()])


def rungs():
    built = json.loads(run(HEWN, "info", "--json"))
    rows = []
    for room, ops in built["rooms"].items():
        for op in ops:
            names = ", ".join(f"`{rung['rung']}`" for rung in built["kernels"][op])
            reason = built["no_gpu"].get(op)
            rows.append([f"`kernels/{room}`" if op == ops[0] else "", f"`{op}`",
                         f"{names}; no GPU rung: {reason}" if reason else names])
    return table(["room", "operation", "rungs"], rows)


def gemm():
    wide = run("scripts/peers/gemm_peers.sh", "build/peers", "--repeat", "6").strip()
    half = run("scripts/peers/gemm_peers.sh", "build/peers", "--repeat", "6", "--dtype", "bf16",
               "--peers", "onednn").strip()
    return f"{wide}\n\nbfloat16, with float32 sums:\n\n{half}"


def attention():
    compared = [run(PEERS, "scripts/peers/compare_attention.py", "--threads", threads).strip()
                for threads in ("1", "2")]
    return "\n\n".join(f"```\n{text}\n```" for text in compared)


def training():
    steps = [("baby-gpt-cpu", "f32", 2, 4), ("baby-gpt-cpu", "f32", 1, 2), ("baby-gpt", "f32", 2, 2),
             ("gpt2", "f32", 2, 2), ("gpt2", "f32", 1, 1), ("gpt2", "bf16", 2, 2), ("gpt2", "bf16", 1, 1),
             ("gpt2-1024", "f32", 2, 1), ("gpt2-1024", "f32", 1, 1), ("gpt2-1024", "bf16", 2, 1),
             ("gpt2-1024", "bf16", 1, 1)]
    compared = [run(PEERS, "scripts/peers/compare_step.py", "--config", config, "--dtype", dtype,
                    "--threads", str(threads), "--rounds", str(rounds)).strip()
                for config, dtype, threads, rounds in steps]
    return "\n\n".join(f"```\n{text}\n```" for text in compared)


def sampling():
    rows = []
    for name, args in (("character model", []), ("GPT-2 124M", GPT2_SAMPLE),
                       ("GPT-2 124M, bf16", [*GPT2_SAMPLE, "--dtype=bf16"])):
        for r in bench("sample", *args, "--threads=2"):
            rows.append([name, r["shape"], significant(r["tokens_per_s"]), significant(r["ms_per_token"]),
                         f"{r['roof_percent']:.0f}"])
    return table(["model", "shape", "tokens/s", "ms per token", "% of the roofline"], rows)


def beside(busy_loops, measure):
    """measure() while this many processes run busy loops."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(busy_loops)]
    try:
        return measure()
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def idle():
    """Compares how long idle threads spin, quiet and beside two busy loops; medians of three."""
    work = [("step of baby-gpt-cpu, ms", "median_ms", ["train", *BABY, "--repeat=40"]),
            ("character model, tokens/s", "tokens_per_s", ["sample"]),
            ("GPT-2 124M, tokens/s", "tokens_per_s", ["sample", *GPT2_SHAPE, "--max_new_tokens=40"])]
    ways = [("300000, libgomp's default", {"GOMP_SPINCOUNT": "300000"}), ("500, `hewn`'s default", {}),
            ("0, `OMP_WAIT_POLICY=passive`", {"OMP_WAIT_POLICY": "passive"})]
    rows = []
    for busy_loops, when in ((0, "quiet"), (2, "beside two busy loops")):
        seen = {}
        for _ in range(3):
            for what, column, args in work:
                for way, environment in ways:
                    one = lambda: bench(*args, "--threads=2", env={**os.environ, **environment})[0][column]
                    seen.setdefault((what, way), []).append(beside(busy_loops, one))
        rows += [[when, what, *(significant(statistics.median(seen[what, way])) for way, _ in ways)]
                 for what, _, _ in work]
    return table(["machine", "what", *(way for way, _ in ways)], rows)


def losses():
    """Validation losses of the last step, which are the same on every run of one binary and processor."""
    found = []
    for seed in (1, 2, 3):
        with tempfile.TemporaryDirectory() as out:
            result = json.loads(run(HEWN, "train", BABY[0], f"--dataset={SHAKESPEARE}", f"--seed={seed}",
                                    f"--out_dir={out}/run", "--quiet", "--json"))
        found.append(result["val_loss"])
    return table(["seed 1", "seed 2", "seed 3", "mean"],
                 [[f"{x:.3f}" for x in (*found, statistics.mean(found))]])


def size():
    stripped = ROOT / "build/hewn.stripped"
    run("strip", "-o", str(stripped), HEWN)
    rows = [["`hewn`, stripped", f"{stripped.stat().st_size / 1e6:.1f} MB"]]
    stripped.unlink()
    for name, args in (("baby-gpt-cpu", BABY), ("GPT-2 124M, 4 x 64 tokens", GPT2)):
        plan = json.loads(run(HEWN, "plan", *args, "--json"))
        rows.append([f"memory to train {name}", f"{plan['peak_bytes'] / 1e6:,.0f} MB"])
    return table(["what", "size"], rows)


BLOCKS = {f.__name__: f for f in (kernels, ladders, rungs, gemm, attention, training, sampling, idle, losses, size)}


def write_block(name, text, pages, program="figures.py"):
    """Writes a text between the markers of this name, which must be in one of the pages."""
    pattern = re.compile(rf"(<!-- begin {name} -->\n).*?(<!-- end {name} -->)", re.DOTALL)
    written = 0
    for path in pages:  # read only now, so that edits made meanwhile are kept
        page, found = pattern.subn(lambda m: m[1] + text + "\n" + m[2], path.read_text())
        if found:
            path.write_text(page)
        written += found
    if written != 1:
        sys.exit(f"{program}: expected markers for {name} once in the pages, found them {written} times")


def main():
    names = sys.argv[1:] or list(BLOCKS)
    for name in names:
        if name not in BLOCKS:
            sys.exit(f"figures.py: unknown block {name}; expected one of {', '.join(BLOCKS)}")
    for name in names:
        print(name, file=sys.stderr)
        write_block(name, BLOCKS[name](), PAGES)
    ratios.write()


if __name__ == "__main__":
    main()
