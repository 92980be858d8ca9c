// The tape as a strip.

function nodeCell(node, select) {
  const forward = element('span', {class: 'forward'}), backward = element('span', {class: 'backward'});
  const gradient = element('span', {class: 'gradient'});
  const button = element(
      'button', {type: 'button', class: 'cell', tabindex: -1, title: node.scope, onclick: () => select(node)},
      element('span', {class: 'name'}, node.label), element('span', {class: 'op'}, node.op), forward, backward,
      gradient);
  return {node, button, forward, backward, gradient};
}
function leafCell(leaf, select) {
  const gradient = element('span');
  const button = element(
      'button', {type: 'button', class: 'leaf', onclick: () => select(leaf)},
      element('span', {class: 'name'}, leaf.name), ' ', gradient);
  return {leaf, button, gradient};
}

function showNode({node, button, forward, backward, gradient}, state, gradientState) {
  button.dataset.state = state;
  forward.textContent = state === 'waiting' ? '\u2026' : state === 'freed' ? 'freed' : 'recorded';
  backward.textContent = state === 'backward' || state === 'freed' ? 'backward' : '\u2026';
  showGradient(gradient, gradientState);
  button.setAttribute(
      'aria-label', `${node.label} ${node.op}: ${nodeStates[state]}; gradient ${gradientStates[gradientState].text}`);
}
function showLeaf({leaf, button, gradient}, state) {
  showGradient(gradient, state);
  button.setAttribute('aria-label', `leaf ${leaf.name}: gradient ${gradientStates[state].text}`);
}
function showGradient(span, state) {
  span.textContent = `${gradientStates[state].sign} ${gradientStates[state].text}`;
  span.dataset.state = state;
}

// Scrolls a box, which positions its buttons, and not the page.
function bringIntoView(box, {offsetLeft, offsetTop, offsetWidth, offsetHeight}) {
  if (offsetLeft < box.scrollLeft || offsetLeft + offsetWidth > box.scrollLeft + box.clientWidth)
    box.scrollLeft = offsetLeft - box.clientWidth / 2;
  if (offsetTop < box.scrollTop || offsetTop + offsetHeight > box.scrollTop + box.clientHeight)
    box.scrollTop = offsetTop - box.clientHeight / 2;
}

// Two lanes: the forward pass to the right, below it the backward pass to the left. One button for each node.
function drawStrip(trace, select) {
  const cells = trace.nodes.map(node => nodeCell(node, select)),
        leaves = trace.leaves.map(leaf => leafCell(leaf, select));
  const lane = element(
      'div', {class: 'strip', role: 'group', 'aria-label': 'Nodes of the tape, oldest first; up and down move'},
      cells.map(cell => cell.button));
  lane.addEventListener('keydown', event => {
    const step = {ArrowUp: -1, ArrowDown: 1}[event.key];
    const at = cells.findIndex(cell => cell.button === document.activeElement);
    if (!step || at < 0) return;
    event.preventDefault();
    const next = cells[at + step];
    if (!next) return;
    select(next.node);
    next.button.focus();
  });

  const allLeaves = element('div', {class: 'leaves'}, leaves.map(l => l.button));

  // Shows the states after an event, which is undefined at the beginning.
  function show({states, gradients}, event) {
    for (const cell of cells) {
      showNode(cell, states[cell.node.id], gradients.get(cell.node.tensor));
      cell.button.classList.toggle('now', Boolean(event) && event.node === cell.node.id);
    }
    for (const cell of leaves) {
      showLeaf(cell, gradients.get(cell.leaf.tensor));
      cell.button.classList.toggle('now', Boolean(event) && event.leaf === cell.leaf.name);
    }
    if (event && event.node !== undefined) bringIntoView(lane, cells[event.node].button);
    const done = event && leaves.find(({leaf}) => leaf.name === event.leaf);
    if (done) bringIntoView(allLeaves, done.button);
  }
  function mark(what) {
    const chosen = what.kind === 'scope' ? new Set(what.nodes) : new Set([what]);
    const inputs = new Set(what.kind === 'node' ? what.inputs.filter(Boolean).map(input => input.tensor) : []);
    const first = what.kind === 'node' ? what : trace.nodes[0];
    for (const {node, button} of cells) {
      button.toggleAttribute('data-selected', chosen.has(node));
      button.toggleAttribute('data-input', inputs.has(node.tensor));
      button.tabIndex = node === first ? 0 : -1;
    }
    for (const {leaf, button} of leaves) {
      button.toggleAttribute('data-selected', chosen.has(leaf));
      button.toggleAttribute('data-input', inputs.has(leaf.tensor));
    }
  }
  const legend = element(
      'p', {class: 'legend'}, element('span', {}, 'forward \u2192'), element('span', {}, '\u2190 backward'),
      element('span', {}, 'gradient:'),
      Object.values(gradientStates).map(({sign, text}) => element('span', {}, `${sign} ${text}`)));
  const section = element(
      'section', {class: 'tape', 'aria-label': 'Tape'}, element('h2', {}, 'Tape'), lane, legend,
      element('h3', {}, 'Gradients of leaves'), allLeaves);
  return {element: section, show, mark};
}
