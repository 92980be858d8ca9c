#include "kernels/contract/contract.h"
#include "kernels/gpu/tiles/row_limits.h"
#include "kernels/layernorm/cost.h"
#include "kernels/layernorm/kernels.h"
#include "kernels/layernorm/norm_types.h"

namespace hewn {
namespace {

size_t backward_scratch(const LayernormBackward& a, int) {
  return static_cast<size_t>(2 * row_blocks(a.rows) * a.cols) * sizeof(float);
}

size_t gpu_scratch(const LayernormBackward& a, int) { return column_sum_bytes(a.rows, a.cols, 2); }

constexpr Rung<LayernormForward> forward_rungs[] = {
    {.name = "reference",
     .idea = "mean, then variance, then y: three passes over each row, in double",
     .run = scalar<LayernormForward>(layernorm_reference)},
    {.name = "welford",
     .idea = "mean and variance in one pass, at the price of a division per element",
     .run = scalar<LayernormForward>(layernorm_welford),
     .why_not = f32_norms_only},
    {.name = "shifted",
     .idea = "one pass without divisions: sums of differences from the first element, and of their squares",
     .run = scalar<LayernormForward>(layernorm_shifted),
     .why_not = f32_norms_only},
    {.name = "openmp",
     .idea = "pragmas only: rows over threads, a partial sum in each lane of a vector, in double",
     .run = scalar<LayernormForward>(layernorm_openmp),
     .why_not = f32_norms_only},
    {.name = "simd",
     .idea = "vectors of floats; the row stays in cache, so a second pass that corrects the mean is cheap",
     .run = per_isa<LayernormForward>([]<Isa I>() { return layernorm_simd<I>; }),
     .why_not = f32_norms_only},
    {.name = "cuda.threads",
     .idea = "one thread per row, in double: the loads of a warp are a whole row apart",
     .run = per_gpu<LayernormForward>(
         []<Isa I>() -> KernelFn<LayernormForward> { return layernorm_thread_gpu<I>; }),
     .why_not = no_bf16_norms},
    {.name = "cuda.blocks",
     .idea = "one block per row: whole cache lines, but three passes, and barriers at each sum",
     .run = per_gpu<LayernormForward>(
         []<Isa I>() -> KernelFn<LayernormForward> { return layernorm_block_gpu<I>; })},
    {.name = "cuda",
     .idea = "one warp per row, sixteen bytes per load, in registers: one read, no barrier",
     .run = per_gpu<LayernormForward>([]<Isa I>() -> KernelFn<LayernormForward> { return layernorm_gpu<I>; }),
     .why_not = held_norms_only},
};

constexpr Rung<LayernormBackward> backward_rungs[] = {
    {.name = "reference",
     .idea = "dx row by row, then dweight and dbias column by column, in double",
     .run = scalar<LayernormBackward>(layernorm_reference)},
    {.name = "by_rows",
     .idea = "all three in one pass over the rows, in memory order",
     .run = scalar<LayernormBackward>(layernorm_by_rows),
     .why_not = f32_norms_only,
     .scratch_bytes = layernorm_by_rows_scratch},
    {.name = "simd",
     .idea = "vectors along each row; blocks of rows over threads, each with its own dweight and dbias",
     .run = per_isa<LayernormBackward>([]<Isa I>() { return layernorm_backward_simd<I>; }),
     .why_not = f32_norms_only,
     .scratch_bytes = backward_scratch},
    {.name = "cuda.blocks",
     .idea = "dx with one block per row, then dweight and dbias with one thread per column",
     .run = per_gpu<LayernormBackward>(
         []<Isa I>() -> KernelFn<LayernormBackward> { return layernorm_block_gpu<I>; }),
     .why_not = no_bf16_norms},
    {.name = "cuda",
     .idea = "all three from one read: rows in registers, and sums over columns as well",
     .run =
         per_gpu<LayernormBackward>([]<Isa I>() -> KernelFn<LayernormBackward> { return layernorm_gpu<I>; }),
     .why_not = held_norms_only,
     .scratch_bytes = gpu_scratch},
};

constexpr Ladder<LayernormForward> forward_ladder{"layernorm.forward", forward_rungs, cost_of};
constexpr Ladder<LayernormBackward> backward_ladder{"layernorm.backward", backward_rungs, cost_of};

}  // namespace

const Ladder<LayernormForward>& ladder_of(const LayernormForward&) { return forward_ladder; }
const Ladder<LayernormBackward>& ladder_of(const LayernormBackward&) { return backward_ladder; }

}  // namespace hewn
