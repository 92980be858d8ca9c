#include "kernels/cross_entropy/abi.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/contract/reference.h"

namespace hewn {
namespace {

template <class T>
void forward(const CrossEntropyForward& a) {
  for (int64_t r = 0; r < a.rows; ++r) {
    const Doubles<T> x{static_cast<const T*>(a.logits) + r * a.cols};
    double most = -std::numeric_limits<double>::infinity(), sum = 0, loss = 0;
    for (int64_t i = 0; i < a.cols; ++i) most = std::max(most, x[i]);  // skips NaN
    for (int64_t i = 0; i < a.cols; ++i) sum += std::exp(x[i] - most);
    if (a.targets[r] != ignored_target) loss = std::log(sum) + (most - x[a.targets[r]]);
    static_cast<T*>(a.losses)[r] = static_cast<T>(loss);
    static_cast<T*>(a.stats)[2 * r] = static_cast<T>(most);
    static_cast<T*>(a.stats)[2 * r + 1] = static_cast<T>(sum);
  }
}

template <class T>
void backward(const CrossEntropyBackward& a) {
  const Doubles<T> dloss{a.dloss}, stats{a.stats};
  const double scale = dloss[0] / static_cast<double>(*a.kept);
  for (int64_t r = 0; r < a.rows; ++r) {
    const Doubles<T> x{static_cast<const T*>(a.logits) + r * a.cols};
    T* dx = static_cast<T*>(a.dlogits) + r * a.cols;
    const double most = stats[2 * r], sum = stats[2 * r + 1];
    for (int64_t i = 0; i < a.cols; ++i) {
      const double p = std::exp(x[i] - most) / sum;
      const double g = a.targets[r] == ignored_target ? 0 : scale * (p - (i == a.targets[r] ? 1 : 0));
      put(dx[i], g, a.to_dlogits);
    }
  }
}

/// Logits of type E, losses of type T.
template <class E, class T>
void fused(const CrossEntropyFused& a) {
  const Doubles<T> weights{a.weights};
  for (int64_t r = 0; r < a.rows; ++r) {
    E* const x = static_cast<E*>(a.logits) + r * a.ld;
    const bool kept = a.targets[r] != ignored_target;
    double most = -std::numeric_limits<double>::infinity(), sum = 0, loss = 0;
    for (int64_t i = 0; i < a.cols; ++i) most = std::max(most, to_double(x[i]));  // skips NaN
    for (int64_t i = 0; i < a.cols; ++i) sum += std::exp(to_double(x[i]) - most);
    if (kept) loss = std::log(sum) + (most - to_double(x[a.targets[r]]));
    static_cast<T*>(a.losses)[r] = static_cast<T>(loss);
    if (!a.gradient) continue;
    const double weight = a.weights ? weights[r] : 1 / static_cast<double>(*a.kept);
    for (int64_t i = 0; i < a.ld; ++i) {
      double g = 0;
      if (kept && i < a.cols)
        g = weight * (std::exp(to_double(x[i]) - most) / sum - (i == a.targets[r] ? 1 : 0));
      x[i] = static_cast<E>(static_cast<T>(g));
    }
  }
}

template <class T>
void mean(const MeanLoss& a) {
  const Doubles<T> losses{a.losses};
  double sum = 0;
  for (int64_t r = 0; r < a.rows; ++r) sum += losses[r];
  *static_cast<T*>(a.loss) = static_cast<T>(sum / static_cast<double>(*a.kept));
}

}  // namespace

template <>
void kernel<"reference">(const Launch&, const CountTargets& a) {
  int64_t kept = 0;
  for (int64_t r = 0; r < a.rows; ++r) kept += a.targets[r] != ignored_target;
  *a.kept = kept;
}

template <>
void kernel<"reference">(const Launch&, const CrossEntropyForward& a) {
  a.dtype == DType::f64 ? forward<double>(a) : forward<float>(a);
}

template <>
void kernel<"reference">(const Launch&, const CrossEntropyBackward& a) {
  a.dtype == DType::f64 ? backward<double>(a) : backward<float>(a);
}

template <>
void kernel<"reference">(const Launch&, const CrossEntropyFused& a) {
  switch (a.dtype) {
    case DType::f64: return fused<double, double>(a);
    case DType::bf16: return fused<BFloat16, float>(a);
    default: return fused<float, float>(a);
  }
}

template <>
void kernel<"reference">(const Launch&, const MeanLoss& a) {
  a.dtype == DType::f64 ? mean<double>(a) : mean<float>(a);
}

}  // namespace hewn
