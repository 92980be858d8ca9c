#!/usr/bin/env python3
"""Mutation testing: makes one small mistake in a source file, and sees whether the tests notice.

    scripts/mutants.py list [--count=500] [--seed=1]                  the mutants that would be tried
    scripts/mutants.py run --dir=DIR [--count=N] [--seed=1] [--limit=N] [--jobs=2] [--survivors] [FILE...]
    scripts/mutants.py table --dir=DIR [--count=500] [--seed=1]       what was found, as in CONTRIBUTING.md

`run` copies the tree for each of the jobs that try mutants at the same time, and builds the test programs there, with
the files of mutants compiled alone. For each mutant it compiles the one file, links, and runs the tests of that file until
one fails. A mutant is found if a test fails, crashes, or takes five times as long as without it. Results are added to
DIR/mutants.jsonl, and mutants that are there are not tried again, so a run may be interrupted; with --survivors, only those
that survived without a reason (scripts/mutants/reasons.txt) are tried again, when there are more tests. A mutant is named
by its line, not by its number, and drawn by its name, so that a change elsewhere in the file leaves both the draw and the
results as they are.
"""

import argparse
import collections
import concurrent.futures
import hashlib
import json
import os
import pathlib
import queue
import re
import resource
import shutil
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
REASONS = ROOT / "scripts/mutants/reasons.txt"

# The files, and the tests that must notice their mistakes: a test program and Catch's filter, the fastest first.
CHECKPOINTS = ("train", "[checkpoint]~[ranks]~[gpu],[run]~[ranks]~[gpu],[loop]~[ranks]~[gpu],[ngram],[trained]")
# Every call that `data prepare --force` makes fails once.
FAULTS = ("faults", "every call of every other command*")
FAULTY_COMMAND = "data prepare --force"
# Single faults and power cuts, in a second.
SINGLE_FAULTS = ("faults", "nothing of what a command*,creating a file*,reading goes*,files are written*,a run that cannot be locked*")
# Training with several ranks, whole and divided optimizers.
ALL_RANKS = ("train", "training with 1*")
TESTS = {
    "core/io/file.cpp": [("core", "*"), SINGLE_FAULTS, CHECKPOINTS, FAULTS],
    "core/tape.cpp": [("core", "*"), ("train", "[trainer]~[gpu],[trained]~[gpu],[profile],[plan]~[gpu]"),
                      ("train", "[trainer][gpu],[trained][gpu],[plan][gpu]")],
    "train/checkpoint/checkpoint.cpp": [CHECKPOINTS, SINGLE_FAULTS, ("train", "[ranks][checkpoint]~[gpu]")],
    "core/io/manifest.cpp": [("core", "[manifest]"), CHECKPOINTS],
    "train/checkpoint/run_directory.cpp": [CHECKPOINTS, SINGLE_FAULTS],
    "train/data/batches.cpp": [("data", "*"), ("train", "[eval]")],
    "train/loop.cpp": [("train", "[loop]~[gpu],[optimizer]"), SINGLE_FAULTS, ("train", "[loop][gpu]")],
    "train/step/optimizer.cpp": [("train", "[optimizer],[mixed]~[gpu],[trained]~[gpu]"),
                            ("train", "[ranks][checkpoint]~[gpu],[loop][ranks]"),
                            ("train", "[mixed][gpu],[trained][gpu]"), ALL_RANKS],
    "train/step/micro_batches.cpp": [("train", "[trainer]~[gpu]"), ("data", "[preference]"), ALL_RANKS],
    "train/step/trainer.cpp": [("train", "[trainer]~[gpu],[loop]~[gpu],[mixed]~[gpu]"), ("data", "[preference]"),
                          ("train", "[plan]~[gpu],fewer ranks*,a bad number on one rank*,ranks: parameters are*,ranks: a value that is*"),
                          ("train", "[trainer][gpu],[loop][gpu],[mixed][gpu],gpu graphs*,gpu: 1, 2 and 4 ranks*"),
                          ALL_RANKS],
}

# As scripts/test.sh builds, so that ccache has the rest.
OPTIONS = ["-DHEWN_TESTS=ON", "-DHEWN_EXAMPLES=ON", "-DHEWN_WERROR=ON", "-DHEWN_ISAS=all", "-DHEWN_CUDA=OFF"]

OPERATORS = {
    "comparison": {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "=="},
    "boolean": {"&&": "||", "||": "&&"},
    "arithmetic": {"+": "-", "-": "+", "*": "/", "/": "*", "%": "*", "+=": "-=", "-=": "+=", "|": "&", "&": "|"},
}
WORDS = {"true": "false", "false": "true", "break": "continue", "continue": "break"}


class Mutant(collections.namedtuple("Mutant", "file begin end text kind")):
    """The bytes [begin, end) of a file are replaced by this text."""

    def name(self, source):
        """The line with what is replaced in marks, and what replaces it."""
        old, new = source[self.begin:self.end], self.text
        if not old.endswith("\n"):  # less than a line
            begin, end = source.rfind("\n", 0, self.begin) + 1, source.find("\n", self.end)
            old = f"{source[begin:self.begin]}«{old}»{source[self.end:end]}"
        shorten = lambda text: re.sub(r"\s+", " ", text).strip()
        return f"{self.file}: {self.kind}: `{shorten(old)}` -> `{shorten(new)}`"


def blanked(source):
    """The source with the same length, but without the contents of comments, strings and directives."""
    pattern = r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\'|^[ \t]*#[^\n]*'
    hide = lambda m: m[0][0] + re.sub(r"[^\n]", "~", m[0][1:-1]) + m[0][-1] if m[0][0] in "\"'" else re.sub(r"[^\n]", "~", m[0])
    return re.sub(pattern, hide, source, flags=re.S | re.M)


def in_functions(plain):
    """For each position, whether it is in the body of a function: in braces that are not those of a namespace, type or
    list."""
    inside, stack = bytearray(len(plain)), []
    for i, c in enumerate(plain):
        if c == "{":
            head = plain[max(plain.rfind(end, 0, i) for end in ";{}") + 1:i]
            function = re.search(r"\)\s*(const|override|noexcept|final|\s)*(->[^;]*)?$|\)\s*:.*$|\b(else|do|try)\s*$", head,
                                 re.S)
            stack.append(bool(function) or (bool(stack) and stack[-1]))
        elif c == "}" and stack:
            stack.pop()
        inside[i] = bool(stack) and stack[-1]
    return inside


DECLARATION = re.compile(r"\s+[\w:]+(<[^;=]*>)?[&*]? (\* ?)?[a-z]\w*( =|;|\(|\{|\[)")


def statements(plain, inside):
    """The simple statements of functions but declarations, as (begin, end) of whole lines."""
    for m in re.finditer(r"^[ \t]+(?![ \t}{]|return\b|if\b|for\b|while\b|else\b|case\b|using\b|struct\b|const\b|auto\b|do\b|"
                         r"default\b|static\b|public\b|private\b)[^;{}]*;[ \t~]*\n", plain, re.M):
        follows = plain[:m.start()].rstrip("~ \t\n")[-1] in ";{}"  # not the body of an if without braces
        if inside[m.start()] and follows and not DECLARATION.match(m[0]):
            yield m.start(), m.end()


ASSIGNMENT = re.compile(r"\s*([\w.\->\[\]]+) ([-+*/]?)= ([^;]*);\s*$")
HARMLESS_CALL = re.compile(r"std::move\(|(static|reinterpret)_cast<[^()]*>\(|[\w:]+\(\)")


def unordered(first, second):
    """Whether two statements may stand in any order: checks that both refuse, or assignments that do not know of each
    other."""
    if all(re.match(r"\s*require\(", text) for text in (first, second)):
        return True
    one, other = ASSIGNMENT.match(first), ASSIGNMENT.match(second)
    if not one or not other or any(re.search(r"\w\(", HARMLESS_CALL.sub("", m[3])) for m in (one, other)):
        return False
    names = lambda text: set(re.findall(r"[A-Za-z_]\w*", text))
    last = lambda m: re.findall(r"[A-Za-z_]\w*", m[1])[-1]
    moved = lambda m: set(re.findall(r"std::move\((\w+)\)", m[3]))
    return last(one) not in names(second) and last(other) not in names(first) and \
        not moved(one) & names(second) and not moved(other) & names(first)


def all_mutants(file, source):
    plain = blanked(source)
    inside = in_functions(plain)
    found = []
    add = lambda begin, end, text, kind: found.append(Mutant(file, begin, end, text, kind))
    for m in re.finditer(r"(?<= )([<>=!]=|[<>]|&&|\|\||[-+*/%|&]|[-+]=)(?= |\n)", plain):
        line = plain[plain.rfind("\n", 0, m.start()) + 1:plain.find("\n", m.start())]
        # What joins texts or the parts of a path is no sum and no quotient, and cannot be another operator.
        text = re.search(r'"~*"$|to_string\([^()]*\)$|string\(\)$', plain[:m.start()].rstrip()) or \
            re.match(r'\s*("|std::to_string|std::string)', plain[m.end():])
        if text or (m[0] == "/" and "<filesystem>" in source):
            continue
        for kind, table in OPERATORS.items():
            if m[0] in table and not line.lstrip().startswith("template"):
                add(m.start(), m.end(), table[m[0]], kind)
    for m in re.finditer(r"\+\+|--", plain):
        add(m.start(), m.end(), "--" if m[0] == "++" else "++", "arithmetic")
    for m in re.finditer(r"!(?=[A-Za-z_(])", plain):
        add(m.start(), m.end(), "", "boolean")
    for m in re.finditer(r"\b(true|false|break|continue)\b", plain):
        add(m.start(), m.end(), WORDS[m[0]], "boolean" if m[0] in ("true", "false") else "order")
    for m in re.finditer(r"(?<![\w.'])(0x[0-9a-fA-F']+|\d[\d']*(\.\d+)?(e-?\d+)?)(?![\w.'])", plain):
        add(m.start(), m.end(), {"0": "1", "1": "0"}.get(m[0], f"({m[0]} + 1)"), "constant")
    for m in re.finditer(r"\bif \((?!const\b|auto\b)([^;{}\n]*)\) ", plain):
        if inside[m.start()] and m[1].count("(") == m[1].count(")"):
            for value in ("true", "false"):
                add(m.start(1), m.end(1), value, "condition")
    spans = list(statements(plain, inside))
    for begin, end in spans:
        if ".reserve(" not in plain[begin:end]:  # memory that is reserved for speed alone
            add(begin, end, "\n", "deletion")
    for (a, b), (c, d) in zip(spans, spans[1:]):
        # Two statements that mention nothing in common have no order.
        common = set(re.findall(r"[a-z_]+_?\b", plain[a:b])) & set(re.findall(r"[a-z_]+_?\b", plain[c:d])) - {"std"}
        if b == c and common and not unordered(plain[a:b], plain[c:d]):
            add(a, d, source[c:d] + source[a:b], "order")
    return found


def drawn(files, count, seed):
    """`count` of all mutants by name, in the order of the files: those whose names have the least hashes. Of lines that are
    the same in a file the first stands for all."""
    mutants = {}
    for file in files:
        source = (ROOT / file).read_text()
        for mutant in all_mutants(file, source):
            mutants.setdefault(mutant.name(source), mutant)
    hashed = lambda name: hashlib.sha256(f"{seed} {name}".encode()).digest()
    return {name: mutants[name] for name in sorted(sorted(mutants, key=hashed)[:count], key=mutants.get)}


class Tree:
    """A copy of the repository with a build of its tests."""

    def __init__(self, folder):
        self.source, self.build, self.temporary = folder / "source", folder / "source/build", folder / "temporary"
        self.environment = os.environ | {"CCACHE_BASEDIR": str(self.source), "CCACHE_NOHASHDIR": "1",
                                         "CCACHE_SLOPPINESS": "pch_defines,time_macros"}
        self.seconds = {}

    def prepare(self, programs):
        names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode()
        tracked = {self.source / name: ROOT / name for name in filter(None, names.split("\0"))}
        for path in self.source.rglob("*"):  # of an earlier state
            if path.is_file() and path not in tracked and self.build not in path.parents:
                path.unlink()
        for path, original in tracked.items():
            if not path.exists() or path.read_bytes() != original.read_bytes():
                path.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(original, path)
        launcher = ["-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []
        alone = "/(" + "|".join(file.replace(".", "[.]") for file in TESTS) + ")$"
        subprocess.run(["cmake", "--preset", "release", "-S", self.source, "-B", self.build, "-G", "Ninja",
                        f"-DHEWN_ALONE={alone}", "-DHEWN_LAYER_OPTIONS=-Wno-error", *OPTIONS, *launcher], cwd=self.source,
                       check=True, stdout=subprocess.DEVNULL, env=self.environment)
        if not self.builds(programs):
            sys.exit("the tests do not build without a mutant: ninja -C " + str(self.build))

    def builds(self, programs):
        return subprocess.run(["ninja", "-C", self.build, "hewn", *(f"test_{name}" for name in programs)],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=self.environment).returncode == 0

    def fails(self, program, filters, seconds):
        """Whether the tests fail within this time, or do not end in it: with one seed, and so little memory and disk that
        a mutant does no harm to the machine."""
        limit = lambda: (os.setsid(), resource.setrlimit(resource.RLIMIT_DATA, (1 << 33, 1 << 33)),
                         resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 31, 1 << 31)))
        self.temporary.mkdir(exist_ok=True)
        process = subprocess.Popen([self.build / f"tests/test_{program}", filters, "-a"], cwd=self.build, preexec_fn=limit,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   env={**self.environment, "HEWN_TEST_SEED": "1", "HEWN_FAULT": FAULTY_COMMAND, "OMP_WAIT_POLICY": "passive",
                                        "TMPDIR": str(self.temporary)})
        try:
            return process.wait(seconds) != 0
        except subprocess.TimeoutExpired:
            return True
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)  # what it started, too
            except ProcessLookupError:
                pass
            process.wait()
            shutil.rmtree(self.temporary, ignore_errors=True)

    def measure(self, tests):
        """How long the tests take without a mutant; all must pass. The last mutant may still be in the programs."""
        for program, filters in tests:
            if (program, filters) not in self.seconds:
                self.builds(dict.fromkeys(program for program, _ in tests))
                begin = time.monotonic()
                if self.fails(program, filters, 3600):
                    sys.exit(f"test_{program} \"{filters}\" fails without a mutant")
                self.seconds[program, filters] = time.monotonic() - begin

    def outcome(self, mutant):
        path = self.source / mutant.file
        source = path.read_text()
        try:
            path.write_text(source[:mutant.begin] + mutant.text + source[mutant.end:])
            tests = TESTS[mutant.file]
            if not self.builds(dict.fromkeys(program for program, _ in tests)):
                return "does not compile"
            for program, filters in tests:
                if self.fails(program, filters, 20 + 5 * self.seconds[program, filters]):
                    return "found"
            return "survived"
        finally:
            path.write_text(source)


def outcomes(results):
    """The last result of each mutant."""
    lines = map(json.loads, results.read_text().splitlines())
    return {line["mutant"]: line for line in lines}


def run(args):
    folder = pathlib.Path(args.dir).resolve()
    results = folder / "mutants.jsonl"
    mutants = drawn(args.files or list(TESTS), args.count, args.seed)
    done = outcomes(results) if results.exists() else {}
    wanted = "survived" if args.survivors else None
    known = reasons()
    left = [name for name in mutants if done.get(name, {}).get("outcome") == wanted]
    left = [name for name in left if not (args.survivors and name in known)][:args.limit]
    trees = queue.SimpleQueue()
    for number in range(min(args.jobs, len(left))):
        tree = Tree(folder / f"tree-{number}")
        tree.prepare(sorted({program for name in left for program, _ in TESTS[mutants[name].file]}))
        trees.put(tree)

    def result(name):
        tree, mutant = trees.get(), mutants[name]
        try:
            tree.measure(TESTS[mutant.file])
            begin = time.monotonic()
            return {"mutant": name, "file": mutant.file, "kind": mutant.kind,
                    "outcome": tree.outcome(mutant), "seconds": round(time.monotonic() - begin, 1)}
        finally:
            trees.put(tree)

    with concurrent.futures.ThreadPoolExecutor(max(1, args.jobs)) as pool:
        for line in pool.map(result, left):
            with results.open("a") as file:
                file.write(json.dumps(line) + "\n")
            print(f"{line['outcome']:16} {line['seconds']:6} s  {line['mutant']}", flush=True)


def reasons():
    """Why mutants may survive, by mutant."""
    lines = [line for line in REASONS.read_text().splitlines() if line and not line.startswith("#")]
    return {mutant: reason.strip() for mutant, reason in zip(lines[::2], lines[1::2])}


def table(args):
    done = outcomes(pathlib.Path(args.dir) / "mutants.jsonl")
    lines = [done[name] for name in drawn(args.files or list(TESTS), args.count, args.seed) if name in done]
    print("| file | mutants | found | survived | found of those that compile |\n|---|---:|---:|---:|---:|")
    for name in [*sorted({line["file"] for line in lines}), "all"]:
        count = collections.Counter(line["outcome"] for line in lines if name in (line["file"], "all"))
        compiled = count["found"] + count["survived"]
        part = f"{100 * count['found'] // compiled}%" if compiled else "–"
        print(f"| `{name}` | {compiled} | {count['found']} | {count['survived']} | {part} |")
    print()
    known = reasons()
    for line in lines:
        if line["outcome"] == "survived":
            print(f"* {line['mutant']}\n  {known.get(line['mutant'], 'has neither a test nor a reason')}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["list", "run", "table"])
    parser.add_argument("files", nargs="*", metavar="FILE", help="only these files")
    parser.add_argument("--dir")
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit", type=int, help="try at most so many now")
    parser.add_argument("--survivors", action="store_true", help="try those again that survived without a reason")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="mutants tried at the same time")
    args = parser.parse_intermixed_args()
    unknown = [file for file in args.files if file not in TESTS]
    if unknown or (args.what != "list" and not args.dir):
        parser.error(f"no tests are known for {unknown[0]}" if unknown else f"{args.what} needs --dir")
    if args.what == "list":
        print(*drawn(args.files or list(TESTS), args.count, args.seed), sep="\n")
    else:
        {"run": run, "table": table}[args.what](args)


if __name__ == "__main__":
    main()
