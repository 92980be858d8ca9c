"""Text beyond the block: what Hewn generates with caches, compared with a model that reads the whole context anew."""

import json

import torch

from truth.configurations import described
from truth.reference import Model


def pushed(context, token, block_size, slide):
    """docs/generation.md: a full context keeps its newest half, or loses its oldest token, before it grows."""
    if len(context) == block_size:
        kept = block_size - 1 if slide == "one" else block_size // 2
        context = context[len(context) - kept:]
    return context + [token]


def log_probabilities(model, weights, contexts):
    """log P of the token after each of these contexts: [contexts, V]. Contexts of one length are a batch."""
    rows = [None] * len(contexts)
    for length in {len(context) for context in contexts}:
        which = [i for i, context in enumerate(contexts) if len(context) == length]
        logits = Model(model, weights).logits(torch.tensor([contexts[i] for i in which]))[:, -1]
        for i, row in zip(which, logits.log_softmax(-1)):
            rows[i] = row
    return torch.stack(rows)


def differences(lines, model, weights, prompt, slide, greedy):
    """How far the probabilities of generated tokens are from those of the model, and how often greedy took a less
    likely one than the most likely."""
    contexts = [[]]
    for token in prompt + [line["token"] for line in lines]:
        contexts.append(pushed(contexts[-1], token, model["block_size"], slide))
    expected = log_probabilities(model, weights, contexts[len(prompt):-1])
    found = {"log P": 0} | ({"other tokens": 0} if greedy else {})
    for line, row in zip(lines, expected):
        for told in [line] + line["top"]:
            found["log P"] = max(found["log P"], abs(row[told["token"]].item() - told["logprob"]), key=lambda x: (x != x, x))
        if greedy:
            found["other tokens"] += row[line["token"]].item() < row.max().item() - 1e-12  # of equal ones, any
    return found


def check(table, program, chosen, written, moved):
    """Greedy and random texts from prompts that are shorter and longer than the block, one alone and three in a batch."""
    for i, (model, run) in enumerate(chosen):
        text, val = written(program, 400, run["seed"])
        name, T = f"s{i}", model["block_size"]
        made = moved(program, name, model, run)
        weights = made.tensors(8)
        prompts = [val[:1], val[1:1 + max(1, T // 2)].strip() or val[0], "".join(val[2:T + 5].split(" "))]
        (program.folder / "prompts.txt").write_text("\n".join(prompts) + "\n")
        total = {}
        for slide in ("half", "one"):
            for temperature in (0, 1):
                told = program("sample", name, "--start=LINES:prompts.txt", f"--slide={slide}", "--logprobs", "--quiet",
                               f"--temperature={temperature}", f"--max_new_tokens={3 * T + T // 2 + 2}", "--batch_size=2",
                               f"--threads={run['threads']}")
                lines = [json.loads(line) for line in told.splitlines()]
                for n, prompt in enumerate(prompts):
                    of_prompt = [line for line in lines if line["sample"] == n]
                    found = differences(of_prompt, model, weights, made.ids(prompt).tolist(), slide, temperature == 0)
                    if len(of_prompt) != 3 * T + T // 2 + 2:
                        found["tokens missing"] = float("nan")
                    total = {kind: max(total.get(kind, 0), found.get(kind, 0), key=lambda x: (x != x, x))
                             for kind in total | found}
        table.compare(f"{i:2} {described(model)}", total)
