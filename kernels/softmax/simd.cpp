#include "kernels/softmax/simd.h"

#include "kernels/parallel.h"
#include "kernels/softmax/visible.h"
#include "kernels/vec_rows.h"

namespace hewn {
namespace {

/// Softmax of the first `seen` of n values, 0 for the rest.
void forward_row(const float* x, float* y, int64_t n, int64_t seen) {
  const vf most = set1(row_max(x, seen));
  double sum[1];
  sum_lanes_of_row(seen, sum, [=](int64_t i, int64_t k, vf* add) {
    const vf e = exp(load_up_to(x + i, k, -__builtin_inff()) - most);
    store_up_to(y + i, e, k);
    add[0] += e;
  });
  const vf scale = set1(static_cast<float>(1 / sum[0]));
  for_lanes(seen, [=](int64_t i, int64_t k) { store_up_to(y + i, load_up_to(y + i, k) * scale, k); });
  for_lanes(n - seen, [y = y + seen](int64_t i, int64_t k) { store_up_to(y + i, vf{}, k); });
}

template <Write write>
void backward_row(const float* y, const float* dy, float* dx, int64_t n, int64_t seen) {
  double sum[1];
  sum_lanes_of_row(seen, sum, [=](int64_t i, int64_t k, vf* add) {
    add[0] = fma(load_up_to(y + i, k), load_up_to(dy + i, k), add[0]);
  });
  const vf dot = set1(static_cast<float>(sum[0]));
  for_lanes(seen, [=](int64_t i, int64_t k) {
    const vf g = load_up_to(y + i, k) * (load_up_to(dy + i, k) - dot);
    store_up_to(dx + i, write == Write::add ? load_up_to(dx + i, k) + g : g, k);
  });
  if (write == Write::set)
    for_lanes(n - seen, [dx = dx + seen](int64_t i, int64_t k) { store_up_to(dx + i, vf{}, k); });
}

}  // namespace

template <>
void softmax_simd<Isa::HEWN_ISA>(const Launch& launch, const SoftmaxForward& a) {
  const auto* x = static_cast<const float*>(a.x);
  auto* y = static_cast<float*>(a.y);
  parallel_for(launch, a.rows, [&](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r) forward_row(x + r * a.cols, y + r * a.cols, a.cols, visible(a, r));
  });
}

template <>
void softmax_backward_simd<Isa::HEWN_ISA>(const Launch& launch, const SoftmaxBackward& a) {
  const auto *y = static_cast<const float*>(a.y), *dy = static_cast<const float*>(a.dy);
  auto* dx = static_cast<float*>(a.dx);
  const auto row = a.to_dx == Write::add ? backward_row<Write::add> : backward_row<Write::set>;
  parallel_for(launch, a.rows, [&](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r)
      row(y + r * a.cols, dy + r * a.cols, dx + r * a.cols, a.cols, visible(a, r));
  });
}

}  // namespace hewn
