// Blockwise attention on tensor cores, in bf16 with float32 sums, after Dao, "FlashAttention-2"
// (2023): a warp owns its queries, and scores stay in its registers, where they become the left
// operand of the second product.

#include "kernels/attention/abi.h"
#include "kernels/attention/gpu/mma.cuh"

namespace hewn {
namespace {

/// The tile of a block of the forward pass: 16 m queries per warp, `keys` keys at a time. Sums and scores are
/// 16 m (D + keys) numbers in the registers of 32 lanes.
template <int D, bool dropped>
struct ForwardTile {
  static constexpr int m = dropped ? 1 : 2, queries = mma_warps * 16 * m, keys = D > 64 ? 32 : 64;
  static constexpr int blocks = dropped ? 3 : 2;  ///< per multiprocessor
  struct Stage {
    Bf16Rows<D, keys> k, v;
  };
  struct WithoutMask {
    Bf16Rows<D, queries> q;
    Stage stage[2];  ///< one in use, the other being copied
  };
  using Memory = MemoryFor<WithoutMask, queries, dropped>;
  static_assert(fits_mma(blocks, 16 * m * (D + keys) / 32, sizeof(Memory)),
                "sums and scores must fit in registers");
};

/// Sets the scores of keys that a query does not attend to; i0 and j0 are those of the first fragment.
template <int m, int n>
__device__ __forceinline__ void hide_unseen(float (&s)[m][n / 8][4], const AttentionSizes& a, int i0,
                                            int j0) {
#pragma unroll
  for (int y = 0; y < m; ++y)
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      const Element place = place_in_c(derived_here(lane_index()), 2 * h);
      const Span seen = keys_of(a, i0 + 16 * y + place.row, j0 + place.col);
#pragma unroll
      for (int e = 0; e < n / 4; ++e)
        if (!seen.has(e / 2 * 8 + e % 2)) s[y][e / 2][2 * h + e % 2] = unseen<float>;
    }
}

/// Replaces scores by their exponentials relative to the running maximum `most`, adds these to `total`, and
/// rescales all previous sums when the maximum grows.
template <int D, int m, int n, class RowFactors>
__device__ __forceinline__ void soften(float (&p)[m][n / 8][4], float factor, const RowFactors& kept_of,
                                       float (&sum)[m][D / 8][4], float (&most)[m][2], float (&total)[m][2]) {
#pragma unroll
  for (int y = 0; y < m; ++y)
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      float largest = most[y][h];
#pragma unroll
      for (int e = 0; e < n / 4; ++e) largest = max(largest, p[y][e / 2][2 * h + e % 2]);
      largest = row_max<4>(largest);
      // Zero for a row whose keys so far are all masked.
      const float base = largest == unseen<float> ? 0 : largest * factor;
      const float shrink = power_of_two(std::fma(most[y][h], factor, -base));
      most[y][h] = largest;
      const auto kept = kept_of(16 * y + place_in_c(derived_here(lane_index()), 2 * h).row);
      float part = 0;
#pragma unroll
      for (int e = 0; e < n / 4; ++e) {
        float& s = p[y][e / 2][2 * h + e % 2];
        s = power_of_two(std::fma(s, factor, -base));
        part += s;
        s *= kept(e / 2, e % 2);
      }
      total[y][h] = std::fma(total[y][h], shrink, part);
#pragma unroll
      for (int x = 0; x < D / 8; ++x) sum[y][x][2 * h] *= shrink, sum[y][x][2 * h + 1] *= shrink;
    }
}

template <int D, bool dropped>
__global__ void __launch_bounds__(mma_threads, ForwardTile<D, dropped>::blocks)
    attend(AttentionForward a, DropoutMask mask) {
  using Tile = ForwardTile<D, dropped>;
  constexpr int m = Tile::m, queries = Tile::queries, keys = Tile::keys;
  auto& memory = *dynamic_shared<typename Tile::Memory>();
  const OwnRows block = queries_of_block(a, queries, static_cast<int>(blockIdx.x));
  const int bh = block.head, i0 = block.first;
  const int width = static_cast<int>(a.D), kv = bh / heads_per_key(a);
  const int own = warp_index() * 16 * m, last = i0 + own + 16 * m - 1;  // this warp's queries
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
  fetch(memory.stage[0], visits.first);
  float sum[m][D / 8][4] = {}, most[m][2], total[m][2] = {};
#pragma unroll
  for (int y = 0; y < m; ++y) most[y][0] = most[y][1] = unseen<float>;
  int use = 0;
  for_visits(visits, keys, [&]<bool whole>(int j0) {
    await_copies<0>();
    __syncthreads();  // this stage is ready for all threads, and none still reads the other
    const auto& stage = memory.stage[use];
    use ^= 1;
    fetch(memory.stage[use], j0 + keys);
    if (!whole && !some_see(a, i0 + own, last, j0, j0 + keys - 1)) return;
    float p[m][keys / 8][4];
    multiply_rows<D, m, keys>(p, memory.q, own, stage.k);
    if constexpr (!whole) hide_unseen<m, keys>(p, a, i0 + own, j0);
    const auto kept_of = [&](int r) { return KeptRow<keys, dropped>(memory, mask, own + r, j0); };
    soften<D, m, keys>(p, factor, kept_of, sum, most, total);
    add_products<D, m, keys>(sum, p, stage.v);
  });
  float share[m][2];
#pragma unroll
  for (int y = 0; y < m; ++y)
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      const float all = row_sum<4>(total[y][h]);
      const int i = i0 + own + 16 * y + place_in_c(lane_index(), 2 * h).row;
      share[y][h] = 1 / all;
      if (lane_index() % 4 == 0 && i < a.Tq)
        static_cast<float*>(a.lse)[bh * a.Tq + i] =
            std::fma(most[y][h], static_cast<float>(a.scale), std::log(all));
    }
  write_rows<D, m>(query_head<bf16>(a, a.y, bh), a.y.row, i0 + own, a.Tq, width, sum, share, Write::set);
}

template <int D, bool dropped>
void forward(const Launch& on, const AttentionForward& a) {
  using Tile = ForwardTile<D, dropped>;
  const int64_t blocks = a.B * a.H * ceil_div(a.Tq, int64_t{Tile::queries});
  launch(on, "attention_mma", {static_cast<unsigned>(blocks), mma_threads, sizeof(typename Tile::Memory)},
         attend<D, dropped>, a, mask_of(a));
}

template <int D>
void forward(const Launch& on, const AttentionForward& a) {
  a.dropout > 0 ? forward<D, true>(on, a) : forward<D, false>(on, a);
}

}  // namespace

template <>
void kernel<"cuda.mma", Isa::HEWN_ISA>(const Launch& on, const AttentionForward& a) {
  a.D <= 32   ? forward<32>(on, a)
  : a.D <= 64 ? forward<64>(on, a)
  : a.D <= 96 ? forward<96>(on, a)
              : forward<128>(on, a);
}

}  // namespace hewn
