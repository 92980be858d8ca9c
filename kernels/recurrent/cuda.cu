#include <cmath>

#include "kernels/gpu/simt/simt.h"
#include "kernels/recurrent/abi.h"

namespace hewn {
namespace {

constexpr int threads = 256;

template <class T>
__device__ __forceinline__ T sigmoid(T x) {
  return 1 / (1 + std::exp(-x));
}

template <class T>
__global__ void __launch_bounds__(threads, 4) lstm_forward(LstmForward a) {
  const int64_t n = a.rows * a.cols, stride = int64_t{gridDim.x} * threads;
  for (int64_t at = int64_t{blockIdx.x} * threads + threadIdx.x; at < n; at += stride) {
    const int64_t first = at + 3 * (at / a.cols) * a.cols;  // 4 r cols + j
    const T* const x = static_cast<const T*>(a.x) + first;
    const T i = sigmoid(x[0]), f = sigmoid(x[a.cols]), g = std::tanh(x[2 * a.cols]),
            o = sigmoid(x[3 * a.cols]);
    const T c = (a.c_before ? f * static_cast<const T*>(a.c_before)[at] : T{0}) + i * g;
    T* const gates = static_cast<T*>(a.gates) + first;
    gates[0] = i;
    gates[a.cols] = f;
    gates[2 * a.cols] = g;
    gates[3 * a.cols] = o;
    static_cast<T*>(a.c)[at] = c;
    static_cast<T*>(a.h)[at] = o * std::tanh(c);
  }
}

template <class T>
__global__ void __launch_bounds__(threads, 4) lstm_backward(LstmBackward a) {
  const int64_t n = a.rows * a.cols, stride = int64_t{gridDim.x} * threads;
  for (int64_t at = int64_t{blockIdx.x} * threads + threadIdx.x; at < n; at += stride) {
    const int64_t first = at + 3 * (at / a.cols) * a.cols;
    const T* const gates = static_cast<const T*>(a.gates) + first;
    const T i = gates[0], f = gates[a.cols], g = gates[2 * a.cols], o = gates[3 * a.cols];
    const T c_before = a.c_before ? static_cast<const T*>(a.c_before)[at] : T{0};
    const T y = std::tanh(static_cast<const T*>(a.c)[at]), dh = static_cast<const T*>(a.dh)[at];
    const T e = (a.dc ? static_cast<const T*>(a.dc)[at] : T{0}) + dh * o * ((1 - y) * (1 + y));
    T* const dx = static_cast<T*>(a.dx) + first;
    dx[0] = e * g * i * (1 - i);
    dx[a.cols] = e * c_before * f * (1 - f);
    dx[2 * a.cols] = e * i * ((1 - g) * (1 + g));
    dx[3 * a.cols] = dh * y * o * (1 - o);
    static_cast<T*>(a.dc_before)[at] = e * f;
  }
}

}  // namespace

template <>
void kernel<"cuda", Isa::HEWN_ISA>(const Launch& on, const LstmForward& a) {
  const Grid grid{blocks_for(a.rows * a.cols, threads), threads};
  launch(on, "lstm_forward", grid, a.dtype == DType::f64 ? lstm_forward<double> : lstm_forward<float>, a);
}

template <>
void kernel<"cuda", Isa::HEWN_ISA>(const Launch& on, const LstmBackward& a) {
  const Grid grid{blocks_for(a.rows * a.cols, threads), threads};
  launch(on, "lstm_backward", grid, a.dtype == DType::f64 ? lstm_backward<double> : lstm_backward<float>, a);
}

}  // namespace hewn
