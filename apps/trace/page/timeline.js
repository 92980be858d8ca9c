// What is true after each event of a trace. Position 0 is before the first event.

const nodeStates = {
  waiting: 'not yet recorded',
  recorded: 'recorded',
  backward: 'run backward',
  freed: 'freed',
};
const gradientStates = {
  empty: {sign: '\u25cb', text: 'empty'},
  set: {sign: '\u25cf', text: 'set'},
  added: {sign: '\u2295', text: 'added to'},
  complete: {sign: '\u2713', text: 'complete'},
  freed: {sign: '\u2013', text: 'used, freed'},
};

function timelineOf(trace) {
  const {nodes, leaves, events} = trace;

  // The states of nodes, by number, and of gradients, by tensor, after `position` events.
  function at(position) {
    const states = nodes.map(() => 'waiting');
    const gradients = new Map([...nodes, ...leaves].map(owner => [owner.tensor, 'empty']));
    for (const event of events.slice(0, position)) {
      if (event.event === 'completed') {
        gradients.set(trace.leafNamed.get(event.leaf).tensor, 'complete');
        continue;
      }
      states[event.node] = event.event;
      const node = nodes[event.node];
      if (event.event === 'freed') gradients.set(node.tensor, 'freed');
      if (event.event !== 'backward') continue;
      gradients.set(node.tensor, 'complete');
      for (const input of node.inputs)
        if (input && input.write !== 'none') gradients.set(input.tensor, input.write === 'add' ? 'added' : 'set');
    }
    return {states, gradients};
  }

  const bytes = events.map(event => event.bytes);
  const most = bytes.reduce((a, b) => Math.max(a, b), 0);
  return {
    length: events.length,
    at,
    bytes,
    most,
    peak: bytes.indexOf(most) + 1,
    // The end of the forward pass.
    turn: events.filter(event => event.event === 'recorded').length,
  };
}

const writeVerbs = {
  set: 'sets the gradient of',
  add: 'adds to the gradient of',
  give: 'passes dy on to'
};

// "sets the gradient of w, adds to the gradient of x"
function contributionsText(node) {
  const parts = node.inputs.filter(input => input && input.write !== 'none')
                    .map(input => `${writeVerbs[input.write]} ${input.tensor.label}`);
  return parts.length ? parts.join(', ') : 'contributes to no gradient';
}

// An event in few words: "#3 mul runs backward".
function shortEventText(trace, event) {
  if (event.event === 'completed') return `${event.leaf} is complete`;
  const {label, op} = trace.nodes[event.node];
  return `${label} ${op} ${{recorded: 'is recorded', backward: 'runs backward', freed: 'is freed'}[event.event]}`;
}

// One event in words.
function eventText(trace, event) {
  if (event.event === 'completed') return `All gradients of ${event.leaf} have arrived.`;
  const node = trace.nodes[event.node];
  if (event.event === 'recorded')
    return `${node.label}: ${node.op} computes ${
        node.shape.length ? shapeText(node.shape) : 'a number'} and records a node.`;
  if (event.event === 'freed') {
    const kept = node.saved.reduce((sum, saved) => sum + saved.bytes, 0);
    return `${node.label} is freed${kept ? `, with ${bytesText(kept)} that it saved` : ''}.`;
  }
  return `${node.label} runs backward: ${node.gradient}. It ${contributionsText(node)}.`;
}

function positionText(trace, position) {
  if (position === 0) return 'Before the first operation.';
  return eventText(trace, trace.events[position - 1]);
}
