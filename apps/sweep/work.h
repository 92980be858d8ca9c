#pragma once
// Trains the runs of a sweep.

#include <string>
#include <utility>
#include <vector>

#include "apps/sweep/plan.h"
#include "core/io/line_file.h"

namespace hewn::cli {

/// The outcome of one call of `hewn sweep`.
struct SweepOutcome {
  bool stopped = false;                                     ///< by a signal
  std::vector<std::pair<std::string, std::string>> failed;  ///< runs with the reason
};

/// Trains all unfinished runs, `at_once` at a time, each in a separate process, and adds their results to
/// `file` and `results`. A run that fails is reported, and the others continue. On SIGINT or SIGTERM the runs
/// finish their step, save and end. With `evaluate`, the best checkpoint of a run is scored on its whole
/// validation split before the run counts as finished.
SweepOutcome work_through(const SweepPlan& plan, const SweepDefinition& sweep, const std::string& directory,
                          bool evaluate, LineFile& file, std::vector<SweepResult>& results);

}  // namespace hewn::cli
