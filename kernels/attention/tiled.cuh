#pragma once
// What the kernels of attention by blocks in float32 are made of: rows in shared memory, and the two products
// that all of their work is: rows times rows (scores and their gradients), and scores times rows (everything
// that is summed).

#include "kernels/attention/heads.cuh"
#include "kernels/gpu/limits.h"

namespace hewn {
namespace {

constexpr int tile = 64;      ///< rows that a block owns
constexpr int threads = 256;  ///< as 16 x 16: a thread has rows ty + 16 y and columns tx + 16 x of the scores
constexpr int each = tile / 16;

/// Where a thread stands in the 16 x 16.
__host__ __device__ constexpr int tx_of(int thread) { return thread % 16; }
__host__ __device__ constexpr int ty_of(int thread) { return thread / 16; }
__device__ __forceinline__ int tx() { return tx_of(static_cast<int>(threadIdx.x)); }
__device__ __forceinline__ int ty() { return ty_of(static_cast<int>(threadIdx.x)); }

/// n rows of a head in shared memory. They begin four floats further in the banks than the one before, so
/// that eight neighbours' sixteen bytes, of eight rows, are in different ones.
template <int D, int n>
struct Rows {
  static_assert(D % 32 == 0 && n % 16 == 0);
  static constexpr int stride = D + 4;
  float at[n][stride];
};

/// Scores of the block's rows and of n that come by, or what has their shape. Rows begin sixteen banks
/// further, so that the two rows that a warp writes at a time are in different ones.
template <int n>
struct Scores {
  static_assert(n % 16 == 0);
  static constexpr int stride = n % 32 == 0 ? n + 16 : n;
  float at[tile][stride];
};

/// Rows first to first + n - 1 of a head, zero from row `rows` and column `width` on.
template <int D, int n>
__device__ __forceinline__ void load_rows(Rows<D, n>& to, const float* head, int64_t row, int first,
                                          int64_t rows, int width) {
  static_assert(n * D % threads == 0, "whole rounds");
#pragma unroll 8
  for (int e = 0; e < n * D; e += threads) {
    const int at = e + static_cast<int>(threadIdx.x), r = at / D, d = at % D;
    to.at[r][d] = first + r < rows && d < width ? head[(first + r) * row + d] : 0;
  }
}

__device__ __forceinline__ float4 four(const float* p) { return *reinterpret_cast<const float4*>(p); }
__device__ __forceinline__ float dot(const float4& x, const float4& y, float sum) {
  return std::fma(x.w, y.w, std::fma(x.z, y.z, std::fma(x.y, y.y, std::fma(x.x, y.x, sum))));
}

/// s[y][x] = a_(ty + 16 y) . b_(tx + 16 x)
template <int D, int n>
__device__ __forceinline__ void dots(const Rows<D, tile>& a, const Rows<D, n>& b, float (&s)[each][n / 16]) {
#pragma unroll
  for (int y = 0; y < each; ++y)
#pragma unroll
    for (int x = 0; x < n / 16; ++x) s[y][x] = 0;
#pragma unroll 4
  for (int d = 0; d < D; d += 4) {
    float4 rows[each];
#pragma unroll
    for (int y = 0; y < each; ++y) rows[y] = four(&a.at[ty() + 16 * y][d]);
#pragma unroll
    for (int x = 0; x < n / 16; ++x) {
      const float4 col = four(&b.at[tx() + 16 * x][d]);
#pragma unroll
      for (int y = 0; y < each; ++y) s[y][x] = dot(rows[y], col, s[y][x]);
    }
  }
}

/// Columns of a head that a thread sums: two neighbours in each 32.
template <int D>
inline constexpr int columns = D / 16;

/// sum[y][2 c + v] += sum over r of p[ty + 16 y][r] rows[r][32 c + 2 tx + v]
template <int D, int n>
__device__ __forceinline__ void add_products(const Scores<n>& p, const Rows<D, n>& rows,
                                             float (&sum)[each][columns<D>]) {
#pragma unroll 2
  for (int r = 0; r < n; r += 4) {
    float factor[each][4];
#pragma unroll
    for (int y = 0; y < each; ++y) {
      const float4 f = four(&p.at[ty() + 16 * y][r]);
      factor[y][0] = f.x, factor[y][1] = f.y, factor[y][2] = f.z, factor[y][3] = f.w;
    }
#pragma unroll
    for (int t = 0; t < 4; ++t)
#pragma unroll
      for (int c = 0; c < columns<D>; c += 2) {
        const float2 v = *reinterpret_cast<const float2*>(&rows.at[r + t][16 * c + 2 * tx()]);
#pragma unroll
        for (int y = 0; y < each; ++y) {
          sum[y][c] = std::fma(factor[y][t], v.x, sum[y][c]);
          sum[y][c + 1] = std::fma(factor[y][t], v.y, sum[y][c + 1]);
        }
      }
  }
}

/// Row ty + 16 y of the sums to row `first` + that of a head of n rows, times factor[y].
template <int D>
__device__ __forceinline__ void write_rows(float* head, int64_t row, int first, int64_t n, int width,
                                           const float (&sum)[each][columns<D>], const float (&factor)[each],
                                           Write how) {
#pragma unroll
  for (int y = 0; y < each; ++y) {
    const int r = first + ty() + 16 * y;
    if (r >= n) continue;
#pragma unroll
    for (int c = 0; c < columns<D>; ++c) {
      const int d = c / 2 * 32 + 2 * tx() + c % 2;
      if (d < width) write(head + r * row + d, factor[y] * sum[y][c], how);
    }
  }
}

}  // namespace
}  // namespace hewn
