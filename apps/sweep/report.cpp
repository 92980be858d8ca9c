#include "apps/sweep/report.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "apps/cli/format.h"
#include "apps/page/chart_page.h"
#include "apps/run/files/metrics.h"
#include "core/text.h"
#include "model/json.h"

namespace hewn::cli {
namespace {

Json grid_json(const std::vector<std::pair<std::string, std::string>>& grid) {
  Json out = Json::object();
  for (const auto& [key, value] : grid) out[key] = value;
  return out;
}

Json ranking_json(const std::vector<RankedCombination>& ranking) {
  Json out = Json::array();
  for (const RankedCombination& c : ranking) {
    Json entry{{"grid", grid_json(c.grid)}, {"runs", c.runs}};
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

Json failed_json(const SweepOutcome& outcome) {
  return json_list(outcome.failed, [](const auto& run) -> Json {
    return {{"run", run.first}, {"error", run.second}};
  });
}

Json results_json(const std::vector<SweepResult>& results) {
  return json_list(results, [](const SweepResult& r) { return Json::parse(to_json(r)); });
}

// The validation losses of a run by step: [[0, 4.2], [250, 2.1]].
Json loss_curve_of(const std::string& run_directory) {
  Json curve = Json::array();
  const Series losses = read_metrics(run_directory + "/metrics.jsonl").of("val_loss");
  for (size_t i = 0; i < losses.steps.size(); ++i) curve.push_back({losses.steps[i], losses.values[i]});
  return curve;
}

using Cells = std::vector<std::string>;

// Cells of the ranking, a heading first. Columns that are empty in every line are left out.
std::vector<Cells> ranking_rows(const std::vector<RankedCombination>& ranking, int64_t seeds) {
  std::vector<Cells> rows;
  Cells heading{"rank"};
  for (const auto& [key, value] : ranking[0].grid) heading.push_back(key);
  for (const char* name : {"runs", "loss", "+-", "bits/byte", "floor", "gradient, first", "and last block",
                           "parameters", "bytes", "FLOP", "time", "tokens/s"})
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

constexpr std::string_view sweep_body =
    R"(<p>Losses are in nats per token on the validation data: the smallest first.
Thin lines are the standard deviation over seeds; the dashed line, where there is one, is the exact -log P of the
text, below which no loss can be expected.</p>
<div class="chart" id="losses-box"><canvas id="losses"></canvas></div>
<h2>Loss by cost</h2>
<div class="chart" style="height:380px"><canvas id="by-flops"></canvas></div>
<div class="chart" style="height:380px"><canvas id="by-seconds"></canvas></div>
<div class="chart" style="height:380px"><canvas id="by-parameters"></canvas></div>
<h2>Validation loss by step</h2>
<div class="chart" style="height:480px"><canvas id="curves"></canvas></div>
<div id="depth-box" hidden><h2>Gradient by depth</h2>
<p>The norm of each block's gradients before the first step. It vanishes or explodes where a line is steep.</p>
<div class="chart" style="height:380px"><canvas id="by-depth"></canvas></div></div>
<h2>Ranking</h2>
<div style="overflow-x:auto"><table id="ranking"></table></div>
<div id="failed-box" hidden><h2>Failed runs</h2>
<div style="overflow-x:auto"><table id="failed"></table></div></div>
)";

constexpr std::string_view sweep_script = R"(
const ranked = sweep.ranking.filter(c => c.loss !== undefined);
const label = grid => Object.entries(grid).map(([k, v]) => `${k}=${v}`).join(', ') || 'base';
const floor = ranked.find(c => c.floor !== undefined)?.floor;
const keys = Object.keys(sweep.ranking[0]?.grid ?? {});

// Deviations as lines over the bars, and the floor.
const deviations = {id: 'deviations', afterDatasetsDraw(chart) {
  const g = chart.ctx, x = chart.scales.x;
  g.save();
  chart.getDatasetMeta(0).data.forEach((bar, i) => {
    const c = ranked[i];
    g.fillStyle = '#222';
    g.font = '12px sans-serif';
    g.textBaseline = 'middle';
    const d = c.loss_deviation ?? 0;
    g.fillText(c.loss.toFixed(4) + (d ? ` ± ${d.toFixed(4)}` : ''), x.getPixelForValue(c.loss + d) + 6, bar.y);
    if (!d) return;
    g.strokeStyle = '#222';
    g.beginPath();
    g.moveTo(x.getPixelForValue(c.loss - d), bar.y);
    g.lineTo(x.getPixelForValue(c.loss + d), bar.y);
    g.stroke();
  });
  if (floor !== undefined) {
    const at = x.getPixelForValue(floor);
    g.setLineDash([5, 4]);
    g.strokeStyle = '#d62728';
    g.beginPath();
    g.moveTo(at, chart.chartArea.top);
    g.lineTo(at, chart.chartArea.bottom);
    g.stroke();
  }
  g.restore();
}};

function drawLosses() {
  document.getElementById('losses-box').style.height = `${90 + 26 * ranked.length}px`;
  const low = Math.min(...ranked.map(c => c.loss - (c.loss_deviation ?? 0)), floor ?? Infinity);
  new Chart('losses', {type: 'bar', plugins: [deviations], data: {labels: ranked.map(c => label(c.grid)),
    datasets: [{data: ranked.map(c => c.loss), backgroundColor: colors[0] + '99'}]}, options: {
      indexAxis: 'y', maintainAspectRatio: false, animation: false, layout: {padding: {right: 130}},
      scales: {x: {min: low * 0.98, title: {display: true, text: 'loss (the axis does not begin at 0)'}}, y: {ticks: {autoSkip: false}}},
      plugins: {legend: {display: false}, tooltip: {enabled: false}}}});
}

const compact = new Intl.NumberFormat('en', {notation: 'compact'});
const oneTwoFive = x => '125'.includes(x.toExponential()[0]) ? compact.format(x) : '';

// One colour per value of the first key.
function drawBy(id, text, value) {
  const first = c => keys.length ? `${keys[0]}=${c.grid[keys[0]]}` : 'base';
  const groups = [...new Set(ranked.map(first))];
  const datasets = groups.map((group, i) => ({label: group, backgroundColor: colors[i % colors.length], pointRadius: 5,
    data: ranked.filter(c => first(c) === group && value(c) > 0).map(c => ({x: value(c), y: c.loss, c}))}));
  new Chart(id, {type: 'scatter', data: {datasets}, options: {maintainAspectRatio: false, animation: false,
    scales: {x: {type: 'logarithmic', title: {display: true, text}, ticks: {callback: oneTwoFive}}, y: {title: {display: true, text: 'loss'}}},
    plugins: {tooltip: {callbacks: {label: p => `${label(p.raw.c.grid)}: ${p.raw.y.toFixed(4)}`}}}}});
}

function drawCurves() {
  const names = [...new Set(sweep.runs.map(r => label(r.grid)))];
  const datasets = sweep.runs.filter(r => r.curve.length).map(r => {
    const color = colors[names.indexOf(label(r.grid)) % colors.length];
    return {label: r.run, showLine: true, borderColor: color, backgroundColor: color, borderWidth: 1.5, pointRadius: 2,
            data: r.curve.map(([x, y]) => ({x, y}))};
  });
  new Chart('curves', {type: 'scatter', data: {datasets}, options: {maintainAspectRatio: false, animation: false,
    scales: {x: {title: {display: true, text: 'step'}}, y: {title: {display: true, text: 'validation loss'}}},
    plugins: {legend: {display: datasets.length <= 12}, tooltip: {callbacks: {label: p =>
      `${p.dataset.label}, step ${p.raw.x}: ${p.raw.y.toFixed(4)}`}}}}});
}

function drawDepth() {
  const deep = sweep.ranking.filter(c => c.block_norms);
  document.getElementById('depth-box').hidden = !deep.length;
  if (!deep.length) return;
  new Chart('by-depth', {type: 'scatter', data: {datasets: deep.map((c, i) => ({label: label(c.grid), showLine: true,
    borderColor: colors[i % colors.length], backgroundColor: colors[i % colors.length], borderWidth: 1.5,
    data: c.block_norms.map((y, x) => ({x, y}))}))}, options: {maintainAspectRatio: false, animation: false,
    scales: {x: {title: {display: true, text: 'block'}, ticks: {stepSize: 1}},
             y: {type: 'logarithmic', title: {display: true, text: 'gradient norm'}, ticks: {callback: v => '125'.includes(v.toExponential()[0]) ? `${+v.toPrecision(1)}` : ''}}}}});
}

fillTable('ranking', sweep.ranking, [...keys.map(k => [k, c => c.grid[k]]), ['runs', c => `${c.runs}`], ['loss', c => c.loss],
  ['deviation', c => c.loss_deviation], ['bits/byte', c => c.bits_per_byte], ['floor', c => c.floor],
  ['parameters', c => c.parameters.toLocaleString('en')], ['bytes', c => c.weights_bytes.toLocaleString('en')],
  ['FLOP', c => c.flops], ['seconds', c => c.seconds], ['tokens/s', c => c.tokens_per_s]]);
document.getElementById('failed-box').hidden = !sweep.failed.length;
fillTable('failed', sweep.failed, [['run', f => f.run], ['error', f => f.error]]);
drawLosses();
drawBy('by-flops', 'FLOP of training', c => c.flops);
drawBy('by-seconds', 'seconds of training', c => c.seconds);
drawBy('by-parameters', 'parameters', c => c.parameters);
drawCurves();
drawDepth();
)";

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
  const Json out{
      {"ranking", ranking_json(ranking)}, {"runs", results_json(results)}, {"failed", failed_json(outcome)}};
  return json_text(out, 2) + "\n";
}

std::string sweep_page(const std::string& directory, const std::vector<RankedCombination>& ranking,
                       const std::vector<SweepResult>& results, const SweepOutcome& outcome) {
  Json runs = results_json(results);
  for (Json& run : runs) run["curve"] = loss_curve_of(directory + "/runs/" + run["run"].get<std::string>());
  const Json data{{"ranking", ranking_json(ranking)}, {"runs", runs}, {"failed", failed_json(outcome)}};
  return chart_page("hewn sweep", sweep_body, "sweep", json_text(data, 1), sweep_script);
}

}  // namespace hewn::cli
