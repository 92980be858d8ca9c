#include "kernels/roof/simd.h"

#include "kernels/simd/vec_math.h"

namespace hewn {
namespace {

// Four vectors at a time, to hide the latency of each behind the others.
template <class F>
void apply(const float* x, float* y, int64_t n, F f) {
  for (int64_t i = 0; i < n; i += 4 * W) {
#pragma GCC unroll 4
    for (int u = 0; u < 4; ++u) store(y + i + u * W, f(load(x + i + u * W)));
  }
}

}  // namespace

template <>
void roof_function<Isa::HEWN_ISA>(MathFunction f, const float* x, float* y, int64_t n) {
  switch (f) {
    case MathFunction::exp: return apply(x, y, n, [](vf v) { return exp(v); });
    case MathFunction::tanh: return apply(x, y, n, [](vf v) { return tanh(v); });
  }
}

}  // namespace hewn
