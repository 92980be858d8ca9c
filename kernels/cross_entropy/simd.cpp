#include "kernels/cross_entropy/simd.h"

#include "kernels/parallel.h"
#include "kernels/vec.h"
#include "kernels/vec_math.h"

namespace hewn {
namespace {

constexpr float inf = __builtin_inff();

float row_max(const float* x, int64_t n) {
  vf most[4] = {set1(-inf), set1(-inf), set1(-inf), set1(-inf)};
  int64_t i = 0;
  for (; i + 4 * W <= n; i += 4 * W)
    for (int k = 0; k < 4; ++k) most[k] = max(load(x + i + k * W), most[k]);
  for (; i < n; i += W) most[0] = max(load_part(x + i, n - i < W ? n - i : W, -inf), most[0]);
  return max_lanes(max(max(most[0], most[1]), max(most[2], most[3])));
}

/// sum_i exp(x_i - most): blocks in float, so short that they round little, and the blocks in double.
double sum_of_exp(const float* x, int64_t n, float most) {
  constexpr int64_t block = 64 * W;
  const vf m = set1(most);
  double sum = 0;
  int64_t i = 0;
  for (; i + block <= n; i += block) {
    vf a{}, b{};
    for (int64_t j = i; j < i + block; j += 2 * W) a += exp(load(x + j) - m), b += exp(load(x + j + W) - m);
    sum += static_cast<double>(sum_lanes(a + b));
  }
  vf rest{};
  for (; i + W <= n; i += W) rest += exp(load(x + i) - m);
  if (i < n) rest += exp(load_part(x + i, n - i, -inf) - m);
  return sum + static_cast<double>(sum_lanes(rest));
}

/// dx (set or add) scale exp(x - most) over whole vectors, then a part.
template <Write write>
void scaled_exp(const float* x, float* dx, int64_t n, float most, float scale) {
  const vf m = set1(most), s = set1(scale);
  int64_t i = 0;
  for (; i + W <= n; i += W) {
    const vf g = exp(load(x + i) - m) * s;
    store(dx + i, write == Write::add ? load(dx + i) + g : g);
  }
  if (i < n) {
    const vf g = exp(load_part(x + i, n - i) - m) * s;
    store_part(dx + i, write == Write::add ? load_part(dx + i, n - i) + g : g, n - i);
  }
}

void zero_row(float* dx, int64_t n) {
  int64_t i = 0;
  for (; i + W <= n; i += W) store(dx + i, vf{});
  if (i < n) store_part(dx + i, vf{}, n - i);
}

}  // namespace

template <>
void cross_entropy_simd<Isa::HEWN_ISA>(const Launch& launch, const CrossEntropyForward& a) {
  const auto* logits = static_cast<const float*>(a.logits);
  auto *losses = static_cast<float*>(a.losses), *stats = static_cast<float*>(a.stats);
  parallel_for(launch, a.rows, [&](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r) {
      const float* x = logits + r * a.cols;
      const float most = row_max(x, a.cols);
      const double sum = sum_of_exp(x, a.cols, most);
      const int32_t target = a.targets[r];
      losses[r] = target == ignored_target
                      ? 0.0f
                      : static_cast<float>(__builtin_log(sum) +
                                           (static_cast<double>(most) - static_cast<double>(x[target])));
      stats[2 * r] = most;
      stats[2 * r + 1] = static_cast<float>(sum);
    }
  });
}

template <>
void cross_entropy_backward_simd<Isa::HEWN_ISA>(const Launch& launch, const CrossEntropyBackward& a) {
  const auto *logits = static_cast<const float*>(a.logits), *stats = static_cast<const float*>(a.stats);
  auto* dlogits = static_cast<float*>(a.dlogits);
  const double scale =
      static_cast<double>(*static_cast<const float*>(a.dloss)) / static_cast<double>(*a.kept);
  const bool add = a.to_dlogits == Write::add;
  parallel_for(launch, a.rows, [&](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r) {
      const float* x = logits + r * a.cols;
      float* dx = dlogits + r * a.cols;
      const int32_t target = a.targets[r];
      if (target == ignored_target) {
        if (!add) zero_row(dx, a.cols);
        continue;
      }
      const float most = stats[2 * r];
      const float row_scale = static_cast<float>(scale / static_cast<double>(stats[2 * r + 1]));
      if (add)
        scaled_exp<Write::add>(x, dx, a.cols, most, row_scale);
      else
        scaled_exp<Write::set>(x, dx, a.cols, most, row_scale);
      dx[target] -= static_cast<float>(scale);
    }
  });
}

}  // namespace hewn
