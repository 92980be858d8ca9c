#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hewn {

/// The cost of a matrix in one of its possible formats.
struct FormatCost {
  int64_t bytes = 0;
  double divergence = 0;
};

/// Selects one format per matrix, as an index into its costs, so that all bytes together are at most `most`
/// and the total divergence is small. Starts from the smallest formats and always takes the step that saves
/// the most divergence per byte, on the convex hull of each matrix's costs (Everett 1963, "Generalized
/// Lagrange Multiplier Method"). Empty if the smallest formats do not fit.
std::vector<size_t> allocate_bits(const std::vector<std::vector<FormatCost>>& matrices, int64_t most);

}  // namespace hewn
