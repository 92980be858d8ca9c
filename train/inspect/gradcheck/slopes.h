#pragma once
// Slopes of a loss by differences.

#include <functional>
#include <string>

namespace hewn {

/// The error that rounding causes in a difference of losses of this size.
double slope_noise(double loss);

/// A measured slope, and the error that rounding alone can cause in it.
struct Slope {
  double value = 0, allowed = 0;
  /// By how much it differs from the expected slope beyond that.
  double excess(double expected) const;
};

/// The slope of f at 0, by shorter and shorter distances: a long one may lie across a kink, such as those of ReLU, or in
/// a sharp bend. That of the first distance whose excess is at most `tolerance`, or if there is none, of the longest,
/// whose `allowed` is then what a shorter distance could not have seen either.
Slope slope_near(double expected, double tolerance, const std::function<double(double)>& f, double noise);

/// How f bends at 0 if it has a kink there or too near for any distance, which explains an error of this size in the
/// slope: "slope 0.1 to the left, 0 to the right"; else "".
std::string kink_at(double error, const std::function<double(double)>& f, double noise);

/// The slope of f at 0, expecting nothing: that of the longest distance which agrees with the next shorter one.
double settled_slope(const std::function<double(double)>& f, double noise);

}  // namespace hewn
