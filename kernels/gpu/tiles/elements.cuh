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

/// An element as a number to compute with: bf16 is widened to float.
__device__ __forceinline__ float number(bf16 x) { return to_float(x); }
template <class T>
__device__ __forceinline__ T number(T x) {
  return x;
}

/// `before` set to a value, or with the value added to it. A float is rounded to bf16 once; other types than numbers
/// can only be set.
template <class T, class Value>
__device__ __forceinline__ T combined(T before, Value value, Write how) {
  if constexpr (std::is_same_v<T, bf16> && std::is_same_v<Value, float>)
    return to_bf16(how == Write::add ? to_float(before) + value : value);
  else if constexpr (std::is_arithmetic_v<T>)
    return how == Write::add ? before + static_cast<T>(value) : static_cast<T>(value);
  else
    return value;
}

/// y[i] (set or add) f(x[i]...), V adjacent elements per thread at a time. f of a bf16 y returns float, which is
/// rounded once, or bf16, which can only be set.
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
        for (int v = 0; v < V; ++v) out.at[v] = combined(out.at[v], f(in.at[v]...), how);
      };
      combine(load_pack<V>(x + i)...);
      store_pack(y + i, out);
    } else {
      for (int64_t k = i; k < n; ++k) y[k] = combined(y[k], f(x[k]...), how);
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

/// Calls f with an element of this type: double, float or bf16.
template <class F>
void with_element(DType dtype, F f) {
  dtype == DType::f64 ? f(double{}) : dtype == DType::bf16 ? f(bf16{}) : f(float{});
}

}  // namespace
}  // namespace hewn
