#pragma once
// Principal components: the directions in which points vary most (Pearson, 1901; Hotelling, 1933).

#include <cstdint>
#include <span>
#include <vector>

namespace hewn {

/// n points of `dims` numbers each, row-major.
struct Points {
  std::span<const double> values;
  size_t n = 0, dims = 0;
};

struct Components {
  std::vector<double> coordinates;  ///< [n, k]: coordinates of the centred points along each component
  std::vector<double> explained;    ///< [k]: fraction of the variance along each, largest first
  size_t k = 0;
};

/// The first k components of some points: the same as the singular value decomposition of the centred points, up to
/// signs. The sign of each is such that its largest coordinate is positive. k is limited to min(n, dims).
/// Found by subspace iteration on the smaller of the two Gram matrices; deterministic. The points must be
/// finite.
Components principal_components(const Points& points, size_t k);

}  // namespace hewn
