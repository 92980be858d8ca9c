#include "kernels/gpu/tiles/rows.cuh"
#include "kernels/norm/abi.h"

namespace hewn {
namespace {

/// Statistics of a row of layernorm: mean and rstd from a first, rounded mean and the sums over a row of d = x - first
/// and of d^2, corrected for the rounding of the first mean (Chan, Golub and LeVeque 1983, the corrected two-pass
/// algorithm).
template <class T>
struct MeanAndRstd {
  T first, rest, rstd;
  __device__ MeanAndRstd(T first_, T sum_d, T sum_dd, int64_t cols, double eps)
      : first(first_), rest(sum_d / static_cast<T>(cols)) {
    const T variance = sum_dd / static_cast<T>(cols) - rest * rest;  // equal values may round below 0
    rstd = 1 / std::sqrt((variance < 0 ? 0 : variance) + static_cast<T>(eps));
  }
  __device__ T normalized(T x) const { return (x - first - rest) * rstd; }
  __device__ void keep(double* stats) const {
    stats[0] = static_cast<double>(first) + static_cast<double>(rest);
    stats[1] = static_cast<double>(rstd);
  }
};

/// The same of rmsnorm, from the sum of squares.
template <class T>
struct Rstd {
  T rstd;
  __device__ Rstd(T squares, int64_t cols, double eps)
      : rstd(1 / std::sqrt(squares / static_cast<T>(cols) + static_cast<T>(eps))) {}
  __device__ T normalized(T x) const { return x * rstd; }
  __device__ void keep(double* stats) const { *stats = static_cast<double>(rstd); }
};

/// One thread per row, in double, so that long sums are as accurate as those of the other kernels. As in
/// softmax's first rung, the lanes of a warp load elements a whole row apart, in three passes.
template <class T>
__global__ void __launch_bounds__(128, blocks_with(128, 40)) layernorm_thread(LayernormForward a) {
  const int64_t step = int64_t{gridDim.x} * 128;
  const T *weight = static_cast<const T*>(a.weight), *bias = static_cast<const T*>(a.bias);
  for (int64_t r = int64_t{blockIdx.x} * 128 + threadIdx.x; r < a.rows; r += step) {
    const T* x = static_cast<const T*>(a.x) + r * a.cols;
    T* y = static_cast<T*>(a.y) + r * a.cols;
    const double n = static_cast<double>(a.cols);
    double mean = 0, variance = 0;
    for (int64_t i = 0; i < a.cols; ++i) mean += static_cast<double>(x[i]);
    mean /= n;
    for (int64_t i = 0; i < a.cols; ++i)
      variance += (static_cast<double>(x[i]) - mean) * (static_cast<double>(x[i]) - mean);
    const double rstd = 1 / std::sqrt(variance / n + a.eps);
    for (int64_t i = 0; i < a.cols; ++i)
      y[i] = static_cast<T>((static_cast<double>(x[i]) - mean) * rstd) * weight[i] + (bias ? bias[i] : 0);
    a.stats[2 * r] = mean;
    a.stats[2 * r + 1] = rstd;
  }
}

using Block = Team<256>;

/// One block per row: a warp loads whole cache lines, and 256 threads add. There are still three passes for layernorm
/// and two for rmsnorm, though all but the first read from a cache, and each sum has two barriers at which all threads
/// wait. X and Y are the elements of x and y, T the type to compute with.
template <class X, class Y, class T, bool centred>
__global__ void __launch_bounds__(Block::block, Block::resident<centred ? 48 : 64>)
    norm_block(NormForward<centred> a) {
  const T *weight = static_cast<const T*>(a.weight), *bias = static_cast<const T*>(a.bias);
  for (int64_t r = Block::first(); r < a.rows; r += Block::step()) {
    const X* row = static_cast<const X*>(a.x) + r * a.cols;
    Y* y = static_cast<Y*>(a.y) + r * a.cols;
    const auto x = [&](int64_t i) { return load_as<T>(row + i); };
    const auto each = [&](auto f) {
      for (int64_t i = Block::rank(); i < a.cols; i += Block::threads) f(i);
    };
    const auto write = [&](const auto& stats) {
      each([&](int64_t i) {
        const T scaled = stats.normalized(x(i)) * weight[i];
        store_as(y + i, centred ? scaled + (bias ? bias[i] : 0) : scaled);
      });
      if (Block::rank() == 0) stats.keep(a.stats + a.row_stats * r);
    };
    T sum = 0, d = 0, dd = 0;
    if constexpr (centred) {
      each([&](int64_t i) { sum += x(i); });
      const T first = Block::sum(sum) / static_cast<T>(a.cols);
      each([&](int64_t i) { d += x(i) - first, dd += (x(i) - first) * (x(i) - first); });
      d = Block::sum(d);
      write(MeanAndRstd<T>(first, d, Block::sum(dd), a.cols, a.eps));
    } else {
      each([&](int64_t i) { sum += x(i) * x(i); });
      write(Rstd<T>(Block::sum(sum), a.cols, a.eps));
    }
  }
}

/// One warp per row (one block for more than 1024 columns), sixteen bytes per load, the row in registers: it
/// is read once, and shuffles replace the barriers. weight and bias come from the first-level cache.
template <class S, class X, class Y, bool centred>
__global__ void __launch_bounds__(S::block, resident_rows<S, 1>)
    norm_rows(NormForward<centred> a, bool wide) {
  const int cols = static_cast<int>(a.cols);
  const auto *weight = static_cast<const float*>(a.weight), *bias = static_cast<const float*>(a.bias);
  for (int64_t r = S::first(); r < a.rows; r += S::step()) {
    RawRow<S, X> row;
    row.load(static_cast<const X*>(a.x) + r * a.cols, cols, wide);
    Held<S> x = row.numbers();
    const auto write = [&](const auto& stats) {
      Y* y = static_cast<Y*>(a.y) + r * a.cols;
      for_packs<S>(cols, [&](int k, int i) {
        const auto w = load_pack<S::V>(weight + i, wide);
        Pack<float, S::V> b{};
        if (centred && bias) b = load_pack<S::V>(bias + i, wide);
        for (int v = 0; v < S::V; ++v) {
          const float n = stats.normalized(x.pack[k].at[v]);
          b.at[v] = centred ? std::fma(n, w.at[v], b.at[v]) : n * w.at[v];
        }
        store_pack(y + i, b, wide);
      });
      if (S::rank() == 0) stats.keep(a.stats + a.row_stats * r);
    };
    float sum = 0, d = 0, dd = 0;
    if constexpr (centred) {
      x.each([&](float& e, int, int) { sum += e; });
      const float first = S::sum(sum) / static_cast<float>(cols);
      for_packs<S>(cols, [&](int k, int) {
        for (int v = 0; v < S::V; ++v) {
          const float off = x.pack[k].at[v] - first;
          d += off, dd = std::fma(off, off, dd);
        }
      });
      d = S::sum(d);
      write(MeanAndRstd<float>(first, d, S::sum(dd), cols, a.eps));
    } else {
      x.each([&](float& e, int, int) { sum = std::fma(e, e, sum); });
      write(Rstd<float>(S::sum(sum), cols, a.eps));
    }
  }
}

template <bool centred>
void by_blocks(const Launch& on, const NormForward<centred>& a) {
  with_norm_types<bf16>(a, [&]<class X, class Y, class T>() {
    launch(on, "norm_block", Block::grid(a.rows), norm_block<X, Y, T, centred>, a);
  });
}

template <bool centred>
void by_rows(const Launch& on, const NormForward<centred>& a) {
  with_float_norm_types<bf16>(a, [&]<class X, class Y>() {
    with_row_shape<16 / sizeof(X)>(a.cols, [&]<class S>() {
      launch(on, "norm_rows", S::grid(a.rows), norm_rows<S, X, Y, centred>, a,
             loads_wide<S::V>(a.cols, a.x, a.weight, a.bias, a.y));
    });
  });
}

}  // namespace

template <>
void kernel<"cuda.threads", Isa::HEWN_ISA>(const Launch& on, const LayernormForward& a) {
  launch(on, "layernorm_thread", {blocks_for(a.rows, 128), 128},
         a.dtype == DType::f64 ? layernorm_thread<double> : layernorm_thread<float>, a);
}

template <>
void kernel<"cuda.blocks", Isa::HEWN_ISA>(const Launch& on, const LayernormForward& a) {
  by_blocks(on, a);
}
template <>
void kernel<"cuda.blocks", Isa::HEWN_ISA>(const Launch& on, const RmsnormForward& a) {
  by_blocks(on, a);
}

template <>
void kernel<"cuda", Isa::HEWN_ISA>(const Launch& on, const LayernormForward& a) {
  by_rows(on, a);
}
template <>
void kernel<"cuda", Isa::HEWN_ISA>(const Launch& on, const RmsnormForward& a) {
  by_rows(on, a);
}

}  // namespace hewn
