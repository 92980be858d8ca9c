#include "kernels/activation/cost.h"
#include "kernels/activation/kernels.h"
#include "kernels/contract/contract.h"

namespace hewn {
namespace {

const char* f32_gelu_only(const ActivationForward& a) {
  return a.kind == Activation::gelu_tanh ? f32_only(a) : "tanh-GELU only";
}

constexpr Rung<ActivationForward> forward_rungs[] = {
    {.name = "reference",
     .idea = "one element at a time, with the C library's functions in double",
     .run = scalar<ActivationForward>(activation_reference)},
    {.name = "float",
     .idea =
         "the formula as published, in float: half the bytes and a cheaper tanh, still one call per element",
     .run = scalar<ActivationForward>(activation_float),
     .why_not = f32_gelu_only},
    {.name = "vector",
     .idea = "a vector at a time: our own exponential, no branches; blocks over threads",
     .run = per_isa<ActivationForward>(
         []<Isa I>() -> KernelFn<ActivationForward> { return activation_simd<I>; }),
     .why_not = f32_only},
    {.name = "cuda",
     .idea = "sixteen bytes per thread, so that a warp moves whole cache lines",
     .run = per_gpu<ActivationForward>(
         []<Isa I>() -> KernelFn<ActivationForward> { return activation_gpu<I>; })},
};

constexpr Rung<ActivationBackward> backward_rungs[] = {
    {.name = "reference",
     .idea = "one element at a time, with the C library's functions in double",
     .run = scalar<ActivationBackward>(activation_reference)},
    {.name = "vector",
     .idea = "the derivative recomputed from x, so that only x is kept; a vector at a time",
     .run = per_isa<ActivationBackward>(
         []<Isa I>() -> KernelFn<ActivationBackward> { return activation_simd<I>; }),
     .why_not = f32_only},
    {.name = "cuda",
     .idea = "the derivative recomputed from x; sixteen bytes per thread",
     .run = per_gpu<ActivationBackward>(
         []<Isa I>() -> KernelFn<ActivationBackward> { return activation_gpu<I>; })},
};

constexpr Rung<SwigluForward> swiglu_rungs[] = {
    {.name = "reference",
     .idea = "one element at a time, with the C library's functions in double",
     .run = scalar<SwigluForward>(swiglu_reference)},
    {.name = "vector",
     .idea = "silu and product in one pass: only the result is written",
     .run = per_isa<SwigluForward>([]<Isa I>() -> KernelFn<SwigluForward> { return swiglu_simd<I>; }),
     .why_not = f32_only},
    {.name = "cuda",
     .idea = "silu and product in one pass, sixteen bytes per thread",
     .run = per_gpu<SwigluForward>([]<Isa I>() -> KernelFn<SwigluForward> { return swiglu_gpu<I>; })},
};

constexpr Rung<SwigluBackward> swiglu_backward_rungs[] = {
    {.name = "reference",
     .idea = "one element at a time, with the C library's functions in double",
     .run = scalar<SwigluBackward>(swiglu_reference)},
    {.name = "vector",
     .idea = "both gradients from one exponential, recomputed from gate",
     .run = per_isa<SwigluBackward>([]<Isa I>() -> KernelFn<SwigluBackward> { return swiglu_simd<I>; }),
     .why_not = f32_only},
    {.name = "cuda",
     .idea = "both gradients in one pass, sixteen bytes per thread",
     .run = per_gpu<SwigluBackward>([]<Isa I>() -> KernelFn<SwigluBackward> { return swiglu_gpu<I>; })},
};

constexpr Ladder<ActivationForward> forward_ladder{"activation.forward", forward_rungs, cost_of, needs_of};
constexpr Ladder<ActivationBackward> backward_ladder{"activation.backward", backward_rungs, cost_of,
                                                     needs_of};
constexpr Ladder<SwigluForward> swiglu_ladder{"swiglu.forward", swiglu_rungs, cost_of, needs_of};
constexpr Ladder<SwigluBackward> swiglu_backward_ladder{"swiglu.backward", swiglu_backward_rungs, cost_of,
                                                        needs_of};

}  // namespace

const Ladder<ActivationForward>& ladder_of(const ActivationForward&) { return forward_ladder; }
const Ladder<ActivationBackward>& ladder_of(const ActivationBackward&) { return backward_ladder; }
const Ladder<SwigluForward>& ladder_of(const SwigluForward&) { return swiglu_ladder; }
const Ladder<SwigluBackward>& ladder_of(const SwigluBackward&) { return swiglu_backward_ladder; }

}  // namespace hewn
