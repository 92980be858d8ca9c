#include "kernels/activation/abi.h"

#include <cmath>

namespace hewn {

// The formula of Hendrycks and Gimpel (2016, section 2) as published, with tanh of the C library: one call of
// some thirty nanoseconds per element, which cannot be vectorised.
template <>
void kernel<"float">(const Launch&, const ActivationForward& a) {
  const auto* x = static_cast<const float*>(a.x);
  auto* y = static_cast<float*>(a.y);
  for (int64_t i = 0; i < a.n; ++i) {
    const float u = 0.797884561f * (x[i] + 0.044715f * x[i] * x[i] * x[i]);
    y[i] = 0.5f * x[i] * (1 + std::tanh(u));
  }
}

}  // namespace hewn
