"""Times causal attention of Hewn and of PyTorch's scaled_dot_product_attention in alternation: forward, and forward
and backward together.

    build/peers/bin/python scripts/peers/compare_attention.py --threads 2

Needs a built `hewn` and the environment of scripts/peers/setup.sh; run it on a quiet machine.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import time

import torch
import torch.nn.functional as F

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def hewn(args, shape):
    """Best times of the forward kernel, and of the forward and backward kernels together, in milliseconds."""
    command = [args.hewn, "bench", "kernels", "--op=attention", f"--shape={shape}", f"--threads={args.threads}",
               "--repeat=10", "--json"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr + f"{' '.join(command)} failed")
    result = json.loads(done.stdout)
    rows = result["rows"] if isinstance(result, dict) else result
    best = {op: min(r["best_ms"] for r in rows if r["op"] == f"attention.{op}") for op in ("forward", "backward")}
    return best["forward"], best["forward"] + best["backward"]


def best_of(repeat, work):
    times = []
    for _ in range(repeat + 2):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1e3)
    return min(times[2:])


def pytorch(args):
    B, H, T, D = args.B, args.H, args.T, args.D
    q, k, v = (torch.randn(B, H, T, D, requires_grad=True) for _ in range(3))
    gradient = torch.randn(B, H, T, D)

    def forward():
        with torch.no_grad():
            F.scaled_dot_product_attention(q, k, v, is_causal=True)

    def both():
        q.grad = k.grad = v.grad = None
        F.scaled_dot_product_attention(q, k, v, is_causal=True).backward(gradient)

    return best_of(10, forward), best_of(10, both)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    for name, size in (("B", 1), ("H", 12), ("T", 1024), ("D", 64)):
        parser.add_argument(f"--{name}", type=int, default=size)
    parser.add_argument("--hewn", default=str(ROOT / "build/apps/hewn"))
    args = parser.parse_args()

    torch.manual_seed(1)
    torch.set_num_threads(args.threads)
    shape = f"{args.B}x{args.H}x{args.T}x{args.T}x{args.D}"
    best = {}
    for _ in range(args.rounds):
        for name, times in (("Hewn", hewn(args, shape)), (f"PyTorch {torch.__version__}", pytorch(args))):
            best[name] = tuple(map(min, zip(times, best.get(name, times))))
    print(f"attention {shape} causal, {args.threads} threads, {args.rounds} rounds in turn, best ms")
    print(f"{'':28} {'forward':>9} {'and backward':>13}   Hewn is faster by")
    ours = best["Hewn"]
    for name, (forward, both) in best.items():
        print(f"{name:28} {forward:9.2f} {both:13.2f}   {forward / ours[0]:.2f}, {both / ours[1]:.2f}")


if __name__ == "__main__":
    main()
