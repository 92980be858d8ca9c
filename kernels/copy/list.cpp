#include "kernels/contract/contract.h"
#include "kernels/copy/abi.h"

namespace hewn {
namespace {

/// No arithmetic is counted: every element of x is read once, and every element of y is written once.
Cost cost_of(const Copy& a) {
  double n = 1, n_x = 1;
  for (int i = 0; i < a.rank; ++i) {
    n *= static_cast<double>(a.shape[i]);
    if (a.x_stride[i] != 0) n_x *= static_cast<double>(a.shape[i]);
  }
  const double write = (a.to_y == Write::add ? 2 : 1) * static_cast<double>(size_of(a.to));
  return {a.to_y == Write::add ? n : 0, n_x * static_cast<double>(size_of(a.from)) + n * write};
}

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
