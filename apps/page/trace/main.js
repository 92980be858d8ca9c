// The page: one tape at a time, with a position in time and a selection.

const keysHelp =
    'Keys: left and right step, space plays, Home and End jump. On a grid, arrow keys move and Enter holds an element.';

// What was traced: a formula or a text.
function describe(json) {
  const loss = json.loss === undefined ? '' : numberText(json.loss, 6);
  if (json.expr !== undefined) return [element('code', {}, json.expr), loss && `; result ${loss}`];
  return [
    `${countText(json.tokens.length, 'token')}: `, element('code', {}, json.tokens.map(token => token.text).join('')),
    `; loss ${loss} nats per token`
  ];
}

let onKey = () => {};
let stopTime = () => {};
let onEscape = () => {};
document.addEventListener('keydown', event => (event.key === 'Escape' ? onEscape() : onKey(event)));

// Shows a tape; `path` lists {json, name} of the tapes around it.
function showTape(json, path) {
  stopTime();
  const trace = readTrace(json), timeline = timelineOf(trace);
  const details = element('section', {class: 'details', 'aria-label': 'Details'});
  const explanation = drawExplanation(trace);
  const strip = drawStrip(trace, what => select(what)), memory = drawMemory(trace, timeline, to => {
                                                          controls.pause();
                                                          seek(to);
                                                        });
  const map = drawMap(trace, what => select(what));
  const follow = element('input', {type: 'checkbox', checked: true});
  const controls = drawControls(trace, timeline, to => seek(to), follow);
  const open = (inside, name) => showTape(inside, [...path, {json, name}]);
  let selected = null;

  function select(what) {
    if (what === selected) return;
    selected = what;
    strip.mark(what);
    map.mark(what);
    details.replaceChildren(...drawDetails(what, trace, {select, open, point: explanation.point}));
    explanation.clear();
  }
  function seek(position) {
    const event = trace.events[position - 1];
    strip.show(timeline.at(position), event);
    memory.show(position);
    controls.show(position);
    if (event && follow.checked)
      select(event.leaf === undefined ? trace.nodes[event.node] : trace.leafNamed.get(event.leaf));
  }
  const back = path.length > 0 &&
      element('p', {},
              element(
                  'button', {type: 'button', onclick: () => showTape(path[path.length - 1].json, path.slice(0, -1))},
                  'Back to the outer tape'),
              ` The tape inside ${path.map(p => p.name).join(', ')}`);
  document.querySelector('main').replaceChildren(
      element('nav', {class: 'map', 'aria-label': 'Parts of the model'}, element('h2', {}, 'Parts'), map.element),
      element(
          'div', {class: 'stage'}, back || '', controls.element, strip.element, memory.element, explanation.element),
      details);
  onKey = controls.onKey;
  onEscape = explanation.release;
  stopTime = controls.pause;
  if (trace.nodes.length) select(trace.nodes[trace.nodes.length - 1]);
  seek(timeline.turn);
}

document.body.append(
    element(
        'header', {},
        element(
            'div', {}, element('h1', {}, document.title), element('p', {}, ...describe(data)),
            element('p', {class: 'muted'}, keysHelp)),
        themeButton()),
    element('main'));
showTape(data, []);
