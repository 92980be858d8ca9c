#pragma once
// Checks whether training runs gave the same bits.

#include <string>

namespace hewn::cli {

/// Compares the last checkpoints of runs. Prints a line for each comparison, and the first tensor that differs.
class Verdict {
 public:
  void compare(const std::string& what, const std::string& run, const std::string& reference);
  /// The exit status: 0, or `ErrorCode::numerical` if any two runs differed.
  int status() const { return status_; }

 private:
  int status_ = 0;
};

}  // namespace hewn::cli
