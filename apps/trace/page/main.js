// The page: one tape at a time, with a position in time and a selection.

const keysHelp =
    'Keys: left and right step, space plays, Home and End jump. On a grid, arrow keys move and Enter holds an element.';

// The values of a formula are finite, so what is not is a gradient where there is no derivative.
if (data.expr !== undefined) textOfNoNumber = 'none';

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
  const turn = drawTurn(trace), predict = drawPredict(trace, () => select(selected, asked, true));
  const controls = drawControls(trace, timeline, to => seek(to), follow, ...(path.length ? [] : [predict.element]));
  const open = (inside, name) => showTape(inside, [...path, {json, name}]);
  let selected = null, asked = 'value';

  // Pointing at an element explains it; holding one of a leaf also makes it the weight to turn.
  function point(tensor, what, i, held) {
    explanation.point(tensor, what, i, held);
    if (held && tensor.kind === 'leaf') turn.choose(tensor, i);
  }
  // Shows what is known of a node, leaf or scope; first asks for its value or its gradient, if that is to be predicted.
  function select(what, result = 'value', again = false) {
    if (what === selected && result === asked && !again) return;
    selected = what;
    asked = result;
    strip.mark(what);
    map.mark(what);
    const known = () => drawDetails(what, trace, {select, open, point});
    const question =
        what.kind === 'scope' ? null : predict.ask(what, result, () => details.replaceChildren(...known()));
    details.replaceChildren(...(question ? [element('h2', {}, 'Predict'), question] : known()));
    explanation.clear();
  }
  function seek(position) {
    const event = trace.events[position - 1];
    strip.show(timeline.at(position), event);
    memory.show(position);
    controls.show(position);
    if (event && follow.checked)
      select(
          event.leaf === undefined ? trace.nodes[event.node] : trace.leafNamed.get(event.leaf),
          event.event === 'recorded' ? 'value' : 'grad');
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
          'div', {class: 'stage'}, back || '', controls.element, strip.element, memory.element,
          path.length ? '' : turn.element, explanation.element),
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
            (data.kinks || []).map(
                ({node, by}) => element('p', {}, `#${node} has no finite derivative by ${by} here.`)),
            element('p', {class: 'muted'}, keysHelp)),
        themeButton()),
    element('main'));
showTape(data, []);
