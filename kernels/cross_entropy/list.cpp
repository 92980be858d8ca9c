#include "kernels/contract/contract.h"
#include "kernels/cross_entropy/abi.h"

namespace hewn {
namespace {

Cost cost_of(const CountTargets& a) {
  const double n = static_cast<double>(a.rows);
  return {n, n * static_cast<double>(sizeof *a.targets)};
}

/// Per element: compare, subtract, exponential (counted as 8), add; one read.
Cost cost_of(const CrossEntropyForward& a) {
  const double n = static_cast<double>(a.rows) * static_cast<double>(a.cols);
  return {11 * n, n * static_cast<double>(size_of(a.dtype))};
}

/// Per element: subtract, exponential, multiply; one read, one write.
Cost cost_of(const CrossEntropyBackward& a) {
  const double n = static_cast<double>(a.rows) * static_cast<double>(a.cols);
  return {10 * n, (a.to_dlogits == Write::add ? 3 : 2) * n * static_cast<double>(size_of(a.dtype))};
}

/// One read; with the gradient, the arithmetic of both passes and one write.
Cost cost_of(const CrossEntropyFused& a) {
  const double n = static_cast<double>(a.rows) * static_cast<double>(a.cols);
  return {(a.gradient ? 21 : 11) * n, (a.gradient ? 2 : 1) * n * static_cast<double>(size_of(a.dtype))};
}

Cost cost_of(const MeanLoss& a) {
  const double n = static_cast<double>(a.rows);
  return {n, n * static_cast<double>(size_of(a.dtype))};
}

Needs needs_of(const CrossEntropyForward& a) { return {.exps = static_cast<double>(a.rows * a.cols)}; }
Needs needs_of(const CrossEntropyFused& a) {
  return {.exps = static_cast<double>((a.gradient ? 2 : 1) * a.rows * a.cols)};
}
Needs needs_of(const CrossEntropyBackward& a) { return {.exps = static_cast<double>(a.rows * a.cols)}; }

const char* dense_f32_only(const CrossEntropyFused& a) {
  if (a.dtype != DType::f32) return "f32 only";
  return a.ld == a.cols ? nullptr : "rows without padding only";
}

const char* short_rows_only(const CrossEntropyFused& a) {
  return a.ld < int64_t{1} << 30 ? nullptr : "rows of less than 2^30 elements only";
}

constexpr Rung<CountTargets> count_rungs[] = {
    {scalar<"reference">, "one loop"},
    {per_gpu<"cuda">, "one block whose threads share the count"},
};

constexpr Rung<CrossEntropyForward> forward_rungs[] = {
    {scalar<"reference">, "largest logit, then the sum of exponentials, in double"},
    {scalar<"online">,
     "one pass over the logits: maximum and sum together, the sum rescaled when a larger one is found",
     f32_only},
    {per_isa<"simd">,
     "one pass in pieces, the maximum of the next piece found during the exponentials of this one", f32_only},
    {per_gpu<"cuda">, "one read: one block per row (one warp for a short row), maximum and sum together"},
};

constexpr Rung<CrossEntropyBackward> backward_rungs[] = {
    {scalar<"reference">, "softmax minus one-hot, in double"},
    {per_isa<"simd">,
     "a vector of exponentials at a time, then the target's column corrected; rows over threads", f32_only},
    {per_gpu<"cuda">, "one block per row, sixteen bytes per load, in place of the logits if requested"},
};

constexpr Rung<CrossEntropyFused> fused_rungs[] = {
    {scalar<"reference">, "maximum, sum, loss, then the gradient in place of the logits, in double"},
    {per_isa<"simd">, "one pass for the loss, and one for the gradient while a cache holds the row",
     dense_f32_only},
    {per_gpu<"cuda">,
     "one block per row, maximum and sum together; the gradient while caches still hold the row",
     short_rows_only},
};

constexpr Rung<MeanLoss> mean_rungs[] = {
    {scalar<"reference">, "one sum in double"},
    {per_gpu<"cuda">, "one block whose threads share the sum, in double"},
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
