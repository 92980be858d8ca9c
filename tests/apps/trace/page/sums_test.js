// Checks the sums of a trace: each must give the recorded element. Runs after the scripts of the page that need no browser;
// TRACES, a list of traces, is defined before. Prints what it checked, by operation; throws at the first difference.

const assert = (ok, ...what) => {
  if (!ok) throw new Error(what.join(' '));
};
const checked = {};

function checkElements(tensor, what, tolerance) {
  const elements = tensor.elements(what);
  if (!elements) return;
  const error = tolerance * elements.filter(Number.isFinite).reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  elements.forEach((recorded, i) => {
    const {parts, total, name} = explain(tensor, what, i);
    for (const {from, why} of parts) {
      const key = `${from ? from.op : tensor.kind} ${what}`;
      checked[key] = checked[key] || {sums: 0, without: 0};
      ++checked[key][why ? 'without' : 'sums'];
    }
    if (total === null) return;
    assert(
        total === recorded || Math.abs(total - recorded) <= error + 1e-12, name, 'is', recorded, 'but the terms give',
        total);
    for (const cell of parts.flatMap(part => part.terms).flatMap(term => term.cells))
      assert(cell.i >= 0 && cell.i < elementCount(cell.tensor.shape), name, 'has a term outside of', cell.tensor.label);
  });
}

for (const json of TRACES) {
  const trace = readTrace(json), timeline = timelineOf(trace);
  const before = timeline.at(0), turn = timeline.at(timeline.turn), after = timeline.at(timeline.length);
  assert(
      before.states.every(s => s === 'waiting') && turn.states.every(s => s === 'recorded'),
      'the forward pass ends at its turn');
  for (const node of trace.nodes.filter(n => n.grad))
    assert(
        after.states[node.id] === 'freed' && after.gradients.get(node.tensor) === 'freed', node.label,
        'is freed at the end');
  for (const leaf of trace.leaves.filter(l => l.grad)) {
    assert(turn.gradients.get(leaf.tensor) === 'empty', leaf.name, 'has no gradient at the turn');
    assert(after.gradients.get(leaf.tensor) === 'complete', leaf.name, 'is complete at the end');
  }
  assert(timeline.bytes[timeline.peak - 1] === timeline.most, 'the peak is the most');
  for (let i = 0; i <= timeline.length; ++i) assert(positionText(trace, i).length > 5, 'a text for event', i);
  const tree = scopeTree(trace.nodes);
  const count = scope => scope.entries.reduce((n, e) => n + (e.kind === 'node' ? 1 : count(e)), 0);
  assert(count(tree) === trace.nodes.length, 'the map has every node');
  for (const owner of [...trace.nodes, ...trace.leaves]) {
    const tolerance = owner.tensor.dtype === 'f64' ? 1e-6 : 1e-4;
    checkElements(owner.tensor, 'value', tolerance);
    checkElements(owner.tensor, 'grad', tolerance);
    for (const what of ['m', 'v', 'updated'])
      if (owner.tensor[what]) checkElements(owner.tensor, what, tolerance);
  }
}

// A gradient is set first and then added to.
const twice = readTrace(TRACES[0]), states = timelineOf(twice);
const [a] = twice.leaves;
assert(a.name === 'a' && TRACES[0].expr === 'b = a + a; c = b + b', 'the first trace is that of b = a + a; c = b + b');
const seen = [...new Set(states.bytes.map((_, i) => states.at(i + 1).gradients.get(twice.nodes[0].tensor)))];
assert(seen.join() === 'empty,added,complete,freed', 'the gradient of b is', seen);
assert(states.at(states.length - 1).gradients.get(a.tensor) === 'added', 'a has been added to before it is complete');

console.log(JSON.stringify(checked));
