#include "kernels/norm/abi.h"

#include "kernels/simd/vec_rows.h"
#include "kernels/simd/vec_stream.h"

namespace hewn {
namespace {

/// (x - mean) rstd in float for a mean given in double: x - high is nearly exact, and the rounding error of
/// the mean is added back.
struct Normalize {
  vf high, rstd, rest;
  Normalize(double mean, double r)
      : high(set1(static_cast<float>(mean))),
        rstd(set1(static_cast<float>(r))),
        rest(set1(static_cast<float>((static_cast<double>(static_cast<float>(mean)) - mean) * r))) {}
  HEWN_INLINE vf operator()(vf x) const { return fma(x - high, rstd, rest); }
};

/// Mean and rstd of a row: a first mean, rounded to float, then the mean of the remainders along with the
/// squares (Chan, Golub and LeVeque 1983, the corrected two-pass algorithm). The second pass prefetches the
/// following rows.
void row_stats(const float* x, int64_t cols, double eps, double* stats) {
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

template <bool has_bias, To to>
void forward_rows(const LayernormForward& a, int64_t begin, int64_t end) {
  const auto *weight = static_cast<const float*>(a.weight), *bias = static_cast<const float*>(a.bias);
  for (int64_t r = begin; r < end; ++r) {
    const float* x = static_cast<const float*>(a.x) + r * a.cols;
    double* stats = a.stats + 2 * r;
    row_stats(x, a.cols, a.eps, stats);
    write_lanes<to>(static_cast<float*>(a.y) + r * a.cols, 0, a.cols,
                    [=, normalize = Normalize(stats[0], stats[1])](int64_t i, auto lanes) {
                      const vf n = normalize(load(x + i, lanes)), w = load(weight + i, lanes);
                      return has_bias ? fma(n, w, load(bias + i, lanes)) : n * w;
                    });
  }
  finish_stream();
}

/// One row: dx unless it is null, and its contributions to dweight and dbias.
template <To to>
void backward_row(const float* x, const float* weight, const float* dy, float* dx, int64_t cols,
                  const double* stats, float* dweight, float* dbias) {
  const Normalize normalize(stats[0], stats[1]);
  double sums[2];
  sum_lanes_of_row(cols, sums, [=](int64_t i, auto lanes, vf* add) {
    const vf n = normalize(always_load_ahead(x + i, lanes)), d = always_load_ahead(dy + i, lanes);
    const vf g = d * load(weight + i, lanes);
    add[0] += g;
    add[1] = fma(g, n, add[1]);
    store(dweight + i, fma(d, n, load(dweight + i, lanes)), lanes);
    store(dbias + i, load(dbias + i, lanes) + d, lanes);
  });
  if (!dx) return;
  const vf mean_g = set1(static_cast<float>(sums[0] / static_cast<double>(cols)));
  const vf mean_gn = set1(static_cast<float>(sums[1] / static_cast<double>(cols)));
  write_lanes<to, true>(dx, 0, cols, [=](int64_t i, auto lanes) {
    const vf n = normalize(load(x + i, lanes));
    const vf g = load(dy + i, lanes) * load(weight + i, lanes);
    return normalize.rstd * ((g - mean_g) - n * mean_gn);
  });
}

}  // namespace

template <>
void kernel<"simd", Isa::HEWN_ISA>(const Launch& launch, const LayernormForward& a) {
  const bool stream = way_for(Write::set, a.rows * a.cols) == To::past_caches;
  const auto rows = a.bias ? (stream ? forward_rows<true, To::past_caches> : forward_rows<true, To::set>)
                           : (stream ? forward_rows<false, To::past_caches> : forward_rows<false, To::set>);
  parallel_for(launch, a.rows, [&](int64_t begin, int64_t end, int) { rows(a, begin, end); });
}

template <>
void kernel<"simd", Isa::HEWN_ISA>(const Launch& launch, const LayernormBackward& a) {
  const auto *x = static_cast<const float*>(a.x), *weight = static_cast<const float*>(a.weight);
  const auto* dy = static_cast<const float*>(a.dy);
  auto* dx = static_cast<float*>(a.dx);
  auto* partial = static_cast<float*>(launch.scratch);  // [blocks, 2, cols]: dweight, dbias
  const auto row = choose(way_for(a.to_dx, a.rows * a.cols), backward_row<To::set>, backward_row<To::add>,
                          backward_row<To::past_caches>);
  const int64_t blocks = add_by_blocks(launch, a.rows, 2 * a.cols, partial, [=](int64_t r, float* sums) {
    row(x + r * a.cols, weight, dy + r * a.cols, dx ? dx + r * a.cols : nullptr, a.cols, a.stats + 2 * r,
        sums, sums + a.cols);
  });
  if (a.dweight)
    sum_blocks(partial, blocks, 2 * a.cols, a.cols, static_cast<float*>(a.dweight), a.to_dweight);
  if (a.dbias)
    sum_blocks(partial + a.cols, blocks, 2 * a.cols, a.cols, static_cast<float*>(a.dbias), a.to_dbias);
}

}  // namespace hewn
