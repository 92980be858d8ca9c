#include "kernels/contract/contract.h"
#include "kernels/contract/parallel.h"
#include "kernels/global_norm/cost.h"
#include "kernels/global_norm/kernels.h"

namespace hewn {
namespace {

/// One double per block of the longest span.
size_t block_sums(const GlobalNorm& a, int) {
  int64_t most = 0;
  for (int i = 0; i < a.n_spans; ++i) most = a.spans[i].n > most ? a.spans[i].n : most;
  return static_cast<size_t>(blocks_of(most, norm_block)) * sizeof(double);
}

constexpr Rung<GlobalNorm> rungs[] = {
    {.name = "reference",
     .idea = "one running sum in double",
     .run = scalar<GlobalNorm>(global_norm_reference)},
    {.name = "blocks",
     .idea = "vectors of doubles over blocks of fixed size, blocks over threads, their sums added in order",
     .run = per_isa<GlobalNorm>([]<Isa I>() { return global_norm_simd<I>; }),
     .scratch_bytes = block_sums},
    {.name = "cuda",
     .idea = "ranges of fixed size over blocks, in double; one block adds their sums and derives the state",
     .run = per_gpu<GlobalNorm>([]<Isa I>() -> KernelFn<GlobalNorm> { return global_norm_gpu<I>; }),
     .scratch_bytes = global_norm_gpu_scratch},
};

constexpr Rung<StepLoss> loss_rungs[] = {
    {.name = "reference", .idea = "in double", .run = scalar<StepLoss>(step_loss_reference)},
    {.name = "cuda",
     .idea = "one thread on the GPU, so that the host need not wait for the loss",
     .run = per_gpu<StepLoss>([]<Isa I>() -> KernelFn<StepLoss> { return step_loss_gpu<I>; })},
};

constexpr Ladder<GlobalNorm> ladder{"global_norm", rungs, cost_of};
constexpr Ladder<StepLoss> loss_ladder{"global_norm.loss", loss_rungs, cost_of};

}  // namespace

const Ladder<GlobalNorm>& ladder_of(const GlobalNorm&) { return ladder; }
const Ladder<StepLoss>& ladder_of(const StepLoss&) { return loss_ladder; }

}  // namespace hewn
