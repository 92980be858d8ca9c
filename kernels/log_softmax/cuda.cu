#include "kernels/log_softmax/kernels.h"

#include "kernels/gpu/tiles/rows.cuh"

namespace hewn {
namespace {

using Block = Team<512>;
constexpr int loads = 8;  // of a thread under way at a time

/// A block a row: maximum and sum along with each other, then y, for which the second-level cache has the
/// row.
template <class T>
__global__ void __launch_bounds__(Block::block, 1) log_softmax_block(LogSoftmaxForward a) {
  for (int64_t r = Block::first(); r < a.rows; r += Block::step()) {
    const T* x = static_cast<const T*>(a.x) + r * a.cols;
    T* y = static_cast<T*>(a.y) + r * a.cols;
    RunningMaxSum<T> running;
    stride_row<Block, 1, loads>(x, a.cols, false, static_cast<T>(-INFINITY),
                                [&](auto& v, int64_t) { running.take(v); });
    const RunningMaxSum<T> all = running.template over_team<Block>();
    const T log_sum = std::log(all.sum);
    for (int64_t i = Block::rank(); i < a.cols; i += Block::threads) y[i] = (x[i] - all.most) - log_sum;
  }
}

/// A warp a row (a block, of more than 1024 columns), in registers.
template <class S>
__global__ void __launch_bounds__(S::block, resident_rows<S, 1>)
    log_softmax_rows(LogSoftmaxForward a, bool wide) {
  const int cols = static_cast<int>(a.cols);
  for (int64_t r = S::first(); r < a.rows; r += S::step()) {
    Held<S> x;
    x.load(static_cast<const float*>(a.x) + r * a.cols, cols, wide, -INFINITY);
    float most = -INFINITY, sum = 0;
    x.each([&](float& e, int, int) { most = e > most ? e : most; });
    most = S::max(most);
    x.each([&](float& e, int, int) { sum += std::exp(e -= most); });
    const float log_sum = std::log(S::sum(sum));
    x.each([&](float& e, int, int) { e -= log_sum; });
    float* y = static_cast<float*>(a.y) + r * a.cols;
    for_packs<S>(cols, [&](int k, int i) { store_pack(y + i, x.pack[k], wide); });
  }
}

/// A block a row: the sum of dy, then dx.
template <class T>
__global__ void __launch_bounds__(Block::block, 1) log_softmax_backward_block(LogSoftmaxBackward a) {
  for (int64_t r = Block::first(); r < a.rows; r += Block::step()) {
    const T *y = static_cast<const T*>(a.y) + r * a.cols, *dy = static_cast<const T*>(a.dy) + r * a.cols;
    T* dx = static_cast<T*>(a.dx) + r * a.cols;
    double total = 0;  // its error would be in every element
    for (int64_t i = Block::rank(); i < a.cols; i += Block::threads) total += static_cast<double>(dy[i]);
    const T sum = static_cast<T>(Block::sum(total));
    for (int64_t i = Block::rank(); i < a.cols; i += Block::threads)
      write(dx + i, dy[i] - std::exp(y[i]) * sum, a.to_dx);
  }
}

/// The same with dy in registers; y is needed, and read, only once.
template <class S>
__global__ void __launch_bounds__(S::block, S::threads > 32 ? 1 : 3)
    log_softmax_backward_rows(LogSoftmaxBackward a, bool wide) {
  const int cols = static_cast<int>(a.cols);
  for (int64_t r = S::first(); r < a.rows; r += S::step()) {
    const float* y = static_cast<const float*>(a.y) + r * a.cols;
    float* dx = static_cast<float*>(a.dx) + r * a.cols;
    Held<S> dy;
    dy.load(static_cast<const float*>(a.dy) + r * a.cols, cols, wide, 0);
    double total = 0;
    dy.each([&](float& e, int, int) { total += static_cast<double>(e); });
    const float sum = static_cast<float>(S::sum(total));
    for_packs<S>(cols, [&](int k, int i) {
      auto g = load_pack<S::V>(y + i, wide);
      for (int v = 0; v < S::V; ++v) g.at[v] = dy.pack[k].at[v] - std::exp(g.at[v]) * sum;
      write_pack(dx + i, g, a.to_dx, wide);
    });
  }
}

}  // namespace

template <>
void log_softmax_block_gpu<Isa::HEWN_ISA>(const Launch& on, const LogSoftmaxForward& a) {
  launch(on, "log_softmax_block", Block::grid(a.rows),
         a.dtype == DType::f64 ? log_softmax_block<double> : log_softmax_block<float>, a);
}

template <>
void log_softmax_block_gpu<Isa::HEWN_ISA>(const Launch& on, const LogSoftmaxBackward& a) {
  launch(on, "log_softmax_backward_block", Block::grid(a.rows),
         a.dtype == DType::f64 ? log_softmax_backward_block<double> : log_softmax_backward_block<float>, a);
}

template <>
void log_softmax_gpu<Isa::HEWN_ISA>(const Launch& on, const LogSoftmaxForward& a) {
  with_row_shape(a.cols, [&]<class S>() {
    launch(on, "log_softmax_rows", S::grid(a.rows), log_softmax_rows<S>, a, loads_wide(a.cols, a.x, a.y));
  });
}

template <>
void log_softmax_gpu<Isa::HEWN_ISA>(const Launch& on, const LogSoftmaxBackward& a) {
  with_row_shape(a.cols, [&]<class S>() {
    launch(on, "log_softmax_backward_rows", S::grid(a.rows), log_softmax_backward_rows<S>, a,
           loads_wide(a.cols, a.y, a.dy, a.dx));
  });
}

}  // namespace hewn
