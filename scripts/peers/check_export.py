#!/usr/bin/env python3
"""Exports a run of Hewn, opens it with the target programs and checks that they compute the same as Hewn.

    python scripts/peers/check_export.py build/apps/hewn RUN TEXT [--run_c run.so] [--llama_cpp libllama.so]

Needs torch, transformers and gguf. TEXT is a file whose tokens are scored one by one, in windows of block_size, by
Hewn and by the other programs. run.so is llama2.c's run.c (gcc -O2 -shared -fPIC -DTESTING -o run.so run.c -lm);
libllama.so is any shared library that contains llama.cpp. Prints a line per comparison; exits 1 if one failed.
"""

import argparse
import ctypes
import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import torch
import transformers
from libllama import LlamaCpp
from safetensors.numpy import load_file

parser = argparse.ArgumentParser()
parser.add_argument("hewn")
parser.add_argument("run")
parser.add_argument("text")
parser.add_argument("--run_c")
parser.add_argument("--llama_cpp")
arguments = parser.parse_args()
failures = 0


def say(what, ok, figures=""):
    global failures
    failures += not ok
    print(f"  {'ok  ' if ok else 'FAIL'} {what} {figures}", flush=True)


def hewn(*words, **options):
    return subprocess.run([arguments.hewn, *map(str, words)], capture_output=True, text=True, **options)


def export(model, form, out, *words):
    result = hewn("export", model, f"--format={form}", f"--out={out}", *words)
    if result.returncode == 2:
        print(f"  not as {form}:", " ".join(result.stderr.split()))
        return False
    if result.returncode:
        raise SystemExit(result.stderr)
    return True


def log_softmax(logits):
    logits = np.asarray(logits, np.float64)
    high = logits.max(-1, keepdims=True)
    return logits - high - np.log(np.exp(logits - high).sum(-1, keepdims=True))


def encoded(*words):
    """The text's tokens. "<unk>" and similar strings are text, unless an option in `words` allows special tokens."""
    result = hewn("tokenizer", "encode", f"--tokenizer={arguments.run}", *words, input=text)
    return [int(i) for i in result.stdout.split()]


def compare(what, theirs, tolerance=1e-4):
    """Compares the log probabilities of the text's tokens by norm, up to the length of theirs. Single values may differ
    more: transformers computes the angles of rotary positions in float32, with an error of 1e-5 at position 400."""
    theirs, ours = np.array(theirs), scored[: len(theirs)]
    gap = np.linalg.norm(theirs - ours) / np.linalg.norm(theirs)
    say(what, bool(gap <= tolerance), f"loss {-theirs.mean():.6f}, Hewn's {-ours.mean():.6f}; {len(theirs)} log "
        f"probabilities, off by {gap:.1e} in norm, a single one by {np.abs(theirs - ours).max():.1e} at most")


def same_tensors(what, a, b):
    a, b = load_file(a), load_file(b)
    same = a.keys() == b.keys() and all(a[k].dtype == b[k].dtype and (a[k].tobytes() == b[k].tobytes()) for k in a)
    say(what, same, f"{len(a)} tensors")


def score_windows(logits_of):
    """Log probabilities of ids[1:], in complete, non-overlapping windows of T tokens."""
    found = []
    for begin in range(0, len(ids) - T, T):
        window, targets = ids[begin : begin + T], ids[begin + 1 : begin + T + 1]
        rows = log_softmax(logits_of(window[: len(targets)]))
        found.extend(rows[np.arange(len(targets)), targets])
    return found


def check_transformers(work):
    out = work / "hf"
    if not export(arguments.run, "hf", out):
        return
    model, info = transformers.AutoModelForCausalLM.from_pretrained(out, dtype=torch.float32, output_loading_info=True)
    say("transformers: every tensor has its place", not any(info[k] for k in info), type(model).__name__)
    with torch.no_grad():
        compare("transformers: log probabilities",
                score_windows(lambda window: model(torch.tensor([window])).logits[0].numpy()))
    model.save_pretrained(work / "again")
    for source, name in [(out, "exported"), (work / "again", "saved by transformers")]:
        export(source, "safetensors", work / f"{source.name}.safetensors")
    same_tensors("transformers: saves the same bits", work / "hf.safetensors", work / "again.safetensors")
    own = json.loads(hewn("info", work / "own.safetensors", "--json").stdout)["metadata"]["hewn.config"]
    if json.loads(own) == json.loads(
            json.loads(hewn("info", work / "hf.safetensors", "--json").stdout)["metadata"]["hewn.config"]):
        same_tensors("transformers: the bits of the run", work / "own.safetensors", work / "again.safetensors")
    if (out / "tokenizer.json").exists():
        theirs = transformers.AutoTokenizer.from_pretrained(out)
        plain = theirs(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        say("transformers: the same tokens", plain == ids, f"{len(ids)}")
        specials = theirs(text, add_special_tokens=False)["input_ids"]
        say("transformers: the same with special tokens allowed", specials == encoded("--special=allow"),
            f"{len(specials)}")
        say("transformers: the same text", theirs.decode(ids) == text)
    for dtype in ["f16", "bf16"]:
        export(arguments.run, "hf", work / dtype, f"--dtype={dtype}")
        half = transformers.AutoModelForCausalLM.from_pretrained(work / dtype, dtype="auto")
        to = {"f16": torch.float16, "bf16": torch.bfloat16}[dtype]
        say(f"transformers: {dtype} is the rounded weights",
            all(torch.equal(a.to(to), b) for a, b in zip(model.parameters(), half.parameters())), str(half.dtype))


def check_run_c(work):
    out = work / "model.bin"
    if not export(arguments.run, "llama2c", out) or not arguments.run_c:
        return
    library = ctypes.CDLL(arguments.run_c)
    library.forward.restype = ctypes.POINTER(ctypes.c_float)
    transformer = ctypes.create_string_buffer(4096)
    library.build_transformer(transformer, str(out).encode())

    def logits(window):
        return [np.ctypeslib.as_array(library.forward(transformer, t, i), (vocab,)).copy() for i, t in enumerate(window)]

    compare("run.c: log probabilities", score_windows(logits))


def check_ggml(work):
    import gguf

    for dtype, tolerance in [("f32", 1e-4), ("f16", 0.01), ("bf16", 0.1)]:
        out = work / f"{dtype}.gguf"
        if not export(arguments.run, "gguf", out, f"--dtype={dtype}"):
            return
        tensors = {t.name: t for t in gguf.GGUFReader(out).tensors}
        if dtype == "f32":
            own = load_file(work / "own.safetensors")
            say("gguf: the library reads the same bits",
                tensors["token_embd.weight"].data.tobytes() == own["transformer.wte.weight"].tobytes()
                and tensors["blk.0.ffn_down.weight"].data.tobytes()
                == np.ascontiguousarray(own["transformer.h.0.mlp.c_proj.weight"].T).tobytes(), f"{len(tensors)} tensors")
            export(out, "safetensors", work / "gguf.safetensors")
            export(out, "gguf", work / "again.gguf")
            same = {t.name: t.data.tobytes() for t in gguf.GGUFReader(work / "again.gguf").tensors}
            say("gguf: opened by Hewn and written again, the same bits",
                same == {name: t.data.tobytes() for name, t in tensors.items()})
        if arguments.llama_cpp:
            peer = LlamaCpp(arguments.llama_cpp, out, T, vocab)
            # ggml computes GELU from a table of float16 values.
            most = max(tolerance, 1e-3 if config["pos"] == "learned" else 0)
            compare(f"llama.cpp, {dtype}: log probabilities", score_windows(peer.logits), most)
            if dtype == "f32" and "tokenizer.ggml.tokens" in gguf.GGUFReader(out).fields:
                say("llama.cpp: the same tokens", peer.tokens(text) == ids)


with tempfile.TemporaryDirectory() as directory:
    work = Path(directory)
    print(arguments.run)
    text = Path(arguments.text).read_text()
    ids = encoded()
    lines = hewn("eval", arguments.run, f"--val={arguments.text}", "--per_token").stdout.splitlines()
    scored = np.array([json.loads(line)["logprob"] for line in lines])
    export(arguments.run, "safetensors", work / "own.safetensors")
    config = json.loads(json.loads(hewn("info", work / "own.safetensors", "--json").stdout)["metadata"]["hewn.config"])
    T, vocab = config["block_size"], config["vocab_size"]
    check_transformers(work)
    check_run_c(work)
    check_ggml(work)
raise SystemExit(failures > 0)
