#include "kernels/global_norm/kernels.h"

#include "kernels/gpu/tiles/rows.cuh"

namespace hewn {
namespace {

using Block = Team<256>;
using Single = Team<512>;

/// Each block sums the squares of its part of a span, in double.
template <class T>
__global__ void __launch_bounds__(Block::block, Block::resident<40>) norm_blocks(GlobalNorm a, double* sums) {
  constexpr int V = 16 / static_cast<int>(sizeof(T));
  GradientSpan span{};  // this block's part, from element `first` on
  int64_t first = 0, before = 0;
#pragma unroll
  for (int s = 0; s < GlobalNorm::max_spans; ++s) {
    const int64_t n = s < a.n_spans ? (a.spans[s].n + norm_gpu_block - 1) / norm_gpu_block : 0;
    const int64_t block = static_cast<int64_t>(blockIdx.x) - before;
    if (block >= 0 && block < n) span = a.spans[s], first = block * norm_gpu_block;
    before += n;
  }
  const T* g = static_cast<const T*>(span.data) + first;
  const int n = static_cast<int>(span.n - first < norm_gpu_block ? span.n - first : norm_gpu_block);
  const int whole = n / V * V;
  const bool wide = reinterpret_cast<uintptr_t>(g) % 16 == 0;
  double sum[V] = {};
#pragma unroll 4
  for (int i = Block::rank() * V; i < whole; i += Block::threads * V) {
    const Pack<T, V> x = load_pack<V>(g + i, wide);
#pragma unroll
    for (int v = 0; v < V; ++v)
      sum[v] = std::fma(static_cast<double>(x.at[v]), static_cast<double>(x.at[v]), sum[v]);
  }
  for (int i = whole + Block::rank(); i < n; i += Block::threads)
    sum[0] = std::fma(static_cast<double>(g[i]), static_cast<double>(g[i]), sum[0]);
  for (int v = 1; v < V; ++v) sum[0] += sum[v];
  sum[0] = Block::sum(sum[0]);
  if (Block::rank() == 0) sums[blockIdx.x] = sum[0];
}

/// Adds the sums of the blocks and derives the state, like conclude_norm on the host.
__global__ void __launch_bounds__(Single::block, Single::resident<40>)
    conclude(GlobalNorm a, const double* sums, int64_t n) {
  double sum = 0;
  for (int64_t i = Single::rank(); i < n; i += Single::threads) sum += sums[i];
  sum = Single::sum(sum);
  if (Single::rank() != 0) return;
  StepState& state = *a.state;
  const double norm = std::sqrt(sum), factor = a.max_norm / (norm + 1e-6);
  state.grad_norm = norm;
  state.non_finite = std::isfinite(norm) && (!a.loss || std::isfinite(*a.loss)) ? 0 : 1;
  // Like std::min(1, factor) in conclude_norm, which is 1 if the factor is NaN.
  state.clip_factor = a.max_norm > 0 && factor < 1 ? factor : 1.0;
}

/// One thread, for a handful of numbers.
template <class T>
__global__ void __launch_bounds__(32, 1) add_loss(StepLoss a) {
  if (threadIdx.x != 0) return;
  const double before = a.to_sum == Write::add ? *a.sum : a.state->non_finite ? NAN : 0.0;
  *a.sum = before + *a.share * static_cast<double>(*static_cast<const T*>(a.loss));
  *static_cast<T*>(a.gradient) = static_cast<T>(*a.share);
}

}  // namespace

template <>
void global_norm_gpu<Isa::HEWN_ISA>(const Launch& on, const GlobalNorm& a) {
  auto* sums = static_cast<double*>(on.scratch);
  int64_t blocks = 0;
  for (int s = 0; s < a.n_spans; ++s) blocks += norm_gpu_blocks(a.spans[s].n);
  launch(on, "norm_blocks", {static_cast<unsigned>(blocks), Block::block},
         a.dtype == DType::f64 ? norm_blocks<double> : norm_blocks<float>, a, sums);
  launch(on, "norm_conclude", {1, Single::block}, conclude, a, static_cast<const double*>(sums), blocks);
}

template <>
void step_loss_gpu<Isa::HEWN_ISA>(const Launch& on, const StepLoss& a) {
  launch(on, "add_loss", {1, 32}, a.dtype == DType::f64 ? add_loss<double> : add_loss<float>, a);
}

}  // namespace hewn
