// Attention: a small map of every head, and a large one of the chosen head.

function attentionOf(row) {
  const T = row.tokens.length, all = sixteenBits(row.weights), perHead = T * (T + 1) / 2;
  return {T, at: (layer, head, i, j) => j > i ? undefined : all[(layer * row.heads + head) * perHead + i * (i + 1) / 2 + j] / 65535};
}

// One pixel per pair of tokens.
function smallMap(maps, layer, head, size) {
  const canvas = element('canvas', {class: 'pixels', width: maps.T, height: maps.T, style: `width:${size}px;height:${size}px`, 'aria-hidden': 'true'});
  paint(canvas, () => {
    const g = canvas.getContext('2d');
    g.clearRect(0, 0, maps.T, maps.T);
    g.fillStyle = themeColor('--series-1');
    for (let i = 0; i < maps.T; ++i)
      for (let j = 0; j <= i; ++j) {
        g.globalAlpha = Math.sqrt(maps.at(layer, head, i, j));
        g.fillRect(j, i, 1, 1);
      }
  });
  return canvas;
}

const headFigures = (row, layer, head) =>
    [['entropy', `${numberText(row.entropy[layer][head] ?? NaN, 3)} nats`], ['mean distance', `${numberText(row.distance[layer][head] ?? NaN, 3)} tokens`],
     ['previous token', percentText(row.previous[layer][head])], ['induction', row.induction ? percentText(row.induction[layer][head]) : 'not known: the context is too short']];

function drawAttention(run) {
  const row = run.attention, maps = attentionOf(row);
  const names = row.tokens.map((t, i) => `${i} ${tokenText(t.text)}`);
  const large = element('div', {'aria-live': 'off'});
  const buttons = [];
  const size = Math.max(24, Math.min(64, Math.floor(440 / row.heads)));
  const choose = (layer, head) => {
    for (const b of buttons) b.element.setAttribute('aria-pressed', b.layer === layer && b.head === head);
    large.replaceChildren(
        heatmapElement(`Layer ${layer}, head ${head}: queries down, keys across`, {
          rows: names.map(n => `query ${n}`), columns: names.map(n => `key ${n}`), value: (i, j) => maps.at(layer, head, i, j),
          text: p => percentText(p), shade: p => Math.sqrt(p)
        }),
        factsElement(headFigures(row, layer, head)));
  };
  const grid = element('div', {class: 'heads', style: `grid-template-columns:auto repeat(${row.heads}, ${size + 2}px)`, role: 'group', 'aria-label': 'Heads', tabindex: 0});
  for (let layer = 0; layer < row.layers; ++layer) {
    grid.append(element('span', {class: 'label'}, `layer ${layer}`));
    for (let head = 0; head < row.heads; ++head) {
      const button = element('button', {
        type: 'button', 'aria-pressed': false, 'aria-label': `Layer ${layer}, head ${head}`,
        title: headFigures(row, layer, head).map(f => f.join(' ')).join('; '), onclick: () => choose(layer, head)
      }, smallMap(maps, layer, head, size));
      buttons.push({element: button, layer, head});
      grid.append(button);
    }
  }
  choose(0, 0);
  const shared = row.kv_heads < row.heads ? `; ${row.heads / row.kv_heads} heads share the keys and values of one` : '';
  const all = [];
  for (let layer = 0; layer < row.layers; ++layer)
    for (let head = 0; head < row.heads; ++head)
      all.push([`${layer}`, `${head}`, row.entropy[layer][head], row.distance[layer][head], row.previous[layer][head], row.induction ? row.induction[layer][head] : null]);
  return [
    element('p', {}, `Of ${row.text}: ${countText(maps.T, 'token')}${row.window ? `, each attends to at most ${row.window}` : ''}${shared}. Darker is more (the square root of the probability); choose a head to enlarge it.`),
    element('div', {class: 'attention'}, grid, large),
    numbersElement(['layer', 'head', 'entropy', 'mean distance', 'previous token', 'induction'], () => all)
  ];
}
