// The backward pass of attention on tensor cores: one kernel whose blocks own rows of dq, and one whose
// blocks own rows of dk and dv. Both recompute the probabilities from the saved lse. This takes seven
// products instead of five, but every result is written by a single block, so it needs neither atomics nor a
// reduction over blocks.

#include "kernels/attention/gpu/mma.cuh"
#include "kernels/attention/kernels.h"

namespace hewn {
namespace {

/// The block's own rows, 16 m per warp, and the other rows, `other` at a time.
template <int D>
struct QueryTile {
  static constexpr int m = D > 64 ? 1 : 2, own = mma_warps * 16 * m, other = 32;
  struct Stage {
    Bf16Rows<D, other> k, v;
  };
  struct Memory {
    Bf16Rows<D, own> q, dy;
    Stage stage[2];
  };
  static_assert(fits_mma(16 * m * (D + 2 * other) / 32, sizeof(Memory)),
                "dq, scores and their gradients must fit in registers");
};

template <int D>
struct KeyTile {
  static constexpr int m = 1, own = mma_warps * 16 * m, other = D > 64 ? 32 : 64;
  struct Stage {
    Bf16Rows<D, other> q, dy;
    float lse[other], delta[other];
  };
  struct Memory {
    Bf16Rows<D, own> k, v;
    Stage stage[2];
  };
  static_assert(fits_mma(16 * m * (2 * D + 2 * other) / 32, sizeof(Memory)),
                "dk, dv, scores and their gradients must fit in registers");
};

/// A block owns rows of dq and loops over the keys that these rows attend to.
template <int D>
__global__ void __launch_bounds__(mma_threads, mma_blocks)
    query_gradients(AttentionBackward a, DropoutMask mask, const float* delta) {
  using Tile = QueryTile<D>;
  constexpr int m = Tile::m, queries = Tile::own, keys = Tile::other;
  auto& memory = *dynamic_shared<typename Tile::Memory>();
  const auto [bh, i0] = queries_of_block(a, queries, static_cast<int>(blockIdx.x));
  const int width = static_cast<int>(a.D), kv = bh / heads_per_key(a);
  const int own = warp_index() * 16 * m, last = i0 + own + 16 * m - 1;
  const float factor = static_cast<float>(a.scale) * log2_e;
  const Visits visits = keys_for(a, i0, queries, keys);
  const auto fetch = [&](typename Tile::Stage& stage, int j0) {
    if (j0 < visits.end) {
      copy_rows(stage.k, key_head<bf16>(a, a.k, kv), a.k.row, j0, a.Tk, width);
      copy_rows(stage.v, key_head<bf16>(a, a.v, kv), a.v.row, j0, a.Tk, width);
    }
    end_copies();
  };
  copy_rows(memory.q, query_head<bf16>(a, a.q, bh), a.q.row, i0, a.Tq, width);
  copy_rows(memory.dy, query_head<bf16>(a, a.dy, bh), a.dy.row, i0, a.Tq, width);
  fetch(memory.stage[0], visits.first);
  float dq[m][D / 8][4] = {}, base[m][2], less[m][2];  // lse / ln 2 and delta of this lane's rows
#pragma unroll
  for (int y = 0; y < m; ++y)
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      const int i = i0 + own + 16 * y + place_in_c(lane_index(), 2 * h).row;
      base[y][h] = i < a.Tq ? log2_e * static_cast<const float*>(a.lse)[bh * a.Tq + i] : 0;
      less[y][h] = i < a.Tq ? delta[bh * a.Tq + i] : 0;
    }
  int use = 0;
  for (int j0 = visits.first; j0 < visits.end; j0 += keys, use ^= 1) {
    await_copies<0>();
    __syncthreads();  // this stage is ready for all threads, and none still reads the other
    fetch(memory.stage[use ^ 1], j0 + keys);
    if (!some_see(a, i0 + own, last, j0, j0 + keys - 1)) continue;
    const bool whole = all_see(a, i0 + own, last, j0, j0 + keys - 1);
    float s[m][keys / 8][4], dp[m][keys / 8][4];
    multiply_rows<D, m, keys>(s, memory.q, own, memory.stage[use].k);
    multiply_rows<D, m, keys>(dp, memory.dy, own, memory.stage[use].v);
#pragma unroll
    for (int y = 0; y < m; ++y)
#pragma unroll
      for (int x = 0; x < keys / 8; ++x)
#pragma unroll
        for (int e = 0; e < 4; ++e) {
          const Element place = place_in_c(lane_index(), e);
          const int i = i0 + own + 16 * y + place.row, j = j0 + 8 * x + place.col;
          const float p =
              whole || sees(a, i, j) ? power_of_two(std::fma(s[y][x][e], factor, -base[y][e / 2])) : 0;
          s[y][x][e] = p * std::fma(kept<float>(a, mask, bh, i, j), dp[y][x][e], -less[y][e / 2]);
        }
    add_products<D, m, keys>(dq, s, memory.stage[use].k);
  }
  float scale[m][2];
#pragma unroll
  for (int y = 0; y < m; ++y) scale[y][0] = scale[y][1] = static_cast<float>(a.scale);
  write_rows<D, m>(query_head<bf16>(a, a.dq, bh), a.dq.row, i0 + own, a.Tq, width, dq, scale, a.to_dq);
}

/// A block owns rows of dk and dv and loops over the queries that attend to them, head by head for all heads
/// that read them. Here the rows of the scores are keys.
template <int D>
__global__ void __launch_bounds__(mma_threads, mma_blocks)
    key_gradients(AttentionBackward a, DropoutMask mask, const float* delta) {
  using Tile = KeyTile<D>;
  constexpr int m = Tile::m, keys = Tile::own, queries = Tile::other;
  auto& memory = *dynamic_shared<typename Tile::Memory>();
  const auto [kv, j0] = keys_of_block(a, keys, static_cast<int>(blockIdx.x));
  const int width = static_cast<int>(a.D), heads = heads_per_key(a);
  const int own = warp_index() * 16 * m, last = j0 + own + 16 * m - 1;
  const float factor = static_cast<float>(a.scale) * log2_e;
  const Visits visits = queries_for(a, j0, keys, queries);
  const int end_head = (kv + 1) * heads;
  int next_head = kv * heads, next = visits.first;  // the next stage to fetch
  const auto fetch = [&](typename Tile::Stage& stage) {
    if (next_head < end_head && next < visits.end) {
      copy_rows(stage.q, query_head<bf16>(a, a.q, next_head), a.q.row, next, a.Tq, width);
      copy_rows(stage.dy, query_head<bf16>(a, a.dy, next_head), a.dy.row, next, a.Tq, width);
      const int t = static_cast<int>(threadIdx.x), r = t % queries;
      const int64_t at = next_head * a.Tq + (next + r < a.Tq ? next + r : 0);
      if (t < 2 * queries)
        copy_async<4>(t < queries ? &stage.lse[r] : &stage.delta[r],
                      (t < queries ? static_cast<const float*>(a.lse) : delta) + at, next + r < a.Tq ? 4 : 0);
      next += queries;
      if (next >= visits.end) ++next_head, next = visits.first;
    }
    end_copies();
  };
  copy_rows(memory.k, key_head<bf16>(a, a.k, kv), a.k.row, j0, a.Tk, width);
  copy_rows(memory.v, key_head<bf16>(a, a.v, kv), a.v.row, j0, a.Tk, width);
  fetch(memory.stage[0]);
  float dk[m][D / 8][4] = {}, dv[m][D / 8][4] = {};
  int use = 0;
  for (int bh = kv * heads; bh < end_head; ++bh) {
    for (int i0 = visits.first; i0 < visits.end; i0 += queries, use ^= 1) {
      await_copies<0>();
      __syncthreads();  // this stage is ready for all threads, and none still reads the other
      fetch(memory.stage[use ^ 1]);
      if (!some_see(a, i0, i0 + queries - 1, j0 + own, last)) continue;
      const auto& stage = memory.stage[use];
      const bool whole = all_see(a, i0, i0 + queries - 1, j0 + own, last);
      float p[m][queries / 8][4], ds[m][queries / 8][4];
      multiply_rows<D, m, queries>(p, memory.k, own, stage.q);
      multiply_rows<D, m, queries>(ds, memory.v, own, stage.dy);
#pragma unroll
      for (int x = 0; x < queries / 8; ++x)
#pragma unroll
        for (int c = 0; c < 2; ++c) {
          const int r = 8 * x + place_in_c(lane_index(), c).col, i = i0 + r;
          const float base = log2_e * stage.lse[r], less = stage.delta[r];
#pragma unroll
          for (int y = 0; y < m; ++y)
#pragma unroll
            for (int h = 0; h < 2; ++h) {
              const int e = 2 * h + c, j = j0 + own + 16 * y + place_in_c(lane_index(), e).row;
              const float keep = kept<float>(a, mask, bh, i, j);
              const float all =
                  whole || sees(a, i, j) ? power_of_two(std::fma(p[y][x][e], factor, -base)) : 0;
              p[y][x][e] = keep * all;
              ds[y][x][e] = all * std::fma(keep, ds[y][x][e], -less);
            }
        }
      add_products<D, m, queries>(dv, p, stage.dy);
      add_products<D, m, queries>(dk, ds, stage.q);
    }
  }
  await_copies<0>();
  float scale[m][2], one[m][2];
#pragma unroll
  for (int y = 0; y < m; ++y) {
    scale[y][0] = scale[y][1] = static_cast<float>(a.scale);
    one[y][0] = one[y][1] = 1;
  }
  write_rows<D, m>(key_head<bf16>(a, a.dk, kv), a.dk.row, j0 + own, a.Tk, width, dk, scale, a.to_dk);
  write_rows<D, m>(key_head<bf16>(a, a.dv, kv), a.dv.row, j0 + own, a.Tk, width, dv, one, a.to_dv);
}

template <int D>
void backward(const Launch& on, const AttentionBackward& a) {
  launch_delta<bf16, float>(on, a);
  const auto* delta = static_cast<const float*>(on.scratch);
  const int64_t query_blocks = a.B * a.H * ceil_div(a.Tq, int64_t{QueryTile<D>::own}),
                key_blocks = a.B * a.Hkv * ceil_div(a.Tk, int64_t{KeyTile<D>::own});
  launch(on, "attention_mma_query_gradients",
         {static_cast<unsigned>(query_blocks), mma_threads, sizeof(typename QueryTile<D>::Memory)},
         query_gradients<D>, a, mask_of(a), delta);
  launch(on, "attention_mma_key_gradients",
         {static_cast<unsigned>(key_blocks), mma_threads, sizeof(typename KeyTile<D>::Memory)},
         key_gradients<D>, a, mask_of(a), delta);
}

}  // namespace

template <>
void attention_gpu_mma<Isa::HEWN_ISA>(const Launch& on, const AttentionBackward& a) {
  a.D <= 32   ? backward<32>(on, a)
  : a.D <= 64 ? backward<64>(on, a)
  : a.D <= 96 ? backward<96>(on, a)
              : backward<128>(on, a);
}

}  // namespace hewn
