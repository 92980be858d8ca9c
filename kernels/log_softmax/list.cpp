#include "kernels/contract/contract.h"
#include "kernels/gpu/tiles/row_limits.h"
#include "kernels/log_softmax/cost.h"
#include "kernels/log_softmax/kernels.h"

namespace hewn {
namespace {

constexpr Rung<LogSoftmaxForward> forward_rungs[] = {
    {.name = "reference",
     .idea = "largest value, sum of exponentials, subtraction, in double",
     .run = scalar<LogSoftmaxForward>(log_softmax_reference)},
    {.name = "simd",
     .idea = "a vector of exponentials at a time, rows over threads",
     .run = per_isa<LogSoftmaxForward>([]<Isa I>() { return log_softmax_simd<I>; }),
     .why_not = f32_only},
    {.name = "cuda.blocks",
     .idea = "a block a row: maximum and sum in one reading, y in the next",
     .run = per_gpu<LogSoftmaxForward>(
         []<Isa I>() -> KernelFn<LogSoftmaxForward> { return log_softmax_block_gpu<I>; })},
    {.name = "cuda",
     .idea = "a warp a row, sixteen bytes a load, in registers",
     .run = per_gpu<LogSoftmaxForward>(
         []<Isa I>() -> KernelFn<LogSoftmaxForward> { return log_softmax_gpu<I>; }),
     .why_not = held_rows_only},
};

constexpr Rung<LogSoftmaxBackward> backward_rungs[] = {
    {.name = "reference",
     .idea = "sum of the gradient, then each element's share of it, in double",
     .run = scalar<LogSoftmaxBackward>(log_softmax_reference)},
    {.name = "simd",
     .idea = "vectors along each row, rows over threads",
     .run = per_isa<LogSoftmaxBackward>([]<Isa I>() { return log_softmax_backward_simd<I>; }),
     .why_not = f32_only},
    {.name = "cuda.blocks",
     .idea = "a block a row: sum of the gradient, then dx",
     .run = per_gpu<LogSoftmaxBackward>(
         []<Isa I>() -> KernelFn<LogSoftmaxBackward> { return log_softmax_block_gpu<I>; })},
    {.name = "cuda",
     .idea = "a warp a row, sixteen bytes a load, dy in registers",
     .run = per_gpu<LogSoftmaxBackward>(
         []<Isa I>() -> KernelFn<LogSoftmaxBackward> { return log_softmax_gpu<I>; }),
     .why_not = held_rows_only},
};

constexpr Ladder<LogSoftmaxForward> forward_ladder{"log_softmax.forward", forward_rungs, cost_of, needs_of};
constexpr Ladder<LogSoftmaxBackward> backward_ladder{"log_softmax.backward", backward_rungs, cost_of,
                                                     needs_of};

}  // namespace

const Ladder<LogSoftmaxForward>& ladder_of(const LogSoftmaxForward&) { return forward_ladder; }
const Ladder<LogSoftmaxBackward>& ladder_of(const LogSoftmaxBackward&) { return backward_ladder; }

}  // namespace hewn
