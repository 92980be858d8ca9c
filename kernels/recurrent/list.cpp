#include "kernels/contract/contract.h"
#include "kernels/recurrent/cost.h"
#include "kernels/recurrent/kernels.h"

namespace hewn {
namespace {

constexpr Rung<LstmForward> forward_rungs[] = {
    {.name = "reference",
     .idea = "one unit at a time, with the C library's functions in double",
     .run = scalar<LstmForward>(lstm_reference)},
    {.name = "vector",
     .idea = "all four gates of a vector of units at a time; blocks of rows over threads",
     .run = per_isa<LstmForward>([]<Isa I>() -> KernelFn<LstmForward> { return lstm_simd<I>; }),
     .why_not = f32_only},
    {.name = "cuda",
     .idea = "all four gates of a unit per thread, adjacent units in adjacent threads",
     .run = per_gpu<LstmForward>([]<Isa I>() -> KernelFn<LstmForward> { return lstm_gpu<I>; })},
};

constexpr Rung<LstmBackward> backward_rungs[] = {
    {.name = "reference",
     .idea = "one unit at a time, in double",
     .run = scalar<LstmBackward>(lstm_reference)},
    {.name = "vector",
     .idea = "all five gradients of a vector of units at a time; tanh(c) recomputed",
     .run = per_isa<LstmBackward>([]<Isa I>() -> KernelFn<LstmBackward> { return lstm_simd<I>; }),
     .why_not = f32_only},
    {.name = "cuda",
     .idea = "all five gradients of a unit per thread; tanh(c) recomputed",
     .run = per_gpu<LstmBackward>([]<Isa I>() -> KernelFn<LstmBackward> { return lstm_gpu<I>; })},
};

constexpr Ladder<LstmForward> forward_ladder{"lstm.forward", forward_rungs, cost_of, needs_of};
constexpr Ladder<LstmBackward> backward_ladder{"lstm.backward", backward_rungs, cost_of, needs_of};

}  // namespace

const Ladder<LstmForward>& ladder_of(const LstmForward&) { return forward_ladder; }
const Ladder<LstmBackward>& ladder_of(const LstmBackward&) { return backward_ladder; }

}  // namespace hewn
