#pragma once
// Copies of bf16 operands as float32, in the order in which the float32 tiles read them (pack.h). Widening is
// exact and done once per copy, while tiles read each copy many times: they multiply as fast as with float32
// operands, which take twice the memory. Compiled per instruction set; included only by simd*.cpp.

#include "kernels/matmul/cpu/pairs.h"
#include "kernels/matmul/cpu/tile.h"

namespace hewn {
namespace {

/// [cols, k] with rows ldb apart -> [k, width]: transposes pairs along K, then separates them.
[[maybe_unused]] void pack_columns(int64_t k, int64_t cols, const BFloat16* b, int64_t ldb, float* panel,
                                   int64_t width) {
  constexpr auto upper_half = static_cast<int32_t>(0xffff0000);
  for (int64_t j = 0; j < cols; j += W) {
    const int64_t present = cols - j < W ? cols - j : W;
    for (int64_t p = 0; p < k; p += 2 * W) {
      const int64_t n = k - p < 2 * W ? k - p : 2 * W;
      float* to = panel + p * width + j;
      vi pairs[W];
      load_transposed_pairs(b + j * ldb + p, ldb, present, n, pairs);
      if (n == 2 * W) {
#pragma GCC unroll 16
        for (int i = 0; i < W; ++i) {
          store(to + 2 * i * width, as_float(pairs[i] << 16));
          store(to + (2 * i + 1) * width, as_float(pairs[i] & upper_half));
        }
      } else {
        for (int i = 0; i < n; ++i)
          store(to + i * width, as_float(i % 2 ? pairs[i / 2] & upper_half : pairs[i / 2] << 16));
      }
    }
  }
}

/// [k, rows] with rows lda apart -> strips of tile_rows columns, `stride` apart, each [k, tile_rows]. Where a vector is
/// longer than a row of a strip, its last lanes are overwritten by the next row, or end up in the gap between strips.
[[maybe_unused]] void pack_strips(int64_t k, int64_t rows, const BFloat16* a, int64_t lda, float* to,
                                  int64_t stride) {
  for (; k > 0; --k, a += lda, to += tile_rows) {
    int64_t r = 0;
    float* at = to;
    if constexpr (tile_rows < W)
      for (; r + W <= rows; r += tile_rows, at += stride) store(at, load(a + r));
    for (; r + tile_rows <= rows; r += tile_rows, at += stride)
#pragma GCC unroll 2
      for (int v = 0; v < tile_rows; v += W) {
        constexpr int most = tile_rows < W ? tile_rows : W;
        const int n = tile_rows - v < most ? tile_rows - v : most;
        store_part(at + v, load_part(a + r + v, n), n);
      }
    for (int64_t i = 0; r + i < rows; ++i) at[i] = static_cast<float>(a[r + i]);
  }
}

/// [rows, k] with rows lda apart -> strips of tile_rows rows, `stride` apart, each [tile_rows, k].
[[maybe_unused]] void widen_rows(int64_t k, int64_t rows, const BFloat16* a, int64_t lda, float* to,
                                 int64_t stride) {
  for (int64_t r = 0; r < rows; ++r, a += lda) {
    float* row = to + r / tile_rows * stride + r % tile_rows * k;
    for_lanes(0, k, [=](int64_t i, auto lanes) { store(row + i, load(a + i, lanes), lanes); });
  }
}

}  // namespace
}  // namespace hewn
