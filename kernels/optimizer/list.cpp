#include "kernels/contract/contract.h"
#include "kernels/optimizer/abi.h"

namespace hewn {
namespace {

/// AdamW: about 14 operations per parameter; w, m, v are read and written, g is read, a bf16 copy written.
Cost cost_of(const ParameterUpdate& a) {
  const bool sgd = a.rule == UpdateRule::sgd;
  const double n = static_cast<double>(a.n), copy = a.w_bf16 ? 2 * static_cast<double>(a.n_decayed) : 0;
  return {(sgd ? 7 : 14) * n, (sgd ? 5 : 7) * n * static_cast<double>(size_of(a.dtype)) + copy};
}

/// w is read, bf16 written; one addition each, not counting the random words.
Cost cost_of(const StochasticRounding& a) {
  const auto n = static_cast<double>(a.n);
  return {n, 6 * n};
}

const char* only_f32_adamw(const ParameterUpdate& a) {
  if (a.w_bf16) return "no bf16 copy";
  return a.rule == UpdateRule::adamw ? f32_only(a) : "AdamW only";
}

constexpr Rung<ParameterUpdate> rungs[] = {
    {scalar<"reference">, "one parameter at a time, in double"},
    {scalar<"sweeps">, "float, one sweep over all parameters per line of the algorithm, blocks over threads",
     only_f32_adamw},
    {per_isa<"simd">, "one sweep over all parameters in vectors, blocks over threads: memory-bound",
     f32_only},
    {per_gpu<"cuda">, "one sweep, sixteen bytes per load; common factors are computed on the GPU"},
};

constexpr Rung<StochasticRounding> round_rungs[] = {
    {scalar<"reference">, "one Philox block per element, of which it uses one word"},
    {per_isa<"simd">, "64 elements share 16 blocks, one block per lane"},
    {per_gpu<"cuda">, "the same, one block per thread"},
};

constexpr Ladder<ParameterUpdate> ladder{"optimizer.update", rungs, cost_of};
constexpr Ladder<StochasticRounding> round_ladder{"optimizer.round", round_rungs, cost_of};

}  // namespace

const Ladder<ParameterUpdate>& ladder_of(const ParameterUpdate&) { return ladder; }
const Ladder<StochasticRounding>& ladder_of(const StochasticRounding&) { return round_ladder; }

}  // namespace hewn
