#include "train/inspect/distance.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace hewn {

double distance_by_norm(const std::vector<double>& other, const std::vector<double>& reference) {
  if (other.size() != reference.size()) return std::numeric_limits<double>::infinity();
  double squares = 0, norm = 0;
  for (size_t i = 0; i < other.size(); ++i) {
    const double a = other[i], b = reference[i];
    const bool same = a == b || (std::isnan(a) && std::isnan(b));
    if (!same && !(std::isfinite(a) && std::isfinite(b))) return std::numeric_limits<double>::infinity();
    if (!same) squares += (a - b) * (a - b);
    if (std::isfinite(b)) norm += b * b;
  }
  const double least = 1e-6 * std::sqrt(static_cast<double>(other.size()));
  return squares == 0 ? 0 : std::sqrt(squares) / std::max(std::sqrt(norm), least);
}

}  // namespace hewn
