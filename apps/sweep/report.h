#pragma once
// The results of a sweep for people and programs.

#include <string>
#include <utility>
#include <vector>

#include "apps/sweep/work.h"

namespace hewn::cli {

/// The ranking as a table, and a line for each failed run; `md` makes it Markdown.
std::string ranking_text(const std::vector<RankedCombination>& ranking, const SweepOutcome& outcome,
                         int64_t seeds, bool md);

/// Ranking, results and failures as a JSON object.
std::string sweep_json(const std::vector<RankedCombination>& ranking, const std::vector<SweepResult>& results,
                       const SweepOutcome& outcome);

/// A self-contained page with charts: losses with their deviations, losses by FLOPs, time and parameters, the
/// loss curves of all runs, the ranking, and the failed runs. `ranking` is not empty.
std::string sweep_page(const std::string& directory, const std::vector<RankedCombination>& ranking,
                       const std::vector<SweepResult>& results, const SweepOutcome& outcome);

}  // namespace hewn::cli
