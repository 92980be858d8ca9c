#include "train/inspect/gradcheck/slopes.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/gradcheck.h"
#include "core/text.h"

namespace hewn {

constexpr double slope_distances[] = {1e-3, 3e-4, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8};
// A distance can tell a difference from rounding that is this part of it.
constexpr double told_apart = 0.3;

// A loss is computed in many steps, each of which rounds.
double slope_noise(double loss) {
  return 16 * std::numeric_limits<double>::epsilon() * std::max(1.0, std::abs(loss));
}

double Slope::excess(double expected) const {
  const double beyond = std::abs(value - expected) - allowed;
  return beyond <= 0 ? 0 : beyond;  // NaN stays NaN
}

Slope slope_near(double expected, double tolerance, const std::function<double(double)>& f, double noise) {
  Slope longest;
  for (const double h : slope_distances) {
    const Slope slope{.value = five_point_slope(f, h), .allowed = noise / h};
    if (h == slope_distances[0]) longest = slope;
    // A shorter distance must be able to see the difference that the longest has seen.
    const bool precise =
        h == slope_distances[0] || slope.allowed <= told_apart * std::abs(longest.value - expected);
    if (precise && slope.excess(expected) <= tolerance) return slope;
  }
  // A smaller difference could as well be a kink between the two longest distances.
  longest.allowed = noise / (told_apart * slope_distances[1]);
  return longest;
}

// The two slopes of a smooth function differ by h f'', those at a kink by as much at every distance. Where many values are
// at a kink together, the slopes may happen to be similar, and both far from the tape's.
std::string kink_at(double error, const std::function<double(double)>& f, double noise) {
  const double middle = f(0);
  double farther = std::numeric_limits<double>::infinity();
  for (double h = slope_distances[0]; h > 5e-9; h /= 10) {
    const double left = (middle - f(-h)) / h, right = (f(h) - middle) / h, bend = std::abs(right - left);
    if (bend >= 0.3 * farther && bend >= 1e-3 * error && bend >= 4 * noise / h)
      return join("slope ", left, " to the left, ", right, " to the right");
    farther = bend;
  }
  return "";
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
