// Up to eight queries, as in decoding: the time is that of reading keys and values from memory. So the keys of
// a head are divided among blocks, and a block reads each key once for all queries of all heads that share it
// (Dao, Haziza, Massa, Sizov, "Flash-Decoding for long-context inference", 2023). Each block computes maximum,
// sum of exponentials and weighted values of its piece; a second kernel joins the pieces in their order.

#include "kernels/attention/abi.h"
#include "kernels/attention/gpu/heads.cuh"
#include "kernels/attention/gpu/pieces.cuh"
#include "kernels/attention/gpu/splits.h"
#include "kernels/gpu/tiles/elements.cuh"
#include "kernels/gpu/tiles/tile.cuh"

namespace hewn {
namespace {

constexpr int warps = 4, threads = 32 * warps;
constexpr float log2_e = 1.44269504f, log_2 = 0.693147181f;

/// The work of a block: `rows` rows of at most W elements. A team of adjacent lanes reads a key, 16 bytes per
/// lane, and computes its score and its part of the sums.
template <class E, int W, int rows>
struct FewTile {
  static constexpr int each = 16 / static_cast<int>(sizeof(E));  ///< elements of a row per lane
  static constexpr int lanes = W / each, teams = threads / lanes;
  static constexpr int at_once = rows > 1 ? 2 : 4;  ///< keys per team with loads in flight together
  static constexpr int blocks = rows > 4 ? 2 : rows > 1 ? 3 : 4;  ///< per multiprocessor

  /// The results of the teams, before and after they are joined.
  struct Memory {
    float sum[teams][rows][W];
    float most[teams][rows], total[teams][rows];
    float factor[teams][rows];
    float row_most[rows], row_total[rows];
  };
  static_assert(lanes >= 4 && lanes <= 32 && teams <= 32);
  static_assert(sizeof(Memory) <= shared_without_opt_in);
  static_assert(fits_everywhere({threads, blocks, rows*(2 * each + 5 + at_once) + 8 * at_once + 2 * each,
                                 sizeof(Memory)}));
};

/// What pieces of keys leave in scratch, for each row and piece.
struct Pieces {
  float *most, *total, *sum;
};
__host__ __device__ Pieces pieces_in(float* scratch, const AttentionSizes& a, int splits) {
  const int64_t n = a.B * a.H * a.Tq * splits;
  return {scratch, scratch + n, scratch + 2 * n};
}

/// The rows of a block: `n` of those that read key head `kv`, from number `first` on.
struct BlockRows {
  int kv, first, n;
};
__device__ __forceinline__ BlockRows rows_of_block(const AttentionSizes& a, int rows) {
  const int all = heads_per_key(a) * static_cast<int>(a.Tq), groups = ceil_div(all, rows);
  const int group = static_cast<int>(blockIdx.x), first = group % groups * rows;
  return {group / groups, first, min(rows, all - first)};
}

/// Elements d to d + each - 1 of a row of D, zeros past its end, in one load if `wide`.
template <int each, class E>
__device__ __forceinline__ Pack<E, each> load_part(const E* row, int d, int D, bool wide) {
  Pack<E, each> part{};
  if (wide) {
    if (d < D) part = load_pack<each>(row + d);
  } else {
#pragma unroll
    for (int v = 0; v < each; ++v)
      if (d + v < D) part.at[v] = row[d + v];
  }
  return part;
}

/// Stores column d of y, given the weighted sum of values and the sum of exponentials.
template <class E>
__device__ __forceinline__ void store_sum(const AttentionForward& a, int bh, int i, int d, float sum,
                                          float total) {
  store_as(query_head<E>(a, a.y, bh) + i * a.y.row + d, sum / total);
}
/// `most` is in units of log 2, as all maxima here.
__device__ __forceinline__ void store_lse(const AttentionForward& a, int64_t row, float most, float total) {
  static_cast<float*>(a.lse)[row] = std::fma(most, log_2, std::log(total));
}

/// The maximum as the reference of exponentials: zero if there were no keys.
__device__ __forceinline__ float base_of(float most) { return most == unseen<float> ? 0 : most; }

/// What a lane knows of its team's keys: its part of the queries and of the sums, and all maxima.
template <class E, int W, int rows>
struct TeamSums {
  using Tile = FewTile<E, W, rows>;
  static constexpr int each = Tile::each, at_once = Tile::at_once;

  float q[rows][each];         ///< times scale / log 2, so that exponentials are powers of two
  int first[rows], end[rows];  ///< the keys that a row attends to
  float most[rows], total[rows] = {}, sum[rows][each] = {};

  __device__ __forceinline__ TeamSums(const AttentionForward& a, const BlockRows& own, int d, bool wide) {
    const float factor = static_cast<float>(a.scale) * log2_e;
    const int Tq = static_cast<int>(a.Tq), D = static_cast<int>(a.D);
#pragma unroll
    for (int r = 0; r < rows; ++r) {
      most[r] = unseen<float>;
      const int i = (own.first + r) % Tq, bh = own.kv * heads_per_key(a) + (own.first + r) / Tq;
      first[r] = r < own.n ? first_key(a, i) : 0;
      end[r] = r < own.n ? end_key(a, i) : 0;
      Pack<E, each> part{};
      if (r < own.n) part = load_part<each>(query_head<E>(a, a.q, bh) + i * a.q.row, d, D, wide);
#pragma unroll
      for (int v = 0; v < each; ++v) q[r][v] = factor * load_as<float>(&part.at[v]);
    }
  }

  /// Adds keys j, j + step, ... and their values; keys from `limit` on do not count.
  __device__ __forceinline__ void add(const Pack<E, each> (&k)[at_once], const Pack<E, each> (&v)[at_once],
                                      int j, int step, int limit) {
    float p[at_once][rows];
#pragma unroll
    for (int u = 0; u < at_once; ++u)
#pragma unroll
      for (int r = 0; r < rows; ++r) {
        float dot = 0;
#pragma unroll
        for (int e = 0; e < each; ++e) dot = std::fma(q[r][e], load_as<float>(&k[u].at[e]), dot);
        const int at = j + u * step;
        dot = row_sum<Tile::lanes>(dot);
        p[u][r] = at < limit && at >= first[r] && at < end[r] ? dot : unseen<float>;
      }
#pragma unroll
    for (int r = 0; r < rows; ++r) {
      float largest = most[r], part = 0;
#pragma unroll
      for (int u = 0; u < at_once; ++u) largest = max(largest, p[u][r]);
      const float base = base_of(largest), shrink = power_of_two(most[r] - base);
      most[r] = largest;
#pragma unroll
      for (int u = 0; u < at_once; ++u) part += p[u][r] = power_of_two(p[u][r] - base);
      total[r] = std::fma(total[r], shrink, part);
#pragma unroll
      for (int e = 0; e < each; ++e) sum[r][e] *= shrink;
    }
#pragma unroll
    for (int u = 0; u < at_once; ++u)
#pragma unroll
      for (int e = 0; e < each; ++e) {
        const float x = load_as<float>(&v[u].at[e]);
#pragma unroll
        for (int r = 0; r < rows; ++r) sum[r][e] = std::fma(p[u][r], x, sum[r][e]);
      }
  }
};

/// Joins the maxima and sums of the teams: warp r of the block those of row r, and every fourth after it.
template <class Tile, int rows>
__device__ __forceinline__ void join_teams(typename Tile::Memory& memory) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  for (int r = static_cast<int>(threadIdx.x) / 32; r < rows; r += warps) {
    const bool team = lane < Tile::teams;
    const float most = team ? memory.most[lane][r] : unseen<float>, largest = warp_max(most);
    const float factor = power_of_two(most - base_of(largest));
    const float total = warp_sum(team ? factor * memory.total[lane][r] : 0);
    if (team) memory.factor[lane][r] = factor;
    if (lane == 0) memory.row_most[r] = largest, memory.row_total[r] = total;
  }
}

/// Block (x, y): rows of group x, keys of piece y.
template <class E, int W, int rows>
__global__ void __launch_bounds__(threads, (FewTile<E, W, rows>::blocks))
    attend_piece(AttentionForward given, int splits, bool wide, float* scratch) {
  const AttentionForward a = as_of_now(given);
  using Tile = FewTile<E, W, rows>;
  constexpr int each = Tile::each, teams = Tile::teams, at_once = Tile::at_once;
  auto& memory = shared_memory<typename Tile::Memory>();
  const BlockRows own = rows_of_block(a, rows);
  const Span piece = piece_of(keys_of_all(a), splits, static_cast<int>(blockIdx.y));
  if (piece.first >= piece.end) return;
  const int thread = static_cast<int>(threadIdx.x), team = thread / Tile::lanes;
  const int d = thread % Tile::lanes * each, D = static_cast<int>(a.D);
  {
    TeamSums<E, W, rows> sums(a, own, d, wide);
    const E *k = key_head<E>(a, a.k, own.kv), *v = key_head<E>(a, a.v, own.kv);
    for (int j0 = piece.first; j0 < piece.end; j0 += teams * at_once) {
      Pack<E, each> k_parts[at_once]{}, v_parts[at_once]{};
#pragma unroll
      for (int u = 0; u < at_once; ++u)
        if (const int j = j0 + team + u * teams; j < piece.end) {
          k_parts[u] = load_part<each>(k + j * a.k.row, d, D, wide);
          v_parts[u] = load_part<each>(v + j * a.v.row, d, D, wide);
        }
      sums.add(k_parts, v_parts, j0 + team, teams, piece.end);
    }
#pragma unroll
    for (int r = 0; r < rows; ++r) {
#pragma unroll
      for (int e = 0; e < each; ++e) memory.sum[team][r][d + e] = sums.sum[r][e];
      if (d == 0) memory.most[team][r] = sums.most[r], memory.total[team][r] = sums.total[r];
    }
  }
  __syncthreads();
  join_teams<Tile, rows>(memory);
  __syncthreads();
  const Pieces pieces = pieces_in(scratch, a, splits);
  for (int e = thread; e < own.n * W; e += threads) {
    const int r = e / W, column = e % W;
    if (column >= D) continue;
    float sum = 0;
    for (int t = 0; t < teams; ++t) sum = std::fma(memory.factor[t][r], memory.sum[t][r][column], sum);
    const int Tq = static_cast<int>(a.Tq), at = own.first + r, i = at % Tq;
    const int bh = own.kv * heads_per_key(a) + at / Tq;
    const int64_t row = int64_t{bh} * Tq + i, slot = row * splits + blockIdx.y;
    const float most = memory.row_most[r], total = memory.row_total[r];
    if (splits == 1) {
      store_sum<E>(a, bh, i, column, sum, total);
      if (column == 0) store_lse(a, row, most, total);
    } else {
      pieces.sum[slot * D + column] = sum;
      if (column == 0) pieces.most[slot] = most, pieces.total[slot] = total;
    }
  }
}

struct WarpSums {
  float at[warps][most_tiled_width];
};

/// Row blockIdx.x from the results of its pieces. Each warp adds every fourth piece in order, and the warps' sums
/// are added in order.
template <class E>
__global__ void __launch_bounds__(threads, blocks_with(threads, 64))
    join_pieces(AttentionForward given, int splits, float* scratch) {
  const AttentionForward a = as_of_now(given);
  static_assert(most_key_splits == 64);
  WarpSums& sums = shared_memory<WarpSums>();
  const int64_t row = blockIdx.x;
  const int thread = static_cast<int>(threadIdx.x), lane = thread % 32, warp = thread / 32;
  const int n = pieces_with_keys(keys_of_all(a), splits), D = static_cast<int>(a.D);
  const Pieces pieces = pieces_in(scratch, a, splits);
  float factor[2], total = 0, largest = unseen<float>;  // of pieces lane and lane + 32
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    factor[h] = lane + 32 * h < n ? pieces.most[row * splits + lane + 32 * h] : unseen<float>;
    largest = max(largest, factor[h]);
  }
  largest = warp_max(largest);
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    factor[h] = power_of_two(factor[h] - base_of(largest));
    if (lane + 32 * h < n) total = std::fma(factor[h], pieces.total[row * splits + lane + 32 * h], total);
  }
  total = warp_sum(total);
  constexpr int parts = most_tiled_width / 32;
  float sum[parts] = {};
#pragma unroll 4
  for (int s = warp; s < n; s += warps) {
    const float first = __shfl_sync(0xffffffffu, factor[0], s % 32),
                second = __shfl_sync(0xffffffffu, factor[1], s % 32);
    const float* const of_piece = pieces.sum + (row * splits + s) * D;
#pragma unroll
    for (int c = 0; c < parts; ++c)
      if (lane + 32 * c < D) sum[c] = std::fma(s < 32 ? first : second, of_piece[lane + 32 * c], sum[c]);
  }
#pragma unroll
  for (int c = 0; c < parts; ++c) sums.at[warp][lane + 32 * c] = sum[c];
  __syncthreads();
  if (thread >= D) return;
  float whole = 0;
#pragma unroll
  for (int w = 0; w < warps; ++w) whole += sums.at[w][thread];
  store_sum<E>(a, static_cast<int>(row / a.Tq), static_cast<int>(row % a.Tq), thread, whole, total);
  if (thread == 0) store_lse(a, row, largest, total);
}

/// Whether every row of a bf16 or float32 operand can be loaded 16 bytes at a time.
template <class E, class H>
bool wide_rows(const H& x) {
  constexpr int64_t each = 16 / sizeof(E);
  return reinterpret_cast<uintptr_t>(x.data) % 16 == 0 && x.batch % each == 0 && x.head % each == 0 &&
         x.row % each == 0;
}

template <class E, int W, int rows>
void forward(const Launch& on, const AttentionForward& a) {
  const auto splits = static_cast<int>(key_splits(a));
  const int64_t groups = a.B * a.Hkv * ceil_div(rows_per_key_head(a), int64_t{rows});
  const bool wide =
      a.D % FewTile<E, W, rows>::each == 0 && wide_rows<E>(a.q) && wide_rows<E>(a.k) && wide_rows<E>(a.v);
  auto* const scratch = static_cast<float*>(on.scratch);
  launch(on, "attention_piece", {{static_cast<unsigned>(groups), static_cast<unsigned>(splits)}, threads},
         attend_piece<E, W, rows>, a, splits, wide, scratch);
  if (splits > 1)
    launch(on, "attention_join", {static_cast<unsigned>(a.B * a.H * a.Tq), threads}, join_pieces<E>, a,
           splits, scratch);
}

template <class E, int W>
void forward(const Launch& on, const AttentionForward& a) {
  const int64_t rows = rows_per_key_head(a);
  rows == 1   ? forward<E, W, 1>(on, a)
  : rows <= 4 ? forward<E, W, 4>(on, a)
              : forward<E, W, most_shared_rows>(on, a);
}

template <class E>
void forward(const Launch& on, const AttentionForward& a) {
  a.D <= 32 ? forward<E, 32>(on, a) : a.D <= 64 ? forward<E, 64>(on, a) : forward<E, most_tiled_width>(on, a);
}

}  // namespace

template <>
void kernel<"cuda.few_queries", Isa::HEWN_ISA>(const Launch& on, const AttentionForward& a) {
  a.dtype == DType::bf16 ? forward<bf16>(on, a) : forward<float>(on, a);
}

}  // namespace hewn
