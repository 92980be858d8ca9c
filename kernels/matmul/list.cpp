#include "kernels/contract.h"
#include "kernels/matmul/blocks.h"
#include "kernels/matmul/cost.h"
#include "kernels/matmul/ref.h"
#include "kernels/matmul/rungs.h"
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
    {.name = "rows",
     .idea = "k in the middle: the inner loop walks along rows, whole cache lines are used",
     .run = scalar<Matmul>(matmul_rows),
     .why_not = lesson_only},
    {.name = "vectors",
     .idea = "a vector of c stays in a register for all of k",
     .run = per_isa<Matmul>([]<Isa I>() { return matmul_vectors<I>; }),
     .why_not = lesson_only},
    {.name = "blocked",
     .idea = "a packed block of b that fits the cache serves all rows of a before the next comes",
     .run = per_isa<Matmul>([]<Isa I>() { return matmul_blocked<I>; }),
     .why_not = lesson_only,
     .scratch_bytes = [](const Matmul&, int) { return size_t{lesson_block * lesson_block} * sizeof(float); }},
    {.name = "tiles",
     .idea = "a tile of c in registers: many sums at once, every load used many times",
     .run = per_isa<Matmul>([]<Isa I>() { return matmul_tiles<I>; }),
     .why_not = lesson_only},
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
