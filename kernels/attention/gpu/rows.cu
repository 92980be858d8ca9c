// One warp per query. Lanes are keys for the scores, and columns of the values for the sums. No score is
// stored: running maximum and sum (Milakov and Gimelshein 2018, as in op.cpp). For any head size, in float,
// double and bf16.

#include "kernels/attention/abi.h"
#include "kernels/attention/gpu/dropout.cuh"
#include "kernels/attention/gpu/heads.cuh"

namespace hewn {
namespace {

constexpr int threads = 128, warps = threads / 32;
constexpr int blocks = 4;  ///< per multiprocessor: 128 registers per thread, so that none is spilled
constexpr int parts = 4, span = 32 * parts;  ///< columns that a warp sums at a time
constexpr uint32_t all = 0xffffffffu;

// E: the type of the elements; T: the type of the arithmetic, float or double.

template <class T, class E>
__device__ __forceinline__ T dot(const E* x, const E* y, int n) {
  T sum = 0;
  for (int d = 0; d < n; ++d) sum = std::fma(load_as<T>(x + d), load_as<T>(y + d), sum);
  return sum;
}

/// sum[c] += rows `first`, `first` + 1, ... weighted by the factors of 32 lanes, columns d0 + lane + 32 c.
template <class T, class E>
__device__ __forceinline__ void add_rows(T factor, const E* rows, int64_t row, int n, int d0, int D,
                                         T (&sum)[parts]) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  for (int l = 0; l < n; ++l) {
    const T f = __shfl_sync(all, factor, l);
#pragma unroll
    for (int c = 0; c < parts; ++c) {
      const int d = d0 + lane + 32 * c;
      if (d < D) sum[c] = std::fma(f, load_as<T>(rows + l * row + d), sum[c]);
    }
  }
}

template <class T, class E>
__device__ __forceinline__ void write_row(E* to, const T (&sum)[parts], T factor, int d0, int D, Write how) {
#pragma unroll
  for (int c = 0; c < parts; ++c) {
    const int d = d0 + static_cast<int>(threadIdx.x) % 32 + 32 * c;
    if (d < D) write(to + d, factor * sum[c], how);
  }
}

template <class E, class T>
__global__ void __launch_bounds__(threads, blocks) attend(AttentionForward given, DropoutMask mask) {
  const AttentionForward a = as_of_now(given);
  const int64_t row = int64_t{blockIdx.x} * warps + threadIdx.x / 32;
  if (row >= a.B * a.H * a.Tq) return;
  const int lane = static_cast<int>(threadIdx.x) % 32, bh = static_cast<int>(row / a.Tq),
            i = static_cast<int>(row % a.Tq), kv = bh / heads_per_key(a), D = static_cast<int>(a.D);
  const E* q = query_head<E>(a, a.q, bh) + i * a.q.row;
  const E *k = key_head<E>(a, a.k, kv), *v = key_head<E>(a, a.v, kv);
  const int end = end_key(a, i);
  for (int d0 = 0; d0 < D; d0 += span) {
    T most = unseen<T>, total = 0, sum[parts] = {};
    for (int j0 = first_key(a, i); j0 < end; j0 += 32) {
      const int j = j0 + lane;
      const T s = j < end ? static_cast<T>(a.scale) * dot<T>(q, k + j * a.k.row, D) : unseen<T>;
      const T now = max(most, warp_max(s)), shrink = std::exp(most - now), p = std::exp(s - now);
      most = now;
      total = total * shrink + warp_sum(p);
#pragma unroll
      for (int c = 0; c < parts; ++c) sum[c] *= shrink;
      const T factor = j < end ? p * kept<T>(a, mask, bh, i, j) : 0;
      add_rows(factor, v + j0 * a.v.row, a.v.row, min(32, end - j0), d0, D, sum);
    }
    write_row(query_head<E>(a, a.y, bh) + i * a.y.row, sum, 1 / total, d0, D, Write::set);
    if (lane == 0) static_cast<T*>(a.lse)[row] = most + std::log(total);
  }
}

/// The probability p_ij with dropout, and the gradient of the score, scale ds_ij.
template <class T>
struct Share {
  T p, ds;
};

template <class E, class T>
__device__ __forceinline__ Share<T> share_of(const AttentionBackward& a, const DropoutMask& mask, int bh,
                                             int i, int j, const T* delta) {
  const int kv = bh / heads_per_key(a), D = static_cast<int>(a.D);
  const int64_t row = bh * a.Tq + i;
  const T s = static_cast<T>(a.scale) *
              dot<T>(query_head<E>(a, a.q, bh) + i * a.q.row, key_head<E>(a, a.k, kv) + j * a.k.row, D);
  const T dp = dot<T>(query_head<E>(a, a.dy, bh) + i * a.dy.row, key_head<E>(a, a.v, kv) + j * a.v.row, D);
  const T p = std::exp(s - static_cast<const T*>(a.lse)[row]), keep = kept<T>(a, mask, bh, i, j);
  return {keep * p, static_cast<T>(a.scale) * p * (keep * dp - delta[row])};
}

template <class E, class T>
__global__ void __launch_bounds__(threads, blocks)
    query_gradients(AttentionBackward a, DropoutMask mask, const T* delta) {
  const int64_t row = int64_t{blockIdx.x} * warps + threadIdx.x / 32;
  if (row >= a.B * a.H * a.Tq) return;
  const int lane = static_cast<int>(threadIdx.x) % 32, bh = static_cast<int>(row / a.Tq),
            i = static_cast<int>(row % a.Tq), D = static_cast<int>(a.D);
  const E* k = key_head<E>(a, a.k, bh / heads_per_key(a));
  const int end = end_key(a, i);
  for (int d0 = 0; d0 < D; d0 += span) {
    T sum[parts] = {};
    for (int j0 = first_key(a, i); j0 < end; j0 += 32) {
      const int j = j0 + lane;
      const T ds = j < end ? share_of<E>(a, mask, bh, i, j, delta).ds : 0;
      add_rows(ds, k + j0 * a.k.row, a.k.row, min(32, end - j0), d0, D, sum);
    }
    write_row(query_head<E>(a, a.dq, bh) + i * a.dq.row, sum, T{1}, d0, D, a.to_dq);
  }
}

/// One warp per key: loops over the queries that attend to it, head by head for all heads that read it.
template <class E, class T>
__global__ void __launch_bounds__(threads, blocks)
    key_gradients(AttentionBackward a, DropoutMask mask, const T* delta) {
  const int64_t row = int64_t{blockIdx.x} * warps + threadIdx.x / 32;
  if (row >= a.B * a.Hkv * a.Tk) return;
  const int lane = static_cast<int>(threadIdx.x) % 32, kv = static_cast<int>(row / a.Tk),
            j = static_cast<int>(row % a.Tk), D = static_cast<int>(a.D), heads = heads_per_key(a);
  const int first = first_query(a, j), end = end_query(a, j);
  for (int d0 = 0; d0 < D; d0 += span) {
    T dk[parts] = {}, dv[parts] = {};
    for (int bh = kv * heads; bh < (kv + 1) * heads; ++bh) {
      const E *q = query_head<E>(a, a.q, bh), *dy = query_head<E>(a, a.dy, bh);
      for (int i0 = first; i0 < end; i0 += 32) {
        const int i = i0 + lane, n = min(32, end - i0);
        const Share<T> share = i < end ? share_of<E>(a, mask, bh, i, j, delta) : Share<T>{0, 0};
        add_rows(share.p, dy + i0 * a.dy.row, a.dy.row, n, d0, D, dv);
        add_rows(share.ds, q + i0 * a.q.row, a.q.row, n, d0, D, dk);
      }
    }
    write_row(key_head<E>(a, a.dk, kv) + j * a.dk.row, dk, T{1}, d0, D, a.to_dk);
    write_row(key_head<E>(a, a.dv, kv) + j * a.dv.row, dv, T{1}, d0, D, a.to_dv);
  }
}

template <class E, class T>
void rows_backward(const Launch& on, const AttentionBackward& a) {
  launch_delta<E, T>(on, a);
  const auto* delta = static_cast<const T*>(on.scratch);
  launch(on, "attention_query_gradients", {blocks_for(a.B * a.H * a.Tq, warps), threads},
         query_gradients<E, T>, a, mask_of(a), delta);
  launch(on, "attention_key_gradients", {blocks_for(a.B * a.Hkv * a.Tk, warps), threads}, key_gradients<E, T>,
         a, mask_of(a), delta);
}

}  // namespace

template <>
void kernel<"cuda.rows", Isa::HEWN_ISA>(const Launch& on, const AttentionForward& a) {
  const Grid grid{blocks_for(a.B * a.H * a.Tq, warps), threads};
  const auto kernel = a.dtype == DType::f64    ? attend<double, double>
                      : a.dtype == DType::bf16 ? attend<bf16, float>
                                               : attend<float, float>;
  launch(on, "attention_rows", grid, kernel, a, mask_of(a));
}

template <>
void kernel<"cuda.rows", Isa::HEWN_ISA>(const Launch& on, const AttentionBackward& a) {
  a.dtype == DType::f64    ? rows_backward<double, double>(on, a)
  : a.dtype == DType::bf16 ? rows_backward<bf16, float>(on, a)
                           : rows_backward<float, float>(on, a);
}

}  // namespace hewn
