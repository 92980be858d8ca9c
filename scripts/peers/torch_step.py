"""Times training steps of a GPT-2-shaped model in PyTorch, on the CPU or a GPU, to compare with `hewn bench train`.

    python torch_step.py --config baby-gpt-cpu --threads 2 --mode eager --seconds 10

A step is zero_grad, forward, cross-entropy, backward, clipping to norm 1 and one AdamW update, in float32 or under
bfloat16 autocast, on given token ids, with the fastest methods of current PyTorch: scaled_dot_product_attention,
fused AdamW, and torch.compile in mode "compile". Prints one line of JSON.
"""

import argparse
import json
import math
import statistics
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

CONFIGS = {
    # nanoGPT's CPU recipe for Tiny Shakespeare
    "baby-gpt-cpu": dict(n_layer=4, n_head=4, n_embd=128, vocab=65, batch=12, block=64, bias=False,
                         lr=1e-3, betas=(0.9, 0.99)),
    # nanoGPT's GPU recipe for Tiny Shakespeare, with 12 rows and no dropout
    "baby-gpt": dict(n_layer=6, n_head=6, n_embd=384, vocab=65, batch=12, block=256, bias=False,
                     lr=1e-3, betas=(0.9, 0.99)),
    # GPT-2 124M on short rows, and on one row of its full length
    "gpt2": dict(n_layer=12, n_head=12, n_embd=768, vocab=50257, batch=4, block=64, bias=True,
                 lr=3e-4, betas=(0.9, 0.95)),
    "gpt2-1024": dict(n_layer=12, n_head=12, n_embd=768, vocab=50257, batch=1, block=1024, bias=True,
                      lr=3e-4, betas=(0.9, 0.95)),
    # for a GPU, with the vocabulary padded as in nanoGPT
    "gpt2-8x1024": dict(n_layer=12, n_head=12, n_embd=768, vocab=50304, batch=8, block=1024, bias=True,
                        lr=3e-4, betas=(0.9, 0.95)),
}


class Block(nn.Module):
    def __init__(self, width, heads, bias):
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width, bias=bias)
        self.qkv = nn.Linear(width, 3 * width, bias=bias)
        self.out = nn.Linear(width, width, bias=bias)
        self.norm2 = nn.LayerNorm(width, bias=bias)
        self.up = nn.Linear(width, 4 * width, bias=bias)
        self.down = nn.Linear(4 * width, width, bias=bias)

    def forward(self, x):
        B, T, C = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(B, T, 3, self.heads, C // self.heads).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(B, T, C))
        return x + self.down(F.gelu(self.up(self.norm2(x)), approximate="tanh"))


class Gpt(nn.Module):
    def __init__(self, n_layer, n_head, n_embd, vocab, block, bias, **_):
        super().__init__()
        self.tokens = nn.Embedding(vocab, n_embd)
        self.places = nn.Embedding(block, n_embd)
        self.blocks = nn.ModuleList(Block(n_embd, n_head, bias) for _ in range(n_layer))
        self.norm = nn.LayerNorm(n_embd, bias=bias)
        for p in self.parameters():
            if p.dim() == 2:
                nn.init.normal_(p, std=0.02)
        for b in self.blocks:
            for p in (b.out.weight, b.down.weight):
                nn.init.normal_(p, std=0.02 / math.sqrt(2 * n_layer))

    def forward(self, ids, targets):
        x = self.tokens(ids) + self.places.weight[: ids.shape[1]]
        for block in self.blocks:
            x = block(x)
        logits = F.linear(self.norm(x), self.tokens.weight)  # the head is tied to the embedding
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--config", choices=CONFIGS, default="baby-gpt-cpu")
    args.add_argument("--mode", choices=["eager", "compile"], default="eager")
    args.add_argument("--dtype", choices=["f32", "bf16"], default="f32")
    args.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    args.add_argument("--threads", type=int, default=2)
    args.add_argument("--batch", type=int, help="batch size, instead of the config's")
    args.add_argument("--vocab", type=int, help="vocabulary size, instead of the config's")
    args.add_argument("--seconds", type=float, default=10, help="seconds to measure after the warm-up")
    args = args.parse_args()

    torch.manual_seed(1)
    torch.set_num_threads(args.threads)
    config = dict(CONFIGS[args.config])
    config["vocab"] = args.vocab or config["vocab"]
    model = Gpt(**config).to(args.device)
    decayed = [p for p in model.parameters() if p.dim() >= 2]
    plain = [p for p in model.parameters() if p.dim() < 2]
    groups = [dict(params=decayed, weight_decay=0.1), dict(params=plain, weight_decay=0.0)]
    optimizer = torch.optim.AdamW(groups, lr=config["lr"], betas=config["betas"], fused=True)
    forward = torch.compile(model) if args.mode == "compile" else model
    shape = (args.batch or config["batch"], config["block"] + 1)
    batches = [torch.randint(config["vocab"], shape).to(args.device) for _ in range(8)]
    wait = torch.cuda.synchronize if args.device == "cuda" else lambda: None

    def step(i):
        rows = batches[i % len(batches)]
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(args.device, torch.bfloat16, enabled=args.dtype == "bf16"):
            loss = forward(rows[:, :-1].contiguous(), rows[:, 1:].contiguous())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss

    for i in range(3):  # compiles, allocates, warms the caches
        step(i)
    wait()
    times = []
    end = time.perf_counter() + args.seconds
    while time.perf_counter() < end or len(times) < 5:
        start = time.perf_counter()
        loss = step(len(times))
        wait()
        times.append((time.perf_counter() - start) * 1e3)
    assert math.isfinite(loss.item())
    print(json.dumps(dict(peer=f"PyTorch {torch.__version__} {args.mode}", config=args.config, dtype=args.dtype,
                          device=args.device, batch=shape[0], vocab=config["vocab"], threads=args.threads, best_ms=round(min(times), 3),
                          median_ms=round(statistics.median(times), 3), steps=len(times))))


if __name__ == "__main__":
    main()
