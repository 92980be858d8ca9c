#include "kernels/softmax/simd.h"

#include "kernels/parallel.h"
#include "kernels/vec.h"
#include "kernels/vec_math.h"

namespace hewn {
namespace {

/// Largest of n values: W running maxima, then the largest of them.
float row_max(const float* x, int64_t n) {
  vf most = load_part(x, n < W ? n : W, -__builtin_inff());
  int64_t i = W;
  for (; i + W <= n; i += W) most = max(load(x + i), most);
  if (i < n) most = max(load_part(x + i, n - i, -__builtin_inff()), most);
  return max_lanes(most);
}

void forward_row(const float* x, float* y, int64_t n) {
  const vf most = set1(row_max(x, n));
  vf sum{};
  int64_t i = 0;
  for (; i + W <= n; i += W) {
    const vf e = exp(load(x + i) - most);
    store(y + i, e);
    sum += e;
  }
  if (i < n) {
    const vf e = exp(load_part(x + i, n - i, -__builtin_inff()) - most);
    store_part(y + i, e, n - i);
    sum += e;
  }
  const vf scale = set1(1.0f / sum_lanes(sum));
  for (i = 0; i + W <= n; i += W) store(y + i, load(y + i) * scale);
  if (i < n) store_part(y + i, load_part(y + i, n - i) * scale, n - i);
}

void backward_row(const float* y, const float* dy, float* dx, int64_t n, Write write) {
  vf sum{};
  int64_t i = 0;
  for (; i + W <= n; i += W) sum = fma(load(y + i), load(dy + i), sum);
  if (i < n) sum = fma(load_part(y + i, n - i), load_part(dy + i, n - i), sum);
  const vf dot = set1(sum_lanes(sum));
  for (i = 0; i < n; i += W) {
    const int64_t k = n - i < W ? n - i : W;
    const vf g = load_part(y + i, k) * (load_part(dy + i, k) - dot);
    store_part(dx + i, write == Write::add ? load_part(dx + i, k) + g : g, k);
  }
}

}  // namespace

template <>
void softmax_simd<Isa::HEWN_ISA>(const Launch& launch, const SoftmaxForward& a) {
  const auto* x = static_cast<const float*>(a.x);
  auto* y = static_cast<float*>(a.y);
  parallel_for(launch, a.rows, [&](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r) forward_row(x + r * a.cols, y + r * a.cols, a.cols);
  });
}

template <>
void softmax_backward_simd<Isa::HEWN_ISA>(const Launch& launch, const SoftmaxBackward& a) {
  const auto *y = static_cast<const float*>(a.y), *dy = static_cast<const float*>(a.dy);
  auto* dx = static_cast<float*>(a.dx);
  parallel_for(launch, a.rows, [&](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r)
      backward_row(y + r * a.cols, dy + r * a.cols, dx + r * a.cols, a.cols, a.to_dx);
  });
}

}  // namespace hewn
