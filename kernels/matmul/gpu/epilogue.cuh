#pragma once
// Writes finished sums to C.

#include <type_traits>

#include "kernels/activation/curves.h"
#include "kernels/gpu/simt/simt.h"
#include "kernels/matmul/gpu/tiles.cuh"

namespace hewn {
namespace {

template <class T>
__device__ __forceinline__ T activated(Activation kind, T x) {
  return visit(kind, [x]<Activation a>() { return Curve<a>::value(x); });
}
template <class T>
__device__ __forceinline__ T slope_of(Activation kind, T x) {
  return visit(kind, [x]<Activation a>() { return Curve<a>::slope(x); });
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
  if (e.pre) store_as(static_cast<C*>(e.pre) + at, y);
  const auto beside = [at](const void* p) { return load_as<T>(static_cast<const C*>(p) + at); };
  y = e.slope_at ? y * slope_of(e.activation, beside(e.slope_at)) : activated(e.activation, y);
  if (e.residual) y += beside(e.residual);
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
__device__ __forceinline__ float4 times(float factor, float4 x) {
  return {factor * x.x, factor * x.y, factor * x.z, factor * x.w};
}
__device__ __forceinline__ float4 times(float4 x, float4 y) {
  return {x.x * y.x, x.y * y.y, x.z * y.z, x.w * y.w};
}

/// Whether four adjacent results, from a multiple of four on, are one aligned piece of memory in C and in the
/// epilogue's operands.
inline bool results_are_wide(const Matmul& m) {
  const auto aligned = [](const void* p, uintptr_t to) { return reinterpret_cast<uintptr_t>(p) % to == 0; };
  const Epilogue& e = m.epilogue;
  const uintptr_t four = m.bf16_c ? 8 : 16;
  return m.ldc % 4 == 0 && m.c_step.outer % 4 == 0 && m.c_step.inner % 4 == 0 && aligned(m.c, four) &&
         aligned(e.bias, 16) && aligned(e.pre, four) && aligned(e.slope_at, four) && aligned(e.residual, four);
}

/// The activation's values or, if `slope`, its derivatives, at four elements.
template <Activation kind, bool slope>
__device__ __forceinline__ float4 curve_of(float4 x) {
  const auto f = [](float v) {
    if constexpr (slope) return Curve<kind>::slope(v);
    return Curve<kind>::value(v);
  };
  return {f(x.x), f(x.y), f(x.z), f(x.w)};
}

/// `finish` where C is set, for four adjacent elements from `at` on. `bias` is added if the epilogue has one;
/// `beside` has been loaded from the operand of C's shape, if there is one: `slope_at` if `slope`, else the residual.
template <Activation kind, bool slope, class C>
__device__ __forceinline__ void set_four(const Matmul& m, int64_t at, float4 sum, float4 bias, float4 beside) {
  const Epilogue& e = m.epilogue;
  float4 y = times(static_cast<float>(m.alpha), sum);
  if (e.bias) y = y + bias;
  if (e.pre) store_four(static_cast<C*>(e.pre) + at, y);
  if constexpr (slope)
    y = times(y, curve_of<kind, true>(beside));
  else if constexpr (kind != Activation::none)
    y = curve_of<kind, false>(y);
  if (!slope && e.residual) y = y + beside;
  store_four(static_cast<C*>(m.c) + at, y);
}

/// Calls set.operator()<kind, slope>(p) for the epilogue's activation; p is the operand of C's shape to load, or null.
template <class C, class Set>
__device__ __forceinline__ void with_curve(const Epilogue& e, const Set& set) {
  const auto* const p = static_cast<const C*>(e.slope_at ? e.slope_at : e.residual);
  visit(e.activation, [&]<Activation kind>() {
    if constexpr (kind == Activation::none)
      set.template operator()<kind, false>(e.slope_at ? nullptr : p);
    else if (e.slope_at)
      set.template operator()<kind, true>(p);
    else
      set.template operator()<kind, false>(p);
  });
}

/// The sums of a tile that a block has placed in shared memory: `rows` x `cols` of them are in the matrix,
/// and the first `in_fours` of each row are stored four at a time.
struct StagedSums {
  const float* sums;
  int rows, cols, in_fours;
};

/// The pieces of four adjacent sums that a thread has in flight.
inline constexpr int pieces_in_flight = 4;

/// Stores sums four at a time. Rows of the result are `ld` elements apart. load(at) yields what store(at,
/// sum, loaded) needs for the four elements from `at` on, relative to the tile's first; the loads of several
/// pieces precede their stores, so that they overlap.
template <class Tile, class Load, class Store>
__device__ __forceinline__ void store_fours(const StagedSums& tile, int64_t ld, const Load& load,
                                            const Store& store) {
  constexpr int per_row = Tile::cols / 4, step = Tile::threads / per_row;
  static_assert(Tile::threads % per_row == 0 && Tile::staged_row % 4 == 0, "four floats must be one load");
  const int thread = static_cast<int>(threadIdx.x), col = thread % per_row * 4;
  if (col >= tile.in_fours) return;
#pragma unroll 1
  for (int first = thread / per_row; first < tile.rows; first += pieces_in_flight * step) {
    float4 sum[pieces_in_flight] = {};
    decltype(load(int64_t{})) loaded[pieces_in_flight] = {};
#pragma unroll
    for (int v = 0; v < pieces_in_flight; ++v)
      if (const int row = first + v * step; row < tile.rows) {
        loaded[v] = load(row * ld + col);
        sum[v] = load_four(tile.sums + row * Tile::staged_row + col);
      }
#pragma unroll
    for (int v = 0; v < pieces_in_flight; ++v)
      if (const int row = first + v * step; row < tile.rows) store(row * ld + col, sum[v], loaded[v]);
  }
}

/// Stores the other sums: store(row, col, sum) for each.
template <class Tile, class Store>
__device__ __forceinline__ void store_rest(const StagedSums& tile, const Store& store) {
  const auto columns = [&](auto width) {  // at most this many
    constexpr int most = decltype(width)::value;
#pragma unroll 1
    for (int e = static_cast<int>(threadIdx.x); e < tile.rows * most; e += Tile::threads)
      if (const int row = e / most, col = tile.in_fours + e % most; col < tile.cols)
        store(row, col, tile.sums[row * Tile::staged_row + col]);
  };
  if (tile.in_fours == 0)
    columns(std::integral_constant<int, Tile::cols>());
  else if (tile.in_fours < tile.cols)
    columns(std::integral_constant<int, 4>());
}

/// Writes a tile of sums to C, whole lines at a time; or, if K is split, to its piece of scratch
/// [splits, piece_rows, N].
template <class C, class Tile>
__device__ __forceinline__ void store_tile(const Matmul& m, const float* staged, float* scratch,
                                           const TileGrid& g, const TilePlace& place, bool wide) {
  const int64_t i0 = int64_t{place.m} * Tile::rows, j0 = int64_t{place.n} * Tile::cols;
  const int rows = static_cast<int>(m.M - i0 < Tile::rows ? m.M - i0 : Tile::rows);
  const int cols = static_cast<int>(m.N - j0 < Tile::cols ? m.N - j0 : Tile::cols);
  struct Nothing {};
  if (g.splits > 1) {
    const StagedSums tile{staged, rows, cols, m.N % 4 == 0 ? cols : 0};
    float* const to = scratch + (place.split * g.piece_rows + i0) * m.N + j0;
    store_fours<Tile>(
        tile, m.N, [](int64_t) { return Nothing{}; },
        [to](int64_t at, float4 sum, Nothing) { store_four(to + at, sum); });
    store_rest<Tile>(tile, [&, to](int row, int col, float sum) { to[row * m.N + col] = sum; });
    return;
  }
  const StagedSums tile{staged, rows, cols, wide ? cols / 4 * 4 : 0};
  const int64_t offset = offset_of(m.c_step, m, place.batch), first = offset + i0 * m.ldc + j0;
  if (m.to_c == Write::add) {
    C* const c = static_cast<C*>(m.c) + first;
    const auto alpha = static_cast<float>(m.alpha);
    store_fours<Tile>(
        tile, m.ldc, [c](int64_t at) { return load_four(c + at); },
        [c, alpha](int64_t at, float4 sum, float4 before) {
          store_four(c + at, before + times(alpha, sum));
        });
  } else {
    const Epilogue& e = m.epilogue;
    const int col = static_cast<int>(threadIdx.x) % (Tile::cols / 4) * 4;  // the same in all rows
    float4 bias{};
    if (e.bias && col < tile.in_fours) bias = load_four(static_cast<const float*>(e.bias) + j0 + col);
    with_curve<C>(e, [&]<Activation kind, bool slope>(const C* p) {
      store_fours<Tile>(
          tile, m.ldc, [&](int64_t at) { return p ? load_four(p + first + at) : float4{}; },
          [&](int64_t at, float4 sum, float4 beside) {
            set_four<kind, slope, C>(m, first + at, sum, bias, beside);
          });
    });
  }
  store_rest<Tile>(tile, [&](int row, int col, float sum) { finish<C>(m, offset, i0 + row, j0 + col, sum); });
}

inline constexpr int join_threads = 256;

/// Adds the pieces of K, first to last, and finishes; `width` adjacent elements per thread, 4 or 1. The last
/// row may hold the sums of B. K is only split for fewer than 2^31 elements (gpu_plan.h).
template <class C, int width>
__global__ void __launch_bounds__(join_threads, blocks_with(join_threads, 64))
    join_splits(Matmul m, TileGrid g, const float* scratch) {
  const auto N = static_cast<uint32_t>(m.N), n = static_cast<uint32_t>(g.piece_rows) * N;
  const uint32_t e = (blockIdx.x * join_threads + threadIdx.x) * width;
  if (e >= n) return;
  const int64_t i = e / N, j = e % N;
  if constexpr (width == 1) {
    float sum = scratch[e];
#pragma unroll 4
    for (int s = 1; s < g.splits; ++s) sum += scratch[int64_t{s} * n + e];
    if (i == m.M)
      write(static_cast<float*>(m.b_sums) + j, sum, m.to_b_sums);
    else
      finish<C>(m, 0, i, j, sum);
  } else {
    float4 sum = load_four(scratch + e);
#pragma unroll 4
    for (int s = 1; s < g.splits; ++s) sum = sum + load_four(scratch + int64_t{s} * n + e);
    if (i == m.M) {
      float* const to = static_cast<float*>(m.b_sums) + j;
      store_four(to, m.to_b_sums == Write::add ? load_four(to) + sum : sum);
      return;
    }
    const Epilogue& added = m.epilogue;
    const int64_t at = i * m.ldc + j;
    if (m.to_c == Write::add) {
      C* const c = static_cast<C*>(m.c) + at;
      store_four(c, load_four(c) + times(static_cast<float>(m.alpha), sum));
      return;
    }
    const float4 bias = added.bias ? load_four(static_cast<const float*>(added.bias) + j) : float4{};
    with_curve<C>(added, [&]<Activation kind, bool slope>(const C* p) {
      set_four<kind, slope, C>(m, at, sum, bias, p ? load_four(p + at) : float4{});
    });
  }
}

/// Launches join_splits if K was split.
template <class C>
void join(const Launch& on, const Matmul& m, const TileGrid& g) {
  if (g.splits == 1) return;
  const bool wide =
      results_are_wide(m) && m.N % 4 == 0 && reinterpret_cast<uintptr_t>(m.b_sums) % sizeof(float4) == 0;
  launch(on, "matmul_join", {blocks_for(g.piece_rows * m.N, join_threads * (wide ? 4 : 1)), join_threads},
         wide ? join_splits<C, 4> : join_splits<C, 1>, m, g, static_cast<const float*>(on.scratch));
}

}  // namespace
}  // namespace hewn
