#pragma once
// The loss curve of a run as a line of bars.

#include <cstddef>
#include <string>
#include <vector>

namespace hewn::cli {

/// Keeps the mean loss of at most `columns` equal parts of the steps so far. When all parts are full,
/// pairs are merged.
class LossCurve {
 public:
  explicit LossCurve(size_t columns) : columns_(columns) {}

  /// Adds the loss of the next step; ignored if it is not finite.
  void add(double loss);

  /// One bar per part, lowest for the smallest loss, highest for the largest: "█▅▃▂▁▁", or "#~,.__" in ASCII.
  /// Has between half of `columns` and `columns` bars, once there are that many steps.
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
