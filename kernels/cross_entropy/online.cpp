#include "kernels/cross_entropy/abi.h"

#include <cmath>
#include <limits>

namespace hewn {

// Milakov and Gimelshein, "Online normalizer calculation for softmax" (2018): the logits are read once.
// When a larger logit is found, the sum so far is rescaled to it; in a row of V random logits this
// happens about ln V times.
template <>
void kernel<"online">(const Launch&, const CrossEntropyForward& a) {
  auto *losses = static_cast<float*>(a.losses), *stats = static_cast<float*>(a.stats);
  for (int64_t r = 0; r < a.rows; ++r) {
    const float* x = static_cast<const float*>(a.logits) + r * a.cols;
    float most = -std::numeric_limits<float>::infinity();
    double sum = 0;
    for (int64_t i = 0; i < a.cols; ++i) {
      if (x[i] > most) {
        sum *= static_cast<double>(std::exp(most - x[i]));
        most = x[i];
      }
      sum += static_cast<double>(std::exp(x[i] - most));
    }
    const int32_t target = a.targets[r];
    losses[r] = target == ignored_target ? 0 : static_cast<float>(std::log(sum)) + (most - x[target]);
    stats[2 * r] = most;
    stats[2 * r + 1] = static_cast<float>(sum);
  }
}

}  // namespace hewn
