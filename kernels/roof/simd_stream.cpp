#include "kernels/roof/simd.h"

#include "kernels/simd/vec_stream.h"

namespace hewn {
namespace {

vf read_block(const float* x, vf total) {
  vf sum[4] = {};
  // In memory order: if the compiler unrolls the loop, it processes one sum after the other, and the hardware
  // prefetcher no longer recognises a stream (a Genoa copied half as fast).
#pragma GCC unroll 1
  for (int64_t i = 0; i < StreamWork::block; i += 4 * W)
    for (int c = 0; c < 4; ++c) sum[c] += load(x + i + c * W);
  return total + ((sum[0] + sum[1]) + (sum[2] + sum[3]));
}

void update_block(float* y, vf factor) {
  for (int64_t i = 0; i < StreamWork::block; i += W) store(y + i, load(y + i) * factor);
}

template <bool past_caches>
void write_block(float* z, vf value) {
  for (int64_t i = 0; i < StreamWork::block; i += W)
    past_caches ? store_past_caches(z + i, value) : store(z + i, value);
}

template <bool past_caches>
float stream(const StreamWork& work) {
  const float* x = work.x;
  float *y = work.y, *z = work.z;
  const vf factor = set1(-1.0f);
  vf sum{};
  for (int64_t turn = 0; turn < work.turns; ++turn) {
    for (int i = 0; i < work.read; ++i, x += StreamWork::block) sum = read_block(x, sum);
    for (int i = 0; i < work.update; ++i, y += StreamWork::block) update_block(y, factor);
    for (int i = 0; i < work.write; ++i, z += StreamWork::block) write_block<past_caches>(z, factor);
  }
  return sum_lanes(sum);
}

}  // namespace

template <>
float roof_stream<Isa::HEWN_ISA>(const StreamWork& work, bool past_caches) {
  return past_caches ? stream<true>(work) : stream<false>(work);
}

}  // namespace hewn
