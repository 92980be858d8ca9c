#include "kernels/activation/abi.h"

#include "kernels/contract/reference.h"

namespace hewn {

double activation_value(Activation kind, double x) { return row_of(kind).value(x); }
double activation_slope(Activation kind, double x) { return row_of(kind).slope(x); }

template <>
void kernel<"reference">(const Launch&, const ActivationForward& a) {
  with_float(a.dtype, [&]<class T>(T) {
    const Doubles<T> x{a.x};
    for (int64_t i = 0; i < a.n; ++i) put<T>(a.y, i, activation_value(a.kind, x[i]), Write::set);
  });
}

template <>
void kernel<"reference">(const Launch&, const ActivationBackward& a) {
  with_float(a.dtype, [&]<class T>(T) {
    const Doubles<T> x{a.x}, dy{a.dy};
    for (int64_t i = 0; i < a.n; ++i) put<T>(a.dx, i, activation_slope(a.kind, x[i]) * dy[i], a.to_dx);
  });
}

template <>
void kernel<"reference">(const Launch&, const SwigluForward& a) {
  with_float(a.dtype, [&]<class T>(T) {
    const Doubles<T> gate{a.gate}, up{a.up};
    for (int64_t r = 0; r < a.rows; ++r)
      for (int64_t i = 0; i < a.cols; ++i) {
        const int64_t at = r * a.row + i;
        put<T>(a.y, r * a.cols + i, activation_value(Activation::silu, gate[at]) * up[at], Write::set);
      }
  });
}

template <>
void kernel<"reference">(const Launch&, const SwigluBackward& a) {
  with_float(a.dtype, [&]<class T>(T) {
    const Doubles<T> gates{a.gate}, ups{a.up}, dys{a.dy};
    for (int64_t r = 0; r < a.rows; ++r)
      for (int64_t i = 0; i < a.cols; ++i) {
        const int64_t at = r * a.row + i;
        const double gate = gates[at], up = ups[at], dy = dys[r * a.cols + i];
        if (a.dgate) put<T>(a.dgate, at, activation_slope(Activation::silu, gate) * up * dy, a.to_dgate);
        if (a.dup) put<T>(a.dup, at, activation_value(Activation::silu, gate) * dy, a.to_dup);
      }
  });
}

}  // namespace hewn
