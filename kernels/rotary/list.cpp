#include "kernels/contract.h"
#include "kernels/rotary/cost.h"
#include "kernels/rotary/ref.h"
#include "kernels/rotary/simd.h"

namespace hewn {
namespace {

size_t table_bytes(const Rotary& a, int threads) {
  return static_cast<size_t>(2 * rotary_block * a.D * threads) * sizeof(float);
}

constexpr Rung<Rotary> rungs[] = {
    {.name = "reference",
     .idea = "every angle for itself, sine and cosine from the C library, in double",
     .run = scalar<Rotary>(rotary_reference)},
    {.name = "simd",
     .idea = "a table of sines and cosines for 16 positions at a time, which all heads of the batch share",
     .run = per_isa<Rotary>([]<Isa I>() { return rotary_simd<I>; }),
     .why_not = f32_only,
     .scratch_bytes = table_bytes},
};

constexpr Ladder<Rotary> ladder{"rotary", rungs, cost_of};

}  // namespace

const Ladder<Rotary>& ladder_of(const Rotary&) { return ladder; }

}  // namespace hewn
