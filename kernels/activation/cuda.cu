#include "kernels/activation/abi.h"

#include "kernels/activation/curves.h"
#include "kernels/gpu/tiles/elements.cuh"

namespace hewn {
namespace {

template <Activation kind>
struct Value {
  template <class T>
  __device__ auto operator()(T x) const {
    return Curve<kind>::value(number(x));
  }
};

template <Activation kind>
struct Slope {
  template <class T>
  __device__ auto operator()(T x, T dy) const {
    return Curve<kind>::slope(number(x)) * number(dy);
  }
};

template <class T>
void forward(const Launch& on, const ActivationForward& a) {
  visit(a.kind, [&]<Activation kind>() {
    map(on, "activation_forward", a.n, static_cast<T*>(a.y), Write::set, Value<kind>{},
        static_cast<const T*>(a.x));
  });
}

template <class T>
void backward(const Launch& on, const ActivationBackward& a) {
  visit(a.kind, [&]<Activation kind>() {
    map(on, "activation_backward", a.n, static_cast<T*>(a.dx), a.to_dx, Slope<kind>{},
        static_cast<const T*>(a.x), static_cast<const T*>(a.dy));
  });
}

constexpr int threads = 256;

/// V adjacent elements per thread: blockIdx.y and its strides count rows, blockIdx.x pieces of a row.
template <int V, class T>
__global__ void __launch_bounds__(threads, 4) swiglu_forward(SwigluForward a) {
  const int64_t c = (int64_t{blockIdx.x} * threads + threadIdx.x) * V;
  if (c >= a.cols) return;
  for (int64_t r = blockIdx.y; r < a.rows; r += gridDim.y) {
    const auto gate = load_pack<V>(static_cast<const T*>(a.gate) + r * a.row + c);
    const auto up = load_pack<V>(static_cast<const T*>(a.up) + r * a.row + c);
    Pack<T, V> y;
#pragma unroll
    for (int v = 0; v < V; ++v)
      store_as(&y.at[v], Curve<Activation::silu>::value(number(gate.at[v])) * number(up.at[v]));
    store_pack(static_cast<T*>(a.y) + r * a.cols + c, y);
  }
}

template <class Value, int V, class T>
__device__ __forceinline__ void put(T* to, const Value (&x)[V], Write how) {
  Pack<T, V> sum;
  if (how == Write::add) sum = load_pack<V>(to);
#pragma unroll
  for (int v = 0; v < V; ++v) sum.at[v] = combined(sum.at[v], x[v], how);
  store_pack(to, sum);
}

template <int V, class T>
__global__ void __launch_bounds__(threads, 4) swiglu_backward(SwigluBackward a) {
  const int64_t c = (int64_t{blockIdx.x} * threads + threadIdx.x) * V;
  if (c >= a.cols) return;
  for (int64_t r = blockIdx.y; r < a.rows; r += gridDim.y) {
    const int64_t at = r * a.row + c;
    const auto gate = load_pack<V>(static_cast<const T*>(a.gate) + at);
    const auto up = load_pack<V>(static_cast<const T*>(a.up) + at);
    const auto dy = load_pack<V>(static_cast<const T*>(a.dy) + r * a.cols + c);
    decltype(number(T{})) dgate[V], dup[V];
#pragma unroll
    for (int v = 0; v < V; ++v) {
      const auto x = number(gate.at[v]), g = number(dy.at[v]);
      dgate[v] = Curve<Activation::silu>::slope(x) * number(up.at[v]) * g;
      dup[v] = Curve<Activation::silu>::value(x) * g;
    }
    if (a.dgate) put(static_cast<T*>(a.dgate) + at, dgate, a.to_dgate);
    if (a.dup) put(static_cast<T*>(a.dup) + at, dup, a.to_dup);
  }
}

Grid grid_of(int64_t rows, int64_t cols, int per_thread) {
  const auto blocks = static_cast<unsigned>(rows < 65535 ? rows : 65535);
  return {Extent(blocks_for(cols, int64_t{threads} * per_thread), blocks), threads};
}

template <class T>
bool packs(int64_t cols, int64_t row, std::initializer_list<const void*> operands) {
  constexpr int wide = 16 / static_cast<int>(sizeof(T));
  for (const void* p : operands)
    if (!aligned_for(wide, static_cast<const T*>(p))) return false;
  return cols % wide == 0 && row % wide == 0;
}

template <class T>
void swiglu(const Launch& on, const SwigluForward& a) {
  constexpr int wide = 16 / static_cast<int>(sizeof(T));
  if (packs<T>(a.cols, a.row, {a.gate, a.up, a.y}))
    launch(on, "swiglu_forward", grid_of(a.rows, a.cols, wide), swiglu_forward<wide, T>, a);
  else
    launch(on, "swiglu_forward", grid_of(a.rows, a.cols, 1), swiglu_forward<1, T>, a);
}

template <class T>
void swiglu(const Launch& on, const SwigluBackward& a) {
  constexpr int wide = 16 / static_cast<int>(sizeof(T));
  if (packs<T>(a.cols, a.row, {a.gate, a.up, a.dy, a.dgate, a.dup}))
    launch(on, "swiglu_backward", grid_of(a.rows, a.cols, wide), swiglu_backward<wide, T>, a);
  else
    launch(on, "swiglu_backward", grid_of(a.rows, a.cols, 1), swiglu_backward<1, T>, a);
}

}  // namespace

template <>
void kernel<"cuda", Isa::HEWN_ISA>(const Launch& on, const ActivationForward& a) {
  with_element(a.dtype, [&]<class T>(T) { forward<T>(on, a); });
}

template <>
void kernel<"cuda", Isa::HEWN_ISA>(const Launch& on, const ActivationBackward& a) {
  with_element(a.dtype, [&]<class T>(T) { backward<T>(on, a); });
}

template <>
void kernel<"cuda", Isa::HEWN_ISA>(const Launch& on, const SwigluForward& a) {
  with_element(a.dtype, [&]<class T>(T) { swiglu<T>(on, a); });
}

template <>
void kernel<"cuda", Isa::HEWN_ISA>(const Launch& on, const SwigluBackward& a) {
  with_element(a.dtype, [&]<class T>(T) { swiglu<T>(on, a); });
}

}  // namespace hewn
