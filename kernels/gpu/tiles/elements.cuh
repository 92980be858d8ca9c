#pragma once
// Elementwise kernels. Each byte is moved once, sixteen bytes per access where addresses allow it.

#include <type_traits>

#include "kernels/gpu/simt/simt.h"

namespace hewn {
namespace {

/// V elements that a single instruction loads or stores.
template <class T, int V>
struct alignas(sizeof(T) * V) Pack {
  T at[V];
};

template <int V, class T>
__device__ __forceinline__ Pack<T, V> load_pack(const T* p) {
  return vector_at<Pack<T, V>>(p);
}
template <int V, class T>
__device__ __forceinline__ void store_pack(T* p, Pack<T, V> x) {
  vector_at<Pack<T, V>>(p) = x;
}

inline constexpr int map_threads = 256;

/// y[i] (set or add) f(x[i]...), V adjacent elements per thread at a time. Add requires float or double; bf16
/// can only be set.
template <int V, class T, class F, class... In>
__global__ void __launch_bounds__(map_threads, 4)
    map_elements(int64_t n, T* y, Write how, F f, const In*... x) {
  const int64_t stride = int64_t{gridDim.x} * map_threads * V;
  for (int64_t i = (int64_t{blockIdx.x} * map_threads + threadIdx.x) * V; i < n; i += stride) {
    if (i + V <= n) {
      Pack<T, V> out;
      if (how == Write::add) out = load_pack<V>(y + i);
      const auto combine = [&](const Pack<In, V>&... in) {
#pragma unroll
        for (int v = 0; v < V; ++v) {
          const T value = f(in.at[v]...);
          if constexpr (std::is_arithmetic_v<T>)
            out.at[v] = how == Write::add ? out.at[v] + value : value;
          else
            out.at[v] = value;
        }
      };
      combine(load_pack<V>(x + i)...);
      store_pack(y + i, out);
    } else {
      for (int64_t k = i; k < n; ++k) {
        if constexpr (std::is_arithmetic_v<T>)
          write(y + k, f(x[k]...), how);
        else
          y[k] = f(x[k]...);
      }
    }
  }
}

template <class T>
bool aligned_for(int elements, const T* p) {
  return reinterpret_cast<uintptr_t>(p) % (sizeof(T) * static_cast<size_t>(elements)) == 0;
}

/// Launches map_elements. `f` is plain data with an operator() callable from device code.
template <class T, class F, class... In>
void map(const Launch& on, const char* name, int64_t n, T* y, Write how, F f, const In*... x) {
  constexpr int wide = 16 / static_cast<int>(sizeof(T));
  if (aligned_for(wide, y) && (aligned_for(wide, x) && ...))
    launch(on, name, {blocks_for(n, map_threads * wide), map_threads}, map_elements<wide, T, F, In...>, n, y,
           how, f, x...);
  else
    launch(on, name, {blocks_for(n, map_threads), map_threads}, map_elements<1, T, F, In...>, n, y, how, f,
           x...);
}

}  // namespace
}  // namespace hewn
