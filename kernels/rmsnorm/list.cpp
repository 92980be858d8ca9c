#include "kernels/contract/contract.h"
#include "kernels/gpu/tiles/row_limits.h"
#include "kernels/layernorm/norm_types.h"
#include "kernels/rmsnorm/cost.h"
#include "kernels/rmsnorm/kernels.h"

namespace hewn {
namespace {

size_t backward_scratch(const RmsnormBackward& a, int) {
  return static_cast<size_t>(row_blocks(a.rows) * a.cols) * sizeof(float);
}

size_t gpu_scratch(const RmsnormBackward& a, int) { return column_sum_bytes(a.rows, a.cols, 1); }

constexpr Rung<RmsnormForward> forward_rungs[] = {
    {.name = "reference",
     .idea = "mean square, then y: two passes over each row, in double",
     .run = scalar<RmsnormForward>(rmsnorm_reference)},
    {.name = "simd",
     .idea = "vectors along each row, rows over threads",
     .run = per_isa<RmsnormForward>([]<Isa I>() { return rmsnorm_simd<I>; }),
     .why_not = f32_norms_only},
    {.name = "cuda.blocks",
     .idea = "one block per row, which reads it twice",
     .run =
         per_gpu<RmsnormForward>([]<Isa I>() -> KernelFn<RmsnormForward> { return rmsnorm_block_gpu<I>; })},
    {.name = "cuda",
     .idea = "one warp per row, sixteen bytes per load, in registers: one read, no barrier",
     .run = per_gpu<RmsnormForward>([]<Isa I>() -> KernelFn<RmsnormForward> { return rmsnorm_gpu<I>; }),
     .why_not = held_norms_only},
};

constexpr Rung<RmsnormBackward> backward_rungs[] = {
    {.name = "reference",
     .idea = "dx row by row, then dweight column by column, in double",
     .run = scalar<RmsnormBackward>(rmsnorm_reference)},
    {.name = "simd",
     .idea = "vectors along each row; blocks of rows over threads, each with its own dweight",
     .run = per_isa<RmsnormBackward>([]<Isa I>() { return rmsnorm_backward_simd<I>; }),
     .why_not = f32_norms_only,
     .scratch_bytes = backward_scratch},
    {.name = "cuda.blocks",
     .idea = "dx with one block per row, then dweight with one thread per column",
     .run =
         per_gpu<RmsnormBackward>([]<Isa I>() -> KernelFn<RmsnormBackward> { return rmsnorm_block_gpu<I>; })},
    {.name = "cuda",
     .idea = "both from one read: rows in registers, and sums over columns as well",
     .run = per_gpu<RmsnormBackward>([]<Isa I>() -> KernelFn<RmsnormBackward> { return rmsnorm_gpu<I>; }),
     .why_not = held_norms_only,
     .scratch_bytes = gpu_scratch},
};

constexpr Ladder<RmsnormForward> forward_ladder{"rmsnorm.forward", forward_rungs, cost_of};
constexpr Ladder<RmsnormBackward> backward_ladder{"rmsnorm.backward", backward_rungs, cost_of};

}  // namespace

const Ladder<RmsnormForward>& ladder_of(const RmsnormForward&) { return forward_ladder; }
const Ladder<RmsnormBackward>& ladder_of(const RmsnormBackward&) { return backward_ladder; }

}  // namespace hewn
