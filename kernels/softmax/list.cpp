#include "kernels/contract/contract.h"
#include "kernels/gpu/tiles/row_limits.h"
#include "kernels/softmax/abi.h"

namespace hewn {
namespace {

/// The number of unmasked elements: under a causal mask a row has (queries - 1) / 2 fewer on average.
template <class Args>
double seen_elements(const Args& a) {
  const double hidden = a.queries == 0 ? 0 : static_cast<double>(a.queries - 1) / 2;
  return static_cast<double>(a.rows) * (static_cast<double>(a.cols) - hidden);
}

/// Per element: subtract, exponential (counted as 8), add, multiply; one read, one write.
Cost cost_of(const SoftmaxForward& a) {
  const double n = static_cast<double>(a.rows) * static_cast<double>(a.cols), seen = seen_elements(a);
  return {11 * seen, (seen + n) * static_cast<double>(size_of(a.dtype))};
}

/// Per element: multiply and add for the dot product, subtract and multiply; two reads, one write.
Cost cost_of(const SoftmaxBackward& a) {
  const double n = static_cast<double>(a.rows) * static_cast<double>(a.cols), seen = seen_elements(a);
  const double moved = a.to_dx == Write::add ? 4 * seen : 2 * seen + n;
  return {4 * seen, moved * static_cast<double>(size_of(a.dtype))};
}

Needs needs_of(const SoftmaxForward& a) { return {.exps = seen_elements(a)}; }

constexpr Rung<SoftmaxForward> forward_rungs[] = {
    {scalar<"reference">, "three passes over each row, two exponentials per element, in double"},
    {scalar<"online">,
     "two passes: maximum and sum in one, the sum rescaled whenever a larger value is found", f32_only},
    {scalar<"stored">, "each exponential computed once, in float, and stored in y until their sum is known",
     f32_only},
    {scalar<"openmp">, "pragmas only: rows over threads, each loop in the narrow vectors of any x86-64",
     f32_only},
    {per_isa<"simd">,
     "vectors, rows over threads; long rows in pieces, the maximum of the next piece found meanwhile"},
    {per_gpu<"cuda.threads">, "one thread per row: the loads of a warp are a whole row apart"},
    {per_gpu<"cuda.blocks">, "one block per row: whole cache lines; maximum and sum in one pass"},
    {per_gpu<"cuda">,
     "one warp per row, sixteen bytes per load, in registers: one read, one exponential, no barrier",
     held_rows_only},
};

constexpr Rung<SoftmaxBackward> backward_rungs[] = {
    {scalar<"reference">, "dot product, then the gradient, in double"},
    {per_isa<"simd">, "vectors along each row, rows over threads", f32_only},
    {per_gpu<"cuda.blocks">,
     "one block per row, which reads it once for the dot product and once for the gradient"},
    {per_gpu<"cuda">, "one warp per row, sixteen bytes per load, in registers", held_rows_only},
};

constexpr Ladder<SoftmaxForward> forward_ladder{"softmax.forward", forward_rungs, cost_of, needs_of};
constexpr Ladder<SoftmaxBackward> backward_ladder{"softmax.backward", backward_rungs, cost_of};

}  // namespace

const Ladder<SoftmaxForward>& ladder_of(const SoftmaxForward&) { return forward_ladder; }
const Ladder<SoftmaxBackward>& ladder_of(const SoftmaxBackward&) { return backward_ladder; }

}  // namespace hewn
