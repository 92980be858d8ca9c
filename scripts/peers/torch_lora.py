"""Times training steps of LoRA on a GPT-2 of transformers with PEFT on the CPU, to compare with `hewn bench train
--train=lora`.

    python torch_lora.py --batch 4 --block 64 --threads 2 --mode eager --seconds 10

Rank 8 on all linear layers of the blocks, without dropout, random weights. A step is zero_grad, forward with
scaled_dot_product_attention, cross-entropy, backward, clipping to norm 1 and one fused AdamW update, in float32, on
given token ids; torch.compile in mode "compile". With --train all, everything trains. Prints one line of JSON.
"""

import argparse
import json
import math
import statistics
import time

import peft
import torch
import torch.nn.functional as F
import transformers


def made_model(args):
    config = transformers.GPT2Config(vocab_size=args.vocab, n_layer=args.layers, n_head=args.heads, n_embd=args.width,
                                     n_positions=args.block, resid_pdrop=0, embd_pdrop=0, attn_pdrop=0,
                                     attn_implementation="sdpa")
    model = transformers.GPT2LMHeadModel(config).train()
    if args.train == "all":
        return model
    return peft.get_peft_model(model, peft.LoraConfig(
        r=8, lora_alpha=16, lora_dropout=0, target_modules=["c_attn", "c_proj", "c_fc"], fan_in_fan_out=True,
        task_type="CAUSAL_LM"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, size in (("batch", 4), ("block", 64), ("layers", 12), ("heads", 12), ("width", 768), ("vocab", 50257)):
        parser.add_argument(f"--{name}", type=int, default=size)
    parser.add_argument("--train", choices=["lora", "all"], default="lora")
    parser.add_argument("--mode", choices=["eager", "compile"], default="eager")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=10, help="seconds to measure after the warm-up")
    args = parser.parse_args()

    torch.manual_seed(1)
    torch.set_num_threads(args.threads)
    torch.set_num_interop_threads(1)
    model = made_model(args)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
    forward = torch.compile(model) if args.mode == "compile" else model
    batches = [torch.randint(args.vocab, (args.batch, args.block + 1)) for _ in range(8)]

    def step(i):
        rows = batches[i % len(batches)]
        optimizer.zero_grad(set_to_none=True)
        logits = forward(input_ids=rows[:, :-1].contiguous(), use_cache=False).logits
        loss = F.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        return loss

    for i in range(3):  # compiles, allocates, warms the caches
        step(i)
    times = []
    end = time.perf_counter() + args.seconds
    while time.perf_counter() < end or len(times) < 3:
        start = time.perf_counter()
        loss = step(len(times))
        times.append((time.perf_counter() - start) * 1e3)
    assert math.isfinite(loss.item())
    print(json.dumps(dict(torch=torch.__version__, peft=peft.__version__, transformers=transformers.__version__,
                          trained=sum(p.numel() for p in trained), best_ms=min(times),
                          median_ms=statistics.median(times), steps=len(times))))


if __name__ == "__main__":
    main()
