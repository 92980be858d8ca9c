"""Compares the sums and copies of `hewn bench comm` with those of MPI, which take turns.

    scripts/install-deps.sh mpi
    python3 scripts/peers/ranks/compare_collectives.py --ranks 2,4 --mb 1,25,500
    python3 scripts/peers/ranks/compare_collectives.py --ranks 4 --mb 100 --hosts hosts     # lines NAME SLOTS

Both time reduce-scatter, all-gather and all-reduce of float32 numbers, and check every result: Hewn's sums must have the
bits of the binary tree. The time is that of the slowest process. Needs a built `hewn`, with MPI for --hosts; the hosts need
the repository at the same path. Time it on a quiet machine.
"""

import argparse
import os
import pathlib
import statistics
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from common import HEWN, ROOT, Measured, Timing, markdown, run

COLLECTIVES = ("reduce_scatter", "all_gather", "all_reduce")


def hewn(args, ranks, mb):
    hosts = [f"--hosts={args.hosts}"] if args.hosts else []
    process = Measured(args.hewn, "bench", "comm", f"--ranks={ranks}", f"--mb={mb}", f"--repeat={args.repeat}", "--json",
                       *hosts)
    return {row["op"]: (row["best_ms"], row["median_ms"], process.peak_bytes) for row in process.json()}


def mpi(args, program, ranks, mb):
    words = [args.mpiexec, "-n", ranks]
    if args.hosts:
        lines = [line.split() for line in pathlib.Path(args.hosts).read_text().splitlines() if line.split()]
        words += ["--host", ",".join(":".join((line + ["1"])[:2]) for line in lines)]
    else:
        words += ["--oversubscribe"]
    root = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"} if os.geteuid() == 0 else {}
    process = Measured(*words, program, mb, args.repeat, env=root)
    return {op: (min(times), statistics.median(times), process.peak_bytes) for op, times in process.json().items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ranks", default="2,4")
    parser.add_argument("--mb", default="1,25,500", help="MB (of 2^20 bytes) that every process has")
    parser.add_argument("--repeat", type=int, default=10, help="times of each collective in a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--hosts", help="file with the hosts to use; without it, this one")
    parser.add_argument("--mpiexec", default="mpiexec")
    parser.add_argument("--mpicc", default="mpicc")
    parser.add_argument("--hewn", default=HEWN)
    args = parser.parse_args()
    program = ROOT / "build/peers_collectives"
    run(args.mpicc, "-O3", ROOT / "scripts/peers/ranks/collectives.c", "-o", program)
    rows = []
    for ranks in args.ranks.split(","):
        for mb in args.mb.split(","):
            timings = {name: {op: Timing() for op in COLLECTIVES} for name in ("Hewn", "MPI")}
            for i in range(args.rounds):
                print(f"{ranks} ranks, {mb} MB: round {i + 1} of {args.rounds}", file=sys.stderr, flush=True)
                for name in ("Hewn", "MPI") if i % 2 == 0 else ("MPI", "Hewn"):
                    results = hewn(args, ranks, mb) if name == "Hewn" else mpi(args, program, ranks, mb)
                    for op in COLLECTIVES:
                        timings[name][op].add(*results[op])
            for op in COLLECTIVES:
                times = [timings[name][op] for name in ("Hewn", "MPI")]
                rows.append([op, mb, ranks, *(f"{x:.2f}" for t in times for x in (t.best, t.median))])
    print(markdown(["collective", "MB", "ranks", "Hewn, best ms", "median", "MPI, best ms", "median"], rows))


if __name__ == "__main__":
    main()
