#pragma once
// Building blocks of the tensor-core attention kernels: rows of bf16 in shared memory, and the two products
// that make up all of their work: rows times rows (scores and their gradients), and scores times rows (all
// sums). The first leaves its result in the registers where the second reads its left operand.

#include <type_traits>

#include "kernels/attention/gpu/dropout.cuh"
#include "kernels/attention/gpu/heads.cuh"
#include "kernels/gpu/tiles/tile.cuh"

namespace hewn {
namespace {

constexpr int mma_warps = 4, mma_threads = 32 * mma_warps;
constexpr float log2_e = 1.44269504f;

/// Returns x, hidden from the optimizer: loop-invariant values derived from it are recomputed in every step
/// instead of occupying registers that the sums need.
__device__ __forceinline__ int derived_here(int x) {
#ifdef __CUDACC__
  asm volatile("" : "+r"(x));
#endif
  return x;
}

/// n rows of a head in shared memory, in pieces of 16 bytes. Rows of 96 columns are laid out like rows of
/// 128, because 12 pieces cannot be swizzled.
template <int D, int n>
struct Bf16Rows {
  static_assert(D == 32 || D == 64 || D == 96 || D == 128);
  static constexpr int pieces = D == 96 ? 16 : D / 8;
  bf16 at[n * pieces * 8];
};

/// Whether a kernel can start on every GPU, and this many of its blocks fit on a multiprocessor of sm_80: it
/// has 164 KiB of shared memory, and each block occupies 1 KiB more than it requests.
constexpr bool fits_mma(int blocks, int values, size_t shared) {
  return fits_everywhere({mma_threads, blocks, values, shared}) &&
         static_cast<size_t>(blocks) * (shared + 1024) <= size_t{164} << 10;
}

__device__ __forceinline__ int lane_index() { return static_cast<int>(threadIdx.x) % 32; }
__device__ __forceinline__ int warp_index() {
  return __shfl_sync(0xffffffffu, static_cast<int>(threadIdx.x) / 32, 0);
}

/// A thread's part in copying a head to shared memory, n rows at a time, in pieces of 16 bytes: the same columns
/// of every `step`-th row. An address is one addition after the previous one.
template <int D, int n>
class RowCopies {
 public:
  /// Copies begin with row `first` of the head.
  __device__ __forceinline__ RowCopies(const bf16* head, int64_t row, int first)
      : from_(head + (first + own_row()) * row + 8 * piece()) {}

  /// Starts copying the next n rows, `row` elements apart; zeros after `rows` rows and `width` columns.
  __device__ __forceinline__ void operator()(Bf16Rows<D, n>& to, int64_t row, int rows, int width) {
    bf16* const at = to.at + 8 * swizzled<pieces>(own_row(), piece());
    const int left = 8 * piece() < width ? rows - own_row() : 0;
#pragma unroll
    for (int r = 0; r < n; r += step, from_ += step * row)
      if (D == 8 * pieces || 8 * piece() < D) copy_async<16>(at + 8 * pieces * r, from_, r < left ? 16 : 0);
  }

  /// Moves on in memory; the columns remain the same.
  __device__ __forceinline__ void move(int64_t elements) { from_ += elements; }

 private:
  static constexpr int pieces = Bf16Rows<D, n>::pieces, step = mma_threads / pieces;
  static_assert(step % 8 == 0 && n % step == 0, "rows of a thread must be swizzled alike");

  __device__ static int piece() { return static_cast<int>(threadIdx.x) % pieces; }
  __device__ static int own_row() { return static_cast<int>(threadIdx.x) / pieces; }

  const bf16* from_;
};

/// Starts copying the n rows of a head from `first` on, of `rows` rows.
template <int D, int n>
__device__ __forceinline__ void copy_rows(Bf16Rows<D, n>& to, const bf16* head, int64_t row, int first,
                                          int64_t rows, int width) {
  RowCopies<D, n>(head, row, first)(to, row, static_cast<int>(rows) - first, width);
}

/// The addresses of four matrices, rows r to r + 15 by columns k to k + 15: a fragment of A (rows by columns)
/// or, transposed, two adjacent fragments of B (columns first). r is a multiple of 8, k of 16, so that they
/// change only bits of the position that a lane's place leaves zero, and all tiles share one register per k.
template <int D, int n>
__device__ __forceinline__ const bf16* fragment_at(const Bf16Rows<D, n>& rows, int r, int k) {
  constexpr int pieces = Bf16Rows<D, n>::pieces;
  const int lane = lane_index();
  return rows.at + 8 * (r * pieces + (swizzled<pieces>(lane % 16, lane / 16) ^ k / 8));
}

/// The same for two adjacent fragments of B without transposition: rows are the columns of B.
template <int D, int n>
__device__ __forceinline__ const bf16* columns_at(const Bf16Rows<D, n>& rows, int r, int k) {
  constexpr int pieces = Bf16Rows<D, n>::pieces;
  const int lane = lane_index();
  return rows.at + 8 * (r * pieces + (swizzled<pieces>(lane % 8 + lane / 16 * 8, lane / 8 % 2) ^ k / 8));
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

/// The dropout mask of n queries by 64 keys: key j of a query is bit j % 32 of its word j / 32 % 2.
template <int n>
struct KeptBits {
  uint32_t of[n][2];
};

/// Adds the dropout masks of two stages, one of them in use; without dropout, adds nothing.
template <class Memory, int queries>
struct WithDropout : Memory {
  KeptBits<queries> kept[2];
};
template <class Memory, int queries, bool dropped>
using MemoryFor = std::conditional_t<dropped, WithDropout<Memory, queries>, Memory>;

/// Fills the mask of queries i0 to i0 + n - 1 and keys j0 to j0 + 63; j0 is a multiple of 64. Half a warp per
/// query, and two queries at a time: lane l of 16 decides on keys j0 + l, + 16, + 32, + 48.
template <int n>
__device__ __forceinline__ void fill_kept(KeptBits<n>& to, const AttentionSizes& a, const DropoutMask& mask,
                                          int bh, int i0, int j0) {
  constexpr int step = 2 * mma_warps;
  static_assert(n % (2 * step) == 0);
  const int thread = derived_here(static_cast<int>(threadIdx.x));
  const int l = thread % 16, half = thread / 16 % 2, own = 2 * (thread / 32) + half;
  const MaskRow first = mask_row(a, bh, i0);
  const Dropping d = dropping(a, mask);  // reloaded each time; in between, registers hold sums
#pragma unroll 1
  for (int r = 0; r < n; r += 2 * step) {
    const MaskRow rows[2] = {after(first, r + own, a), after(first, r + own + step, a)};
    uint32_t bits[2];
    kept_fours(bits, d, rows, j0 + l);
#pragma unroll
    for (int v = 0; v < 2; ++v) {
      uint32_t sixteen[4];
#pragma unroll
      for (int w = 0; w < 4; ++w)
        sixteen[w] = __ballot_sync(0xffffffffu, static_cast<int>(bits[v] >> w & 1)) >> (16 * half) & 0xffff;
      if (l < 2)
        to.of[r + own + v * step][l] = l == 0 ? sixteen[0] | sixteen[1] << 16 : sixteen[2] | sixteen[3] << 16;
    }
  }
}

/// The dropout factors of a lane's elements in a row of fragments of C whose rows are queries and whose columns
/// are n keys; 1 without dropout.
template <int n, bool dropped>
class KeptRow {
 public:
  /// Row `r` of the block's queries; the keys begin with j0.
  template <class Memory>
  __device__ __forceinline__ KeptRow(const Memory& memory, const DropoutMask& mask, int r, int j0) {
    if constexpr (dropped) {
      factor_ = mask.factor;
#pragma unroll
      for (int w = 0; w < words; ++w)
        bits_[w] = memory.kept[j0 / 64 % 2].of[r][(j0 / 32 + w) % 2] >> place_in_c(lane_index(), 0).col;
    }
  }
  /// The factor of the row's element c, 0 or 1, of fragment x.
  __device__ __forceinline__ float operator()(int x, int c) const {
    if constexpr (!dropped) return 1;
    return bits_[x / 4 % words] >> (8 * (x % 4) + c) & 1 ? factor_ : 0;
  }

 private:
  static constexpr int words = n / 32;
  uint32_t bits_[words];
  float factor_;
};

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
