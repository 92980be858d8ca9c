#include "kernels/optimizer/abi.h"

#include <bit>
#include <cmath>

#include "kernels/contract/random_words.h"

namespace hewn {
namespace {

template <class T>
void update(const ParameterUpdate& a) {
  const UpdateScalars with_decay = scalars_of(a, true), without = scalars_of(a, false);
  T *w = static_cast<T*>(a.w), *m = static_cast<T*>(a.m), *v = static_cast<T*>(a.v);
  const T* g = static_cast<const T*>(a.g);
  for (int64_t i = 0; i < a.n; ++i) {
    const UpdateScalars& s = i < a.n_decayed ? with_decay : without;
    const double old = static_cast<double>(w[i]), grad = s.clip * static_cast<double>(g[i]) + s.decay * old;
    if (a.rule == UpdateRule::sgd) {
      const double momentum = a.beta1 * static_cast<double>(m[i]) + grad;
      m[i] = static_cast<T>(momentum);
      w[i] = static_cast<T>(old - s.step_size * momentum);
      continue;
    }
    const double mean = a.beta1 * static_cast<double>(m[i]) + (1 - a.beta1) * grad;
    const double square = a.beta2 * static_cast<double>(v[i]) + (1 - a.beta2) * grad * grad;
    m[i] = static_cast<T>(mean);
    v[i] = static_cast<T>(square);
    w[i] = static_cast<T>(s.keep * old - s.step_size * mean / (std::sqrt(square) * s.root_scale + a.eps));
  }
}

}  // namespace

UpdateScalars scalars_of(const ParameterUpdate& a, bool decayed) {
  const double lr = a.state->learning_rate, t = static_cast<double>(a.state->step + 1);
  const double decay = decayed ? a.weight_decay : 0;
  UpdateScalars s{.clip = a.state->clip_factor, .keep = 1, .decay = decay, .step_size = lr, .root_scale = 1};
  if (a.rule == UpdateRule::sgd) return s;
  if (a.rule == UpdateRule::adamw) {
    s.keep = 1 - lr * decay;
    s.decay = 0;
  }
  s.step_size = lr / (1 - std::pow(a.beta1, t));
  s.root_scale = 1 / std::sqrt(1 - std::pow(a.beta2, t));
  return s;
}

template <>
void kernel<"reference">(const Launch&, const ParameterUpdate& a) {
  if (a.state->non_finite) return;
  a.dtype == DType::f64 ? update<double>(a) : update<float>(a);
  if (!a.w_bf16) return;
  const auto* w = static_cast<const float*>(a.w);
  for (int64_t i = 0; i < a.n_decayed; ++i) static_cast<BFloat16*>(a.w_bf16)[i] = BFloat16(w[i]);
}

template <>
void kernel<"reference">(const Launch&, const StochasticRounding& a) {
  if (a.state->non_finite) return;
  const auto updates = static_cast<uint32_t>(a.state->step + a.extra);
  for (int64_t i = 0; i < a.n; ++i) {
    const float w = static_cast<const float*>(a.w)[i];
    auto& w_bf16 = static_cast<BFloat16*>(a.w_bf16)[i];
    w_bf16 = BFloat16(w);
    if (!std::isfinite(w)) continue;
    const uint32_t word = random_word(a.first + i, updates, 0, rounding_site, a.state->seed);
    w_bf16.bits = static_cast<uint16_t>((std::bit_cast<uint32_t>(w) + (word >> 16)) >> 16);
  }
}

}  // namespace hewn
