#!/usr/bin/env python3
"""Times byte pair encoding and its training with Hewn, tiktoken and Hugging Face's tokenizers, in alternation, so that
all run under the same conditions; checks that the ids are the same.

    python3 scripts/peers/compare_tokenizers.py --vocabulary gpt2/ --encode book.txt ... --train book.txt ...

Needs `pip install tiktoken tokenizers` and a built `hewn`. DIR/encoder.json and DIR/vocab.bpe are GPT-2's. The texts
are encoded as one, on one thread; the peers encode it both whole and in parts of some kilobytes, and the faster way
counts. Training is timed with all threads: Hewn's whole program, but only the call for Hugging Face. Run it on a
quiet machine.
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CUT = r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""  # GPT-2's, as tiktoken writes it


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--hewn", default=str(ROOT / "build/apps/hewn"))
    parser.add_argument("--vocabulary", help="directory of GPT-2's encoder.json and vocab.bpe")
    parser.add_argument("--encode", nargs="+", default=[])
    parser.add_argument("--train", nargs="+", default=[])
    parser.add_argument("--merges", type=int, default=32000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--huggingface_trains", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def printable_bytes():
    """The character that represents each byte in GPT-2's files."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in plain]
    return {chr(b): b for b in plain} | {chr(256 + i): b for i, b in enumerate(others)}


def tiktoken_ways(directory, text, parts):
    import tiktoken

    of = printable_bytes()
    ids = json.loads((directory / "encoder.json").read_text())
    ranks = {bytes(of[c] for c in text): i for text, i in ids.items() if text != "<|endoftext|>"}
    encoding = tiktoken.Encoding("gpt2", pat_str=CUT, mergeable_ranks=ranks,
                                 special_tokens={"<|endoftext|>": ids["<|endoftext|>"]})
    return [lambda: encoding.encode_ordinary(text), lambda: [i for part in parts for i in encoding.encode_ordinary(part)]]


def huggingface_ways(directory, text, parts):
    from tokenizers import Tokenizer, models, pre_tokenizers

    lines = (directory / "vocab.bpe").read_text().split("\n")
    merges = [tuple(line.split(" ")) for line in lines if line and not line.startswith("#version")]
    tokenizer = Tokenizer(models.BPE(json.loads((directory / "encoder.json").read_text()), merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return [lambda: tokenizer.encode_batch_fast([text])[0].ids,
            lambda: [i for one in tokenizer.encode_batch_fast(parts) for i in one.ids]]


def parts_of(text):
    """Parts of some kilobytes. They begin with a letter after a single newline, where a cut does not change the ids."""
    parts, part = [], ""
    for line in re.split(r"(?<=\n)", text):
        if len(part) > 4096 and line[:1].isalpha() and part[-1] == "\n" and not part[-2].isspace():
            parts.append(part)
            part = ""
        part += line
    return [*parts, part]


def timed(work):
    begin = time.perf_counter()
    result = work()
    return time.perf_counter() - begin, result


def compare_encoding(args):
    directory = pathlib.Path(args.vocabulary)
    text = "".join(pathlib.Path(f).read_bytes().decode(errors="replace") for f in args.encode)
    with tempfile.NamedTemporaryFile("w", suffix=".txt", newline="") as file:
        file.write(text)
        file.flush()
        size = os.path.getsize(file.name) / 1e6
        ours = subprocess.run([args.hewn, "tokenizer", "encode", f"--tokenizer={directory / 'encoder.json'}"],
                              stdin=open(file.name), capture_output=True, check=True).stdout
        ids = [int(i) for i in ours.split()]
        parts = parts_of(text)
        peers = {"tiktoken": tiktoken_ways(directory, text, parts),
                 "Hugging Face": huggingface_ways(directory, text, parts)}
        best = dict.fromkeys(["Hewn", *peers], float("inf"))
        for _ in range(args.rounds):
            result = subprocess.run([args.hewn, "tokenizer", "compare", str(directory / "encoder.json"), file.name,
                                     "--json", "--pieces=0"], capture_output=True, text=True, check=True)
            best["Hewn"] = min(best["Hewn"], size / json.loads(result.stdout)[0]["megabytes_per_second"])
            for name, ways in peers.items():
                for way in ways:
                    seconds, theirs = timed(way)
                    best[name] = min(best[name], seconds)
                    if theirs != ids:
                        sys.exit(f"{name} produces other ids than Hewn")
    print(f"Encoding {size:.1f} MB with GPT-2's vocabulary on one thread, {len(ids)} tokens, the same ids; "
          f"best of {args.rounds}:")
    for name, seconds in best.items():
        print(f"  {name:14} {size / seconds:8.1f} MB/s   {seconds / best['Hewn']:5.2f} times Hewn's time")


def huggingface_trains(args):
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(vocab_size=args.merges + 257, show_progress=False, special_tokens=["<|endoftext|>"],
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    seconds, _ = timed(lambda: tokenizer.train(args.train, trainer))
    print(json.dumps([seconds, tokenizer.get_vocab_size()]))


def compare_training(args):
    size = sum(map(os.path.getsize, args.train)) / 1e6
    best = {"Hewn": float("inf"), "Hugging Face": float("inf")}
    with tempfile.TemporaryDirectory() as work:
        command = [args.hewn, "tokenizer", "train", *args.train, "--type=bpe", f"--vocab_size={args.merges + 257}",
                   f"--out={work}/tokenizer.json", "--force", "--json"]
        for _ in range(args.rounds):
            seconds, result = timed(lambda: subprocess.run(command, capture_output=True, text=True, check=True))
            best["Hewn"] = min(best["Hewn"], seconds)
            sizes = [json.loads(result.stdout)["vocab_size"]]
            result = subprocess.run([sys.executable, __file__, "--huggingface_trains", f"--merges={args.merges}",
                                     "--train", *args.train], capture_output=True, text=True, check=True)
            seconds, theirs = json.loads(result.stdout)
            best["Hugging Face"] = min(best["Hugging Face"], seconds)
            sizes.append(theirs)
    print(f"Learning {args.merges} merges of {size:.1f} MB with all threads, vocabularies of {sizes[0]} and {sizes[1]}; "
          f"best of {args.rounds}:")
    for name, seconds in best.items():
        print(f"  {name:14} {seconds:8.2f} s      {seconds / best['Hewn']:5.2f} times Hewn's time")


if __name__ == "__main__":
    options = arguments()
    if options.huggingface_trains:
        huggingface_trains(options)
        sys.exit()
    os.environ["RAYON_NUM_THREADS"] = "1"
    if options.encode:
        compare_encoding(options)
    del os.environ["RAYON_NUM_THREADS"]
    if options.train:
        compare_training(options)
