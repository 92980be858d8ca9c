// Blockwise attention in float32, as in Dao, "FlashAttention-2" (2023): scores of 64 queries and up to 64
// keys are a product of small matrices in registers and never leave the multiprocessor.

#include "kernels/attention/abi.h"
#include "kernels/attention/gpu/tiled.cuh"
#include "kernels/gpu/simt/limits.h"

namespace hewn {
namespace {

/// The tile of a block of the forward pass: its queries, and `keys` keys at a time. Sums and scores are in
/// the threads' registers.
template <int D>
struct ForwardTile {
  static constexpr int keys = D > 64 ? 32 : 64;
  struct Memory {
    Rows<D, own_rows> q;
    Rows<D, keys> k, v;
    Scores<keys> p;
  };
  static_assert(fits_everywhere({tiled_threads, 1, rows_each*(columns<D> + keys / 16), sizeof(Memory)}));
};

template <int D, bool dropped>
__global__ void __launch_bounds__(tiled_threads, 1) attend(AttentionForward a, DropoutMask mask) {
  constexpr int keys = ForwardTile<D>::keys;
  auto& s = *dynamic_shared<typename ForwardTile<D>::Memory>();
  constexpr float none = unseen<float>;
  const OwnRows block = queries_of_block(a, own_rows, static_cast<int>(blockIdx.x));
  const int bh = block.head, i0 = block.first;
  const int width = static_cast<int>(a.D), kv = bh / heads_per_key(a);
  const auto scale = static_cast<float>(a.scale);
  load_rows(s.q, query_head<float>(a, a.q, bh), a.q.row, i0, a.Tq, width);
  float sum[rows_each][columns<D>] = {}, most[rows_each], total[rows_each] = {};
#pragma unroll
  for (int y = 0; y < rows_each; ++y) most[y] = none;
  const MaskRow mask_first = mask_row(a, bh, i0 + ty());
  for_visits(keys_for(a, i0, own_rows, keys), keys, [&]<bool whole>(int j0) {
    __syncthreads();  // all threads are done with the previous keys and values
    load_rows(s.k, key_head<float>(a, a.k, kv), a.k.row, j0, a.Tk, width);
    load_rows(s.v, key_head<float>(a, a.v, kv), a.v.row, j0, a.Tk, width);
    __syncthreads();
    float p[rows_each][keys / 16];
    dots(s.q, s.k, p);
    [[maybe_unused]] uint32_t kept_bits[rows_each];
    if constexpr (dropped) {
      MaskRow rows[rows_each];
#pragma unroll
      for (int y = 0; y < rows_each; ++y) rows[y] = after(mask_first, 16 * y, a);
      kept_fours(kept_bits, dropping(a, mask), rows, j0 + tx());
    }
#pragma unroll
    for (int y = 0; y < rows_each; ++y) {
      const Span seen = keys_of(a, i0 + ty() + 16 * y, j0 + tx());
      float largest = most[y];
#pragma unroll
      for (int x = 0; x < keys / 16; ++x) {
        p[y][x] = whole || seen.has(16 * x) ? scale * p[y][x] : none;
        largest = max(largest, p[y][x]);
      }
      largest = row_max<16>(largest);
      const float base = largest == none ? 0 : largest;  // a row whose keys so far are all masked
      const float shrink = std::exp(most[y] - base);
      most[y] = largest;
      float part = 0;
#pragma unroll
      for (int x = 0; x < keys / 16; ++x) {
        float probability = std::exp(p[y][x] - base);
        part += probability;
        if constexpr (dropped) probability *= factor_of(mask, kept_bits[y], x);
        s.p.at[ty() + 16 * y][tx() + 16 * x] = probability;
      }
      total[y] = total[y] * shrink + part;
#pragma unroll
      for (int c = 0; c < columns<D>; ++c) sum[y][c] *= shrink;
    }
    __syncwarp();  // a warp reads only rows of p that it wrote itself
    add_products(s.p, s.v, sum);
  });
  float factor[rows_each];
#pragma unroll
  for (int y = 0; y < rows_each; ++y) {
    const float whole = row_sum<16>(total[y]);
    const int i = i0 + ty() + 16 * y;
    factor[y] = 1 / whole;
    if (tx() == 0 && i < a.Tq) static_cast<float*>(a.lse)[bh * a.Tq + i] = most[y] + std::log(whole);
  }
  write_rows<D>(query_head<float>(a, a.y, bh), a.y.row, i0, a.Tq, width, sum, factor, Write::set);
}

template <int D>
void forward(const Launch& on, const AttentionForward& a) {
  const int64_t blocks = a.B * a.H * ceil_div(a.Tq, int64_t{own_rows});
  launch(on, "attention_tiled",
         {static_cast<unsigned>(blocks), tiled_threads, sizeof(typename ForwardTile<D>::Memory)},
         a.dropout > 0 ? attend<D, true> : attend<D, false>, a, mask_of(a));
}

}  // namespace

template <>
void kernel<"cuda.tiled", Isa::HEWN_ISA>(const Launch& on, const AttentionForward& a) {
  a.D <= 32 ? forward<32>(on, a) : a.D <= 64 ? forward<64>(on, a) : forward<128>(on, a);
}

}  // namespace hewn
