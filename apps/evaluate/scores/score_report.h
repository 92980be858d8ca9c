#pragma once
// Scores with their intervals as a table, Markdown, comma-separated values or JSON.

#include <optional>
#include <string>
#include <vector>

#include "apps/cli/settings.h"
#include "train/scores/resampling.h"

namespace hewn::cli {

/// One metric of a task, of one run or of the difference between two.
struct ScoreLine {
  std::string name;    ///< of the task
  std::string method;  ///< of decoding; empty for tasks with choices
  size_t n = 0;        ///< rows
  std::string metric;
  Interval score;                     ///< with two runs, the second one's value minus the first one's
  std::optional<double> chance = {};  ///< the expected value of random guessing
  std::optional<double> first = {}, second = {};  ///< with two runs, their values
  std::optional<double> p = {};  ///< with two runs, McNemar's for metrics that are right or wrong
};

/// The figures of one metric, from which a line is made.
struct ScoredRows {
  std::string name, method, metric;
  std::vector<RowFigures> runs = {};  ///< one or two, which scored the same rows
  MetricOf value = mean_of_rows;
  bool hit = false;  ///< whether a row is right (1) or wrong (0)
  std::optional<double> chance = {};
};

/// The metric with its 95% interval: Wilson's interval for a proportion of hits, else bootstrap; of two runs,
/// their paired difference and McNemar's p.
ScoreLine score_line(const ScoredRows& rows, const Bootstrap& options);
/// The mean over tasks of the hit rate, centred on chance; of two runs, the paired difference of their means.
Interval centred_mean(const std::vector<ScoredRows>& tasks, const Bootstrap& options);

struct ScoreReport {
  std::vector<std::string> runs;  ///< values of one or two runs
  std::vector<ScoreLine> lines = {};
  std::optional<Interval> mean = {};  ///< over tasks, centred on chance; with two runs, the difference
};

/// The forms of output.
enum class ScoreFormat : uint8_t { table, markdown, csv, json };
/// The format chosen by `json`, `csv` and `md`. Throws usage if more than one is given.
ScoreFormat score_format(const Settings& settings);

std::string score_text(const ScoreReport& report, ScoreFormat format);

}  // namespace hewn::cli
