#pragma once
// Statistics of a tensor.

#include <cstdint>
#include <vector>

#include "core/tensor.h"

namespace hewn {

/// Statistics of a tensor, and all elements if they are few.
struct TensorSummary {
  Shape shape = {};
  DType dtype = DType::f32;
  double mean = 0, deviation = 0, least = 0, most = 0;  ///< of the finite elements
  int64_t zeros = 0, not_finite = 0;
  /// Counts of elements in equal parts of [least, most]; empty without finite elements.
  std::vector<int64_t> histogram = {};
  std::vector<double> values = {};  ///< all elements in row-major order; empty if there are too many
  bool partial = false;             ///< of a gradient: `values` that are not finite mean that it does not
                                    ///< exist there
};

/// Summarises a tensor of any number type, with its values if it has at most `most_values`. Works on all threads of the
/// tensor's device; the result is the same for any number of them.
TensorSummary summarise(const Tensor& t, int64_t most_values);

}  // namespace hewn
