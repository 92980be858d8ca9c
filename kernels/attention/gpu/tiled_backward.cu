// The backward pass of blockwise attention in float32: one kernel whose blocks own rows of dq, and one whose
// blocks own rows of dk and dv. Both recompute the probabilities from the saved lse.

#include "kernels/attention/abi.h"
#include "kernels/attention/gpu/tiled.cuh"
#include "kernels/gpu/simt/limits.h"

namespace hewn {
namespace {

/// The number of other rows that a block processes at a time.
template <int D>
inline constexpr int others = D > 64 ? 16 : 64;

template <int D>
struct QueryMemory {
  Rows<D, own_rows> q, dy;
  Rows<D, others<D>> k, v;
  Scores<others<D>> p;
  float lse[own_rows], delta[own_rows];
};

template <int D>
struct KeyMemory {
  Rows<D, own_rows> k, v;
  Rows<D, others<D>> q, dy;
  Scores<others<D>> p;
  float lse[others<D>], delta[others<D>];
};

/// Scores and their gradients, and dq or dk and dv, must fit in registers.
template <int D>
inline constexpr bool fits = fits_everywhere({tiled_threads, 1, rows_each*(columns<D> + 2 * others<D> / 16),
                                              sizeof(QueryMemory<D>)}) &&
                             fits_everywhere({tiled_threads, 1, rows_each * 2 * (columns<D> + others<D> / 16),
                                              sizeof(KeyMemory<D>)});
static_assert(fits<32> && fits<64> && fits<128>);

/// lse and delta of queries i0 to i0 + n - 1.
template <int n>
__device__ __forceinline__ void load_row_values(float (&lse)[n], float (&delta)[n],
                                                const AttentionBackward& a, int bh, int i0, const float* of) {
  const int r = static_cast<int>(threadIdx.x);
  if (r >= n) return;
  const bool there = i0 + r < a.Tq;
  lse[r] = there ? static_cast<const float*>(a.lse)[bh * a.Tq + i0 + r] : 0;
  delta[r] = there ? of[bh * a.Tq + i0 + r] : 0;
}

/// A block owns 64 rows of dq and loops over the keys that these rows attend to.
template <int D, bool dropped>
__global__ void __launch_bounds__(tiled_threads, 1)
    query_gradients(AttentionBackward a, DropoutMask mask, const float* delta) {
  constexpr int keys = others<D>;
  auto& s = *dynamic_shared<QueryMemory<D>>();
  const OwnRows block = queries_of_block(a, own_rows, static_cast<int>(blockIdx.x));
  const int bh = block.head, i0 = block.first;
  const int width = static_cast<int>(a.D), kv = bh / heads_per_key(a);
  const auto scale = static_cast<float>(a.scale);
  load_rows(s.q, query_head<float>(a, a.q, bh), a.q.row, i0, a.Tq, width);
  load_rows(s.dy, query_head<float>(a, a.dy, bh), a.dy.row, i0, a.Tq, width);
  load_row_values(s.lse, s.delta, a, bh, i0, delta);
  float sum[rows_each][columns<D>] = {};
  const MaskRow mask_first = mask_row(a, bh, i0 + ty());
  for_visits(keys_for(a, i0, own_rows, keys), keys, [&]<bool whole>(int j0) {
    __syncthreads();
    load_rows(s.k, key_head<float>(a, a.k, kv), a.k.row, j0, a.Tk, width);
    load_rows(s.v, key_head<float>(a, a.v, kv), a.v.row, j0, a.Tk, width);
    __syncthreads();
    float p[rows_each][keys / 16], dp[rows_each][keys / 16];
    dots(s.q, s.k, p);
    dots(s.dy, s.v, dp);
    [[maybe_unused]] uint32_t kept_bits[rows_each];  // of keys 16 apart
    if constexpr (dropped) {
      MaskRow rows[rows_each];
#pragma unroll
      for (int y = 0; y < rows_each; ++y) rows[y] = after(mask_first, 16 * y, a);
      kept_fours(kept_bits, dropping(a, mask), rows, j0 + tx());
    }
#pragma unroll
    for (int y = 0; y < rows_each; ++y) {
      const int r = ty() + 16 * y;
      const Span seen = keys_of(a, i0 + r, j0 + tx());
#pragma unroll
      for (int x = 0; x < keys / 16; ++x) {
        float keep = 1, ds = 0;
        if constexpr (dropped) keep = factor_of(mask, kept_bits[y], x);
        if (whole || seen.has(16 * x))
          ds = scale * std::exp(scale * p[y][x] - s.lse[r]) * (keep * dp[y][x] - s.delta[r]);
        s.p.at[r][tx() + 16 * x] = ds;
      }
    }
    __syncwarp();
    add_products(s.p, s.k, sum);
  });
  const float one[rows_each] = {1, 1, 1, 1};
  write_rows<D>(query_head<float>(a, a.dq, bh), a.dq.row, i0, a.Tq, width, sum, one, a.to_dq);
}

/// A block owns 64 rows of dk and dv and loops over the queries that attend to them, head by head for all
/// heads that read them. Here the rows of the scores are keys.
template <int D, bool dropped>
__global__ void __launch_bounds__(tiled_threads, 1)
    key_gradients(AttentionBackward a, DropoutMask mask, const float* delta) {
  constexpr int queries = others<D>;
  auto& s = *dynamic_shared<KeyMemory<D>>();
  const OwnRows block = keys_of_block(a, own_rows, static_cast<int>(blockIdx.x));
  const int kv = block.head, j0 = block.first;
  const int width = static_cast<int>(a.D), heads = heads_per_key(a);
  const auto scale = static_cast<float>(a.scale);
  load_rows(s.k, key_head<float>(a, a.k, kv), a.k.row, j0, a.Tk, width);
  load_rows(s.v, key_head<float>(a, a.v, kv), a.v.row, j0, a.Tk, width);
  float dk[rows_each][columns<D>] = {}, dv[rows_each][columns<D>] = {};
  const Visits visits = queries_for(a, j0, own_rows, queries);
  for (int bh = kv * heads; bh < (kv + 1) * heads; ++bh)
    for_visits(visits, queries, [&]<bool whole>(int i0) {
      __syncthreads();
      load_rows(s.q, query_head<float>(a, a.q, bh), a.q.row, i0, a.Tq, width);
      load_rows(s.dy, query_head<float>(a, a.dy, bh), a.dy.row, i0, a.Tq, width);
      load_row_values(s.lse, s.delta, a, bh, i0, delta);
      __syncthreads();
      float p[rows_each][queries / 16], dp[rows_each][queries / 16];
      dots(s.k, s.q, p);
      dots(s.v, s.dy, dp);
      [[maybe_unused]] uint32_t kept_bits[queries / 16];  // of keys 16 apart
      if constexpr (dropped) {
        MaskRow rows[queries / 16];
        const MaskRow first = mask_row(a, bh, i0 + tx());
#pragma unroll
        for (int x = 0; x < queries / 16; ++x) rows[x] = after(first, 16 * x, a);
        kept_fours(kept_bits, dropping(a, mask), rows, j0 + ty());
      }
#pragma unroll
      for (int y = 0; y < rows_each; ++y) {
        const Span seen = queries_of(a, j0 + ty() + 16 * y, i0 + tx());
#pragma unroll
        for (int x = 0; x < queries / 16; ++x) {
          const int r = tx() + 16 * x;
          float keep = 1, probability = 0;
          if constexpr (dropped) keep = factor_of(mask, kept_bits[x], y);
          if (whole || seen.has(16 * x)) probability = std::exp(scale * p[y][x] - s.lse[r]);
          s.p.at[ty() + 16 * y][r] = keep * probability;
          p[y][x] = scale * probability * (keep * dp[y][x] - s.delta[r]);
        }
      }
      __syncwarp();
      add_products(s.p, s.dy, dv);
      __syncwarp();
#pragma unroll
      for (int y = 0; y < rows_each; ++y)
#pragma unroll
        for (int x = 0; x < queries / 16; ++x) s.p.at[ty() + 16 * y][tx() + 16 * x] = p[y][x];
      __syncwarp();
      add_products(s.p, s.q, dk);
    });
  const float one[rows_each] = {1, 1, 1, 1};
  write_rows<D>(key_head<float>(a, a.dk, kv), a.dk.row, j0, a.Tk, width, dk, one, a.to_dk);
  write_rows<D>(key_head<float>(a, a.dv, kv), a.dv.row, j0, a.Tk, width, dv, one, a.to_dv);
}

template <int D>
void backward(const Launch& on, const AttentionBackward& a) {
  launch_delta<float, float>(on, a);
  const auto* delta = static_cast<const float*>(on.scratch);
  const int64_t query_blocks = a.B * a.H * ceil_div(a.Tq, int64_t{own_rows}),
                key_blocks = a.B * a.Hkv * ceil_div(a.Tk, int64_t{own_rows});
  launch(on, "attention_tiled_query_gradients",
         {static_cast<unsigned>(query_blocks), tiled_threads, sizeof(QueryMemory<D>)},
         a.dropout > 0 ? query_gradients<D, true> : query_gradients<D, false>, a, mask_of(a), delta);
  launch(on, "attention_tiled_key_gradients",
         {static_cast<unsigned>(key_blocks), tiled_threads, sizeof(KeyMemory<D>)},
         a.dropout > 0 ? key_gradients<D, true> : key_gradients<D, false>, a, mask_of(a), delta);
}

}  // namespace

template <>
void kernel<"cuda.tiled", Isa::HEWN_ISA>(const Launch& on, const AttentionBackward& a) {
  a.D <= 32 ? backward<32>(on, a) : a.D <= 64 ? backward<64>(on, a) : backward<128>(on, a);
}

}  // namespace hewn
