#include "kernels/gpu/tiles/column_sums.cuh"
#include "kernels/gpu/tiles/rows.cuh"
#include "kernels/norm/abi.h"

namespace hewn {
namespace {

/// n of a row with these statistics.
template <bool centred, class T>
struct Normalize {
  T rstd;
  explicit __device__ Normalize(const double* stats) : rstd(static_cast<T>(*stats)) {}
  __device__ T operator()(T x) const { return x * rstd; }
};

/// (x - mean) rstd for a mean given in double: the error of rounding it to float is subtracted as well.
template <class T>
struct Normalize<true, T> {
  T high, rest, rstd;
  explicit __device__ Normalize(const double* stats)
      : high(static_cast<T>(stats[0])),
        rest(static_cast<T>(stats[0] - static_cast<double>(high))),
        rstd(static_cast<T>(stats[1])) {}
  __device__ T operator()(T x) const { return (x - high - rest) * rstd; }
};

using Block = Team<256>;

/// dx with one block per row, which reads the row twice. X and Y are the elements of x and y, T the type to
/// compute with.
template <class X, class Y, class T, bool centred>
__global__ void __launch_bounds__(Block::block, Block::resident<64>)
    norm_backward_block(NormBackward<centred> a) {
  const T* weight = static_cast<const T*>(a.weight);
  for (int64_t r = Block::first(); r < a.rows; r += Block::step()) {
    const X* x = static_cast<const X*>(a.x) + r * a.cols;
    const Y* dy = static_cast<const Y*>(a.dy) + r * a.cols;
    X* dx = static_cast<X*>(a.dx) + r * a.cols;
    const Normalize<centred, T> normalize(a.stats + a.row_stats * r);
    const auto g_at = [&](int64_t i) { return load_as<T>(dy + i) * weight[i]; };
    const auto n_at = [&](int64_t i) { return normalize(load_as<T>(x + i)); };
    T g = 0, gn = 0;
    for (int64_t i = Block::rank(); i < a.cols; i += Block::threads) {
      if constexpr (centred) g += g_at(i);
      gn += g_at(i) * n_at(i);
    }
    const T mean_g = centred ? Block::sum(g) / static_cast<T>(a.cols) : 0,
            mean_gn = Block::sum(gn) / static_cast<T>(a.cols);
    for (int64_t i = Block::rank(); i < a.cols; i += Block::threads) {
      const T g_i = centred ? g_at(i) - mean_g : g_at(i);
      write(dx + i, normalize.rstd * (g_i - n_at(i) * mean_gn), a.to_dx);
    }
  }
}

/// dweight and dbias with one thread per column, which reads all of x and dy once more.
template <class X, class Y, class T, bool centred>
__global__ void __launch_bounds__(32, blocks_with(32, 64)) norm_backward_columns(NormBackward<centred> a) {
  const int64_t step = int64_t{gridDim.x} * 32;
  for (int64_t i = int64_t{blockIdx.x} * 32 + threadIdx.x; i < a.cols; i += step) {
    double dweight = 0, dbias = 0;  // in double, because many terms are added sequentially
    for (int64_t r = 0; r < a.rows; ++r) {
      const T d = load_as<T>(static_cast<const Y*>(a.dy) + r * a.cols + i);
      const T x = load_as<T>(static_cast<const X*>(a.x) + r * a.cols + i);
      dweight += static_cast<double>(d * Normalize<centred, T>(a.stats + a.row_stats * r)(x));
      if constexpr (centred) dbias += static_cast<double>(d);
    }
    if (a.dweight) write(static_cast<T*>(a.dweight) + i, static_cast<T>(dweight), a.to_dweight);
    if (a.dbias) write(static_cast<T*>(a.dbias) + i, static_cast<T>(dbias), a.to_dbias);
  }
}

/// All gradients from one read: x and dy stay in registers between the two sums of a row and its dx,
/// and each thread accumulates dweight and dbias of its columns from row to row. The warps of a block add
/// theirs up in order and store [parameters, cols] in scratch, which add_column_sums adds in the order of the blocks.
/// The division of rows among blocks depends only on their number.
template <class S, class X, class Y, bool centred>
__global__ void __launch_bounds__(S::block, column_sums_resident<S>)
    norm_backward_rows(NormBackward<centred> a, float* partial, bool wide) {
  static_assert(column_sums_fit<S>);
  const int cols = static_cast<int>(a.cols);
  const auto* weight = static_cast<const float*>(a.weight);
  const bool adds = a.dx && a.to_dx == Write::add;
  Held<S> dweight{}, dbias{};
  for (int64_t r = S::first(); r < a.rows; r += S::step()) {
    const Normalize<centred, float> normalize(a.stats + a.row_stats * r);
    X* dx = a.dx ? static_cast<X*>(a.dx) + r * a.cols : nullptr;
    // All loads of a row are issued before one is awaited. For V = 1, registers do not suffice for dx.
    RawRow<S, X> x, before;
    RawRow<S, Y> dy;
    x.load(static_cast<const X*>(a.x) + r * a.cols, cols, wide);
    dy.load(static_cast<const Y*>(a.dy) + r * a.cols, cols, wide);
    if (adds && S::V > 1) before.load(dx, cols, wide);
    Held<S> n = x.numbers(), g = dy.numbers();  // g is dy, and dy times weight after the sums
    float sum_g = 0, sum_gn = 0;
    for_packs<S>(cols, [&](int k, int i) {
      const auto w = load_pack<S::V>(weight + i, wide);
      for (int v = 0; v < S::V; ++v) {
        float &ni = n.pack[k].at[v], &gi = g.pack[k].at[v];
        ni = normalize(ni);
        dweight.pack[k].at[v] = std::fma(gi, ni, dweight.pack[k].at[v]);
        if constexpr (centred) dbias.pack[k].at[v] += gi;
        gi *= w.at[v];
        if constexpr (centred) sum_g += gi;
        sum_gn = std::fma(gi, ni, sum_gn);
      }
    });
    if (!a.dx) continue;
    const float mean_g = centred ? S::sum(sum_g) / static_cast<float>(cols) : 0;
    const float mean_gn = S::sum(sum_gn) / static_cast<float>(cols);
    for_packs<S>(cols, [&](int k, int i) {
      for (int v = 0; v < S::V; ++v) {
        float& gi = g.pack[k].at[v];
        gi = normalize.rstd * ((centred ? gi - mean_g : gi) - n.pack[k].at[v] * mean_gn);
      }
      if (adds) {
        if (S::V == 1) before.pack[k].load(dx + i, wide);
        const auto old = before.pack[k].numbers();
        for (int v = 0; v < S::V; ++v) g.pack[k].at[v] += old.at[v];
      }
      store_pack(dx + i, g.pack[k], wide);
    });
  }
  float* mine = partial + int64_t{blockIdx.x} * a.parameters * cols;
  if (a.dweight) store_team_sums<S>(dweight, mine, cols);
  if (a.dbias) store_team_sums<S>(dbias, mine + cols, cols);
}

template <bool centred>
void by_blocks(const Launch& on, const NormBackward<centred>& a) {
  with_norm_types<bf16>(a, [&]<class X, class Y, class T>() {
    if (a.dx)
      launch(on, "norm_backward_block", Block::grid(a.rows), norm_backward_block<X, Y, T, centred>, a);
    if (a.dweight || a.dbias)
      launch(on, "norm_backward_columns", {blocks_for(a.cols, 32), 32},
             norm_backward_columns<X, Y, T, centred>, a);
  });
}

template <bool centred>
void by_rows(const Launch& on, const NormBackward<centred>& a) {
  auto* partial = static_cast<float*>(on.scratch);
  const int64_t blocks = column_sum_blocks(a.rows), stride = a.parameters * a.cols;
  with_float_norm_types<bf16>(a, [&]<class X, class Y>() {
    with_row_shape<16 / sizeof(X)>(a.cols, [&]<class S>() {
      launch(on, "norm_backward_rows", {static_cast<unsigned>(blocks), S::block},
             norm_backward_rows<S, X, Y, centred>, a, partial,
             loads_wide<S::V>(a.cols, a.x, a.weight, a.dy, a.dx));
    });
  });
  const auto add_up = [&](const float* sums, void* to, Write how) {
    if (to) add_column_sums(on, sums, blocks, stride, a.cols, static_cast<float*>(to), how);
  };
  add_up(partial, a.dweight, a.to_dweight);
  add_up(partial + a.cols, a.dbias, a.to_dbias);
}

}  // namespace

template <>
void kernel<"cuda.blocks", Isa::HEWN_ISA>(const Launch& on, const LayernormBackward& a) {
  by_blocks(on, a);
}
template <>
void kernel<"cuda.blocks", Isa::HEWN_ISA>(const Launch& on, const RmsnormBackward& a) {
  by_blocks(on, a);
}

template <>
void kernel<"cuda", Isa::HEWN_ISA>(const Launch& on, const LayernormBackward& a) {
  by_rows(on, a);
}
template <>
void kernel<"cuda", Isa::HEWN_ISA>(const Launch& on, const RmsnormBackward& a) {
  by_rows(on, a);
}

}  // namespace hewn
