#include "kernels/contract/contract.h"
#include "kernels/global_norm/abi.h"

namespace hewn {
namespace {

/// One multiply-add and one read per element.
Cost cost_of(const BlockSquares& a) {
  const auto n = static_cast<double>(a.n);
  return {2 * n, n * static_cast<double>(size_of(a.dtype))};
}

Cost cost_of(const GlobalNorm& a) {
  const auto n = static_cast<double>(a.n_blocks);
  return {n, n * sizeof(double)};
}

Cost cost_of(const StepLoss& a) { return {2, 2 * static_cast<double>(size_of(a.dtype))}; }

constexpr Rung<BlockSquares> square_rungs[] = {
    {scalar<"reference">, "one running sum in double per block"},
    {per_isa<"vectors">, "four vectors of doubles per block, blocks over threads"},
    {per_gpu<"cuda">, "gradients over blocks of threads, 16 bytes per access, in double"},
};

constexpr Rung<GlobalNorm> rungs[] = {
    {scalar<"reference">, "the blocks' sums in order"},
    {per_gpu<"cuda">, "one block of threads adds the sums and derives the state"},
};

constexpr Rung<StepLoss> loss_rungs[] = {
    {scalar<"reference">, "in double"},
    {per_gpu<"cuda">, "one thread on the GPU, so that the host need not wait for the loss"},
};

constexpr Ladder<BlockSquares> square_ladder{"global_norm.squares", square_rungs, cost_of};
constexpr Ladder<GlobalNorm> ladder{"global_norm", rungs, cost_of};
constexpr Ladder<StepLoss> loss_ladder{"global_norm.loss", loss_rungs, cost_of};

}  // namespace

const Ladder<BlockSquares>& ladder_of(const BlockSquares&) { return square_ladder; }
const Ladder<GlobalNorm>& ladder_of(const GlobalNorm&) { return ladder; }
const Ladder<StepLoss>& ladder_of(const StepLoss&) { return loss_ladder; }

}  // namespace hewn
