// Pictures of the training: losses, schedule, gradients and updates by depth, texts.

const dashes = [[], [6, 3], [2, 2], [9, 3, 2, 3]];
const runName = (run, name) => data.runs.length > 1 ? `${run.name}: ${name}` : name;

// Losses of all runs, with the lines of the run that is chosen.
function drawLosses(chosen) {
  const shown = data.runs.filter(run => !run.losses.missing);
  const series = [], others = new Map();
  shown.forEach((run, r) => {
    for (const [name, values] of Object.entries(run.losses.series)) {
      const curve = {name: runName(run, name), x: values.steps, y: values.values, color: data.runs.length > 1 ? r : name === 'loss' ? 0 : 1,
                     dash: name === 'loss' && data.runs.length > 1 ? dashes[1] : [], points: name !== 'loss'};
      if (name === 'loss' || name === 'val_loss')
        series.push(curve);
      else
        others.set(name, [...(others.get(name) || []), {...curve, name: runName(run, name), color: r}]);
    }
  });
  const row = chosen.losses.missing ? shown[0].losses : chosen.losses;
  const lines = [];
  if (row.uniform !== undefined) lines.push({name: row.of_uniform, y: row.uniform, color: 4});
  if (row.bigram !== undefined) lines.push({name: 'bigrams', y: row.bigram, color: 5});
  if (row.floor !== undefined) lines.push({name: 'exact floor', y: row.floor, color: 2});
  const notes = [...row.notes];
  for (const run of shown)
    for (const [name, values] of Object.entries(run.losses.series))
      if (values.lines > values.steps.length) notes.push(`${runName(run, name)}: ${values.steps.length} of ${values.lines} lines are drawn`);
  if (data.runs.length > shown.length) notes.push(`without losses: ${data.runs.filter(r => r.losses.missing).map(r => r.name).join(', ')}`);
  return [
    curvesElement('Loss, nats per target', {series, lines, y: 'loss', size: 'tall'}),
    element('div', {class: 'charts'}, [...others].map(([name, curves]) => curvesElement(name, {series: curves, y: name}))),
    notes.length > 0 && element('ul', {class: 'muted'}, notes.map(note => element('li', {}, note)))
  ];
}

function drawSchedule() {
  const shown = data.runs.filter(run => !run.schedule.missing);
  const titles = {learning_rate: 'Learning rate', grad_norm: 'Gradient norm, before clipping', clip_factor: 'Clip factor', tokens_per_s: 'Tokens per second'};
  return [element('div', {class: 'charts'}, Object.entries(titles).map(([name, title]) => {
    const series = shown.filter(run => run.schedule[name]).map((run, r) => ({
      name: runName(run, name), x: run.schedule[name].steps, y: run.schedule[name].values, color: r, dash: dashes[r % 4]}));
    return series.length > 0 && curvesElement(title, {series, y: name});
  }))];
}

// A heatmap of parts of the model (rows) by step (columns), on a logarithmic scale.
function partsElement(title, row) {
  const all = row.values.flat().filter(v => v > 0);
  if (!all.length) return element('p', {}, `${title}: all zero.`);
  const least = Math.log(Math.min(...all)), most = Math.log(Math.max(...all));
  return heatmapElement(title, {
    rows: row.parts, columns: row.steps.map(step => `step ${step}`),
    value: (r, c) => row.values[c][r], text: v => v === null ? 'none' : numberText(v, 4),
    shade: v => v > 0 ? (most > least ? (Math.log(v) - least) / (most - least) : 1) : 0, fill: true
  });
}

function drawDepth(run) {
  const titles = {update_ratios: 'Size of an update relative to the weights, by part and step', grad_norms: 'Gradient norm by part and step'};
  return Object.entries(titles).flatMap(([name, title]) => {
    const row = run.depth[name];
    if (!row) return [];
    const last = row.values.length - 1;
    return [element('div', {class: 'charts'}, partsElement(title, row), curvesElement(`${title.split(',')[0]}: first and last`, {
      series: [[0, 'first'], [last, 'last']].filter(([i]) => i >= 0).map(([i, what], c) => ({
        name: `${what}, step ${row.steps[i]}`, x: row.parts.map((_, p) => p), y: row.values[i], color: c, points: true})),
      x: `part (0: ${row.parts[0]}, ${row.parts.length - 1}: ${row.parts[row.parts.length - 1]})`, y: name, log: true}))];
  });
}

function drawTexts(run) {
  const row = run.texts;
  return [
    row.kept > row.texts.length && element('p', {class: 'muted'}, `${row.texts.length} of ${row.kept} samples are shown.`),
    ...row.texts.flatMap(t => [element('h3', {}, t.label || (t.step === 0 ? 'Before training' : `After step ${t.step}`)),
                               element('div', {class: 'sample', dir: 'auto', tabindex: 0, role: 'region', 'aria-label': `Text, step ${t.step}`}, t.text)])
  ];
}

function drawDecoding(run) {
  const row = run.decoding;
  return [
    element('p', {}, 'Prompt: ', row.prompt ? tokenElement(row.prompt) : 'the beginning of a text', `; at most ${row.max_new_tokens} tokens.`),
    tableElement(['method', 'tokens', 'log P per token', 'distinct tokens', 'distinct pairs', 'text'],
                 row.methods.map(m => [m.method, m.tokens, m.log_probability_per_token, m.distinct_1, m.distinct_2,
                                       element('div', {class: 'sample', dir: 'auto'}, m.text)]))
  ];
}
