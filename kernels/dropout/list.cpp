#include "kernels/contract/contract.h"
#include "kernels/dropout/cost.h"
#include "kernels/dropout/kernels.h"

namespace hewn {
namespace {

constexpr Rung<Dropout> rungs[] = {
    {.name = "reference",
     .idea = "one Philox block per element, of which it uses one word",
     .run = scalar<Dropout>(dropout_reference)},
    {.name = "parallel", .idea = "the same, elements over threads", .run = scalar<Dropout>(dropout_parallel)},
    {.name = "vector",
     .idea = "one Philox block per lane, all four words used: 64 elements from 16 blocks",
     .run = per_isa<Dropout>([]<Isa I>() { return dropout_simd<I>; }),
     .why_not = f32_only},
    {.name = "cuda",
     .idea = "one Philox block per thread; half a warp processes a group of 64 elements",
     .run = per_gpu<Dropout>([]<Isa I>() -> KernelFn<Dropout> { return dropout_gpu<I>; })},
};

constexpr Ladder<Dropout> ladder{"dropout", rungs, cost_of};

}  // namespace

const Ladder<Dropout>& ladder_of(const Dropout&) { return ladder; }

}  // namespace hewn
