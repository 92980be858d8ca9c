#pragma once
// Checks gradients against differences of the function's own values.

#include <functional>
#include <string>
#include <vector>

#include "core/tensor.h"

namespace hewn {

struct GradcheckOptions {
  double step = 1e-3;        ///< distance between the points of the stencil, times max(1, |x|)
  uint64_t seed = 1;         ///< of the output weights, the sampled entries and the directions
  int64_t max_entries = 64;  ///< entries checked one by one per input (all if fewer)
  int directions = 4;        ///< random directions through all inputs at once
};

struct GradcheckResult {
  /// Largest over the inputs of |numeric - tape| / max(|numeric|, 1e-6 sqrt(n)), less what rounding alone may
  /// do to the n numeric ones: eps sum |r_i f_i| sqrt(n) / h.
  double by_norm = 0;
  double directional = 0;  ///< largest over the directions, relative to |gradient| |direction|
  std::string worst;       ///< which input was worst, and its two values
  /// Whether both are numbers below the bound.
  bool below(double bound) const { return by_norm < bound && directional < bound; }
};

/// Compares the tape's gradient of r . f(inputs), r random, with the five-point stencil
/// f' = (f(x-2h) - 8 f(x-h) + 8 f(x+h) - f(x+2h)) / 12h (Abramowitz and Stegun, 25.3.6), whose error is h^4
/// f'''''/30. Inputs are f64 and become leaves; f must be deterministic and smooth near them. They are left
/// as they were.
GradcheckResult gradcheck(const std::function<Tensor(const std::vector<Tensor>&)>& f,
                          std::vector<Tensor> inputs, const GradcheckOptions& options = {});

}  // namespace hewn
