#include "kernels/contract/contract.h"
#include "kernels/cross_entropy/cost.h"
#include "kernels/cross_entropy/kernels.h"

namespace hewn {
namespace {

const char* dense_f32_only(const CrossEntropyFused& a) {
  if (a.dtype != DType::f32) return "f32 only";
  return a.ld == a.cols ? nullptr : "rows without padding only";
}

const char* short_rows_only(const CrossEntropyFused& a) {
  return a.ld < int64_t{1} << 30 ? nullptr : "rows of less than 2^30 elements only";
}

constexpr Rung<CountTargets> count_rungs[] = {
    {.name = "reference", .idea = "one loop", .run = scalar<CountTargets>(cross_entropy_reference)},
    {.name = "cuda",
     .idea = "one block whose threads share the count",
     .run = per_gpu<CountTargets>([]<Isa I>() -> KernelFn<CountTargets> { return cross_entropy_gpu<I>; })},
};

constexpr Rung<CrossEntropyForward> forward_rungs[] = {
    {.name = "reference",
     .idea = "largest logit, then the sum of exponentials, in double",
     .run = scalar<CrossEntropyForward>(cross_entropy_reference)},
    {.name = "online",
     .idea =
         "one pass over the logits: maximum and sum together, the sum rescaled when a larger one is found",
     .run = scalar<CrossEntropyForward>(cross_entropy_online),
     .why_not = f32_only},
    {.name = "simd",
     .idea = "one pass in pieces, the maximum of the next piece found during the exponentials of this one",
     .run = per_isa<CrossEntropyForward>([]<Isa I>() { return cross_entropy_simd<I>; }),
     .why_not = f32_only},
    {.name = "cuda",
     .idea = "one read: one block per row (one warp for a short row), maximum and sum together",
     .run = per_gpu<CrossEntropyForward>(
         []<Isa I>() -> KernelFn<CrossEntropyForward> { return cross_entropy_gpu<I>; })},
};

constexpr Rung<CrossEntropyBackward> backward_rungs[] = {
    {.name = "reference",
     .idea = "softmax minus one-hot, in double",
     .run = scalar<CrossEntropyBackward>(cross_entropy_reference)},
    {.name = "simd",
     .idea = "a vector of exponentials at a time, then the target's column corrected; rows over threads",
     .run = per_isa<CrossEntropyBackward>([]<Isa I>() { return cross_entropy_backward_simd<I>; }),
     .why_not = f32_only},
    {.name = "cuda",
     .idea = "one block per row, sixteen bytes per load, in place of the logits if requested",
     .run = per_gpu<CrossEntropyBackward>(
         []<Isa I>() -> KernelFn<CrossEntropyBackward> { return cross_entropy_gpu<I>; })},
};

constexpr Rung<CrossEntropyFused> fused_rungs[] = {
    {.name = "reference",
     .idea = "maximum, sum, loss, then the gradient in place of the logits, in double",
     .run = scalar<CrossEntropyFused>(cross_entropy_reference)},
    {.name = "simd",
     .idea = "one pass for the loss, and one for the gradient while a cache holds the row",
     .run = per_isa<CrossEntropyFused>([]<Isa I>() { return cross_entropy_fused_simd<I>; }),
     .why_not = dense_f32_only},
    {.name = "cuda",
     .idea = "one block per row, maximum and sum together; the gradient while caches still hold the row",
     .run = per_gpu<CrossEntropyFused>(
         []<Isa I>() -> KernelFn<CrossEntropyFused> { return cross_entropy_gpu<I>; }),
     .why_not = short_rows_only},
};

constexpr Rung<MeanLoss> mean_rungs[] = {
    {.name = "reference", .idea = "one sum in double", .run = scalar<MeanLoss>(cross_entropy_reference)},
    {.name = "cuda",
     .idea = "one block whose threads share the sum, in double",
     .run = per_gpu<MeanLoss>([]<Isa I>() -> KernelFn<MeanLoss> { return cross_entropy_gpu<I>; })},
};

constexpr Ladder<CountTargets> count_ladder{"cross_entropy.count", count_rungs, cost_of};
constexpr Ladder<CrossEntropyForward> forward_ladder{"cross_entropy.forward", forward_rungs, cost_of,
                                                     needs_of};
constexpr Ladder<CrossEntropyBackward> backward_ladder{"cross_entropy.backward", backward_rungs, cost_of,
                                                       needs_of};
constexpr Ladder<CrossEntropyFused> fused_ladder{"cross_entropy.fused", fused_rungs, cost_of, needs_of};
constexpr Ladder<MeanLoss> mean_ladder{"cross_entropy.mean", mean_rungs, cost_of};

}  // namespace

const Ladder<CountTargets>& ladder_of(const CountTargets&) { return count_ladder; }
const Ladder<CrossEntropyForward>& ladder_of(const CrossEntropyForward&) { return forward_ladder; }
const Ladder<CrossEntropyBackward>& ladder_of(const CrossEntropyBackward&) { return backward_ladder; }
const Ladder<CrossEntropyFused>& ladder_of(const CrossEntropyFused&) { return fused_ladder; }
const Ladder<MeanLoss>& ladder_of(const MeanLoss&) { return mean_ladder; }

}  // namespace hewn
