// Blockwise attention on tensor cores, in bf16 with float32 sums, after Dao, "FlashAttention-2"
// (2023): a warp owns its queries, and scores stay in its registers, where they become the left
// operand of the second product.

#include "kernels/attention/gpu/mma.cuh"
#include "kernels/attention/kernels.h"

namespace hewn {
namespace {

/// The tile of a block of the forward pass: 16 m queries per warp, `keys` keys at a time. Sums and scores are
/// 16 m (D + keys) numbers in the registers of 32 lanes.
template <int D>
struct ForwardTile {
  static constexpr int m = 2, queries = mma_warps * 16 * m, keys = D > 64 ? 32 : 64;
  struct Stage {
    Bf16Rows<D, keys> k, v;
  };
  struct Memory {
    Bf16Rows<D, queries> q;
    Stage stage[2];  ///< one in use, the other being copied
  };
  static_assert(fits_mma(16 * m * (D + keys) / 32, sizeof(Memory)), "sums and scores must fit in registers");
};

/// Replaces scores by their exponentials relative to the running maximum `most`, adds these to `total`, and
/// rescales all previous sums when the maximum grows.
template <int D, int m, int n>
__device__ __forceinline__ void soften(const AttentionForward& a, const DropoutMask& mask, int bh, int i0,
                                       int j0, bool whole, float factor, float (&p)[m][n / 8][4],
                                       float (&sum)[m][D / 8][4], float (&most)[m][2], float (&total)[m][2]) {
  constexpr float none = unseen<float>;
#pragma unroll
  for (int y = 0; y < m; ++y)
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      const Element place = place_in_c(lane_index(), 2 * h);
      const int i = i0 + 16 * y + place.row;
      float largest = most[y][h];
#pragma unroll
      for (int e = 0; e < n / 4; ++e) {
        float& s = p[y][e / 2][2 * h + e % 2];
        if (!whole && !sees(a, i, j0 + e / 2 * 8 + place.col + e % 2)) s = none;
        largest = max(largest, s);
      }
      largest = row_max<4>(largest);
      const float base = largest == none ? 0 : largest * factor;  // a row whose keys so far are all masked
      const float shrink = power_of_two(std::fma(most[y][h], factor, -base));
      most[y][h] = largest;
      float part = 0;
#pragma unroll
      for (int e = 0; e < n / 4; ++e) {
        float& s = p[y][e / 2][2 * h + e % 2];
        s = power_of_two(std::fma(s, factor, -base));
        part += s;
        if (a.dropout > 0) s *= kept<float>(a, mask, bh, i, j0 + e / 2 * 8 + place.col + e % 2);
      }
      total[y][h] = std::fma(total[y][h], shrink, part);
#pragma unroll
      for (int x = 0; x < D / 8; ++x) sum[y][x][2 * h] *= shrink, sum[y][x][2 * h + 1] *= shrink;
    }
}

template <int D>
__global__ void __launch_bounds__(mma_threads, mma_blocks) attend(AttentionForward a, DropoutMask mask) {
  using Tile = ForwardTile<D>;
  constexpr int m = Tile::m, queries = Tile::queries, keys = Tile::keys;
  auto& memory = *dynamic_shared<typename Tile::Memory>();
  const auto [bh, i0] = queries_of_block(a, queries, static_cast<int>(blockIdx.x));
  const int width = static_cast<int>(a.D), kv = bh / heads_per_key(a);
  const int own = warp_index() * 16 * m, last = i0 + own + 16 * m - 1;  // this warp's queries
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
  fetch(memory.stage[0], visits.first);
  float sum[m][D / 8][4] = {}, most[m][2], total[m][2] = {};
#pragma unroll
  for (int y = 0; y < m; ++y) most[y][0] = most[y][1] = unseen<float>;
  int use = 0;
  for (int j0 = visits.first; j0 < visits.end; j0 += keys, use ^= 1) {
    await_copies<0>();
    __syncthreads();  // this stage is ready for all threads, and none still reads the other
    fetch(memory.stage[use ^ 1], j0 + keys);
    if (!some_see(a, i0 + own, last, j0, j0 + keys - 1)) continue;
    float p[m][keys / 8][4];
    multiply_rows<D, m, keys>(p, memory.q, own, memory.stage[use].k);
    soften<D, m, keys>(a, mask, bh, i0 + own, j0, all_see(a, i0 + own, last, j0, j0 + keys - 1), factor, p,
                       sum, most, total);
    add_products<D, m, keys>(sum, p, memory.stage[use].v);
  }
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

template <int D>
void forward(const Launch& on, const AttentionForward& a) {
  using Tile = ForwardTile<D>;
  const int64_t blocks = a.B * a.H * ceil_div(a.Tq, int64_t{Tile::queries});
  launch(on, "attention_mma", {static_cast<unsigned>(blocks), mma_threads, sizeof(typename Tile::Memory)},
         attend<D>, a, mask_of(a));
}

}  // namespace

template <>
void attention_gpu_mma<Isa::HEWN_ISA>(const Launch& on, const AttentionForward& a) {
  a.D <= 32   ? forward<32>(on, a)
  : a.D <= 64 ? forward<64>(on, a)
  : a.D <= 96 ? forward<96>(on, a)
              : forward<128>(on, a);
}

}  // namespace hewn
