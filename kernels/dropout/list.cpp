#include "kernels/contract/contract.h"
#include "kernels/dropout/abi.h"

namespace hewn {
namespace {

/// Ten Philox rounds of about 10 integer operations yield four elements; then a comparison and a product.
Cost cost_of(const Dropout& a) {
  const auto n = static_cast<double>(a.n);
  return {27 * n, (a.to_y == Write::add ? 3 : 2) * n * static_cast<double>(size_of(a.dtype))};
}

constexpr Rung<Dropout> rungs[] = {
    {scalar<"reference">, "one Philox block per element, of which it uses one word"},
    {scalar<"parallel">, "the same, elements over threads"},
    {per_isa<"vector">, "one Philox block per lane, all four words used: 64 elements from 16 blocks",
     f32_only},
    {per_gpu<"cuda">, "one Philox block per thread; half a warp processes a group of 64 elements"},
};

constexpr Ladder<Dropout> ladder{"dropout", rungs, cost_of};

}  // namespace

const Ladder<Dropout>& ladder_of(const Dropout&) { return ladder; }

}  // namespace hewn
