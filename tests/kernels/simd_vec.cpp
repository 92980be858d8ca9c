#include "kernels/activation/curves.h"
#include "tests/kernels/vec.h"

namespace hewn::test {
namespace {

template <class F>
void apply(const float* x, float* y, int64_t n, F f) {
  for (int64_t i = 0; i < n; i += W) store(y + i, f(load(x + i)));
}

}  // namespace

template <>
int vec_lanes<Isa::HEWN_ISA>() {
  return W;
}

template <>
void vec_apply<Isa::HEWN_ISA>(VecFunction f, const float* x, float* y, int64_t n) {
  switch (f) {
    case VecFunction::exp: return apply(x, y, n, [](vf v) { return exp(v); });
    case VecFunction::exp_below_0: return apply(x, y, n, [](vf v) { return exp_below_0(minus_abs(v)); });
    case VecFunction::log: return apply(x, y, n, [](vf v) { return log(v); });
    case VecFunction::tanh: return apply(x, y, n, [](vf v) { return tanh(v); });
    case VecFunction::sigmoid: return apply(x, y, n, [](vf v) { return sigmoid(v); });
    case VecFunction::sigmoid_slope: return apply(x, y, n, [](vf v) { return sigmoid_and_slope(v).slope; });
    case VecFunction::normal_cdf: return apply(x, y, n, [](vf v) { return normal(v).cdf; });
    case VecFunction::normal_density: return apply(x, y, n, [](vf v) { return normal(v).density; });
  }
}

template <>
double vec_ulp<Isa::HEWN_ISA>(VecFunction f) {
  switch (f) {
    case VecFunction::exp: return exp_ulp;
    case VecFunction::exp_below_0: return exp_below_0_ulp;
    case VecFunction::log: return log_ulp;
    case VecFunction::tanh: return tanh_ulp;
    case VecFunction::sigmoid: return sigmoid_ulp;
    case VecFunction::sigmoid_slope: return sigmoid_slope_ulp;
    case VecFunction::normal_cdf: return normal_cdf_ulp;
    case VecFunction::normal_density: return normal_density_ulp;
  }
  return 0;
}

template <>
double vec_exp_of_doubles<Isa::HEWN_ISA>(const double* x, double* y, int64_t n) {
  for (int64_t i = 0; i < n; i += WD) store(y + i, exp_below_0(load(x + i)));
  return exp_of_doubles_ulp;
}

template <>
void curve_apply<Isa::HEWN_ISA>(Activation kind, CurvePart part, const float* x, float* y, int64_t n) {
  visit(kind, [&]<Activation a>() {
    if (part == CurvePart::value)
      apply(x, y, n, [](vf v) { return Curve<a>::value(v); });
    else
      apply(x, y, n, [](vf v) { return Curve<a>::slope(v); });
  });
}

template <>
double curve_ulp<Isa::HEWN_ISA>(Activation kind, CurvePart part) {
  return visit(kind, [&]<Activation a>() {
    return part == CurvePart::value ? Curve<a>::value_ulp : Curve<a>::slope_ulp;
  });
}

template <>
void vec_parts<Isa::HEWN_ISA>(const float* x, int64_t first, float rest, float* y, double* results) {
  const vf v = load_part(x, first, rest);
  store_part(y, v, first);
  results[0] = sum_lanes(v);
  results[1] = max_lanes(v);
  double d[WD];
  for (int i = 0; i < WD; ++i) d[i] = i < first ? x[i] : 0;
  const int64_t n = first < WD ? first : WD;
  results[2] = sum_lanes(load_part(d, n));
  store_part(d, load_part(d, n) + 1.0, n);
  for (int i = 0; i < WD; ++i) results[2] -= i < first ? d[i] - 1 - x[i] : d[i];
}

}  // namespace hewn::test
