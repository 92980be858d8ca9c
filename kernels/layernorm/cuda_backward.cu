#include "kernels/gpu/tiles/column_sums.cuh"
#include "kernels/gpu/tiles/rows.cuh"
#include "kernels/layernorm/kernels.h"

namespace hewn {
namespace {

/// (x - mean) rstd for a mean given in double: the error of rounding it to float is subtracted as well.
template <class T>
struct Normalize {
  T high, rest, rstd;
  explicit __device__ Normalize(const double* stats)
      : high(static_cast<T>(stats[0])),
        rest(static_cast<T>(stats[0] - static_cast<double>(high))),
        rstd(static_cast<T>(stats[1])) {}
  __device__ T operator()(T x) const { return (x - high - rest) * rstd; }
};

using Block = Team<256>;

/// dx with one block per row, which reads the row twice.
template <class T>
__global__ void __launch_bounds__(Block::block, Block::resident<64>)
    layernorm_backward_block(LayernormBackward a) {
  const T* weight = static_cast<const T*>(a.weight);
  for (int64_t r = Block::first(); r < a.rows; r += Block::step()) {
    const T *x = static_cast<const T*>(a.x) + r * a.cols, *dy = static_cast<const T*>(a.dy) + r * a.cols;
    T* dx = static_cast<T*>(a.dx) + r * a.cols;
    const Normalize<T> normalize(a.stats + 2 * r);
    T g = 0, gn = 0;
    for (int64_t i = Block::rank(); i < a.cols; i += Block::threads) {
      g += dy[i] * weight[i];
      gn += dy[i] * weight[i] * normalize(x[i]);
    }
    const T mean_g = Block::sum(g) / static_cast<T>(a.cols),
            mean_gn = Block::sum(gn) / static_cast<T>(a.cols);
    for (int64_t i = Block::rank(); i < a.cols; i += Block::threads)
      write(dx + i, normalize.rstd * (dy[i] * weight[i] - mean_g - normalize(x[i]) * mean_gn), a.to_dx);
  }
}

/// dweight and dbias with one thread per column, which reads all of x and dy once more.
template <class T>
__global__ void __launch_bounds__(32, blocks_with(32, 64)) layernorm_backward_columns(LayernormBackward a) {
  const int64_t step = int64_t{gridDim.x} * 32;
  for (int64_t i = int64_t{blockIdx.x} * 32 + threadIdx.x; i < a.cols; i += step) {
    double dweight = 0, dbias = 0;  // in double, because many terms are added sequentially
    for (int64_t r = 0; r < a.rows; ++r) {
      const T d = static_cast<const T*>(a.dy)[r * a.cols + i];
      dweight +=
          static_cast<double>(d * Normalize<T>(a.stats + 2 * r)(static_cast<const T*>(a.x)[r * a.cols + i]));
      dbias += static_cast<double>(d);
    }
    if (a.dweight) write(static_cast<T*>(a.dweight) + i, static_cast<T>(dweight), a.to_dweight);
    if (a.dbias) write(static_cast<T*>(a.dbias) + i, static_cast<T>(dbias), a.to_dbias);
  }
}

template <class T>
void backward_block(const Launch& on, const LayernormBackward& a) {
  if (a.dx) launch(on, "layernorm_backward_block", Block::grid(a.rows), layernorm_backward_block<T>, a);
  if (a.dweight || a.dbias)
    launch(on, "layernorm_backward_columns", {blocks_for(a.cols, 32), 32}, layernorm_backward_columns<T>, a);
}

/// All three gradients from one read: x and dy stay in registers between the two sums of a row and its dx,
/// and each thread accumulates dweight and dbias of its columns from row to row. The warps of a block add
/// theirs up in order and store [2, cols] in scratch, which add_column_sums adds in the order of the blocks.
/// The division of rows among blocks depends only on their number.
template <class S>
__global__ void __launch_bounds__(S::block, column_sums_resident<S>)
    layernorm_backward_rows(LayernormBackward a, float* partial, bool wide) {
  static_assert(column_sums_fit<S>);
  const int cols = static_cast<int>(a.cols);
  const auto* weight = static_cast<const float*>(a.weight);
  Held<S> dweight{}, dbias{};
  for (int64_t r = S::first(); r < a.rows; r += S::step()) {
    const Normalize<float> normalize(a.stats + 2 * r);
    Held<S> n, g;  // g is dy, and dy times weight after the sums
    n.load(static_cast<const float*>(a.x) + r * a.cols, cols, wide, 0);
    g.load(static_cast<const float*>(a.dy) + r * a.cols, cols, wide, 0);
    float sum_g = 0, sum_gn = 0;
    for_packs<S>(cols, [&](int k, int i) {
      const auto w = load_pack<S::V>(weight + i, wide);
      for (int v = 0; v < S::V; ++v) {
        float &ni = n.pack[k].at[v], &gi = g.pack[k].at[v];
        ni = normalize(ni);
        dweight.pack[k].at[v] = std::fma(gi, ni, dweight.pack[k].at[v]);
        dbias.pack[k].at[v] += gi;
        gi *= w.at[v];
        sum_g += gi;
        sum_gn = std::fma(gi, ni, sum_gn);
      }
    });
    if (!a.dx) continue;
    const float mean_g = S::sum(sum_g) / static_cast<float>(cols);
    const float mean_gn = S::sum(sum_gn) / static_cast<float>(cols);
    float* dx = static_cast<float*>(a.dx) + r * a.cols;
    for_packs<S>(cols, [&](int k, int i) {
      for (int v = 0; v < S::V; ++v)
        g.pack[k].at[v] = normalize.rstd * (g.pack[k].at[v] - mean_g - n.pack[k].at[v] * mean_gn);
      write_pack(dx + i, g.pack[k], a.to_dx, wide);
    });
  }
  float* mine = partial + int64_t{blockIdx.x} * 2 * cols;
  if (a.dweight) store_team_sums<S>(dweight, mine, cols);
  if (a.dbias) store_team_sums<S>(dbias, mine + cols, cols);
}

}  // namespace

template <>
void layernorm_block_gpu<Isa::HEWN_ISA>(const Launch& on, const LayernormBackward& a) {
  a.dtype == DType::f64 ? backward_block<double>(on, a) : backward_block<float>(on, a);
}

template <>
void layernorm_gpu<Isa::HEWN_ISA>(const Launch& on, const LayernormBackward& a) {
  auto* partial = static_cast<float*>(on.scratch);
  const int64_t blocks = column_sum_blocks(a.rows);
  with_row_shape(a.cols, [&]<class S>() {
    launch(on, "layernorm_backward_rows", {static_cast<unsigned>(blocks), S::block},
           layernorm_backward_rows<S>, a, partial, loads_wide(a.cols, a.x, a.weight, a.dy, a.dx));
  });
  if (a.dweight)
    add_column_sums(on, partial, blocks, 2 * a.cols, a.cols, static_cast<float*>(a.dweight), a.to_dweight);
  if (a.dbias)
    add_column_sums(on, partial + a.cols, blocks, 2 * a.cols, a.cols, static_cast<float*>(a.dbias),
                    a.to_dbias);
}

}  // namespace hewn
