#include "kernels/rmsnorm/abi.h"

#include "kernels/gpu/tiles/column_sums.cuh"
#include "kernels/gpu/tiles/rows.cuh"
#include "kernels/norm/types.h"

namespace hewn {
namespace {

using Block = Team<256>;

template <class T>
__device__ __forceinline__ T rstd_of(T squares, int64_t cols, double eps) {
  return 1 / std::sqrt(squares / static_cast<T>(cols) + static_cast<T>(eps));
}

/// One block per row, which reads the row a second time for y. X and Y are the elements of x and y, T the type
/// to compute with.
template <class X, class Y, class T>
__global__ void __launch_bounds__(Block::block, Block::resident<64>) rmsnorm_block(RmsnormForward a) {
  for (int64_t r = Block::first(); r < a.rows; r += Block::step()) {
    const X* row = static_cast<const X*>(a.x) + r * a.cols;
    const auto x = [&](int64_t i) { return load_as<T>(row + i); };
    T squares = 0;
    for (int64_t i = Block::rank(); i < a.cols; i += Block::threads) squares += x(i) * x(i);
    const T rstd = rstd_of(Block::sum(squares), a.cols, a.eps);
    Y* y = static_cast<Y*>(a.y) + r * a.cols;
    for (int64_t i = Block::rank(); i < a.cols; i += Block::threads)
      store_as(y + i, x(i) * rstd * static_cast<const T*>(a.weight)[i]);
    if (Block::rank() == 0) a.rstd[r] = static_cast<double>(rstd);
  }
}

/// Like layernorm_rows: the row stays in registers.
template <class S, class X, class Y>
__global__ void __launch_bounds__(S::block, resident_rows<S, 1>) rmsnorm_rows(RmsnormForward a, bool wide) {
  const int cols = static_cast<int>(a.cols);
  for (int64_t r = S::first(); r < a.rows; r += S::step()) {
    RawRow<S, X> row;
    row.load(static_cast<const X*>(a.x) + r * a.cols, cols, wide);
    Held<S> x = row.numbers();
    float squares = 0;
    x.each([&](float& e, int, int) { squares = std::fma(e, e, squares); });
    const float rstd = rstd_of(S::sum(squares), cols, a.eps);
    Y* y = static_cast<Y*>(a.y) + r * a.cols;
    for_packs<S>(cols, [&](int k, int i) {
      auto w = load_pack<S::V>(static_cast<const float*>(a.weight) + i, wide);
      for (int v = 0; v < S::V; ++v) w.at[v] *= x.pack[k].at[v] * rstd;
      store_pack(y + i, w, wide);
    });
    if (S::rank() == 0) a.rstd[r] = static_cast<double>(rstd);
  }
}

/// dx with one block per row, which reads the row twice.
template <class X, class Y, class T>
__global__ void __launch_bounds__(Block::block, Block::resident<64>)
    rmsnorm_backward_block(RmsnormBackward a) {
  const T* weight = static_cast<const T*>(a.weight);
  for (int64_t r = Block::first(); r < a.rows; r += Block::step()) {
    const X* x = static_cast<const X*>(a.x) + r * a.cols;
    const Y* dy = static_cast<const Y*>(a.dy) + r * a.cols;
    X* dx = static_cast<X*>(a.dx) + r * a.cols;
    const T rstd = static_cast<T>(a.rstd[r]);
    const auto g_at = [&](int64_t i) { return load_as<T>(dy + i) * weight[i]; };
    const auto n_at = [&](int64_t i) { return load_as<T>(x + i) * rstd; };
    T gn = 0;
    for (int64_t i = Block::rank(); i < a.cols; i += Block::threads) gn += g_at(i) * n_at(i);
    const T mean_gn = Block::sum(gn) / static_cast<T>(a.cols);
    for (int64_t i = Block::rank(); i < a.cols; i += Block::threads)
      write(dx + i, rstd * (g_at(i) - n_at(i) * mean_gn), a.to_dx);
  }
}

/// dweight with one thread per column, which reads all of x and dy once more.
template <class X, class Y, class T>
__global__ void __launch_bounds__(32, blocks_with(32, 64)) rmsnorm_backward_columns(RmsnormBackward a) {
  const int64_t step = int64_t{gridDim.x} * 32;
  for (int64_t i = int64_t{blockIdx.x} * 32 + threadIdx.x; i < a.cols; i += step) {
    double sum = 0;  // in double, because many terms are added sequentially
    for (int64_t r = 0; r < a.rows; ++r) {
      const T d = load_as<T>(static_cast<const Y*>(a.dy) + r * a.cols + i);
      const T x = load_as<T>(static_cast<const X*>(a.x) + r * a.cols + i);
      sum += static_cast<double>(d * (x * static_cast<T>(a.rstd[r])));
    }
    write(static_cast<T*>(a.dweight) + i, static_cast<T>(sum), a.to_dweight);
  }
}

/// Like layernorm_backward_rows: both gradients from one read.
template <class S, class X, class Y>
__global__ void __launch_bounds__(S::block, column_sums_resident<S>)
    rmsnorm_backward_rows(RmsnormBackward a, float* partial, bool wide) {
  static_assert(column_sums_fit<S>);
  const int cols = static_cast<int>(a.cols);
  const bool adds = a.dx && a.to_dx == Write::add;
  Held<S> dweight{};
  for (int64_t r = S::first(); r < a.rows; r += S::step()) {
    const float rstd = static_cast<float>(a.rstd[r]);
    X* dx = a.dx ? static_cast<X*>(a.dx) + r * a.cols : nullptr;
    // All loads of a row are issued before one is awaited. For V = 1, registers do not suffice for dx.
    RawRow<S, X> x, before;
    RawRow<S, Y> dy;
    x.load(static_cast<const X*>(a.x) + r * a.cols, cols, wide);
    dy.load(static_cast<const Y*>(a.dy) + r * a.cols, cols, wide);
    if (adds && S::V > 1) before.load(dx, cols, wide);
    Held<S> n = x.numbers(), g = dy.numbers();  // g is dy, and dy times weight after the sum
    float sum_gn = 0;
    for_packs<S>(cols, [&](int k, int i) {
      const auto w = load_pack<S::V>(static_cast<const float*>(a.weight) + i, wide);
      for (int v = 0; v < S::V; ++v) {
        float &ni = n.pack[k].at[v], &gi = g.pack[k].at[v];
        ni *= rstd;
        dweight.pack[k].at[v] = std::fma(gi, ni, dweight.pack[k].at[v]);
        gi *= w.at[v];
        sum_gn = std::fma(gi, ni, sum_gn);
      }
    });
    if (!a.dx) continue;
    const float mean_gn = S::sum(sum_gn) / static_cast<float>(cols);
    for_packs<S>(cols, [&](int k, int i) {
      for (int v = 0; v < S::V; ++v) g.pack[k].at[v] = rstd * (g.pack[k].at[v] - n.pack[k].at[v] * mean_gn);
      if (adds) {
        if (S::V == 1) before.pack[k].load(dx + i, wide);
        const auto old = before.pack[k].numbers();
        for (int v = 0; v < S::V; ++v) g.pack[k].at[v] += old.at[v];
      }
      store_pack(dx + i, g.pack[k], wide);
    });
  }
  if (a.dweight) store_team_sums<S>(dweight, partial + int64_t{blockIdx.x} * cols, cols);
}

}  // namespace

template <>
void kernel<"cuda.blocks", Isa::HEWN_ISA>(const Launch& on, const RmsnormForward& a) {
  with_norm_types<bf16>(a, [&]<class X, class Y, class T>() {
    launch(on, "rmsnorm_block", Block::grid(a.rows), rmsnorm_block<X, Y, T>, a);
  });
}

template <>
void kernel<"cuda", Isa::HEWN_ISA>(const Launch& on, const RmsnormForward& a) {
  with_float_norm_types<bf16>(a, [&]<class X, class Y>() {
    with_row_shape<16 / sizeof(X)>(a.cols, [&]<class S>() {
      launch(on, "rmsnorm_rows", S::grid(a.rows), rmsnorm_rows<S, X, Y>, a,
             loads_wide<S::V>(a.cols, a.x, a.weight, a.y));
    });
  });
}

template <>
void kernel<"cuda.blocks", Isa::HEWN_ISA>(const Launch& on, const RmsnormBackward& a) {
  with_norm_types<bf16>(a, [&]<class X, class Y, class T>() {
    if (a.dx) launch(on, "rmsnorm_backward_block", Block::grid(a.rows), rmsnorm_backward_block<X, Y, T>, a);
    if (a.dweight)
      launch(on, "rmsnorm_backward_columns", {blocks_for(a.cols, 32), 32}, rmsnorm_backward_columns<X, Y, T>,
             a);
  });
}

template <>
void kernel<"cuda", Isa::HEWN_ISA>(const Launch& on, const RmsnormBackward& a) {
  auto* partial = static_cast<float*>(on.scratch);
  const int64_t blocks = column_sum_blocks(a.rows);
  with_float_norm_types<bf16>(a, [&]<class X, class Y>() {
    with_row_shape<16 / sizeof(X)>(a.cols, [&]<class S>() {
      launch(on, "rmsnorm_backward_rows", {static_cast<unsigned>(blocks), S::block},
             rmsnorm_backward_rows<S, X, Y>, a, partial, loads_wide<S::V>(a.cols, a.x, a.weight, a.dy, a.dx));
    });
  });
  if (a.dweight)
    add_column_sums(on, partial, blocks, a.cols, a.cols, static_cast<float*>(a.dweight), a.to_dweight);
}

}  // namespace hewn
