"""Trains a GPT-2-shaped model in PyTorch with several processes: DistributedDataParallel over Gloo, moments divided by
ZeroRedundancyOptimizer. Used by compare_ddp.py, which says what is compared.

    python torch_ddp.py --ranks 2 --threads 1 --micro_steps 8 --seconds 20           # times steps of GPT-2 124M
    python torch_ddp.py --ranks 2 --model HF --data train.bin --steps 50 --seed 7    # losses on given weights and data

Micro-steps before the last one of a step do not synchronise (no_sync). Prints one line of JSON.
"""

import argparse
import contextlib
import json
import os
import pathlib
import resource
import statistics
import sys
import tempfile
import time

import torch
import torch.distributed as dist
import torch.multiprocessing as multiprocessing
from torch.distributed.optim import ZeroRedundancyOptimizer
from torch.nn.parallel import DistributedDataParallel

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

RATE, BETAS, WEIGHT_DECAY, CLIP = 1e-3, (0.9, 0.95), 0.1, 1.0


def optimizer_of(model, shard, rate, fused):
    decayed = [p for p in model.parameters() if p.dim() >= 2]
    plain = [p for p in model.parameters() if p.dim() < 2]
    groups = [dict(params=decayed, weight_decay=WEIGHT_DECAY), dict(params=plain, weight_decay=0.0)]
    options = dict(lr=rate, betas=BETAS, eps=1e-8, fused=fused)
    if shard:
        return ZeroRedundancyOptimizer(groups, torch.optim.AdamW, **options)
    return torch.optim.AdamW(groups, **options)


def step(model, optimizer, batches, loss_of):
    """One step on this rank's micro-batches, all with the same number of targets. Returns the sum of their losses."""
    optimizer.zero_grad(set_to_none=True)
    total = 0.0
    for i, batch in enumerate(batches):
        last = i + 1 == len(batches)
        with contextlib.nullcontext() if last else model.no_sync():
            loss = loss_of(batch)
            (loss / len(batches)).backward()
        total += loss.detach()
    torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
    optimizer.step()
    return total


def timings(rank, args):
    from torch_step import CONFIGS, Gpt

    config = CONFIGS[args.config]
    torch.manual_seed(1)
    model = Gpt(**config)
    model = DistributedDataParallel(torch.compile(model) if args.mode == "compile" else model,
                                    gradient_as_bucket_view=True)
    optimizer = optimizer_of(model, args.shard, config["lr"], fused=True)
    shape = (config["batch"], config["block"] + 1)
    batches = [torch.randint(config["vocab"], shape) for _ in range(args.micro_steps // args.ranks)]
    loss_of = lambda rows: model(rows[:, :-1].contiguous(), rows[:, 1:].contiguous())
    for _ in range(2):
        step(model, optimizer, batches, loss_of)
    times, begin = [], time.perf_counter()
    while True:
        dist.barrier()
        start = time.perf_counter()
        step(model, optimizer, batches, loss_of)
        dist.barrier()
        times.append((time.perf_counter() - start) * 1e3)
        enough = torch.tensor(float(time.perf_counter() - begin > args.seconds and len(times) >= 3))
        dist.broadcast(enough, 0)
        if enough.item():
            break
    peak = torch.tensor(float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024))
    dist.all_reduce(peak, dist.ReduceOp.MAX)
    return dict(peer=f"PyTorch {torch.__version__} DDP over Gloo, {args.mode}", best_ms=min(times),
                median_ms=statistics.median(times), steps=len(times), peak_bytes=int(peak.item()),
                tokens=args.micro_steps * config["batch"] * config["block"])


def losses(rank, args):
    """Batches follow from the seed by the rule of train/data/batches.h for shuffled windows."""
    import numpy
    import transformers

    from compare_finetune import shuffled

    ids = numpy.fromfile(args.data, dtype=numpy.uint16).astype(numpy.int64)
    windows = (len(ids) - 1 - args.block) // args.block + 1
    model = transformers.GPT2LMHeadModel.from_pretrained(args.model, attn_implementation="eager").train()
    model = DistributedDataParallel(model)
    optimizer = optimizer_of(model, args.shard, RATE, fused=False)
    mine = args.micro_steps // args.ranks

    def batch(index):
        rows = range(index * args.batch, (index + 1) * args.batch)
        begins = [args.block * shuffled(row % windows, windows, args.seed, row // windows) for row in rows]
        return torch.tensor(numpy.stack([ids[begin:begin + args.block + 1] for begin in begins]))

    def loss_of(rows):
        logits = model(input_ids=rows[:, :-1]).logits
        return torch.nn.functional.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten())

    found = []
    for number in range(args.steps):
        first = number * args.micro_steps + rank * mine
        total = step(model, optimizer, [batch(first + m) for m in range(mine)], loss_of)
        dist.all_reduce(total)
        found.append(total.item() / args.micro_steps)
    return dict(losses=found)


def run_rank(rank, args, meeting):
    torch.set_num_threads(args.threads)
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=args.ranks)
    result = (losses if args.model else timings)(rank, args)
    if rank == 0:
        print(json.dumps(result), flush=True)
    dist.destroy_process_group()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1, help="of each process")
    parser.add_argument("--micro_steps", type=int, default=8, help="of a step, of all processes together")
    parser.add_argument("--shard", type=int, default=1, help="0: every process has all moments")
    parser.add_argument("--config", default="gpt2")
    parser.add_argument("--mode", choices=["eager", "compile"], default="eager")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--model", help="a model of transformers, to compute losses with")
    parser.add_argument("--data", help="u16 ids")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--block", type=int, default=64)
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", str(args.threads))
    with tempfile.TemporaryDirectory() as folder:
        multiprocessing.spawn(run_rank, (args, os.path.join(folder, "meeting")), nprocs=args.ranks)


if __name__ == "__main__":
    main()
