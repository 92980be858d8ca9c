#include "kernels/vec_math.h"
#include "tests/kernels/vec.h"

namespace hewn::test {

template <>
int vec_lanes<Isa::HEWN_ISA>() {
  return W;
}

template <>
void vec_apply<Isa::HEWN_ISA>(VecFunction f, const float* x, float* y) {
  const vf v = load(x);
  switch (f) {
    case VecFunction::exp: return store(y, exp(v));
    case VecFunction::log: return store(y, log(v));
    case VecFunction::tanh: return store(y, tanh(v));
    case VecFunction::sigmoid: return store(y, sigmoid(v));
    case VecFunction::sigmoid_slope: return store(y, sigmoid_and_slope(v).slope);
    case VecFunction::normal_cdf: return store(y, normal(v).cdf);
    case VecFunction::normal_density: return store(y, normal(v).density);
  }
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
