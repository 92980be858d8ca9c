#pragma once
// Building blocks of the blockwise float32 attention kernels: the two products that make up all of their
// work, rows times rows (scores and their gradients), and scores times rows (all sums).

#include "kernels/attention/gpu/dropout.cuh"
#include "kernels/attention/gpu/heads.cuh"
#include "kernels/attention/gpu/layout.cuh"

namespace hewn {
namespace {

__device__ __forceinline__ int tx() { return tx_of(static_cast<int>(threadIdx.x)); }
__device__ __forceinline__ int ty() { return ty_of(static_cast<int>(threadIdx.x)); }

/// Loads rows first to first + n - 1 of a head; zeros from row `rows` and column `width` on.
template <int D, int n>
__device__ __forceinline__ void load_rows(Rows<D, n>& to, const float* head, int64_t row, int first,
                                          int64_t rows, int width) {
  static_assert(n * D % tiled_threads == 0, "tiles must divide into whole rounds");
#pragma unroll 8
  for (int e = 0; e < n * D; e += tiled_threads) {
    const int at = e + static_cast<int>(threadIdx.x), r = at / D, d = at % D;
    to.at[r][d] = first + r < rows && d < width ? head[(first + r) * row + d] : 0;
  }
}

__device__ __forceinline__ float4 four(const float* p) { return vector_at<float4>(p); }
__device__ __forceinline__ float dot(const float4& x, const float4& y, float sum) {
  return std::fma(x.w, y.w, std::fma(x.z, y.z, std::fma(x.y, y.y, std::fma(x.x, y.x, sum))));
}

/// s[y][x] = a_(ty + 16 y) . b_(tx + 16 x)
template <int D, int n>
__device__ __forceinline__ void dots(const Rows<D, own_rows>& a, const Rows<D, n>& b,
                                     float (&s)[rows_each][n / 16]) {
#pragma unroll
  for (int y = 0; y < rows_each; ++y)
#pragma unroll
    for (int x = 0; x < n / 16; ++x) s[y][x] = 0;
#pragma unroll 4
  for (int d = 0; d < D; d += 4) {
    float4 rows[rows_each];
#pragma unroll
    for (int y = 0; y < rows_each; ++y) rows[y] = four(&a.at[ty() + 16 * y][d]);
#pragma unroll
    for (int x = 0; x < n / 16; ++x) {
      const float4 col = four(&b.at[tx() + 16 * x][d]);
#pragma unroll
      for (int y = 0; y < rows_each; ++y) s[y][x] = dot(rows[y], col, s[y][x]);
    }
  }
}

/// Columns of a head that a thread sums: two adjacent ones of each 32.
template <int D>
inline constexpr int columns = D / 16;

/// sum[y][2 c + v] += sum over r of p[ty + 16 y][r] rows[r][32 c + 2 tx + v]
template <int D, int n>
__device__ __forceinline__ void add_products(const Scores<n>& p, const Rows<D, n>& rows,
                                             float (&sum)[rows_each][columns<D>]) {
#pragma unroll 2
  for (int r = 0; r < n; r += 4) {
    float factor[rows_each][4];
#pragma unroll
    for (int y = 0; y < rows_each; ++y) {
      const float4 f = four(&p.at[ty() + 16 * y][r]);
      factor[y][0] = f.x, factor[y][1] = f.y, factor[y][2] = f.z, factor[y][3] = f.w;
    }
#pragma unroll
    for (int t = 0; t < 4; ++t)
#pragma unroll
      for (int c = 0; c < columns<D>; c += 2) {
        const float2 v = vector_at<float2>(&rows.at[r + t][16 * c + 2 * tx()]);
#pragma unroll
        for (int y = 0; y < rows_each; ++y) {
          sum[y][c] = std::fma(factor[y][t], v.x, sum[y][c]);
          sum[y][c + 1] = std::fma(factor[y][t], v.y, sum[y][c + 1]);
        }
      }
  }
}

/// Writes row ty + 16 y of the sums to that row, counted from `first`, of a head of n rows, times factor[y].
template <int D>
__device__ __forceinline__ void write_rows(float* head, int64_t row, int first, int64_t n, int width,
                                           const float (&sum)[rows_each][columns<D>],
                                           const float (&factor)[rows_each], Write how) {
#pragma unroll
  for (int y = 0; y < rows_each; ++y) {
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
