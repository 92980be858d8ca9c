#pragma once
// Shared by the GPU kernels of attention: locations of rows, sums over lanes, dy_i . y_i.

#include <limits>
#include <type_traits>

#include "kernels/attention/gpu/visits.cuh"
#include "kernels/gpu/simt/simt.h"

namespace hewn {
namespace {

/// The score of a key that the query does not attend to.
template <class T>
inline constexpr T unseen = -std::numeric_limits<T>::infinity();

/// Row 0 of head number `head` of an operand with H of them in each sequence; const if x is read only.
template <class T, class X>
__device__ __forceinline__ auto* head_at(const X& x, int H, int head) {
  using Element = SameConst<std::remove_pointer_t<decltype(x.data)>, T>;
  return static_cast<Element*>(x.data) + head / H * x.batch + head % H * x.head;
}

/// The same for head `bh` of the B * H query heads, and for head `kv` of the B * Hkv heads of keys and
/// values; query head bh reads head bh / (H / Hkv).
template <class T, class X>
__device__ __forceinline__ auto* query_head(const AttentionSizes& a, const X& x, int bh) {
  return head_at<T>(x, static_cast<int>(a.H), bh);
}
template <class T, class X>
__device__ __forceinline__ auto* key_head(const AttentionSizes& a, const X& x, int kv) {
  return head_at<T>(x, static_cast<int>(a.Hkv), kv);
}

/// The arguments, with the current number of keys if it is in device memory.
template <class A>
__device__ __forceinline__ A as_of_now(A a) {
  if (a.position) a.Tk = *a.position + a.Tq;
  return a;
}

/// The maximum, or the sum, over `lanes` adjacent lanes, which hold parts of the same rows.
template <int lanes>
__device__ __forceinline__ float row_max(float x) {
#pragma unroll
  for (int distance = lanes / 2; distance > 0; distance /= 2)
    x = max(x, __shfl_xor_sync(0xffffffffu, x, distance));
  return x;
}
template <int lanes>
__device__ __forceinline__ float row_sum(float x) {
#pragma unroll
  for (int distance = lanes / 2; distance > 0; distance /= 2) x += __shfl_xor_sync(0xffffffffu, x, distance);
  return x;
}

inline constexpr int delta_threads = 256;

/// delta[bh Tq + i] = dy_i . y_i, one warp per query; elements are of type E, arithmetic is in T.
template <class E, class T>
__global__ void __launch_bounds__(delta_threads, 4) attention_delta(AttentionBackward a, T* delta) {
  const int64_t row = (int64_t{blockIdx.x} * delta_threads + threadIdx.x) / 32;
  if (row >= a.B * a.H * a.Tq) return;
  const int lane = static_cast<int>(threadIdx.x) % 32, bh = static_cast<int>(row / a.Tq);
  const E* y = query_head<E>(a, a.y, bh) + row % a.Tq * a.y.row;
  const E* dy = query_head<E>(a, a.dy, bh) + row % a.Tq * a.dy.row;
  T sum = 0;
  for (int d = lane; d < a.D; d += 32) sum = std::fma(load_as<T>(dy + d), load_as<T>(y + d), sum);
  sum = warp_sum(sum);
  if (lane == 0) delta[row] = sum;
}

template <class E, class T>
void launch_delta(const Launch& on, const AttentionBackward& a) {
  launch(on, "attention_delta", {blocks_for(a.B * a.H * a.Tq, delta_threads / 32), delta_threads},
         attention_delta<E, T>, a, static_cast<T*>(on.scratch));
}

}  // namespace
}  // namespace hewn
