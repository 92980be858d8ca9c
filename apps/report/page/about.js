// What a run was: kernels of a step, scores, configuration and machine.

// JSON as nested lists of names and values.
function jsonElement(value) {
  if (value === null || typeof value !== 'object') return element('bdi', {}, typeof value === 'number' ? numberText(value, 6) : String(value));
  if (Array.isArray(value) && value.every(v => v === null || typeof v !== 'object')) return element('bdi', {}, value.map(v => String(v)).join(', '));
  return factsElement(Object.entries(value).map(([name, inner]) => [name, jsonElement(inner)]));
}

function drawProfile(run) {
  const row = run.profile;
  const kernels = row.kernels.map(k => [`${k.scope} ${k.op}`, k.phase, k.rung, k.calls, k.ms, k.step_percent, k.gflops, k.gbps,
                                        k.roof_percent]);
  return [
    element('p', {}, `${numberText(row.ms_per_step, 4)} ms a step over ${countText(row.steps, 'step')}, ${
                         numberText(row.outside_kernels_percent, 3)}% of it outside kernels.`),
    drawingsElement('profile', run),
    element('details', {}, element('summary', {}, 'All kernels'),
            tableElement(['kernel', 'phase', 'rung', 'calls', 'ms', '% of step', 'GFLOP/s', 'GB/s', '% of roofline'], kernels),
            row.left_out && element('p', {class: 'muted'}, `${row.left_out.kernels} more take ${numberText(row.left_out.ms, 3)} ms.`))
  ];
}

function scoresElement(run) {
  const row = run.results.scores, mean = row.scores.reduce((a, b) => a + b, 0) / row.scores.length;
  return [element('h3', {}, 'Scores of a judge'),
          element('p', {}, `${row.scores.length} scores, mean ${numberText(mean, 4)}; ${row.without} rows without a score.`),
          drawingsElement('results', run)];
}

function drawResults(run) {
  const row = run.results;
  return [
    row.sweep && [element('h3', {}, 'Of the sweep'), jsonElement(row.sweep)],
    row.task && [element('h3', {}, 'Task'), jsonElement(row.task)],
    row.evaluation && [element('h3', {}, 'Evaluation'), jsonElement(row.evaluation)],
    row.scores && row.scores.scores.length > 0 && scoresElement(run)
  ].flat().filter(e => e);
}

function drawAbout(run) {
  const row = run.about;
  return [
    row.command && element('p', {}, 'The same training again: ', element('code', {}, row.command)),
    element('details', {open: true}, element('summary', {}, 'Configuration'), jsonElement(row.config)),
    row.environment && element('details', {}, element('summary', {}, 'Machine and program'), jsonElement(row.environment))
  ];
}
