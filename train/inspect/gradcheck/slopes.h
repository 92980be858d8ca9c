#pragma once
// Slopes of a loss by finite differences.

#include <functional>
#include <string>

namespace hewn {

/// The error that rounding causes in a difference of losses of this size.
double slope_noise(double loss);

/// A measured slope, and its possible rounding error.
struct Slope {
  double value = 0, allowed = 0;
  /// The difference from the expected slope beyond `allowed`.
  double excess(double expected) const;
};

/// The slope of f at 0, measured over shorter and shorter distances, since a long one may cross a kink, such
/// as ReLU's, or a sharp bend. Returns the slope of the first distance whose excess is at most `tolerance`;
/// if there is none, that of the longest distance, with `allowed` raised to the error that shorter distances
/// could not resolve.
Slope slope_near(double expected, double tolerance, const std::function<double(double)>& f, double noise);

/// Describes a kink of f at 0, or too close to 0 to be resolved, if it explains an error of this size in the
/// slope: "slope 0.1 to the left, 0 to the right"; else "".
std::string kink_at(double error, const std::function<double(double)>& f, double noise);

/// The slope of f at 0 without an expected value: that of the longest distance that agrees with the next
/// shorter one.
double settled_slope(const std::function<double(double)>& f, double noise);

}  // namespace hewn
