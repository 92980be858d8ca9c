"""Prints tables of `hewn bench kernels --op=matmul --compare`: our products and those of the libraries found, timed in
alternation.

    scripts/peers/gemm_peers.sh                                        # all shapes, with the libraries from setup.sh
    python3 scripts/peers/gemm_peers.py --threads 1 256x768x768        # with the system's libraries
    scripts/peers/gemm_peers.sh build/peers --dtype bf16 --peers onednn

HEWN_OPENBLAS, HEWN_BLIS, HEWN_ONEDNN and HEWN_MKL name other library files. "hewn / best" is our speed
relative to the fastest of them.
"""

import argparse
import json
import math
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PEERS = ["openblas", "blis", "onednn", "mkl"]
# Square products, GPT-2 124M with 256 and 1024 tokens, the character model with 768, and single tokens. Each is
# timed as a layer's forward pass, as its gradient (with B transposed), and as a weight's gradient.
SHAPES = ["512x512x512", "1024x1024x1024", "2048x2048x2048",
          "256x2304x768", "256x768x768", "256x3072x768", "256x768x3072", "256x50257x768",
          "1024x2304x768", "1024x768x768", "1024x3072x768", "1024x768x3072", "1024x50257x768",
          "768x384x128", "768x128x128", "768x512x128", "768x128x512", "768x65x128",
          "1x2304x768", "1x3072x768", "1x50257x768"]


def bench(hewn, shape, threads, repeat, peers, dtype):
    """The rows of one shape, or None if a library is missing."""
    command = [hewn, "bench", "kernels", "--op=matmul", f"--shape={shape}", f"--threads={threads}",
               f"--dtype={dtype}", f"--repeat={repeat}", f"--compare={','.join(peers)}", "--json"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode == 1 and len(peers) == 1:
        return None
    if done.returncode != 0:
        sys.exit(done.stderr + f"{' '.join(command)} failed")
    result = json.loads(done.stdout)
    return result["rows"] if isinstance(result, dict) else result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shapes", nargs="*", help="MxNxK")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--repeat", type=int, help="repetitions; default: 30, down to 6 for large products")
    parser.add_argument("--dtype", default="f32", choices=["f32", "bf16"])
    parser.add_argument("--peers", default=",".join(PEERS), help="libraries to compare")
    parser.add_argument("--hewn", default=str(ROOT / "build/apps/hewn"))
    args = parser.parse_args()

    peers = [p for p in args.peers.split(",") if bench(args.hewn, "4x4x4", 1, 1, [p], args.dtype) is not None]
    if not peers:
        sys.exit("gemm_peers.py: none of the libraries was found; run scripts/peers/setup.sh")
    columns = [name for p in peers
               for name in ([p, "onednn.sgemm"] if p == "onednn" and args.dtype == "f32" else [p])]
    print("| M x N x K | threads | hewn GFLOP/s | " + " | ".join(columns) + " | hewn / best |")
    print("|---" * (len(columns) + 4) + "|")
    for shape in args.shapes or SHAPES:
        results = {}
        terms = math.prod(map(int, shape.split("x")))
        repeat = args.repeat or min(30, max(6, 20_000_000_000 // terms))
        for row in bench(args.hewn, shape, args.threads, repeat, peers, args.dtype):
            key = (row["shape"], row["threads"])
            name = row["rung"] if row["rung"] in columns else "hewn"
            results.setdefault(key, {})[name] = row
        for (name, threads), rows in sorted(results.items()):
            rate = lambda column: f"{rows[column]['gflops']:.1f}" if column in rows else ""
            cells = [name, str(threads), rate("hewn"), *map(rate, columns), f"{rows['hewn']['speedup']:.2f}"]
            print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
