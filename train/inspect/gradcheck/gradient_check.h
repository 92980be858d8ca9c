#pragma once
// Checks the gradients that the tape computes for a whole model, in double precision, against slopes of its loss.

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "train/inspect/gradcheck/loss_probe.h"

namespace hewn {

/// An entry of a gradient beside its measured slope.
struct CheckedEntry {
  int64_t index = 0;  ///< row-major
  double tape = 0, measured = 0;
};

/// What the check found for a parameter.
struct CheckedTensor {
  std::string name;
  Shape shape;
  /// Along a random direction: the difference of the slopes, relative to the size that is to be expected of a slope in
  /// such a direction. NaN if no direction was tried.
  double direction = std::nan("");
  int64_t entries = 0;  ///< looked at one by one
  /// L2 norms over them: of tape - measured, of measured, of the error that rounding alone can cause.
  double difference = 0, norm = 0, allowed = 0;
  CheckedEntry worst = {};
  /// Where the loss has no derivative: "entry [3]: slope 0.1 to the left, 0 to the right".
  std::string kink = {};
  bool wrong_direction = false, wrong_entries = false;  ///< what shows that it is wrong
  bool wrong() const { return wrong_direction || wrong_entries; }

  /// |tape - measured| / |measured| over the entries, and the same less what rounding can cause. Of gradients that are
  /// nearly zero throughout, relative to 1e-6 per entry.
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

/// Where and how a gradient is wrong.
struct WrongPlace {
  /// Whose gradient is the first wrong one: "the output of #4 h.0.ln_1 layernorm", or a parameter.
  std::string tensor;
  /// The nodes whose backward pass made it: "#5 h.0.attn.c_attn linear (kernels/linear/op.cpp:40)".
  std::string users;
  std::string mistake;  ///< see `mistake_in`; "" if it fits nothing known
};

struct GradientCheck {
  double loss = 0;
  /// Error along random directions through all parameters, as in `CheckedTensor`. NaN if each crosses a kink.
  double direction = std::nan("");
  std::string kink = {};               ///< then one of them, as in `CheckedTensor`
  bool wrong_direction = false;        ///< whether a direction shows a mistake
  std::vector<CheckedTensor> tensors;  ///< of all parameters that train, in the order of their declaration
  std::vector<WrongPlace> places;      ///< empty if all is right, or only if several batches come together
  int64_t evaluations = 0;
  /// Whether no parameter's gradient is wrong.
  bool right() const {
    return std::none_of(tensors.begin(), tensors.end(), [](const CheckedTensor& t) { return t.wrong(); });
  }
};

struct GradientCheckOptions {
  double seconds = 60;            ///< ends looking at further entries after this time
  int64_t max_entries = 64;       ///< of each parameter
  double bound = 1e-6;            ///< relative error from which a gradient counts as wrong
  uint64_t seed = 1;              ///< of directions and entries
  TapeObserver* edits = nullptr;  ///< observes every backward pass; for mistakes made on purpose
};

/// "[2, 5]": where the element with this row-major index is in a tensor of this shape.
std::string index_text(int64_t index, const Shape& shape);

/// The model of the probe is in f64, in memory that the host can write. First tries one random direction through all
/// parameters, in which each weighs the same, then a direction for each parameter, then single entries of each in turn
/// until the time is over. If something is wrong, looks for the newest node on the tape whose output has a wrong
/// gradient, while those of all nodes after it are right: the mistake is in the backward pass of a node that uses it.
/// Throws ErrorCode::numerical if the loss is not finite.
GradientCheck check_gradients(LossProbe& probe, const GradientCheckOptions& options);

}  // namespace hewn
