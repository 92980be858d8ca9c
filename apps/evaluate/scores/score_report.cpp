#include "apps/evaluate/scores/score_report.h"

#include <nlohmann/json.hpp>

#include "apps/cli/format.h"
#include "core/error.h"
#include "model/json.h"
#include "train/scores/classes/confusion.h"

namespace hewn::cli {
namespace {

using TextRows = std::vector<std::vector<std::string>>;

bool compares(const ScoreReport& report) { return report.runs.size() > 1; }

Json json_of(const ScoreLine& line, bool compares) {
  Json json{{"name", line.name}};
  if (!line.method.empty()) json["method"] = line.method;
  json.update({{"n", line.n}, {"metric", line.metric}});
  if (compares) json.update({{"first", *line.first}, {"second", *line.second}});
  json.update({{"value", line.score.value}, {"low", line.score.low}, {"high", line.score.high}});
  json["chance"] = line.chance ? Json(*line.chance) : Json();
  if (line.p) json["p"] = *line.p;
  return json;
}

std::string json_report(const ScoreReport& report) {
  const auto task = [&](const ScoreLine& line) { return json_of(line, compares(report)); };
  Json all{{"runs", report.runs}, {"tasks", json_list(report.lines, task)}};
  all["mean"] = report.mean ? Json(report.mean->value) : Json();
  if (report.mean) all.update({{"mean_low", report.mean->low}, {"mean_high", report.mean->high}});
  return json_text(all, 2) + "\n";
}

std::string csv_text(const ScoreReport& report) {
  const bool two = compares(report);
  TextRows cells{{"name", "method", "n", "metric", "first", "second", "value", "low", "high", "chance", "p"}};
  const auto number = [](std::optional<double> x) { return x ? real_text(*x) : std::string(); };
  for (const ScoreLine& line : report.lines)
    cells.push_back({line.name, line.method, std::to_string(line.n), line.metric,
                     number(two ? line.first : std::nullopt), number(two ? line.second : std::nullopt),
                     real_text(line.score.value), real_text(line.score.low), real_text(line.score.high),
                     number(line.chance), number(line.p)});
  return csv_table(cells);
}

/// Four digits: shares with four decimals, percentages with two.
std::string shown(double value, const ScoreLine& line) {
  return fixed(value, line.metric.find("bleu") != line.metric.npos ? 2 : 4);
}

std::string interval_text(const ScoreLine& line) {
  return join(shown(line.score.low, line), " to ", shown(line.score.high, line));
}

TextRows cells_of(const ScoreReport& report) {
  const bool two = compares(report), methods = !report.lines.empty() && !report.lines[0].method.empty();
  std::vector<std::string> head{"task"};
  if (methods) head.emplace_back("method");
  for (const char* title : {"rows", "metric"}) head.emplace_back(title);
  if (two)
    for (const char* title : {"first", "second", "difference", "95% interval", "p"}) head.emplace_back(title);
  else
    for (const char* title : {"value", "95% interval", "chance"}) head.emplace_back(title);
  TextRows cells{head};
  for (const ScoreLine& line : report.lines) {
    std::vector<std::string> row{line.name};
    if (methods) row.push_back(line.method);
    row.insert(row.end(), {long_count(static_cast<int64_t>(line.n)), line.metric});
    if (two) row.insert(row.end(), {shown(*line.first, line), shown(*line.second, line)});
    row.insert(row.end(), {shown(line.score.value, line), interval_text(line)});
    if (two)
      row.push_back(line.p ? fixed(*line.p, 4) : "");
    else
      row.push_back(line.chance ? fixed(*line.chance, 4) : "");
    cells.push_back(std::move(row));
  }
  return cells;
}

std::string mean_text(const ScoreReport& report) {
  if (!report.mean) return "";
  return join("\n", compares(report) ? "difference of the means" : "mean",
              " over tasks, centred on chance: ", fixed(report.mean->value, 4), " (",
              fixed(report.mean->low, 4), " to ", fixed(report.mean->high, 4), ")\n");
}

double mcnemar_of(const RowFigures& first, const RowFigures& second) {
  int64_t only_first = 0, only_second = 0;
  for (size_t i = 0; i < first.size(); ++i) {
    only_first += first[i][0] > second[i][0];
    only_second += first[i][0] < second[i][0];
  }
  return mcnemar(only_first, only_second);
}

/// The share of rows that are right, with Wilson's interval, which is not empty where all or none are.
Interval proportion(const RowFigures& rows) {
  int64_t hits = 0;
  for (const auto& row : rows) hits += row[0] > 0;
  const int64_t n = std::ssize(rows);
  const Bounds bounds = wilson_interval(hits, n);
  return {static_cast<double>(hits) / static_cast<double>(n), bounds.low, bounds.high};
}

double value_of(const RowFigures& rows, const ScoredRows& scored, const Bootstrap& options) {
  return bootstrapped(rows, scored.value, {.seed = options.seed, .samples = 1}).value;
}

/// (hit - chance) / (1 - chance) for each row; of two runs, the second one's minus the first one's.
RowFigures centred(const ScoredRows& task) {
  RowFigures rows;
  for (size_t i = 0; i < task.runs[0].size(); ++i) {
    const double base = task.runs.size() > 1 ? task.runs[0][i][0] : *task.chance;
    rows.push_back({(task.runs.back()[i][0] - base) / (1 - *task.chance)});
  }
  return rows;
}

}  // namespace

ScoreLine score_line(const ScoredRows& rows, const Bootstrap& options) {
  ScoreLine line{.name = rows.name,
                 .method = rows.method,
                 .n = rows.runs[0].size(),
                 .metric = rows.metric,
                 .score = {},
                 .chance = rows.chance};
  if (rows.runs.size() == 1) {
    line.score = rows.hit ? proportion(rows.runs[0]) : bootstrapped(rows.runs[0], rows.value, options);
    return line;
  }
  line.score = bootstrapped_difference(rows.runs[0], rows.runs[1], rows.value, options);
  line.first = value_of(rows.runs[0], rows, options);
  line.second = value_of(rows.runs[1], rows, options);
  if (rows.hit) line.p = mcnemar_of(rows.runs[0], rows.runs[1]);
  return line;
}

Interval centred_mean(const std::vector<ScoredRows>& tasks, const Bootstrap& options) {
  std::vector<RowFigures> all;
  for (const ScoredRows& task : tasks) all.push_back(centred(task));
  return bootstrapped_mean(all, options);
}

ScoreFormat score_format(const Settings& settings) {
  const bool json = settings.flag("json"), csv = settings.flag("csv"), md = settings.flag("md");
  require(json + csv + md <= 1, "json, csv and md are different output formats; give one of them");
  return json ? ScoreFormat::json : csv ? ScoreFormat::csv : md ? ScoreFormat::markdown : ScoreFormat::table;
}

std::string score_text(const ScoreReport& report, ScoreFormat format) {
  switch (format) {
    case ScoreFormat::json: return json_report(report);
    case ScoreFormat::csv: return csv_text(report);
    case ScoreFormat::markdown: return markdown_table(cells_of(report)) + mean_text(report);
    case ScoreFormat::table: break;
  }
  return table_text(cells_of(report)) + mean_text(report);
}

}  // namespace hewn::cli
