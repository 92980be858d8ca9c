#pragma once
// Writes finished sums to C.

#include "kernels/activation/curves.h"
#include "kernels/gpu/simt/simt.h"
#include "kernels/matmul/gpu/tiles.cuh"

namespace hewn {
namespace {

template <class T>
__device__ __forceinline__ T activated(Activation kind, T x) {
  return visit(kind, [x]<Activation a>() { return Curve<a>::value(x); });
}

/// Applies the epilogue to `sum` and stores it in C, of type C: element (i, j) of the matrix that starts
/// `offset` elements after the first.
template <class C, class T>
__device__ __forceinline__ void finish(const Matmul& m, int64_t offset, int64_t i, int64_t j, T sum) {
  const int64_t at = offset + i * m.ldc + j;
  C* const c = static_cast<C*>(m.c) + at;
  T y = static_cast<T>(m.alpha) * sum;
  if (m.to_c == Write::add) {
    store_as(c, load_as<T>(c) + y);
    return;
  }
  const Epilogue& e = m.epilogue;
  if (e.bias) y += static_cast<const T*>(e.bias)[j];
  if (e.pre) static_cast<T*>(e.pre)[at] = y;
  y = activated(e.activation, y);
  if (e.residual) y += static_cast<const T*>(e.residual)[at];
  store_as(c, y);
}

/// Loads four adjacent elements.
__device__ __forceinline__ float4 load_four(const float* p) { return vector_at<float4>(p); }
__device__ __forceinline__ float4 load_four(const bf16* p) {
  const uint2 x = vector_at<uint2>(p);
  return {__uint_as_float(x.x << 16), __uint_as_float(x.x & 0xffff0000u), __uint_as_float(x.y << 16),
          __uint_as_float(x.y & 0xffff0000u)};
}
__device__ __forceinline__ void store_four(float* p, float4 x) { vector_at<float4>(p) = x; }
__device__ __forceinline__ void store_four(bf16* p, float4 x) {
  const auto pair = [](float low, float high) {
    return static_cast<unsigned>(to_bf16(low).bits) | static_cast<unsigned>(to_bf16(high).bits) << 16;
  };
  vector_at<uint2>(p) = {pair(x.x, x.y), pair(x.z, x.w)};
}
__device__ __forceinline__ float4 operator+(float4 x, float4 y) {
  return {x.x + y.x, x.y + y.y, x.z + y.z, x.w + y.w};
}

/// Whether four results at a multiple of four are one aligned piece of memory in C and in the
/// epilogue's operands.
inline bool results_are_wide(const Matmul& m) {
  const auto aligned = [](const void* p, uintptr_t to) { return reinterpret_cast<uintptr_t>(p) % to == 0; };
  const Epilogue& e = m.epilogue;
  return m.ldc % 4 == 0 && m.c_step.outer % 4 == 0 && m.c_step.inner % 4 == 0 &&
         aligned(m.c, m.bf16_c ? 8 : 16) && aligned(e.bias, 16) && aligned(e.pre, 16) &&
         aligned(e.residual, 16);
}

/// `finish` for the sums of columns j to j + 3; the same arithmetic, four at a time.
template <class C>
__device__ __forceinline__ void finish_four(const Matmul& m, int64_t offset, int64_t i, int64_t j, float4 sum,
                                            bool wide) {
  if (!wide || j + 4 > m.N) {
    const float each[4] = {sum.x, sum.y, sum.z, sum.w};
#pragma unroll
    for (int v = 0; v < 4; ++v)
      if (j + v < m.N) finish<C>(m, offset, i, j + v, each[v]);
    return;
  }
  const int64_t at = offset + i * m.ldc + j;
  C* const c = static_cast<C*>(m.c) + at;
  const auto alpha = static_cast<float>(m.alpha);
  float4 y{alpha * sum.x, alpha * sum.y, alpha * sum.z, alpha * sum.w};
  if (m.to_c == Write::add) {
    store_four(c, load_four(c) + y);
    return;
  }
  const Epilogue& e = m.epilogue;
  if (e.bias) y = y + load_four(static_cast<const float*>(e.bias) + j);
  if (e.pre) store_four(static_cast<float*>(e.pre) + at, y);
  if (e.activation != Activation::none)
    y = {activated(e.activation, y.x), activated(e.activation, y.y), activated(e.activation, y.z),
         activated(e.activation, y.w)};
  if (e.residual) y = y + load_four(static_cast<const float*>(e.residual) + at);
  store_four(c, y);
}

/// Writes a tile of sums that the block has placed in shared memory, its rows `staged_row` floats apart, to
/// C, whole lines at a time; or, if K is split, to its piece of scratch [splits, M, N].
template <class C, class Tile>
__device__ __forceinline__ void store_tile(const Matmul& m, const float* staged, int staged_row,
                                           float* scratch, const TileGrid& g, const TilePlace& place,
                                           bool wide) {
  constexpr int rows = Tile::rows, cols = Tile::cols, threads = Tile::threads;
  static_assert(cols % 4 == 0 && Tile::staged_row % 4 == 0, "four floats must be one load");
  const int64_t first_row = int64_t{place.m} * rows, first_col = int64_t{place.n} * cols;
  const int64_t offset = offset_of(m.c_step, m, place.batch);
#pragma unroll 1
  for (int e = static_cast<int>(threadIdx.x); e < rows * cols / 4; e += threads) {
    const int row = e / (cols / 4), col = e % (cols / 4) * 4;
    const int64_t i = first_row + row, j = first_col + col;
    if (i >= m.M || j >= m.N) continue;
    const float4 sum = load_four(staged + row * staged_row + col);
    if (g.splits == 1) {
      finish_four<C>(m, offset, i, j, sum, wide);
      continue;
    }
    float* const to = scratch + (place.split * m.M + i) * m.N + j;
    const float each[4] = {sum.x, sum.y, sum.z, sum.w};
#pragma unroll
    for (int v = 0; v < 4; ++v)
      if (j + v < m.N) to[v] = each[v];
  }
}

inline constexpr int join_threads = 256;

/// Adds the pieces of K, first to last, and finishes.
template <class C>
__global__ void __launch_bounds__(join_threads, blocks_with(join_threads, 64))
    join_splits(Matmul m, const float* scratch, int splits) {
  const int64_t n = m.M * m.N;
  for (int64_t e = int64_t{blockIdx.x} * join_threads + threadIdx.x; e < n;
       e += int64_t{gridDim.x} * join_threads) {
    float sum = scratch[e];
    for (int s = 1; s < splits; ++s) sum += scratch[s * n + e];
    finish<C>(m, 0, e / m.N, e % m.N, sum);
  }
}

/// Launches join_splits if K was split.
template <class C>
void join(const Launch& on, const Matmul& m, const TileGrid& g) {
  if (g.splits > 1)
    launch(on, "matmul_join", {blocks_for(m.M * m.N, join_threads), join_threads}, join_splits<C>, m,
           static_cast<const float*>(on.scratch), g.splits);
}

}  // namespace
}  // namespace hewn
