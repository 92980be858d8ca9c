#include "kernels/contract/contract.h"
#include "kernels/cross_entropy/cost.h"
#include "kernels/cross_entropy/kernels.h"

namespace hewn {
namespace {

constexpr Rung<CountTargets> count_rungs[] = {
    {.name = "reference", .idea = "one loop", .run = scalar<CountTargets>(cross_entropy_reference)},
    {.name = "cuda",
     .idea = "a block, whose threads count in turn",
     .run = per_gpu<CountTargets>([]<Isa I>() -> KernelFn<CountTargets> { return cross_entropy_gpu<I>; })},
};

constexpr Rung<CrossEntropyForward> forward_rungs[] = {
    {.name = "reference",
     .idea = "largest logit, then the sum of exponentials, in double",
     .run = scalar<CrossEntropyForward>(cross_entropy_reference)},
    {.name = "online",
     .idea = "one walk along the logits: the sum goes with the maximum, rescaled when a larger one turns up",
     .run = scalar<CrossEntropyForward>(cross_entropy_online),
     .why_not = f32_only},
    {.name = "simd",
     .idea = "one walk in pieces, the maximum of the next piece found under the exponentials of this one",
     .run = per_isa<CrossEntropyForward>([]<Isa I>() { return cross_entropy_simd<I>; }),
     .why_not = f32_only},
    {.name = "cuda",
     .idea = "one reading: a block a row (a warp, of a short one), the sum along with the maximum",
     .run = per_gpu<CrossEntropyForward>(
         []<Isa I>() -> KernelFn<CrossEntropyForward> { return cross_entropy_gpu<I>; })},
};

constexpr Rung<CrossEntropyBackward> backward_rungs[] = {
    {.name = "reference",
     .idea = "softmax minus one-hot, in double",
     .run = scalar<CrossEntropyBackward>(cross_entropy_reference)},
    {.name = "simd",
     .idea = "a vector of exponentials at a time, the target's column corrected after, rows over threads",
     .run = per_isa<CrossEntropyBackward>([]<Isa I>() { return cross_entropy_backward_simd<I>; }),
     .why_not = f32_only},
    {.name = "cuda",
     .idea = "a block a row, sixteen bytes a load, in the place of the logits if wanted",
     .run = per_gpu<CrossEntropyBackward>(
         []<Isa I>() -> KernelFn<CrossEntropyBackward> { return cross_entropy_gpu<I>; })},
};

constexpr Rung<MeanLoss> mean_rungs[] = {
    {.name = "reference", .idea = "one sum in double", .run = scalar<MeanLoss>(cross_entropy_reference)},
    {.name = "cuda",
     .idea = "a block, whose threads add in turn, in double",
     .run = per_gpu<MeanLoss>([]<Isa I>() -> KernelFn<MeanLoss> { return cross_entropy_gpu<I>; })},
};

constexpr Ladder<CountTargets> count_ladder{"cross_entropy.count", count_rungs, cost_of};
constexpr Ladder<CrossEntropyForward> forward_ladder{"cross_entropy.forward", forward_rungs, cost_of,
                                                     needs_of};
constexpr Ladder<CrossEntropyBackward> backward_ladder{"cross_entropy.backward", backward_rungs, cost_of,
                                                       needs_of};
constexpr Ladder<MeanLoss> mean_ladder{"cross_entropy.mean", mean_rungs, cost_of};

}  // namespace

const Ladder<CountTargets>& ladder_of(const CountTargets&) { return count_ladder; }
const Ladder<CrossEntropyForward>& ladder_of(const CrossEntropyForward&) { return forward_ladder; }
const Ladder<CrossEntropyBackward>& ladder_of(const CrossEntropyBackward&) { return backward_ladder; }
const Ladder<MeanLoss>& ladder_of(const MeanLoss&) { return mean_ladder; }

}  // namespace hewn
