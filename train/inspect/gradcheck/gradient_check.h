#pragma once
// Checks the gradients that the tape computes for a whole model, in double precision, against slopes of its loss.

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "train/inspect/gradcheck/loss_probe.h"

namespace hewn {

/// An entry of a gradient and its measured slope.
struct CheckedEntry {
  int64_t index = 0;  ///< row-major
  double tape = 0, measured = 0;
};

/// The result of the check for a parameter.
struct CheckedTensor {
  std::string name;
  Shape shape;
  /// The difference of the slopes along a random direction, relative to the expected size of such a slope.
  /// NaN if no direction was tried.
  double direction = std::nan("");
  int64_t entries = 0;  ///< entries checked individually
  /// L2 norms over them: of tape - measured, of measured, of the possible rounding error.
  double difference = 0, norm = 0, allowed = 0;
  CheckedEntry worst = {};
  /// Where the loss has no derivative: "entry [3]: slope 0.1 to the left, 0 to the right".
  std::string kink = {};
  bool wrong_direction = false, wrong_entries = false;  ///< the evidence that it is wrong
  bool wrong() const { return wrong_direction || wrong_entries; }

  /// |tape - measured| / |measured| over the entries, and the same minus the possible rounding error. For
  /// gradients that are nearly zero throughout, relative to 1e-6 per entry.
  double error() const { return difference / scale(); }
  double excess() const {
    const double beyond = difference - allowed;
    return (beyond <= 0 ? 0 : beyond) / scale();  // NaN stays NaN
  }

 private:
  double scale() const {
    return std::max(norm, 1e-6 * std::sqrt(static_cast<double>(std::max<int64_t>(1, entries))));
  }
};

/// The place of a wrong gradient, and a diagnosis.
struct WrongPlace {
  /// The tensor with the first wrong gradient: "the output of #4 h.0.ln_1 layernorm", or a parameter.
  std::string tensor;
  /// The nodes whose backward pass produced it: "#5 h.0.attn.c_attn linear (kernels/linear/op.cpp:40)".
  std::string users;
  std::string mistake;  ///< see `mistake_in`; "" if no known mistake fits
};

struct GradientCheck {
  double loss = 0;
  /// Error along random directions through all parameters, as in `CheckedTensor`. NaN if every direction
  /// crosses a kink.
  double direction = std::nan("");
  std::string kink = {};               ///< one such kink, as in `CheckedTensor`
  bool wrong_direction = false;        ///< whether a direction shows a mistake
  std::vector<CheckedTensor> tensors;  ///< one per trained parameter, in order of declaration
  std::vector<WrongPlace> places;      ///< empty if all is right, or if the mistake shows only with several
                                       ///< batches
  int64_t evaluations = 0;
  /// Whether no parameter's gradient is wrong.
  bool right() const {
    return std::none_of(tensors.begin(), tensors.end(), [](const CheckedTensor& t) { return t.wrong(); });
  }
};

struct GradientCheckOptions {
  double seconds = 60;            ///< time limit for checking further entries
  int64_t max_entries = 64;       ///< of each parameter
  double bound = 1e-6;            ///< a larger relative error counts as wrong
  uint64_t seed = 1;              ///< seed of directions and entries
  TapeObserver* edits = nullptr;  ///< observes every backward pass; for mistakes made on purpose
};

/// "[2, 5]": the position of the element with this row-major index in a tensor of this shape.
std::string index_text(int64_t index, const Shape& shape);

/// The model of the probe must be in f64, in memory that the host can write. First tries one random direction
/// through all parameters, each with the same weight, then a direction per parameter, then single entries of
/// each in turn until time runs out. If a gradient is wrong, searches the tape for the newest node whose
/// output has a wrong gradient: the mistake is in the backward pass of a node that uses this output. Throws
/// ErrorCode::numerical if the loss is not finite.
GradientCheck check_gradients(LossProbe& probe, const GradientCheckOptions& options);

// Slopes of a loss by finite differences.

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
