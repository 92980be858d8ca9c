#!/usr/bin/env python3
"""Opens Hewn's adapters with PEFT and PEFT's with Hewn, and checks that all compute the same, and merged models too.

    python scripts/peers/check_adapter.py [--hewn build/apps/hewn] [--llama_cpp libllama.so]  # makes its own runs
    python scripts/peers/check_adapter.py --runs TUNED ... --text FILE                        # trained with train=lora

Needs torch, transformers and peft; libllama.so is any shared library that contains llama.cpp. Without --runs it trains
two small models, of GPT-2's and of Llama's architecture, and adapts each to other texts. The tokens of a text are scored
one by one, in windows of block_size: by Hewn with the adapter and merged, by PEFT with Hewn's adapter on the exported
base model, and by both with adapters that PEFT has trained. With --llama_cpp, the run is merged, exported to GGUF and
continues prompts with its most likely tokens, like `hewn sample`. Prints a line per comparison; exits 1 if one failed.
"""

import argparse
import json
import re
import tempfile
from pathlib import Path

import numpy as np
import torch
import transformers
from common import HEWN, Checks, run
from libllama import LlamaCpp
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.numpy import load_file

ARCHITECTURES = {
    "gpt2": ["--bias=true"],
    "llama": ["--norm=rmsnorm", "--pos=rope", "--act=swiglu", "--n_kv_head=2", "--tie=false"],
}
PROMPTS = ["Once upon a time", "The fox", "One day, a little bird", "In the old house there"]


class Adapted:
    """A run with an adapter, and how the programs score the tokens of a text by it."""

    def __init__(self, args, path, text, checks, work):
        self.hewn, self.path, self.text, self.checks, self.work = args.hewn, path, text, checks, work
        info = json.loads(run(self.hewn, "info", path, "--json"))
        info = info.get("last", info)
        self.T, self.base, self.checkpoint = info["model"]["block_size"], info["base"]["path"], Path(info["checkpoint"])
        self.vocab = info["model"]["vocab_size"]
        self.gpt2 = info["model"]["pos"] == "learned"
        self.ids = [int(i) for i in run(self.hewn, "tokenizer", "encode", f"--tokenizer={path}",
                                        text=Path(text).read_text()).split()]
        run(self.hewn, "export", self.base, "--format=hf", f"--out={work / 'base'}", f"--block_size={self.T}")

    def base_model(self):
        return transformers.AutoModelForCausalLM.from_pretrained(self.work / "base", dtype=torch.float32).eval()

    def scored_by_hewn(self, *words):
        """Log probabilities of the text's tokens, in complete, non-overlapping windows."""
        lines = run(self.hewn, "eval", *words, f"--val={self.text}", "--per_token").splitlines()
        return np.array([json.loads(line)["logprob"] for line in lines])

    def scored_by(self, model):
        found = []
        with torch.no_grad():
            for begin in range(0, len(self.ids) - self.T, self.T):
                window = torch.tensor([self.ids[begin : begin + self.T + 1]])
                rows = torch.log_softmax(model(input_ids=window[:, :-1]).logits[0].double(), -1)
                found.extend(rows.gather(1, window[0, 1:, None])[:, 0].tolist())
        return np.array(found)

    def compare(self, what, theirs, ours, tolerance=1e-4):
        ours = ours[: len(theirs)]
        apart = np.abs(theirs - ours).max()
        self.checks.say(what, bool(apart <= tolerance), f"loss {-theirs.mean():.6f} and {-ours.mean():.6f}; "
                        f"{len(theirs)} log probabilities differ by at most {apart:.1e}")


def check_merged(a):
    """`hewn verify` computes with the adapter beside the weights; all other commands merge it first."""
    report = run(a.hewn, "verify", a.path, "--merged")
    for what, apart in re.findall(r"^(\w+): log probabilities differ by at most (\S+)$", report, re.MULTILINE):
        a.checks.say(f"Hewn, adapter and {what}", float(apart) <= 1e-5, f"differ by at most {apart}")
    run(a.hewn, "merge", a.path, f"--out={a.work / 'whole'}")
    a.compare("Hewn, opened and merged by `hewn merge`", a.scored_by_hewn(a.path), a.scored_by_hewn(a.work / "whole"),
              1e-5)


def check_ours_in_peft(a):
    tuned = PeftModel.from_pretrained(a.base_model(), a.checkpoint).eval()
    a.compare("PEFT opens Hewn's adapter", a.scored_by(tuned), a.scored_by_hewn(a.path))
    a.compare("PEFT's base model is Hewn's", a.scored_by(a.base_model()), a.scored_by_hewn(a.base))
    a.compare("PEFT merges Hewn's adapter", a.scored_by(tuned.merge_and_unload()), a.scored_by_hewn(a.path))


def check_written_again(a):
    """What PEFT writes again is what Hewn wrote."""
    PeftModel.from_pretrained(a.base_model(), a.checkpoint).save_pretrained(a.work / "again")
    ours, theirs = (load_file(folder / "adapter_model.safetensors") for folder in (a.checkpoint, a.work / "again"))
    a.checks.say("PEFT saves the same names and values", ours.keys() == theirs.keys() and
                 all(np.array_equal(ours[k], theirs[k]) for k in ours), f"{len(ours)} tensors")
    ours, theirs = (json.loads((folder / "adapter_config.json").read_text())
                    for folder in (a.checkpoint, a.work / "again"))
    differing = [k for k in ours if k in theirs and k != "base_model_name_or_path" and ours[k] != theirs[k]
                 and not (k == "target_modules" and set(ours[k]) == set(theirs[k]))]
    a.checks.say("PEFT saves the same configuration", not differing, ", ".join(differing))


def trained_by_peft(a, options):
    """An adapter of PEFT's after some steps on the text, on other layers and of another rank than Hewn's."""
    torch.manual_seed(1)
    config = LoraConfig(r=5, fan_in_fan_out=a.gpt2, task_type="CAUSAL_LM", **options)
    model = get_peft_model(a.base_model(), config).train()
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    for step in range(20):
        begin = step * a.T % max(1, len(a.ids) - a.T - 1)
        window = torch.tensor([a.ids[begin : begin + a.T + 1]])
        torch.nn.functional.cross_entropy(model(input_ids=window[:, :-1]).logits[0], window[0, 1:]).backward()
        optimizer.step(), optimizer.zero_grad()
    return model.eval()


def check_theirs_in_hewn(a):
    layers = ["c_attn", "mlp.c_proj"] if a.gpt2 else ["q_proj", "v_proj", "down_proj"]
    for options in [{"lora_alpha": 12}, {"lora_alpha": 5, "use_rslora": True, "alpha_pattern": {layers[0]: 3},
                                         "rank_pattern": {layers[0]: 2}}]:
        made = trained_by_peft(a, {"target_modules": layers, **options})
        made.save_pretrained(a.work / "made")
        theirs = a.scored_by(made)
        apart = np.abs(theirs - a.scored_by_hewn(a.base)[: len(theirs)]).max()
        a.checks.say("PEFT has changed the model", bool(apart > 0.1), f"a log probability by up to {apart:.2f}")
        a.compare(f"Hewn opens PEFT's adapter, {options}", theirs,
                  a.scored_by_hewn(a.base, f"--adapter={a.work / 'made'}"))
        run(a.hewn, "merge", a.base, f"--adapter={a.work / 'made'}", f"--out={a.work / 'merged'}", "--force")
        a.compare("Hewn merges PEFT's adapter", theirs, a.scored_by_hewn(a.work / "merged"))


def check_llama_cpp(a, library):
    for what, source in (("with its adapter", a.path), ("merged", a.work / "whole")):
        out = a.work / f"{what.split()[-1]}.gguf"
        run(a.hewn, "export", source, "--format=gguf", f"--out={out}")
        peer = LlamaCpp(library, out, a.T, a.vocab)
        for prompt in PROMPTS:
            theirs = peer.greedy(prompt, 60).rstrip("\n")
            ours = run(a.hewn, "sample", source, f"--start={prompt}", "--temperature=0", "--max_new_tokens=60",
                       "--quiet").rstrip("\n")
            a.checks.say(f"llama.cpp, {what}: the same greedy text", ours == theirs,
                         repr(theirs[:60]) if ours == theirs else f"\n{theirs!r}\n{ours!r}")


def make_run(args, folder, keys):
    """A small model of tales, adapted to others with their words in another order, so that the adapter matters."""
    tales = run(args.hewn, "data", "corpus", "--tales=4000")
    (folder / "tales.txt").write_text(tales)
    lines = tales.splitlines()[:2000]
    (folder / "other.txt").write_text("\n".join(" ".join(reversed(line.split())) for line in lines) + "\n")
    (folder / "text.txt").write_text("\n".join(lines[:60]) + "\n")
    common = ["--block_size=128", "--batch_size=8", "--learning_rate=3e-3", "--quiet"]
    run(args.hewn, "train", f"--dataset={folder}/tales.txt", "--tokenizer=bpe", "--vocab_size=600", "--n_layer=2",
        "--n_head=4", "--n_embd=64", "--max_iters=150", f"--out_dir={folder}/run", *common, *keys)
    run(args.hewn, "train", f"--init_from={folder}/run", f"--dataset={folder}/other.txt", "--train=lora",
        "--max_iters=60", f"--out_dir={folder}/tuned", *common)
    return folder / "tuned", folder / "text.txt"


def check(args, path, text, checks):
    with tempfile.TemporaryDirectory() as work:
        a = Adapted(args, path, text, checks, Path(work))
        print(f"{'GPT-2' if a.gpt2 else 'Llama'}, {len(a.ids)} tokens in windows of {a.T}", flush=True)
        check_merged(a)
        check_ours_in_peft(a)
        check_written_again(a)
        check_theirs_in_hewn(a)
        if args.llama_cpp:
            check_llama_cpp(a, args.llama_cpp)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", nargs="+", default=[])
    parser.add_argument("--text")
    parser.add_argument("--llama_cpp")
    parser.add_argument("--hewn", default=HEWN)
    args = parser.parse_args()
    if args.runs and not args.text:
        parser.error("--runs needs --text=FILE, a text to score")
    checks = Checks()
    for path in args.runs:
        check(args, path, args.text, checks)
    for name, keys in ARCHITECTURES.items() if not args.runs else ():
        with tempfile.TemporaryDirectory() as folder:
            check(args, *make_run(args, Path(folder), keys), checks)
    checks.end()


if __name__ == "__main__":
    main()
