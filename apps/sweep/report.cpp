#include "apps/sweep/report.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "apps/cli/format.h"
#include "apps/page/page.h"
#include "apps/page/svg.h"
#include "apps/run/files/metrics.h"
#include "core/text.h"
#include "model/json.h"

namespace hewn::cli {
namespace {

using Grid = std::vector<std::pair<std::string, std::string>>;

Json ranking_json(const std::vector<RankedCombination>& ranking) {
  Json out = Json::array();
  for (const RankedCombination& c : ranking) {
    Json entry{{"grid", Json::object()}, {"runs", c.runs}};
    for (const auto& [key, value] : c.grid) entry["grid"][key] = value;
    if (c.loss) entry["loss"] = c.loss->mean;
    if (c.loss && c.loss->deviation) entry["loss_deviation"] = *c.loss->deviation;
    if (c.bits_per_byte) entry["bits_per_byte"] = *c.bits_per_byte;
    if (c.floor) entry["floor"] = *c.floor;
    if (!c.block_norms.empty()) entry["block_norms"] = c.block_norms;
    entry.update({{"parameters", c.parameters},
                  {"weights_bytes", c.weights_bytes},
                  {"flops", c.flops},
                  {"seconds", c.seconds},
                  {"tokens_per_s", c.tokens_per_s}});
    out.push_back(entry);
  }
  return out;
}

using Cells = std::vector<std::string>;

// Cells of the ranking, a heading first. Columns that are empty in every line are left out.
std::vector<Cells> ranking_rows(const std::vector<RankedCombination>& ranking, int64_t seeds) {
  std::vector<Cells> rows;
  Cells heading{"rank"};
  for (const auto& [key, value] : ranking[0].grid) heading.push_back(key);
  for (const char* name : {"runs", "loss", "+-", "bits/byte", "lower bound", "gradient, first",
                           "and last block", "parameters", "bytes", "FLOP", "time", "tokens/s"})
    heading.emplace_back(name);
  rows.push_back(heading);
  for (size_t i = 0; i < ranking.size(); ++i) {
    const RankedCombination& c = ranking[i];
    Cells cells{std::to_string(i + 1)};
    for (const auto& [key, value] : c.grid) cells.push_back(value);
    cells.push_back(seeds > 1 ? join(c.runs, " of ", seeds) : "");
    cells.push_back(c.loss ? fixed(c.loss->mean, 4) : "");
    cells.push_back(c.loss && c.loss->deviation ? fixed(*c.loss->deviation, 4) : "");
    cells.push_back(c.bits_per_byte ? fixed(*c.bits_per_byte, 4) : "");
    cells.push_back(c.floor ? fixed(*c.floor, 4) : "");
    cells.push_back(c.block_norms.empty() ? "" : number_text(c.block_norms.front(), 2));
    cells.push_back(c.block_norms.empty() ? "" : number_text(c.block_norms.back(), 2));
    cells.push_back(c.parameters > 0 ? long_count(c.parameters) : "");
    cells.push_back(bytes_text(static_cast<double>(c.weights_bytes)));
    cells.push_back(c.flops > 0 ? short_count(c.flops) : "");
    cells.push_back(duration_text(c.seconds));
    cells.push_back(short_count(c.tokens_per_s));
    rows.push_back(cells);
  }
  for (size_t column = rows[0].size(); column-- > 0;) {
    bool empty = true;
    for (size_t i = 1; i < rows.size(); ++i) empty &= rows[i][column].empty();
    if (!empty) continue;
    for (Cells& row : rows) row.erase(row.begin() + static_cast<std::ptrdiff_t>(column));
  }
  return rows;
}

std::string label_of(const Grid& grid) {
  const std::string label =
      list_text(grid, ", ", [](const auto& key) { return join(key.first, "=", key.second); });
  return label.empty() ? "base" : label;
}

/// The drawings of a sweep's page. A colour stands for a combination or, if there are more than colours, for a value of
/// the first key.
class SweepCharts {
 public:
  SweepCharts(const std::vector<RankedCombination>& ranking, const std::vector<SweepResult>& results)
      : ranking_(ranking), results_(results), by_first_(ranking.size() > 8) {
    for (const SweepResult& r : results) palette_.of(setting_of(r.grid));
  }

  std::string losses() {
    std::vector<SvgBar> bars;
    SvgBarAxis axis{.name = "loss (the axis does not begin at 0)", .from_zero = false};
    for (const RankedCombination& c : ranking_) {
      if (!c.loss) continue;
      const double deviation = c.loss->deviation.value_or(0);
      bars.push_back({.name = label_of(c.grid),
                      .text = fixed(c.loss->mean, 4) + (deviation > 0 ? " ± " + fixed(deviation, 4) : ""),
                      .value = c.loss->mean,
                      .deviation = deviation,
                      .setting = setting_of(c.grid)});
      if (c.floor) axis.line = c.floor, axis.line_name = "exact −log P " + fixed(*c.floor, 4);
    }
    return svg_in_page(svg_bars("Losses", bars, palette_, axis));
  }

  template <class Number>
  std::string by(const std::string& cost, Number RankedCombination::*of) {
    std::vector<SvgSeries> points;
    for (const RankedCombination& c : ranking_)
      if (c.loss)
        points.push_back({.name = setting_of(c.grid),
                          .x = {static_cast<double>(c.*of)},
                          .y = {c.loss->mean},
                          .form = SvgSeries::Form::points,
                          .titles = {label_of(c.grid) + ": " + fixed(c.loss->mean, 4)}});
    return svg_in_page(
        svg_chart("Loss by " + cost, points, {.x = cost, .y = "loss", .log_x = true}, palette_));
  }

  std::string curves(const std::string& directory) {
    std::vector<SvgSeries> curves;
    for (const SweepResult& r : results_) {
      const Series losses = read_metrics(join(directory, "/runs/", r.name, "/metrics.jsonl")).of("val_loss");
      SvgSeries& curve = curves.emplace_back(SvgSeries{
          .name = setting_of(r.grid), .x = {losses.steps.begin(), losses.steps.end()}, .y = losses.values});
      for (size_t i = 0; i < losses.steps.size(); ++i)
        curve.titles.push_back(join(r.name, ", step ", losses.steps[i], ": ", fixed(losses.values[i], 4)));
    }
    return svg_in_page(
        svg_chart("Validation loss by step", curves, {.x = "step", .y = "loss", .large = true}, palette_));
  }

  /// "" unless the gradients were logged.
  std::string depth() {
    std::vector<SvgSeries> curves;
    for (const RankedCombination& c : ranking_) {
      SvgSeries curve{.name = setting_of(c.grid), .x = {}, .y = c.block_norms};
      for (const double norm : c.block_norms) {
        curve.titles.push_back(
            join(label_of(c.grid), ", block ", curve.x.size(), ": ", number_text(norm, 4)));
        curve.x.push_back(static_cast<double>(curve.x.size()));
      }
      if (!curve.x.empty()) curves.push_back(std::move(curve));
    }
    if (curves.empty()) return "";
    return "<p>The norm of each block's gradients before the first step. It vanishes or explodes where a "
           "line is "
           "steep.</p>\n" +
           svg_in_page(svg_chart("Gradient norm by block", curves,
                                 {.x = "block", .y = "gradient norm", .log_y = true}, palette_));
  }

 private:
  std::string setting_of(const Grid& grid) const {
    return label_of(by_first_ && !grid.empty() ? Grid{grid.front()} : grid);
  }

  const std::vector<RankedCombination>& ranking_;
  const std::vector<SweepResult>& results_;
  bool by_first_;
  Palette palette_;
};

}  // namespace

std::string ranking_text(const std::vector<RankedCombination>& ranking, const SweepOutcome& outcome,
                         int64_t seeds, bool md) {
  std::string text;
  if (!ranking.empty()) {
    const std::vector<Cells> rows = ranking_rows(ranking, seeds);
    text = md ? markdown_table(rows) : table_text(rows);
  }
  for (const auto& [name, error] : outcome.failed)
    text += join(md ? "\n" : "", "failed: ", name, ", ", error.substr(0, error.find('\n')), "\n");
  return text;
}

std::string sweep_json(const std::vector<RankedCombination>& ranking, const std::vector<SweepResult>& results,
                       const SweepOutcome& outcome) {
  const Json runs = json_list(results, [](const SweepResult& r) { return Json::parse(to_json(r)); });
  const Json failed = json_list(outcome.failed, [](const auto& run) -> Json {
    return {{"run", run.first}, {"error", run.second}};
  });
  return json_text(Json{{"ranking", ranking_json(ranking)}, {"runs", runs}, {"failed", failed}}, 2) + "\n";
}

std::string sweep_page(const std::string& directory, const std::vector<RankedCombination>& ranking,
                       const std::vector<SweepResult>& results, const SweepOutcome& outcome) {
  SweepCharts charts(ranking, results);
  std::string body = join(
      R"(<p>Losses are in nats per token on the validation data: the smallest first. Thin lines are the standard deviation
over seeds; the dashed line, where there is one, is the exact −log P of the text, below which no loss can be expected.</p>
)",
      charts.losses(), "<h2>Loss by cost</h2>\n<div class='charts'>",
      charts.by("FLOP of training", &RankedCombination::flops),
      charts.by("seconds of training", &RankedCombination::seconds),
      charts.by("parameters", &RankedCombination::parameters), "</div>\n", charts.curves(directory),
      charts.depth(), "<h2>Ranking</h2>\n", html_table(ranking_rows(ranking, 2)));
  std::vector<Cells> failed{{"run", "error"}};
  for (const auto& [run, error] : outcome.failed) failed.push_back({run, error});
  if (failed.size() > 1) body += "<h2>Failed runs</h2>\n" + html_table(failed);
  return plain_page("hewn sweep", body);
}

}  // namespace hewn::cli
