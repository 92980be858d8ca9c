#!/usr/bin/env python3
"""Runs the sweeps of configs/sweeps and writes their tables between the markers of docs/experiments.md.

    scripts/experiments.py                 # all of them
    scripts/experiments.py heads           # one; --plan shows how long it would take

Needs a built `hewn` and a quiet machine. A sweep that was interrupted goes on where it was; to repeat one, remove its
directory in out/sweeps.
"""

import sys

from figures import HEWN, ROOT, run, write_block

SWEEPS = sorted(path.stem for path in (ROOT / "configs/sweeps").glob("*.toml"))


def main():
    plan = "--plan" in sys.argv
    names = [word for word in sys.argv[1:] if word != "--plan"] or SWEEPS
    for name in names:
        if name not in SWEEPS:
            sys.exit(f"experiments.py: unknown sweep {name}; expected one of {', '.join(SWEEPS)}")
    for name in names:
        command = [HEWN, "sweep", f"configs/sweeps/{name}.toml"]
        if plan:
            print(name + "\n" + run(*command, "--dry_run"))
        else:
            write_block(name, run(*command, "--md").strip(), [ROOT / "docs/experiments.md"], "experiments.py")


if __name__ == "__main__":
    main()
