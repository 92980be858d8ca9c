// The tape as a strip, and the controls of time.

// Two lanes: the forward pass to the right, below it the backward pass to the left. One button for each node.
function drawStrip(trace, select) {
  const cells = trace.nodes.map(node => {
    const forward = element('span', {class: 'forward'}), backward = element('span', {class: 'backward'});
    const gradient = element('span', {class: 'gradient'});
    const button = element('button', {type: 'button', class: 'cell', tabindex: -1, title: node.scope, onclick: () => select(node)},
        element('span', {class: 'name'}, node.label), element('span', {class: 'op'}, node.op), forward, backward, gradient);
    return {node, button, forward, backward, gradient};
  });
  const leaves = trace.leaves.map(leaf => {
    const state = element('span');
    const button = element('button', {type: 'button', class: 'leaf', onclick: () => select(leaf)},
        element('span', {class: 'name'}, leaf.name), ' ', state);
    return {leaf, button, state};
  });

  const lane = element('div', {class: 'strip', role: 'group', 'aria-label': 'Nodes of the tape, oldest first; up and down move'},
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

  const setGradient = (span, state) => {
    span.textContent = `${gradientStates[state].sign} ${gradientStates[state].text}`;
    span.dataset.state = state;
  };
  // Shows the states after an event; `touched` is the node of that event, if it has one.
  function show({states, gradients}, event) {
    for (const cell of cells) {
      const state = states[cell.node.id], gradient = gradients.get(cell.node.tensor);
      cell.button.dataset.state = state;
      cell.button.classList.toggle('now', Boolean(event) && event.node === cell.node.id);
      cell.forward.textContent = state === 'waiting' ? '\u2026' : state === 'freed' ? 'freed' : 'recorded';
      cell.backward.textContent = state === 'backward' || state === 'freed' ? 'backward' : '\u2026';
      setGradient(cell.gradient, gradient);
      cell.button.setAttribute('aria-label',
          `${cell.node.label} ${cell.node.op}: ${nodeStates[state]}; gradient ${gradientStates[gradient].text}`);
    }
    for (const {leaf, button, state} of leaves) {
      const gradient = gradients.get(leaf.tensor);
      setGradient(state, gradient);
      button.classList.toggle('now', Boolean(event) && event.leaf === leaf.name);
      button.setAttribute('aria-label', `leaf ${leaf.name}: gradient ${gradientStates[gradient].text}`);
    }
    if (event && event.node !== undefined) bringIntoView(lane, cells[event.node].button);
    const done = event && leaves.find(({leaf}) => leaf.name === event.leaf);
    if (done) bringIntoView(allLeaves, done.button);
  }
  // Scrolls a box, which positions its buttons, and not the page.
  function bringIntoView(box, {offsetLeft, offsetTop, offsetWidth, offsetHeight}) {
    if (offsetLeft < box.scrollLeft || offsetLeft + offsetWidth > box.scrollLeft + box.clientWidth)
      box.scrollLeft = offsetLeft - box.clientWidth / 2;
    if (offsetTop < box.scrollTop || offsetTop + offsetHeight > box.scrollTop + box.clientHeight)
      box.scrollTop = offsetTop - box.clientHeight / 2;
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
  const legend = element('p', {class: 'legend'},
      element('span', {}, 'forward \u2192'), element('span', {}, '\u2190 backward'), element('span', {}, 'gradient:'),
      Object.values(gradientStates).map(({sign, text}) => element('span', {}, `${sign} ${text}`)));
  const section = element('section', {class: 'tape', 'aria-label': 'Tape'}, element('h2', {}, 'Tape'), lane, legend,
      element('h3', {}, 'Gradients of leaves'), allLeaves);
  return {element: section, show, mark};
}

// Buttons and a slider; `seek` is called with the new position.
function drawControls(trace, timeline, seek, follow) {
  let position = 0, timer = null;
  const go = to => seek(Math.max(0, Math.min(timeline.length, to)));
  const button = (text, name, action) => element('button', {type: 'button', 'aria-label': name, title: name,
      onclick: () => { pause(); action(); }}, text);
  const play = element('button', {type: 'button', title: 'Play or pause (space)', onclick: () => toggle()}, 'Play');
  const slider = element('input', {type: 'range', min: 0, max: timeline.length, step: 1, 'aria-label': 'Position in time',
      oninput: () => { pause(); go(Number(slider.value)); }});
  const caption = element('p', {class: 'caption', role: 'status'});

  function pause() {
    clearInterval(timer);
    timer = null;
    play.textContent = 'Play';
    caption.setAttribute('aria-live', 'polite');
  }
  function toggle() {
    if (timer) return pause();
    if (position === timeline.length) go(0);
    play.textContent = 'Pause';
    caption.setAttribute('aria-live', 'off');
    timer = setInterval(() => (position === timeline.length ? pause() : go(position + 1)), 700);
  }
  function show(to) {
    position = to;
    slider.value = to;
    const text = positionText(trace, to);
    slider.setAttribute('aria-valuetext', `event ${to} of ${timeline.length}. ${text}`);
    caption.replaceChildren(element('b', {}, `${to} / ${timeline.length} `), text);
  }
  // Keys of the whole page, unless the element with the focus uses them itself.
  function onKey(event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    const own = event.target.closest('button, summary, a');
    const ranged = event.target === slider;
    if (event.key === ' ' && !own) toggle();
    else if (!ranged && event.key in moves) { pause(); go(moves[event.key]()); }
    else return;
    event.preventDefault();
  }
  const moves = {ArrowLeft: () => position - 1, ArrowRight: () => position + 1, Home: () => 0, End: () => timeline.length};
  const bar = element('div', {class: 'controls', role: 'group', 'aria-label': 'Time'},
      button('|\u25c0', 'To the beginning (Home)', () => go(0)), button('\u25c0', 'One event back (left)', () => go(position - 1)), play,
      button('\u25b6', 'One event on (right)', () => go(position + 1)),
      button('\u25b6|', 'To the end (End)', () => go(timeline.length)), slider);
  return {element: element('section', {class: 'time', 'aria-label': 'Position in time'}, bar, caption,
      element('label', {class: 'controls'}, follow, 'Select the node of each event')), show, onKey, pause};
}
