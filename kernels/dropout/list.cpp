#include "kernels/contract/contract.h"
#include "kernels/dropout/cost.h"
#include "kernels/dropout/kernels.h"

namespace hewn {
namespace {

constexpr Rung<Dropout> rungs[] = {
    {.name = "reference",
     .idea = "a Philox block for every element, of which one word is used",
     .run = scalar<Dropout>(dropout_reference)},
    {.name = "parallel", .idea = "the same, elements to threads", .run = scalar<Dropout>(dropout_parallel)},
    {.name = "vector",
     .idea = "a Philox block per lane, all four words used: 64 elements from 16 blocks",
     .run = per_isa<Dropout>([]<Isa I>() { return dropout_simd<I>; }),
     .why_not = f32_only},
    {.name = "cuda",
     .idea = "a Philox block a thread; half a warp has the 64 elements of a group",
     .run = per_gpu<Dropout>([]<Isa I>() -> KernelFn<Dropout> { return dropout_gpu<I>; })},
};

constexpr Ladder<Dropout> ladder{"dropout", rungs, cost_of};

}  // namespace

const Ladder<Dropout>& ladder_of(const Dropout&) { return ladder; }

}  // namespace hewn
