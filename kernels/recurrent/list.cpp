#include "kernels/contract/contract.h"
#include "kernels/recurrent/abi.h"

namespace hewn {
namespace {

/// Five curves of 10 operations and 4 more per unit; reads the sums and c, writes gates, c and h.
Cost cost_of(const LstmForward& a) {
  const double n = static_cast<double>(a.rows) * static_cast<double>(a.cols);
  return {54 * n, (a.c_before ? 11 : 10) * n * static_cast<double>(size_of(a.dtype))};
}

/// One curve and about 22 more operations per unit; reads gates, both c, dh and dc, writes dx and dc_before.
Cost cost_of(const LstmBackward& a) {
  const double n = static_cast<double>(a.rows) * static_cast<double>(a.cols);
  return {32 * n, ((a.c_before ? 1 : 0) + (a.dc ? 1 : 0) + 11) * n * static_cast<double>(size_of(a.dtype))};
}

Needs needs_of(const LstmForward& a) {
  const double n = static_cast<double>(a.rows) * static_cast<double>(a.cols);
  return {.exps = 3 * n, .tanhs = 2 * n};
}
Needs needs_of(const LstmBackward& a) {
  return {.tanhs = static_cast<double>(a.rows) * static_cast<double>(a.cols)};
}

constexpr Rung<LstmForward> forward_rungs[] = {
    {scalar<"reference">, "one unit at a time, with the C library's functions in double"},
    {per_isa<"vector">, "all four gates of a vector of units at a time; blocks of rows over threads",
     f32_only},
    {per_gpu<"cuda">, "all four gates of a unit per thread, adjacent units in adjacent threads"},
};

constexpr Rung<LstmBackward> backward_rungs[] = {
    {scalar<"reference">, "one unit at a time, in double"},
    {per_isa<"vector">, "all five gradients of a vector of units at a time; tanh(c) recomputed", f32_only},
    {per_gpu<"cuda">, "all five gradients of a unit per thread; tanh(c) recomputed"},
};

constexpr Ladder<LstmForward> forward_ladder{"lstm.forward", forward_rungs, cost_of, needs_of};
constexpr Ladder<LstmBackward> backward_ladder{"lstm.backward", backward_rungs, cost_of, needs_of};

}  // namespace

const Ladder<LstmForward>& ladder_of(const LstmForward&) { return forward_ladder; }
const Ladder<LstmBackward>& ladder_of(const LstmBackward&) { return backward_ladder; }

}  // namespace hewn
