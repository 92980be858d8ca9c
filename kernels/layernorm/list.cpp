#include "kernels/contract.h"
#include "kernels/layernorm/cost.h"
#include "kernels/layernorm/ref.h"
#include "kernels/layernorm/rungs.h"
#include "kernels/layernorm/simd.h"

namespace hewn {
namespace {

size_t backward_scratch(const LayernormBackward& a, int) {
  return static_cast<size_t>(2 * row_blocks(a.rows) * a.cols) * sizeof(float);
}

const char* f32_alone(const LayernormForward& a) { return a.residual ? "no residual" : f32_only(a); }

constexpr Rung<LayernormForward> forward_rungs[] = {
    {.name = "reference",
     .idea = "mean, then variance, then y: three passes over each row, in double",
     .run = scalar<LayernormForward>(layernorm_reference)},
    {.name = "welford",
     .idea = "mean and variance in one pass, for a division per element",
     .run = scalar<LayernormForward>(layernorm_welford),
     .why_not = f32_alone},
    {.name = "shifted",
     .idea = "one pass without divisions: sums of differences from the first element, and of their squares",
     .run = scalar<LayernormForward>(layernorm_shifted),
     .why_not = f32_alone},
    {.name = "simd",
     .idea = "vectors of floats; the row stays in cache, so a second pass that corrects the mean is cheap",
     .run = per_isa<LayernormForward>([]<Isa I>() { return layernorm_simd<I>; }),
     .why_not = f32_only},
};

constexpr Rung<LayernormBackward> backward_rungs[] = {
    {.name = "reference",
     .idea = "dx row by row, then dweight and dbias column by column, in double",
     .run = scalar<LayernormBackward>(layernorm_reference)},
    {.name = "by_rows",
     .idea = "all three in one walk along the rows, in the order of memory",
     .run = scalar<LayernormBackward>(layernorm_by_rows),
     .why_not = f32_only,
     .scratch_bytes = layernorm_by_rows_scratch},
    {.name = "simd",
     .idea = "vectors along each row; blocks of rows over threads, each with its own dweight and dbias",
     .run = per_isa<LayernormBackward>([]<Isa I>() { return layernorm_backward_simd<I>; }),
     .why_not = f32_only,
     .scratch_bytes = backward_scratch},
};

constexpr Ladder<LayernormForward> forward_ladder{"layernorm.forward", forward_rungs, cost_of};
constexpr Ladder<LayernormBackward> backward_ladder{"layernorm.backward", backward_rungs, cost_of};

}  // namespace

const Ladder<LayernormForward>& ladder_of(const LayernormForward&) { return forward_ladder; }
const Ladder<LayernormBackward>& ladder_of(const LayernormBackward&) { return backward_ladder; }

}  // namespace hewn
