#include "kernels/contract/contract.h"
#include "kernels/gpu/tiles/row_limits.h"
#include "kernels/norm/types.h"
#include "kernels/rmsnorm/abi.h"
#include "kernels/rmsnorm/cost.h"
#include "kernels/simd/row_blocks.h"

namespace hewn {
namespace {

size_t backward_scratch(const RmsnormBackward& a, int) {
  return static_cast<size_t>(row_blocks(a.rows) * a.cols) * sizeof(float);
}

size_t gpu_scratch(const RmsnormBackward& a, int) { return column_sum_bytes(a.rows, a.cols, 1); }

constexpr Rung<RmsnormForward> forward_rungs[] = {
    {scalar<"reference">, "mean square, then y: two passes over each row, in double"},
    {per_isa<"simd">, "vectors along each row, rows over threads", f32_norms_only},
    {per_gpu<"cuda.blocks">, "one block per row, which reads it twice"},
    {per_gpu<"cuda">, "one warp per row, sixteen bytes per load, in registers: one read, no barrier",
     held_norms_only},
};

constexpr Rung<RmsnormBackward> backward_rungs[] = {
    {scalar<"reference">, "dx row by row, then dweight column by column, in double"},
    {per_isa<"simd">, "vectors along each row; blocks of rows over threads, each with its own dweight",
     f32_norms_only, backward_scratch},
    {per_gpu<"cuda.blocks">, "dx with one block per row, then dweight with one thread per column"},
    {per_gpu<"cuda">, "both from one read: rows in registers, and sums over columns as well", held_norms_only,
     gpu_scratch},
};

constexpr Ladder<RmsnormForward> forward_ladder{"rmsnorm.forward", forward_rungs, cost_of};
constexpr Ladder<RmsnormBackward> backward_ladder{"rmsnorm.backward", backward_rungs, cost_of};

}  // namespace

const Ladder<RmsnormForward>& ladder_of(const RmsnormForward&) { return forward_ladder; }
const Ladder<RmsnormBackward>& ladder_of(const RmsnormBackward&) { return backward_ladder; }

}  // namespace hewn
