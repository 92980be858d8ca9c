#include "apps/bench_charts.h"

#include <string_view>

#include "core/error.h"

// Made by CMake from the file it found, or empty: see apps/CMakeLists.txt.
extern "C" const char hewn_chart_js[];
extern "C" const char hewn_chart_js_end[];

namespace hewn::cli {
namespace {

constexpr std::string_view page_begin = R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>hewn bench kernels</title>
<style>
  body { font: 15px/1.5 sans-serif; max-width: 1100px; margin: 2em auto; padding: 0 1em; color: #222 }
  table { border-collapse: collapse; font-size: 13px } td, th { padding: 2px 8px; text-align: right }
  th { border-bottom: 1px solid #888 } td:nth-child(-n+2), th:nth-child(-n+2) { text-align: left }
  .chart { position: relative; margin: 1.5em 0 }
</style></head><body>
<h1>hewn bench kernels</h1>
<h2>Roofline</h2>
<p>Each point is a kernel: operations per byte it has to move, and operations per second it reached. Lines are
measured ceilings: slanting ones the bandwidth of a level of memory (reading), level ones the arithmetic peak.</p>
<div class="chart" style="height:620px"><canvas id="roofline"></canvas></div>
<h2 id="ladders-title">Ladders</h2>
<div id="ladders"></div>
<h2>Table</h2>
<div style="overflow-x:auto"><table id="table"></table></div>
<script>
)";

constexpr std::string_view page_end = R"(
const colors = ['#1f77b4', '#d62728', '#2ca02c', '#9467bd', '#ff7f0e', '#17becf', '#8c564b', '#e377c2'];
const ceilings = rows.filter(r => r.op.startsWith('ceiling.'));
const kernels = rows.filter(r => !r.op.startsWith('ceiling.'));
const points = kernels.filter(r => r.gflops > 0 && r.gbps > 0);
const intensity = r => r.gflops / r.gbps;
const range = values => [Math.min(...values), Math.max(...values)];
const name = r => `${r.op} ${r.shape} ${r.dtype}, ${r.rung} on ${r.isa}, ${r.threads} threads, ${r.cache}`;

// One line for each ceiling: bandwidth times intensity up to the highest peak, or the peak.
function ceilingLines() {
  const peaks = ceilings.filter(r => r.op === 'ceiling.fma'), reads = ceilings.filter(r => r.op === 'ceiling.read');
  const most = Math.max(...peaks.map(r => r.gflops), 1);
  const [low, high] = range([0.05, 100, ...points.map(intensity)]);
  const line = (r, label, data) => ({type: 'line', label: `${label}, ${r.threads} threads`, data, borderWidth: 1,
      borderDash: r.threads === 1 ? [5, 4] : [], borderColor: '#777', pointRadius: 0, ceiling: true});
  return [...reads.map(r => line(r, r.shape, [{x: low, y: low * r.gbps}, {x: most / r.gbps, y: most}])),
          ...peaks.map(r => line(r, `${r.dtype} peak`, [{x: low, y: r.gflops}, {x: high, y: r.gflops}]))];
}

function drawRoofline() {
  const rooms = [...new Set(points.map(r => r.op.split('.')[0]))];
  const datasets = rooms.map((room, i) => ({label: room, backgroundColor: colors[i % colors.length], pointRadius: 4,
      pointStyle: i < colors.length ? 'circle' : 'triangle',
      data: points.filter(r => r.op.split('.')[0] === room).map(r => ({x: intensity(r), y: r.gflops, row: r}))}));
  new Chart('roofline', {type: 'scatter', data: {datasets: [...datasets, ...ceilingLines()]}, options: {
    maintainAspectRatio: false, animation: false,
    scales: {x: {type: 'logarithmic', title: {display: true, text: 'FLOP per byte'}},
             y: {type: 'logarithmic', title: {display: true, text: 'GFLOP/s'}}},
    plugins: {legend: {labels: {filter: item => !item.text.includes('threads')}},
              tooltip: {callbacks: {label: c => c.raw.row
                  ? `${name(c.raw.row)}: ${c.raw.y.toFixed(1)} GFLOP/s, ${c.raw.row.roof_percent.toFixed(0)}% of its roof`
                  : c.dataset.label}}}}});
}

function drawLadders() {
  const groups = new Map();
  for (const r of kernels) {
    const key = `${r.op} ${r.shape} ${r.dtype}, ${r.threads} threads, ${r.cache}`;
    groups.set(key, [...(groups.get(key) ?? []), r]);
  }
  const ladders = [...groups].filter(([, rungs]) => rungs.length > 1);
  if (!ladders.length) document.getElementById('ladders-title').remove();
  for (const [title, rungs] of ladders) {
    const box = document.createElement('div'), canvas = document.createElement('canvas');
    box.className = 'chart';
    box.style.height = `${90 + 26 * rungs.length}px`;
    box.append(canvas);
    document.getElementById('ladders').append(box);
    new Chart(canvas, {type: 'bar', data: {labels: rungs.map(r => `${r.rung} (${r.isa})`),
      datasets: [{data: rungs.map(r => 1 / r.best_ms), backgroundColor: colors[0]}]}, options: {
        indexAxis: 'y', maintainAspectRatio: false, animation: false,
        scales: {x: {title: {display: true, text: 'times per millisecond'}}},
        plugins: {legend: {display: false}, title: {display: true, text: title}, tooltip: {callbacks: {label: c =>
          `${rungs[c.dataIndex].best_ms.toPrecision(3)} ms, ${(rungs[0].best_ms / rungs[c.dataIndex].best_ms).toFixed(1)} times the first`}}}}});
  }
}

function fillTable() {
  const keys = ['op', 'shape', 'dtype', 'threads', 'isa', 'rung', 'cache', 'best_ms', 'median_ms', 'spread_percent',
                'gflops', 'gbps', 'roof_percent', 'bound'];
  const add = (parent, tag, text) => { const e = document.createElement(tag); e.textContent = text; parent.append(e); return e; };
  const table = document.getElementById('table'), head = table.insertRow();
  for (const key of keys) add(head, 'th', key.replace('_', ' '));
  for (const r of rows) {
    const line = table.insertRow();
    for (const key of keys) add(line, 'td', typeof r[key] === 'number' && key !== 'threads' ? +r[key].toPrecision(4) : r[key] ?? '');
  }
}

drawRoofline();
drawLadders();
fillTable();
</script></body></html>
)";

std::string_view chart_js() {
  return {hewn_chart_js, static_cast<size_t>(hewn_chart_js_end - hewn_chart_js)};
}

// JSON inside a script must not end it: "</script>" can only stand in a string, where \/ is a slash.
std::string inside_script(std::string json) {
  for (size_t at = json.find("</"); at != json.npos; at = json.find("</", at + 3)) json.insert(at + 1, "\\");
  return json;
}

}  // namespace

void require_charts() {
  if (chart_js().empty())
    fail(ErrorCode::failed,
         "this build of hewn has no charts, since Chart.js was not found when it was made; ",
         "install it (Debian: libjs-chart.js), configure and build again, or use --json or --md");
}

std::string charts_page(const std::vector<BenchRow>& rows) {
  std::string page(page_begin);
  page += chart_js();
  page += "\nconst rows = " + inside_script(rows_json(rows)) + ";\n";
  page += page_end;
  return page;
}

}  // namespace hewn::cli
