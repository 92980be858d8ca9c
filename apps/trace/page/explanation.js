// The panel that shows the sum behind a number.

const mostTerms = 128;
const closeText = 'Close (Escape)';

function drawExplanation(trace) {
  const hint =
      'Point at an element of a value or of a gradient, or move to it with the arrow keys: here appears the sum ' +
      'that made it. A click or Enter holds the sum, so that you can point at its terms; Escape releases it.';
  const body = element('div', {}, element('p', {class: 'muted'}, hint));
  const panel = element(
      'section', {class: 'sum', 'aria-label': 'The sum behind a number'}, element('h2', {}, 'The sum behind a number'),
      body);
  const grids = new Map();  // of tensors that terms come from, by tensor and what of it
  let held = false;

  function gridOf(tensor, what) {
    const key = `${what} ${tensor.id}`;
    if (!grids.has(key)) {
      const name = {value: tensor.label, grad: `gradient of ${tensor.label}`}[what] || `${what} of ${tensor.label}`;
      const grid = drawGrid(tensor, what, name, (i, chosen) => chosen && point(tensor, what, i, true));
      grids.set(key, {...grid, element: element('div', {}, element('h3', {}, name), grid.element)});
    }
    return grids.get(key);
  }
  // Outlines the elements of these terms.
  function markSources(cells, kind) {
    const indices = new Map();
    for (const cell of cells) {
      const grid = gridOf(cell.tensor, cell.what);
      if (!indices.has(grid)) indices.set(grid, new Set());
      indices.get(grid).add(cell.i);
    }
    for (const grid of grids.values()) grid.mark(indices.get(grid) || [], kind);
    return [...indices.keys()];
  }
  function termButton(term) {
    const over = () => markSources(term.cells.filter(drawable), 'term'), out = () => markSources([], 'term');
    return element(
        'button', {
          type: 'button',
          title: `= ${numberText(term.v, 6)}`,
          onpointerenter: over,
          onpointerleave: out,
          onfocus: over,
          onblur: out
        },
        term.text);
  }
  // A constant that is a number has no grid.
  const drawable = cell => cell.tensor.kind !== 'constant';

  function drawPart(part) {
    const from = part.from ? `${part.from.label} ${part.from.op}` : 'step of AdamW';
    if (part.why) return element('p', {}, part.from && element('b', {}, `${from}: `), part.why);
    const shown = part.terms.slice(0, mostTerms), more = part.terms.slice(mostTerms);
    const sum = part.terms.reduce((s, term) => s + term.v, 0);
    return element(
        'div', {}, element('p', {}, element('b', {}, `${from}: `), element('code', {}, `${part.left} = ${part.rule}`)),
        element(
            'p', {class: 'terms'}, '= ', shown.map((term, i) => [i ? ' + ' : '', termButton(term)]).flat(),
            more.length ? ` + ${countText(more.length, 'further term')} of together ${
                              numberText(more.reduce((s, t) => s + t.v, 0))}` :
                          '',
            ` = ${numberText(sum)}`));
  }

  function point(tensor, what, i, hold = false) {
    if (held && !hold) return;
    held = hold;
    const {name, recorded, parts, total} = explain(tensor, what, i);
    const cells = parts.flatMap(part => part.terms || []).flatMap(term => term.cells).filter(drawable);
    const sources = markSources(cells, 'source');
    markSources([], 'term');
    const differs =
        total !== null && total !== recorded && !(Math.abs(total - recorded) <= 1e-4 * Math.abs(recorded) + 1e-9);
    panel.classList.add('active');
    body.replaceChildren(
        element(
            'p', {class: 'head'}, element('span', {class: 'code'}, `${name} = ${numberText(recorded, 6)}`),
            element(
                'button', {type: 'button', class: 'release', onclick: release}, held ? 'Release (Escape)' : closeText)),
        ...parts.map(drawPart),
        parts.length > 1 && total !== null ?
            element('p', {}, `Together ${numberText(total, 6)}: gradients of all uses add up.`) :
            '',
        differs ? element(
                      'p', {class: 'muted'},
                      `The terms sum to ${numberText(total, 6)} here; the program rounded differently.`) :
                  '',
        element('div', {class: 'sources'}, sources.map(grid => grid.element)));
  }
  // Escape first releases a held sum, then closes the panel.
  function release() {
    if (!held) return clear();
    held = false;
    for (const button of body.querySelectorAll('.release')) button.textContent = closeText;
  }
  function clear() {
    held = false;
    grids.clear();
    panel.classList.remove('active');
    body.replaceChildren(element('p', {class: 'muted'}, hint));
  }
  return {element: panel, point, clear, release};
}
