#include "kernels/contract/contract.h"
#include "kernels/global_norm/abi.h"
#include "kernels/global_norm/cost.h"

namespace hewn {
namespace {

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
