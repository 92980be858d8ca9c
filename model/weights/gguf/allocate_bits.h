#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hewn {

/// What a matrix costs in one of the formats that it may have.
struct FormatCost {
  int64_t bytes = 0;
  double divergence = 0;
};

/// One of the costs of each matrix, by its index, so that all bytes are at most `most` and the divergences add up to
/// little: from the smallest formats on, always the step that saves most divergence for each byte, on the convex hull
/// of each matrix's costs (Everett 1963, "Generalized Lagrange Multiplier Method"). Empty if the smallest do not fit.
std::vector<size_t> allocate_bits(const std::vector<std::vector<FormatCost>>& matrices, int64_t most);

}  // namespace hewn
