#!/usr/bin/env python3
"""Prints the tables of scripts/coverage.sh: lines and branches executed, by folder, and the files below the limits.

    python3 scripts/coverage/table.py gcc|clang BUILD FOLDER...
"""

import collections
import functools
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LINES, BRANCHES = 95, 90
REASONS = ROOT / "scripts/coverage/reasons.txt"


class File:
    """What was executed of a file: {line: count}, and {a branch's name: count}."""

    def __init__(self):
        self.lines, self.branches = collections.Counter(), collections.Counter()


def output_of(*command, cwd=ROOT):
    return subprocess.run([str(word) for word in command], cwd=cwd, capture_output=True, check=True).stdout


def relative(name, build):
    """A source file's path from the root of the repository, or None."""
    path = pathlib.Path(name)
    path = (path if path.is_absolute() else build / path).resolve()
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else None


# What makes a line one with branches of the source. gcc adds others, to destroy objects when something is thrown.
CONDITION = re.compile(r"\b(if|for|while|switch|case)\b|\?|&&|\|\|")


@functools.lru_cache(maxsize=None)
def source_lines(name):
    return (ROOT / name).read_text(errors="replace").splitlines()


def without_exceptions(branches, text):
    """gcov's branches of a line, without the pairs "returns" and "throws" of calls."""
    if not CONDITION.search(text):
        return []
    kept = list(range(len(branches)))
    for i, branch in enumerate(branches):
        if branch["throw"]:
            returns = i - 1 if i - 1 in kept and branches[i - 1]["fallthrough"] else i + 1
            kept = [k for k in kept if k not in (i, returns)]
    return [branches[k] for k in kept]


def by_gcov(build):
    """Sums over all objects: a header is compiled into many."""
    files = collections.defaultdict(File)
    for notes in sorted(build.rglob("*.gcno")):
        told = output_of("gcov", "--json-format", "--stdout", "--branch-probabilities", notes, cwd=build)
        for unit in told.splitlines():
            for file in json.loads(unit)["files"]:
                name = relative(file["file"], build)
                if not name:
                    continue
                for line in file["lines"]:
                    number = line["line_number"]
                    text = source_lines(name)[number - 1]
                    if not text.strip(" {});"):  # where locals are destroyed after exceptions
                        continue
                    files[name].lines[number] += line["count"]
                    for i, branch in enumerate(without_exceptions(line["branches"], text)):
                        files[name].branches[number, i] += branch["count"]
    return files


def by_llvm(build):
    """Each program by itself: of several, llvm-cov counts an inline function in the first that declares it alone."""
    profiles, merged = sorted((build / "profiles").glob("*.profraw")), build / "merged.profdata"
    output_of("llvm-profdata", "merge", "-sparse", "-o", merged, *profiles)
    files = collections.defaultdict(File)
    for program in [path for path in sorted((build / "tests").glob("test_*")) if path.is_file()] + [build / "apps/hewn"]:
        export = ["llvm-cov", "export", f"-instr-profile={merged}", program]
        file = None
        for word, _, rest in (line.partition(":") for line in output_of(*export, "-format=lcov").decode().splitlines()):
            if word == "SF":
                file = relative(rest, build)
            elif word == "DA" and file:
                line, count = rest.split(",")
                files[file].lines[int(line)] += int(count)
        for told in json.loads(output_of(*export, "-skip-functions"))["data"][0]["files"]:
            if name := relative(told["filename"], build):
                for *place, if_true, if_false, _, _, _ in told["branches"]:
                    files[name].branches[*place, True] += if_true
                    files[name].branches[*place, False] += if_false
    return files


def share(counts):
    """(executed, all)"""
    return sum(count > 0 for count in counts.values()), len(counts)


def percent(done, everything):
    """Rounded down, so that 100 means all."""
    return "100" if done == everything else f"{done * 1000 // everything / 10:.1f}"


def low(done, everything, least):
    return everything > 0 and done * 100 < least * everything


def reasons():
    """{path: why it is below the limits}"""
    return dict(line.split(None, 1) for line in REASONS.read_text().splitlines() if line and not line.startswith("#"))


def main():
    kind, build, folders = sys.argv[1], pathlib.Path(sys.argv[2]).resolve(), sys.argv[3:]
    files = {"gcc": by_gcov, "clang": by_llvm}[kind](build)
    known, failures, below = reasons(), [], []
    print(f"| {'folder':14} | lines | of | branches | of |\n|---|---:|---:|---:|---:|")
    for folder in folders:
        inside = {name: file for name, file in sorted(files.items()) if name.startswith(folder + "/")}
        sums = [[sum(column) for column in zip(*[share(getattr(file, part)) for file in inside.values()])]
                for part in ("lines", "branches")]
        print(f"| `{folder}/` | {percent(*sums[0])}% | {sums[0][1]} | {percent(*sums[1])}% | {sums[1][1]} |")
        if low(*sums[0], LINES) or low(*sums[1], BRANCHES):
            failures.append(folder)
        for name, file in inside.items():
            lines, branches = share(file.lines), share(file.branches)
            if low(*lines, LINES) or low(*branches, BRANCHES):
                below.append(f"| `{name}` | {percent(*lines)}% | {percent(*branches) + '%' if branches[1] else '–'} "
                             f"| {known.get(name, '')} |")
                if name not in known:
                    failures.append(name)
    print(f"\n| file below {LINES}% of lines or {BRANCHES}% of branches | lines | branches | reason |\n|---|---:|---:|---|")
    print("\n".join(below))
    if failures:
        sys.exit(f"below the limits, or without a reason in {REASONS.relative_to(ROOT)}: " + ", ".join(failures))


if __name__ == "__main__":
    main()
