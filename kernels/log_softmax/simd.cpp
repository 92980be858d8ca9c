#include "kernels/log_softmax/kernels.h"

#include "kernels/contract/parallel.h"
#include "kernels/simd/vec_rows.h"
#include "kernels/simd/vec_stream.h"

namespace hewn {
namespace {

template <To to>
void forward_row(const float* x, float* y, int64_t n, MaxSum total) {
  const vf m = set1(total.most), log_sum = set1(static_cast<float>(__builtin_log(total.sum)));
  write_lanes<to>(y, 0, n, [=](int64_t i, auto lanes) { return (load(x + i, lanes) - m) - log_sum; });
}

template <To to>
void backward_row(const float* y, const float* dy, float* dx, int64_t n) {
  double sum[1];
  sum_lanes_of_row(n, sum, [=](int64_t i, auto lanes, vf* add) { add[0] += load_ahead(dy + i, lanes); });
  const vf s = set1(static_cast<float>(sum[0]));
  write_lanes<to>(dx, 0, n, [=](int64_t i, auto lanes) {
    return load(dy + i, lanes) - exp(load_ahead(y + i, lanes)) * s;
  });
}

}  // namespace

template <>
void log_softmax_simd<Isa::HEWN_ISA>(const Launch& launch, const LogSoftmaxForward& a) {
  const auto* x = static_cast<const float*>(a.x);
  auto* y = static_cast<float*>(a.y);
  const auto row = way_for(Write::set, a.rows * a.cols, x == y) == To::set ? forward_row<To::set>
                                                                           : forward_row<To::past_caches>;
  parallel_for(launch, a.rows, [&](int64_t begin, int64_t end, int) {
    rows_max_sum_exp(x, begin, end, a.cols,
                     [&](int64_t r, MaxSum total) { row(x + r * a.cols, y + r * a.cols, a.cols, total); });
    finish_stream();
  });
}

template <>
void log_softmax_backward_simd<Isa::HEWN_ISA>(const Launch& launch, const LogSoftmaxBackward& a) {
  const auto *y = static_cast<const float*>(a.y), *dy = static_cast<const float*>(a.dy);
  auto* dx = static_cast<float*>(a.dx);
  const auto row = choose(way_for(a.to_dx, a.rows * a.cols), backward_row<To::set>, backward_row<To::add>,
                          backward_row<To::past_caches>);
  parallel_for(launch, a.rows, [&](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r) row(y + r * a.cols, dy + r * a.cols, dx + r * a.cols, a.cols);
    finish_stream();
  });
}

}  // namespace hewn
