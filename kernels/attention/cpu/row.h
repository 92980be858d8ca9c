#pragma once
// Shared by the SIMD rungs that process one query at a time.

#include "kernels/attention/cpu/tile.h"

namespace hewn {
namespace {

/// The dot products of `a` with n <= W rows of length D: lane j is a . rows[j], 0 beyond the n-th.
[[maybe_unused]] vf dots(const float* a, const In& rows, int64_t n, int64_t D) {
  vf sum[W]{};
  for (int64_t j = 0; j < n; ++j) {
    vf s{};
    int64_t d = 0;
    for (; d + W <= D; d += W) s = fma(load(a + d), load(rows[j] + d), s);
    if (d < D) s = fma(load_part(a + d, D - d), load_part(rows[j] + d, D - d), s);
    sum[j] = s;
  }
  transpose<W>(sum);
  for (int step = W / 2; step > 0; step /= 2)
    for (int r = 0; r < step; ++r) sum[r] += sum[r + step];
  return sum[0];
}

[[maybe_unused]] void write_row(float* to, const float* from, int64_t n, Write write) {
  for (int64_t d = 0; d < n; d += W) {
    const int64_t lanes = smaller(W, n - d);
    const vf x = load_part(from + d, lanes);
    store_part(to + d, write == Write::add ? load_part(to + d, lanes) + x : x, lanes);
  }
}

/// The dropout factors of one query, in order: W keys at a time, from key `first` on.
struct RowFactors {
  const AttentionSizes& a;
  int64_t bh, i, first;
  const float* from = nullptr;
  float buffer[128];
  vf operator()(int64_t key) {
    const int64_t at = (key - first) % 64;
    if (at == 0) from = row_factors(a, bh, i, key, buffer);
    return load(from + at);
  }
};

}  // namespace
}  // namespace hewn
