// Heatmaps on a canvas: every cell can be pointed at, or reached with the arrow keys.

// rows and columns are names; value(row, column), its text, and its shade from 0 to 1. Returns a figure.
function heatmapElement(title, {rows, columns, value, text, shade, signed = false}) {
  const width = columns.length, height = rows.length;
  const size = Math.max(3, Math.min(22, Math.floor(480 / Math.max(width, height))));
  const canvas = element('canvas', {
    class: 'grid', width: width * size, height: height * size, tabindex: 0, role: 'application',
    'aria-label': `${title}: ${height} by ${width} cells; arrow keys move`
  });
  const readout = element('p', {class: 'readout code', 'aria-live': 'polite'}, 'Point at a cell, or use the arrow keys.');
  let at = null;
  const draw = () => {
    const g = canvas.getContext('2d');
    g.clearRect(0, 0, canvas.width, canvas.height);
    for (let r = 0; r < height; ++r)
      for (let c = 0; c < width; ++c) {
        const v = value(r, c);
        if (v === undefined) continue;
        const s = v === null ? 0 : shade(v);
        g.fillStyle = v === null ? themeColor('--mark') : themeColor(signed && v < 0 ? '--negative' : signed ? '--positive' : '--series-1');
        g.globalAlpha = v === null ? 1 : Math.max(0, Math.min(1, Math.abs(s)));
        g.fillRect(c * size, r * size, size, size);
      }
    g.globalAlpha = 1;
    if (!at) return;
    g.lineWidth = 2;
    g.strokeStyle = themeColor('--text');
    g.strokeRect(at[1] * size + 1, at[0] * size + 1, size - 2, size - 2);
  };
  const moveTo = (r, c) => {
    if (r < 0 || c < 0 || r >= height || c >= width) return;
    at = [r, c];
    draw();
    const v = value(r, c);
    readout.textContent = `${rows[r]}, ${columns[c]}: ${v === undefined ? 'not there' : text(v)}`;
  };
  canvas.addEventListener('pointermove', event => {
    const area = canvas.getBoundingClientRect();
    const c = Math.floor((event.clientX - area.left) * width / area.width), r = Math.floor((event.clientY - area.top) * height / area.height);
    if (!at || at[0] !== r || at[1] !== c) moveTo(r, c);
  });
  canvas.addEventListener('keydown', event => {
    const step = {ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0]}[event.key];
    if (!step) return;
    event.preventDefault();
    if (at)
      moveTo(at[0] + step[0], at[1] + step[1]);
    else
      moveTo(0, 0);
  });
  const figure = element('figure', {}, element('figcaption', {}, title), canvas, readout);
  paint(figure, draw);
  return figure;
}
