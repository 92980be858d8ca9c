#include "kernels/activation/kernels.h"

namespace hewn {
namespace {

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

double activation_value(Activation kind, double x) { return row_of(kind).value(x); }
double activation_slope(Activation kind, double x) { return row_of(kind).slope(x); }

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
