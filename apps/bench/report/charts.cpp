#include "apps/bench/report/charts.h"

#include <string_view>

#include "apps/page/chart_page.h"

namespace hewn::cli {
namespace {

constexpr std::string_view roofline_body = R"(<h2>Roofline</h2>
<p>Each point is a kernel: its arithmetic intensity (operations per byte moved) and its throughput (operations per
second). Lines are measured ceilings: slanted lines are the read bandwidth of a memory level, horizontal lines the
arithmetic peak; dashed lines are for one thread, solid lines with labels for <span id="most-threads"></span>. Filled
points had their operands in cache, hollow points in memory. Hover over a point to see its name.</p>
<div class="chart" style="height:620px"><canvas id="roofline"></canvas></div>
<h2 id="ladders-title">Ladders</h2>
<div id="ladders"></div>
<h2>Ceilings</h2>
<table id="ceilings"></table>
<h2>Kernels</h2>
<div style="overflow-x:auto"><table id="kernels"></table></div>
)";

constexpr std::string_view roofline_script = R"(
const ceilings = rows.filter(r => r.op.startsWith('ceiling.'));
const kernels = rows.filter(r => !r.op.startsWith('ceiling.'));
const points = kernels.filter(r => r.gflops > 0 && r.gbps > 0);
const intensity = r => r.gflops / r.gbps;
const range = values => [Math.min(...values), Math.max(...values)];
const name = r => `${r.op} ${r.shape} ${r.dtype}, ${r.rung} on ${r.isa}, ${r.threads} threads, ${r.cache}`;

const most_threads = Math.max(...ceilings.map(r => r.threads), 1);
const threads = n => n === 1 ? '1 thread' : `${n} threads`;
document.getElementById('most-threads').textContent = most_threads === 1 ? 'one, too' : threads(most_threads);

const intensities = range([0.05, 100, ...points.map(intensity)]);

// One line per ceiling: a bandwidth rises with the intensity up to the highest peak; a peak is horizontal.
function ceilingLines() {
  const named = (...ops) => ceilings.filter(r => ops.includes(r.op.slice(8)));
  const peaks = named('fma', 'matmul'), reads = named('read').length ? named('read') : named('copy');
  const most = Math.max(...peaks.map(r => r.gflops), 1);
  const [low, high] = intensities;
  const line = (r, label, slanting, data) => ({type: 'line', label, slanting, data, borderWidth: 1.2, ceiling: true,
      named: r.threads === most_threads, borderDash: r.threads < most_threads ? [5, 4] : [], borderColor: '#777', pointRadius: 0});
  return [...reads.map(r => line(r, `${r.shape} ${r.gbps.toFixed(0)} GB/s`, true, [{x: low, y: low * r.gbps}, {x: most / r.gbps, y: most}])),
          ...peaks.map(r => line(r, `${r.dtype} ${r.gflops.toFixed(0)} GFLOP/s`, false, [{x: low, y: r.gflops}, {x: high, y: r.gflops}]))];
}

// Names along the lines, at the start of rising ones and the end of horizontal ones; names that would overlap are omitted.
const lineNames = {id: 'lineNames', afterDatasetsDraw(chart) {
  const g = chart.ctx, taken = [];
  g.save();
  g.font = '12px sans-serif';
  g.fillStyle = '#444';
  g.strokeStyle = '#fff';
  g.lineWidth = 4;
  chart.data.datasets.forEach((set, i) => {
    if (!set.named || !chart.isDatasetVisible(i)) return;
    const [begin, end] = chart.getDatasetMeta(i).data;
    const x = set.slanting ? begin.x + 6 : end.x - 6, y = set.slanting ? begin.y : end.y;
    if (taken.some(t => t.slanting === set.slanting && Math.abs(t.y - y) < 14)) return;
    taken.push({slanting: set.slanting, y});
    g.save();
    g.translate(x, y);
    if (set.slanting) g.rotate(Math.atan2(end.y - begin.y, end.x - begin.x));
    g.textAlign = set.slanting ? 'left' : 'right';
    g.strokeText(set.label, set.slanting ? 4 : 0, -4);
    g.fillText(set.label, set.slanting ? 4 : 0, -4);
    g.restore();
  });
  g.restore();
}};

function drawRoofline() {
  const rooms = [...new Set(points.map(r => r.op.split('.')[0]))];
  const shapes = ['circle', 'triangle', 'rect'];
  const datasets = rooms.map((room, i) => {
    const mine = points.filter(r => r.op.split('.')[0] === room), color = colors[i % colors.length];
    return {label: room, borderColor: color, borderWidth: 1.5, pointRadius: 4, pointStyle: shapes[Math.floor(i / colors.length) % 3],
        backgroundColor: color, pointBackgroundColor: mine.map(r => r.cache === 'cold' ? 'transparent' : color),
        data: mine.map(r => ({x: intensity(r), y: r.gflops, row: r}))};
  });
  const short = value => +value.toPrecision(3) >= 1000 ? `${value / 1000}k` : `${+value.toPrecision(3)}`;
  const ticks = {maxRotation: 0, callback: value => [1, 2, 5].includes(+(value / 10 ** Math.floor(Math.log10(value) + 1e-9)).toPrecision(3)) ? short(value) : ''};
  new Chart('roofline', {type: 'scatter', data: {datasets: [...datasets, ...ceilingLines()]}, plugins: [lineNames], options: {
    maintainAspectRatio: false, animation: false,
    scales: {x: {type: 'logarithmic', min: intensities[0], max: intensities[1], title: {display: true, text: 'FLOP per byte'}, ticks},
             y: {type: 'logarithmic', title: {display: true, text: 'GFLOP/s'}, ticks}},
    plugins: {legend: {labels: {usePointStyle: true, boxWidth: 7, boxHeight: 7, filter: (item, data) => !data.datasets[item.datasetIndex].ceiling}},
              tooltip: {filter: c => c.raw.row, callbacks: {label: c =>
                  `${name(c.raw.row)}: ${c.raw.y.toFixed(1)} GFLOP/s, ${c.raw.row.roof_percent.toFixed(0)}% of its roof (${c.raw.row.bound})`}}}}});
}

// Labels each bar, at its end, with its time and its gain over the first rung.
const barTimes = {id: 'barTimes', afterDatasetsDraw(chart) {
  const g = chart.ctx, rungs = chart.data.rungs;
  g.save();
  g.font = '12px sans-serif';
  g.fillStyle = '#222';
  g.textBaseline = 'middle';
  chart.getDatasetMeta(0).data.forEach((bar, i) =>
    g.fillText(`${+rungs[i].best_ms.toPrecision(3)} ms` + (i ? `, ${+(rungs[0].best_ms / rungs[i].best_ms).toPrecision(3)}×` : '') +
               `, ${+rungs[i].roof_percent.toPrecision(2)}% of roof`, bar.x + 5, bar.y));
  g.restore();
}};

// The idea of each rung, and where its kernel is.
function ideaList(rungs) {
  const list = document.createElement('ul');
  for (const r of rungs.filter(r => r.idea)) {
    const item = list.appendChild(document.createElement('li'));
    item.textContent = `${r.rung}: ${r.idea}${r.file ? ` (${r.file}:${r.line})` : ''}`;
  }
  return list;
}

function drawLadders() {
  const groups = new Map();
  for (const r of kernels) {
    const key = `${r.op} ${r.shape} ${r.dtype}, ${threads(r.threads)}, ${r.cache}`;
    groups.set(key, [...(groups.get(key) ?? []), r]);
  }
  const ladders = [...groups].filter(([, rungs]) => rungs.length > 1);
  if (!ladders.length) document.getElementById('ladders-title').remove();
  for (const [title, rungs] of ladders) {
    const box = document.createElement('div'), canvas = document.createElement('canvas');
    box.className = 'chart';
    box.style.height = `${90 + 26 * rungs.length}px`;
    box.append(canvas);
    document.getElementById('ladders').append(box, ideaList(rungs));
    new Chart(canvas, {type: 'bar', plugins: [barTimes], data: {rungs, labels: rungs.map(r => `${r.rung} (${r.isa})`),
      datasets: [{data: rungs.map(r => 1 / r.best_ms), backgroundColor: colors[0]}]}, options: {
        indexAxis: 'y', maintainAspectRatio: false, animation: false, layout: {padding: {right: 190}},
        scales: {x: {beginAtZero: true, title: {display: true, text: 'calls per millisecond'}}, y: {ticks: {autoSkip: false}}},
        plugins: {legend: {display: false}, title: {display: true, text: title}, tooltip: {enabled: false}}}});
  }
}

const speed = r => r.gflops > 0 ? `${r.gflops.toFixed(1)} GFLOP/s` : r.gbps > 0 ? `${r.gbps.toFixed(1)} GB/s` : `${(1000 / r.best_ms).toFixed(2)} G/s`;
const head = [['op', r => r.op], ['shape', r => r.shape], ['dtype', r => r.dtype], ['threads', r => `${r.threads}`], ['isa', r => r.isa]];
fillTable('ceilings', ceilings, [['ceiling', r => r.op.slice(8)], ['in', r => r.shape], ...head.slice(2), ['speed', speed]]);
fillTable('kernels', kernels, [...head, ['rung', r => r.rung], ['cache', r => r.cache], ['best ms', r => r.best_ms],
    ['median ms', r => r.median_ms], ['spread %', r => r.spread_percent], ['GFLOP/s', r => r.gflops], ['GB/s', r => r.gbps],
    ['roof %', r => r.roof_percent], ['bound by', r => r.bound]]);
drawRoofline();
drawLadders();
)";

}  // namespace

std::string charts_page(const std::vector<BenchRow>& rows) {
  return chart_page("hewn bench kernels", roofline_body, "rows", rows_json(rows), roofline_script);
}

}  // namespace hewn::cli
