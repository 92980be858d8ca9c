#include "kernels/optimizer/abi.h"

#include <type_traits>

#include "kernels/gpu/tiles/philox.cuh"
#include "kernels/gpu/tiles/rows.cuh"

namespace hewn {
namespace {

constexpr int threads = 256;
constexpr int resident = 4;  ///< resident blocks per multiprocessor: 64 KB of loads in flight

/// The factors common to all elements of one update, like UpdateScalars on the host for the
/// decayed parameters.
template <class T>
struct Factors {
  T clip, keep, decay, step_size, root_scale;
};

template <class T, UpdateRule rule>
__device__ Factors<T> factors_of(const ParameterUpdate& a) {
  const double lr = a.state->learning_rate, t = static_cast<double>(a.state->step + 1);
  const T clip = static_cast<T>(a.state->clip_factor), decay = static_cast<T>(a.weight_decay);
  if constexpr (rule == UpdateRule::sgd) return {clip, 1, decay, static_cast<T>(lr), 1};
  const T step_size = static_cast<T>(lr / (1 - std::pow(a.beta1, t)));
  const T root_scale = static_cast<T>(1 / std::sqrt(1 - std::pow(a.beta2, t)));
  if constexpr (rule == UpdateRule::adam) return {clip, 1, decay, step_size, root_scale};
  return {clip, static_cast<T>(1 - lr * a.weight_decay), 0, step_size, root_scale};
}

/// Updates parameters i .. i + V - 1, either all with decay or all without.
template <int V, UpdateRule rule, class T>
__device__ __forceinline__ void update(const ParameterUpdate& a, const Factors<T>& f, int64_t i, bool wide) {
  const bool decays = i < a.n_decayed;
  const T keep = decays ? f.keep : T{1}, decay = decays ? f.decay : T{0};
  T *to_w = static_cast<T*>(a.w) + i, *to_m = static_cast<T*>(a.m) + i;
  T* const to_v = rule == UpdateRule::sgd ? nullptr : static_cast<T*>(a.v) + i;
  Pack<T, V> w = load_pack<V>(to_w, wide), m = load_pack<V>(to_m, wide), v{};
  const Pack<T, V> g = load_pack<V>(static_cast<const T*>(a.g) + i, wide);
  if constexpr (rule != UpdateRule::sgd) v = load_pack<V>(to_v, wide);
  const T beta1 = static_cast<T>(a.beta1), beta2 = static_cast<T>(a.beta2), eps = static_cast<T>(a.eps);
  const T rest1 = static_cast<T>(1 - a.beta1), rest2 = static_cast<T>(1 - a.beta2);
#pragma unroll
  for (int k = 0; k < V; ++k) {
    const T grad = std::fma(decay, w.at[k], f.clip * g.at[k]);
    if constexpr (rule == UpdateRule::sgd) {
      m.at[k] = std::fma(beta1, m.at[k], grad);
      w.at[k] -= f.step_size * m.at[k];
    } else {
      m.at[k] = std::fma(beta1, m.at[k], rest1 * grad);
      v.at[k] = std::fma(beta2, v.at[k], rest2 * (grad * grad));
      const T root = std::fma(std::sqrt(v.at[k]), f.root_scale, eps);
      w.at[k] = keep * w.at[k] - f.step_size * m.at[k] / root;
    }
  }
  store_pack(to_w, w, wide);
  store_pack(to_m, m, wide);
  if constexpr (rule != UpdateRule::sgd) store_pack(to_v, v, wide);
  if constexpr (std::is_same_v<T, float>) {
    if (a.w_bf16 && decays) store_pack(static_cast<bf16*>(a.w_bf16) + i, w, wide);
  }
}

/// All parameters in one sweep, sixteen bytes per load. There are as many blocks as the GPU holds
/// concurrently, and each processes several ranges, so that the powers of the betas are computed only once
/// per block, by one thread.
template <class T, UpdateRule rule>
__global__ void __launch_bounds__(threads, resident) update_parameters(ParameterUpdate a, bool wide) {
  if (a.state->non_finite) return;
  Factors<T>& shared = shared_memory<Factors<T>>();
  if (threadIdx.x == 0) shared = factors_of<T, rule>(a);
  __syncthreads();
  const Factors<T> f = shared;
  constexpr int V = 16 / static_cast<int>(sizeof(T));
  const int64_t step = int64_t{gridDim.x} * threads * V;
  for (int64_t i = (int64_t{blockIdx.x} * threads + threadIdx.x) * V; i < a.n; i += step) {
    const bool alike = i + V <= a.n_decayed || i >= a.n_decayed;
    if (alike && i + V <= a.n)
      update<V, rule>(a, f, i, wide);
    else
      for (int64_t k = i; k < a.n && k < i + V; ++k) update<1, rule>(a, f, k, false);
  }
}

template <class T>
void run(const Launch& on, const ParameterUpdate& a) {
  constexpr int V = 16 / static_cast<int>(sizeof(T));
  const unsigned all = blocks_for(a.n, threads * V), most = static_cast<unsigned>(on.threads * resident);
  const bool wide = loads_wide(V, a.w, a.g, a.m, a.v) && aligned_for(4, static_cast<const bf16*>(a.w_bf16));
  const auto kernel = a.rule == UpdateRule::adamw  ? update_parameters<T, UpdateRule::adamw>
                      : a.rule == UpdateRule::adam ? update_parameters<T, UpdateRule::adam>
                                                   : update_parameters<T, UpdateRule::sgd>;
  launch(on, "update_parameters", {all < most ? all : most, threads}, kernel, a, wide);
}

__global__ void __launch_bounds__(threads, resident) round_stochastically(StochasticRounding a) {
  if (a.state->non_finite) return;
  const int64_t thread = int64_t{blockIdx.x} * threads + threadIdx.x, group = thread / 16;
  if (group * 64 >= a.n) return;
  const int lane = static_cast<int>(thread % 16);
  const PhiloxWords words =
      random_words(a.first / 64 + group, lane, static_cast<uint32_t>(a.state->step + a.extra), 0,
                   rounding_site, a.state->seed);
#pragma unroll
  for (int k = 0; k < 4; ++k) {
    const int64_t i = group * 64 + k * 16 + lane;
    if (i >= a.n) return;
    const float w = static_cast<const float*>(a.w)[i];
    const unsigned bits = __float_as_uint(w), sum = bits + (words.at[k] >> 16);
    const bool finite = (bits & 0x7f800000u) != 0x7f800000u;
    static_cast<bf16*>(a.w_bf16)[i] = finite ? bf16{static_cast<uint16_t>(sum >> 16)} : to_bf16(w);
  }
}

}  // namespace

template <>
void kernel<"cuda", Isa::HEWN_ISA>(const Launch& on, const ParameterUpdate& a) {
  a.dtype == DType::f64 ? run<double>(on, a) : run<float>(on, a);
}

template <>
void kernel<"cuda", Isa::HEWN_ISA>(const Launch& on, const StochasticRounding& a) {
  launch(on, "round_stochastically", {blocks_for(ceil_div(a.n, int64_t{64}) * 16, threads), threads},
         round_stochastically, a);
}

}  // namespace hewn
