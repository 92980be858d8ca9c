#include "train/scores/classes/proportion.h"

#include <algorithm>
#include <cmath>

namespace hewn {

// (p + z^2 / 2n +- z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n)
Bounds wilson_interval(int64_t hits, int64_t count) {
  if (count == 0) return {0, 1};
  constexpr double z = 1.959963984540054;  // the 97.5% quantile of the normal distribution
  const auto n = static_cast<double>(count);
  const double p = static_cast<double>(hits) / n, whole = 1 + z * z / n;
  const double centre = (p + z * z / (2 * n)) / whole;
  const double half = z * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / whole;
  return {hits == 0 ? 0 : std::max(0.0, centre - half), hits == count ? 1 : std::min(1.0, centre + half)};
}

}  // namespace hewn
