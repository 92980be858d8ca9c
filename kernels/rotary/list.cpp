#include "kernels/contract/contract.h"
#include "kernels/rotary/abi.h"

namespace hewn {
namespace {

/// Two products and a sum per rotated element, which is read once and written once.
Cost cost_of(const Rotary& a) {
  const auto rows = static_cast<double>(a.B * a.T), d = static_cast<double>(a.D);
  return {3 * rows * static_cast<double>(a.rotated) * d, (a.to_y == Write::add ? 3 : 2) * rows *
                                                             static_cast<double>(a.H) * d *
                                                             static_cast<double>(size_of(a.dtype))};
}

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
