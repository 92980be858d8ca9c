#include "kernels/cross_entropy/abi.h"

#include "kernels/gpu/tiles/rows.cuh"
#include "kernels/gpu/tiles/tile.cuh"

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

/// For bf16 logits, whose 8 bits need no more: a relative error of 2^-22 (PTX ISA, ex2.approx).
struct FastExp {
  static __device__ __forceinline__ float of(float x) { return power_of_two(1.44269504f * x); }
};
template <class E>
using ExpOf = std::conditional_t<sizeof(E) == 2, FastExp, ExactExp>;

/// A thread's part of the piece of a row that starts at element `start`: `packs` packs of V adjacent elements,
/// those of a team side by side. T is the type to compute with.
template <class Team, class E, class T>
struct RowPart {
  static constexpr int V = 16 / static_cast<int>(sizeof(E));
  static constexpr int packs = (sizeof(T) == 8 ? 2 : 16) / V;
  static constexpr int piece = V * packs * Team::threads;
  Pack<E, V> pack[packs];

  static __device__ __forceinline__ int at(int start, int k) {
    return start + (k * Team::threads + Team::rank()) * V;
  }
  /// Elements from `cols` on are -inf. `whole`: there are none, and rows are aligned to packs.
  template <bool whole>
  __device__ __forceinline__ void load(const E* row, int start, int cols, bool wide) {
#pragma unroll
    for (int k = 0; k < packs; ++k) {
      const int i = at(start, k);
      if constexpr (whole) {
        pack[k] = load_pack<V>(row + i);
      } else if (wide && i + V <= cols) {
        pack[k] = load_pack<V>(row + i);
      } else {
#pragma unroll
        for (int v = 0; v < V; ++v)
          if (i + v < cols)
            pack[k].at[v] = row[i + v];
          else
            store_as(&pack[k].at[v], static_cast<T>(-INFINITY));
      }
    }
  }
  __device__ __forceinline__ void numbers(T (&x)[V * packs]) const {
#pragma unroll
    for (int k = 0; k < packs; ++k)
#pragma unroll
      for (int v = 0; v < V; ++v) x[k * V + v] = load_as<T>(&pack[k].at[v]);
  }
  /// Stores the elements before `ld`.
  template <bool whole>
  __device__ __forceinline__ void store(E* row, int start, int ld, bool wide) const {
#pragma unroll
    for (int k = 0; k < packs; ++k) {
      const int i = at(start, k);
      if constexpr (whole) {
        store_pack(row + i, pack[k]);
      } else if (wide && i + V <= ld) {
        store_pack(row + i, pack[k]);
      } else {
#pragma unroll
        for (int v = 0; v < V; ++v)
          if (i + v < ld) row[i + v] = pack[k].at[v];
      }
    }
  }
};

/// The values from which a row's gradient follows.
template <class T, class Exp>
struct RowGradient {
  T most, row_scale, scale;  ///< maximum; weight of the row / sum; weight
  int target, cols;

  /// Replaces the logits of a part by their gradient, and elements past the row's end by 0.
  template <bool whole, class Part>
  __device__ __forceinline__ void apply(Part& part, int start) const {
#pragma unroll
    for (int k = 0; k < Part::packs; ++k) {
      const int i = Part::at(start, k);
      const bool has_target = target >= i && target < i + Part::V;
#pragma unroll
      for (int v = 0; v < Part::V; ++v) {
        T g = Exp::of(load_as<T>(&part.pack[k].at[v]) - most) * row_scale;
        if (has_target && i + v == target) g -= scale;
        store_as(&part.pack[k].at[v], whole || i + v < cols ? g : T{0});
      }
    }
  }
};

/// Reads a row twice: for the maximum and the sum, then for the gradient, from the end, which the caches still
/// hold. Pieces before `whole` are loaded and stored without checks for the end of the row.
template <class Team, class E, class T>
__global__ void __launch_bounds__(Team::block, resident<Team, T>)
    cross_entropy_fused(CrossEntropyFused a, bool wide) {
  using Part = RowPart<Team, E, T>;
  const T* const weights = static_cast<const T*>(a.weights);
  const T of_mean = a.gradient && !weights ? T{1} / static_cast<T>(*a.kept) : T{0};
  const int cols = static_cast<int>(a.cols), ld = static_cast<int>(a.ld);
  const int whole = wide ? cols / Part::piece * Part::piece : 0;
  for (int64_t r = Team::first(); r < a.rows; r += Team::step()) {
    E* const row = static_cast<E*>(a.logits) + r * a.ld;
    const int32_t target = a.targets[r];
    T* const loss = static_cast<T*>(a.losses) + r;
    if (target == ignored_target) {
      if (Team::rank() == 0) *loss = 0;
      for (int i = Team::rank(); a.gradient && i < ld; i += Team::threads) store_as(row + i, T{0});
      continue;
    }
    const bool valid = is_column(target, cols);
    const T of_target = valid ? load_as<T>(row + target) : static_cast<T>(NAN);
    RunningMaxSum<T, ExpOf<E>> running;
    Part part;
    T x[Part::V * Part::packs];
    for (int start = 0; start < whole; start += Part::piece) {
      part.template load<true>(row, start, cols, wide);
      part.numbers(x);
      running.take(x);
    }
    for (int start = whole; start < cols; start += Part::piece) {
      part.template load<false>(row, start, cols, wide);
      part.numbers(x);
      running.take(x);
    }
    const auto all = running.template over_team<Team>();
    if (Team::rank() == 0) *loss = std::log(all.sum) + (all.most - of_target);
    if (!a.gradient) continue;
    __syncwarp();  // every thread of the team has read the logit of the target
    const T scale = weights ? weights[r] : of_mean;
    const RowGradient<T, ExpOf<E>> gradient{all.most, valid ? scale / all.sum : static_cast<T>(NAN), scale,
                                            target, cols};
    for (int start = whole; start < ld; start += Part::piece) {
      part.template load<false>(row, start, cols, wide);
      gradient.template apply<false>(part, start);
      part.template store<false>(row, start, ld, wide);
    }
    for (int start = whole - Part::piece; start >= 0; start -= Part::piece) {
      part.template load<true>(row, start, cols, wide);
      gradient.template apply<true>(part, start);
      part.template store<true>(row, start, ld, wide);
    }
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
void kernel<"cuda", Isa::HEWN_ISA>(const Launch& on, const CountTargets& a) {
  launch(on, "count_targets", {1, Single::block}, count_targets, a);
}

template <>
void kernel<"cuda", Isa::HEWN_ISA>(const Launch& on, const CrossEntropyForward& a) {
  with_team(a, [&]<class Team, int V, class T>() {
    launch(on, "cross_entropy_forward", Team::grid(a.rows), cross_entropy_forward<Team, V, T>, a,
           loads_wide(a.cols, a.logits));
  });
}

template <>
void kernel<"cuda", Isa::HEWN_ISA>(const Launch& on, const CrossEntropyBackward& a) {
  with_team(a, [&]<class Team, int V, class T>() {
    launch(on, "cross_entropy_backward", Team::grid(a.rows), cross_entropy_backward<Team, V, T>, a,
           loads_wide(a.cols, a.logits, a.dlogits));
  });
}

template <>
void kernel<"cuda", Isa::HEWN_ISA>(const Launch& on, const CrossEntropyFused& a) {
  const auto with_types = [&]<class E, class T>() {
    const auto address = reinterpret_cast<uintptr_t>(a.logits),
               row = static_cast<uintptr_t>(a.ld) * sizeof(E);
    const bool wide = (address | row) % 16 == 0;
    const auto with_team = [&]<class Team>() {
      launch(on, "cross_entropy_fused", Team::grid(a.rows), cross_entropy_fused<Team, E, T>, a, wide);
    };
    a.cols <= longest_of_a_warp ? with_team.template operator()<Warp>()
                                : with_team.template operator()<Block>();
  };
  switch (a.dtype) {
    case DType::f64: return with_types.template operator()<double, double>();
    case DType::bf16: return with_types.template operator()<bf16, float>();
    default: return with_types.template operator()<float, float>();
  }
}

template <>
void kernel<"cuda", Isa::HEWN_ISA>(const Launch& on, const MeanLoss& a) {
  launch(on, "mean_loss", {1, Single::block}, a.dtype == DType::f64 ? mean_loss<double> : mean_loss<float>,
         a);
}

}  // namespace hewn
