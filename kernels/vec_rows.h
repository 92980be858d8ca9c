#pragma once
// Loops over one row of floats, as softmax, the losses and the norms share them. The order of every sum
// follows from the length alone.

#include "kernels/vec_math.h"

namespace hewn {
namespace {

/// N sums over a row: each(i, lanes, sums) adds what the lanes from element i contribute to each sum, and 0
/// in the lanes past the end. Short blocks are summed in float, which rounds little, and the blocks in
/// double.
template <int N, class Each>
HEWN_INLINE void sum_lanes_of_row(int64_t n, double (&sums)[N], const Each& each) {
  constexpr int64_t block = 64 * W;
  constexpr int unroll = 4;
  for (double& sum : sums) sum = 0;
  for (int64_t start = 0; start < n; start += block) {
    const int64_t end = start + block < n ? start + block : n;
    vf part[unroll][N] = {};
    int64_t i = start;
    for (; i + unroll * W <= end; i += unroll * W) {
#pragma GCC unroll 4
      for (int u = 0; u < unroll; ++u) each(i + u * W, AllLanes{}, part[u]);
    }
    for_lanes(i, end, [&](int64_t j, auto lanes) { each(j, lanes, part[0]); });
    for (int s = 0; s < N; ++s)
      sums[s] += static_cast<double>(sum_lanes((part[0][s] + part[1][s]) + (part[2][s] + part[3][s])));
  }
}

/// The largest of n > 0 values; NaNs are passed over.
HEWN_INLINE float row_max(const float* x, int64_t n) {
  const vf least = set1(-__builtin_inff());
  vf most[4] = {least, least, least, least};
  int64_t i = 0;
  for (; i + 4 * W <= n; i += 4 * W) {
#pragma GCC unroll 4
    for (int u = 0; u < 4; ++u) most[u] = max(load(x + i + u * W), most[u]);
  }
  for_lanes(i, n,
            [&](int64_t j, auto lanes) { most[0] = max(load(x + j, lanes, -__builtin_inff()), most[0]); });
  return max_lanes(max(max(most[0], most[1]), max(most[2], most[3])));
}

/// sum_i exp(x_i - most).
HEWN_INLINE double row_sum_exp(const float* x, int64_t n, float most) {
  const vf m = set1(most);
  double sum[1];
  sum_lanes_of_row(n, sum, [=](int64_t i, auto lanes, vf* add) {
    add[0] += exp(load(x + i, lanes, -__builtin_inff()) - m);
  });
  return sum[0];
}

/// out[i] (set or add) = sum over blocks b, in order, of partial[b * stride + i], for i < n.
HEWN_INLINE void sum_blocks(const float* partial, int64_t blocks, int64_t stride, int64_t n, float* out,
                            Write how) {
  for_lanes(0, n, [=](int64_t i, auto lanes) {
    vf sum{};
    for (int64_t b = 0; b < blocks; ++b) sum += load(partial + b * stride + i, lanes);
    write(out + i, sum, how, lanes);
  });
}

}  // namespace
}  // namespace hewn
