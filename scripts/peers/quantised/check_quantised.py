#!/usr/bin/env python3
"""Checks that Hewn and llama.cpp compute the same from quantised files, whichever of them wrote the file.

    scripts/peers/quantised/check_quantised.py --llama_cpp LIBLLAMA.so [--tokens 200] [MODEL ...]

Needs a built `hewn` and a Python with numpy and gguf. LIBLLAMA.so is any shared library that contains llama.cpp. A
MODEL is a run, or a model that `hewn import` accepts. Without MODELs, the script trains two runs, of GPT-2's and of
Llama's architecture, and adds stories260K and nanogpt-char from HEWN_SHARED.

Texts: `hewn quantize` writes each model in four formats. Hewn continues prompts greedily from this file; llama.cpp
reads the same tokens from the same file, and at each position its most likely token must be the one that Hewn wrote.
Both programs round the inputs of products to 8 bits, each in its own blocks, so their logits differ slightly. Another
token is accepted only at a tie, a position at which llama.cpp's own logits in float32, from the dequantised weights, do
not decide between the two tokens. Let E be the error of llama.cpp's quantised logits at this position: the largest
difference from its float32 logits, after the constant that makes it smallest, since softmax ignores constants. If two
programs with errors of at most E prefer different tokens, the float32 logits of the two differ by at most 2 E. A tie is
a position where they do. llama.cpp then continues from Hewn's token, so that all tokens are compared.

A line of texts also gives: the open positions, where the best two float32 logits differ by at most 2 E; the widest
margins at a tie, in llama.cpp's logits and in its float32 logits, these also in units of E; and for each program the
error (root mean square) of the log probabilities of the text's tokens, relative to float32. Hewn's error must be at
most twice llama.cpp's, because ties presume that it is of the same size.

Values: llama.cpp quantises each model to each of the ten types that Hewn opens. Hewn exports these files, and its own,
in float32, and every value must have the same bits as ggml's own functions compute from the blocks. All ten types must
occur, so at least one model must have rows of multiples of 256.

Prints a line per comparison; exits with status 1 if one failed.
"""

import argparse
import collections
import ctypes
import json
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import gguf
import numpy as np
from common import HEWN, SHARED, Checks, counted, run
from libllama import LlamaCpp, Opaque

FORMATS = ("q8_0", "q6_k", "q4_k_m", "q4_0")
# The types that Hewn opens, with the llama_ftype of llama.h that makes most matrices of this type.
FILE_TYPES = {"Q4_0": 2, "Q4_1": 3, "Q5_0": 8, "Q5_1": 9, "Q8_0": 7, "Q2_K": 10, "Q3_K": 12, "Q4_K": 15, "Q5_K": 17,
              "Q6_K": 18}
ARCHITECTURES = {
    "gpt2": ["--bias=true"],
    "llama": ["--norm=rmsnorm", "--pos=rope", "--act=swiglu", "--n_kv_head=2", "--mlp_width=768", "--tie=false"],
}
PROMPTS = ["Once upon a time", "The fox", "One day, a little bird", "In the old house there"]


class Ggml:
    """The functions of llama.cpp and ggml that quantise a file and compute the values of blocks."""

    def __init__(self, library):
        self.lib = ctypes.CDLL(library)
        self.lib.llama_model_quantize_default_params.restype = Opaque
        self.quiet = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(lambda *message: None)

    def quantise(self, source, out, file_type):
        self.lib.llama_log_set(self.quiet, None)
        parameters = self.lib.llama_model_quantize_default_params()
        fields = ctypes.cast(parameters.bytes, ctypes.POINTER(ctypes.c_int32))
        fields[0], fields[1] = 1, file_type  # nthread, ftype
        if self.lib.llama_model_quantize(str(source).encode(), str(out).encode(), ctypes.byref(parameters)):
            sys.exit(f"llama.cpp cannot quantise {source} to type {file_type}")

    def values(self, tensor):
        """The values of a tensor of a GGUF file, in float32."""
        kind, data = tensor.tensor_type.name, np.ascontiguousarray(tensor.data)
        if kind == "F32":
            return data.ravel()
        if kind == "F16":
            return data.view(np.float16).astype(np.float32).ravel()
        if kind == "BF16":
            return (data.view(np.uint16).astype(np.uint32) << 16).view(np.float32).ravel()
        values = np.empty(int(tensor.n_elements), np.float32)
        widen = getattr(self.lib, f"dequantize_row_{kind.lower().replace('_k', '_K')}")
        widen(ctypes.c_void_p(data.ctypes.data), ctypes.c_void_p(values.ctypes.data), ctypes.c_int64(values.size))
        return values


class SlidingPeer:
    """llama.cpp, which drops the older half of its context when that is full, as `hewn sample` does."""

    def __init__(self, library, path, context, vocab):
        self.peer, self.context, self.held = LlamaCpp(library, path, context, vocab, threads=1), context, []

    def clear(self):
        self.peer.clear()
        self.held = []

    def next(self, token):
        """The logits behind one more token."""
        if len(self.held) < self.context:
            self.held.append(token)
            return self.peer.next(token)
        self.held = self.held[-(self.context // 2):] + [token]
        return self.peer.logits(self.held)[-1]


def log_probability(logits, token):
    logits = logits.astype(np.float64) - logits.max()
    return logits[token] - np.log(np.exp(logits).sum())


class Agreement:
    """Compares llama.cpp's most likely tokens with those that Hewn wrote, over all texts of a file."""

    def __init__(self):
        self.tokens = self.open = 0
        self.ties, self.wrong, self.errors = [], [], []

    def add(self, quantised, exact, token, logprob=None):
        """One position: llama.cpp's logits from the blocks and in float32, Hewn's token and its log probability."""
        self.tokens += 1
        apart = quantised - exact
        error = float(apart.max() - apart.min()) / 2  # E: apart from the constant that makes it smallest
        second, first = np.partition(exact, -2)[-2:]
        self.open += bool(first - second <= 2 * error)
        if logprob is not None:
            true = log_probability(exact, token)
            self.errors.append((logprob - true, log_probability(quantised, token) - true))
        theirs = int(quantised.argmax())
        if theirs != token:
            gap, margin = float(quantised[theirs] - quantised[token]), abs(float(exact[theirs] - exact[token]))
            found = {"gap": gap, "margin": margin, "share": margin / max(error, 1e-30), "theirs": theirs, "ours": token}
            (self.ties if margin <= 2 * error else self.wrong).append(found)

    def say(self, what, checks):
        equal = self.tokens - len(self.ties) - len(self.wrong)
        ours, theirs = np.sqrt(np.mean(np.square(self.errors), axis=0))
        figures = [f"{equal} of {counted(self.tokens, 'token')} equal",
                   f"{counted(len(self.ties), 'tie')} at {counted(self.open, 'open position')}"]
        if self.ties:
            gap, margin, share = (max(tie[key] for tie in self.ties) for key in ("gap", "margin", "share"))
            figures.append(f"at most {gap:.3f}, in float32 {margin:.3f} and {share:.2f} E")
        figures.append(f"errors {ours:.4f} Hewn, {theirs:.4f} llama.cpp")
        for wrong in self.wrong:
            figures.append("\n       token {ours}, llama.cpp {theirs}, apart by {gap:.3f}, in float32 by {margin:.3f}, "
                           "{share:.2f} E".format(**wrong))
        checks.say(what, not self.wrong and ours <= 2 * theirs, "; ".join(figures))


def read_gguf(path):
    return {tensor.name: tensor for tensor in gguf.GGUFReader(path).tensors}


def types_in(path):
    """How many tensors of each type a file has, but for float32."""
    counts = collections.Counter(tensor.tensor_type.name for tensor in read_gguf(path).values())
    return {kind: n for kind, n in sorted(counts.items()) if kind != "F32"}


def described(types):
    return ", ".join(f"{n} {kind}" for kind, n in types.items())


def special_tokens(path):
    """The token that begins every text, as a list, and those that end one."""
    reader = gguf.GGUFReader(path)
    field = lambda name: (found := reader.get_field(f"tokenizer.ggml.{name}")) and found.contents()
    begin = [field("bos_token_id")] if field("add_bos_token") else []
    end = field("eos_token_id")
    return begin, begin + [end] * (end is not None)


def greedy(args, file, prompts):
    """The tokens that Hewn writes after each prompt, with their log probabilities."""
    texts = [[] for _ in prompts]
    for line in run(args.hewn, "sample", file, "--start=LINES:-", "--temperature=0", f"--max_new_tokens={args.tokens}",
                    "--threads=1", "--logprobs", "--quiet", text="\n".join(prompts) + "\n").splitlines():
        record = json.loads(line)
        texts[record["sample"]].append((record["token"], record["logprob"]))
    return texts


def compare_texts(args, file, exact, prompts, shape):
    """Continues all prompts from `file`, and computes with its values in float32 from the file `exact`."""
    peers = [SlidingPeer(args.llama_cpp, path, shape["block_size"], shape["vocab_size"]) for path in (file, exact)]
    begin, ends = special_tokens(file)
    found = Agreement()
    for prompt, text in zip(prompts.values(), greedy(args, file, list(prompts))):
        for peer in peers:
            peer.clear()
        for token in begin + prompt:
            logits = [peer.next(token) for peer in peers]
        for token, logprob in text:
            found.add(*logits, token, logprob)
            logits = [peer.next(token) for peer in peers]
        if len(text) < args.tokens:  # Hewn ended the text
            found.add(*logits, max(ends, key=lambda end: logits[0][end]))
    return found


def compare_values(what, args, ggml, file, work, checks):
    """Exports a file in float32 and compares every value with ggml's. Returns the path of the export."""
    out = work / f"{file.stem}-f32.gguf"
    run(args.hewn, "export", file, "--format=gguf", "--dtype=f32", f"--out={out}")
    blocks, widened = read_gguf(file), read_gguf(out)
    differing = [name for name in blocks if name not in widened or
                 ggml.values(blocks[name]).tobytes() != widened[name].data.tobytes()]
    ok = not differing and blocks.keys() == widened.keys()
    count = sum(int(tensor.n_elements) for tensor in blocks.values())
    checks.say(what, ok, f"{count} of {described(types_in(file))}, others F32" +
               (f"; different: {', '.join(differing)}" if differing else ""))
    return out


def as_run(args, path, work):
    """A run of any model, because prompts are encoded by the tokenizer of a run; and its configuration."""
    info_of = lambda path: json.loads(run(args.hewn, "info", path, "--json"))
    info = info_of(path)
    if "format" in info:  # a file, or another program's directory
        run(args.hewn, "import", path, f"--out={work / 'run'}")
        path, info = work / "run", info_of(work / "run")
    return path, info.get("last", info)["model"]


def check_texts(args, ggml, path, work, checks):
    """Quantises a model in all formats and compares values and texts of the files."""
    path, shape = as_run(args, path, work)
    # GGUF has no exact GELU.
    act = ["--act=gelu"] if shape["act"] == "gelu_erf" else []
    encode = [args.hewn, "tokenizer", "encode", f"--tokenizer={path}"]
    prompts = {prompt: [int(token) for token in run(*encode, text=prompt).split()] for prompt in PROMPTS}
    for form in FORMATS:
        file = work / f"{form}.gguf"
        run(args.hewn, "quantize", path, f"--format={form}", f"--out={file}", "--threads=1", *act)
        exact = compare_values(f"{form}, values as in ggml:", args, ggml, file, work, checks)
        compare_texts(args, file, exact, prompts, shape).say(f"{form}, texts as in llama.cpp:", checks)
    run(args.hewn, "export", path, "--format=gguf", f"--out={work / 'original.gguf'}", *act)
    return work / "original.gguf"


def check_their_files(args, ggml, original, work, checks):
    """Has llama.cpp quantise a model to all types, opens the files and compares their values. Returns their types."""
    seen = set()
    for kind, file_type in FILE_TYPES.items():
        file = work / f"llama-{kind}.gguf"
        ggml.quantise(original, file, file_type)
        compare_values(f"{kind} by llama.cpp, values as in ggml:", args, ggml, file, work, checks)
        run(args.hewn, "sample", file, "--max_new_tokens=8", "--threads=1", "--quiet")  # it also computes
        seen |= types_in(file).keys()
    return seen


def make_run(args, name, folder):
    """A small model of tales, with rows of multiples of 256. The tales are one line: texts go on beyond one tale."""
    tales = folder / "tales.txt"
    if not tales.exists():
        tales.write_text(" ".join(run(args.hewn, "data", "corpus", "--tales=4000").splitlines()) + "\n")
    run(args.hewn, "train", f"--dataset={tales}", "--tokenizer=bpe", "--vocab_size=600", "--n_layer=2", "--n_head=4",
        "--n_embd=256", "--block_size=256", "--batch_size=4", "--learning_rate=2e-3", "--max_iters=150", "--threads=1",
        f"--out_dir={folder / name}", "--quiet", *ARCHITECTURES[name])
    return folder / name


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", metavar="MODEL", nargs="*")
    parser.add_argument("--llama_cpp", metavar="LIBLLAMA.so", required=True)
    parser.add_argument("--hewn", default=HEWN)
    parser.add_argument("--tokens", type=int, default=200, help="tokens to write after each prompt")
    args = parser.parse_args()
    checks, ggml, seen = Checks(), Ggml(args.llama_cpp), set()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        models = [pathlib.Path(model).absolute() for model in args.models]
        if not models:
            models = [make_run(args, name, folder) for name in ARCHITECTURES]
            models += [SHARED / "models/stories260K/stories260K.bin", SHARED / "models/nanogpt-char/ckpt.pt"]
        for i, model in enumerate(models):
            work = folder / f"work{i}"
            work.mkdir()
            print(model.name, flush=True)
            original = check_texts(args, ggml, model, work, checks)
            seen |= check_their_files(args, ggml, original, work, checks)
    missing = [kind for kind in FILE_TYPES if kind not in seen]
    checks.say("types of llama.cpp's files:", not missing, ", ".join(sorted(seen)) +
               (f"; missing {', '.join(missing)}" if missing else ""))
    checks.end()


if __name__ == "__main__":
    main()
