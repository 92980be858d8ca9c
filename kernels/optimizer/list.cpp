#include "kernels/contract/contract.h"
#include "kernels/optimizer/cost.h"
#include "kernels/optimizer/kernels.h"

namespace hewn {
namespace {

const char* only_f32_adamw(const ParameterUpdate& a) {
  if (a.w_bf16) return "no bf16 copy";
  return a.rule == UpdateRule::adamw ? f32_only(a) : "AdamW only";
}

constexpr Rung<ParameterUpdate> rungs[] = {
    {.name = "reference",
     .idea = "one parameter at a time, in double",
     .run = scalar<ParameterUpdate>(update_reference)},
    {.name = "sweeps",
     .idea = "float, one sweep over all parameters per line of the algorithm, blocks over threads",
     .run = scalar<ParameterUpdate>(update_sweeps),
     .why_not = only_f32_adamw},
    {.name = "simd",
     .idea = "one sweep over all parameters in vectors, blocks over threads: memory-bound",
     .run = per_isa<ParameterUpdate>([]<Isa I>() { return update_simd<I>; }),
     .why_not = f32_only},
    {.name = "cuda",
     .idea = "one sweep, sixteen bytes per load; common factors are computed on the GPU",
     .run = per_gpu<ParameterUpdate>([]<Isa I>() -> KernelFn<ParameterUpdate> { return update_gpu<I>; })},
};

constexpr Rung<StochasticRounding> round_rungs[] = {
    {.name = "reference",
     .idea = "one Philox block per element, of which it uses one word",
     .run = scalar<StochasticRounding>(round_reference)},
    {.name = "simd",
     .idea = "64 elements share 16 blocks, one block per lane",
     .run = per_isa<StochasticRounding>([]<Isa I>() { return round_simd<I>; })},
    {.name = "cuda",
     .idea = "the same, one block per thread",
     .run =
         per_gpu<StochasticRounding>([]<Isa I>() -> KernelFn<StochasticRounding> { return round_gpu<I>; })},
};

constexpr Ladder<ParameterUpdate> ladder{"optimizer.update", rungs, cost_of};
constexpr Ladder<StochasticRounding> round_ladder{"optimizer.round", round_rungs, cost_of};

}  // namespace

const Ladder<ParameterUpdate>& ladder_of(const ParameterUpdate&) { return ladder; }
const Ladder<StochasticRounding>& ladder_of(const StochasticRounding&) { return round_ladder; }

}  // namespace hewn
