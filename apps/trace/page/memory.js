// Bytes in use after each event.

function drawMemory(trace, timeline, seek) {
  const width = 1000, height = 90, n = timeline.length;
  // From 0, unless that would flatten everything: a model's parameters are there all the time.
  const least = timeline.bytes.reduce((a, b) => Math.min(a, b), timeline.most);
  const from = least > timeline.most / 2 ? least - 0.1 * (timeline.most - least) : 0;
  const scale = (height - 4) / Math.max(timeline.most - from, 1);
  const x = i => (i / n) * width, y = b => height - (b - from) * scale;
  let outline = `M0 ${height}`;
  timeline.bytes.forEach((b, i) => (outline += `L${x(i)} ${y(b)}L${x(i + 1)} ${y(b)}`));
  const now = svgElement('rect', {class: 'now', y: 0, height, width: Math.max(width / n, 4)});
  const peak =
      svgElement('rect', {class: 'peak', x: x(timeline.peak - 1), y: 0, height: height, width: Math.max(width / n, 3)});
  const peakText = `peak ${bytesText(timeline.most)} after event ${timeline.peak}: ${
      shortEventText(trace, trace.events[timeline.peak - 1])}`;
  const chart = svgElement(
      'svg', {
        viewBox: `0 0 ${width} ${height}`,
        preserveAspectRatio: 'none',
        role: 'img',
        'aria-label': `Bytes in use after each event; ${peakText}`
      },
      svgElement('path', {class: 'bytes', d: `${outline}L${width} ${height}Z`}), peak, now);
  chart.addEventListener('click', event => {
    const box = chart.getBoundingClientRect();
    seek(Math.min(n, 1 + Math.floor(((event.clientX - box.left) / box.width) * n)));
  });
  const live = element('span');
  const show = position => {
    now.setAttribute('x', x(Math.max(position - 1, 0)));
    now.setAttribute('visibility', position ? 'visible' : 'hidden');
    live.textContent = position ? `${bytesText(timeline.bytes[position - 1])} in use` : 'before the first event';
  };
  const section = element(
      'section', {class: 'memory', 'aria-label': 'Memory'}, element('h2', {}, 'Memory'), chart,
      element(
          'p', {class: 'legend'}, live, element('span', {class: 'peak-name'}, peakText),
          from > 0 && element('span', {}, `the axis begins at ${bytesText(from)}`)));
  return {element: section, show};
}
