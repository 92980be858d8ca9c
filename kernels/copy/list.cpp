#include "kernels/contract/contract.h"
#include "kernels/copy/abi.h"
#include "kernels/copy/cost.h"

namespace hewn {
namespace {

const char* no_row(const Copy& a) { return a.y_row ? "not to a row whose number is in memory" : nullptr; }

const char* not_bf16_rows(const Copy& a) {
  if (no_row(a)) return no_row(a);
  const bool rounds = a.from == DType::f32 && a.to == DType::bf16;
  const bool widens = a.from == DType::bf16 && a.to == DType::f32;
  if (!rounds && !widens) return "between f32 and bf16 only";
  const int last = a.rank - 1;
  return a.rank == 0 || (a.x_stride[last] == 1 && a.y_stride[last] == 1) ? nullptr : "contiguous rows only";
}

constexpr Rung<Copy> rungs[] = {
    {scalar<"reference">, "nested loops over the dimensions, one element at a time"},
    {scalar<"rows and tiles">,
     "memcpy where both sides are contiguous, else 32 x 32 tiles that fit in the L1 cache; "
     "divided among threads",
     no_row},
    {per_isa<"simd">, "a vector of float32 for half a vector of bf16, rounded by integer arithmetic",
     not_bf16_rows},
    {per_gpu<"cuda">, "sixteen bytes per thread if there are no gaps, else one element per thread"},
};

constexpr Ladder<Copy> ladder{"copy", rungs, cost_of};

}  // namespace

const Ladder<Copy>& ladder_of(const Copy&) { return ladder; }

}  // namespace hewn
