#pragma once
// Reports of runs: their rows together, and the page of `hewn train --report`.

#include <string>
#include <vector>

#include "apps/cli/settings.h"
#include "apps/report/rows.h"

namespace hewn::cli {

/// A run, or another program's model, to report.
struct ReportedRun {
  std::string path;
  std::string name = {};                       ///< shown; the path unless it is a run of a sweep
  std::optional<ReferenceLosses> losses = {};  ///< computed once
  Row sweep = {};                              ///< the run's line in a sweep's results.jsonl, or null
};

/// The object that `hewn report --json` prints. If `inspects`, includes the rows that need the model of the
/// first run; `settings` are those of `hewn report`.
Row report_json(const Settings& settings, std::vector<ReportedRun>& runs, bool inspects);

/// Writes the page of such an object; returns its size in bytes.
uint64_t write_report(const std::string& path, const std::string& title, const Row& report);

/// RUN/report.html during training.
class KeptReport {
 public:
  /// `training`: the settings of the command that trains the run.
  KeptReport(const Settings& training, const std::string& run);
  /// Writes the page from the run's files; if `inspects`, also from its last checkpoint, which takes seconds.
  void write(bool inspects);
  std::string path() const { return runs_[0].path + "/report.html"; }

 private:
  Settings settings_;
  std::vector<ReportedRun> runs_;
};

}  // namespace hewn::cli
