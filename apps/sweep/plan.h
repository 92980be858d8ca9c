#pragma once
// The plan of a sweep: every run is set up and checked as `hewn train` would, and a few steps of each distinct
// shape are timed.

#include <string>
#include <vector>

#include "apps/sweep/runs.h"

namespace hewn::cli {

struct SweepPlan {
  std::vector<SweepRun> runs;  ///< all runs; the unfinished ones have figures
  int64_t at_once = 1;         ///< runs that train at the same time
  int threads = 1;             ///< of each run
  size_t peak_bytes = 0;       ///< of the largest runs that may train at the same time
  double seconds = 0;          ///< until the last run ends, assuming that runs do not slow each other down

  int64_t finished() const;
};

/// Checks all unfinished runs and times their shapes, one after the other, with the threads of a run. Throws
/// usage, input and memory, naming the run with the error; also if its data differ from those of the finished
/// runs.
SweepPlan plan_sweep(std::vector<SweepRun> runs, const SweepDefinition& sweep,
                     const std::vector<SweepResult>& results, const Settings& settings);

/// The plan for people: a summary, and a line per combination.
std::string plan_text(const SweepPlan& plan, const SweepDefinition& sweep);
/// The plan as a JSON object.
std::string plan_json(const SweepPlan& plan, const SweepDefinition& sweep);

}  // namespace hewn::cli
