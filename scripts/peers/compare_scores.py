#!/usr/bin/env python3
"""Compares Hewn's scores of texts with sacrebleu, rouge-score and a few lines for SQuAD's metrics.

    python scripts/peers/compare_scores.py [--hewn build/apps/hewn] [FILE.tsv ...]

Needs sacrebleu and rouge-score. Each FILE has two columns of parallel texts after a header; without FILE, those of
HEWN_SHARED/data/translation are compared. Answers are made from the texts in several ways (the other language, the next
row, words left out, swapped or repeated, no words at all), scored by `hewn eval --responses`, and compared: BLEU 1 to 4
of the corpus, and every sentence's BLEU, to 0.01; ROUGE-L with and without stemming to 0.001; exact match and F1 to 1e-9.
Prints a line per comparison; exits 1 if one failed.
"""

import argparse
import csv
import json
import random
import re
import string
import tempfile
from collections import Counter
from pathlib import Path

from common import HEWN, SHARED, Checks, lines_of, run
from rouge_score import rouge_scorer
from sacrebleu.metrics import BLEU

parser = argparse.ArgumentParser()
parser.add_argument("files", nargs="*")
parser.add_argument("--hewn", default=HEWN)
arguments = parser.parse_args()
files = arguments.files or sorted((SHARED / "data/translation").glob("*.tsv"))
if not files:
    parser.error("expected FILE.tsv, or HEWN_SHARED with data/translation")
checks = Checks()


def say(what, gap, bound):
    checks.say(f"{what}:", gap <= bound, f"off by {gap:.2g} at most")


def hewn_scores(rows):
    """The metrics of the corpus by name, and those of each row."""
    with tempfile.TemporaryDirectory() as folder:
        source, each = Path(folder) / "rows.jsonl", Path(folder) / "each.jsonl"
        source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        report = run(arguments.hewn, "eval", f"--responses={source}", f"--answers={each}", "--json")
        return {line["metric"]: line["value"] for line in json.loads(report)["tasks"]}, lines_of(each)


def references_of(row):
    return row["reference"] if isinstance(row["reference"], list) else [row["reference"]]


def compare_bleu(what, rows, corpus, each):
    answers = [row["response"] for row in rows]
    most = max(len(references_of(row)) for row in rows)
    streams = [[refs[i] if i < len(refs := references_of(row)) else None for row in rows] for i in range(most)]
    for order in range(1, 5):
        theirs = BLEU(max_ngram_order=order).corpus_score(answers, streams).score
        say(f"{what}: BLEU-{order} {theirs:.2f}", abs(theirs - corpus[f"bleu_{order}"]), 0.01)
        sentence = BLEU(max_ngram_order=order, effective_order=True)
        say(f"{what}: BLEU-{order} of each sentence", max(
            abs(sentence.sentence_score(row["response"], references_of(row)).score - mine[f"sentence_bleu_{order}"])
            for row, mine in zip(rows, each)), 0.01)


def compare_rouge(what, rows, corpus, each):
    for stemming, name in ((False, "rouge_l"), (True, "rouge_l_stemmed")):
        scorer = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=stemming)
        theirs = [scorer.score_multi(references_of(row), row["response"])["rougeL"].fmeasure for row in rows]
        mean = sum(theirs) / len(theirs)
        say(f"{what}: {name} {mean:.4f}", abs(mean - corpus[name]), 0.001)
        say(f"{what}: {name} of each row", max(abs(a - mine[name]) for a, mine in zip(theirs, each)), 0.001)


def squad_words(text):
    plain = text.lower().translate(str.maketrans("", "", string.punctuation))
    return re.sub(r"\b(a|an|the)\b", " ", plain).split()


def squad_f1(answer, reference):
    mine, theirs = squad_words(answer), squad_words(reference)
    if not mine or not theirs:
        return float(mine == theirs)
    common = sum((Counter(mine) & Counter(theirs)).values())
    return 2 * common / (len(mine) + len(theirs))


def compare_squad(what, rows, each):
    exact = [float(any(squad_words(row["response"]) == squad_words(r) for r in references_of(row))) for row in rows]
    f1 = [max(squad_f1(row["response"], r) for r in references_of(row)) for row in rows]
    for name, theirs in (("exact_match", exact), ("f1", f1)):
        say(f"{what}: {name} of each row", max(abs(a - mine[name]) for a, mine in zip(theirs, each)), 1e-9)


def altered(text, draw):
    """The text with some of its words left out, swapped, repeated or in capitals, and more punctuation."""
    words = []
    for word in text.split(" "):
        change = draw.random()
        if change < 0.1:
            continue
        if change < 0.2:
            word += draw.choice([",", ".", "-", "'s", " 3.5", " 1,000", " 5-6", "&amp;", " (a)", "!?"])
        words.append(word.upper() if change > 0.95 else word)
        if 0.2 <= change < 0.25:
            words.append(word)
        if change > 0.9 and len(words) > 1:
            words[-1], words[-2] = words[-2], words[-1]
    return " ".join(words)


def sets_of(path):
    with open(path, encoding="utf-8", newline="") as file:
        pairs = [row[:2] for row in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)][1:]
    draw = random.Random(1)
    yield "the other language", [{"response": a, "reference": b} for a, b in pairs]
    following = pairs[1:] + pairs[:1]
    yield "the next row", [{"response": b, "reference": c} for (_, b), (_, c) in zip(pairs, following)]
    for side, language in enumerate(("first", "second")):
        yield f"altered, {language} column", [{"response": altered(p[side], draw), "reference": p[side]} for p in pairs]
    yield "two references", [{"response": altered(b, draw), "reference": [b, altered(b, draw)]} for _, b in pairs]
    yield "itself", [{"response": b, "reference": b} for _, b in pairs]
    yield "short", [{"response": " ".join(b.split()[:i % 4]), "reference": b} for i, (_, b) in enumerate(pairs)]


for path in files:
    print(path)
    for what, rows in sets_of(path):
        corpus, each = hewn_scores(rows)
        compare_bleu(what, rows, corpus, each)
        compare_rouge(what, rows, corpus, each)
        compare_squad(what, rows, each)
checks.end()
