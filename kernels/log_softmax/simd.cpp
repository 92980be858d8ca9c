#include "kernels/log_softmax/simd.h"

#include "kernels/parallel.h"
#include "kernels/vec_rows.h"

namespace hewn {
namespace {

void forward_row(const float* x, float* y, int64_t n, MaxSum total) {
  const vf m = set1(total.most), log_sum = set1(static_cast<float>(__builtin_log(total.sum)));
  for_lanes(0, n, [=](int64_t i, auto lanes) { store(y + i, (load(x + i, lanes) - m) - log_sum, lanes); });
}

template <Write how>
void backward_row(const float* y, const float* dy, float* dx, int64_t n) {
  double sum[1];
  sum_lanes_of_row(n, sum, [=](int64_t i, auto lanes, vf* add) { add[0] += load(dy + i, lanes); });
  const vf s = set1(static_cast<float>(sum[0]));
  for_lanes(0, n, [=](int64_t i, auto lanes) {
    const vf g = load(dy + i, lanes) - exp(load(y + i, lanes)) * s;
    write(dx + i, g, how, lanes);
  });
}

}  // namespace

template <>
void log_softmax_simd<Isa::HEWN_ISA>(const Launch& launch, const LogSoftmaxForward& a) {
  const auto* x = static_cast<const float*>(a.x);
  auto* y = static_cast<float*>(a.y);
  parallel_for(launch, a.rows, [&](int64_t begin, int64_t end, int) {
    rows_max_sum_exp(x, begin, end, a.cols, [&](int64_t r, MaxSum total) {
      forward_row(x + r * a.cols, y + r * a.cols, a.cols, total);
    });
  });
}

template <>
void log_softmax_backward_simd<Isa::HEWN_ISA>(const Launch& launch, const LogSoftmaxBackward& a) {
  const auto *y = static_cast<const float*>(a.y), *dy = static_cast<const float*>(a.dy);
  auto* dx = static_cast<float*>(a.dx);
  const auto row = a.to_dx == Write::add ? backward_row<Write::add> : backward_row<Write::set>;
  parallel_for(launch, a.rows, [&](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r) row(y + r * a.cols, dy + r * a.cols, dx + r * a.cols, a.cols);
  });
}

}  // namespace hewn
