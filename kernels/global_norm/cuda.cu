#include "kernels/global_norm/abi.h"

#include "kernels/gpu/tiles/rows.cuh"

namespace hewn {
namespace {

using Block = Team<256>;
using Single = Team<512>;

/// Each block of threads sums the squares of a block of gradients, in double.
template <class T>
__global__ void __launch_bounds__(Block::block, Block::resident<40>) block_squares(BlockSquares a) {
  constexpr int V = 16 / static_cast<int>(sizeof(T));
  const int64_t first = static_cast<int64_t>(blockIdx.x) * norm_block;
  const T* g = static_cast<const T*>(a.g) + first;
  const int n = static_cast<int>(a.n - first < norm_block ? a.n - first : norm_block);
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
  if (Block::rank() == 0) a.sums[blockIdx.x] = sum[0];
}

/// Adds the sums of the blocks and derives the state.
__global__ void __launch_bounds__(Single::block, Single::resident<40>) conclude(GlobalNorm a) {
  double sum = 0;
  for (int64_t i = Single::rank(); i < a.n_blocks; i += Single::threads) sum += a.sums[i];
  sum = Single::sum(sum);
  if (Single::rank() != 0) return;
  StepState& state = *a.state;
  const double norm = std::sqrt(sum), factor = a.max_norm / (norm + 1e-6);
  state.grad_norm = norm;
  state.non_finite = std::isfinite(norm) && (!a.loss || std::isfinite(*a.loss)) ? 0 : 1;
  // Like std::min(1, factor) of the reference, which is 1 if the factor is NaN.
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
void kernel<"cuda", Isa::HEWN_ISA>(const Launch& on, const BlockSquares& a) {
  launch(on, "block_squares", {static_cast<unsigned>(blocks_of_norm(a.n)), Block::block},
         a.dtype == DType::f64 ? block_squares<double> : block_squares<float>, a);
}

template <>
void kernel<"cuda", Isa::HEWN_ISA>(const Launch& on, const GlobalNorm& a) {
  launch(on, "norm_conclude", {1, Single::block}, conclude, a);
}

template <>
void kernel<"cuda", Isa::HEWN_ISA>(const Launch& on, const StepLoss& a) {
  launch(on, "add_loss", {1, 32}, a.dtype == DType::f64 ? add_loss<double> : add_loss<float>, a);
}

}  // namespace hewn
