#include "kernels/activation/abi.h"
#include "kernels/contract/contract.h"

namespace hewn {
namespace {

/// Reads x, writes y.
Cost cost_of(const ActivationForward& a) {
  const auto n = static_cast<double>(a.n);
  return {row_of(a.kind).value_operations * n, 2 * n * static_cast<double>(size_of(a.dtype))};
}

/// Reads dy and, to compute a derivative, x.
Cost cost_of(const ActivationBackward& a) {
  const auto n = static_cast<double>(a.n);
  const double moved = (a.kind == Activation::none ? 2 : 3) + (a.to_dx == Write::add ? 1 : 0);
  return {(row_of(a.kind).slope_operations + (a.to_dx == Write::add ? 1 : 0)) * n,
          moved * n * static_cast<double>(size_of(a.dtype))};
}

/// 20 for silu, plus a product; reads two arrays, writes one.
Cost cost_of(const SwigluForward& a) {
  const double n = static_cast<double>(a.rows) * static_cast<double>(a.cols);
  return {21 * n, 3 * n * static_cast<double>(size_of(a.dtype))};
}

/// 25 for silu and its derivative, plus three products; reads three arrays, writes the requested ones.
Cost cost_of(const SwigluBackward& a) {
  const double n = static_cast<double>(a.rows) * static_cast<double>(a.cols);
  const auto moved = [](const void* to, Write write) {
    return to == nullptr ? 0 : write == Write::add ? 2 : 1;
  };
  const double streams = 3 + moved(a.dgate, a.to_dgate) + moved(a.dup, a.to_dup);
  return {28 * n, streams * n * static_cast<double>(size_of(a.dtype))};
}

Needs needs_of(const ActivationForward& a) {
  return {.exps = row_of(a.kind).exponential ? static_cast<double>(a.n) : 0};
}
Needs needs_of(const ActivationBackward& a) {
  return {.exps = row_of(a.kind).exponential ? static_cast<double>(a.n) : 0};
}
Needs needs_of(const SwigluForward& a) { return {.exps = static_cast<double>(a.rows * a.cols)}; }
Needs needs_of(const SwigluBackward& a) { return {.exps = static_cast<double>(a.rows * a.cols)}; }

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
