#include "kernels/cross_entropy/kernels.h"

#include "kernels/gpu/tiles/rows.cuh"

namespace hewn {
namespace {

using Warp = Team<32>;      // for short rows, e.g. of a character model
using Block = Team<512>;    // for rows of a large vocabulary
using Single = Team<1024>;  // for one number per row
constexpr int64_t longest_of_a_warp = 2048;

/// Loads in flight per thread, in packs of V elements.
template <int V, class T>
constexpr int packs_of = (sizeof(T) == 8 ? 2 : 8) / V;

/// Blocks resident per multiprocessor, so that some compute while others load. Exponentials in double take
/// many registers.
template <class Team, class T>
[[maybe_unused]] constexpr int resident = Team::threads == 32 ? 4
                                          : sizeof(T) == 8    ? 1
                                                              : 2;

__global__ void __launch_bounds__(Single::block, 1) count_targets(CountTargets a) {
  int64_t kept = 0;
  for (int64_t r = Single::rank(); r < a.rows; r += Single::threads) kept += a.targets[r] != ignored_target;
  kept = Single::sum(kept);
  if (Single::rank() == 0) *a.kept = kept;
}

/// On a GPU targets have not been checked before (check_targets): an invalid one makes loss and gradients
/// NaN, and the optimizer refuses the step.
__device__ __forceinline__ bool is_column(int32_t target, int64_t cols) {
  return target >= 0 && target < cols;
}

/// Reads the logits once: maximum and sum are computed together.
template <class Team, int V, class T>
__global__ void __launch_bounds__(Team::block, resident<Team, T>)
    cross_entropy_forward(CrossEntropyForward a, bool wide) {
  for (int64_t r = Team::first(); r < a.rows; r += Team::step()) {
    const T* x = static_cast<const T*>(a.logits) + r * a.cols;
    RunningMaxSum<T> running;
    stride_row<Team, V, packs_of<V, T>>(x, a.cols, wide, static_cast<T>(-INFINITY),
                                        [&](auto& v, int64_t) { running.take(v); });
    const RunningMaxSum<T> all = running.template over_team<Team>();
    if (Team::rank() != 0) continue;
    const int32_t target = a.targets[r];
    T loss = 0;
    if (target != ignored_target)
      loss = is_column(target, a.cols) ? std::log(all.sum) + (all.most - x[target]) : static_cast<T>(NAN);
    static_cast<T*>(a.losses)[r] = loss;
    static_cast<T*>(a.stats)[2 * r] = all.most;
    static_cast<T*>(a.stats)[2 * r + 1] = all.sum;
  }
}

/// Every element is read and written by one thread, so that the gradient can overwrite the logits.
template <class Team, int V, class T>
__global__ void __launch_bounds__(Team::block, resident<Team, T>)
    cross_entropy_backward(CrossEntropyBackward a, bool wide) {
  const T scale = *static_cast<const T*>(a.dloss) / static_cast<T>(*a.kept);
  for (int64_t r = Team::first(); r < a.rows; r += Team::step()) {
    const T* x = static_cast<const T*>(a.logits) + r * a.cols;
    T* dx = static_cast<T*>(a.dlogits) + r * a.cols;
    const T *stats = static_cast<const T*>(a.stats) + 2 * r, most = stats[0];
    const int32_t target = a.targets[r];
    const bool kept = target != ignored_target;
    const T row_scale = is_column(target, a.cols) ? scale / stats[1] : static_cast<T>(NAN);
    if (!kept && a.to_dlogits == Write::add) continue;
    stride_row<Team, V, packs_of<V, T>>(x, kept ? a.cols : 0, wide, T{0}, [&](auto& v, int64_t start) {
#pragma unroll
      for (int k = 0; k < packs_of<V, T>; ++k) {
        const int64_t i = start + k * V * Team::threads;
        if (i >= a.cols) break;
        Pack<T, V> g;
#pragma unroll
        for (int at = 0; at < V; ++at)
          g.at[at] = std::exp(v[k * V + at] - most) * row_scale - (i + at == target ? scale : T{0});
        write_pack(dx + i, g, a.to_dlogits, wide);
      }
    });
    if (!kept)
      for (int64_t i = Team::rank(); i < a.cols; i += Team::threads) dx[i] = 0;
  }
}

template <class T>
__global__ void __launch_bounds__(Single::block, 1) mean_loss(MeanLoss a) {
  double sum = 0;
  for (int64_t r = Single::rank(); r < a.rows; r += Single::threads)
    sum += static_cast<double>(static_cast<const T*>(a.losses)[r]);
  sum = Single::sum(sum);
  if (Single::rank() == 0) *static_cast<T*>(a.loss) = static_cast<T>(sum / static_cast<double>(*a.kept));
}

/// Calls f.operator()<Team, V, T>() for rows of this length.
template <class A, class F>
void with_team(const A& a, const F& f) {
  const bool by_warp = a.cols <= longest_of_a_warp;
  if (a.dtype == DType::f64)
    return by_warp ? f.template operator()<Warp, 1, double>() : f.template operator()<Block, 1, double>();
  if (a.cols % 4 == 0)
    return by_warp ? f.template operator()<Warp, 4, float>() : f.template operator()<Block, 4, float>();
  by_warp ? f.template operator()<Warp, 1, float>() : f.template operator()<Block, 1, float>();
}

}  // namespace

template <>
void cross_entropy_gpu<Isa::HEWN_ISA>(const Launch& on, const CountTargets& a) {
  launch(on, "count_targets", {1, Single::block}, count_targets, a);
}

template <>
void cross_entropy_gpu<Isa::HEWN_ISA>(const Launch& on, const CrossEntropyForward& a) {
  with_team(a, [&]<class Team, int V, class T>() {
    launch(on, "cross_entropy_forward", Team::grid(a.rows), cross_entropy_forward<Team, V, T>, a,
           loads_wide(a.cols, a.logits));
  });
}

template <>
void cross_entropy_gpu<Isa::HEWN_ISA>(const Launch& on, const CrossEntropyBackward& a) {
  with_team(a, [&]<class Team, int V, class T>() {
    launch(on, "cross_entropy_backward", Team::grid(a.rows), cross_entropy_backward<Team, V, T>, a,
           loads_wide(a.cols, a.logits, a.dlogits));
  });
}

template <>
void cross_entropy_gpu<Isa::HEWN_ISA>(const Launch& on, const MeanLoss& a) {
  launch(on, "mean_loss", {1, Single::block}, a.dtype == DType::f64 ? mean_loss<double> : mean_loss<float>,
         a);
}

}  // namespace hewn
