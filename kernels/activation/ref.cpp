#include "kernels/activation/kernels.h"

#include <cmath>
#include <numbers>

namespace hewn {
namespace {

using std::numbers::inv_sqrtpi;
using std::numbers::sqrt2;

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double sigmoid_slope(double x) { return sigmoid(x) * sigmoid(-x); }
double normal_cdf(double x) { return 0.5 * std::erfc(-x / sqrt2); }
double normal_density(double x) { return std::exp(-0.5 * x * x) * inv_sqrtpi / sqrt2; }

// 0.5 (1 + tanh u) = sigmoid(2u), which keeps its digits where tanh u is nearly -1.
constexpr double gelu_a = sqrt2 * 2 * inv_sqrtpi, gelu_b = 0.044715;
double twice_u(double x) { return gelu_a * (x + gelu_b * x * x * x); }
double twice_u_slope(double x) { return gelu_a * (1 + 3 * gelu_b * x * x); }

template <class T>
void forward(const ActivationForward& a) {
  const T* x = static_cast<const T*>(a.x);
  T* y = static_cast<T*>(a.y);
  for (int64_t i = 0; i < a.n; ++i)
    y[i] = static_cast<T>(activation_value(a.kind, static_cast<double>(x[i])));
}

template <class T>
void backward(const ActivationBackward& a) {
  const T* x = static_cast<const T*>(a.x);
  const T* dy = static_cast<const T*>(a.dy);
  T* dx = static_cast<T*>(a.dx);
  for (int64_t i = 0; i < a.n; ++i) {
    const double g = activation_slope(a.kind, static_cast<double>(x[i])) * static_cast<double>(dy[i]);
    dx[i] = static_cast<T>(a.to_dx == Write::add ? static_cast<double>(dx[i]) + g : g);
  }
}

template <class T>
void swiglu(const SwigluForward& a) {
  for (int64_t r = 0; r < a.rows; ++r) {
    const T *gate = static_cast<const T*>(a.gate) + r * a.row, *up = static_cast<const T*>(a.up) + r * a.row;
    T* y = static_cast<T*>(a.y) + r * a.cols;
    for (int64_t i = 0; i < a.cols; ++i)
      y[i] = static_cast<T>(activation_value(Activation::silu, static_cast<double>(gate[i])) *
                            static_cast<double>(up[i]));
  }
}

template <class T>
void put(void* to, int64_t i, double value, Write how) {
  if (to == nullptr) return;
  T& at = static_cast<T*>(to)[i];
  at = static_cast<T>(how == Write::add ? static_cast<double>(at) + value : value);
}

template <class T>
void swiglu(const SwigluBackward& a) {
  for (int64_t r = 0; r < a.rows; ++r)
    for (int64_t i = 0; i < a.cols; ++i) {
      const int64_t at = r * a.row + i;
      const auto gate = static_cast<double>(static_cast<const T*>(a.gate)[at]);
      const auto up = static_cast<double>(static_cast<const T*>(a.up)[at]);
      const auto dy = static_cast<double>(static_cast<const T*>(a.dy)[r * a.cols + i]);
      put<T>(a.dgate, at, activation_slope(Activation::silu, gate) * up * dy, a.to_dgate);
      put<T>(a.dup, at, activation_value(Activation::silu, gate) * dy, a.to_dup);
    }
}

}  // namespace

double activation_value(Activation kind, double x) {
  switch (kind) {
    case Activation::none: return x;
    case Activation::relu: return x > 0 ? x : 0 * x;  // NaN stays NaN
    case Activation::silu: return x * sigmoid(x);
    case Activation::gelu_tanh: return x * sigmoid(twice_u(x));
    case Activation::gelu_erf: return x * normal_cdf(x);
  }
  return 0;
}

double activation_slope(Activation kind, double x) {
  switch (kind) {
    case Activation::none: return 1;
    case Activation::relu: return x > 0 ? 1 : 0;
    case Activation::silu: return sigmoid(x) + x * sigmoid_slope(x);
    case Activation::gelu_tanh: return sigmoid(twice_u(x)) + x * sigmoid_slope(twice_u(x)) * twice_u_slope(x);
    case Activation::gelu_erf: return normal_cdf(x) + x * normal_density(x);
  }
  return 0;
}

void activation_reference(const Launch&, const ActivationForward& a) {
  a.dtype == DType::f64 ? forward<double>(a) : forward<float>(a);
}

void activation_reference(const Launch&, const ActivationBackward& a) {
  a.dtype == DType::f64 ? backward<double>(a) : backward<float>(a);
}

void swiglu_reference(const Launch&, const SwigluForward& a) {
  a.dtype == DType::f64 ? swiglu<double>(a) : swiglu<float>(a);
}

void swiglu_reference(const Launch&, const SwigluBackward& a) {
  a.dtype == DType::f64 ? swiglu<double>(a) : swiglu<float>(a);
}

}  // namespace hewn
