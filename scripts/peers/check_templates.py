"""Renders talks with the chat templates that `hewn export` writes, in transformers, and compares texts and tokens with
those of Hewn: the texts by rules written down here, the tokens and the mask with `hewn finetune instruct --show`.

    build/peers/bin/pip install transformers
    build/peers/bin/python scripts/peers/check_templates.py [--hewn build/apps/hewn]

Exits with 1 at the first difference.
"""

import argparse
import json
import pathlib
import sys
import tempfile

from common import HEWN, run

ALPACA = "Below is an instruction that describes a task. Write a response that appropriately completes the request."
# template: (system message of talks without one, system, user, answer without its end, its end, what separates turns)
TEXTS = {
    "alpaca": (ALPACA, "{}\n\n", "### Instruction:\n{}\n\n", "### Response:\n{}", None, "\n\n"),
    "phi": (None, "<|system|>\n{}<|end|>\n", "<|user|>\n{}<|end|>\n", "<|assistant|>\n{}", "<|end|>", "\n"),
    "chatml": (None, "<|im_start|>system\n{}<|im_end|>\n", "<|im_start|>user\n{}<|im_end|>\n",
               "<|im_start|>assistant\n{}", "<|im_end|>", "\n"),
    "plain": (None, "{}\n", "{}\n", "{}", None, "\n"),
}
TALKS = [
    [("user", "Name a colour."), ("assistant", "Blue.")],
    [("system", "Be brief."), ("user", "It's 'two' \\ plus\ntwo?"), ("assistant", "Four.")],
    [("user", "One"), ("assistant", "two"), ("user", "three"), ("assistant", "four\nfive")],
]


def expected(name, talk, end_token, prompt):
    default, system, user, answer, end, between = TEXTS[name]
    text = system.format(default) if default and talk[0][0] != "system" else ""
    for i, (role, content) in enumerate(talk):
        if role == "assistant":
            text += answer.replace("{}", content) + (end or end_token)
            text += between if i + 1 < len(talk) or prompt else ""
        else:
            text += (system if role == "system" else user).replace("{}", content)
    return text + (answer.replace("{}", "") if prompt else "")


def same(what, ours, theirs):
    if ours != theirs:
        sys.exit(f"{what} differs\n  Hewn:         {ours!r}\n  transformers: {theirs!r}")


def check(name, folder, hewn, transformers):
    messages = [[{"role": role, "content": content} for role, content in talk] for talk in TALKS]
    data = folder / f"{name}.jsonl"
    data.write_text("".join(json.dumps({"messages": talk}) + "\n" for talk in messages))
    call = [hewn, "finetune", "instruct", f"--data={data}", "--split=100/0/0", f"--init_from={folder}/base",
            f"--template={name}", f"--out_dir={folder}/{name}"]
    run(*call, "--max_iters=1", "--batch_size=1")
    run(hewn, "export", folder / name, "--format=hf", f"--out={folder}/{name}-hf")
    tokenizer = transformers.AutoTokenizer.from_pretrained(f"{folder}/{name}-hf")
    rows = json.loads(run(*call, "--show=100", "--json"))
    for talk, chat, row in zip(TALKS, messages, rows, strict=True):
        for prompt in (False, True):
            text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=prompt)
            same(f"{name}: the text", expected(name, talk, tokenizer.eos_token, prompt), text)
        ids = tokenizer(tokenizer.apply_chat_template(chat, tokenize=False), add_special_tokens=False).input_ids
        same(f"{name}: the tokens", row["tokens"], ids[:-1])
        learned = [target for target in row["targets"] if target != -100]
        answers = "".join(content + (TEXTS[name][4] or tokenizer.eos_token) for role, content in talk
                          if role == "assistant")
        same(f"{name}: what is learned", answers, tokenizer.decode(learned))
    print(f"{name}: {len(TALKS)} talks have the same text, tokens and mask")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hewn", default=HEWN)
    args = parser.parse_args()
    import transformers
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "text.txt").write_text(run(args.hewn, "data", "corpus", "--tales=300"))
        run(args.hewn, "train", f"--dataset={folder}/text.txt", "--tokenizer=bpe", "--vocab_size=400", "--n_layer=1",
            "--n_head=2", "--n_embd=16", "--block_size=256", "--batch_size=2", "--max_iters=2", "--bias=true",
            f"--out_dir={folder}/base")
        for template in TEXTS:
            check(template, folder, args.hewn, transformers)


if __name__ == "__main__":
    main()
