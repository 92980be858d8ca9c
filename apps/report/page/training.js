// Pictures of the training: losses, schedule, gradients and updates by depth, texts.

const runName = (run, name) => data.runs.length > 1 ? `${run.name}: ${name}` : name;

// The numbers of the curves of all runs; `curves(run)` are the series {steps, values} of one by name.
const curveNumbers = (runs, curves) => numbersElement(['curve', 'step', 'value'], () => runs.flatMap(
    run => Object.entries(curves(run)).flatMap(([name, s]) => (s.steps ?? []).map((step, i) => [runName(run, name), String(step), s.values[i]]))));

function drawLosses(chosen) {
  const shown = data.runs.filter(run => !run.losses.missing);
  const notes = [...(chosen.losses.notes ?? [])];
  for (const run of shown)
    for (const [name, values] of Object.entries(run.losses.series))
      if (values.lines > values.steps.length) notes.push(`${runName(run, name)}: ${values.steps.length} of ${values.lines} lines are drawn`);
  if (data.runs.length > shown.length) notes.push(`without losses: ${data.runs.filter(r => r.losses.missing).map(r => r.name).join(', ')}`);
  return [
    drawingsElement('losses', chosen), curveNumbers(shown, run => run.losses.series),
    notes.length > 0 && element('ul', {class: 'muted'}, notes.map(note => element('li', {}, note)))
  ];
}

const drawSchedule = run => [drawingsElement('schedule', run), curveNumbers(data.runs.filter(r => !r.schedule.missing), r => r.schedule)];

const drawDepth = run => [drawingsElement('depth', run), numbersElement(['figure', 'part', 'step', 'value'], () => Object.entries(run.depth).flatMap(
    ([name, row]) => row.steps.flatMap((step, s) => row.parts.map((part, p) => [name, part, String(step), row.values[s][p]]))))];

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
