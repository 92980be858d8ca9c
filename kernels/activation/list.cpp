#include "kernels/activation/abi.h"
#include "kernels/activation/cost.h"
#include "kernels/contract/contract.h"

namespace hewn {
namespace {

const char* f32_gelu_only(const ActivationForward& a) {
  return a.kind == Activation::gelu_tanh ? f32_only(a) : "tanh-GELU only";
}

constexpr Rung<ActivationForward> forward_rungs[] = {
    {scalar<"reference">, "one element at a time, with the C library's functions in double"},
    {scalar<"float">,
     "the formula as published, in float: half the bytes and a cheaper tanh, still one call per element",
     f32_gelu_only},
    {per_isa<"vector">, "a vector at a time: our own exponential, no branches; blocks over threads",
     f32_only},
    {per_gpu<"cuda">, "sixteen bytes per thread, so that a warp moves whole cache lines"},
};

constexpr Rung<ActivationBackward> backward_rungs[] = {
    {scalar<"reference">, "one element at a time, with the C library's functions in double"},
    {per_isa<"vector">, "the derivative recomputed from x, so that only x is kept; a vector at a time",
     f32_only},
    {per_gpu<"cuda">, "the derivative recomputed from x; sixteen bytes per thread"},
};

constexpr Rung<SwigluForward> swiglu_rungs[] = {
    {scalar<"reference">, "one element at a time, with the C library's functions in double"},
    {per_isa<"vector">, "silu and product in one pass: only the result is written", f32_only},
    {per_gpu<"cuda">, "silu and product in one pass, sixteen bytes per thread"},
};

constexpr Rung<SwigluBackward> swiglu_backward_rungs[] = {
    {scalar<"reference">, "one element at a time, with the C library's functions in double"},
    {per_isa<"vector">, "both gradients from one exponential, recomputed from gate", f32_only},
    {per_gpu<"cuda">, "both gradients in one pass, sixteen bytes per thread"},
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
