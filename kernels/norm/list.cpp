#include "kernels/contract/contract.h"
#include "kernels/gpu/tiles/row_limits.h"
#include "kernels/norm/abi.h"
#include "kernels/norm/cost.h"
#include "kernels/norm/types.h"
#include "kernels/simd/row_blocks.h"

namespace hewn {
namespace {

size_t by_rows_scratch(const LayernormBackward& a, int) {
  return 2 * static_cast<size_t>(a.cols) * sizeof(double);
}

size_t backward_scratch(const LayernormBackward& a, int) {
  return static_cast<size_t>(2 * row_blocks(a.rows) * a.cols) * sizeof(float);
}

size_t gpu_scratch(const LayernormBackward& a, int) { return column_sum_bytes(a.rows, a.cols, 2); }

constexpr Rung<LayernormForward> forward_rungs[] = {
    {scalar<"reference">, "mean, then variance, then y: three passes over each row, in double"},
    {scalar<"welford">, "mean and variance in one pass, at the price of a division per element",
     f32_norms_only},
    {scalar<"shifted">,
     "one pass without divisions: sums of differences from the first element, and of their squares",
     f32_norms_only},
    {scalar<"openmp">, "pragmas only: rows over threads, a partial sum in each lane of a vector, in double",
     f32_norms_only},
    {per_isa<"simd">,
     "vectors of floats; the row stays in cache, so a second pass that corrects the mean is cheap",
     f32_norms_only},
    {per_gpu<"cuda.threads">, "one thread per row, in double: the loads of a warp are a whole row apart",
     no_bf16_norms},
    {per_gpu<"cuda.blocks">,
     "one block per row: whole cache lines, but three passes, and barriers at each sum"},
    {per_gpu<"cuda">, "one warp per row, sixteen bytes per load, in registers: one read, no barrier",
     held_norms_only},
};

constexpr Rung<LayernormBackward> backward_rungs[] = {
    {scalar<"reference">, "dx row by row, then dweight and dbias column by column, in double"},
    {scalar<"by_rows">, "all three in one pass over the rows, in memory order", f32_norms_only,
     by_rows_scratch},
    {per_isa<"simd">,
     "vectors along each row; blocks of rows over threads, each with its own dweight and dbias",
     f32_norms_only, backward_scratch},
    {per_gpu<"cuda.blocks">, "dx with one block per row, then dweight and dbias with one thread per column",
     no_bf16_norms},
    {per_gpu<"cuda">, "all three from one read: rows in registers, and sums over columns as well",
     held_norms_only, gpu_scratch},
};

constexpr Ladder<LayernormForward> forward_ladder{"layernorm.forward", forward_rungs, cost_of};
constexpr Ladder<LayernormBackward> backward_ladder{"layernorm.backward", backward_rungs, cost_of};

}  // namespace

const Ladder<LayernormForward>& ladder_of(const LayernormForward&) { return forward_ladder; }
const Ladder<LayernormBackward>& ladder_of(const LayernormBackward&) { return backward_ladder; }

}  // namespace hewn
