"""Makes a classifier of GPT-2's shape with transformers, and labels texts with it, to compare with `hewn classify`.

    python torch_classify.py make DIR --texts FILE [--layers 12 --heads 12 --width 768]
    python torch_classify.py label DIR --texts FILE --batch_size 16 --threads 2

`make` writes random weights and GPT-2's tokenizer from HEWN_SHARED. The head separates the texts of FILE by the
direction in which their last states differ most, so that both labels occur. `label` prints one line of JSON: the labels
and probabilities in the order of the texts, the seconds to open the model, and those to label all texts, which are
tokenized, sorted by length and read in batches of like length, padded at the right, in inference mode. No attention
mask is given: none is needed, as attention is causal, and attention without one is the faster.
"""

import argparse
import json
import pathlib
import time

import torch
import transformers
from common import copy_gpt2_tokenizer


def texts_of(args):
    return pathlib.Path(args.texts).read_text(encoding="utf-8").splitlines()


def tokenizer_of(folder):
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def make(args):
    torch.manual_seed(1)
    config = transformers.GPT2Config(n_layer=args.layers, n_head=args.heads, n_embd=args.width, num_labels=2,
                                     pad_token_id=50256, id2label={0: "ham", 1: "spam"},
                                     label2id={"ham": 0, "spam": 1})
    model = transformers.GPT2ForSequenceClassification(config).eval()
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(2.0 if p.dim() > 1 else 1.0)  # with initial weights all states would be nearly equal
    model.save_pretrained(args.directory)
    copy_gpt2_tokenizer(args.directory)
    tokenizer = tokenizer_of(args.directory)
    with torch.inference_mode():
        state = lambda ids: model.transformer(torch.tensor([ids or [50256]])).last_hidden_state[0, -1]
        states = torch.stack([state(tokenizer(text).input_ids) for text in texts_of(args)[:200]])
        mean = states.mean(0)
        direction = torch.linalg.svd(states - mean, full_matrices=False).Vh[0]
        direction -= mean * (direction @ mean) / (mean @ mean)
        model.score.weight.copy_(torch.stack([-direction, direction]))
    model.save_pretrained(args.directory)


def label(args):
    torch.set_num_threads(args.threads)
    texts = texts_of(args)
    begin = time.perf_counter()
    tokenizer = tokenizer_of(args.directory)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(
        args.directory, dtype=torch.float32, attn_implementation="sdpa").eval()
    opened = time.perf_counter()
    probabilities = [None] * len(texts)
    with torch.inference_mode():
        encoded = tokenizer(texts).input_ids
        encoded = [ids[-1024:] or [tokenizer.eos_token_id] for ids in encoded]
        order = sorted(range(len(texts)), key=lambda i: len(encoded[i]))
        for first in range(0, len(order), args.batch_size):
            some = order[first:first + args.batch_size]
            longest = max(len(encoded[i]) for i in some)
            ids = torch.tensor([encoded[i] + [tokenizer.pad_token_id] * (longest - len(encoded[i])) for i in some])
            rows = torch.softmax(model(ids, use_cache=False).logits, -1).tolist()
            for i, row in zip(some, rows):
                probabilities[i] = row
    end = time.perf_counter()
    print(json.dumps(dict(torch=torch.__version__, transformers=transformers.__version__, open_s=opened - begin,
                          label_s=end - opened, probabilities=probabilities)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["make", "label"])
    parser.add_argument("directory")
    parser.add_argument("--texts", required=True)
    for name, size in (("layers", 12), ("heads", 12), ("width", 768), ("batch_size", 16), ("threads", 2)):
        parser.add_argument(f"--{name}", type=int, default=size)
    args = parser.parse_args()
    make(args) if args.what == "make" else label(args)


if __name__ == "__main__":
    main()
