#include "kernels/contract.h"
#include "kernels/matmul/blocks.h"
#include "kernels/matmul/blocks_amx.h"
#include "kernels/matmul/blocks_bf16.h"
#include "kernels/matmul/cost.h"
#include "kernels/matmul/lessons.h"
#include "kernels/matmul/ref.h"
#include "kernels/matmul/simd.h"
#include "kernels/matmul/simd_amx.h"
#include "kernels/matmul/simd_bf16.h"

namespace hewn {
namespace {

size_t scratch_bytes(const Matmul&, int threads) {
  return static_cast<size_t>(threads) * static_cast<size_t>(scratch_per_worker);
}

const char* not_bf16(const Matmul& a) { return a.dtype == DType::bf16 ? "not for bf16" : nullptr; }

const char* bf16_only(const Matmul& a) { return a.dtype == DType::bf16 ? nullptr : "bf16 only"; }

size_t bf16_scratch_bytes(const Matmul& a, int threads) {
  return static_cast<size_t>(threads) * static_cast<size_t>(dot_scratch(a).bytes());
}

const char* lesson_only(const Matmul& a) {
  const Epilogue& e = a.epilogue;
  if (a.dtype != DType::f32) return "f32 only";
  if (a.trans_a || a.trans_b) return "nothing transposed";
  if (a.outer * a.inner != 1) return "one product at a time";
  if (e.bias || e.pre || e.residual || e.activation != Activation::none) return "no epilogue";
  return nullptr;
}

size_t one_block(const Matmul&, int) { return static_cast<size_t>(lesson_block_bytes); }

constexpr Rung<Matmul> rungs[] = {
    {.name = "reference",
     .idea = "one dot product in double per element",
     .run = scalar<Matmul>(matmul_reference)},
    {.name = "rows",
     .idea = "k in the middle: the inner loop walks along rows, whole cache lines are used",
     .run = scalar<Matmul>(matmul_rows),
     .why_not = lesson_only},
    {.name = "cached",
     .idea = "a block of b that fits the cache serves all rows of a before the next comes",
     .run = scalar<Matmul>(matmul_cached),
     .why_not = lesson_only},
    {.name = "vectors",
     .idea = "a vector of c stays in a register for all of k",
     .run = per_isa<Matmul>([]<Isa I>() { return matmul_vectors<I>; }),
     .why_not = lesson_only},
    {.name = "chains",
     .idea = "eight vectors of a row at once: no addition waits for another",
     .run = per_isa<Matmul>([]<Isa I>() { return matmul_chains<I>; }),
     .why_not = lesson_only},
    {.name = "tiles",
     .idea = "a tile of c in registers: every load is used many times",
     .run = per_isa<Matmul>([]<Isa I>() { return matmul_tiles<I>; }),
     .why_not = lesson_only,
     .scratch_bytes = [](const Matmul& a, int) { return static_cast<size_t>(a.K) * 64; }},
    {.name = "packed",
     .idea = "blocks of b copied in the order in which tiles read them",
     .run = per_isa<Matmul>([]<Isa I>() { return matmul_packed<I>; }),
     .why_not = lesson_only,
     .scratch_bytes = one_block},
    {.name = "ahead",
     .idea = "tiles fetch the next block while they multiply this one",
     .run = per_isa<Matmul>([]<Isa I>() { return matmul_ahead<I>; }),
     .why_not = lesson_only,
     .scratch_bytes = one_block},
    {.name = "threads",
     .idea = "every core multiplies some rows of tiles",
     .run = per_isa<Matmul>([]<Isa I>() { return matmul_threads<I>; }),
     .why_not = lesson_only,
     .scratch_bytes = [](const Matmul& a,
                         int threads) { return one_block(a, 1) * static_cast<size_t>(threads); }},
    {.name = "simd",
     .idea =
         "register tiles over blocks that stay in cache, b packed where that pays, a rectangle per thread",
     .run = per_isa<Matmul>([]<Isa I>() { return matmul_simd<I>; }),
     .why_not = not_bf16,
     .scratch_bytes = scratch_bytes},
    {.name = "pairs",
     .idea = "bfloat16 neighbours along K are multiplied in pairs: twice the arithmetic where there is an "
             "instruction for it",
     .run = per_isa<Matmul, bf16_isas>([]<Isa I>() { return matmul_bf16_simd<I>; }),
     .why_not = bf16_only,
     .scratch_bytes = bf16_scratch_bytes},
    {.name = "tiles16",
     .idea = "a register of the processor holds 16 x 16 sums, and one instruction adds 32 products to each",
     .run = per_isa<Matmul, amx_isas>([]<Isa I>() { return matmul_amx<I>; }),
     .why_not = bf16_only,
     .scratch_bytes = [](const Matmul& a,
                         int threads) { return static_cast<size_t>(threads * square_scratch(a).bytes()); }},
};

constexpr Ladder<Matmul> ladder{"matmul", rungs, cost_of};

}  // namespace

const Ladder<Matmul>& ladder_of(const Matmul&) { return ladder; }

}  // namespace hewn
