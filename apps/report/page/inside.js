// Inside the model: activations, predictions between the blocks, and what the loss asks of the head.

function drawActivations(run) {
  const row = run.activations;
  return [
    element('p', {}, `Over ${countText(row.tokens, 'token')}. A unit is dead if its output stays below ${row.dead_below} at all of them: ${
                         row.layers.map((layer, l) => `${layer.dead} of ${layer.units} in layer ${l}`).join(', ')}.`),
    drawingsElement('activations', run),
    numbersElement(['layer', 'side', 'from', 'elements'], () => row.layers.flatMap((layer, l) => ['before', 'after'].flatMap(side => {
      const {from, to, counts} = layer[side];
      return counts.map((n, i) => [String(l), side, from + i * (to - from) / counts.length, n]);
    })))
  ];
}

// A table with a cell per depth and position; its details appear below, for the cell that is pointed at or focused.
function drawLens(run) {
  const row = run.lens;
  const readout = element('p', {class: 'readout', 'aria-live': 'polite'}, 'Point at a cell, or focus one with Tab and move with the arrow keys.');
  const cells = [];
  const show = (d, t) => {
    const cell = row.depths[d].cells[t];
    readout.replaceChildren(`After ${row.depths[d].after}, position ${t}, `, tokenElement(row.tokens[t].text), ': ',
                            ...cell.top.flatMap(s => [tokenElement(s.text), ` ${percentText(s.share)}  `]), '; next is ', tokenElement(row.targets[t].text),
                            ` with ${percentText(cell.target)}, behind ${countText(cell.rank, 'token')}`);
  };
  const body = row.depths.map((depth, d) => {
    const line = depth.cells.map((cell, t) => {
      const best = cell.top[0];
      const td = element('td', {
        tabindex: d === 0 && t === 0 ? 0 : -1, class: cell.rank === 0 ? 'right' : false,
        style: `background:color-mix(in srgb, var(--series-1) ${Math.round(35 * (best ? best.share || 0 : 0))}%, transparent)`,
        onpointerenter: () => show(d, t), onfocus: () => show(d, t)
      }, element('bdi', {}, best ? tokenText(best.text).slice(0, 14) : ''));
      cells.push(td);
      return td;
    });
    return element('tr', {}, element('th', {scope: 'row'}, depth.after), line);
  });
  const table = element('table', {class: 'lens'},
                        element('thead', {}, element('tr', {}, element('td', {}), row.tokens.map(t => element('th', {scope: 'col'}, element('bdi', {}, tokenText(t.text).slice(0, 14)))))),
                        element('tbody', {}, body),
                        element('tfoot', {}, element('tr', {}, element('th', {scope: 'row'}, 'next'), row.targets.map(t => element('td', {}, element('bdi', {}, tokenText(t.text).slice(0, 14)))))));
  table.addEventListener('keydown', event => {
    const n = row.tokens.length, at = cells.indexOf(document.activeElement);
    const step = {ArrowLeft: -1, ArrowRight: 1, ArrowUp: -n, ArrowDown: n}[event.key];
    if (at < 0 || !step || !cells[at + step]) return;
    event.preventDefault();
    cells[at].tabIndex = -1;
    cells[at + step].tabIndex = 0;
    cells[at + step].focus();
  });
  return [
    element('p', {}, `The likeliest next token at each position of ${row.text}, if the model ended there. A line under a cell: it is the right one; the deeper the colour, the higher the probability.`),
    element('div', {class: 'wide', tabindex: 0, role: 'region', 'aria-label': 'Predictions by depth and position'}, table), readout
  ];
}

function drawGradient(run) {
  const row = run.gradient;
  const list = (title, tokens, kind) => element('figure', {}, element('figcaption', {}, title),
    tableElement(['token', 'change of its logit', 'norm of its row of dW'], tokens.map(t => [tokenElement(t.text), element('span', {class: kind}, numberText(t.share ?? NaN, 4)), t.norm])));
  return [
    element('p', {}, `The loss of this text is ${numberText(row.loss ?? NaN, 5)} nats per token. Its gradient by the logits of a position is p − [target]: a step pushes the target's logit up by 1 − p, and every other token's down by its p.`),
    element('div', {class: 'charts'}, list('Pushed up by the step of the head, per unit of the learning rate', row.up, 'up'), list('Pushed down', row.down, 'down')),
    element('details', {}, element('summary', {}, 'By position'),
            tableElement(['token', 'next', 'p of it', 'pushed up by', 'pushed down'],
                         row.positions.map(p => [tokenElement(p.token.text), tokenElement(p.target.text), percentText(p.probability), percentText(p.probability === null ? null : 1 - p.probability),
                                                 element('span', {}, p.down.flatMap(s => [tokenElement(s.text), ` ${percentText(s.share)} `]))])))
  ];
}

function drawMemory(run) {
  const row = run.memory;
  return [
    element('p', {}, `Of one pass over ${countText(row.tokens, 'token')}, forward and backward; the peak was ${bytesText(row.peak)}: ${
                         Object.entries(row.at_peak).filter(([, n]) => n > 0).map(([use, n]) => `${use} ${bytesText(n)}`).join(', ')}.`),
    drawingsElement('memory', run),
    numbersElement(['event', 'pass', 'bytes'], () => row.bytes.map((n, i) => [String(i), i < row.recorded ? 'forward' : 'backward', n]))
  ];
}
