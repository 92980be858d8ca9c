// Ordinary charts, drawn by Chart.js: curves, points and bars, each with its numbers as a table.

const noCharts = 'This build of hewn has no Chart.js, so that only the numbers are shown.';

// A figure with a canvas on which `config()` draws, in the colours of the theme.
function chartElement(title, size, config, numbers) {
  const canvas = element('canvas', {role: 'img', 'aria-label': title});
  const box = element('div', {class: `chart ${size}`}, canvas);
  if (typeof Chart === 'undefined')
    return element('figure', {}, element('figcaption', {}, title), element('p', {class: 'muted'}, noCharts), numbers);
  let chart = null;
  const draw = () => {
    if (chart) chart.destroy();
    Chart.defaults.color = themeColor('--text');
    Chart.defaults.borderColor = themeColor('--line');
    const made = config();
    made.options = {animation: false, maintainAspectRatio: false, ...made.options};
    chart = new Chart(canvas, made);
  };
  // Once it is in the page, since the chart takes its size.
  requestAnimationFrame(() => paint(box, draw));
  return element('figure', {}, element('figcaption', {}, title), box, numbers);
}

const plainTick = value => numberText(value, 3);
const axis = (text, more = {}) => ({title: {display: true, text}, ticks: {callback: plainTick, maxRotation: 0}, ...more});
const logAxis = text => axis(text, {type: 'logarithmic', ticks: {callback: v => v.toExponential().startsWith('1e') ? numberText(v, 1) : ''}});

// A line of a chart of data {x, y}, in the colour of a series.
const lineOf = (label, color, data, more) =>
    ({label, showLine: true, borderColor: seriesColor(color), backgroundColor: seriesColor(color), pointRadius: 0, data, ...more});

// Curves: series {name, x, y, color, dash, points}, and horizontal lines {name, y, color}.
function curvesElement(title, {series, lines = [], x: xTitle = 'step', y: yTitle, log = false, size = ''}) {
  const shown = series.filter(s => s.x.length);
  const xs = shown.flatMap(s => [s.x[0], s.x[s.x.length - 1]]), least = Math.min(...xs), most = Math.max(...xs);
  const config = () => ({
    type: 'scatter',
    data: {
      datasets: [
        ...shown.map(s => lineOf(s.name, s.color, s.x.map((x, i) => ({x, y: s.y[i]})), {
          borderWidth: s.points ? 2.2 : 1.4, borderDash: s.dash || [], pointRadius: s.points || s.x.length < 2 ? 3 : 0})),
        ...lines.map(l => lineOf(`${l.name} ${numberText(l.y, 5)}`, l.color, [{x: least, y: l.y}, {x: most > least ? most : least + 1, y: l.y}],
                                 {borderWidth: 1.6, borderDash: [6, 4]}))
      ]
    },
    options: {
      scales: {x: axis(xTitle), y: log ? logAxis(yTitle) : axis(yTitle)},
      plugins: {
        legend: {display: shown.length + lines.length > 1, labels: {boxWidth: 24}},
        tooltip: {callbacks: {label: c => `${c.dataset.label}, ${xTitle} ${c.raw.x}: ${numberText(c.raw.y, 6)}`}}
      }
    }
  });
  const rows = () => shown.flatMap(s => s.x.map((x, i) => [s.name, String(x), s.y[i]]))
                         .concat(lines.map(l => [l.name, '', l.y]));
  return chartElement(title, size, config, numbersElement(['curve', xTitle, yTitle], rows));
}

// Histograms of the same range side by side or over each other: series {name, from, to, counts, color}.
function histogramElement(title, series, xTitle) {
  const config = () => ({
    type: 'scatter',
    data: {
      datasets: series.map(
          s => lineOf(s.name, s.color, s.counts.map((y, i) => ({x: s.from + (i + 0.5) * (s.to - s.from) / s.counts.length, y})),
                      {stepped: 'middle', fill: true, backgroundColor: `${seriesColor(s.color)}33`, borderWidth: 1.5}))
    },
    options: {
      scales: {x: axis(xTitle), y: axis('elements')},
      plugins: {legend: {labels: {boxWidth: 24}}, tooltip: {callbacks: {label: c => `${c.dataset.label}, ${numberText(c.raw.x, 3)}: ${c.raw.y}`}}}
    }
  });
  const rows = () => series.flatMap(s => s.counts.map((n, i) => [s.name, s.from + i * (s.to - s.from) / s.counts.length, n]));
  return chartElement(title, 'low', config, numbersElement(['curve', 'from', 'elements'], rows));
}

// Points {x, y, text} in groups {name, points}.
function pointsElement(title, groups, xTitle, yTitle) {
  const shapes = ['circle', 'triangle', 'rect', 'rectRot', 'star', 'cross', 'crossRot'];
  const config = () => ({
    type: 'scatter',
    data: {
      datasets: groups.map((g, i) => ({
                             label: `${g.name} (${g.points.length})`,
                             data: g.points,
                             pointStyle: shapes[i % shapes.length],
                             pointRadius: 4,
                             borderColor: seriesColor(i),
                             backgroundColor: `${seriesColor(i)}aa`
                           }))
    },
    plugins: [pointNames],
    options: {
      scales: {x: axis(xTitle), y: axis(yTitle)},
      plugins: {legend: {labels: {usePointStyle: true, boxWidth: 8}}, tooltip: {callbacks: {label: c => `${c.raw.text}  (${numberText(c.raw.x, 3)}, ${numberText(c.raw.y, 3)})`}}}
    }
  });
  const rows = () => groups.flatMap(g => g.points.map(p => [g.name, tokenElement(p.token), p.x, p.y]));
  return chartElement(title, 'tall', config, numbersElement(['kind', 'token', xTitle, yTitle], rows));
}

// Names beside points, as far as they do not overlap.
const pointNames = {
  id: 'pointNames',
  afterDatasetsDraw(chart) {
    const g = chart.ctx, taken = [];
    g.save();
    g.font = '11px ui-monospace, monospace';
    g.fillStyle = themeColor('--text');
    g.textBaseline = 'middle';
    chart.data.datasets.forEach((set, s) => {
      if (!chart.isDatasetVisible(s)) return;
      chart.getDatasetMeta(s).data.forEach((point, i) => {
        const text = set.data[i].text.slice(0, 12), width = g.measureText(text).width;
        const box = {x: point.x + 6, y: point.y, width};
        if (box.x + width > chart.chartArea.right || taken.some(t => Math.abs(t.y - box.y) < 11 && t.x < box.x + width && box.x < t.x + t.width))
          return;
        taken.push(box);
        g.fillText(text, box.x, box.y);
      });
    });
    g.restore();
  }
};
