#pragma once
// `hewn bench kernels --baseline=FILE`: comparison with an earlier result.

#include "apps/bench/report/report.h"

namespace hewn::cli {

/// An earlier result, as printed by `hewn bench kernels --json`.
class Baseline {
 public:
  /// Reads the file; input errors name the mistake.
  explicit Baseline(const std::string& file);

  /// Adds the earlier figures to each row that the earlier result also contains (same op, shape, dtype,
  /// threads, isa, rung and cache). Throws input if it contains none of them. Ceilings are compared but never
  /// count as slower. Returns the number of rows that are slower than before by more than the noise.
  int64_t compare(std::vector<BenchRow>& rows) const;

 private:
  std::string file_;
  std::vector<BenchRow> rows_;
};

}  // namespace hewn::cli
