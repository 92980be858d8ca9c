#!/usr/bin/env python3
"""Summarises the tables of docs/performance/: how many times as fast Hewn is as the fastest program beside it.

    scripts/ratios.py             # writes the table of docs/performance.md and docs/performance/ratios.svg
    scripts/ratios.py --check     # writes nothing; exits 1 if either differs from what the tables say

Measures nothing. scripts/figures.py calls it after it has written a table.
"""

import math
import pathlib
import re
import statistics
import sys
from typing import NamedTuple

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/performance.md"
PICTURE = ROOT / "docs/performance/ratios.svg"
TRAINING, FINETUNING, WRITING, PRODUCTS = ("training.md", "finetuning.md", "writing.md", "products.md")


class Row(NamedTuple):
    """One comparison: its subject, the page that has it, Hewn's figure, the fastest program's, and their ratio."""
    what: str
    page: str
    ours: str
    theirs: str
    ratio: float


def compared(what, page, measured, unit, more_is_better=False):
    """The row of these figures by program, of which Hewn's is the first."""
    (_, ours), *others = measured.items()
    name, theirs = (max if more_is_better else min)(others, key=lambda other: other[1])
    figure = lambda x: f"{x:,.0f} {unit}" if x >= 99.95 else f"{x:.3g} {unit}"
    return Row(what, page, figure(ours), f"{name}: {figure(theirs)}",
               ours / theirs if more_is_better else theirs / ours)


def after(page, start):
    """The text of a page from `start` on."""
    text = (ROOT / "docs/performance" / page).read_text()
    return text[text.index(start):]


def table_after(page, start):
    """The first table behind `start`: its rows, by the names of the columns."""
    lines = [line.strip("| ") for line in re.search(r"(^\|.*\n)+", after(page, start), re.MULTILINE)[0].splitlines()]
    head, _, *rows = [re.split(r" *\| *", line) for line in lines]
    return [dict(zip(head, row)) for row in rows]


def programs_after(page, start, column):
    """A column of figures by program, of the code block that begins with `start`."""
    found = {}
    for line in after(page, "```\n" + start).split("```")[1].splitlines()[3:]:
        name, figures = re.match(r"(\S.*?)  +(\d.*)", line).groups()
        found[re.sub(r" \d.*", "", name)] = min(float(figures.split()[column]), found.get(name, math.inf))
    return found


def step(what, start):
    """Of eager and compiled PyTorch, the faster one."""
    measured = programs_after(TRAINING, start, 0)
    return compared(what, TRAINING, measured, "ms")


def token(what, form, part, start="| format | MB |"):
    row = next(r for r in table_after(WRITING, start) if r["format"] == form and r["what"] == part)
    peers = dict(peer.rsplit(" ", 1) for peer in row["peers, ms"].split(", "))
    return compared(what, WRITING, {name: float(ms) for name, ms in {"Hewn": row["hewn, ms"], **peers}.items()}, "ms")


def products(what, start):
    """Of geometric means over all products of many rows with 2 threads; of several libraries, each time the best."""
    rows = [row for row in table_after(PRODUCTS, start)
            if row["threads"] == "2" and not row["M x N x K"].startswith("1x")]
    peers = [name for name in rows[0] if name not in ("M x N x K", "threads", "hewn GFLOP/s", "hewn / best")]
    best = "the best of four libraries" if len(peers) > 1 else "oneDNN"
    return compared(what, PRODUCTS,
                    {"Hewn": statistics.geometric_mean(float(row["hewn GFLOP/s"]) for row in rows),
                     best: statistics.geometric_mean(max(float(row[name]) for name in peers) for row in rows)},
                    "GFLOP/s", more_is_better=True)


def tokenizer(what, start, unit):
    block = after(WRITING, start).split("best of 4:\n")[1].split("Learning")[0]
    lines = re.findall(r"  (\S.*?)  +([\d.]+) .*\n", block)
    return compared(what, WRITING, {name: float(figure) for name, figure in lines}, unit, more_is_better=unit == "MB/s")


def column(what, start, key, figure, unit, wanted=""):
    """Of a table: the figures of the programs whose names match."""
    rows = [row for row in table_after(FINETUNING, start) if wanted in row[key]]
    return compared(what, FINETUNING, {row[key]: float(row[figure]) for row in rows}, unit, "rows/s" in unit)


def summary():
    """The rows of the table and of the picture, by group."""
    avx2 = "The same on a processor with AVX2 only"
    return {
        "Training": [
            step("a step of the character GPT, 0.8 million parameters", "baby-gpt-cpu, f32, 2 threads"),
            step("a step of GPT-2 124M, 4 x 64 tokens", "gpt2, f32, 2 threads"),
            step("the same in bf16", "gpt2, bf16, 2 threads"),
            step("a step of GPT-2 124M, 1 x 1024 tokens", "gpt2-1024, f32, 2 threads"),
            step("the same in bf16", "gpt2-1024, bf16, 2 threads"),
            column("a step of GPT-2 124M with LoRA, 4 x 64 tokens", "4 x 64 tokens, 2 threads", "step", "best ms", "ms",
                   "LoRA"),
        ],
        "Writing text with GPT-2 124M": [
            token("a token, Q8_0", "q8_0", "a token"),
            token("a token, Q4_K_M", "q4_k_m", "a token"),
            token("a token, f32", "f32", "a token"),
            token("a prompt of 512 tokens, Q8_0", "q8_0", "prompt of 512"),
            token("a token, f32, AVX2 only", "f32", "a token", avx2),
            token("a token, bf16, AVX2 only", "bf16", "a token", avx2),
        ],
        "Reading text": [
            column("classifying messages with GPT-2 124M", "| program | rows/s, best", "program", "rows/s, best",
                   "rows/s"),
            column("multiple-choice questions with GPT-2 124M", "| program | scoring, s", "program", "scoring, s", "s"),
            tokenizer("encoding with GPT-2's vocabulary, 1 thread", "Encoding 10.0 MB", "MB/s"),
            tokenizer("learning 32000 merges", "Learning 32000 merges", "s"),
        ],
        "Kernels": [
            compared("attention with gradients, 1024 tokens, 12 heads of 64", PRODUCTS,
                     programs_after(PRODUCTS, "attention 1x12x1024x1024x64 causal, 2 threads", 1), "ms"),
            products("matrix products in f32, geometric mean", "| M x N x K | threads | hewn GFLOP/s | openblas"),
            products("matrix products in bf16, geometric mean", "bfloat16, with float32 sums"),
        ],
    }


def table(groups):
    lines = ["| what | Hewn | the fastest beside it | times as fast |", "| --- | --- | --- | --- |"]
    for group, rows in groups.items():
        lines.append(f"| **{group}** | | | |")
        lines += [f"| [{row.what}](performance/{row.page}) | {row.ours} | {row.theirs} | {row.ratio:.2f} |"
                  for row in rows]
    return "\n".join(lines)


STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1b1f24 } .muted { fill: #545c66 } .group { font-weight: 600 }
  .bar { fill: #0b57a4 } .slower { fill: #c4450c } .grid { stroke: #c9ced6 } .one { stroke: #1b1f24 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e7eaee } .muted { fill: #a9b2bd } .bar { fill: #7db8f7 } .slower { fill: #f0834a }
    .grid { stroke: #3b424c } .one { stroke: #e7eaee }
  }
"""


def picture(groups):
    """Bars on a logarithmic axis: to the right of 1 where Hewn is faster, to the left where it is slower."""
    left, width, line = 390, 330, 21
    least, most = 0.75, max(row.ratio for rows in groups.values() for row in rows)
    at = lambda ratio: left + width * math.log(ratio / least) / math.log(most / least)
    body, y = [], 24
    for group, rows in groups.items():
        body.append(f'<text class="group" x="8" y="{y}">{group}</text>')
        for row in rows:
            y += line
            low, high = sorted((at(1), at(row.ratio)))
            kind, end = ("bar", f'x="{high + 6:.1f}"') if row.ratio >= 1 else (
                "slower", f'x="{low - 6:.1f}" text-anchor="end"')
            body += [f'<text x="20" y="{y}">{row.what}</text>',
                     f'<rect class="{kind}" x="{low:.1f}" y="{y - 11}" width="{high - low:.1f}" height="13" rx="2"/>',
                     f'<text {end} y="{y}">{row.ratio:.2f}</text>']
        y += line + 8
    bottom = y - 16
    grid = []
    for tick in (0.8, 1, 1.5, 2, 3, 4, 5):
        x, kind = f"{at(tick):.1f}", "one" if tick == 1 else "grid"
        grid += [f'<line class="{kind}" x1="{x}" x2="{x}" y1="12" y2="{bottom}"/>',
                 f'<text class="muted" x="{x}" y="{bottom + 16}" text-anchor="middle">{tick}</text>']
    box = f"0 0 {left + width + 50} {bottom + 44}"
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" role="img">',
                      "<title>How many times as fast Hewn is as the fastest program beside it</title>",
                      f"<style>{STYLE}</style>", *grid, *body,
                      f'<text class="muted" x="{left}" y="{bottom + 36}">times as fast as the fastest program '
                      "beside it (logarithmic)</text>", "</svg>", ""])


def write(check=False):
    """Writes what the tables say, or only returns whether it is written."""
    groups = summary()
    marked = re.compile("(<!-- begin summary -->\n).*?(<!-- end summary -->)", re.DOTALL)
    page = marked.sub(lambda m: m[1] + table(groups) + "\n" + m[2], PAGE.read_text())
    wanted = {PAGE: page, PICTURE: picture(groups)}
    if not check:
        for path, text in wanted.items():
            path.write_text(text)
    return all(path.read_text() == text for path, text in wanted.items())


if __name__ == "__main__":
    if sys.argv[1:] not in ([], ["--check"]):
        sys.exit("usage: scripts/ratios.py [--check]")
    if not write(check=len(sys.argv) > 1):
        sys.exit("docs/performance.md or docs/performance/ratios.svg differs from the tables of docs/performance/; "
                 "scripts/ratios.py writes both")
