#include "kernels/contract/contract.h"
#include "kernels/recurrent/abi.h"
#include "kernels/recurrent/cost.h"

namespace hewn {
namespace {

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
