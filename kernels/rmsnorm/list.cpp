#include "kernels/contract.h"
#include "kernels/rmsnorm/cost.h"
#include "kernels/rmsnorm/ref.h"
#include "kernels/rmsnorm/simd.h"

namespace hewn {
namespace {

size_t backward_scratch(const RmsnormBackward& a, int) {
  return static_cast<size_t>(row_blocks(a.rows) * a.cols) * sizeof(float);
}

constexpr Rung<RmsnormForward> forward_rungs[] = {
    {.name = "reference",
     .idea = "mean square, then y: two passes over each row, in double",
     .run = scalar<RmsnormForward>(rmsnorm_reference)},
    {.name = "simd",
     .idea = "vectors along each row, rows over threads",
     .run = per_isa<RmsnormForward>([]<Isa I>() { return rmsnorm_simd<I>; }),
     .why_not = f32_only},
};

constexpr Rung<RmsnormBackward> backward_rungs[] = {
    {.name = "reference",
     .idea = "dx row by row, then dweight column by column, in double",
     .run = scalar<RmsnormBackward>(rmsnorm_reference)},
    {.name = "simd",
     .idea = "vectors along each row; blocks of rows over threads, each with its own dweight",
     .run = per_isa<RmsnormBackward>([]<Isa I>() { return rmsnorm_backward_simd<I>; }),
     .why_not = f32_only,
     .scratch_bytes = backward_scratch},
};

constexpr Ladder<RmsnormForward> forward_ladder{"rmsnorm.forward", forward_rungs, cost_of};
constexpr Ladder<RmsnormBackward> backward_ladder{"rmsnorm.backward", backward_rungs, cost_of};

}  // namespace

const Ladder<RmsnormForward>& ladder_of(const RmsnormForward&) { return forward_ladder; }
const Ladder<RmsnormBackward>& ladder_of(const RmsnormBackward&) { return backward_ladder; }

}  // namespace hewn
