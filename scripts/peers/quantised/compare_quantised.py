#!/usr/bin/env python3
"""Times the reading of a prompt and the writing of a text, in each format, in turn with llama.cpp, and in float32 also
with PyTorch.

    scripts/peers/quantised/compare_quantised.py --llama_cpp LIBLLAMA.so
    scripts/peers/quantised/compare_quantised.py --llama_cpp LIBLLAMA.so --shape 355M --formats q8_0 q4_k_m --rounds 5

Needs a built `hewn`, HEWN_SHARED with GPT-2's vocabulary, and a Python with numpy, torch and transformers; LIBLLAMA.so is
part of llama-cpp-python, which must have been compiled for this processor. The weights are random. Run it on a quiet
machine.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import common
import make_models
from common import HEWN, in_turn, markdown
from libllama import LlamaCpp

VOCABULARY = 50257


def best_ms(work, repeat=2):
    """The shortest of several calls, after one that warms up."""
    times = []
    for _ in range(repeat + 1):
        begin = time.perf_counter()
        work()
        times.append(1e3 * (time.perf_counter() - begin))
    return min(times[1:])


def tokens(count):
    return [(7919 * i + 1) % VOCABULARY for i in range(count)]


def llama(args):
    """Milliseconds for a prompt, and per token of a text."""
    model = LlamaCpp(args.llama_cpp, args.file, 1024, VOCABULARY, exact=False, threads=args.threads)

    def prompt():
        model.clear()
        model.read(tokens(args.prompt))

    def text():
        model.clear()
        for token in tokens(args.text):
            model.next(token)

    return best_ms(prompt), best_ms(text) / args.text


def pytorch(args):
    import torch
    from transformers import GPT2LMHeadModel

    torch.set_num_threads(args.threads)
    model = GPT2LMHeadModel.from_pretrained(args.file).eval()

    def prompt():
        model(torch.tensor([tokens(args.prompt)]), logits_to_keep=1)

    def text():
        past = None
        for token in tokens(args.text):
            past = model(torch.tensor([[token]]), past_key_values=past, use_cache=True).past_key_values

    with torch.inference_mode():
        return best_ms(prompt), best_ms(text) / args.text


PEERS = {"llama.cpp": llama, "PyTorch": pytorch}


def measured_peer(args, name, file):
    """A peer in a process of its own."""
    words = [sys.executable, __file__, "--peer", name, "--file", str(file), "--llama_cpp", args.llama_cpp,
             *(f"--{key}={getattr(args, key)}" for key in ("threads", "prompt", "text"))]
    return json.loads(subprocess.run(words, check=True, stdout=subprocess.PIPE).stdout)


class Ours:
    """Our times of a file, and the part of the roof that the text reached, at best."""

    def __init__(self, args, kind, file):
        self.args, self.file, self.roof = args, file, 0
        self.dtype = ["--dtype=bf16"] if kind == "bf16" else []  # which reads the file's matrices as they are

    def bench(self, *keys):
        words = [HEWN, "bench", "sample", self.file, f"--threads={self.args.threads}", "--repeat=3", "--json", *self.dtype,
                 *keys]
        return json.loads(common.run(*words))[0]

    def times(self):
        text = self.bench(f"--max_new_tokens={self.args.text}")
        prompt = self.bench(f"--prompt_tokens={self.args.prompt}", "--max_new_tokens=1")
        self.roof = max(self.roof, text["roof_percent"])
        return prompt["best_ms"], text["best_ms"] / self.args.text


def write_models(args, folder):
    """A model with random weights, and its files in all formats."""
    name = f"gpt2-{args.shape}"
    original = folder / name
    if not (original / "merges.txt").exists():
        make_models.main(str(folder), [name])
        common.copy_gpt2_tokenizer(original)
    files = {}
    for kind in args.formats:
        files[kind] = file = folder / f"{name}-{kind}.gguf"
        if file.exists():
            continue
        if kind in ("f32", "bf16"):
            common.run(HEWN, "export", original, "--format=gguf", f"--dtype={kind}", f"--out={file}")
        else:
            common.run(HEWN, "quantize", original, f"--format={kind}", f"--out={file}")
    return original, files


def timings(args, original, kind, file):
    """Two tables of times by name, of the prompt and of the text, and the part of the roof that we reached."""
    ours = Ours(args, kind, file)
    contenders = {"hewn": ours.times, "llama.cpp": lambda: measured_peer(args, "llama.cpp", file)}
    if kind == "f32":
        contenders["PyTorch"] = lambda: measured_peer(args, "PyTorch", original)
    times = {name: [] for name in contenders}
    in_turn({name: (lambda name=name, work=work: times[name].append(work()) or (0, 0, 0))
             for name, work in contenders.items()}, args.rounds)
    best = lambda part: {name: min(t[part] for t in all) for name, all in times.items()}
    return best(0), best(1), ours.roof


def row(kind, file, what, best, roof):
    peers = {name: ms for name, ms in best.items() if name != "hewn"}
    fastest = min(peers, key=peers.get)
    return [kind, f"{file.stat().st_size / 1e6:.0f}", what, f"{best['hewn']:.2f}",
            ", ".join(f"{name} {ms:.2f}" for name, ms in peers.items()), f"{peers[fastest] / best['hewn']:.2f}", roof]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--llama_cpp", metavar="LIBLLAMA.so", required=True)
    parser.add_argument("--shape", choices=("124M", "355M"), default="124M")
    parser.add_argument("--formats", nargs="+", default=["f32", "bf16", "q8_0", "q6_k", "q4_k_m", "q4_0"])
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--prompt", type=int, default=512, help="tokens of the prompt")
    parser.add_argument("--text", type=int, default=64, help="tokens of the text")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--models", type=pathlib.Path, default=common.ROOT / "build/quantised", help="folder to keep them in")
    parser.add_argument("--peer", choices=PEERS, help=argparse.SUPPRESS)
    parser.add_argument("--file", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peer:
        print(json.dumps(PEERS[args.peer](args)))
        return
    args.models.mkdir(parents=True, exist_ok=True)
    original, files = write_models(args, args.models.absolute())
    rows = []
    for kind, file in files.items():
        prompt, text, roof = timings(args, original, kind, file)
        rows.append(row(kind, file, f"prompt of {args.prompt}", prompt, ""))
        rows.append(row(kind, file, "a token", text, f"{roof:.0f}"))
    print(f"GPT-2 {args.shape}, {args.threads} threads, best of {args.rounds} rounds in turn\n")
    print(markdown(["format", "MB", "what", "hewn, ms", "peers, ms", "times as fast", "% of the roofline"], rows))


if __name__ == "__main__":
    main()
