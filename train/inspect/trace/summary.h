#pragma once
// Statistics of a tensor.

#include <cstdint>
#include <vector>

#include "core/tensor.h"

namespace hewn {

/// The numbers of a tensor in short, and all of them if they are few.
struct TensorSummary {
  Shape shape = {};
  DType dtype = DType::f32;
  double mean = 0, deviation = 0, least = 0, most = 0;  ///< of the finite elements
  int64_t zeros = 0, not_finite = 0;
  /// Elements in equal parts of [least, most]; empty without finite ones.
  std::vector<int64_t> histogram = {};
  std::vector<double> values = {};  ///< all elements in row-major order; empty if there are too many
  bool partial = false;             ///< a gradient that does not exist where `values` are not finite
};

/// Summarises a tensor of any number type, with its values if it has at most `most_values`. Works on all threads of the
/// tensor's device; the result is the same for any number of them.
TensorSummary summarise(const Tensor& t, int64_t most_values);

}  // namespace hewn
