// The backward pass of attention on tensor cores: one kernel whose blocks own rows of dq, and one whose
// blocks own rows of dk and dv. Both recompute the probabilities from the saved lse. This takes seven
// products instead of five, but every result is written by a single block, so it needs neither atomics nor a
// reduction over blocks.

#include "kernels/attention/abi.h"
#include "kernels/attention/gpu/mma.cuh"

namespace hewn {
namespace {

/// The block's own rows, 16 m per warp, and the other rows, `other` at a time.
template <int D, bool dropped>
struct QueryTile {
  static constexpr int m = D > 64 || dropped ? 1 : 2, own = mma_warps * 16 * m, other = 32;
  static constexpr int blocks = 2;  ///< per multiprocessor
  struct Stage {
    Bf16Rows<D, other> k, v;
  };
  struct WithoutMask {
    Bf16Rows<D, own> q, dy;
    Stage stage[2];
  };
  using Memory = MemoryFor<WithoutMask, own, dropped>;
  static_assert(fits_mma(blocks, 16 * m * (D + 2 * other) / 32, sizeof(Memory)),
                "dq, scores and their gradients must fit in registers");
};

template <int D, bool dropped>
struct KeyTile {
  static constexpr int m = 1, own = mma_warps * 16 * m, other = D > 64 ? 32 : 64;
  static constexpr int blocks = 2;  ///< per multiprocessor
  static_assert(own == 64, "the keys of a mask");
  struct Stage {
    Bf16Rows<D, other> q, dy;
    float lse[other], delta[other];
  };
  struct WithoutMask {
    Bf16Rows<D, own> k, v;
    Stage stage[2];
  };
  using Memory = MemoryFor<WithoutMask, other, dropped>;
  static_assert(fits_mma(blocks, 16 * m * (2 * D + 2 * other) / 32, sizeof(Memory)),
                "dk, dv, scores and their gradients must fit in registers");
};

/// A block owns rows of dq and loops over the keys that these rows attend to.
template <int D, bool dropped>
__global__ void __launch_bounds__(mma_threads, QueryTile<D, dropped>::blocks)
    query_gradients(AttentionBackward a, DropoutMask mask, const float* delta) {
  using Tile = QueryTile<D, dropped>;
  constexpr int m = Tile::m, queries = Tile::own, keys = Tile::other;
  auto& memory = *dynamic_shared<typename Tile::Memory>();
  const OwnRows block = queries_of_block(a, queries, static_cast<int>(blockIdx.x));
  const int bh = block.head, i0 = block.first;
  const int width = static_cast<int>(a.D), kv = bh / heads_per_key(a);
  const int own = warp_index() * 16 * m, last = i0 + own + 16 * m - 1;
  const float factor = static_cast<float>(a.scale) * log2_e;
  const Visits visits = keys_for(a, i0, queries, keys);
  RowCopies<D, keys> fetch_k(key_head<bf16>(a, a.k, kv), a.k.row, visits.first);
  RowCopies<D, keys> fetch_v(key_head<bf16>(a, a.v, kv), a.v.row, visits.first);
  const auto fetch = [&](typename Tile::Stage& stage, int j0) {
    if (j0 < visits.end) {
      fetch_k(stage.k, a.k.row, static_cast<int>(a.Tk) - j0, width);
      fetch_v(stage.v, a.v.row, static_cast<int>(a.Tk) - j0, width);
      if constexpr (dropped)
        if (j0 % 64 == 0 || j0 == visits.first)
          fill_kept(memory.kept[j0 / 64 % 2], a, mask, bh, i0, j0 / 64 * 64);
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
  for_visits(visits, keys, [&]<bool whole>(int j0) {
    await_copies<0>();
    __syncthreads();  // this stage is ready for all threads, and none still reads the other
    const auto& stage = memory.stage[use];
    use ^= 1;
    fetch(memory.stage[use], j0 + keys);
    if (!whole && !some_see(a, i0 + own, last, j0, j0 + keys - 1)) return;
    float s[m][keys / 8][4], dp[m][keys / 8][4];
    multiply_rows<D, m, keys>(s, memory.q, own, stage.k);
    multiply_rows<D, m, keys>(dp, memory.dy, own, stage.v);
#pragma unroll
    for (int y = 0; y < m; ++y)
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        const Element place = place_in_c(lane_index(), 2 * h);
        const int r = own + 16 * y + place.row;
        const Span seen = keys_of(a, i0 + r, j0 + place.col);
        const KeptRow<keys, dropped> kept(memory, mask, r, j0);
#pragma unroll
        for (int x = 0; x < keys / 8; ++x)
#pragma unroll
          for (int e = 2 * h; e < 2 * h + 2; ++e) {
            const float p = whole || seen.has(8 * x + e % 2)
                                ? power_of_two(std::fma(s[y][x][e], factor, -base[y][h]))
                                : 0;
            s[y][x][e] = p * std::fma(kept(x, e % 2), dp[y][x][e], -less[y][h]);
          }
      }
    add_products<D, m, keys>(dq, s, stage.k);
  });
  float scale[m][2];
#pragma unroll
  for (int y = 0; y < m; ++y) scale[y][0] = scale[y][1] = static_cast<float>(a.scale);
  write_rows<D, m>(query_head<bf16>(a, a.dq, bh), a.dq.row, i0 + own, a.Tq, width, dq, scale, a.to_dq);
}

/// A block owns rows of dk and dv and loops over the queries that attend to them, head by head for all heads
/// that read them. Here the rows of the scores are keys.
template <int D, bool dropped>
__global__ void __launch_bounds__(mma_threads, KeyTile<D, dropped>::blocks)
    key_gradients(AttentionBackward a, DropoutMask mask, const float* delta) {
  using Tile = KeyTile<D, dropped>;
  constexpr int m = Tile::m, keys = Tile::own, queries = Tile::other;
  auto& memory = *dynamic_shared<typename Tile::Memory>();
  const OwnRows block = keys_of_block(a, keys, static_cast<int>(blockIdx.x));
  const int kv = block.head, j0 = block.first;
  const int width = static_cast<int>(a.D), heads = heads_per_key(a);
  const int own = warp_index() * 16 * m, last = j0 + own + 16 * m - 1;
  const float factor = static_cast<float>(a.scale) * log2_e;
  const Visits visits = queries_for(a, j0, keys, queries);
  const int first_head = kv * heads, end_head = first_head + heads;
  // Rows of a head that are visited; from its last to the first of the next head, which follows it in memory.
  const int visited = ceil_div(visits.end - visits.first, queries) * queries;
  int next_head = first_head, next = visits.first;  // the next stage to fetch
  RowCopies<D, queries> fetch_q(query_head<bf16>(a, a.q, next_head), a.q.row, next);
  RowCopies<D, queries> fetch_dy(query_head<bf16>(a, a.dy, next_head), a.dy.row, next);
  // Of lse and of delta, each thread copies one number at most.
  const int t = static_cast<int>(threadIdx.x), own_value = t % queries;
  const float* value =
      (t < queries ? static_cast<const float*>(a.lse) : delta) + next_head * a.Tq + next + own_value;
  const auto fetch = [&](int to) {
    if (next_head < end_head && next < visits.end) {
      auto& stage = memory.stage[to];
      fetch_q(stage.q, a.q.row, static_cast<int>(a.Tq) - next, width);
      fetch_dy(stage.dy, a.dy.row, static_cast<int>(a.Tq) - next, width);
      if (t < 2 * queries)
        copy_async<4>(t < queries ? &stage.lse[own_value] : &stage.delta[own_value], value,
                      next + own_value < static_cast<int>(a.Tq) ? 4 : 0);
      if constexpr (dropped) fill_kept(memory.kept[to], a, mask, next_head, next, j0);
      next += queries;
      value += queries;
      if (next >= visits.end) {
        ++next_head, next = visits.first;
        fetch_q.move(a.q.head - visited * a.q.row);
        fetch_dy.move(a.dy.head - visited * a.dy.row);
        value += a.Tq - visited;
      }
    }
    end_copies();
  };
  copy_rows(memory.k, key_head<bf16>(a, a.k, kv), a.k.row, j0, a.Tk, width);
  copy_rows(memory.v, key_head<bf16>(a, a.v, kv), a.v.row, j0, a.Tk, width);
  fetch(0);
  float dk[m][D / 8][4] = {}, dv[m][D / 8][4] = {};
  int use = 0;
  for (int bh = first_head; bh < end_head; ++bh)
    for_visits(visits, queries, [&]<bool whole>(int i0) {
      await_copies<0>();
      __syncthreads();  // this stage is ready for all threads, and none still reads the other
      const int now = use;
      use ^= 1;
      fetch(use);
      if (!whole && !some_see(a, i0, i0 + queries - 1, j0 + own, last)) return;
      const auto& stage = memory.stage[now];
      float p[m][queries / 8][4], ds[m][queries / 8][4];
      multiply_rows<D, m, queries>(p, memory.k, own, stage.q);
      multiply_rows<D, m, queries>(ds, memory.v, own, stage.dy);
      const int lane = derived_here(lane_index()), key = own + place_in_c(lane, 0).row;  // its first
      Span seen[m][2];
#pragma unroll
      for (int y = 0; y < m; ++y)
#pragma unroll
        for (int h = 0; h < 2; ++h) {
          const Element place = place_in_c(lane, 2 * h);
          seen[y][h] = queries_of(a, j0 + own + 16 * y + place.row, i0 + place.col);
        }
#pragma unroll
      for (int x = 0; x < queries / 8; ++x)
#pragma unroll
        for (int c = 0; c < 2; ++c) {
          const int r = 8 * x + place_in_c(lane, c).col;
          const float base = log2_e * stage.lse[r], less = stage.delta[r];
          [[maybe_unused]] uint32_t bits = 0;  // of the lane's first key and those after it
          if constexpr (dropped) bits = memory.kept[now].of[r][key / 32] >> key % 32;
#pragma unroll
          for (int y = 0; y < m; ++y)
#pragma unroll
            for (int h = 0; h < 2; ++h) {
              const int e = 2 * h + c;
              float keep = 1;
              if constexpr (dropped) keep = factor_of(mask, bits, 16 * y + 8 * h);
              const float all =
                  whole || seen[y][h].has(8 * x + c) ? power_of_two(std::fma(p[y][x][e], factor, -base)) : 0;
              p[y][x][e] = keep * all;
              ds[y][x][e] = all * std::fma(keep, ds[y][x][e], -less);
            }
        }
      add_products<D, m, queries>(dv, p, stage.dy);
      add_products<D, m, queries>(dk, ds, stage.q);
    });
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

template <int D, bool dropped>
void backward(const Launch& on, const AttentionBackward& a) {
  using Queries = QueryTile<D, dropped>;
  using Keys = KeyTile<D, dropped>;
  launch_delta<bf16, float>(on, a);
  const auto* delta = static_cast<const float*>(on.scratch);
  const int64_t query_blocks = a.B * a.H * ceil_div(a.Tq, int64_t{Queries::own}),
                key_blocks = a.B * a.Hkv * ceil_div(a.Tk, int64_t{Keys::own});
  launch(on, "attention_mma_query_gradients",
         {static_cast<unsigned>(query_blocks), mma_threads, sizeof(typename Queries::Memory)},
         query_gradients<D, dropped>, a, mask_of(a), delta);
  launch(on, "attention_mma_key_gradients",
         {static_cast<unsigned>(key_blocks), mma_threads, sizeof(typename Keys::Memory)},
         key_gradients<D, dropped>, a, mask_of(a), delta);
}

template <int D>
void backward(const Launch& on, const AttentionBackward& a) {
  a.dropout > 0 ? backward<D, true>(on, a) : backward<D, false>(on, a);
}

}  // namespace

template <>
void kernel<"cuda.mma", Isa::HEWN_ISA>(const Launch& on, const AttentionBackward& a) {
  a.D <= 32   ? backward<32>(on, a)
  : a.D <= 64 ? backward<64>(on, a)
  : a.D <= 96 ? backward<96>(on, a)
              : backward<128>(on, a);
}

}  // namespace hewn
