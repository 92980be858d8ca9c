#pragma once
// Sizes and errors of the tensors of a quantised model.

#include <algorithm>
#include <cmath>
#include <string_view>
#include <vector>

#include "model/weights/export.h"

namespace hewn::cli {

/// Totals over several tensors.
struct TensorTotal {
  int64_t tensors = 0, elements = 0, bytes = 0;
  double squares = 0, max_error = 0;

  void add(const WrittenTensor& t) {
    ++tensors, elements += t.elements, bytes += t.bytes, squares += t.squares;
    max_error = std::max(max_error, t.max_error);
  }
  double bits() const { return 8 * static_cast<double>(bytes) / static_cast<double>(elements); }
  double rmse() const { return std::sqrt(squares / static_cast<double>(elements)); }
};

/// The total of the tensors of one format, or of all.
inline TensorTotal total_of(const std::vector<WrittenTensor>& tensors, std::string_view format = {}) {
  TensorTotal total;
  for (const WrittenTensor& t : tensors)
    if (format.empty() || t.format == format) total.add(t);
  return total;
}

}  // namespace hewn::cli
