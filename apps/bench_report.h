#pragma once
// `hewn bench kernels`: how to print.

#include <string>
#include <vector>

namespace hewn::cli {

/// One line of the result.
struct BenchRow {
  std::string op, shape, dtype, isa, rung;
  int threads = 1;
  double best_ms = 0, median_ms = 0, gflops = 0, gbps = 0, roof_percent = 0;
  double speedup = 0;  ///< over the fastest library of --compare; 0 where there is none
};

void print_csv(const std::vector<BenchRow>& rows);
void print_json(const std::vector<BenchRow>& rows);
void print_table(const std::vector<BenchRow>& rows);

}  // namespace hewn::cli
