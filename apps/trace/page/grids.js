// Tensors as coloured grids, and histograms.

const shades = 16;       // of a colour
const mostNumbers = 64;  // elements of a grid that shows its numbers

// Rows and columns of a tensor: its last dimension across, all others down.
function gridSize(shape) {
  const columns = shape.length ? shape[shape.length - 1] : 1;
  return {rows: columns ? elementCount(shape) / columns : 0, columns};
}

// The path of cells {row, column}.
const cellsPath = (cells, size) =>
    cells.map(([r, c]) => `M${c * size.width} ${r * size.height}h${size.width}v${size.height}h${- size.width}z`)
        .join('');

// The cells of a grid as SVG: {chart, indexAt, mark}. indexAt is the element at a place of the screen, or -1; mark(indices,
// kind) outlines elements.
function gridChart(values, shape) {
  const {rows, columns} = gridSize(shape);
  const numbers = values.length <= mostNumbers && columns <= 8;
  const size = numbers ?
      {width: 62, height: 24} :
      {width: Math.max(4, Math.min(16, 360 / columns)), height: Math.max(4, Math.min(16, 360 / columns))};
  const width = columns * size.width, height = rows * size.height;
  const most = values.reduce((m, v) => (Number.isFinite(v) ? Math.max(m, Math.abs(v)) : m), 0);

  const levels = new Map();  // colour and shade -> cells
  values.forEach((v, i) => {
    const cell = [Math.floor(i / columns), i % columns];
    const key = !Number.isFinite(v) ?
        'odd 0' :
        `${v < 0 ? 'negative' : 'positive'} ${most ? Math.round((shades * Math.abs(v)) / most) : 0}`;
    if (!levels.has(key)) levels.set(key, []);
    levels.get(key).push(cell);
  });
  const strongest = numbers ? 0.45 : 1;
  const chart = svgElement(
      'svg', {width, height, viewBox: `0 0 ${width} ${height}`, 'aria-hidden': 'true'},
      svgElement('rect', {class: 'frame', width, height}), [...levels].map(([key, cells]) => {
        const [color, shade] = key.split(' ');
        return svgElement('path', {
          class: color,
          'fill-opacity': color === 'odd' ? 1 : (strongest * shade) / shades,
          d: cellsPath(cells, size)
        });
      }));
  if (numbers)
    values.forEach(
        (v, i) => chart.append(svgElement(
            'text', {x: ((i % columns) + 0.5) * size.width, y: (Math.floor(i / columns) + 0.5) * size.height},
            numberText(v, 3))));
  const outlines = new Map();
  const outline = kind => {
    if (!outlines.has(kind)) {
      outlines.set(kind, svgElement('path', {class: `outline ${kind}`}));
      chart.append(outlines.get(kind));
    }
    return outlines.get(kind);
  };
  const mark = (indices, kind) =>
      outline(kind).setAttribute('d', cellsPath([...indices].map(i => [Math.floor(i / columns), i % columns]), size));
  const indexAt = ({clientX, clientY}) => {
    const area = chart.getBoundingClientRect();
    const column = Math.floor((clientX - area.left) / size.width), row = Math.floor((clientY - area.top) / size.height);
    return row >= 0 && row < rows && column >= 0 && column < columns ? row * columns + column : -1;
  };
  return {chart, indexAt, mark};
}

// A grid of a tensor's values or gradients. The element under the pointer, or chosen with the arrow keys, is reported to
// `point(index, held)`: a click or Enter holds it. Returns {element, mark}.
function drawGrid(tensor, what, name, point) {
  const values = tensor.elements(what);
  if (!values) return {element: element('p', {class: 'muted'}, withoutValues(tensor, what)), mark() {}};
  const {columns} = gridSize(tensor.shape), {chart, indexAt, mark} = gridChart(values, tensor.shape);
  const box = element(
      'div', {
        class: 'cells',
        tabindex: 0,
        role: 'application',
        'aria-label': `${name}, ${shapeText(tensor.shape)}; arrow keys move, Enter holds`
      },
      chart);
  const readout = element('p', {class: 'readout code', 'aria-live': 'polite'}, '\u00a0');
  let at = -1;
  const moveTo = (i, held = false) => {
    at = i;
    mark([i], 'cursor');
    readout.textContent = `${elementName(name, tensor.shape, i)} = ${numberText(values[i], 6)}`;
    if (point) point(i, held);
  };
  box.addEventListener('pointermove', event => {
    const i = indexAt(event);
    if (i >= 0 && i !== at) moveTo(i);
  });
  box.addEventListener('click', event => {
    const i = indexAt(event);
    if (i >= 0) moveTo(i, true);
  });
  box.addEventListener('focus', () => {
    if (at < 0 && values.length) moveTo(0);
  });
  box.addEventListener('keydown', event => {
    const last = values.length - 1, column = at % columns;
    const to = {
      ArrowLeft: at - 1,
      ArrowRight: at + 1,
      ArrowUp: at - columns,
      ArrowDown: at + columns,
      Home: at - column,
      End: at - column + columns - 1,
      Enter: at
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    if (to >= 0 && to <= last) moveTo(to, event.key === 'Enter');
  });
  return {element: element('div', {class: 'grid'}, box, readout), mark};
}

// Mean, standard deviation and so on of a summary, with its histogram.
function drawSummary(summary, name) {
  const rows = [['mean', summary.mean], ['std', summary.std], ['min', summary.min], ['max', summary.max]]
                   .map(([what, x]) => [what, numberText(x)])
                   .concat([['zeros', String(summary.zeros)]]);
  if (summary.not_finite) rows.push(['not finite', String(summary.not_finite)]);
  return element(
      'div', {class: 'summary'},
      element('dl', {}, rows.map(([what, x]) => element('div', {}, element('dt', {}, what), element('dd', {}, x)))),
      drawHistogram(summary, name));
}

function drawHistogram({histogram, min, max}, name) {
  if (!histogram || !histogram.length || min === max) return null;
  const most = Math.max(...histogram), n = histogram.length;
  return element(
      'figure', {class: 'histogram'},
      svgElement(
          'svg', {
            viewBox: `0 0 ${n * 10} 40`,
            preserveAspectRatio: 'none',
            role: 'img',
            'aria-label': `Histogram of ${name} from ${numberText(min)} to ${numberText(max)}: ${histogram.join(', ')}`
          },
          histogram.map(
              (count, i) => svgElement(
                  'rect', {x: i * 10, width: 9, y: 40 - (40 * count) / most, height: (40 * count) / most},
                  svgElement('title', {}, countText(count, 'element'))))),
      element('figcaption', {}, element('span', {}, numberText(min)), element('span', {}, numberText(max))));
}
