#pragma once
// `hewn bench kernels --baseline FILE`: how an earlier result compares.

#include "apps/bench/report/report.h"

namespace hewn::cli {

/// An earlier result: what `hewn bench kernels --json` printed.
class Baseline {
 public:
  /// Reads it; an input error says what in the file is not as it should be.
  explicit Baseline(const std::string& file);

  /// Adds what the earlier result says of each row it has too (same op, shape, dtype, threads, isa, rung and
  /// cache). Input error when it has none of them. Ceilings are compared, but no work is slower by them.
  /// Returns how many rows are slower than before by more than the noise.
  int64_t compare(std::vector<BenchRow>& rows) const;

 private:
  std::string file_;
  std::vector<BenchRow> rows_;
};

}  // namespace hewn::cli
