#include "kernels/contract.h"
#include "kernels/matmul/blocks.h"
#include "kernels/matmul/cost.h"
#include "kernels/matmul/ref.h"
#include "kernels/matmul/simd.h"

namespace hewn {
namespace {

size_t scratch_bytes(const Matmul&, int threads) {
  return static_cast<size_t>(threads) * static_cast<size_t>(scratch_per_worker);
}

constexpr Rung<Matmul> rungs[] = {
    {.name = "reference",
     .idea = "one dot product in double per element",
     .run = scalar<Matmul>(matmul_reference)},
    {.name = "simd",
     .idea =
         "register tiles over blocks that stay in cache, b packed where that pays, a rectangle per thread",
     .run = per_isa<Matmul>([]<Isa I>() { return matmul_simd<I>; }),
     .scratch_bytes = scratch_bytes},
};

constexpr Ladder<Matmul> ladder{"matmul", rungs, cost_of};

}  // namespace

const Ladder<Matmul>& ladder_of(const Matmul&) { return ladder; }

}  // namespace hewn
