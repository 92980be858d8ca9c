#include "kernels/norm/abi.h"
#include "kernels/simd/vec_rows.h"
#include "kernels/simd/vec_stream.h"

namespace hewn {
namespace {

/// n of a row with these statistics.
template <bool centred>
struct Normalize;

/// (x - mean) rstd in float for a mean given in double: x - high is nearly exact, and the rounding error of
/// the mean is added back.
template <>
struct Normalize<true> {
  vf high, rstd, rest;
  explicit Normalize(const double* stats)
      : high(set1(static_cast<float>(stats[0]))),
        rstd(set1(static_cast<float>(stats[1]))),
        rest(set1(
            static_cast<float>((static_cast<double>(static_cast<float>(stats[0])) - stats[0]) * stats[1]))) {}
  HEWN_INLINE vf operator()(vf x) const { return fma(x - high, rstd, rest); }
};

template <>
struct Normalize<false> {
  vf rstd;
  explicit Normalize(const double* stats) : rstd(set1(static_cast<float>(*stats))) {}
  HEWN_INLINE vf operator()(vf x) const { return x * rstd; }
};

/// Mean and rstd of a row: a first mean, rounded to float, then the mean of the remainders along with the
/// squares (Chan, Golub and LeVeque 1983, the corrected two-pass algorithm). The second pass prefetches the
/// following rows.
void mean_and_rstd(const float* x, int64_t cols, double eps, double* stats) {
  const double n = static_cast<double>(cols);
  double sum[1], left[2];
  sum_lanes_of_row(cols, sum, [=](int64_t i, auto lanes, vf* add) { add[0] += load(x + i, lanes); });
  const auto first = static_cast<float>(sum[0] / n);
  sum_lanes_of_row(cols, left, [=, m = set1(first)](int64_t i, auto lanes, vf* add) {
    const vf d = load(x + i, lanes, first) - m;
    fetch_ahead(x + i);
    add[0] += d;
    add[1] = fma(d, d, add[1]);
  });
  const double rest = left[0] / n;
  stats[0] = static_cast<double>(first) + rest;
  stats[1] = 1 / __builtin_sqrt(left[1] / n - rest * rest + eps);
}

HEWN_INLINE double mean_square(const float* x, int64_t cols) {
  double squares[1];
  sum_lanes_of_row(cols, squares, [=](int64_t i, auto lanes, vf* add) {
    const vf v = load_ahead(x + i, lanes);
    add[0] = fma(v, v, add[0]);
  });
  return squares[0] / static_cast<double>(cols);
}

template <bool has_bias, To to, bool centred>
void forward_rows(const NormForward<centred>& a, int64_t begin, int64_t end) {
  const auto *weight = static_cast<const float*>(a.weight), *bias = static_cast<const float*>(a.bias);
  for (int64_t r = begin; r < end; ++r) {
    const float* x = static_cast<const float*>(a.x) + r * a.cols;
    double* stats = a.stats + a.row_stats * r;
    if constexpr (centred)
      mean_and_rstd(x, a.cols, a.eps, stats);
    else
      *stats = 1 / __builtin_sqrt(mean_square(x, a.cols) + a.eps);
    write_lanes<to>(static_cast<float*>(a.y) + r * a.cols, 0, a.cols,
                    [=, normalize = Normalize<centred>(stats)](int64_t i, auto lanes) {
                      const vf n = normalize(load(x + i, lanes)), w = load(weight + i, lanes);
                      return has_bias ? fma(n, w, load(bias + i, lanes)) : n * w;
                    });
  }
  finish_stream();
}

template <bool has_bias, bool centred>
void forward(const Launch& launch, const NormForward<centred>& a) {
  const auto rows = way_for(Write::set, a.rows * a.cols) == To::past_caches
                        ? forward_rows<has_bias, To::past_caches, centred>
                        : forward_rows<has_bias, To::set, centred>;
  parallel_for(launch, a.rows, [&](int64_t begin, int64_t end, int) { rows(a, begin, end); });
}

/// One row: dx unless it is null, and its contributions to dweight and, for layernorm, dbias.
template <bool centred, To to>
void backward_row(const float* x, const float* weight, const float* dy, float* dx, int64_t cols,
                  const double* stats, float* dweight, float* dbias) {
  const Normalize<centred> normalize(stats);
  double sums[centred ? 2 : 1];  // of g n and g
  sum_lanes_of_row(cols, sums, [=](int64_t i, auto lanes, vf* add) {
    if constexpr (centred) {
      const vf n = normalize(always_load_ahead(x + i, lanes)), d = always_load_ahead(dy + i, lanes);
      const vf g = d * load(weight + i, lanes);
      add[0] = fma(g, n, add[0]);
      add[1] += g;
      store(dweight + i, fma(d, n, load(dweight + i, lanes)), lanes);
      store(dbias + i, load(dbias + i, lanes) + d, lanes);
    } else {
      const vf dn = load_ahead(dy + i, lanes) * normalize(load_ahead(x + i, lanes));
      add[0] = fma(dn, load(weight + i, lanes), add[0]);
      store(dweight + i, load(dweight + i, lanes) + dn, lanes);
    }
  });
  if (!dx) return;
  const auto mean = [=](double sum) { return set1(static_cast<float>(sum / static_cast<double>(cols))); };
  const vf mean_gn = mean(sums[0]), mean_g = mean(sums[centred ? 1 : 0]);  // rmsnorm has no mean_g
  write_lanes<to, centred>(dx, 0, cols, [=](int64_t i, auto lanes) {
    const vf n = normalize(load(x + i, lanes));
    const vf g = load(dy + i, lanes) * load(weight + i, lanes);
    return normalize.rstd * ((centred ? g - mean_g : g) - n * mean_gn);
  });
}

template <bool centred>
void backward(const Launch& launch, const NormBackward<centred>& a) {
  const auto *x = static_cast<const float*>(a.x), *weight = static_cast<const float*>(a.weight);
  const auto* dy = static_cast<const float*>(a.dy);
  auto* dx = static_cast<float*>(a.dx);
  auto* partial = static_cast<float*>(launch.scratch);  // [blocks, parameters, cols]: dweight, dbias
  const auto row = choose(way_for(a.to_dx, a.rows * a.cols), backward_row<centred, To::set>,
                          backward_row<centred, To::add>, backward_row<centred, To::past_caches>);
  const int64_t stride = a.parameters * a.cols;
  const int64_t blocks = add_by_blocks(launch, a.rows, stride, partial, [=](int64_t r, float* sums) {
    row(x + r * a.cols, weight, dy + r * a.cols, dx ? dx + r * a.cols : nullptr, a.cols,
        a.stats + a.row_stats * r, sums, sums + a.cols);
  });
  if (a.dweight) sum_blocks(partial, blocks, stride, a.cols, static_cast<float*>(a.dweight), a.to_dweight);
  if (a.dbias) sum_blocks(partial + a.cols, blocks, stride, a.cols, static_cast<float*>(a.dbias), a.to_dbias);
}

}  // namespace

template <>
void kernel<"simd", Isa::HEWN_ISA>(const Launch& launch, const LayernormForward& a) {
  a.bias ? forward<true>(launch, a) : forward<false>(launch, a);
}

template <>
void kernel<"simd", Isa::HEWN_ISA>(const Launch& launch, const RmsnormForward& a) {
  forward<false>(launch, a);
}

template <>
void kernel<"simd", Isa::HEWN_ISA>(const Launch& launch, const LayernormBackward& a) {
  backward(launch, a);
}

template <>
void kernel<"simd", Isa::HEWN_ISA>(const Launch& launch, const RmsnormBackward& a) {
  backward(launch, a);
}

}  // namespace hewn
