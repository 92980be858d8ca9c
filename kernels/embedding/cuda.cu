#include "kernels/embedding/abi.h"

#include <utility>

#include "kernels/gpu/tiles/elements.cuh"

namespace hewn {
namespace {

using Scratch = EmbeddingScratch;
constexpr int threads = 256, chunk = Scratch::chunk, digits = Scratch::digits;

__device__ __forceinline__ int64_t id_at(DType dtype, const void* ids, int64_t i) {
  return dtype == DType::i64 ? static_cast<const int64_t*>(ids)[i] : static_cast<const int32_t*>(ids)[i];
}

/// Computes row blockIdx.x of the result, of type Y.
template <int V, class T, class Y>
__global__ void __launch_bounds__(threads, blocks_with(threads, 40)) forward(EmbeddingForward a) {
  const int64_t i = blockIdx.x;
  const T* const weight = static_cast<const T*>(a.weight) + id_at(a.ids_dtype, a.ids, i) * a.width;
  const T* const position = static_cast<const T*>(a.position) + (a.position ? i % a.period * a.width : 0);
  Y* const y = static_cast<Y*>(a.y) + i * a.width;
  for (int64_t c = int64_t{threadIdx.x} * V; c < a.width; c += threads * V) {
    auto row = load_pack<V>(weight + c);
    if (a.position) {
      const auto more = load_pack<V>(position + c);
#pragma unroll
      for (int v = 0; v < V; ++v) row.at[v] += more.at[v];
    }
    Pack<Y, V> out;
#pragma unroll
    for (int v = 0; v < V; ++v) store_as(&out.at[v], row.at[v]);
    store_pack(y + c, out);
  }
}

// A stable radix sort, from the lowest eight bits of the ids to the highest. A pass counts digits per chunk
// of positions, turns counts into destinations, and moves.

__global__ void __launch_bounds__(threads, blocks_with(threads, 40))
    list_positions(EmbeddingBackward a, uint32_t* keys, uint32_t* places) {
  const int64_t i = int64_t{blockIdx.x} * threads + threadIdx.x;
  if (i >= a.n) return;
  keys[i] = static_cast<uint32_t>(id_at(a.ids_dtype, a.ids, i));
  places[i] = static_cast<uint32_t>(i);
}

struct Counts {
  uint32_t at[digits];
};

/// counts[digit, chunk]
__global__ void __launch_bounds__(threads, blocks_with(threads, 40))
    count_digits(int64_t n, int shift, const uint32_t* keys, uint32_t* counts) {
  static_assert(digits == threads);
  Counts& mine = shared_memory<Counts>();
  mine.at[threadIdx.x] = 0;
  __syncthreads();
  const int64_t first = int64_t{blockIdx.x} * chunk;
  for (int64_t i = first + threadIdx.x; i < n && i < first + chunk; i += threads)
    atomicAdd(&mine.at[keys[i] >> shift & 255u], 1u);
  __syncthreads();
  counts[int64_t{threadIdx.x} * gridDim.x + blockIdx.x] = mine.at[threadIdx.x];
}

/// Replaces n counts by their exclusive prefix sums, in one block: one piece per thread.
__global__ void __launch_bounds__(threads, blocks_with(threads, 40))
    sums_before(int64_t n, uint32_t* counts) {
  Counts& pieces = shared_memory<Counts>();
  const int64_t piece = ceil_div(n, int64_t{threads}), first = piece * threadIdx.x;
  uint32_t sum = 0;
  for (int64_t i = first; i < first + piece && i < n; ++i) sum += counts[i];
  pieces.at[threadIdx.x] = sum;
  __syncthreads();
  uint32_t before = 0;
  for (unsigned t = 0; t < threadIdx.x; ++t) before += pieces.at[t];
  for (int64_t i = first; i < first + piece && i < n; ++i) {
    const uint32_t count = counts[i];
    counts[i] = before;
    before += count;
  }
}

struct Digits {
  uint32_t at[chunk];
};

/// One position per thread, which counts earlier positions with its digit in the chunk by reading them.
__global__ void __launch_bounds__(chunk, 1)
    move_positions(int64_t n, int shift, const uint32_t* keys, const uint32_t* places, const uint32_t* starts,
                   uint32_t* new_keys, uint32_t* new_places) {
  Digits& others = shared_memory<Digits>();
  const int64_t i = int64_t{blockIdx.x} * chunk + threadIdx.x;
  const uint32_t key = i < n ? keys[i] : 0, digit = key >> shift & 255u;
  others.at[threadIdx.x] = digit;
  __syncthreads();
  if (i >= n) return;
  uint32_t to = starts[int64_t{digit} * gridDim.x + blockIdx.x];
  for (unsigned t = 0; t < threadIdx.x; ++t) to += others.at[t] == digit ? 1 : 0;
  new_keys[to] = key;
  new_places[to] = places[i];
}

/// A window: positions [first, end) of the sorted list.
struct Window {
  int64_t first, end;
  __device__ Window(int64_t w, int64_t n)
      : first(w * Scratch::window), end(first + Scratch::window < n ? first + Scratch::window : n) {}
};

/// Whether the id at the start of a window has rows in the previous window.
__device__ __forceinline__ bool began_before(const uint32_t* keys, const Window& w) {
  return w.first > 0 && keys[w.first - 1] == keys[w.first];
}

/// Whether the id at the end of a window has rows in the next window.
__device__ __forceinline__ bool goes_on(const uint32_t* keys, const Window& w, int64_t n) {
  return w.end < n && keys[w.end] == keys[w.end - 1];
}

/// Sums window blockIdx.x, one column per thread. The sum of an id whose rows all lie in the window is final;
/// the sum of an id that began earlier goes to partial[window, 0], that of an id that only continues in the
/// next window to partial[window, 1].
template <class T, class Y>
__global__ void __launch_bounds__(threads, 2)
    sum_windows(EmbeddingBackward a, const uint32_t* keys, const uint32_t* places, T* partial) {
  const Window w(blockIdx.x, a.n);
  const bool before = began_before(keys, w), after = goes_on(keys, w, a.n);
  const Y* const dy = static_cast<const Y*>(a.dy);
  for (int64_t c = threadIdx.x; c < a.width; c += threads) {
    T sum = 0;
    bool is_first = true;
    for (int64_t k = w.first; k < w.end; ++k) {
      const uint32_t key = keys[k];
      sum += load_as<T>(dy + int64_t{places[k]} * a.width + c);
      const bool last = k + 1 == w.end;
      if (!last && keys[k + 1] == key) continue;
      if (is_first && before)
        partial[int64_t{blockIdx.x} * 2 * a.width + c] = sum;
      else if (last && after)
        partial[(int64_t{blockIdx.x} * 2 + 1) * a.width + c] = sum;
      else
        write(static_cast<T*>(a.dweight) + int64_t{key} * a.width + c, sum, a.to_dweight);
      sum = 0;
      is_first = false;
    }
  }
}

/// Adds the sums, window by window, of the id that begins in window blockIdx.x and extends beyond it, if any.
template <class T>
__global__ void __launch_bounds__(threads, blocks_with(threads, 40))
    join_windows(EmbeddingBackward a, const uint32_t* keys, const T* partial) {
  const Window w(blockIdx.x, a.n);
  const uint32_t key = keys[w.end - 1];
  if (!goes_on(keys, w, a.n) || (keys[w.first] == key && began_before(keys, w))) return;
  for (int64_t c = threadIdx.x; c < a.width; c += threads) {
    T sum = partial[(int64_t{blockIdx.x} * 2 + 1) * a.width + c];
    for (int64_t next = int64_t{blockIdx.x} + 1;; ++next) {
      const Window more(next, a.n);
      sum += partial[next * 2 * a.width + c];
      if (keys[more.end - 1] != key || !goes_on(keys, more, a.n)) break;
    }
    write(static_cast<T*>(a.dweight) + int64_t{key} * a.width + c, sum, a.to_dweight);
  }
}

template <class T>
struct Zero {
  __device__ T operator()() const { return 0; }
};

template <class T, class Y = T>
void forward(const Launch& on, const EmbeddingForward& a) {
  constexpr int wide = 16 / static_cast<int>(sizeof(T));
  const auto fits = [](const auto* p) { return aligned_for(wide, p); };
  const Grid grid{blocks_for(a.n, 1), threads};
  if (a.width % wide == 0 && fits(static_cast<const T*>(a.weight)) &&
      fits(static_cast<const T*>(a.position)) && fits(static_cast<const Y*>(a.y)))
    launch(on, "embedding_forward", grid, forward<wide, T, Y>, a);
  else
    launch(on, "embedding_forward", grid, forward<1, T, Y>, a);
}

/// Leaves the sorted list in keys and places.
void sort_positions(const Launch& on, const EmbeddingBackward& a, const Scratch& parts, uint32_t*& keys,
                    uint32_t*& places) {
  const auto at = [&](size_t offset) {
    return reinterpret_cast<uint32_t*>(static_cast<uint8_t*>(on.scratch) + offset);
  };
  keys = at(parts.keys[0]), places = at(parts.places[0]);
  uint32_t *new_keys = at(parts.keys[1]), *new_places = at(parts.places[1]), *counts = at(parts.counts);
  launch(on, "list_positions", {blocks_for(a.n, threads), threads}, list_positions, a, keys, places);
  const unsigned chunks = blocks_for(a.n, chunk);
  for (int shift = 0; shift < 32 && (a.vocabulary - 1) >> shift > 0; shift += 8) {
    launch(on, "count_digits", {chunks, threads}, count_digits, a.n, shift, keys, counts);
    launch(on, "sums_before", {1, threads}, sums_before, int64_t{chunks} * digits, counts);
    launch(on, "move_positions", {chunks, chunk}, move_positions, a.n, shift, keys, places, counts, new_keys,
           new_places);
    std::swap(keys, new_keys);
    std::swap(places, new_places);
  }
}

template <class T, class Y = T>
void backward(const Launch& on, const EmbeddingBackward& a) {
  auto* const dweight = static_cast<T*>(a.dweight);
  if (a.to_dweight == Write::set) map(on, "zero", a.vocabulary * a.width, dweight, Write::set, Zero<T>{});
  if (a.n == 0) return;
  const Scratch parts(a);
  uint32_t *keys = nullptr, *places = nullptr;
  sort_positions(on, a, parts, keys, places);
  auto* const partial = reinterpret_cast<T*>(static_cast<uint8_t*>(on.scratch) + parts.partial);
  const Grid grid{blocks_for(a.n, Scratch::window), threads};
  launch(on, "sum_windows", grid, sum_windows<T, Y>, a, keys, places, partial);
  launch(on, "join_windows", grid, join_windows<T>, a, keys, partial);
}

}  // namespace

template <>
void kernel<"cuda", Isa::HEWN_ISA>(const Launch& on, const EmbeddingForward& a) {
  if (a.dtype == DType::f64) return forward<double>(on, a);
  a.y_dtype == DType::bf16 ? forward<float, bf16>(on, a) : forward<float>(on, a);
}

template <>
void kernel<"cuda", Isa::HEWN_ISA>(const Launch& on, const EmbeddingBackward& a) {
  if (a.dtype == DType::f64) return backward<double>(on, a);
  a.dy_dtype == DType::bf16 ? backward<float, bf16>(on, a) : backward<float>(on, a);
}

}  // namespace hewn
