#include "train/inspect/gradcheck/slopes.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/gradcheck.h"

namespace hewn {

constexpr double slope_distances[] = {1e-3, 1e-4, 1e-5, 1e-6};

// A loss is computed in many steps, each of which rounds.
double slope_noise(double loss) {
  return 16 * std::numeric_limits<double>::epsilon() * std::max(1.0, std::abs(loss));
}

double Slope::excess(double expected) const { return std::max(0.0, std::abs(value - expected) - allowed); }

Slope slope_near(double expected, double tolerance, const std::function<double(double)>& f, double noise) {
  Slope best{.value = std::numeric_limits<double>::infinity(), .allowed = 0};
  for (const double h : slope_distances) {
    const Slope slope{.value = five_point_slope(f, h), .allowed = noise / h};
    if (slope.excess(expected) < best.excess(expected)) best = slope;
    if (best.excess(expected) <= tolerance) break;
  }
  return best;
}

double settled_slope(const std::function<double(double)>& f, double noise) {
  double before = five_point_slope(f, slope_distances[0]);
  for (size_t i = 1; i < std::size(slope_distances); ++i) {
    const double slope = five_point_slope(f, slope_distances[i]);
    if (std::abs(slope - before) <= 1e-6 * std::abs(slope) + 2 * noise / slope_distances[i]) return before;
    before = slope;
  }
  return before;
}

}  // namespace hewn
