#pragma once
// Kernels over rows: the threads that share a row, their reductions, and a row kept in their registers.
//
// The order of additions depends only on the length of the row. Alignment to sixteen bytes only decides how a
// thread loads the elements it owns anyway.

#include <cmath>

#include "kernels/gpu/simt/simt.h"
#include "kernels/gpu/tiles/elements.cuh"
#include "kernels/gpu/tiles/row_limits.h"

namespace hewn {
namespace {

/// The threads that work on one row: a warp (four of them form a block) or a whole block.
template <int threads_>
struct Team {
  static constexpr int threads = threads_;
  static constexpr int block = threads == 32 ? 128 : threads;
  static constexpr int per_block = block / threads;
  static_assert(threads % 32 == 0 && threads <= 1024,
                "a block must consist of whole warps, whose sums one warp can add");

  /// Resident blocks per multiprocessor for threads with this many registers.
  template <int registers>
  static constexpr int resident = blocks_with(block, registers);

  static Grid grid(int64_t rows) { return {blocks_for(rows, per_block), block}; }

  static __device__ int rank() { return static_cast<int>(threadIdx.x) % threads; }
  /// The team's first row; step() leads to its next one.
  static __device__ int64_t first() { return int64_t{blockIdx.x} * per_block + threadIdx.x / threads; }
  static __device__ int64_t step() { return int64_t{gridDim.x} * per_block; }

  /// Reduces the values of all threads with `of_warp`, in a fixed order; every thread gets the result.
  template <class T, class F>
  static __device__ T combine(T x, T nothing, F of_warp) {
    x = of_warp(x);
    if constexpr (threads == 32) return x;
    struct Warps {
      T of[32];
    };
    Warps& warps = shared_memory<Warps>();
    __syncthreads();  // other threads may still read the previous result
    if (threadIdx.x % 32 == 0) warps.of[threadIdx.x / 32] = x;
    __syncthreads();
    const int lane = static_cast<int>(threadIdx.x % 32);
    return of_warp(lane < threads / 32 ? warps.of[lane] : nothing);
  }
  template <class T>
  static __device__ T sum(T x) {
    return combine(x, T{0}, [](T y) { return warp_sum(y); });
  }
  /// Ignores NaN unless all values are NaN.
  template <class T>
  static __device__ T max(T x) {
    return combine(x, static_cast<T>(-INFINITY), [](T y) { return warp_max(y); });
  }
};

/// Layout of a row in a team's registers: thread t owns the elements (k * threads + t) * V + v, k < packs:
/// the loads of a warp are adjacent. V is 4, or 8 for rows of bf16, if it divides the row length; else 1.
template <int V_, int packs_, int threads_>
struct RowShape : Team<threads_> {
  static constexpr int V = V_, packs = packs_;
  static_assert(V == 1 || V * sizeof(float) == 16 || V * sizeof(bf16) == 16,
                "V elements must be one load: an element, or 16 bytes of them");

  /// First element of this thread's pack k.
  static __device__ int at(int k) { return (k * threads_ + Team<threads_>::rank()) * V; }
};

/// Resident blocks per multiprocessor for threads that hold `rows` rows: registers must suffice for these,
/// for values derived from them, and for addresses, which are more if elements are loaded one by one. The
/// numbers are the largest without spills.
template <class S, int rows, int held = rows* S::V* S::packs>
constexpr int resident_rows = blocks_with(S::block, S::V == 1         ? 48 + 5 * held
                                                    : S::threads > 32 ? 32 + 2 * held
                                                                      : 44 + 3 * held / 2);

/// Calls f.operator()<RowShape<...>>() with the smallest shape that fits rows of `cols`, at
/// most longest_held_row.
template <int V, class F>
void with_packs_of(int64_t cols, const F& f) {
  if constexpr (V <= 4)
    if (cols <= 128) return f.template operator()<RowShape<V, 4 / V, 32>>();
  if (cols <= 256) return f.template operator()<RowShape<V, 8 / V, 32>>();
  if (cols <= 512) return f.template operator()<RowShape<V, 16 / V, 32>>();
  if (cols <= 768) return f.template operator()<RowShape<V, 24 / V, 32>>();
  if (cols <= 1024) return f.template operator()<RowShape<V, 32 / V, 32>>();
  if (cols <= 2048) return f.template operator()<RowShape<V, 8 / V, 256>>();
  if (cols <= 4096) return f.template operator()<RowShape<V, 8 / V, 512>>();
  static_assert(longest_held_row == 16 * 512);
  return f.template operator()<RowShape<V, 16 / V, 512>>();
}
template <int V = 4, class F>
void with_row_shape(int64_t cols, const F& f) {
  cols % V == 0 ? with_packs_of<V>(cols, f) : with_packs_of<1>(cols, f);
}

/// Whether packs of V elements can be loaded 16 bytes at a time: `cols` is a multiple of V and all addresses
/// are multiples of 16.
template <int V = 4, class... P>
bool loads_wide(int64_t cols, const P*... p) {
  return cols % V == 0 && ((reinterpret_cast<uintptr_t>(p) % 16 == 0) && ...);
}

/// The number of elements per access when V are loaded: at most 16 bytes.
template <int V, class E>
constexpr int piece_of = V* sizeof(E) <= 16 ? V : 16 / static_cast<int>(sizeof(E));

/// V adjacent elements in memory format. Their first use waits for the load, so issue the loads of other
/// packs first.
template <class E, int V>
struct RawPack {
  Pack<E, V> element{};

  __device__ __forceinline__ void load(const E* p, bool wide) {
    constexpr int n = piece_of<V, E>;
    if (n > 1 && wide) {
#pragma unroll
      for (int i = 0; i < V; i += n) {
        const Pack<E, n> piece = load_pack<n>(p + i);
#pragma unroll
        for (int v = 0; v < n; ++v) element.at[i + v] = piece.at[v];
      }
    } else {
#pragma unroll
      for (int v = 0; v < V; ++v) element.at[v] = p[v];
    }
  }
  __device__ __forceinline__ Pack<E, V> numbers() const { return element; }
};

/// bf16 stays in pairs: extracting single elements would wait for the load.
template <int V>
struct RawPack<bf16, V> {
  static_assert(V <= 8);
  Pack<unsigned, (V + 1) / 2> pair{};

  __device__ __forceinline__ void load(const bf16* p, bool wide) {
    if (V > 1 && wide) {
      pair = vector_at<decltype(pair)>(p);
    } else {
      pair = {};
#pragma unroll
      for (int v = 0; v < V; ++v) pair.at[v / 2] |= static_cast<unsigned>(p[v].bits) << (v % 2 * 16);
    }
  }
  __device__ __forceinline__ Pack<float, V> numbers() const {
    Pack<float, V> x;
#pragma unroll
    for (int v = 0; v < V; ++v)
      x.at[v] = __uint_as_float(v % 2 == 0 ? pair.at[v / 2] << 16 : pair.at[v / 2] & 0xffff0000u);
    return x;
  }
};

/// V elements as numbers to compute with.
template <int V, class E>
__device__ __forceinline__ Pack<Number<E>, V> load_pack(const E* p, bool wide) {
  RawPack<E, V> pack;
  pack.load(p, wide);
  return pack.numbers();
}

/// Stores V numbers as elements, rounded if these are bf16.
template <int V, class E>
__device__ __forceinline__ void store_pack(E* p, const Pack<Number<E>, V>& x, bool wide) {
  constexpr int n = piece_of<V, E>;
  if (n > 1 && wide) {
#pragma unroll
    for (int i = 0; i < V; i += n) {
      Pack<E, n> piece;
#pragma unroll
      for (int v = 0; v < n; ++v) store_as(&piece.at[v], x.at[i + v]);
      store_pack(p + i, piece);
    }
  } else {
#pragma unroll
    for (int v = 0; v < V; ++v) store_as(p + v, x.at[v]);
  }
}

/// Sets a pack or adds to it. A sum is rounded once.
template <int V, class E>
__device__ __forceinline__ void write_pack(E* p, Pack<Number<E>, V> x, Write how, bool wide) {
  if (how == Write::add) {
    const Pack<Number<E>, V> old = load_pack<V>(p, wide);
#pragma unroll
    for (int v = 0; v < V; ++v) x.at[v] += old.at[v];
  }
  store_pack(p, x, wide);
}

/// A thread's part of a row.
template <class S, class T = float>
struct Held {
  Pack<T, S::V> pack[S::packs];

  /// Loads the first n elements of a row, with `beyond` in place of the rest. n may end within a pack.
  __device__ __forceinline__ void load(const T* row, int n, bool wide, T beyond) {
#pragma unroll
    for (int k = 0; k < S::packs; ++k) {
      const int i = S::at(k);
      if (i + S::V <= n) {
        pack[k] = load_pack<S::V>(row + i, wide);
        continue;
      }
#pragma unroll
      for (int v = 0; v < S::V; ++v) pack[k].at[v] = i + v < n ? row[i + v] : beyond;
    }
  }

  /// Calls f(element) or f(element, pack k, place v) for all elements, including those past
  /// the end of the row.
  template <class F>
  __device__ __forceinline__ void each(F f) {
#pragma unroll
    for (int k = 0; k < S::packs; ++k) {
#pragma unroll
      for (int v = 0; v < S::V; ++v) f(pack[k].at[v], k, v);
    }
  }
};

/// A thread's part of a row of E in memory format. The row's length is a multiple of V.
template <class S, class E>
struct RawRow {
  RawPack<E, S::V> pack[S::packs];

  /// Loads the first n elements of a row, with zeros in place of the rest.
  __device__ __forceinline__ void load(const E* row, int n, bool wide) {
#pragma unroll
    for (int k = 0; k < S::packs; ++k)
      if (S::at(k) < n) pack[k].load(row + S::at(k), wide);
  }
  __device__ __forceinline__ Held<S, Number<E>> numbers() const {
    Held<S, Number<E>> x;
#pragma unroll
    for (int k = 0; k < S::packs; ++k) x.pack[k] = pack[k].numbers();
    return x;
  }
};

/// Calls f(k, i) for this thread's packs k that start at an element i < n.
template <class S, class F>
__device__ __forceinline__ void for_packs(int n, F f) {
#pragma unroll
  for (int k = 0; k < S::packs; ++k) {
    const int i = S::at(k);
    if (i < n) f(k, i);
  }
}

/// std::exp of a float is within 1 ulp on a GPU (CUDA programming guide, appendix on mathematical
/// functions).
struct ExactExp {
  template <class T>
  static __device__ __forceinline__ T of(T x) {
    return std::exp(x);
  }
};

/// Running maximum, and sum of exp(x - maximum), of a sequence of values; the sum is rescaled whenever
/// the maximum grows. The argument of Exp::of is at most 0. NaN makes the sum NaN; the sum over -inf values
/// only is 0.
template <class T, class Exp = ExactExp>
struct RunningMaxSum {
  T most = static_cast<T>(-INFINITY), sum = 0;

  /// The value to subtract when the maximum is m: -inf - -inf would be NaN.
  static __device__ __forceinline__ T shift(T m) { return m == static_cast<T>(-INFINITY) ? T{0} : m; }

  /// Adds n values and rescales only once.
  template <int n>
  __device__ __forceinline__ void take(const T (&x)[n]) {
    T larger = most;
#pragma unroll
    for (int i = 0; i < n; ++i) larger = std::fmax(x[i], larger);
    const T s = shift(larger);
    sum *= Exp::of(most - s);
#pragma unroll
    for (int i = 0; i < n; ++i) sum += Exp::of(x[i] - s);
    most = larger;
  }

  /// The result over all values of a team, in every thread.
  template <class Team>
  __device__ __forceinline__ RunningMaxSum over_team() const {
    RunningMaxSum all;
    all.most = Team::max(most);
    all.sum = Team::sum(sum * Exp::of(most - shift(all.most)));
    return all;
  }
};

/// Loads this thread's elements of a team's row and calls take(values, first), with `packs` packs of V at a
/// time so that as many loads are in flight: value k * V + v is element first + k * V * threads + v, or
/// `beyond` past the end of the row. V divides cols.
template <class Team, int V, int packs, class T, class F>
__device__ __forceinline__ void stride_row(const T* row, int64_t cols, bool wide, T beyond, F take) {
  for (int64_t start = Team::rank() * V; start < cols; start += packs * V * Team::threads) {
    T x[packs * V];
#pragma unroll
    for (int k = 0; k < packs; ++k) {
      const int64_t i = start + k * V * Team::threads;
      Pack<T, V> pack;
      if (i < cols) pack = load_pack<V>(row + i, wide);
#pragma unroll
      for (int v = 0; v < V; ++v) x[k * V + v] = i < cols ? pack.at[v] : beyond;
    }
    take(x, start);
  }
}

}  // namespace
}  // namespace hewn
