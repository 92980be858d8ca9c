"""Times PyTorch's kernels on a GPU, at the sizes at which scripts/gpu-check.sh times ours: prints a Markdown table.

    python scripts/peers/torch_kernels.py --device=cuda

Prints the median of the repetitions, by GPU events, on random numbers. Operands rotate, so that a cache of 60 MB no
longer holds them. TFLOP/s counts causal attention as half, its backward pass as 2.5 forward passes. --device=cpu
tests the script: sizes are small and times meaningless.
"""

import argparse
import statistics
import time

import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel


def seconds(device, work, operands, repeat):
    """Median time of a call of work(*operands[i]) in seconds, with i cycling."""
    calls = len(operands)
    for given in operands:
        work(*given)
    times = []
    for _ in range(repeat):
        if device == "cuda":
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            begin.record()
            for given in operands:
                work(*given)
            end.record()
            end.synchronize()
            times.append(begin.elapsed_time(end) * 1e-3 / calls)
        else:
            start = time.perf_counter()
            for given in operands:
                work(*given)
            times.append((time.perf_counter() - start) / calls)
    return statistics.median(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--repeat", type=int, default=10)
    args = parser.parse_args()
    device, small = args.device, args.device == "cpu"
    torch.manual_seed(1)
    torch.backends.cuda.matmul.allow_tf32 = False

    def random(shape, dtype, grad=False):
        return torch.randn(shape, device=device, dtype=dtype, requires_grad=grad)

    def sets(shapes, dtype, grad=False):
        """Enough sets of operands to fill 240 MB."""
        made = [[random(shape, dtype, grad) for shape in shapes]]
        size = sum(t.numel() * t.element_size() for t in made[0])
        for _ in range(1 if small else max(0, 240_000_000 // size)):
            made.append([random(shape, dtype, grad) for shape in shapes])
        return made

    def row(what, shape, dtype, work, operands, flops=0, moved=0):
        try:
            took = seconds(device, work, operands, args.repeat)
        except RuntimeError as problem:  # this backend does not support it
            print(f"| {what} | {shape} | {dtype} | {str(problem).splitlines()[0][:60]} | | |")
            return
        speed = [f"{flops / took * 1e-12:.1f}" if flops else "", f"{moved / took * 1e-9:.0f}" if moved else ""]
        print(f"| {what} | {shape} | {dtype} | {took * 1e3:.4f} | {speed[0]} | {speed[1]} |")

    print("| kernel | shape | dtype | median ms | TFLOP/s | GB/s |\n|---|---|---|---|---|---|")
    for dtype, name, sizes in ((torch.bfloat16, "bf16", (4096, 8192)), (torch.float32, "f32", (2048, 4096))):
        for n in (16,) if small else sizes:
            row("matmul", f"{n}x{n}x{n}", name, torch.matmul, sets([(n, n), (n, n)], dtype), 2 * n**3)

    B, H, T, D = (1, 2, 8, 8) if small else (8, 12, 1024, 64)
    forward = 2 * B * H * T * T * D  # two products of 2 T T D, half of each masked
    for name, backends in (("best", None), ("flash", SDPBackend.FLASH_ATTENTION), ("cudnn", SDPBackend.CUDNN_ATTENTION)):
        for dtype, kind in ((torch.bfloat16, "bf16"), (torch.float32, "f32")):
            if kind == "f32" and backends is not None:
                continue

            def attend(q, k, v):
                if backends is None:
                    return F.scaled_dot_product_attention(q, k, v, is_causal=True)
                with sdpa_kernel(backends):
                    return F.scaled_dot_product_attention(q, k, v, is_causal=True)

            def both(q, k, v, gradient):
                torch.autograd.grad(attend(q, k, v), (q, k, v), gradient)

            row(f"attention, {name}", f"{B}x{H}x{T}x{D}", kind, attend, sets([(B, H, T, D)] * 3, dtype), forward)
            row(f"attention, {name}, and backward", f"{B}x{H}x{T}x{D}", kind, both,
                sets([(B, H, T, D)] * 4, dtype, True), 3.5 * forward)

    rows, cols = (3, 65) if small else (8192, 1024)
    moved = 2 * rows * cols * 4
    row("softmax", f"{rows}x{cols}", "f32", lambda x: torch.softmax(x, -1), sets([(rows, cols)], torch.float32), 0, moved)
    row("layernorm", f"{rows}x{cols}", "f32", lambda x: F.layer_norm(x, (cols,)), sets([(rows, cols)], torch.float32), 0,
        moved)
    row("copy", f"{rows}x{cols}", "f32", lambda x: x.clone(), sets([(rows, cols)], torch.float32), 0, moved)


if __name__ == "__main__":
    main()
