#include "kernels/optimizer/abi.h"

#include <algorithm>

#include "kernels/contract/parallel.h"
#include "kernels/simd/vec_bf16.h"
#include "kernels/simd/vec_philox.h"
#include "kernels/simd/vec_stream.h"

namespace hewn {
namespace {

constexpr int64_t block = 4096;  // elements per work item

/// The factors of parameters with or without decay, as vectors.
struct Factors {
  vf clip, keep, decay, step_size, root_scale, beta1, beta2, rest1, rest2, eps;
  Factors(const ParameterUpdate& a, const UpdateScalars& s)
      : clip(set1(static_cast<float>(s.clip))),
        keep(set1(static_cast<float>(s.keep))),
        decay(set1(static_cast<float>(s.decay))),
        step_size(set1(static_cast<float>(s.step_size))),
        root_scale(set1(static_cast<float>(s.root_scale))),
        beta1(set1(static_cast<float>(a.beta1))),
        beta2(set1(static_cast<float>(a.beta2))),
        rest1(set1(static_cast<float>(1 - a.beta1))),
        rest2(set1(static_cast<float>(1 - a.beta2))),
        eps(set1(static_cast<float>(a.eps))) {}
};

struct Moments {
  vf w, m, v;
};

Moments adam(const Factors& f, vf w, vf g, vf m, vf v) {
  g = fma(f.decay, w, f.clip * g);
  m = fma(f.beta1, m, f.rest1 * g);
  v = fma(f.beta2, v, f.rest2 * (g * g));
  return {f.keep * w - f.step_size * m / fma(sqrt(v), f.root_scale, f.eps), m, v};
}

Moments sgd(const Factors& f, vf w, vf g, vf m) {
  m = fma(f.beta1, m, fma(f.decay, w, f.clip * g));
  return {w - f.step_size * m, m, vf{}};
}

/// Updates elements [begin, end), with copies of the new w unless `w_bf16` is null.
void update_range(const ParameterUpdate& a, const Factors& f, BFloat16* w_bf16, int64_t begin, int64_t end) {
  auto *w = static_cast<float*>(a.w), *m = static_cast<float*>(a.m), *v = static_cast<float*>(a.v);
  const auto* g = static_cast<const float*>(a.g);
  const bool second = a.rule != UpdateRule::sgd;
  for_lanes(begin, end, [=, &f](int64_t i, auto lanes) {
    const vf wi = load_ahead(w + i, lanes), gi = load_ahead(g + i, lanes), mi = load_ahead(m + i, lanes);
    const Moments next = second ? adam(f, wi, gi, mi, load_ahead(v + i, lanes)) : sgd(f, wi, gi, mi);
    store(w + i, next.w, lanes);
    store(m + i, next.m, lanes);
    if (second) store(v + i, next.v, lanes);
    if (w_bf16) store(w_bf16 + i, next.w, lanes);
  });
}

/// w rounded stochastically; the lower 16 bits of the result are zero, so converting it to bf16 is exact.
vf rounded_by(vi words, vf w) {
  const vi bits = reinterpret_cast<vi>(w);
  const vi sum = (bits + ((words >> 16) & 0xffff)) & static_cast<int32_t>(0xffff0000u);
  return (bits & 0x7f800000) == 0x7f800000 ? w : reinterpret_cast<vf>(sum);
}

}  // namespace

template <>
void kernel<"simd", Isa::HEWN_ISA>(const Launch& launch, const ParameterUpdate& a) {
  if (a.state->non_finite) return;
  const Factors with_decay(a, scalars_of(a, true)), without(a, scalars_of(a, false));
  parallel_elements(launch, a.n, [&](int64_t begin, int64_t end) {
    const int64_t between = std::clamp(a.n_decayed, begin, end);
    update_range(a, with_decay, static_cast<BFloat16*>(a.w_bf16), begin, between);
    update_range(a, without, nullptr, between, end);
  });
}

template <>
void kernel<"simd", Isa::HEWN_ISA>(const Launch& launch, const StochasticRounding& a) {
  if (a.state->non_finite) return;
  const auto* w = static_cast<const float*>(a.w);
  auto* w_bf16 = static_cast<BFloat16*>(a.w_bf16);
  const auto updates = static_cast<uint32_t>(a.state->step + a.extra);
  parallel_for(launch, blocks_of(a.n, block), [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin * block; i < end * block && i < a.n; i += 64) {
      int32_t words[64];
      for (int lane = 0; lane < 16; lane += W) {
        const PhiloxLanes drawn =
            random_words((a.first + i) / 64, lane, updates, 0, rounding_site, a.state->seed);
        for (int k = 0; k < 4; ++k) store(words + k * 16 + lane, drawn.at[k]);
      }
      for_lanes(0, i + 64 < a.n ? 64 : a.n - i, [&](int64_t k, auto lanes) {
        store(w_bf16 + i + k, rounded_by(load(words + k), load(w + i + k, lanes)), lanes);
      });
    }
  });
}

}  // namespace hewn
