#pragma once
// `hewn bench kernels`: how to print.

#include <optional>
#include <string>
#include <vector>

#include "apps/bench/machine/counters.h"

namespace hewn::cli {

/// What an earlier result says about a row.
struct Change {
  double baseline_ms = 0;  ///< its best
  double percent = 0;      ///< how much longer the best takes now
  double noise_percent = 0;
  const char* verdict() const {
    return percent > noise_percent ? "slower" : percent < -noise_percent ? "faster" : "same";
  }
};

/// One line of the result.
struct BenchRow {
  std::string op{}, shape{}, dtype{}, isa{};
  std::string rung{};   ///< of a ceiling: who says so
  std::string cache{};  ///< "warm", "cold"
  std::string bound{};  ///< what the roof is: "f32 peak", "L2", "memory"
  int threads = 1;
  double best_ms = 0, median_ms = 0, spread_percent = 0, gflops = 0, gbps = 0, roof_percent = 0;
  int64_t calls = 0;  ///< in a step of the run that the shape is from; 0 without one
  Counts counts{};    ///< with --counters
  double flops_per_cycle = -1;
  double times_first = 0;     ///< with --ladder: how many times as fast as the first rung; 0 without
  std::string idea{};         ///< with --ladder: what the rung does differently
  double speedup = 0;         ///< over the fastest library of --compare; 0 where there is none
  double drift_percent = -1;  ///< how much slower the reference loop was than at its best; negative: unknown
  double others_percent = -1, steal_percent = -1;  ///< of the machine's time meanwhile; negative: unknown
  std::optional<Change> change{};

  bool is_ceiling() const { return op.starts_with("ceiling."); }
};

enum class Format { table, md, csv, json };

/// The rows on standard output. Tables show the ceilings first, by themselves, and the ideas of a ladder's rungs last.
/// A plain table is fitted to `width` columns where one is given: what is the same in all rows stands once above it,
/// then the least important columns are left out, which a message says.
void print_rows(const std::vector<BenchRow>& rows, Format format, std::optional<int> width);
/// The rows as JSON: a list of objects.
std::string rows_json(const std::vector<BenchRow>& rows);

}  // namespace hewn::cli
