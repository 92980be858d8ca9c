#include "kernels/softmax/abi.h"

#include "kernels/gpu/tiles/rows.cuh"

namespace hewn {
namespace {

/// The number of columns that row r sees (SoftmaxForward::queries).
template <class Args>
__device__ __forceinline__ int64_t seen_by(const Args& a, int64_t r) {
  return a.queries == 0 ? a.cols : a.cols - a.queries + r % a.queries + 1;
}

/// One thread per row. The lanes of a warp load elements a whole row apart: each load transfers a sector of
/// 32 bytes for the four that are needed. The caches reduce this cost, also for the second and third pass;
/// and with fewer than a hundred thousand rows, most of the GPU is idle.
template <class T>
__global__ void __launch_bounds__(128, 4) softmax_thread(SoftmaxForward a) {
  const int64_t step = int64_t{gridDim.x} * 128;
  for (int64_t r = int64_t{blockIdx.x} * 128 + threadIdx.x; r < a.rows; r += step) {
    const T* x = static_cast<const T*>(a.x) + r * a.cols;
    T* y = static_cast<T*>(a.y) + r * a.cols;
    const int64_t seen = seen_by(a, r);
    T most = static_cast<T>(-INFINITY);
    double sum = 0;  // a long sum in float would be too inaccurate
    for (int64_t i = 0; i < seen; ++i) most = x[i] > most ? x[i] : most;
    for (int64_t i = 0; i < seen; ++i) sum += static_cast<double>(std::exp(x[i] - most));
    for (int64_t i = 0; i < seen; ++i) y[i] = std::exp(x[i] - most) / static_cast<T>(sum);
    for (int64_t i = seen; i < a.cols; ++i) y[i] = 0;
  }
}

using Block = Team<512>;
constexpr int loads = 8;  // in flight per thread

/// One block per row. Adjacent threads read adjacent elements, so a warp loads whole cache lines, and 512
/// threads share a row. Maximum and sum are computed in one pass; the second pass, for y, finds the row in
/// the second-level cache. Each exponential is computed twice, and on a short row most threads are idle while
/// two barriers make all of them wait.
template <class T>
__global__ void __launch_bounds__(Block::block, 1) softmax_block(SoftmaxForward a) {
  for (int64_t r = Block::first(); r < a.rows; r += Block::step()) {
    const T* x = static_cast<const T*>(a.x) + r * a.cols;
    T* y = static_cast<T*>(a.y) + r * a.cols;
    const int64_t seen = seen_by(a, r);
    RunningMaxSum<T> running;
    stride_row<Block, 1, loads>(x, seen, false, static_cast<T>(-INFINITY),
                                [&](auto& v, int64_t) { running.take(v); });
    const RunningMaxSum<T> all = running.template over_team<Block>();
    for (int64_t i = Block::rank(); i < a.cols; i += Block::threads)
      y[i] = i < seen ? std::exp(x[i] - all.most) / all.sum : T{0};
  }
}

/// One warp per row, sixteen bytes per load, the row in registers. Nothing is read or computed twice, a
/// warp's shuffles replace the barriers, and sixteen bytes per load take a quarter of the instructions. Rows
/// of more than 1024 columns do not fit in the registers of a warp: a block shares them in the same way.
template <class S>
__global__ void __launch_bounds__(S::block, resident_rows<S, 1>) softmax_rows(SoftmaxForward a, bool wide) {
  for (int64_t r = S::first(); r < a.rows; r += S::step()) {
    const int seen = static_cast<int>(seen_by(a, r));
    Held<S> x;
    x.load(static_cast<const float*>(a.x) + r * a.cols, seen, wide, -INFINITY);
    float most = -INFINITY, sum = 0;
    x.each([&](float& e, int, int) { most = e > most ? e : most; });
    most = S::max(most);
    x.each([&](float& e, int, int) { sum += e = std::exp(e - most); });
    const float scale = 1 / S::sum(sum);
    // Masked elements are exp(-inf) = 0 by now, but NaN in a row that has no maximum.
    x.each([&](float& e, int k, int v) { e = S::at(k) + v < seen ? e * scale : 0; });
    float* y = static_cast<float*>(a.y) + r * a.cols;
    for_packs<S>(static_cast<int>(a.cols), [&](int k, int i) { store_pack(y + i, x.pack[k], wide); });
  }
}

/// One block per row, in two passes: the dot product, then dx.
template <class T>
__global__ void __launch_bounds__(Block::block, Block::resident<40>)
    softmax_backward_block(SoftmaxBackward a) {
  for (int64_t r = Block::first(); r < a.rows; r += Block::step()) {
    const T *y = static_cast<const T*>(a.y) + r * a.cols, *dy = static_cast<const T*>(a.dy) + r * a.cols;
    T* dx = static_cast<T*>(a.dx) + r * a.cols;
    const int64_t seen = seen_by(a, r);
    T dot = 0;
    for (int64_t i = Block::rank(); i < seen; i += Block::threads) dot += y[i] * dy[i];
    dot = Block::sum(dot);
    for (int64_t i = Block::rank(); i < a.cols; i += Block::threads)
      write(dx + i, i < seen ? y[i] * (dy[i] - dot) : T{0}, a.to_dx);
  }
}

/// Like softmax_rows: y and dy stay in registers after the dot product.
template <class S>
__global__ void __launch_bounds__(S::block, resident_rows<S, 2>)
    softmax_backward_rows(SoftmaxBackward a, bool wide) {
  for (int64_t r = S::first(); r < a.rows; r += S::step()) {
    const int seen = static_cast<int>(seen_by(a, r));
    Held<S> y, dy;
    y.load(static_cast<const float*>(a.y) + r * a.cols, seen, wide, 0);
    dy.load(static_cast<const float*>(a.dy) + r * a.cols, seen, wide, 0);
    float dot = 0;
    y.each([&](float& e, int k, int v) { dot = std::fma(e, dy.pack[k].at[v], dot); });
    dot = S::sum(dot);
    y.each([&](float& e, int k, int v) { e = e * (dy.pack[k].at[v] - dot); });
    y.each([&](float& e, int k, int v) { e = S::at(k) + v < seen ? e : 0; });
    float* dx = static_cast<float*>(a.dx) + r * a.cols;
    for_packs<S>(static_cast<int>(a.cols),
                 [&](int k, int i) { write_pack(dx + i, y.pack[k], a.to_dx, wide); });
  }
}

}  // namespace

template <>
void kernel<"cuda.threads", Isa::HEWN_ISA>(const Launch& on, const SoftmaxForward& a) {
  const Grid grid{blocks_for(a.rows, 128), 128};
  launch(on, "softmax_thread", grid, a.dtype == DType::f64 ? softmax_thread<double> : softmax_thread<float>,
         a);
}

template <>
void kernel<"cuda.blocks", Isa::HEWN_ISA>(const Launch& on, const SoftmaxForward& a) {
  launch(on, "softmax_block", Block::grid(a.rows),
         a.dtype == DType::f64 ? softmax_block<double> : softmax_block<float>, a);
}

template <>
void kernel<"cuda", Isa::HEWN_ISA>(const Launch& on, const SoftmaxForward& a) {
  with_row_shape(a.cols, [&]<class S>() {
    launch(on, "softmax_rows", S::grid(a.rows), softmax_rows<S>, a, loads_wide(a.cols, a.x, a.y));
  });
}

template <>
void kernel<"cuda.blocks", Isa::HEWN_ISA>(const Launch& on, const SoftmaxBackward& a) {
  launch(on, "softmax_backward_block", Block::grid(a.rows),
         a.dtype == DType::f64 ? softmax_backward_block<double> : softmax_backward_block<float>, a);
}

template <>
void kernel<"cuda", Isa::HEWN_ISA>(const Launch& on, const SoftmaxBackward& a) {
  with_row_shape(a.cols, [&]<class S>() {
    launch(on, "softmax_backward_rows", S::grid(a.rows), softmax_backward_rows<S>, a,
           loads_wide(a.cols, a.y, a.dy, a.dx));
  });
}

}  // namespace hewn
