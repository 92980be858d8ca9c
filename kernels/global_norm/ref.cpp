#include "kernels/global_norm/abi.h"

#include <algorithm>
#include <cmath>

#include "kernels/contract/reference.h"

namespace hewn {

template <>
void kernel<"reference">(const Launch&, const BlockSquares& a) {
  with_wide(a.dtype, [&]<class T>(T) {
    const T* g = static_cast<const T*>(a.g);
    for (int64_t i = 0; i < a.n; ++i) {
      double& sum = a.sums[i / norm_block];
      if (i % norm_block == 0) sum = 0;
      sum += static_cast<double>(g[i]) * static_cast<double>(g[i]);
    }
  });
}

template <>
void kernel<"reference">(const Launch&, const GlobalNorm& a) {
  double sum = 0;
  for (int64_t b = 0; b < a.n_blocks; ++b) sum += a.sums[b];
  StepState& state = *a.state;
  state.grad_norm = std::sqrt(sum);
  state.non_finite = std::isfinite(state.grad_norm) && (!a.loss || std::isfinite(*a.loss)) ? 0 : 1;
  // The small number in the denominator is PyTorch's (torch.nn.utils.clip_grad_norm_).
  state.clip_factor = a.max_norm > 0 ? std::min(1.0, a.max_norm / (state.grad_norm + 1e-6)) : 1.0;
}

template <>
void kernel<"reference">(const Launch&, const StepLoss& a) {
  with_wide(a.dtype, [&]<class T>(T) {
    const double before = a.to_sum == Write::add ? *a.sum : a.state->non_finite ? NAN : 0;
    *a.sum = before + *a.share * static_cast<double>(*static_cast<const T*>(a.loss));
    *static_cast<T*>(a.gradient) = static_cast<T>(*a.share);
  });
}

}  // namespace hewn
