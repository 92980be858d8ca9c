#include "kernels/rmsnorm/kernels.h"

#include "kernels/gpu/tiles/column_sums.cuh"
#include "kernels/gpu/tiles/rows.cuh"

namespace hewn {
namespace {

using Block = Team<256>;

template <class T>
__device__ __forceinline__ T rstd_of(T squares, int64_t cols, double eps) {
  return 1 / std::sqrt(squares / static_cast<T>(cols) + static_cast<T>(eps));
}

/// One block per row, which reads the row a second time for y.
template <class T>
__global__ void __launch_bounds__(Block::block, Block::resident<64>) rmsnorm_block(RmsnormForward a) {
  for (int64_t r = Block::first(); r < a.rows; r += Block::step()) {
    const T* x = static_cast<const T*>(a.x) + r * a.cols;
    T squares = 0;
    for (int64_t i = Block::rank(); i < a.cols; i += Block::threads) squares += x[i] * x[i];
    const T rstd = rstd_of(Block::sum(squares), a.cols, a.eps);
    T* y = static_cast<T*>(a.y) + r * a.cols;
    for (int64_t i = Block::rank(); i < a.cols; i += Block::threads)
      y[i] = x[i] * rstd * static_cast<const T*>(a.weight)[i];
    if (Block::rank() == 0) a.rstd[r] = static_cast<double>(rstd);
  }
}

/// Like layernorm_rows: the row stays in registers.
template <class S>
__global__ void __launch_bounds__(S::block, resident_rows<S, 1>) rmsnorm_rows(RmsnormForward a, bool wide) {
  const int cols = static_cast<int>(a.cols);
  for (int64_t r = S::first(); r < a.rows; r += S::step()) {
    Held<S> x;
    x.load(static_cast<const float*>(a.x) + r * a.cols, cols, wide, 0);
    float squares = 0;
    x.each([&](float& e, int, int) { squares = std::fma(e, e, squares); });
    const float rstd = rstd_of(S::sum(squares), cols, a.eps);
    float* y = static_cast<float*>(a.y) + r * a.cols;
    for_packs<S>(cols, [&](int k, int i) {
      auto w = load_pack<S::V>(static_cast<const float*>(a.weight) + i, wide);
      for (int v = 0; v < S::V; ++v) w.at[v] *= x.pack[k].at[v] * rstd;
      store_pack(y + i, w, wide);
    });
    if (S::rank() == 0) a.rstd[r] = static_cast<double>(rstd);
  }
}

/// dx with one block per row, which reads the row twice.
template <class T>
__global__ void __launch_bounds__(Block::block, Block::resident<64>)
    rmsnorm_backward_block(RmsnormBackward a) {
  const T* weight = static_cast<const T*>(a.weight);
  for (int64_t r = Block::first(); r < a.rows; r += Block::step()) {
    const T *x = static_cast<const T*>(a.x) + r * a.cols, *dy = static_cast<const T*>(a.dy) + r * a.cols;
    T* dx = static_cast<T*>(a.dx) + r * a.cols;
    const T rstd = static_cast<T>(a.rstd[r]);
    T gn = 0;
    for (int64_t i = Block::rank(); i < a.cols; i += Block::threads) gn += dy[i] * weight[i] * (x[i] * rstd);
    const T mean_gn = Block::sum(gn) / static_cast<T>(a.cols);
    for (int64_t i = Block::rank(); i < a.cols; i += Block::threads)
      write(dx + i, rstd * (dy[i] * weight[i] - x[i] * rstd * mean_gn), a.to_dx);
  }
}

/// dweight with one thread per column, which reads all of x and dy once more.
template <class T>
__global__ void __launch_bounds__(32, blocks_with(32, 64)) rmsnorm_backward_columns(RmsnormBackward a) {
  const int64_t step = int64_t{gridDim.x} * 32;
  for (int64_t i = int64_t{blockIdx.x} * 32 + threadIdx.x; i < a.cols; i += step) {
    double sum = 0;  // in double, because many terms are added sequentially
    for (int64_t r = 0; r < a.rows; ++r)
      sum += static_cast<double>(static_cast<const T*>(a.dy)[r * a.cols + i] *
                                 (static_cast<const T*>(a.x)[r * a.cols + i] * static_cast<T>(a.rstd[r])));
    write(static_cast<T*>(a.dweight) + i, static_cast<T>(sum), a.to_dweight);
  }
}

template <class T>
void backward_block(const Launch& on, const RmsnormBackward& a) {
  if (a.dx) launch(on, "rmsnorm_backward_block", Block::grid(a.rows), rmsnorm_backward_block<T>, a);
  if (a.dweight)
    launch(on, "rmsnorm_backward_columns", {blocks_for(a.cols, 32), 32}, rmsnorm_backward_columns<T>, a);
}

/// Like layernorm_backward_rows: both gradients from one read.
template <class S>
__global__ void __launch_bounds__(S::block, column_sums_resident<S>)
    rmsnorm_backward_rows(RmsnormBackward a, float* partial, bool wide) {
  static_assert(column_sums_fit<S>);
  const int cols = static_cast<int>(a.cols);
  Held<S> dweight{};
  for (int64_t r = S::first(); r < a.rows; r += S::step()) {
    const float rstd = static_cast<float>(a.rstd[r]);
    Held<S> n, g;  // g is dy, and dy times weight after the sum
    n.load(static_cast<const float*>(a.x) + r * a.cols, cols, wide, 0);
    g.load(static_cast<const float*>(a.dy) + r * a.cols, cols, wide, 0);
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
    float* dx = static_cast<float*>(a.dx) + r * a.cols;
    for_packs<S>(cols, [&](int k, int i) {
      for (int v = 0; v < S::V; ++v) g.pack[k].at[v] = rstd * (g.pack[k].at[v] - n.pack[k].at[v] * mean_gn);
      write_pack(dx + i, g.pack[k], a.to_dx, wide);
    });
  }
  if (a.dweight) store_team_sums<S>(dweight, partial + int64_t{blockIdx.x} * cols, cols);
}

}  // namespace

template <>
void rmsnorm_block_gpu<Isa::HEWN_ISA>(const Launch& on, const RmsnormForward& a) {
  launch(on, "rmsnorm_block", Block::grid(a.rows),
         a.dtype == DType::f64 ? rmsnorm_block<double> : rmsnorm_block<float>, a);
}

template <>
void rmsnorm_gpu<Isa::HEWN_ISA>(const Launch& on, const RmsnormForward& a) {
  with_row_shape(a.cols, [&]<class S>() {
    launch(on, "rmsnorm_rows", S::grid(a.rows), rmsnorm_rows<S>, a, loads_wide(a.cols, a.x, a.weight, a.y));
  });
}

template <>
void rmsnorm_block_gpu<Isa::HEWN_ISA>(const Launch& on, const RmsnormBackward& a) {
  a.dtype == DType::f64 ? backward_block<double>(on, a) : backward_block<float>(on, a);
}

template <>
void rmsnorm_gpu<Isa::HEWN_ISA>(const Launch& on, const RmsnormBackward& a) {
  auto* partial = static_cast<float*>(on.scratch);
  const int64_t blocks = column_sum_blocks(a.rows);
  with_row_shape(a.cols, [&]<class S>() {
    launch(on, "rmsnorm_backward_rows", {static_cast<unsigned>(blocks), S::block}, rmsnorm_backward_rows<S>,
           a, partial, loads_wide(a.cols, a.x, a.weight, a.dy, a.dx));
  });
  if (a.dweight)
    add_column_sums(on, partial, blocks, a.cols, a.cols, static_cast<float*>(a.dweight), a.to_dweight);
}

}  // namespace hewn
