#pragma once
// Building blocks of the tensor-core attention kernels: rows of bf16 in shared memory, and the two products
// that make up all of their work: rows times rows (scores and their gradients), and scores times rows (all
// sums). The first leaves its result in the registers where the second reads its left operand.

#include "kernels/attention/gpu/heads.cuh"
#include "kernels/gpu/tiles/tile.cuh"

namespace hewn {
namespace {

constexpr int mma_warps = 4, mma_threads = 32 * mma_warps;
constexpr int mma_blocks = 2;  ///< per multiprocessor
constexpr float log2_e = 1.44269504f;

/// n rows of a head in shared memory, in pieces of 16 bytes. Rows of 96 columns are laid out like rows of
/// 128, because 12 pieces cannot be swizzled.
template <int D, int n>
struct Bf16Rows {
  static_assert(D == 32 || D == 64 || D == 96 || D == 128);
  static constexpr int pieces = D == 96 ? 16 : D / 8;
  bf16 at[n * pieces * 8];
};

/// Whether a kernel can start on every GPU, and two of its blocks fit on a multiprocessor of sm_80: it has
/// 164 KiB of shared memory, of which each block occupies 1 KiB more than it requests.
constexpr bool fits_mma(int values, size_t shared) {
  return fits_everywhere({mma_threads, mma_blocks, values, shared}) &&
         mma_blocks * (shared + 1024) <= size_t{164} << 10;
}

__device__ __forceinline__ int lane_index() { return static_cast<int>(threadIdx.x) % 32; }
__device__ __forceinline__ int warp_index() { return static_cast<int>(threadIdx.x) / 32; }

/// Starts copying rows first to first + n - 1 of a head; zeros from row `rows` and column `width` on.
template <int D, int n>
__device__ __forceinline__ void copy_rows(Bf16Rows<D, n>& to, const bf16* head, int64_t row, int first,
                                          int64_t rows, int width) {
  constexpr int pieces = D / 8;
  static_assert(n * pieces % mma_threads == 0);
#pragma unroll 2
  for (int e = 0; e < n * pieces; e += mma_threads) {
    const int at = e + static_cast<int>(threadIdx.x), r = at / pieces, piece = at % pieces;
    const bool there = first + r < rows && 8 * piece < width;
    copy_async<16>(to.at + 8 * swizzled<Bf16Rows<D, n>::pieces>(r, piece),
                   there ? head + (first + r) * row + 8 * piece : head, there ? 16 : 0);
  }
}

/// The addresses of four matrices, rows r to r + 15 by columns k to k + 15: a fragment of A (rows by columns)
/// or, transposed, two adjacent fragments of B (columns first).
template <int D, int n>
__device__ __forceinline__ const bf16* fragment_at(const Bf16Rows<D, n>& rows, int r, int k) {
  const int lane = lane_index();
  return rows.at + 8 * swizzled<Bf16Rows<D, n>::pieces>(r + lane % 16, k / 8 + lane / 16);
}

/// The same for two adjacent fragments of B without transposition: rows are the columns of B.
template <int D, int n>
__device__ __forceinline__ const bf16* columns_at(const Bf16Rows<D, n>& rows, int r, int k) {
  const int lane = lane_index();
  return rows.at + 8 * swizzled<Bf16Rows<D, n>::pieces>(r + lane % 8 + lane / 16 * 8, k / 8 + lane / 8 % 2);
}

/// s[y] = rows a0 + 16 y to a0 + 16 y + 15 of A times the n rows of B, as fragments of C.
template <int D, int m, int n, int rows>
__device__ __forceinline__ void multiply_rows(float (&s)[m][n / 8][4], const Bf16Rows<D, rows>& a, int a0,
                                              const Bf16Rows<D, n>& b) {
#pragma unroll
  for (int y = 0; y < m; ++y)
#pragma unroll
    for (int x = 0; x < n / 8; ++x)
#pragma unroll
      for (int e = 0; e < 4; ++e) s[y][x][e] = 0;
#pragma unroll 2
  for (int k = 0; k < D; k += 16) {
    uint32_t left[m][4];
#pragma unroll
    for (int y = 0; y < m; ++y) load_matrices<false>(left[y], fragment_at(a, a0 + 16 * y, k));
#pragma unroll
    for (int x = 0; x < n / 8; x += 2) {
      uint32_t two[4];
      load_matrices<false>(two, columns_at(b, 8 * x, k));
      const uint32_t first[2] = {two[0], two[1]}, second[2] = {two[2], two[3]};
#pragma unroll
      for (int y = 0; y < m; ++y) {
        mma(s[y][x], left[y], first);
        mma(s[y][x + 1], left[y], second);
      }
    }
  }
}

/// sum += p, rounded to bf16, times the n rows. Two adjacent fragments of C form one of A.
template <int D, int m, int n>
__device__ __forceinline__ void add_products(float (&sum)[m][D / 8][4], const float (&p)[m][n / 8][4],
                                             const Bf16Rows<D, n>& rows) {
#pragma unroll
  for (int k = 0; k < n / 8; k += 2) {
    uint32_t left[m][4];
#pragma unroll
    for (int y = 0; y < m; ++y)
#pragma unroll
      for (int e = 0; e < 4; ++e)
        left[y][e] = pair_of(p[y][k + e / 2][e % 2 * 2], p[y][k + e / 2][e % 2 * 2 + 1]);
#pragma unroll
    for (int x = 0; x < D / 8; x += 2) {
      uint32_t two[4];
      load_matrices<true>(two, fragment_at(rows, 8 * k, 8 * x));
      const uint32_t first[2] = {two[0], two[1]}, second[2] = {two[2], two[3]};
#pragma unroll
      for (int y = 0; y < m; ++y) {
        mma(sum[y][x], left[y], first);
        mma(sum[y][x + 1], left[y], second);
      }
    }
  }
}

/// Writes fragments of C to rows of a head of n rows: those of `y` to rows first + 16 y on, times `factor`.
template <int D, int m>
__device__ __forceinline__ void write_rows(bf16* head, int64_t row, int first, int64_t n, int width,
                                           const float (&sum)[m][D / 8][4], const float (&factor)[m][2],
                                           Write how) {
#pragma unroll
  for (int y = 0; y < m; ++y)
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      const Element place = place_in_c(lane_index(), 2 * h);
      const int r = first + 16 * y + place.row;
      if (r >= n) continue;
      bf16* const to = head + r * row + place.col;
#pragma unroll
      for (int x = 0; x < D / 8; ++x) {
        if (8 * x >= width) continue;
        float first_of_pair = factor[y][h] * sum[y][x][2 * h], second = factor[y][h] * sum[y][x][2 * h + 1];
        if (how == Write::add) first_of_pair += to_float(to[8 * x]), second += to_float(to[8 * x + 1]);
        vector_at<uint32_t>(to + 8 * x) = pair_of(first_of_pair, second);
      }
    }
}

}  // namespace
}  // namespace hewn
