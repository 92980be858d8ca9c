#pragma once
// Slopes of a loss by differences.

#include <functional>

namespace hewn {

/// The error that rounding causes in a difference of losses of this size.
double slope_noise(double loss);

/// A measured slope, and the error that rounding alone can cause in it.
struct Slope {
  double value = 0, allowed = 0;
  /// By how much it differs from the expected slope beyond that.
  double excess(double expected) const;
};

/// The slope of f at 0 over several distances, the one that agrees best with what is expected: a long distance may lie
/// across a kink, such as those of ReLU, or in a sharp bend. Ends as soon as the excess is at most `tolerance`.
Slope slope_near(double expected, double tolerance, const std::function<double(double)>& f, double noise);

/// The slope of f at 0, expecting nothing: that of the longest distance which agrees with the next shorter one.
double settled_slope(const std::function<double(double)>& f, double noise);

}  // namespace hewn
