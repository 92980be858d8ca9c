#pragma once
// Gradient checks: compares the tape's gradients with finite differences.

#include <functional>
#include <string>
#include <vector>

#include "core/tensor.h"

namespace hewn {

struct GradcheckOptions {
  double step = 1e-3;        ///< distance between the points of the stencil, relative to max(1, |x|)
  uint64_t seed = 1;         ///< for the output weights, the sampled entries and the directions
  int64_t max_entries = 64;  ///< entries checked individually per input (all, if it has fewer)
  int directions = 4;        ///< random directions, each through all inputs together
};

struct GradcheckResult {
  /// The maximum over the inputs of |numeric - tape| / max(|numeric|, 1e-6 sqrt(n)). The rounding error of
  /// the n numeric values, at most eps sum |r_i f_i| sqrt(n) / h, is first subtracted from the difference.
  double by_norm = 0;
  double directional = 0;  ///< largest over the directions, relative to |gradient| |direction|
  std::string worst;       ///< the worst input and its two values
  /// Whether both errors are numbers (not NaN) below the bound.
  bool below(double bound) const { return by_norm < bound && directional < bound; }
};

/// f'(0) by the five-point stencil (f(-2h) - 8 f(-h) + 8 f(h) - f(2h)) / 12h (Abramowitz and Stegun, 25.3.6), whose
/// error is h^4 f'''''/30.
double five_point_slope(const std::function<double(double)>& f, double h);

/// Compares the tape's gradient of r . f(inputs), with random weights r, with slopes by `five_point_slope`. The inputs
/// must be f64; f gets copies of them, as leaves. f must be deterministic and smooth near them.
GradcheckResult gradcheck(const std::function<Tensor(const std::vector<Tensor>&)>& f,
                          std::vector<Tensor> inputs, const GradcheckOptions& options = {});

}  // namespace hewn
