#include "kernels/cross_entropy/abi.h"

#include "kernels/contract/parallel.h"
#include "kernels/simd/vec_rows.h"
#include "kernels/simd/vec_stream.h"

namespace hewn {
namespace {

/// dx (set, add, past caches) scale exp(x - most).
template <To to>
void scaled_exp(const float* x, float* dx, int64_t n, float most, float scale) {
  write_lanes<to>(dx, 0, n, [=, m = set1(most), s = set1(scale)](int64_t i, auto lanes) {
    return exp(load_ahead(x + i, lanes) - m) * s;
  });
}

void zero_row(float* dx, int64_t n) {
  for_lanes(0, n, [=](int64_t i, auto lanes) { store(dx + i, vf{}, lanes); });
}

float loss_of(MaxSum total, float logit) {
  return static_cast<float>(__builtin_log(total.sum) +
                            (static_cast<double>(total.most) - static_cast<double>(logit)));
}

}  // namespace

template <>
void kernel<"simd", Isa::HEWN_ISA>(const Launch& launch, const CrossEntropyForward& a) {
  const auto* logits = static_cast<const float*>(a.logits);
  auto *losses = static_cast<float*>(a.losses), *stats = static_cast<float*>(a.stats);
  parallel_for(launch, a.rows, [&](int64_t begin, int64_t end, int) {
    rows_max_sum_exp(logits, begin, end, a.cols, [&](int64_t r, MaxSum total) {
      const int32_t target = a.targets[r];
      losses[r] = target == ignored_target ? 0.0f : loss_of(total, logits[r * a.cols + target]);
      stats[2 * r] = total.most;
      stats[2 * r + 1] = static_cast<float>(total.sum);
    });
  });
}

template <>
void kernel<"simd", Isa::HEWN_ISA>(const Launch& launch, const CrossEntropyFused& a) {
  auto *logits = static_cast<float*>(a.logits), *losses = static_cast<float*>(a.losses);
  const auto* weights = static_cast<const float*>(a.weights);
  const double of_mean = a.gradient && !weights ? 1 / static_cast<double>(*a.kept) : 0;
  parallel_for(launch, a.rows, [&](int64_t begin, int64_t end, int) {
    rows_max_sum_exp(logits, begin, end, a.cols, [&](int64_t r, MaxSum total) {
      float* x = logits + r * a.cols;
      const int32_t target = a.targets[r];
      losses[r] = target == ignored_target ? 0.0f : loss_of(total, x[target]);
      if (!a.gradient) return;
      if (target == ignored_target) return zero_row(x, a.cols);
      const double scale = weights ? static_cast<double>(weights[r]) : of_mean;
      scaled_exp<To::set>(x, x, a.cols, total.most, static_cast<float>(scale / total.sum));
      x[target] -= static_cast<float>(scale);
    });
  });
}

template <>
void kernel<"simd", Isa::HEWN_ISA>(const Launch& launch, const CrossEntropyBackward& a) {
  const auto *logits = static_cast<const float*>(a.logits), *stats = static_cast<const float*>(a.stats);
  auto* dlogits = static_cast<float*>(a.dlogits);
  const double scale =
      static_cast<double>(*static_cast<const float*>(a.dloss)) / static_cast<double>(*a.kept);
  const bool add = a.to_dlogits == Write::add;
  const auto row = choose(way_for(a.to_dlogits, a.rows * a.cols, a.logits == a.dlogits), scaled_exp<To::set>,
                          scaled_exp<To::add>, scaled_exp<To::past_caches>);
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
      row(x, dx, a.cols, most, row_scale);
      dx[target] -= static_cast<float>(scale);
    }
    finish_stream();
  });
}

}  // namespace hewn
