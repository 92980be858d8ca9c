#!/usr/bin/env python3
"""Scores tasks with Hewn and, on the exported model, with lm-evaluation-harness, and compares answer by answer.

    python scripts/peers/compare_tasks.py [--hewn build/apps/hewn]              # trains a small model of tales itself
    python scripts/peers/compare_tasks.py --run RUN --text FILE [--rows 200]
    python scripts/peers/compare_tasks.py --speed [--quick]                     # 1,000 rows, GPT-2 124M, in turn

Needs lm_eval, torch and transformers. From the sentences of a text it makes a task of each kind: multiple choice (which
of four endings belongs to a beginning), schema (which of two beginnings belongs to an ending) and continuation (the
next word). Some contexts end in blanks, and some exceed the context window. Prints, for each task, how many answers are
equal, how many are right, and by how much log probabilities differ; exits 1 if an answer differs, or if a task shows
nothing because its answers are all right or all wrong.

With --speed, both programs score multiple-choice rows in alternation with a model of GPT-2 124M's shape, random weights
and GPT-2's tokenizer from HEWN_SHARED; prints a Markdown table. "Scoring" is lm-evaluation-harness's computation of
log probabilities alone, and for Hewn the whole program less a call with one row; "whole" is each process from its start
to its end. Of lm-evaluation-harness's batch sizes the fastest counts. Run it on a quiet machine.
"""

import argparse
import json
import random
import re
import sys
import tempfile
import time
from pathlib import Path

from common import HEWN, Checks, Measured, copy_gpt2_tokenizer, counted, in_turn, lines_of, markdown, run

KINDS = {  # how lm-evaluation-harness is told to read each layout
    "choices": ("multiple_choice", "query", "gold", "choices", ("acc", "acc_norm")),
    "schema": ("multiple_choice", "gold", "continuation", "context_options", ("acc",)),
    "words": ("loglikelihood", "context", "\"{{' ' + continuation}}\"", None, ("acc",)),
}


# ---- the tasks ----

def make_tasks(folder, text, count):
    draw = random.Random(1)
    text = " ".join(Path(text).read_text(encoding="utf-8").split())
    sentences = list(dict.fromkeys(s for s in re.split(r"(?<=[.!?]) ", text) if 6 <= len(s.split()) <= 60))
    if len(sentences) < 3 * count:
        sys.exit(f"the text has {len(sentences)} different sentences; {count} rows need {3 * count}")
    draw.shuffle(sentences)
    halves = [(" ".join(w[: len(w) // 2]), " ".join(w[len(w) // 2 :])) for w in map(str.split, sentences)]
    rows = {"choices": [], "schema": [], "words": []}
    for i in range(count):
        begin, end = halves[i]
        other = lambda: halves[draw.randrange(count, len(halves))]
        if i % 10 == 3:  # longer than most windows
            begin = " ".join(" ".join(other()) for _ in range(40)) + " " + begin
        if i % 10 == 7:
            begin += "  "
        gold = draw.randrange(4)
        choices = [other()[1] for _ in range(4)]
        choices[gold] = end
        rows["choices"].append({"query": begin, "choices": choices, "gold": gold})
        rows["schema"].append({"context_options": [other()[0], begin], "continuation": end, "gold": 1})
        words = sentences[i].split()
        cut = draw.randrange(3, len(words))
        rows["words"].append({"context": " ".join(words[:cut]), "continuation": words[cut]})
    for name, list_of in rows.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in list_of), encoding="utf-8")
        write_config(folder, name)


def write_config(folder, name):
    output, context, target, choices, metrics = KINDS[name]
    lines = [f"task: {name}", "dataset_path: json", f"output_type: {output}", "test_split: train",
             "dataset_kwargs:", "  data_files:", f"    train: {folder / name}.jsonl",
             f"doc_to_text: {context}", f"doc_to_target: {target}", "target_delimiter: ' '"]
    lines += [f"doc_to_choice: {choices}"] if choices else []
    lines += ["metric_list:"] + [f"  - metric: {m}\n    aggregation: mean\n    higher_is_better: true" for m in metrics]
    (folder / f"{name}.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")


# ---- lm-evaluation-harness, in a process of its own ----

def harness(folder, names, batch_size, threads):
    """Prints, for each task, the log probabilities of each row's choices and whether they are the greedy answers, and
    the seconds of their computation."""
    import logging

    import torch
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager
    torch.set_num_threads(threads)
    logging.disable(logging.WARNING)  # one for each row that is cut
    model = HFLM(pretrained=str(folder / "hf"), device="cpu", dtype="float32", batch_size=batch_size)
    seconds = 0.0
    whole = model.loglikelihood

    def timed(*words, **options):
        nonlocal seconds
        begin = time.perf_counter()
        result = whole(*words, **options)
        seconds += time.perf_counter() - begin
        return result

    model.loglikelihood = timed
    answers = {}
    for name in names:
        results = simple_evaluate(model=model, tasks=[name], log_samples=True, bootstrap_iters=0,
                                  task_manager=TaskManager(include_path=str(folder)))
        samples = sorted(results["samples"][name], key=lambda sample: sample["doc_id"])
        answers[name] = [[(float(p), g in (True, "True")) for p, g in s["filtered_resps"]] for s in samples]
    print("\n" + json.dumps(dict(answers=answers, seconds=seconds)))


def call_harness(args, folder, names, batch_size):
    return Measured(sys.executable, __file__, "--harness", folder, "--tasks", *names, f"--batch_sizes={batch_size}",
                    f"--threads={args.threads}")


def call_hewn(args, folder, model, name):
    return Measured(args.hewn, "eval", model, f"--tasks={folder / name}.jsonl", f"--answers={folder / 'answers.jsonl'}",
                    f"--threads={args.threads}", "--quiet", "--json")


# ---- the comparison ----

def highest(values):
    return max(range(len(values)), key=values.__getitem__)


def compare(checks, name, rows, theirs, ours, expect_both=True):
    different, gap, right = 0, 0.0, 0
    for row, their, mine in zip(rows, theirs, ours):
        logs = [p for p, _ in their]
        gap = max([gap] + [abs(a - b) for a, b in zip(logs, mine["log_probabilities"], strict=True)])
        if name == "words":
            different += their[0][1] != mine["correct"]
            right += mine["correct"]
            continue
        different += highest(logs) != mine["accuracy"]
        right += mine["accuracy"] == row["gold"]
        if name == "choices":
            normed = [p / len(choice) for p, choice in zip(logs, row["choices"])]
            different += highest(normed) != mine["accuracy_per_character"]
    same = len(rows) == len(theirs) == len(ours) and different == 0 and gap <= 1e-3
    checks.say(name, same and (0 < right < len(rows) or not expect_both),
               f"{different} answers of {len(rows)} rows differ, {right} are right; log probabilities differ by "
               f"{gap:.1e} at most")


def train_model(args, folder):
    """A model that continues many sentences of the tales correctly, and other tales than it has seen."""
    tales = run(args.hewn, "data", "corpus", "--tales=12000").splitlines(keepends=True)
    (folder / "tales.txt").write_text("".join(tales[len(tales) // 3:]))
    (folder / "new.txt").write_text("".join(tales[:len(tales) // 3]))
    run(args.hewn, "train", f"--dataset={folder}/tales.txt", "--tokenizer=bpe", "--vocab_size=1000", "--n_layer=2",
        "--n_head=2", "--n_embd=64", "--block_size=128", "--batch_size=16", "--max_iters=300", "--learning_rate=3e-3",
        "--bias=true", f"--out_dir={folder}/run", "--quiet")
    return folder / "run", folder / "new.txt"


def check_answers(args, folder):
    model, text = (args.run, args.text) if args.run else train_model(args, folder)
    make_tasks(folder, text, args.rows)
    run(args.hewn, "export", model, "--format=hf", f"--out={folder / 'hf'}")
    theirs = call_harness(args, folder, list(KINDS), args.batch_sizes[0]).json()["answers"]
    checks = Checks()
    for name in KINDS:
        call_hewn(args, folder, model, name)
        compare(checks, name, lines_of(folder / f"{name}.jsonl"), theirs[name], lines_of(folder / "answers.jsonl"))
    checks.end()


# ---- speed ----

def make_gpt2(args, folder):
    import transformers
    size = dict(n_layer=2, n_head=2, n_embd=64) if args.quick else {}
    transformers.set_seed(1)
    transformers.GPT2LMHeadModel(transformers.GPT2Config(**size)).save_pretrained(folder / "gpt2")
    copy_gpt2_tokenizer(folder / "gpt2")
    return folder / "gpt2"


def compare_speed(args, folder):
    model = args.run or make_gpt2(args, folder)
    if not args.text:
        args.text = folder / "text.txt"
        args.text.write_text(run(args.hewn, "data", "corpus", "--tales=20000"))
    make_tasks(folder, args.text, args.rows)
    rows = (folder / "choices.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / "one.jsonl").write_text(rows[0], encoding="utf-8")
    run(args.hewn, "export", model, "--format=hf", f"--out={folder / 'hf'}")
    whole, answers = {}, {}

    def measured(name, process, seconds):
        whole[name] = min(process.seconds, whole.get(name, process.seconds))
        return seconds * 1e3, seconds * 1e3, process.peak_bytes

    def hewn():
        start = call_hewn(args, folder, model, "one").seconds
        process = call_hewn(args, folder, model, "choices")
        answers["ours"] = lines_of(folder / "answers.jsonl")
        return measured("Hewn", process, process.seconds - start)

    def peer(name, batch_size):
        process = call_harness(args, folder, ["choices"], batch_size)
        result = process.json()
        answers["theirs"] = result["answers"]["choices"]
        return measured(name, process, result["seconds"])

    contenders = {"Hewn": hewn}
    for size in args.batch_sizes:
        name = f"lm-evaluation-harness, batches of {size}"
        contenders[name] = lambda name=name, size=size: peer(name, size)
    timings = in_turn(contenders, args.rounds)
    checks = Checks()
    compare(checks, "choices", [json.loads(row) for row in rows], answers["theirs"], answers["ours"], False)
    print(f"\n{args.rows} rows, {counted(args.threads, 'thread')}, {counted(args.rounds, 'round')} in turn\n")
    ratio = lambda a, b: f"{a / b:.2f}"
    print(markdown(["program", "scoring, s, best", "median", "rows/s", "whole, s", "peak MB", "Hewn is faster by",
                    "whole"],
                   [[name, f"{t.best / 1e3:.1f}", f"{t.median / 1e3:.1f}", f"{args.rows / t.best * 1e3:.1f}",
                     f"{whole[name]:.1f}", f"{t.peak_bytes / 1e6:.0f}", ratio(t.best, timings["Hewn"].best),
                     ratio(whole[name], whole["Hewn"])] for name, t in timings.items()]), flush=True)
    checks.end()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", help="a run or model; --text is then required, except with --speed")
    parser.add_argument("--text")
    parser.add_argument("--rows", type=int)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch_sizes", type=int, nargs="+")
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="with --speed: a tiny model, to try the script")
    parser.add_argument("--hewn", default=HEWN)
    parser.add_argument("--harness", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--tasks", nargs="+", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.harness:
        return harness(args.harness, args.tasks, args.batch_sizes[0], args.threads)
    if args.run and not args.text and not args.speed:
        parser.error("--run needs --text=FILE, a text to make tasks of")
    args.rows = args.rows or (1000 if args.speed else 200)
    args.batch_sizes = args.batch_sizes or ([8, 16, 32] if args.speed else [16])
    if args.quick:
        args.rows, args.batch_sizes, args.rounds = 40, [16], 2
    with tempfile.TemporaryDirectory() as name:
        compare_speed(args, Path(name)) if args.speed else check_answers(args, Path(name))


if __name__ == "__main__":
    main()
