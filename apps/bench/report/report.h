#pragma once
// `hewn bench kernels`: output.

#include <optional>
#include <string>
#include <vector>

#include "apps/bench/machine/counters.h"

namespace hewn::cli {

/// A row's figures in an earlier result.
struct Change {
  double baseline_ms = 0;  ///< its best time
  double percent = 0;      ///< increase of the best time
  double noise_percent = 0;
  const char* verdict() const {
    return percent > noise_percent ? "slower" : percent < -noise_percent ? "faster" : "same";
  }
};

/// One line of the result.
struct BenchRow {
  std::string op{}, shape{}, dtype{}, isa{};
  std::string rung{};   ///< of a ceiling: its source
  std::string cache{};  ///< "warm", "cold"
  std::string bound{};  ///< the bound of the roof: "f32 peak", "L2", "memory"
  int threads = 1;
  double best_ms = 0, median_ms = 0, spread_percent = 0, gflops = 0, gbps = 0, roof_percent = 0;
  int64_t calls = 0;  ///< per step of the run that the shape comes from; 0 without a run
  Counts counts{};    ///< with --counters
  double flops_per_cycle = -1;
  double times_first = 0;  ///< with --ladder: speed relative to the first rung; otherwise 0
  std::string idea{};      ///< with --ladder: the rung's idea
  std::string file{};      ///< with --ladder: where its kernel is defined; "": unknown
  int line = 0;
  // With --guess; 0: unknown.
  double times_previous = 0, guess = 0;  ///< speed relative to the previous rung, and its guess
  double loads_per_multiply_add = -1;    ///< negative: unknown
  std::string waits_for{};
  double speedup = 0;         ///< over the fastest library of --compare; 0 if there is none
  double drift_percent = -1;  ///< slowdown of the reference loop from its best; negative: unknown
  double others_percent = -1, steal_percent = -1;  ///< of the machine's time; negative: unknown
  std::optional<Change> change{};

  bool is_ceiling() const { return op.starts_with("ceiling."); }
};

enum class Format { table, md, csv, json };

/// Prints the rows to standard output. Tables begin with the ceilings, separately, and end with the ideas of
/// a ladder's rungs. A plain table is fitted to `width` columns if given: values common to all rows are
/// printed once above it; then the least important columns are omitted, which a message reports.
void print_rows(const std::vector<BenchRow>& rows, Format format, std::optional<int> width);
/// The cells of a table of ceilings, as speeds, and of other rows; the first line is a heading.
std::vector<std::vector<std::string>> ceiling_cells(const std::vector<BenchRow>& rows);
std::vector<std::vector<std::string>> kernel_cells(const std::vector<BenchRow>& rows);
/// The rungs of each operation with their ideas and places.
std::string ideas_text(const std::vector<BenchRow>& rows, bool md);
/// `--plot`: a self-contained page: the roofline of this machine (from the ceilings among the rows) with the
/// kernels under it, the rungs of every ladder as bars, and all rows as tables.
std::string charts_page(const std::vector<BenchRow>& rows);
/// The rows as JSON: a list of objects.
std::string rows_json(const std::vector<BenchRow>& rows);

}  // namespace hewn::cli
