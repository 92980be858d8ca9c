#include "kernels/optimizer/abi.h"

#include <cmath>

#include "kernels/contract/parallel.h"

namespace hewn {

// One sweep per line of the algorithm, as in a program of whole-array operations. The loops are simple, and
// the compiler vectorises them, but m, v and w are read from memory for every single line: this moves 10
// arrays where a single sweep moves 7.
template <>
void kernel<"sweeps">(const Launch& launch, const ParameterUpdate& a) {
  if (a.state->non_finite) return;
  auto *w = static_cast<float*>(a.w), *m = static_cast<float*>(a.m), *v = static_cast<float*>(a.v);
  const auto* g = static_cast<const float*>(a.g);
  const UpdateScalars s = scalars_of(a, true);
  const auto clip = static_cast<float>(s.clip), keep = static_cast<float>(s.keep);
  const auto step_size = static_cast<float>(s.step_size), root_scale = static_cast<float>(s.root_scale);
  const auto beta1 = static_cast<float>(a.beta1), beta2 = static_cast<float>(a.beta2);
  const auto rest1 = static_cast<float>(1 - a.beta1), rest2 = static_cast<float>(1 - a.beta2);
  const auto eps = static_cast<float>(a.eps);
  parallel_elements(launch, a.n, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) m[i] = beta1 * m[i] + rest1 * (clip * g[i]);
  });
  parallel_elements(launch, a.n, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) v[i] = beta2 * v[i] + rest2 * (clip * g[i]) * (clip * g[i]);
  });
  parallel_elements(launch, a.n, [=, n_decayed = a.n_decayed](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      w[i] = (i < n_decayed ? keep : 1.0f) * w[i] - step_size * m[i] / (std::sqrt(v[i]) * root_scale + eps);
  });
}

}  // namespace hewn
