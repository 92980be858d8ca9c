#pragma once
// The loss of a run, as a line of bars.

#include <cstddef>
#include <string>
#include <vector>

namespace hewn::cli {

/// Keeps the mean loss of at most `columns` equal parts of the steps so far: parts are merged in pairs as they fill up.
class LossCurve {
 public:
  explicit LossCurve(size_t columns) : columns_(columns) {}

  /// The loss of the next step. One that is not finite is left out.
  void add(double loss);

  /// One bar for each part, the lowest for the least loss, the highest for the greatest: "█▅▃▂▁▁", or "#+.-__" of ASCII
  /// only. Between half of `columns` and all of them, once there are as many steps.
  std::string text(bool ascii) const;

 private:
  struct Part {
    double sum = 0;
    size_t steps = 0;
    double mean() const { return sum / static_cast<double>(steps); }
  };
  void merge_pairs();

  size_t columns_;
  size_t steps_per_part_ = 1;
  std::vector<Part> parts_;
};

}  // namespace hewn::cli
