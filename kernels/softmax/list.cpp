#include "kernels/contract/contract.h"
#include "kernels/gpu/tiles/row_limits.h"
#include "kernels/softmax/cost.h"
#include "kernels/softmax/kernels.h"

namespace hewn {
namespace {

constexpr Rung<SoftmaxForward> forward_rungs[] = {
    {.name = "reference",
     .idea = "three passes over each row, two exponentials per element, in double",
     .run = scalar<SoftmaxForward>(softmax_reference)},
    {.name = "online",
     .idea = "two passes: maximum and sum in one, the sum rescaled whenever a larger value is found",
     .run = scalar<SoftmaxForward>(softmax_online),
     .why_not = f32_only},
    {.name = "stored",
     .idea = "each exponential computed once, in float, and stored in y until their sum is known",
     .run = scalar<SoftmaxForward>(softmax_stored),
     .why_not = f32_only},
    {.name = "openmp",
     .idea = "pragmas only: rows over threads, each loop in the narrow vectors of any x86-64",
     .run = scalar<SoftmaxForward>(softmax_openmp),
     .why_not = f32_only},
    {.name = "simd",
     .idea = "vectors, rows over threads; long rows in pieces, the maximum of the next piece found meanwhile",
     .run = per_isa<SoftmaxForward>([]<Isa I>() { return softmax_simd<I>; })},
    {.name = "cuda.threads",
     .idea = "one thread per row: the loads of a warp are a whole row apart",
     .run =
         per_gpu<SoftmaxForward>([]<Isa I>() -> KernelFn<SoftmaxForward> { return softmax_thread_gpu<I>; })},
    {.name = "cuda.blocks",
     .idea = "one block per row: whole cache lines; maximum and sum in one pass",
     .run =
         per_gpu<SoftmaxForward>([]<Isa I>() -> KernelFn<SoftmaxForward> { return softmax_block_gpu<I>; })},
    {.name = "cuda",
     .idea = "one warp per row, sixteen bytes per load, in registers: one read, one exponential, no barrier",
     .run = per_gpu<SoftmaxForward>([]<Isa I>() -> KernelFn<SoftmaxForward> { return softmax_gpu<I>; }),
     .why_not = held_rows_only},
};

constexpr Rung<SoftmaxBackward> backward_rungs[] = {
    {.name = "reference",
     .idea = "dot product, then the gradient, in double",
     .run = scalar<SoftmaxBackward>(softmax_reference)},
    {.name = "simd",
     .idea = "vectors along each row, rows over threads",
     .run = per_isa<SoftmaxBackward>([]<Isa I>() { return softmax_backward_simd<I>; }),
     .why_not = f32_only},
    {.name = "cuda.blocks",
     .idea = "one block per row, which reads it once for the dot product and once for the gradient",
     .run =
         per_gpu<SoftmaxBackward>([]<Isa I>() -> KernelFn<SoftmaxBackward> { return softmax_block_gpu<I>; })},
    {.name = "cuda",
     .idea = "one warp per row, sixteen bytes per load, in registers",
     .run = per_gpu<SoftmaxBackward>([]<Isa I>() -> KernelFn<SoftmaxBackward> { return softmax_gpu<I>; }),
     .why_not = held_rows_only},
};

constexpr Ladder<SoftmaxForward> forward_ladder{"softmax.forward", forward_rungs, cost_of, needs_of};
constexpr Ladder<SoftmaxBackward> backward_ladder{"softmax.backward", backward_rungs, cost_of};

}  // namespace

const Ladder<SoftmaxForward>& ladder_of(const SoftmaxForward&) { return forward_ladder; }
const Ladder<SoftmaxBackward>& ladder_of(const SoftmaxBackward&) { return backward_ladder; }

}  // namespace hewn
