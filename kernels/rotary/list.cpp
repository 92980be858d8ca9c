#include "kernels/contract/contract.h"
#include "kernels/rotary/cost.h"
#include "kernels/rotary/kernels.h"

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
    {.name = "reference",
     .idea = "every angle individually, sine and cosine from the C library, in double",
     .run = scalar<Rotary>(rotary_reference)},
    {.name = "simd",
     .idea = "a table of sines and cosines for 16 positions at a time, shared by all heads of the batch",
     .run = per_isa<Rotary>([]<Isa I>() { return rotary_simd<I>; }),
     .why_not = f32_only,
     .scratch_bytes = table_bytes},
    {.name = "cuda",
     .idea = "a table of all sines and cosines, computed in double; then one pair per thread",
     .run = per_gpu<Rotary>([]<Isa I>() -> KernelFn<Rotary> { return rotary_gpu<I>; }),
     .scratch_bytes = gpu_table_bytes},
};

constexpr Ladder<Rotary> ladder{"rotary", rungs, cost_of};

}  // namespace

const Ladder<Rotary>& ladder_of(const Rotary&) { return ladder; }

}  // namespace hewn
