#include "kernels/contract/contract.h"
#include "kernels/global_norm/cost.h"
#include "kernels/global_norm/kernels.h"

namespace hewn {
namespace {

constexpr Rung<BlockSquares> square_rungs[] = {
    {.name = "reference",
     .idea = "one running sum in double per block",
     .run = scalar<BlockSquares>(block_squares_reference)},
    {.name = "vectors",
     .idea = "four vectors of doubles per block, blocks over threads",
     .run = per_isa<BlockSquares>([]<Isa I>() { return block_squares_simd<I>; })},
    {.name = "cuda",
     .idea = "gradients over blocks of threads, 16 bytes per access, in double",
     .run = per_gpu<BlockSquares>([]<Isa I>() -> KernelFn<BlockSquares> { return block_squares_gpu<I>; })},
};

constexpr Rung<GlobalNorm> rungs[] = {
    {.name = "reference",
     .idea = "the blocks' sums in order",
     .run = scalar<GlobalNorm>(global_norm_reference)},
    {.name = "cuda",
     .idea = "one block of threads adds the sums and derives the state",
     .run = per_gpu<GlobalNorm>([]<Isa I>() -> KernelFn<GlobalNorm> { return global_norm_gpu<I>; })},
};

constexpr Rung<StepLoss> loss_rungs[] = {
    {.name = "reference", .idea = "in double", .run = scalar<StepLoss>(step_loss_reference)},
    {.name = "cuda",
     .idea = "one thread on the GPU, so that the host need not wait for the loss",
     .run = per_gpu<StepLoss>([]<Isa I>() -> KernelFn<StepLoss> { return step_loss_gpu<I>; })},
};

constexpr Ladder<BlockSquares> square_ladder{"global_norm.squares", square_rungs, cost_of};
constexpr Ladder<GlobalNorm> ladder{"global_norm", rungs, cost_of};
constexpr Ladder<StepLoss> loss_ladder{"global_norm.loss", loss_rungs, cost_of};

}  // namespace

const Ladder<BlockSquares>& ladder_of(const BlockSquares&) { return square_ladder; }
const Ladder<GlobalNorm>& ladder_of(const GlobalNorm&) { return ladder; }
const Ladder<StepLoss>& ladder_of(const StepLoss&) { return loss_ladder; }

}  // namespace hewn
