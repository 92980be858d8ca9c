// Attention by blocks, as in Dao, "FlashAttention-2" (2023), in float32: scores of 64 queries and 64 keys are
// a product of small matrices in registers, and never leave the multiprocessor.

#include "kernels/attention/cuda.h"
#include "kernels/attention/heads.cuh"

namespace hewn {
namespace {

constexpr int tile = 64;      ///< queries, and keys, at a time
constexpr int threads = 256;  ///< as 16 x 16: a thread has rows ty + 16 y and columns tx + 16 x of the scores
constexpr int each = tile / 16;

/// In shared memory. Rows begin four floats further in the banks than the one before, so that eight
/// neighbours' sixteen bytes are in different ones.
template <int D>
struct Rows {
  float at[tile][D + 4];
};
struct Scores {
  float at[tile][tile + 4];
};

__device__ __forceinline__ int tx() { return static_cast<int>(threadIdx.x) % 16; }
__device__ __forceinline__ int ty() { return static_cast<int>(threadIdx.x) / 16; }

/// Rows first to first + 63 of a head, zero from row `n` and column `width` on.
template <int D>
__device__ __forceinline__ void load_rows(Rows<D>& to, const float* head, int64_t row, int first, int64_t n,
                                          int width) {
#pragma unroll 8
  for (int e = 0; e < tile * D; e += threads) {
    const int at = e + static_cast<int>(threadIdx.x), r = at / D, d = at % D;
    to.at[r][d] = first + r < n && d < width ? head[(first + r) * row + d] : 0;
  }
}

__device__ __forceinline__ float4 four(const float* p) { return *reinterpret_cast<const float4*>(p); }
__device__ __forceinline__ float dot(const float4& x, const float4& y, float sum) {
  return std::fma(x.w, y.w, std::fma(x.z, y.z, std::fma(x.y, y.y, std::fma(x.x, y.x, sum))));
}

/// s[y][x] = a_(ty + 16 y) . b_(tx + 16 x)
template <int D>
__device__ __forceinline__ void dots(const Rows<D>& a, const Rows<D>& b, float (&s)[each][each]) {
#pragma unroll
  for (int y = 0; y < each; ++y)
#pragma unroll
    for (int x = 0; x < each; ++x) s[y][x] = 0;
#pragma unroll 4
  for (int d = 0; d < D; d += 4) {
    float4 rows[each];
#pragma unroll
    for (int y = 0; y < each; ++y) rows[y] = four(&a.at[ty() + 16 * y][d]);
#pragma unroll
    for (int x = 0; x < each; ++x) {
      const float4 col = four(&b.at[tx() + 16 * x][d]);
#pragma unroll
      for (int y = 0; y < each; ++y) s[y][x] = dot(rows[y], col, s[y][x]);
    }
  }
}

/// Columns of a head that a thread sums: two neighbours in each 32.
template <int D>
inline constexpr int columns = D / 16;

/// sum[y][2 c + v] += sum over r of p[ty + 16 y][r] rows[r][32 c + 2 tx + v]
template <int D>
__device__ __forceinline__ void add_products(const Scores& p, const Rows<D>& rows,
                                             float (&sum)[each][columns<D>]) {
#pragma unroll 2
  for (int r = 0; r < tile; r += 4) {
    float factor[each][4];
#pragma unroll
    for (int y = 0; y < each; ++y) {
      const float4 f = four(&p.at[ty() + 16 * y][r]);
      factor[y][0] = f.x, factor[y][1] = f.y, factor[y][2] = f.z, factor[y][3] = f.w;
    }
#pragma unroll
    for (int t = 0; t < 4; ++t)
#pragma unroll
      for (int c = 0; c < columns<D>; c += 2) {
        const float2 v = *reinterpret_cast<const float2*>(&rows.at[r + t][16 * c + 2 * tx()]);
#pragma unroll
        for (int y = 0; y < each; ++y) {
          sum[y][c] = std::fma(factor[y][t], v.x, sum[y][c]);
          sum[y][c + 1] = std::fma(factor[y][t], v.y, sum[y][c + 1]);
        }
      }
  }
}

/// Row ty + 16 y of the sums to row `first` + that of a head of n rows, times factor[y].
template <int D>
__device__ __forceinline__ void write_rows(float* head, int64_t row, int first, int64_t n, int width,
                                           const float (&sum)[each][columns<D>], const float (&factor)[each],
                                           Write how) {
#pragma unroll
  for (int y = 0; y < each; ++y) {
    const int r = first + ty() + 16 * y;
    if (r >= n) continue;
#pragma unroll
    for (int c = 0; c < columns<D>; ++c) {
      const int d = c / 2 * 32 + 2 * tx() + c % 2;
      if (d < width) write(head + r * row + d, factor[y] * sum[y][c], how);
    }
  }
}

/// The largest, or the sum, of the 16 threads that have the same rows.
__device__ __forceinline__ float row_max(float x) {
#pragma unroll
  for (int distance = 8; distance > 0; distance /= 2) x = max(x, __shfl_xor_sync(0xffffffffu, x, distance));
  return x;
}
__device__ __forceinline__ float row_sum(float x) {
#pragma unroll
  for (int distance = 8; distance > 0; distance /= 2) x += __shfl_xor_sync(0xffffffffu, x, distance);
  return x;
}

/// The last blocks of queries see most keys, and are begun first.
__device__ __forceinline__ int first_query_of_block(const AttentionSizes& a, int& bh) {
  const int blocks = static_cast<int>(ceil_div(a.Tq, int64_t{tile}));
  bh = static_cast<int>(blockIdx.x) / blocks;
  return (blocks - 1 - static_cast<int>(blockIdx.x) % blocks) * tile;
}
__device__ __forceinline__ int last_query(const AttentionSizes& a, int i0) {
  return min(i0 + tile, static_cast<int>(a.Tq)) - 1;
}

template <int D>
struct ForwardMemory {
  Rows<D> q, k, v;
  Scores p;
};

template <int D>
__global__ void __launch_bounds__(threads, 1) attend(AttentionForward a, DropoutMask mask) {
  auto& s = *dynamic_shared<ForwardMemory<D>>();
  constexpr float none = unseen<float>;
  int bh;
  const int i0 = first_query_of_block(a, bh), width = static_cast<int>(a.D), kv = bh / heads_per_key(a);
  const auto scale = static_cast<float>(a.scale);
  load_rows<D>(s.q, query_head<float>(a, a.q, bh), a.q.row, i0, a.Tq, width);
  float sum[each][columns<D>] = {}, most[each], total[each] = {};
#pragma unroll
  for (int y = 0; y < each; ++y) most[y] = none;
  const int end = end_key(a, last_query(a, i0));
  for (int j0 = first_key(a, i0) / tile * tile; j0 < end; j0 += tile) {
    __syncthreads();  // nobody needs the keys and values before any more
    load_rows<D>(s.k, key_head<float>(a, a.k, kv), a.k.row, j0, a.Tk, width);
    load_rows<D>(s.v, key_head<float>(a, a.v, kv), a.v.row, j0, a.Tk, width);
    __syncthreads();
    float p[each][each];
    dots<D>(s.q, s.k, p);
#pragma unroll
    for (int y = 0; y < each; ++y) {
      const int i = i0 + ty() + 16 * y;
      float largest = most[y];
#pragma unroll
      for (int x = 0; x < each; ++x) {
        p[y][x] = sees(a, i, j0 + tx() + 16 * x) ? scale * p[y][x] : none;
        largest = max(largest, p[y][x]);
      }
      largest = row_max(largest);
      const float base = largest == none ? 0 : largest;  // a row that has seen nothing yet
      const float shrink = std::exp(most[y] - base);
      most[y] = largest;
      float part = 0;
#pragma unroll
      for (int x = 0; x < each; ++x) {
        const int j = j0 + tx() + 16 * x;
        const float probability = std::exp(p[y][x] - base);
        part += probability;
        s.p.at[ty() + 16 * y][tx() + 16 * x] =
            probability == 0 ? 0 : probability * kept<float>(a, mask, bh, i, j);
      }
      total[y] = total[y] * shrink + part;
#pragma unroll
      for (int c = 0; c < columns<D>; ++c) sum[y][c] *= shrink;
    }
    __syncwarp();  // a warp reads the rows of p that it wrote
    add_products<D>(s.p, s.v, sum);
  }
  float factor[each];
#pragma unroll
  for (int y = 0; y < each; ++y) {
    const float whole = row_sum(total[y]);
    const int i = i0 + ty() + 16 * y;
    factor[y] = 1 / whole;
    if (tx() == 0 && i < a.Tq) static_cast<float*>(a.lse)[bh * a.Tq + i] = most[y] + std::log(whole);
  }
  write_rows<D>(query_head<float>(a, a.y, bh), a.y.row, i0, a.Tq, width, sum, factor, Write::set);
}

/// Queries and their dy, keys and values, and the scores' part in the gradient.
template <int D>
struct BackwardMemory {
  Rows<D> q, dy, k, v;
  Scores p;
  float lse[tile], delta[tile];
};

/// lse and delta of queries i0 to i0 + 63.
template <int D>
__device__ __forceinline__ void load_row_values(BackwardMemory<D>& s, const AttentionBackward& a, int bh,
                                                int i0, const float* delta) {
  const int r = static_cast<int>(threadIdx.x);
  if (r >= tile) return;
  const bool there = i0 + r < a.Tq;
  s.lse[r] = there ? static_cast<const float*>(a.lse)[bh * a.Tq + i0 + r] : 0;
  s.delta[r] = there ? delta[bh * a.Tq + i0 + r] : 0;
}

/// A block owns 64 rows of dq, and goes over the keys that they see.
template <int D>
__global__ void __launch_bounds__(threads, 1)
    query_gradients(AttentionBackward a, DropoutMask mask, const float* delta) {
  auto& s = *dynamic_shared<BackwardMemory<D>>();
  int bh;
  const int i0 = first_query_of_block(a, bh), width = static_cast<int>(a.D), kv = bh / heads_per_key(a);
  const auto scale = static_cast<float>(a.scale);
  load_rows<D>(s.q, query_head<float>(a, a.q, bh), a.q.row, i0, a.Tq, width);
  load_rows<D>(s.dy, query_head<float>(a, a.dy, bh), a.dy.row, i0, a.Tq, width);
  load_row_values<D>(s, a, bh, i0, delta);
  float sum[each][columns<D>] = {};
  const int end = end_key(a, last_query(a, i0));
  for (int j0 = first_key(a, i0) / tile * tile; j0 < end; j0 += tile) {
    __syncthreads();
    load_rows<D>(s.k, key_head<float>(a, a.k, kv), a.k.row, j0, a.Tk, width);
    load_rows<D>(s.v, key_head<float>(a, a.v, kv), a.v.row, j0, a.Tk, width);
    __syncthreads();
    float p[each][each], dp[each][each];
    dots<D>(s.q, s.k, p);
    dots<D>(s.dy, s.v, dp);
#pragma unroll
    for (int y = 0; y < each; ++y)
#pragma unroll
      for (int x = 0; x < each; ++x) {
        const int r = ty() + 16 * y, i = i0 + r, j = j0 + tx() + 16 * x;
        float ds = 0;
        if (sees(a, i, j))
          ds = scale * std::exp(scale * p[y][x] - s.lse[r]) *
               (kept<float>(a, mask, bh, i, j) * dp[y][x] - s.delta[r]);
        s.p.at[r][tx() + 16 * x] = ds;
      }
    __syncwarp();
    add_products<D>(s.p, s.k, sum);
  }
  const float one[each] = {1, 1, 1, 1};
  write_rows<D>(query_head<float>(a, a.dq, bh), a.dq.row, i0, a.Tq, width, sum, one, a.to_dq);
}

/// A block owns 64 rows of dk and dv, and goes over the queries that see them, of all heads that read them,
/// head by head. Here keys are the rows of the scores.
template <int D>
__global__ void __launch_bounds__(threads, 1)
    key_gradients(AttentionBackward a, DropoutMask mask, const float* delta) {
  auto& s = *dynamic_shared<BackwardMemory<D>>();
  const int blocks = static_cast<int>(ceil_div(a.Tk, int64_t{tile}));
  const int kv = static_cast<int>(blockIdx.x) / blocks, j0 = static_cast<int>(blockIdx.x) % blocks * tile;
  const int width = static_cast<int>(a.D), heads = heads_per_key(a);
  const auto scale = static_cast<float>(a.scale);
  load_rows<D>(s.k, key_head<float>(a, a.k, kv), a.k.row, j0, a.Tk, width);
  load_rows<D>(s.v, key_head<float>(a, a.v, kv), a.v.row, j0, a.Tk, width);
  float dk[each][columns<D>] = {}, dv[each][columns<D>] = {};
  const int first = first_query(a, j0) / tile * tile,
            end = end_query(a, min(j0 + tile, static_cast<int>(a.Tk)) - 1);
  for (int bh = kv * heads; bh < (kv + 1) * heads; ++bh) {
    for (int i0 = first; i0 < end; i0 += tile) {
      __syncthreads();
      load_rows<D>(s.q, query_head<float>(a, a.q, bh), a.q.row, i0, a.Tq, width);
      load_rows<D>(s.dy, query_head<float>(a, a.dy, bh), a.dy.row, i0, a.Tq, width);
      load_row_values<D>(s, a, bh, i0, delta);
      __syncthreads();
      float p[each][each], dp[each][each];
      dots<D>(s.k, s.q, p);
      dots<D>(s.v, s.dy, dp);
#pragma unroll
      for (int y = 0; y < each; ++y)
#pragma unroll
        for (int x = 0; x < each; ++x) {
          const int r = tx() + 16 * x, i = i0 + r, j = j0 + ty() + 16 * y;
          float keep = 0, probability = 0;
          if (sees(a, i, j)) {
            keep = kept<float>(a, mask, bh, i, j);
            probability = std::exp(scale * p[y][x] - s.lse[r]);
          }
          s.p.at[ty() + 16 * y][r] = keep * probability;
          p[y][x] = scale * probability * (keep * dp[y][x] - s.delta[r]);
        }
      __syncwarp();
      add_products<D>(s.p, s.dy, dv);
      __syncwarp();
#pragma unroll
      for (int y = 0; y < each; ++y)
#pragma unroll
        for (int x = 0; x < each; ++x) s.p.at[ty() + 16 * y][tx() + 16 * x] = p[y][x];
      __syncwarp();
      add_products<D>(s.p, s.q, dk);
    }
  }
  const float one[each] = {1, 1, 1, 1};
  write_rows<D>(key_head<float>(a, a.dk, kv), a.dk.row, j0, a.Tk, width, dk, one, a.to_dk);
  write_rows<D>(key_head<float>(a, a.dv, kv), a.dv.row, j0, a.Tk, width, dv, one, a.to_dv);
}

static_assert(sizeof(ForwardMemory<64>) <= 99 << 10 && sizeof(BackwardMemory<64>) <= 99 << 10);
static_assert(sizeof(ForwardMemory<128>) <= 163 << 10 && sizeof(BackwardMemory<128>) <= 163 << 10,
              "what a multiprocessor of sm_80 has");

template <int D>
void forward(const Launch& on, const AttentionForward& a) {
  const int64_t blocks = a.B * a.H * ceil_div(a.Tq, int64_t{tile});
  launch(on, "attention_tiled", {static_cast<unsigned>(blocks), threads, sizeof(ForwardMemory<D>)}, attend<D>,
         a, mask_of(a));
}

template <int D>
void backward(const Launch& on, const AttentionBackward& a) {
  launch_delta<float, float>(on, a);
  const auto* delta = static_cast<const float*>(on.scratch);
  const int64_t query_blocks = a.B * a.H * ceil_div(a.Tq, int64_t{tile}),
                key_blocks = a.B * a.Hkv * ceil_div(a.Tk, int64_t{tile});
  launch(on, "attention_tiled_query_gradients",
         {static_cast<unsigned>(query_blocks), threads, sizeof(BackwardMemory<D>)}, query_gradients<D>, a,
         mask_of(a), delta);
  launch(on, "attention_tiled_key_gradients",
         {static_cast<unsigned>(key_blocks), threads, sizeof(BackwardMemory<D>)}, key_gradients<D>, a,
         mask_of(a), delta);
}

}  // namespace

template <>
void attention_gpu_tiled<Isa::HEWN_ISA>(const Launch& on, const AttentionForward& a) {
  a.D <= 32 ? forward<32>(on, a) : a.D <= 64 ? forward<64>(on, a) : forward<128>(on, a);
}

template <>
void attention_gpu_tiled<Isa::HEWN_ISA>(const Launch& on, const AttentionBackward& a) {
  a.D <= 32 ? backward<32>(on, a) : a.D <= 64 ? backward<64>(on, a) : backward<128>(on, a);
}

}  // namespace hewn
