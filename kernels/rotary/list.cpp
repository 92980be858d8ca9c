#include "kernels/contract/contract.h"
#include "kernels/rotary/abi.h"
#include "kernels/rotary/cost.h"

namespace hewn {
namespace {

size_t table_bytes(const Rotary& a, int threads) {
  return static_cast<size_t>(2 * rotary_block * a.D * threads) * sizeof(float);
}

/// Cosine and sine of each position and pair.
size_t gpu_table_bytes(const Rotary& a, int) {
  return static_cast<size_t>(a.T * a.D) * (a.dtype == DType::f64 ? sizeof(double) : sizeof(float));
}

constexpr Rung<Rotary> rungs[] = {
    {scalar<"reference">, "every angle individually, sine and cosine from the C library, in double"},
    {per_isa<"simd">,
     "a table of sines and cosines for 16 positions at a time, shared by all heads of the batch", f32_only,
     table_bytes},
    {per_gpu<"cuda">, "a table of all sines and cosines, computed in double; then one pair per thread",
     gpu_table_bytes},
};

constexpr Ladder<Rotary> ladder{"rotary", rungs, cost_of};

}  // namespace

const Ladder<Rotary>& ladder_of(const Rotary&) { return ladder; }

}  // namespace hewn
